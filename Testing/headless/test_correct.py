"""The section Correct: an editor prepared for tiny targets that works only where it is seen; changes are counted."""

from __future__ import annotations

import pytest
from fakeWidgets import FakeSegmentEditor, FakeShortcut

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


@pytest.fixture
def correcting(reviewed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slicer, "qMRMLSegmentEditorWidget", FakeSegmentEditor, raising=False)
    fold(reviewed, False)
    return reviewed


def fold(panel, folded: bool) -> None:
    section = panel.correctPanel.ui.correctCollapsibleButton
    section.collapsed = folded
    section.connected["contentsCollapsed(bool)"](folded)


def paint(panel, where: tuple, value: int, segment: str = "Thrombus") -> None:
    from ThrombusSegParts.voxels import maskOf, writeSegment

    segmentation = panel.reviewPanel.desk.case.segmentation
    mask = maskOf(segmentation, segment)
    mask[where] = value
    writeSegment(segmentation, segment, mask)
    panel.reviewPanel.desk.look()


def test_the_editor_is_prepared_for_tiny_targets(correcting, headless) -> None:
    editor, case = correcting.correctPanel.editor, correcting.reviewPanel.desk.case
    (node,) = editor.said("setMRMLSegmentEditorNode")[0]
    assert node.GetAttribute("BrushSphere") == "0" and node.GetAttribute("BrushAbsoluteDiameter") == "2"
    assert node.GetAttribute("BrushDiameterIsRelative") == "0"
    assert node.GetOverwriteMode() == slicer.vtkMRMLSegmentEditorNode.OverwriteNone
    assert editor.said("setEffectNameOrder") == [(["Paint", "Erase", "Scissors", "Threshold", "Islands"],)]
    assert editor.said("setSegmentationNode")[-1] == (case.segmentation,)
    assert editor.said("setSourceVolumeNode")[-1] == (correcting._parameterNode.volumeSWI or case_reference(case),)
    assert editor.said("setCurrentSegmentID")[-1] == ("Thrombus",)
    assert len(editor.said("installKeyboardShortcuts")) == 1


def case_reference(case):
    from ThrombusSegParts.mapDisplay import referenceOf

    return referenceOf(case.segmentation)


def test_its_keys_and_eyes_live_only_while_it_is_seen(correcting) -> None:
    editor = correcting.correctPanel.editor
    assert not FakeShortcut.made["Ctrl+Z"].enabled, "while it is unfolded the key is the editor's"
    assert FakeShortcut.made["A"].enabled
    fold(correcting, True)
    assert editor.said("setActiveEffect")[-1] == (None,) and editor.said("uninstallKeyboardShortcuts") == [()]
    assert editor.said("removeViewObservations") == [()] and FakeShortcut.made["Ctrl+Z"].enabled
    fold(correcting, False)
    correcting.exit()
    assert len(editor.said("uninstallKeyboardShortcuts")) == 2
    correcting.initializeParameterNode()
    correcting.onSceneStartClose(None, None)
    assert len(editor.said("installKeyboardShortcuts")) == len(editor.said("uninstallKeyboardShortcuts"))


def test_every_voxel_changed_is_counted(correcting) -> None:
    label = correcting.correctPanel.ui.correctChangesLabel
    assert label.text == "No voxel was changed against the network's mask."
    paint(correcting, (9, slice(5, 7), slice(5, 8)), 1)
    paint(correcting, (3, 10, slice(8, 10)), 0)
    assert label.text == "Against the network's mask: Thrombus: 6 voxels added, 2 removed."
    FakeShortcut.press("A")
    assert label.text == "Against the network's mask: Thrombus: 6 voxels added, 2 removed.", "accepting changes nothing"
    paint(correcting, (9, slice(5, 7), slice(5, 8)), 0)
    paint(correcting, (3, 10, slice(8, 10)), 1)
    assert label.text == "No voxel was changed against the network's mask."
    paint(correcting, (2, slice(2, 4), slice(2, 4)), 1, "Infarct")
    assert label.text.startswith("Against the network's mask: infarct: ")


def test_the_reader_s_own_brush_is_kept(correcting) -> None:
    (node,) = correcting.correctPanel.editor.said("setMRMLSegmentEditorNode")[0]
    node.SetAttribute("BrushAbsoluteDiameter", "3.5")
    fold(correcting, True)
    node.SetAttribute("BrushAbsoluteDiameter", "23.04")  # as the editor does for a new volume
    fold(correcting, False)
    assert node.GetAttribute("BrushAbsoluteDiameter") == "3.5"


def test_overlapping_segments_stay_both(correcting) -> None:
    from ThrombusSegParts.voxels import labelsOf, maskOf

    segmentation = correcting.reviewPanel.desk.case.segmentation
    paint(correcting, (slice(3, 5), slice(10, 14), slice(8, 12)), 1, "Infarct")
    assert maskOf(segmentation, "Thrombus")[3, 10, 8] == 1 and maskOf(segmentation, "Infarct")[3, 10, 8] == 1
    assert labelsOf(segmentation)[3, 10, 8] == 1, "in a label image the thrombus comes first"


def test_slice_intersections_can_be_shown(correcting, headless) -> None:
    display = headless.scene.AddNewNodeByClass("vtkMRMLSliceDisplayNode")
    toggled = correcting.correctPanel.ui.intersectionCheckBox.connected["toggled(bool)"]
    toggled(True)
    assert display.GetIntersectingSlicesVisibility()
    toggled(False)
    assert not display.GetIntersectingSlicesVisibility()
