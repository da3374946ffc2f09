"""What a result's own table (lesions.csv) says about candidates, for parts that were labelled exactly as it says."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..lesions import Candidate, SegmentEstimate

#: A part is a row's candidate where the middles of both, and their volumes, differ by no more than rounding does.
APART_MM, APART_MM3 = 0.05, 0.05
_SIDES = ("left", "right", "midline")
_CENTROID = ("centroid_right_mm", "centroid_anterior_mm", "centroid_superior_mm")

Row = Mapping[str, str]


def with_table(found: Iterable[Candidate], table: Path) -> tuple[Candidate, ...]:
    """The labelled parts with side, likely artery and its confidence as the table has them.

    A row belongs to the part with the same voxels: as many, in the same slices, around the same middle. The numbers
    of the table play no part in it, since it counts by probability and labels are counted by volume. What was edited
    since has no row any more, and stays unknown; so does everything where there is no table.

    Args:
        found: the parts, measured.
        table: lesions.csv.
    """
    rows = _read(table)
    return tuple(_known(each, next((row for row in rows if _same(each, row)), None)) for each in found)


def _read(table: Path) -> list[Row]:
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, csv.Error, UnicodeDecodeError):
        return []


def _same(part: Candidate, row: Row) -> bool:
    try:
        middle = [float(row[name]) for name in _CENTROID]
        volume, slices = float(row["volume_mm3"]), (int(row["first_slice"]), int(row["last_slice"]))
    except (KeyError, TypeError, ValueError):
        return False
    return (
        bool(np.abs(np.array(middle) - part.centroid_ras).max() <= APART_MM)
        and abs(volume - part.volume_mm3) <= APART_MM3 + 1e-4 * volume
        and slices == (part.first_slice, part.last_slice)
    )


def _known(part: Candidate, row: Row | None) -> Candidate:
    if row is None:
        return part
    side = row.get("side") or ""
    return replace(part, side=side if side in _SIDES else part.side, segment=_segment(row) or part.segment)


def _segment(row: Row) -> SegmentEstimate | None:
    try:
        return SegmentEstimate(row["segment"], float(row["segment_confidence"])) if row["segment"] else None
    except (KeyError, TypeError, ValueError):
        return None
