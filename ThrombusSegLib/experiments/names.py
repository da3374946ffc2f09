"""Names in settings of experiments: they become folders, and stand in results that are handed on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import InputError

#: Becomes the name of a folder: nothing that could lead out of it, nor what Windows refuses.
_NAME = re.compile(r"[^\W_](?:[^/\\:*?\"<>|\x00-\x1f]{0,78}[^/\\:*?\"<>|\x00-\x1f. ])?")
#: Settings that are sentences and no paths.
_SENTENCES = ("title", "comment", "source")


def check_names(what: str, names: Iterable[str]) -> None:
    """Names that become folders, no two of them one folder where disks know no upper case.

    Raises:
        InputError: naming the one at fault.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not _NAME.fullmatch(name):
            raise InputError(
                f"{what} '{name[:40]}' cannot be the name of a folder.",
                "Begin with a letter or a digit; use letters, digits, spaces, points, lines; at most 80.",
            )
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(f"{what} '{name}' differs from '{other}' in upper case only.", "Rename one.")


def check_variants(names: Iterable[str]) -> None:
    """No two variants have one folder.

    Raises:
        InputError: naming both.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(folder_of(name, 0).lower(), name)
        if other == name:
            continue
        cases = "upper case" if folder_of(other, 0) != folder_of(name, 0) else ""
        signs = "punctuation" if name.lower() != other.lower() else ""
        how = " and ".join(each for each in (cases, signs) if each)
        raise InputError(f"The names of the variants '{other}' and '{name}' differ in {how} only.", "Rename one.")


def check_once(setting: str, values: Sequence[object]) -> None:
    """Raises `InputError` where a setting names something twice: what counts twice makes intervals too narrow."""
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise InputError(f"{setting} names {twice[0]} twice.", "Name each once.")


def folder_of(variant: str, seed: int) -> str:
    """The name of a run's folder."""
    return f"{re.sub('[^A-Za-z0-9]+', '-', variant).strip('-')}-{seed}"


def without_folders(value: Any, name: str = "") -> Any:
    """Settings as they may be handed on: of paths on the user's disk the last name, all else as it is."""
    if isinstance(value, Mapping):
        return {key: without_folders(each, key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_folders(each, name) for each in value)
    if not isinstance(value, str) or name in _SENTENCES:
        return value
    if value.startswith("~") or PurePosixPath(value).is_absolute():
        return PurePosixPath(value).name
    return PureWindowsPath(value).name if PureWindowsPath(value).is_absolute() else value
