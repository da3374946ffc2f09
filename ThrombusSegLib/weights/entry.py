"""One registered network, and whether its file is still the one that was registered. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .checksum import sha256_of


@dataclass(frozen=True)
class WeightsEntry:
    """One trained network."""

    name: str
    path: Path
    sha256: str
    """What the file's SHA-256 must be, in hexadecimal."""
    bytes: int
    card: str
    """One paragraph: trained on what, how good on which data, not for what."""
    trained_on: str
    threshold: float
    minimum_volume_mm3: float
    bundled: bool = False
    """Comes with the library and cannot be removed."""


def verify(entry: WeightsEntry) -> None:
    """Compare the file with its registered size and SHA-256; raises `InputError` when it is missing or differs."""
    if not entry.path.is_file():
        raise InputError(f"The file of the weights {entry.name} is missing ({entry.path.name}).", _replace(entry))
    if entry.path.stat().st_size != entry.bytes or sha256_of(entry.path) != entry.sha256:
        raise InputError(
            f"The file of the weights {entry.name} is not the one that was registered: its SHA-256 differs.",
            _replace(entry),
        )


def _replace(entry: WeightsEntry) -> str:
    if entry.bundled:
        return "Install ThrombusSeg again, or verify with `thrombusseg weights verify`."
    return f"Remove it with `thrombusseg weights remove {entry.name}` and add the right file again."
