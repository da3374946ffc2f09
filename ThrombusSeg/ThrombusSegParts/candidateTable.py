"""The candidates of a result as a table node: short headers for a narrow panel, full names, units and explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import slicer
import vtk

from .sequences import SEQUENCES


class Column(NamedTuple):
    """Of the table."""

    key: str
    """In result.json, or of `_derived`."""
    name: str
    """In full, with the unit; scripts find the column by it."""
    header: str
    """What the panel shows: short; Slicer adds the unit in brackets."""
    unit: str
    decimals: int | None
    explanation: str
    """One line."""


#: What is read first stands first: the first seven are seen in a window of 1280 pixels.
COLUMNS = (
    Column("candidate", "Rank", "No.", "", 0, "1 is the most suspicious"),
    Column("status", "Status", "Decision", "", None, "What a reader has decided in the section Review"),
    Column(
        "probability_percent",
        "Probability (%)",
        "P",
        "%",
        0,
        "Highest probability of a thrombus in the candidate; not calibrated",
    ),
    Column("volume_mm3", "Volume (mm³)", "V", "mm³", 0, "Voxels times the volume of one; on SWI it includes blooming"),
    Column(
        "length_centreline_mm",
        "Length, centerline (mm)",
        "L",
        "mm",
        1,
        "Length along the candidate's centerline",
    ),
    Column("side", "Side", "Side", "", None, "Side of the patient"),
    Column(
        "artery",
        "Artery (estimate)",
        "Artery",
        "",
        None,
        "The segment whose usual course is nearest, with its confidence; an estimate from a reference anatomy",
    ),
    Column(
        "length_feret_mm",
        "Length, Feret (mm)",
        "Feret",
        "mm",
        1,
        "Greatest distance between two points of the candidate (Feret)",
    ),
    Column("width_mm", "Width (mm)", "Width", "mm", 1, "Largest width across the length, within a slice"),
    Column(
        "attention_on",
        "Rested on",
        "Rested on",
        "",
        None,
        "The sequence with the largest mean attention in the candidate",
    ),
    Column(
        "overlap_percent",
        "Diffusion overlap (%)",
        "Diffusion",
        "%",
        0,
        "Share of its voxels within 5 mm of the diffusion restriction",
    ),
    Column(
        "mean_percent",
        "Mean probability (%)",
        "Mean",
        "%",
        0,
        "Mean probability of a thrombus in the candidate",
    ),
    *(
        Column(f"attention_{name}", f"Attention {name}", name, "", 2, f"Mean attention paid to {name}")
        for name in SEQUENCES
    ),
    Column("centroid_right_mm", "Right (mm)", "R", "mm", 1, "Center, toward the patient's right"),
    Column("centroid_anterior_mm", "Anterior (mm)", "A", "mm", 1, "Center, toward the patient's front"),
    Column("centroid_superior_mm", "Superior (mm)", "S", "mm", 1, "Center, toward the patient's head"),
    Column("first_slice", "First slice", "Slice", "", 0, "First slice of the reference volume, counted from 1"),
    Column("last_slice", "Last slice", "to slice", "", 0, "Last slice of the reference volume, counted from 1"),
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
    for column in _shown(candidates):
        values = [_rounded(row.get(column.key), column.decimals) for row in candidates]
        table.AddColumn(_array(column.name, values))
    modifying = node.StartModify()  # each change would build the view anew
    node.SetAndObserveTable(table)
    describe(node)
    node.EndModify(modifying)


def describe(node: slicer.vtkMRMLTableNode, meanings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Give each column its header, its unit and its tooltip.

    Args:
        meanings: by key, the library's definitions with "tooltip": unit, method, source and caution.
    """
    modifying = node.StartModify()
    places = {
        "artery": "segment",
        "overlap_percent": "infarct_overlap",
        "probability_percent": "probability_max",
        "mean_percent": "probability_mean",
    }
    for column in COLUMNS:
        if node.GetTable().GetColumnByName(column.name) is None:
            continue
        known = (meanings or {}).get(places.get(column.key, column.key), {})
        node.SetColumnDescription(column.name, str(known.get("tooltip") or f"{column.name}: {column.explanation}"))
        if column.unit:
            node.SetColumnUnitLabel(column.name, column.unit)
        if hasattr(node, "SetColumnTitle"):  # not before Slicer 5.12, which shows the full name
            node.SetColumnTitle(column.name, column.header)
    node.EndModify(modifying)


def candidatePosition(table: slicer.vtkMRMLTableNode | None, row: int) -> tuple[float, float, float] | None:
    """The center of the candidate in a row of such a table, RAS in mm; None if there is no such row."""
    if table is None or not 0 <= row < table.GetNumberOfRows():
        return None
    names = [column.name for column in COLUMNS if column.key.startswith("centroid_")]
    columns = [table.GetTable().GetColumnByName(name) for name in names]
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


def _shown(candidates: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The columns with values; where no centerline was measured, the other length stands in its place."""
    columns = {column.key: column for column in COLUMNS}
    if _isAbsent("length_centreline_mm", candidates):
        keys = ["length_feret_mm" if key == "length_centreline_mm" else key for key in columns]
        columns = {key: columns[key] for key in keys}
    return [column for key, column in columns.items() if not _isAbsent(key, candidates)]


def _isAbsent(key: str, candidates: Sequence[Mapping[str, Any]]) -> bool:
    return key.startswith(_OPTIONAL) and all(row.get(key) in (None, "") for row in candidates)


def _rounded(value: Any, decimals: int | None) -> Any:
    """A figure with as many digits as it deserves; an integer where it has none."""
    if decimals is None or value in (None, "") or isinstance(value, str):
        return value
    return round(float(value), decimals) if decimals else round(float(value))


def _array(name: str, values: Sequence[Any]) -> vtk.vtkAbstractArray:
    """Integers, floating-point numbers or text, as the values are; a gap among numbers becomes NaN."""
    present = [value for value in values if value not in (None, "")]
    if present and all(isinstance(value, int) and not isinstance(value, bool) for value in present):
        column = vtk.vtkIntArray() if len(present) == len(values) else vtk.vtkDoubleArray()
    elif all(isinstance(value, (int, float)) for value in present):
        column = vtk.vtkDoubleArray()
    else:
        column = vtk.vtkStringArray()
    column.SetName(name)
    for value in values:
        absent = value in (None, "")
        if column.IsA("vtkStringArray"):
            column.InsertNextValue("" if absent else str(value))
        else:
            column.InsertNextValue(float("nan") if absent else value)
    return column
