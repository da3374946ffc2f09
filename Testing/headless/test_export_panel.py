"""The section Export: each kind of file through the worker, of the case as it is now."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from fakeWidgets import FakeShortcut

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def export(panel, out: Path | None, *names: str) -> str:
    """Tick these, press Export; what the section says then."""
    from ThrombusSegParts.exportPanel import KINDS

    ui, worker = panel.exportPanel.ui, panel.reviewPanel.desk.worker
    for name, kind in KINDS.items():
        getattr(ui, name).checked = kind in names
    ui.exportDicomCheckBox.checked = "dicom" in names
    ui.exportPathEdit.currentPath = str(out) if out is not None else ""
    ui.exportButton.connected["clicked(bool)"]()
    deadline = time.monotonic() + 120
    while worker.isBusy():
        assert time.monotonic() < deadline, "the worker did not answer in time"
        worker.poll()
        time.sleep(0.01)
    return str(ui.exportLabel.text)


def test_files_hold_the_mask_as_it_is_now(reviewed, tmp_path: Path) -> None:
    import SimpleITK as sitk

    FakeShortcut.press("R")
    said = export(reviewed, tmp_path, "nifti", "nrrd", "csv", "html")
    files = {path.name: path for path in tmp_path.glob("case-*")}
    (labels,) = tmp_path.glob("case-*[0-9a-f].nii.gz")
    assert labels.name in said and said.startswith("Written: ")
    assert int((sitk.GetArrayFromImage(sitk.ReadImage(str(labels))) == 1).sum()) == 5
    assert any(name.endswith(".seg.nrrd") for name in files) and any(name.endswith(".html") for name in files)
    table = tmp_path / labels.name.replace(".nii.gz", ".csv")
    with table.open(encoding="utf-8") as file:
        assert [float(row["volume_mm3"]) for row in csv.DictReader(file)] == [64.0, 16.0]
    assert reviewed.reviewPanel.desk.isUnsaved(), "an export saves nothing"
    assert export(reviewed, tmp_path / "again", "nifti").startswith("Written: ")


def test_what_is_missing_is_a_sentence(reviewed, tmp_path: Path) -> None:
    assert export(reviewed, tmp_path) == "Nothing is ticked. Choose at least one kind of file."
    assert export(reviewed, None, "csv") == "No folder is chosen. Choose where the files go."
    assert export(reviewed, tmp_path, "dicom").startswith("DICOM objects go into the study of a series")
    reviewed.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path)
    said = export(reviewed, tmp_path, "dicom")
    assert said and not said.startswith("Written") and "Traceback" not in said
    assert reviewed.exportPanel.ui.exportButton.enabled


def test_the_series_is_found_in_slicer_s_database(reviewed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ThrombusSegParts.exportPanel import seriesFolderOf

    segmentation = reviewed.reviewPanel.desk.case.segmentation
    assert seriesFolderOf(segmentation) == ""
    database = type("Database", (), {"fileForInstance": lambda self, uid: str(tmp_path / f"{uid}.dcm")})()
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    segmentation.GetNodeReference("ThrombusSeg.InputSWI").SetAttribute("DICOM.instanceUIDs", "1.2 1.3")
    assert seriesFolderOf(segmentation) == str(tmp_path)
