"""Whether the slices of a DICOM series make up one volume: same direction, each place once, even steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InputError

#: Slices closer than this lie at the same place, mm.
SAME_PLACE_MM = 1e-2
#: Steps between slices may differ by this share of the usual step; scanners round positions.
STEP_TOLERANCE = 0.1

Tags = Mapping[str, str]


def heights(slices: Sequence[Tags]) -> np.ndarray | None:
    """Position of each slice along the first one's normal, mm; None where a slice does not say where it lies."""
    directions = [_numbers(tags, "ImageOrientationPatient", 6) for tags in slices]
    positions = [_numbers(tags, "ImagePositionPatient", 3) for tags in slices]
    if not slices or any(each is None for each in (*directions, *positions)):
        return None
    first = np.array(directions[0])
    along: np.ndarray = np.array(positions) @ np.cross(first[:3], first[3:])
    return along


def has_repeats(slices: Sequence[Tags]) -> bool:
    """Whether two slices lie at the same place: several volumes in one series."""
    along = heights(slices)
    return along is not None and len(along) > 1 and bool((np.diff(np.sort(along)) < SAME_PLACE_MM).any())


def check_slices(slices: Sequence[Tags], name: str) -> None:
    """Refuse what would be stacked into a volume of the wrong shape.

    Raises:
        InputError: slices in several directions, several at the same place, missing ones, an enhanced object.
    """
    if any(int(_number(tags.get("NumberOfFrames", "")) or 1) > 1 for tags in slices):
        raise InputError(
            f"{name} holds enhanced DICOM: several slices in one file.", "Convert it to NIfTI, or export classic DICOM."
        )
    along = heights(slices)
    if along is None:
        return
    directions = np.array([_numbers(tags, "ImageOrientationPatient", 6) for tags in slices])
    if not np.allclose(directions, directions[0], atol=1e-3):
        raise InputError(
            f"The slices in {name} lie in several directions.", "Give one volume; this may be a localizer."
        )
    if has_repeats(slices):
        raise InputError(
            f"{name} holds several images at the same slice positions.",
            "Export one volume: of a diffusion series usually the trace image of b = 1000 s/mm2.",
        )
    steps = np.diff(np.sort(along))
    if len(steps) > 1 and np.abs(steps - np.median(steps)).max() > STEP_TOLERANCE * np.median(steps):
        raise InputError(
            f"Slices are missing in {name}: a step of {steps.max():.1f} mm where {np.median(steps):.1f} mm is usual.",
            "Export the whole series.",
        )


def _numbers(tags: Tags, keyword: str, count: int) -> list[float] | None:
    values = [_number(text) for text in tags.get(keyword, "").split("\\")]
    found = [value for value in values if value is not None]
    return found if len(found) == len(values) == count else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
