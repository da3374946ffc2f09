"""Measures as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..files import write_text
from ..lesions import DEFINITIONS, columns, rows
from .measured import MeasuredCase

#: Of a labelled thrombus there is no probability and no attention.
_LEFT_OUT = ("probability_", "attention_")


def write_csv(case: MeasuredCase, path: Path) -> Path:
    """One row per labelled thrombus, UTF-8; definitions of the columns in `<name>.definitions.csv` beside it."""
    table = [{key: value for key, value in row.items() if not key.startswith(_LEFT_OUT)} for row in rows(case.thrombi)]
    heads = ["case", *(key for key in columns() if not key.startswith(_LEFT_OUT)), "infarct_ml"]
    write_text(
        path, _csv(heads, [{"case": case.name, **row, "infarct_ml": round(case.infarct_ml, 3)} for row in table])
    )
    meaning: list[dict[str, object]] = [
        {"column": name, "title": each.title, "unit": each.unit, "method": each.method, "caution": each.caution,
         "source": each.source}
        for name, each in DEFINITIONS.items() if name in heads
    ]  # fmt: skip
    write_text(
        path.with_suffix(".definitions.csv"),
        _csv(["column", "title", "unit", "method", "caution", "source"], meaning),
    )
    return path


def _csv(heads: list[str], table: list[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, heads, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()
