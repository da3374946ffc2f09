"""One working grid, rigid registration, normalisation, and the way back."""

from __future__ import annotations

from .grid import Grid
from .prepare import (
    Poses,
    Prepared,
    PreprocessSettings,
    Registration,
    onto_labels,
    prepare,
    prepare_labels,
    to_reference,
)

__all__ = [
    "Grid",
    "Poses",
    "Prepared",
    "PreprocessSettings",
    "Registration",
    "onto_labels",
    "prepare",
    "prepare_labels",
    "to_reference",
]
