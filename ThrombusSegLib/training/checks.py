"""Checks that every table of the settings shares. Each sentence begins with the setting's full name: the reader of the
TOML file finds its line by it."""

from __future__ import annotations

import math
from typing import Any, get_args

from ..errors import InputError


def check_range(table: str, values: object, low: float, high: float, *names: str) -> None:
    """Each named field lies in low..high, both included."""
    for name in names:
        value = getattr(values, name)
        if not low <= value <= high:
            raise InputError(f"{table}{name} is {value}.", f"Choose {low:g} to {high:g}.")


def check_least(table: str, values: object, least: float, *names: str) -> None:
    """Each named field is at least `least`, and finite."""
    for name in names:
        value = getattr(values, name)
        if not least <= value < math.inf:  # also true of a value that is no number
            raise InputError(f"{table}{name} is {value}.", f"Choose a number, at least {least:g}.")


def check_positive(table: str, values: object, *names: str) -> None:
    """Each named field is above 0, and a number that one can step by."""
    for name in names:
        value = getattr(values, name)
        if not 0 < value < math.inf:
            raise InputError(f"{table}{name} is {value}.", "Choose a number above 0.")


def check_choice(table: str, values: object, name: str, kinds: Any) -> None:
    """The named field is one of the words of a `Literal`."""
    value = getattr(values, name)
    if value not in get_args(kinds):
        known = ", ".join(f'"{word}"' for word in get_args(kinds))
        raise InputError(f"{table}{name} is '{value}'.", f"Choose one of {known}.")
