"""The candidates of a result as a table node, with the unit of each column in its title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import slicer
import vtk

from .sequences import SEQUENCES

#: (key in result.json, title with the unit, decimals, one line of explanation); what is read first stands first.
COLUMNS = (
    ("candidate", "Rank", 0, "1 is the most suspicious"),
    ("status", "Status", None, "What a reader has decided in the section Review"),
    ("probability_percent", "Probability (%)", 0, "Highest probability of a thrombus in the candidate; not calibrated"),
    ("volume_mm3", "Volume (mm³)", 0, "Voxels times the volume of one; on SWI it includes blooming"),
    ("side", "Side", None, "Side of the patient"),
    (
        "artery",
        "Artery (estimate)",
        None,
        "The segment whose usual course is nearest, with its confidence; an estimate from a reference anatomy",
    ),
    ("length_centreline_mm", "Length, centerline (mm)", 1, "Length along the candidate's centerline"),
    ("length_feret_mm", "Length, Feret (mm)", 1, "Greatest distance between two points of the candidate (Feret)"),
    ("width_mm", "Width (mm)", 1, "Largest width across the length, within a slice"),
    ("attention_on", "Rested on", None, "The sequence with the largest mean attention in the candidate"),
    ("overlap_percent", "Diffusion overlap (%)", 0, "Share of its voxels within 5 mm of the diffusion restriction"),
    ("mean_percent", "Mean probability (%)", 0, "Mean probability of a thrombus in the candidate"),
    *((f"attention_{name}", f"Attention {name}", 2, f"Mean attention paid to {name}") for name in SEQUENCES),
    ("centroid_right_mm", "Right (mm)", 1, "Center, toward the patient's right"),
    ("centroid_anterior_mm", "Anterior (mm)", 1, "Center, toward the patient's front"),
    ("centroid_superior_mm", "Superior (mm)", 1, "Center, toward the patient's head"),
    ("first_slice", "First slice", 0, "First slice of the reference volume, counted from 1"),
    ("last_slice", "Last slice", 0, "Last slice of the reference volume, counted from 1"),
)
#: Columns that are left out where no candidate has a value.
_OPTIONAL = (
    "attention_",
    "artery",
    "length_centreline_mm",
    "overlap_percent",
    "status",
    "probability_",
    "mean_percent",
)


def candidateTable(candidates: Sequence[Mapping[str, Any]]) -> slicer.vtkMRMLTableNode:
    """A table, in no scene yet, with one row for each candidate; columns without any value are left out."""
    node = slicer.vtkMRMLTableNode()
    fillTable(node, candidates)
    useTitles = getattr(node, "SetUseColumnTitleAsColumnHeader", None) or node.SetUseColumnNameAsColumnHeader
    useTitles(True)  # the second one is its name before Slicer 5.12
    node.SetLocked(True)
    return node


def fillTable(node: slicer.vtkMRMLTableNode, candidates: Sequence[Mapping[str, Any]]) -> None:
    """Put other candidates into a table."""
    candidates = [{**row, **_derived(row)} for row in candidates]
    table = vtk.vtkTable()
    shown = [column for column in COLUMNS if not _isAbsent(column[0], candidates)]
    for key, title, decimals, _explanation in shown:
        table.AddColumn(_column(title, [_rounded(row.get(key), decimals) for row in candidates]))
    node.SetAndObserveTable(table)
    describe(node)


def describe(node: slicer.vtkMRMLTableNode, meanings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Give each column its tooltip.

    Args:
        meanings: by key, the library's definitions with "tooltip": unit, method, source and caution.
    """
    places = {
        "artery": "segment",
        "overlap_percent": "infarct_overlap",
        "probability_percent": "probability_max",
        "mean_percent": "probability_mean",
    }
    for key, title, _decimals, explanation in COLUMNS:
        if node.GetTable().GetColumnByName(title) is not None:
            known = (meanings or {}).get(places.get(key, key), {})
            node.SetColumnDescription(title, str(known.get("tooltip") or explanation))


def candidatePosition(table: slicer.vtkMRMLTableNode | None, row: int) -> tuple[float, float, float] | None:
    """The center of the candidate in a row of such a table, RAS in mm; None if there is no such row."""
    if table is None or not 0 <= row < table.GetNumberOfRows():
        return None
    titles = [title for key, title, _decimals, _explanation in COLUMNS if key.startswith("centroid_")]
    columns = [table.GetTable().GetColumnByName(title) for title in titles]
    if any(column is None for column in columns):
        return None
    right, anterior, superior = (float(column.GetValue(row)) for column in columns)
    return right, anterior, superior


def _derived(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cells that are made of several figures, or need another unit."""
    artery, confidence, overlap = (row.get(key) for key in ("segment", "segment_confidence", "infarct_overlap"))
    return {
        "artery": f"{artery}, {float(confidence):.0%}" if artery and confidence else artery or "",
        "overlap_percent": _percent(overlap),
        "probability_percent": _percent(row.get("probability_max")),
        "mean_percent": _percent(row.get("probability_mean")),
    }


def _percent(share: Any) -> float | None:
    return None if share in (None, "") else 100 * float(share)


def _isAbsent(key: str, candidates: Sequence[Mapping[str, Any]]) -> bool:
    return key.startswith(_OPTIONAL) and all(row.get(key) in (None, "") for row in candidates)


def _rounded(value: Any, decimals: int | None) -> Any:
    """A figure with as many digits as it deserves; an integer where it has none."""
    if decimals is None or value in (None, "") or isinstance(value, str):
        return value
    return round(float(value), decimals) if decimals else round(float(value))


def _column(title: str, values: Sequence[Any]) -> vtk.vtkAbstractArray:
    """Integers, floating-point numbers or text, as the values are; a gap among numbers becomes NaN."""
    present = [value for value in values if value not in (None, "")]
    if present and all(isinstance(value, int) and not isinstance(value, bool) for value in present):
        column = vtk.vtkIntArray() if len(present) == len(values) else vtk.vtkDoubleArray()
    elif all(isinstance(value, (int, float)) for value in present):
        column = vtk.vtkDoubleArray()
    else:
        column = vtk.vtkStringArray()
    column.SetName(title)
    for value in values:
        absent = value in (None, "")
        if column.IsA("vtkStringArray"):
            column.InsertNextValue("" if absent else str(value))
        else:
            column.InsertNextValue(float("nan") if absent else value)
    return column
