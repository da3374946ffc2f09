"""The section Review: decisions and their keys, undo, what was missed, and measures that follow, with a real worker."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from fakeWidgets import FakeShortcut, FakeWidget

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def case_of(panel):
    return panel.reviewPanel.desk.case


def decisions(panel) -> list[str]:
    return [each.decision for each in case_of(panel).entries]


def voxels(panel) -> int:
    from ThrombusSegParts.relabel import maskOf

    return int(maskOf(case_of(panel).segmentation, "Thrombus").sum())


def column(panel, title: str) -> list:
    from ThrombusSegParts.mapDisplay import candidatesOf

    values = candidatesOf(case_of(panel).segmentation).GetTable().GetColumnByName(title)
    return [values.GetValue(row) for row in range(values.GetNumberOfValues())]


def answered(panel) -> None:
    """Let the worker answer all that it was asked."""
    worker = panel.reviewPanel.desk.worker
    deadline = time.monotonic() + 120
    while worker.isBusy():
        assert time.monotonic() < deadline, "the worker did not answer in time"
        worker.poll()
        time.sleep(0.01)


def paint(panel, where: tuple, value: int) -> None:
    """As the Segment Editor's effects write, and then a moment passes."""
    from ThrombusSegParts.relabel import maskOf
    from ThrombusSegParts.voxels import writeSegment

    segmentation = case_of(panel).segmentation
    mask = maskOf(segmentation, "Thrombus")
    mask[where] = value
    writeSegment(segmentation, "Thrombus", mask)
    panel.reviewPanel.desk.look()


def test_the_most_suspicious_comes_first_and_keys_lead_on(reviewed, headless) -> None:
    view = headless.scene.AddNewNodeByClass("vtkMRMLSliceNode")
    view.SetFieldOfView(240.0, 180.0, 1.0)
    review = reviewed.reviewPanel
    assert decisions(reviewed) == ["undecided"] * 3 and review.row == 0
    assert review.ui.reviewLabel.text == "Candidate 1 of 3: to review. 0 decided."
    assert column(reviewed, "Status") == ["to review"] * 3
    assert column(reviewed, "Probability (%)") == sorted(column(reviewed, "Probability (%)"), reverse=True)
    assert FakeShortcut.press("N") and review.row == 1 and reviewed.ui.candidatesTable.selected == 1
    assert min(view.GetFieldOfView()[:2]) == pytest.approx(70.0)
    seen = [view.GetSliceToRAS().GetElement(row, 3) for row in range(3)]
    titles = ("Right (mm)", "Anterior (mm)", "Superior (mm)")
    assert seen == pytest.approx([column(reviewed, title)[1] for title in titles], abs=0.1)
    FakeShortcut.press("N"), FakeShortcut.press("N")
    assert review.row == 0, "after the last comes the first"
    FakeShortcut.press("P")
    assert review.row == 2


def test_each_decision_has_one_key_and_only_a_rejection_changes_voxels(reviewed) -> None:
    assert voxels(reviewed) == 37
    FakeShortcut.press("A")
    assert decisions(reviewed) == ["accepted", "undecided", "undecided"] and voxels(reviewed) == 37
    assert reviewed.reviewPanel.row == 1, "the next one without a decision follows"
    FakeShortcut.press("R")
    assert voxels(reviewed) == 33 and case_of(reviewed).voxelsChanged()["thrombus"] == {"added": 0, "removed": 4}
    FakeShortcut.press("U")
    assert decisions(reviewed) == ["accepted", "rejected", "unsure"] and voxels(reviewed) == 33
    assert column(reviewed, "Status") == ["✓ accepted", "✗ rejected", "? unsure"]
    assert not reviewed.ui.thresholdSlider.enabled or reviewed.resultPanel.update(False) is None
    answered(reviewed)
    assert column(reviewed, "Volume (mm³)") == [512, 64, 16], "what was rejected keeps its measures"


def test_undo_takes_back_decision_by_decision_with_their_voxels(reviewed) -> None:
    for key in "ARU":
        FakeShortcut.press(key)
    paint(reviewed, (slice(9, 10), slice(5, 7), slice(5, 7)), 1)
    assert FakeShortcut.press("Ctrl+Z") and decisions(reviewed)[:3] == ["accepted", "rejected", "undecided"]
    FakeShortcut.press("Ctrl+Z")
    assert decisions(reviewed)[:3] == ["accepted", "undecided", "undecided"]
    assert voxels(reviewed) == 37 + 4, "what was painted meanwhile stays"
    assert reviewed.reviewPanel.row == 1
    FakeShortcut.press("Ctrl+Z")
    assert not case_of(reviewed).canUndo() and not reviewed.reviewPanel.ui.undoButton.enabled


def test_another_decision_brings_a_rejected_one_back(reviewed) -> None:
    FakeShortcut.press("R")
    assert voxels(reviewed) == 5
    reviewed.reviewPanel.go(0)
    FakeShortcut.press("A")
    assert voxels(reviewed) == 37 and decisions(reviewed)[0] == "accepted"
    assert not any(case_of(reviewed).voxelsChanged()["thrombus"].values())


def test_keys_live_only_while_the_section_is_open(reviewed) -> None:
    review = reviewed.reviewPanel
    folded = review.ui.reviewCollapsibleButton.connected["contentsCollapsed(bool)"]
    review.ui.reviewCollapsibleButton.collapsed = True
    folded(True)
    assert not any(FakeShortcut.press(key) for key in "PNARUM")
    review.ui.reviewCollapsibleButton.collapsed = False
    folded(False)
    assert all(FakeShortcut.made[key].enabled for key in "PNARUM")
    reviewed.exit()
    assert not any(FakeShortcut.press(key) for key in "PNARUM") and decisions(reviewed) == ["undecided"] * 3


def test_a_missed_thrombus_is_proposed_from_the_stored_probability(reviewed, headless, tools) -> None:
    headless.scene.AddNewNodeByClass("vtkMRMLSelectionNode")
    interaction = headless.scene.AddNewNodeByClass("vtkMRMLInteractionNode")
    probability = case_of(reviewed).segmentation.GetNodeReference("ThrombusSeg.probability")
    slicer.util.arrayFromVolume(probability)[9, 8:10, 20:26] = 0.3
    probability.GetImageData().Modified()
    review = reviewed.reviewPanel
    FakeShortcut.press("M")
    assert interaction.GetCurrentInteractionMode() == interaction.Place and review.ui.missedButton.checked
    (point,) = [each for each in [headless.scene.GetFirstNodeByClass("vtkMRMLMarkupsFiducialNode")] if each]
    place = tools.grid().MultiplyPoint((22.0, 9.0, 9.0, 1.0))[:3]
    point.AddControlPoint(*place)
    review.missed.finish()  # a moment later
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert headless.scene.GetFirstNodeByClass("vtkMRMLMarkupsFiducialNode") is None
    answered(reviewed)
    assert decisions(reviewed) == ["undecided"] * 3 + ["added"] and voxels(reviewed) == 37 + 12
    assert review.row == 3 and column(reviewed, "Status")[3] == "+ added"
    assert "Proposed from the probability: 192 mm³" in review.ui.reviewMessageLabel.text
    assert column(reviewed, "Probability (%)")[3] == 30 and column(reviewed, "Volume (mm³)")[3] == 192
    FakeShortcut.press("Ctrl+Z")
    assert voxels(reviewed) == 37 and len(case_of(reviewed).entries) == 3


def test_where_the_map_knows_nothing_a_ball_is_proposed(reviewed, tools) -> None:
    place = tools.grid().MultiplyPoint((30.0, 6.0, 2.0, 1.0))[:3]
    reviewed.reviewPanel.onMissed(place)
    answered(reviewed)
    assert decisions(reviewed)[3] == "added" and voxels(reviewed) > 37
    assert reviewed.reviewPanel.ui.reviewMessageLabel.text.startswith("The probability knows nothing here: a ball")
    reviewed.reviewPanel.onMissed((9999.0, 0.0, 0.0))
    answered(reviewed)
    assert reviewed.reviewPanel.ui.reviewMessageLabel.text == "The click is outside the image. Click inside it."


def test_measures_follow_what_a_hand_has_changed(reviewed) -> None:
    answered(reviewed)
    paint(reviewed, (3, 10, slice(12, 18)), 1)
    assert column(reviewed, "Volume (mm³)")[0] == 38 * 16, "at once"
    answered(reviewed)
    assert column(reviewed, "Length, Feret (mm)")[0] > 18
    assert column(reviewed, "Length, centerline (mm)")[0] > 10
    paint(reviewed, (6, slice(20, 22), slice(20, 22)), 0)
    assert decisions(reviewed) == ["undecided", "rejected", "undecided"], "nothing of it is left"
    paint(reviewed, (6, slice(20, 22), slice(20, 22)), 1)
    assert decisions(reviewed) == ["undecided"] * 3, "the editor's undo brings it back"


def test_a_painted_thrombus_is_one_that_was_added(reviewed) -> None:
    paint(reviewed, (10, slice(4, 7), slice(4, 7)), 1)
    assert decisions(reviewed)[3] == "added"
    reviewed.reviewPanel.go(3)
    FakeShortcut.press("R")
    assert voxels(reviewed) == 37 and [each["candidate"] for each in case_of(reviewed).record()] == [1, 2, 3]


def test_nothing_is_left_of_what_the_editor_has_undone(reviewed) -> None:
    """Rows of candidates that have no voxel, and never were the network's, would be ghosts."""
    blob, middle = (10, slice(4, 7), slice(4, 7)), (slice(3, 5), slice(11, 13), slice(8, 12))
    paint(reviewed, blob, 1)
    assert decisions(reviewed) == ["undecided"] * 3 + ["added"]
    reviewed.reviewPanel.go(3)
    paint(reviewed, blob, 0)
    assert decisions(reviewed) == ["undecided"] * 3 and reviewed.reviewPanel.row == -1
    assert not reviewed.reviewPanel.ui.rejectButton.enabled and column(reviewed, "Status") == ["to review"] * 3
    paint(reviewed, middle, 0)
    assert len(decisions(reviewed)) == 4, "it has become two"
    paint(reviewed, middle, 1)
    assert decisions(reviewed) == ["undecided"] * 3 and case_of(reviewed).record()[0]["measures"]["volume_mm3"] == 512


def test_what_comes_back_is_what_it_was(reviewed) -> None:
    """Erased stroke by stroke, measured in between, and all undone at once: its center has moved meanwhile."""
    paint(reviewed, (3, 10, slice(12, 34)), 1)
    answered(reviewed)
    reviewed.reviewPanel.decide("accepted")
    whole = case_of(reviewed).mask.copy()
    paint(reviewed, (slice(3, 5), slice(10, 14), slice(8, 30)), 0)
    answered(reviewed)
    paint(reviewed, (3, 10, slice(30, 34)), 0)
    assert decisions(reviewed) == ["rejected", "undecided", "undecided"]
    paint(reviewed, whole > 0, 1)
    assert decisions(reviewed) == ["undecided"] * 3, "and no row of its own beside the rejected one"


def test_a_rejected_one_that_the_editor_brings_back_is_no_second_one(reviewed) -> None:
    paint(reviewed, (3, 10, slice(12, 34)), 1)  # not measured again: the table has its center elsewhere
    before = case_of(reviewed).mask.copy()
    reviewed.reviewPanel.go(0)
    FakeShortcut.press("R")
    assert decisions(reviewed)[0] == "rejected"
    paint(reviewed, before > 0, 1)
    assert decisions(reviewed) == ["undecided"] * 3


def test_undo_of_a_decision_brings_no_ghost_and_loses_no_painting(reviewed) -> None:
    blob = (10, slice(4, 7), slice(4, 7))
    paint(reviewed, blob, 1)
    reviewed.reviewPanel.go(0)
    FakeShortcut.press("A")
    paint(reviewed, blob, 0)
    FakeShortcut.press("Ctrl+Z")
    assert decisions(reviewed) == ["undecided"] * 3
    FakeShortcut.press("A")
    paint(reviewed, blob, 1)
    FakeShortcut.press("Ctrl+Z")
    assert decisions(reviewed) == ["undecided"] * 3 + ["added"]


def test_an_added_one_that_is_rejected_goes_and_an_undo_brings_it_back(reviewed) -> None:
    paint(reviewed, (10, slice(4, 7), slice(4, 7)), 1)
    reviewed.reviewPanel.go(3)
    FakeShortcut.press("R")
    assert decisions(reviewed) == ["undecided"] * 3 and voxels(reviewed) == 37
    FakeShortcut.press("Ctrl+Z")
    assert decisions(reviewed) == ["undecided"] * 3 + ["added"] and voxels(reviewed) == 46
    assert reviewed.reviewPanel.row == 3


def test_a_slider_keeps_the_decisions_and_never_overwrites_a_correction(reviewed) -> None:
    from ThrombusSegParts.relabel import Relabeler

    FakeShortcut.press("A")
    Relabeler(case_of(reviewed).segmentation).apply(0.7, 0.0)
    reviewed.reviewPanel.desk.look()
    assert decisions(reviewed) == ["accepted", "undecided"]
    assert not any(case_of(reviewed).voxelsChanged()["thrombus"].values()), "the network's mask is now another"
    FakeShortcut.press("R")
    kept = voxels(reviewed)
    reviewed.resultPanel.update(False)
    assert not reviewed.ui.thresholdSlider.enabled
    reviewed.ui.thresholdSlider.value = 0.5
    reviewed.resultPanel.onLabelsWanted()
    assert voxels(reviewed) == kept


def test_a_scene_keeps_the_review(reviewed, headless, tmp_path: Path) -> None:
    FakeShortcut.press("A")
    FakeShortcut.press("R")
    answered(reviewed)
    (tmp_path / "scene").mkdir()
    assert headless.application.SaveSceneToSlicerDataBundleDirectory(str(tmp_path / "scene"), None)
    reviewed.onSceneStartClose(None, None)
    headless.scene.Clear(0)
    reviewed.onSceneEndClose(None, None)
    assert case_of(reviewed) is None and reviewed.reviewPanel.ui.reviewLabel.text == "Nothing to review yet."
    (saved,) = (tmp_path / "scene").glob("*.mrml")
    headless.scene.SetURL(str(saved))
    assert headless.scene.Connect()
    reviewed.reviewPanel.desk.setSegmentation(headless.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode"))
    assert decisions(reviewed) == ["accepted", "rejected", "undecided"] and voxels(reviewed) == 33
    assert case_of(reviewed).voxelsChanged()["thrombus"] == {"added": 0, "removed": 4}
    case_of(reviewed).decide(1, "unsure")
    assert voxels(reviewed) == 37


def test_columns_explain_unit_method_and_source(reviewed) -> None:
    from ThrombusSegParts.mapDisplay import candidatesOf

    FakeShortcut.press("A")
    answered(reviewed)
    table = candidatesOf(case_of(reviewed).segmentation)
    assert "blooming" in table.GetColumnDescription("Volume (mm³)")
    assert "HAL hal-05185399" in table.GetColumnDescription("Length, Feret (mm)")


def test_a_worker_that_dies_is_a_sentence_and_the_next_task_has_another(reviewed) -> None:
    desk = reviewed.reviewPanel.desk
    FakeShortcut.press("A")
    answered(reviewed)
    desk.worker._worker._process.kill()
    desk.worker._worker._process.wait(30)
    paint(reviewed, (10, slice(4, 7), slice(4, 7)), 1)
    answered(reviewed)
    if desk.message:  # it had not been seen to be gone when it was asked
        assert desk.message == "The review process ended unexpectedly. Please try again."
        desk.measure()
        answered(reviewed)
    assert column(reviewed, "Side")[3] in ("left", "right", "midline", "unknown")


@pytest.mark.parametrize("busy", [False, True])
def test_images_on_the_disk_go_with_the_case(reviewed, busy: bool) -> None:
    """At once, or when what the worker still does with them is done."""
    desk = reviewed.reviewPanel.desk
    desk.measure()
    folder = desk.folder()
    if not busy:
        answered(reviewed)
    assert (folder / "labels.nrrd").is_file()
    desk.setSegmentation(None)
    assert folder.exists() == busy
    answered(reviewed)
    assert not folder.exists()


def test_decisions_are_plain_json_for_the_record(reviewed) -> None:
    FakeShortcut.press("A")
    record = json.loads(json.dumps(case_of(reviewed).record()))
    assert [each["decision"] for each in record] == ["accepted", "undecided", "undecided"]
    assert record[0]["measures"]["volume_mm3"] == 512 and "status" not in record[0]["measures"]


def test_stand_ins_do_what_the_section_asks(reviewed) -> None:
    """The table of the main form is the one the keys move in."""
    table = reviewed.ui.candidatesTable
    assert isinstance(table, FakeWidget) and table.table.GetNumberOfRows() == 3
    index = type("Index", (), {"row": lambda self: 2})()
    table.connected["clicked(QModelIndex)"](index)
    assert reviewed.reviewPanel.row == 2


def saved(panel, headless, folder: Path) -> Path:
    """The scene on the disk, and closed."""
    folder.mkdir()
    assert headless.application.SaveSceneToSlicerDataBundleDirectory(str(folder), None)
    panel.onSceneStartClose(None, None)
    headless.scene.Clear(0)
    panel.onSceneEndClose(None, None)
    (path,) = folder.glob("*.mrml")
    return path


def loaded(panel, headless, path: Path) -> None:
    headless.scene.SetURL(str(path))
    assert headless.scene.Connect()
    panel.reviewPanel._choose(headless.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode"))


def lengths(panel) -> list:
    return [each.measures.get("length_centreline_mm") for each in case_of(panel).entries]


@pytest.mark.parametrize("isMeasured", [True, False])
def test_length_and_artery_of_what_a_slider_made_are_there_after_a_reload(
    isMeasured, reviewed, headless, tmp_path: Path
) -> None:
    """Also where the scene was saved before the worker had answered: then they are measured after the reload."""
    from ThrombusSegParts.relabel import Relabeler

    Relabeler(case_of(reviewed).segmentation).apply(0.5, 20.0)
    if isMeasured:
        reviewed.reviewPanel.desk.look()
        answered(reviewed)
        assert lengths(reviewed)[0] > 0
    loaded(reviewed, headless, saved(reviewed, headless, tmp_path / "scene"))
    assert bool(lengths(reviewed)[0]) is isMeasured and len(lengths(reviewed)) == 2
    reviewed.reviewPanel.measureMissing()  # when the panel is drawn
    assert reviewed.reviewPanel.desk.worker.isBusy() is not isMeasured
    answered(reviewed)
    assert lengths(reviewed)[0] > 0 and "segment" in case_of(reviewed).entries[0].measures


def test_a_scene_that_is_added_to_itself_brings_its_own_case(
    reviewed, headless, tmp_path: Path, capfd, monkeypatch
) -> None:
    FakeShortcut.press("A")
    path = saved(reviewed, headless, tmp_path / "scene")
    loaded(reviewed, headless, path)
    choices, first = reviewed._parameterNode, case_of(reviewed).segmentation
    monkeypatch.setattr(reviewed.logic, "getParameterNode", lambda: choices)

    def choose(scene, event) -> None:  # as the node of the choices, of which a scene has one, does in the application
        count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        if count > 1:
            choices.segmentation = scene.GetNthNodeByClass(1, "vtkMRMLSegmentationNode")

    tag = headless.scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, choose)
    headless.scene.SetURL(str(path))
    assert headless.scene.Import()
    headless.scene.RemoveObserver(tag)
    assert "Traceback" not in capfd.readouterr().err
    assert case_of(reviewed).segmentation is choices.segmentation is not first
    assert decisions(reviewed) == ["accepted", "undecided", "undecided"]


def test_a_segmentation_whose_volumes_are_gone_is_a_sentence(reviewed, headless) -> None:
    from ThrombusSegParts.mapDisplay import mapsOf, referenceOf

    segmentation = case_of(reviewed).segmentation
    for volume in (mapsOf(segmentation)["probability"], referenceOf(segmentation)):
        volume.SetAndObserveImageData(None)
    reviewed.reviewPanel.desk.look()
    reviewed.reviewPanel._choose(None)
    reviewed.reviewPanel._choose(segmentation)
    assert case_of(reviewed) is None
    said = reviewed.reviewPanel.ui.reviewMessageLabel.text
    assert said.startswith("The candidates cannot be reviewed: the scene holds neither its probability")
