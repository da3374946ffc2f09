"""The section Work list: made, filtered, worked through with a key, read a second time and compared."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from fakeWidgets import FakeShortcut

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def answered(panel) -> None:
    """Let worker and loader do all that they were asked."""
    desk, loader = panel.reviewPanel.desk, panel.workListPanel.loader
    deadline = time.monotonic() + 120
    while desk.worker.isBusy() or loader.isBusy():
        assert time.monotonic() < deadline, "it took too long"
        desk.worker.poll()
        loader.step()
        time.sleep(0.005)


@pytest.fixture
def studies(tmp_path: Path, headless, tools) -> Path:
    """Two patients, SWI each, as a scanner's export would be named."""
    from ThrombusSegParts.nodesToFiles import writeVolume

    for number, name in enumerate(("Meier", "Weber")):
        folder = tmp_path / "studies" / name
        folder.mkdir(parents=True)
        node = headless.volume(tools.head(number + 1), tools.grid(), name)
        writeVolume("SWI", node, folder)
        headless.scene.RemoveNode(node)
    return tmp_path / "studies"


@pytest.fixture
def listed(panel, studies: Path):
    """A list of them, made by the button, in the section that is unfolded."""
    section = panel.workListPanel
    panel.savePanel.ui.annotatorEdit.text = "reader-1"
    section.ui.listCollapsibleButton.collapsed = False
    section.ui.listCollapsibleButton.connected["contentsCollapsed(bool)"](False)
    assert label(panel).startswith("Choose a list, or a folder of patients")
    choose(panel, studies)
    assert section.ui.listMakeButton.enabled
    text = "This is no list yet. Make a list puts one beside these cases, called studies-review."
    assert section.ui.listLabel.text == text
    section.ui.listMakeButton.connected["clicked(bool)"]()
    answered(panel)
    return panel


def choose(panel, path: Path) -> None:
    edit = panel.workListPanel.ui.listPathEdit
    edit.currentPath = str(path)
    edit.connected["currentPathChanged(QString)"](str(path))
    answered(panel)


def label(panel) -> str:
    return panel.workListPanel.ui.listLabel.text


def predict(panel, tinyWeights: Path, threshold: float = 0.004) -> None:
    """As the button Segment does for the case that is open."""
    parameters = panel._parameterNode
    volumes = {"SWI": parameters.volumeSWI}
    options = {"registration": "never", "threshold": threshold}
    result = panel.logic.process(volumes, "cpu", str(tinyWeights), options)
    panel.onDone(result)
    answered(panel)


def save(panel, thenNext: bool = False) -> str:
    ui = panel.savePanel.ui
    (ui.saveNextButton if thenNext else ui.saveButton).connected["clicked(bool)"]()
    answered(panel)
    return ui.saveLabel.text


def test_a_list_is_made_beside_the_cases_without_names(listed, studies: Path) -> None:
    ui = listed.workListPanel.ui
    assert ui.listPathEdit.currentPath == str(studies.with_name("studies-review"))
    assert [row[:2] for row in ui.listTable.cells] == [["case-001", "new"], ["case-002", "new"]]
    assert ui.listProgressBar.format == "0 of 2 cases done" and label(listed) == "2 new."
    assert slicer.util.settingsValue("ThrombusSeg/WorkList", "") == ui.listPathEdit.currentPath
    ui.listFilterEdit.text = "002"
    ui.listFilterEdit.connected["textChanged(QString)"]("002")
    assert [row[0] for row in ui.listTable.cells] == ["case-002"]
    ui.listFilterEdit.text, ui.listStatusComboBox.currentIndex = "", 2
    ui.listStatusComboBox.connected["currentIndexChanged(int)"](2)
    assert ui.listTable.cells == []


def test_a_list_is_worked_through_with_one_key(listed, headless, tinyWeights) -> None:
    assert FakeShortcut.press("J")
    answered(listed)
    parameters = listed._parameterNode
    assert label(listed) == "case-001 is open. Press Segment to predict it."
    assert listed.workListPanel.ui.listTable.cells[0][1:3] == ["in review", "reader-1"], "at once"
    assert parameters.volumeSWI.GetName() == "case-001 SWI" and parameters.segmentation is None
    predict(listed, tinyWeights)
    first = parameters.segmentation
    assert listed.savePanel.ui.saveNextButton.enabled and not listed.savePanel.ui.savePathEdit.enabled
    listed.reviewPanel.ui.reviewCollapsibleButton.collapsed = False
    listed.reviewPanel.ui.reviewCollapsibleButton.connected["contentsCollapsed(bool)"](False)
    FakeShortcut.press("R")
    assert listed.reviewPanel.desk.isUnsaved()
    FakeShortcut.press("J")
    answered(listed)
    assert label(listed).startswith("The open case has changes that are not saved.")
    assert parameters.segmentation is first
    said = save(listed, thenNext=True)
    assert parameters.volumeSWI.GetName() == "case-002 SWI", said
    assert not headless.scene.IsNodePresent(first) and parameters.segmentation is None
    assert headless.scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0, "the case before has left the scene"
    cells = listed.workListPanel.ui.listTable.cells
    assert [row[1:3] for row in cells] == [["corrected", "reader-1"], ["in review", "reader-1"]]
    assert said.startswith("Saved as case-001, version 1: "), "what was saved, and what is open now"
    assert said.endswith(" case-002 is open. Press Segment to predict it.") and said == label(listed)
    predict(listed, tinyWeights)
    assert listed.savePanel.ui.saveLabel.text == "case-002 is not saved yet.", "of the case that is open"
    save(listed, thenNext=True)
    assert label(listed).startswith("Saved as case-002, version 1: ")
    assert label(listed).endswith(" Every case of the list has been looked at.")
    assert listed.workListPanel.ui.listProgressBar.value == 2


def test_each_change_is_asked_about_anew_and_somebody_elses_case_as_well(listed, tinyWeights, studies: Path) -> None:
    from ThrombusSegLib.review.claims import claim

    section, desk = listed.workListPanel, listed.reviewPanel.desk

    def open_second() -> str:
        section.openRow(1)
        answered(listed)
        return label(listed)

    section.openRow(0)
    answered(listed)
    predict(listed, tinyWeights)
    for decision in ("rejected", "accepted"):
        desk.case.decide(0, decision)
        desk.changed()
        answered(listed)
        assert open_second().startswith("The open case has changes that are not saved.")
        if decision == "rejected":
            save(listed)
    claim(studies.with_name("studies-review") / "claims", "case-002", "reader-9")
    assert "reader-9" in open_second() and open_second() == "case-002 is open. Press Segment to predict it."


def test_a_claim_is_given_back_by_the_name_and_the_list_it_was_made_under(listed, studies: Path) -> None:
    """Also when the panel goes, which does not wait for an answer."""
    claims = studies.with_name("studies-review") / "claims"
    listed.workListPanel.openRow(0)
    answered(listed)
    assert [path.name for path in claims.glob("*.json")] == ["case-001.json"]
    listed.savePanel.ui.annotatorEdit.text = "reader-2"
    listed.workListPanel.ui.listPathEdit.currentPath = str(studies)
    listed.workListPanel.close()
    listed.reviewPanel.desk.worker.close()
    assert not list(claims.glob("*.json"))


def test_a_saved_case_opens_with_labels_and_decisions(listed, headless, tinyWeights) -> None:
    from ThrombusSegParts.relabel import maskOf

    listed.workListPanel.openRow(0)
    answered(listed)
    predict(listed, tinyWeights)
    desk = listed.reviewPanel.desk
    desk.case.decide(0, "rejected")
    desk.changed()
    answered(listed)
    kept, decisions = desk.case.mask.copy(), [each.decision for each in desk.case.entries]
    assert ", version 1: " in save(listed)
    listed.workListPanel.openRow(1)
    answered(listed)
    listed.workListPanel.openRow(0)
    answered(listed)
    segmentation = listed._parameterNode.segmentation
    assert (maskOf(segmentation, "Thrombus") == kept).all()
    assert [each.decision for each in listed.reviewPanel.desk.case.entries][:2] == decisions[:2]
    assert label(listed) == "case-001 is open." and not listed.reviewPanel.desk.isUnsaved()
    listed.reviewPanel.desk.case.decide(0, "unsure")
    assert listed.reviewPanel.desk.case.mask.sum() > kept.sum(), "it comes back from the network's mask"
    assert ", version 2: " in save(listed)


def test_what_opening_a_case_has_put_right_is_said(listed, studies: Path, tinyWeights) -> None:
    listed.workListPanel.openRow(0)
    answered(listed)
    predict(listed, tinyWeights)
    save(listed)
    folder = studies.with_name("studies-review") / "corrected" / "case-001"
    (folder / "labels.nii.gz").write_bytes(b"another program's")
    listed.workListPanel.openRow(1)
    answered(listed)
    listed.workListPanel.openRow(0)
    answered(listed)
    assert label(listed).startswith("case-001 is open. ") and "edited-1-labels.nii.gz" in label(listed)


def test_a_prediction_of_the_list_is_loaded(listed, studies: Path, tinyWeights, tmp_path: Path) -> None:
    """What `thrombusseg batch` has written for a case, and a correction over it."""
    from ThrombusSegParts.mapDisplay import mapsOf

    listed.workListPanel.openRow(0)
    answered(listed)
    predict(listed, tinyWeights)
    results = studies.with_name("studies-review") / "results" / "case-001"
    results.parent.mkdir()
    shutil.copytree(tmp_path / "result", results)
    listed.workListPanel.refresh()
    answered(listed)
    assert listed.workListPanel.ui.listTable.cells[0][1] == "in review", "it is still open"
    listed.workListPanel.openRow(0)
    answered(listed)
    assert label(listed) == "case-001 is open."
    assert set(mapsOf(listed._parameterNode.segmentation)) == {"probability", "SWI"}
    desk = listed.reviewPanel.desk
    assert desk.case.entries and not any(desk.case.voxelsChanged()["thrombus"].values())
    desk.case.decide(0, "rejected")
    changes = desk.case.voxelsChanged()
    save(listed)
    listed.workListPanel.openRow(1)
    answered(listed)
    listed.workListPanel.openRow(0)
    answered(listed)
    assert listed.reviewPanel.desk.case.voxelsChanged() == changes, "counted against the network's mask as before"
    assert listed.reviewPanel.desk.case.entries[0].decision == "rejected"


def test_a_case_that_somebody_has_open_needs_a_second_press(listed, studies: Path) -> None:
    from ThrombusSegLib.review.claims import claim

    claim(studies.with_name("studies-review") / "claims", "case-001", "reader-9")
    listed.workListPanel.openRow(0)
    answered(listed)
    assert "reader-9 has case-001 open" in label(listed) and listed._parameterNode.volumeSWI is None
    listed.workListPanel.openRow(0)
    answered(listed)
    assert listed._parameterNode.volumeSWI.GetName() == "case-001 SWI"
    FakeShortcut.press("J")
    answered(listed)
    assert listed._parameterNode.volumeSWI.GetName() == "case-002 SWI"


def test_who_has_let_a_case_go_is_no_longer_named(listed) -> None:
    listed.workListPanel.openRow(0)
    answered(listed)
    listed.workListPanel.openRow(1)
    answered(listed)
    cells = listed.workListPanel.ui.listTable.cells
    assert [row[1:3] for row in cells] == [["new", ""], ["in review", "reader-1"]]


def test_a_tilted_case_lies_straight_in_the_views(panel, headless, tools, tmp_path: Path) -> None:
    """Each view takes the nearest plane of the images; the layout stays the user's."""
    import numpy as np
    from ThrombusSegParts.nodesToFiles import writeVolume

    (tmp_path / "tilted" / "A").mkdir(parents=True)
    node = headless.volume(tools.head(1), tools.grid(angles=(8.0, 21.0)), "A")
    writeVolume("SWI", node, tmp_path / "tilted" / "A")
    headless.scene.RemoveNode(node)
    views = {}
    for orientation in ("Axial", "Sagittal", "Coronal"):
        views[orientation] = headless.scene.AddNewNodeByClass("vtkMRMLSliceNode", orientation)
        views[orientation].AddDefaultSliceOrientationPresets(headless.scene)
        views[orientation].SetOrientation(orientation)
    composite = headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    panel.savePanel.ui.annotatorEdit.text = "reader-1"
    choose(panel, tmp_path / "tilted")
    panel.workListPanel.make()
    answered(panel)
    panel.workListPanel.openRow(0)
    answered(panel)
    volume = panel._parameterNode.volumeSWI
    axes = np.array(tools.ijkToRas(volume)).reshape(4, 4)[:3, :3]
    axes /= np.linalg.norm(axes, axis=0)
    for orientation, axis in (("Axial", 2), ("Sagittal", 0), ("Coronal", 1)):
        matrix = views[orientation].GetSliceToRAS()
        normal = np.array([matrix.GetElement(row, 2) for row in range(3)])
        assert abs(normal @ axes[:, axis]) == pytest.approx(1.0, abs=1e-4), orientation
    assert composite.GetBackgroundVolumeID() == volume.GetID()


def test_a_second_reader_sees_nothing_of_the_first_and_is_compared(listed, tinyWeights) -> None:
    section = listed.workListPanel
    section.openRow(0)
    answered(listed)
    predict(listed, tinyWeights)
    save(listed)
    listed.savePanel.ui.annotatorEdit.text = "reader-2"
    section.ui.listSecondCheckBox.checked = True
    section.ui.listSecondCheckBox.connected["toggled(bool)"](True)
    answered(listed)
    assert section.ui.listTable.cells[0][1] == "new"
    section.openRow(0)
    answered(listed)
    assert listed._parameterNode.segmentation is None
    predict(listed, tinyWeights)
    assert ", version 1: " in save(listed)
    section.ui.listAgreementButton.connected["clicked(bool)"]()
    answered(listed)
    assert label(listed).startswith("Of the one case read by both; Dice 1.00;")
    assert "same answer on whether there is one: 100%" in label(listed)


def test_a_saved_case_that_cannot_be_read_is_named_and_not_begun_anew(listed, studies: Path, tinyWeights) -> None:
    listed.workListPanel.openRow(0)
    answered(listed)
    predict(listed, tinyWeights)
    save(listed)
    for path in studies.with_name("studies-review").glob("corrected/case-001/**/review.json"):
        path.write_text("{")
    listed.workListPanel.refresh()
    answered(listed)
    assert listed.workListPanel.ui.listTable.cells[0][1] == "unreadable"
    assert label(listed).startswith("1 new, 1 unreadable. What was saved of case-001 cannot be read")
    FakeShortcut.press("J")
    answered(listed)
    assert label(listed).startswith("case-002 is open.")
    listed.workListPanel.openRow(0)
    answered(listed)
    assert "case-001 cannot be read" in label(listed) and listed.workListPanel.current["case"] == "case-002"
    predict(listed, tinyWeights)
    said = save(listed)
    assert said.startswith("Saved as case-002") and "case-001 cannot be read" in said


def test_what_is_wrong_is_a_sentence(listed, studies: Path, tmp_path: Path) -> None:
    choose(listed, tmp_path / "nothing here")
    assert label(listed) == "There is nothing of this name any more. Choose another folder."
    assert not listed.workListPanel.ui.listMakeButton.enabled and listed.workListPanel.items == []
    (tmp_path / "empty").mkdir()
    choose(listed, tmp_path / "empty")
    listed.workListPanel.make()
    answered(listed)
    assert label(listed) == "There are no cases for the list. Choose another folder or manifest."
    choose(listed, studies.with_name("studies-review"))
    shutil.rmtree(studies / "Meier")
    listed.workListPanel.openRow(0)
    answered(listed)
    assert "SWI.nrrd" in label(listed) and str(studies) not in label(listed)
    listed.savePanel.ui.annotatorEdit.text = ""
    listed.workListPanel.openRow(1)
    assert label(listed).startswith("Give a pseudonym in the section Save first")
