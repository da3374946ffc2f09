"""The table of candidates: one row each, most suspicious first."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from ..sequences import Sequence
from .candidates import Candidate

Value = int | float | str | None


def columns() -> tuple[str, ...]:
    """Names of the columns of lesions.csv; units are in the names."""
    return tuple(_row_without_attention(None)) + tuple(f"attention_{sequence.value}" for sequence in Sequence)


def rows(candidates: Iterable[Candidate]) -> list[dict[str, Value]]:
    """One row per candidate; None where a sequence is absent. Lengths to 0.01 mm, probabilities to 0.0001."""
    table = []
    for candidate in candidates:
        row = _row_without_attention(candidate)
        for sequence in Sequence:
            share = candidate.attention.get(sequence)
            row[f"attention_{sequence.value}"] = None if share is None else round(share, 4)
        table.append(row)
    return table


def write_csv(candidates: Iterable[Candidate], path: Path) -> None:
    """Write lesions.csv: UTF-8, a header even when there is no row, empty cells where a sequence is absent."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows(candidates))


def _row_without_attention(candidate: Candidate | None) -> dict[str, Value]:
    blank = candidate or Candidate(0, 0.0, 0.0, 0.0, 0.0, 0.0, "unknown", (0.0, 0.0, 0.0), 0, 0)
    right, anterior, superior = blank.centroid_ras
    return {
        "candidate": blank.number,
        "probability_max": round(blank.probability_max, 4),
        "probability_mean": round(blank.probability_mean, 4),
        "volume_mm3": round(blank.volume_mm3, 2),
        "length_centreline_mm": _rounded(blank.length_centreline_mm, 2),
        "length_feret_mm": round(blank.length_feret_mm, 2),
        "width_mm": round(blank.width_mm, 2),
        "side": blank.side,
        "centroid_right_mm": round(right, 2),
        "centroid_anterior_mm": round(anterior, 2),
        "centroid_superior_mm": round(superior, 2),
        "first_slice": blank.first_slice,
        "last_slice": blank.last_slice,
        "segment": blank.segment.segment if blank.segment else "",
        "segment_confidence": blank.segment.confidence if blank.segment and blank.segment.segment else None,
        "attention_on": blank.attention_on.value if blank.attention_on else "",
        "infarct_overlap": _rounded(blank.infarct_overlap, 4),
        "infarct_distance_mm": _rounded(blank.infarct_distance_mm, 2),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
