"""The section Save: one button, through the worker, read back by the library."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from fakeWidgets import FakeShortcut

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def answered(panel) -> None:
    worker = panel.reviewPanel.desk.worker
    deadline = time.monotonic() + 120
    while worker.isBusy():
        assert time.monotonic() < deadline, "the worker did not answer in time"
        worker.poll()
        time.sleep(0.01)


def save(panel, folder: Path | None = None, annotator: str = "reader-1") -> str:
    """Press Save; what the section says then."""
    ui = panel.savePanel.ui
    ui.annotatorEdit.text = annotator
    if folder is not None:
        ui.savePathEdit.currentPath = str(folder)
    ui.saveButton.connected["clicked(bool)"]()
    answered(panel)
    return ui.saveLabel.text


def test_one_button_saves_a_case_that_the_library_reads(reviewed, tmp_path: Path) -> None:
    from ThrombusSegLib.case import read_manifest
    from ThrombusSegLib.review import open_case

    assert reviewed.savePanel.ui.saveLabel.text == "Not saved yet." and reviewed.savePanel.ui.saveButton.enabled
    assert reviewed.savePanel.ui.saveNextButton.toolTip == "Only for a case that was opened in the section Work list"
    FakeShortcut.press("A")
    FakeShortcut.press("R")
    desk = reviewed.reviewPanel.desk
    desk._since -= 125
    answered(reviewed)
    said = save(reviewed, tmp_path / "corrected")
    (row,) = read_manifest(tmp_path / "corrected" / "manifest.csv")
    assert said.startswith(f"Saved as {row.case}, version 1: 4 voxels changed, ")
    assert int(re.search(r"(\d+) min", said).group(1)) >= 2 and said.endswith("Candidates still to review: 1.")
    case = open_case(tmp_path / "corrected" / row.case)
    record = case.record
    assert [each.decision for each in record.candidates] == ["accepted", "rejected", "undecided"]
    assert record.voxels_changed["thrombus"] == {"added": 0, "removed": 4}
    assert (record.annotator, record.reference.value, record.model) == ("reader-1", "SWI", "tiny")
    assert len(record.model_sha256) == 64 and record.threshold == 0.5 and record.seconds_spent >= 125
    assert {each.value for each in row.paths} == {"SWI", "TOF"}
    import SimpleITK as sitk
    from ThrombusSegParts.relabel import imageOf, maskOf
    from ThrombusSegParts.resultToScene import INPUT

    segmentation = desk.case.segmentation
    thrombus = maskOf(segmentation, "Thrombus")
    assert ((sitk.GetArrayFromImage(case.labels) == 1) == (thrombus > 0)).all()
    reference = imageOf(segmentation.GetNodeReference(INPUT + "SWI"))
    assert case.labels.GetOrigin() == pytest.approx(reference.GetOrigin(), abs=1e-4)
    assert case.labels.GetDirection() == pytest.approx(reference.GetDirection(), abs=1e-6)
    assert "Doe" not in json.dumps([str(path) for path in (tmp_path / "corrected").rglob("*")])


def test_the_next_version_knows_the_one_before(reviewed, tmp_path: Path) -> None:
    assert ", version 1: 0 voxels changed" in save(reviewed, tmp_path)
    desk = reviewed.reviewPanel.desk
    assert not desk.isUnsaved()
    FakeShortcut.press("R")
    assert desk.isUnsaved()
    assert ", version 2: 32 voxels changed" in save(reviewed)
    assert not desk.isUnsaved() and desk.seconds() < 60


def paint(panel, *places: tuple[int, int, int]) -> None:
    """These voxels are thrombus now, as a brush would leave them; (K, J, I)."""
    from ThrombusSegParts.voxels import writeSegment

    desk = panel.reviewPanel.desk
    mask = desk.case.mask.copy()
    for place in places:
        mask[place] = not mask[place]
    writeSegment(desk.case.segmentation, "Thrombus", mask)
    desk.look()


def test_what_is_painted_while_it_is_saved_is_not_taken_for_saved(reviewed, tmp_path: Path) -> None:
    from ThrombusSegParts.drafts import draftsFolder

    ui, desk = reviewed.savePanel.ui, reviewed.reviewPanel.desk
    ui.annotatorEdit.text, ui.savePathEdit.currentPath = "reader-1", str(tmp_path)
    ui.saveButton.connected["clicked(bool)"]()
    paint(reviewed, (1, 1, 1))
    answered(reviewed)
    assert desk.isUnsaved() and ui.saveLabel.text.endswith(" Changed since then, and not saved yet.")
    assert list(draftsFolder().glob("*.json")), "it is kept until it is saved"
    assert ", version 2: 1 voxels changed" in save(reviewed)
    assert not desk.isUnsaved() and not list(draftsFolder().glob("*.json"))


def test_as_many_voxels_at_another_place_are_not_saved(reviewed, tmp_path: Path) -> None:
    paint(reviewed, (1, 1, 1))
    save(reviewed, tmp_path)
    assert not reviewed.reviewPanel.desk.isUnsaved()
    paint(reviewed, (1, 1, 1), (1, 2, 2))
    assert reviewed.reviewPanel.desk.isUnsaved()


def test_the_position_of_a_slider_is_no_work(reviewed) -> None:
    from ThrombusSegParts.drafts import draftsFolder
    from ThrombusSegParts.relabel import Relabeler

    desk = reviewed.reviewPanel.desk
    Relabeler(desk.case.segmentation).apply(0.7, 0.0)
    desk.look()
    assert not desk.isUnsaved() and not list(draftsFolder().glob("*.json"))


def test_two_readers_in_one_folder_cannot_overwrite_each_other(reviewed, tmp_path: Path) -> None:
    from ThrombusSegParts.savedFacts import noteSaved

    save(reviewed, tmp_path)
    noteSaved(reviewed.reviewPanel.desk.case.segmentation, version=0)  # as one who had opened it before
    FakeShortcut.press("R")
    said = save(reviewed, annotator="reader-2")
    assert "reader-1 saved version 1" in said and "theirs was not changed" in said
    assert reviewed.reviewPanel.desk.isUnsaved(), "it is kept beside, but the case is not settled"


def test_what_is_missing_is_a_sentence(reviewed, tmp_path: Path) -> None:
    assert save(reviewed, tmp_path, annotator="").startswith("Who are you? Give a pseudonym")
    assert save(reviewed, tmp_path, annotator="Jane Doe").startswith("The annotator 'Jane Doe' is no pseudonym.")
    assert list(tmp_path.glob("case-*")) == []
    reviewed.savePanel.ui.savePathEdit.currentPath = ""
    assert save(reviewed).startswith("No folder is chosen.")
    (tmp_path / "file").write_text("in the way")
    said = save(reviewed, tmp_path / "file")
    assert said and "Saved" not in said and "Traceback" not in said
    slicer.mrmlScene.RemoveNode(reviewed.reviewPanel.desk.case.segmentation.GetNodeReference("ThrombusSeg.InputSWI"))
    slicer.mrmlScene.RemoveNode(reviewed.reviewPanel.desk.case.segmentation.GetNodeReference("ThrombusSeg.InputTOF"))
    assert save(reviewed, tmp_path).startswith("The volumes of this result are no longer in the scene.")


def test_reader_and_folder_are_remembered(reviewed, tmp_path: Path) -> None:
    save(reviewed, tmp_path, "reader-7")
    assert slicer.util.settingsValue("ThrombusSeg/Annotator", "") == "reader-7"
    assert slicer.util.settingsValue("ThrombusSeg/CorrectedFolder", "") == str(tmp_path)


def test_a_case_that_is_continued_is_not_trained_on(reviewed, tmp_path: Path) -> None:
    from ThrombusSegLib.case import read_manifest

    reviewed.savePanel.ui.saveStatusComboBox.currentIndex = 1
    save(reviewed, tmp_path)
    assert read_manifest(tmp_path / "manifest.csv") == [] and len(list(tmp_path.glob("case-*/review.json"))) == 1
