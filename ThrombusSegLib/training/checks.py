"""Checks that every table of the settings shares. Each sentence begins with the setting's full name: the reader of the
TOML file finds its line by it."""

from __future__ import annotations

import math
from typing import Any, get_args

from ..errors import InputError

#: Of a path, and of one name in it, bytes: what disks take.
LONGEST_PATH, LONGEST_NAME = 1024, 255
#: So much of a value is shown in a sentence.
_SHOWN = 40


def check_range(table: str, values: object, low: float, high: float, *names: str) -> None:
    """Each named field lies in low..high, both included."""
    for name in names:
        value = getattr(values, name)
        if not low <= value <= high:
            raise InputError(f"{table}{name} is {shown(value)}.", f"Choose {_plain(low)} to {_plain(high)}.")


def check_least(table: str, values: object, least: float, *names: str) -> None:
    """Each named field is at least `least`, and finite."""
    for name in names:
        value = getattr(values, name)
        if not least <= value < math.inf:  # also true of a value that is no number
            raise InputError(f"{table}{name} is {shown(value)}.", f"Choose a number, at least {least:g}.")


def check_above(table: str, values: object, high: float, *names: str) -> None:
    """Each named field is above 0, and at most `high`."""
    for name in names:
        value = getattr(values, name)
        if not 0 < value <= high:
            raise InputError(f"{table}{name} is {shown(value)}.", f"Choose a number above 0, at most {_plain(high)}.")


def check_path(table: str, values: object, *names: str) -> None:
    """Each named field is a path, or several, that a disk can keep."""
    for name in names:
        value = getattr(values, name)
        for path in (value,) if isinstance(value, str) else value:
            longest = max(len(part.encode()) for part in path.replace("\\", "/").split("/"))
            if len(path.encode()) > LONGEST_PATH or longest > LONGEST_NAME or "\0" in path:
                raise InputError(f"{table}{name} is no path: {shown(path)}.", "Give one that a disk can keep.")


def shown(value: object, most: int = _SHOWN) -> str:
    """A value for a sentence, cut where nobody reads on."""
    if isinstance(value, int) and abs(value) >= 10**most:
        return f"a number of more than {most} digits"  # Python refuses to write out very long ones
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."


def _plain(value: float) -> str:
    """A bound as it is read: 100000000, not 1e+08."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def check_choice(table: str, values: object, name: str, kinds: Any) -> None:
    """The named field is one of the words of a `Literal`."""
    value = getattr(values, name)
    if value not in get_args(kinds):
        known = ", ".join(f'"{word}"' for word in get_args(kinds))
        raise InputError(f"{table}{name} is '{shown(value)}'.", f"Choose one of {known}.")
