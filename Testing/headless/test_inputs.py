"""The rows of the sequences: how they fill themselves, what they tell of a volume, and whose choice a choice is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)
import vtk  # noqa: E402

FIGURES = {
    "detection_rate": {"value": 0.8, "low": 0.7, "high": 0.9},
    "false_positives_per_scan": {"value": 0.5, "low": 0.2, "high": 0.8},
    "cases": 60,
}


@pytest.fixture
def studies(headless, tools):
    """A function that puts a study of a patient into the scene, as the DICOM reader does; by name of the volume."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless.scene)

    def study(patient: str, *names: str, values: object = None) -> dict[str, object]:
        above = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), patient)
        hierarchy.SetItemUID(above, "DICOM", patient)
        folder = hierarchy.CreateStudyItem(above, "study")
        hierarchy.SetItemUID(folder, "DICOM", f"{patient}.1")
        nodes = {}
        for name in names:
            nodes[name] = headless.volume(tools.head(1) if values is None else values, tools.grid(), name)
            hierarchy.CreateItem(folder, nodes[name])  # in the application a plugin does it
        return nodes

    yield study
    hierarchy.RemoveAllItems(False)  # a cache of nodes outlives the scene, and finds others at the same address


def chosen(panel) -> dict[str, str]:
    from ThrombusSegParts.parameterNode import chosenVolumes

    return {name: node.GetName() for name, node in chosenVolumes(panel._parameterNode).items() if node is not None}


def test_rows_fill_themselves_and_say_why(panel, studies) -> None:
    studies("A", "t2_swi_tra", "ep2d_diff_b1000", "ep2d_diff_ADC", "t2_flair", "TOF_3D", "localizer")
    panel.inputsPanel.fill()
    assert chosen(panel) == {
        "SWI": "t2_swi_tra", "DWI": "ep2d_diff_b1000", "ADC": "ep2d_diff_ADC", "FLAIR": "t2_flair", "TOF": "TOF_3D"
    }  # fmt: skip
    assert "Chosen by itself: " in panel.inputsPanel.ui.selectorSWI.toolTip
    assert panel.ui.segmentButton.enabled


def test_two_that_fit_one_row_are_told(panel, studies) -> None:
    studies("A", "t2_swi_tra", "t2_swi_repeat")
    panel.inputsPanel.fill()
    ui = panel.inputsPanel.ui
    assert ui.inputWarningSWI.pixmap == "warning" and "Would fit too: " in ui.inputWarningSWI.toolTip


def test_a_projection_is_doubted_and_its_source_preferred(panel, studies) -> None:
    studies("A", "t2_swi_mIP", "tof_3d_MIP")
    panel.inputsPanel.fill()
    ui = panel.inputsPanel.ui
    assert chosen(panel) == {"SWI": "t2_swi_mIP", "TOF": "tof_3d_MIP"}, "better than nothing, with a doubt"
    for warning, kind in ((ui.inputWarningTOF, "projection of an angiogram"), (ui.inputWarningSWI, "minIP SWI")):
        assert warning.pixmap == "warning" and f"A projection ({kind}): its name contains" in warning.toolTip
    studies("A", "tof_3d", "t2_swi", "zz tof_3d_MIP_SAG")
    panel.inputsPanel.fill()
    assert chosen(panel) == {"SWI": "t2_swi", "TOF": "tof_3d"}
    assert "rojection" not in ui.inputWarningTOF.toolTip + ui.inputWarningSWI.toolTip
    assert "Would fit too" not in ui.inputWarningTOF.toolTip, "a projection is no rival of its source"


def test_a_projection_is_doubted_by_its_image_type_too(panel, headless, tools) -> None:
    node = headless.volume(tools.head(1), tools.grid(), "7: TOF_3D")
    node.SetAttribute("DICOM.ImageType", "DERIVED\\SECONDARY\\PROJECTION IMAGE")
    panel.inputsPanel.fill()
    assert chosen(panel) == {"TOF": "7: TOF_3D"}
    assert "its image type is a maximum intensity projection" in panel.inputsPanel.ui.inputWarningTOF.toolTip
    panel._parameterNode.volumeSWI, panel._parameterNode.volumeTOF = node, None
    assert "looks like another image (projection" in panel.inputsPanel.ui.inputWarningSWI.toolTip


def test_a_choice_of_the_user_stays(panel, studies) -> None:
    first = studies("A", "t2_swi_tra", "ep2d_diff_b1000")
    panel.inputsPanel.fill()
    panel._parameterNode.volumeDWI = None
    panel._parameterNode.volumeSWI = first["ep2d_diff_b1000"]
    studies("A", "ep2d_diff_b1000 again", "t2_flair")
    panel.inputsPanel.fill()
    assert chosen(panel)["SWI"] == "ep2d_diff_b1000" and "DWI" not in chosen(panel)
    assert panel.inputsPanel.decided() == {"SWI", "DWI"}
    panel.inputsPanel.fillAgain()
    assert chosen(panel)["SWI"] == "t2_swi_tra" and panel.inputsPanel.decided() == set()


def test_a_deleted_volume_leaves_its_row_empty(panel, headless, studies) -> None:
    nodes = studies("A", "t2_swi_tra", "ep2d_diff_b1000")
    panel.inputsPanel.fill()
    headless.scene.RemoveNode(nodes["t2_swi_tra"])
    assert chosen(panel) == {"DWI": "ep2d_diff_b1000"}


def test_swapping_is_one_press(panel, studies) -> None:
    studies("A", "t2_swi_tra", "ep2d_diff_b1000")
    panel.inputsPanel.fill()
    panel.inputsPanel.ui.inputSwapSWI.connected["clicked(bool)"]()
    assert chosen(panel) == {"SWI": "ep2d_diff_b1000", "DWI": "t2_swi_tra"}
    assert panel.inputsPanel.decided() == {"SWI", "DWI"}
    assert "looks like another image" in panel.inputsPanel.ui.inputWarningSWI.toolTip


def test_patients_are_not_mixed_unless_somebody_says_so(panel, studies) -> None:
    studies("A", "t2_swi_tra")
    other = studies("B", "ep2d_diff_b1000", "t2_flair")
    panel.inputsPanel.fill()
    assert chosen(panel) == {"DWI": "ep2d_diff_b1000", "FLAIR": "t2_flair"}  # the richer study, and none of the other's
    panel._parameterNode.volumeSWI = slicer.mrmlScene.GetFirstNodeByName("t2_swi_tra")
    ui = panel.inputsPanel.ui
    assert "different patients" in ui.inputProblemLabel.text and not panel.ui.segmentButton.enabled
    ui.inputCombineCheckBox.connected["clicked(bool)"](True)
    assert panel.ui.segmentButton.enabled
    panel._parameterNode.volumeDWI = None  # the permission was for other volumes
    assert not panel.ui.segmentButton.enabled
    panel._parameterNode.volumeFLAIR, panel._parameterNode.volumeSWI = None, other["ep2d_diff_b1000"]
    assert panel.ui.segmentButton.enabled and not ui.inputProblemLabel.visible


def test_a_study_loaded_while_segmenting_changes_no_row(panel, studies, monkeypatch) -> None:
    monkeypatch.setattr(panel.inputsPanel, "_isBusy", lambda: True)
    studies("A", "t2_swi_tra")
    panel.inputsPanel.fill()
    assert chosen(panel) == {}


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({}, "same", "Same grid as SWI"),
        ({"spacing": (1.0, 1.0, 2.0)}, "resampled", "Will be resampled onto the grid of SWI"),
        ({"origin": (500.0, 0.0, 0.0)}, "apart", "Does not overlap SWI"),
    ],
)
def test_state_of_a_volume_against_the_reference(panel, headless, tools, change, key, text) -> None:
    panel._parameterNode.volumeSWI = headless.volume(tools.head(1), tools.grid(), "swi")
    panel._parameterNode.volumeFLAIR = headless.volume(tools.head(2), tools.grid(**change), "flair")
    ui = panel.inputsPanel.ui
    assert ui.inputStateSWI.pixmap == "reference"
    assert ui.inputStateFLAIR.pixmap == key and text in ui.inputStateFLAIR.toolTip


def test_other_coordinates_of_the_scanner_mean_registration(headless, tools) -> None:
    from ThrombusSegParts.inputGuess import Origin
    from ThrombusSegParts.inputState import stateOf

    nodes = [headless.volume(tools.head(1), tools.grid(), name) for name in ("one", "other")]
    for number, node in enumerate(nodes):
        node.SetAttribute("DICOM.FrameOfReferenceUID", f"1.2.{number}")
    assert stateOf("DWI", nodes[1], "SWI", nodes[0], (Origin(), Origin())).key == "registered"
    assert stateOf("DWI", nodes[1], "SWI", nodes[0], (Origin("A"), Origin("B"))).key == "stranger"
    assert stateOf("DWI", nodes[1], "SWI", nodes[0], (Origin("A", "1"), Origin("A", "2"))).key == "stranger"


@pytest.mark.parametrize(
    ("sequence", "values", "doubt"),
    [
        ("ADC", 800.0 + 100 * np.random.default_rng(1).random((24, 20, 20)), ""),
        ("ADC", 40000.0 * np.random.default_rng(1).random((24, 20, 20)), "not those of an ADC map"),
        ("SWI", np.zeros((24, 20, 20)), "All its voxels are the same"),
        ("TOF", np.random.default_rng(1).random((4, 20, 20)), "only 4 slices"),
    ],
)
def test_a_volume_unlike_its_sequence_is_doubted(headless, sequence, values, doubt) -> None:
    from ThrombusSegParts.inputGuess import candidateOf
    from ThrombusSegParts.inputState import doubts

    found = doubts(sequence, candidateOf(headless.volume(values, name="image")))
    assert (found == []) if doubt == "" else any(doubt in each for each in found)


def test_reference_is_the_one_the_library_takes() -> None:
    from ThrombusSegParts.inputState import REFERENCE_ORDER

    from ThrombusSegLib.preprocess.prepare import REFERENCE_ORDER as OURS

    assert tuple(each.value for each in OURS) == REFERENCE_ORDER


def test_cost_of_absence_is_told_for_exactly_these_sequences() -> None:
    from ThrombusSegParts.absenceCost import costText

    every = {"subsets": {"SWI+DWI": FIGURES, "SWI+DWI+ADC+FLAIR+TOF": {**FIGURES, "cases": 61}}}
    text = costText(every, ["DWI", "SWI"])
    assert "Without ADC, FLAIR, TOF: on simulated strokes SWI, DWI find 80\xa0% of 60 thrombi" in text
    assert "All five find" in text and "of 61 thrombi" in text
    few = {
        "subsets": {"SWI": {**FIGURES, "with_thrombus": 3, "detection_rate": {"value": 1.0, "low": None, "high": None}}}
    }
    assert "find 100\xa0% of 3 thrombi (0." in costText(few, ["SWI"]), "without an interval"
    assert "not known" in costText(every, ["SWI"]) and "not known" in costText({}, ["SWI"])
    assert costText(every, []) == ""
    assert "not known" in costText({"subsets": {"SWI": {"detection_rate": {"value": math.nan}}}}, ["SWI"])


def test_evaluation_of_other_weights_does_not_count(tinyWeights, tmp_path) -> None:
    import shutil

    from ThrombusSegParts.absenceCost import evaluationFile, evaluationOf

    weights = tmp_path / "mine.safetensors"
    shutil.copy(tinyWeights, weights)
    assert evaluationOf(str(weights)) == {}
    from ThrombusSegLib.weights.registry import find_weights

    for sha, known in ((find_weights(weights).sha256, True), ("0" * 64, False)):
        content = {"weights": {"sha256": sha}, "subsets": {"SWI": FIGURES}}
        evaluationFile(weights).write_text(json.dumps(content), encoding="utf-8")
        assert bool(evaluationOf(str(weights))) is known


@pytest.mark.parametrize("count", [1, 4, 5])
def test_a_slice_or_two_are_no_volume(count, headless, tools) -> None:
    from ThrombusSegParts.inputGuess import candidateOf
    from ThrombusSegParts.inputState import doubts

    found = doubts("SWI", candidateOf(headless.volume(tools.head(1)[:count], tools.grid(), "swi")))
    slices = "1 slice" if count == 1 else f"{count} slices"
    assert found == ([] if count == 5 else [f"It has only {slices}: it looks unlike a volume of a head."])


@pytest.mark.parametrize(("name", "part"), [("flair T1", "T1"), ("AX FLAIR T1 post", "T1"), ("ax flair", "")])
def test_a_name_that_contradicts_itself_is_doubted(name, part, headless, tools) -> None:
    from ThrombusSegParts.inputGuess import candidateOf
    from ThrombusSegParts.inputState import doubts

    candidate = candidateOf(headless.volume(tools.head(1), tools.grid(), name))
    assert candidate.sequence == "FLAIR"
    text = f"Perhaps not FLAIR: its name also contains '{part}'."
    assert doubts("FLAIR", candidate) == ([text] if part else [])


@pytest.fixture
def clock(monkeypatch):
    """The clock by which volumes come together; a list of one number that a test moves on."""
    seconds = [1000.0]
    monkeypatch.setattr("ThrombusSegParts.arrivals.time.monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def load(headless, tools):
    """A function that loads files of which only the names are known; by name of the volume."""
    return lambda *names: {name: headless.volume(tools.head(len(name)), tools.grid(), name) for name in names}


@pytest.fixture
def added(panel, headless, monkeypatch):
    """A function that adds a scene with these choices to the one that is open, as MRML does.

    Its node of the choices is copied over the one that is there (measured on vtkMRMLScene::Import).
    """

    def add(bring, decided: str = "") -> None:
        choices, scene = panel._parameterNode, headless.scene
        monkeypatch.setattr(panel.logic, "getParameterNode", lambda: choices)
        scene.StartState(slicer.vtkMRMLScene.ImportState)
        rows = bring()
        for sequence in ("SWI", "DWI", "ADC", "FLAIR", "TOF"):
            setattr(choices, f"volume{sequence}", rows.get(sequence))
        choices.decidedSequences = decided
        scene.EndState(slicer.vtkMRMLScene.ImportState)
        panel.inputsPanel.fill()

    return add


@pytest.mark.parametrize("isDecided", [False, True])
def test_a_scene_that_is_added_changes_no_row_and_mixes_nothing(panel, load, added, isDecided) -> None:
    load("A_swi", "A_dwi", "A_adc")
    panel.inputsPanel.fill()
    if isDecided:
        panel._parameterNode.volumeADC = None
    before, decided = chosen(panel), panel.inputsPanel.decided()
    assert before["SWI"] == "A_swi" and decided == ({"ADC"} if isDecided else set())

    def bring() -> dict[str, object]:
        nodes = load("B_swi", "B_flair", "B_tof")
        return {"SWI": nodes["B_swi"], "FLAIR": nodes["B_flair"], "TOF": nodes["B_tof"]}

    added(bring)
    assert chosen(panel) == before, "neither emptied nor filled with what nobody knows to be of the same patient"
    assert panel.inputsPanel.decided() == decided, "whose choice it was is not forgotten"
    ui = panel.inputsPanel.ui
    assert ui.inputWarningFLAIR.pixmap == "warning" and "Left empty: B_flair would fit" in ui.inputWarningFLAIR.toolTip
    panel.inputsPanel.fillAgain()
    mine = {name[0] for name in chosen(panel).values()}
    assert len(mine) == 1, chosen(panel)


def test_a_scene_brings_its_rows_where_there_were_none(panel, load, added) -> None:
    added(lambda: {"DWI": load("swi_of_b")["swi_of_b"]}, "DWI")
    assert chosen(panel) == {"DWI": "swi_of_b"} and panel.inputsPanel.decided() == {"DWI"}


def test_files_that_come_later_are_told_of_and_not_mixed_in(panel, load, clock) -> None:
    load("one_swi", "one_dwi")
    clock[0] += 2.0
    load("one_adc")
    panel.inputsPanel.fill()
    clock[0] += 60.0
    other = load("two_swi", "two_flair", "two_tof")
    panel.inputsPanel.fill()
    assert set(chosen(panel)) == {"SWI", "DWI", "ADC"}
    ui = panel.inputsPanel.ui
    assert "nothing says that it shows the same patient" in ui.inputWarningTOF.toolTip
    assert "two_swi would fit too; nothing says" in ui.inputWarningSWI.toolTip
    panel._parameterNode.volumeFLAIR = other["two_flair"]  # the user knows
    panel.inputsPanel.fill()
    assert chosen(panel) == {
        "SWI": "one_swi", "DWI": "one_dwi", "ADC": "one_adc", "FLAIR": "two_flair", "TOF": "two_tof"
    }  # fmt: skip


def test_inputs_of_a_stored_result_stay_among_themselves(panel, headless, load, added) -> None:
    """A scene with two patients of whom only names are known: each was segmented once."""

    def bring() -> dict[str, object]:
        nodes = load("A_swi", "B_flair", "B_tof", "A_dwi", "B_dwi", "C_adc")
        for sequences in ({"SWI": "A_swi", "DWI": "A_dwi"}, {"FLAIR": "B_flair", "TOF": "B_tof", "DWI": "B_dwi"}):
            segmentation = headless.scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
            for sequence, name in sequences.items():
                segmentation.SetNodeReferenceID(f"ThrombusSeg.Input{sequence}", nodes[name].GetID())
        return {}

    added(bring)
    assert chosen(panel) == {"FLAIR": "B_flair", "TOF": "B_tof", "DWI": "B_dwi"}
    panel.inputsPanel.fillAgain()
    assert {name[0] for name in chosen(panel).values()} == {"B"}


def test_two_patients_in_the_rows_are_told_in_each_row(panel, headless, tools, studies) -> None:
    """Also where the reference is of an unknown patient, so that the state of neither row can tell."""
    first, second = studies("A", "ep2d_diff_b1000"), studies("B", "t2_flair", "TOF_3D")
    choices, ui = panel._parameterNode, panel.inputsPanel.ui
    choices.volumeSWI = headless.volume(tools.head(1), tools.grid(), "swi of somebody")
    choices.volumeDWI, choices.volumeFLAIR = first["ep2d_diff_b1000"], second["t2_flair"]
    assert ui.inputWarningDWI.pixmap == ui.inputWarningFLAIR.pixmap == "warning"
    assert "Belongs to another patient than the volume of FLAIR." in ui.inputWarningDWI.toolTip
    assert "Belongs to another patient than the volume of DWI." in ui.inputWarningFLAIR.toolTip
    assert "another patient" not in ui.inputWarningSWI.toolTip
    choices.volumeTOF, rows = None, chosen(panel)
    panel.inputsPanel.fill()
    assert chosen(panel) == rows, "the program adds nothing to it"


def test_the_same_volume_in_two_rows_is_told_at_once(panel, load) -> None:
    nodes = load("swi", "dwi", "adc")
    panel.inputsPanel.fill()
    choices, ui, main = panel._parameterNode, panel.inputsPanel.ui, panel.ui
    assert main.segmentButton.enabled and not main.problemLabel.visible
    choices.volumeDWI = nodes["swi"]
    for label in (ui.inputStateSWI, ui.inputStateDWI):
        assert label.pixmap == "twice" and label.toolTip == "The same volume is chosen for SWI and DWI."
    assert ui.inputStateADC.pixmap == "same", "what is right is not told to be wrong"
    said = "Choose another volume for SWI or DWI, or none: the same one is chosen for each of them."
    assert main.problemLabel.visible and main.problemLabel.text == main.segmentButton.toolTip == said
    assert not main.segmentButton.enabled
    choices.volumeSWI = None
    assert main.segmentButton.enabled and not main.problemLabel.visible
    assert main.segmentButton.toolTip == "Find the thrombus on the chosen sequences"


def test_a_volume_that_lies_elsewhere_stops_the_button_until_it_is_moved(panel, headless, load) -> None:
    nodes = load("swi", "dwi")
    panel.inputsPanel.fill()
    main, transform = panel.ui, headless.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 900.0)
    transform.SetMatrixTransformToParent(matrix)
    nodes["dwi"].SetAndObserveTransformNodeID(transform.GetID())
    moved(panel)
    assert main.problemLabel.text == "Choose another volume for DWI, or none: it does not overlap SWI in space."
    assert main.problemLabel.visible and not main.segmentButton.enabled
    assert panel.inputsPanel.ui.inputStateDWI.pixmap == "apart"
    matrix.SetElement(0, 3, 3.0)
    transform.SetMatrixTransformToParent(matrix)
    moved(panel)
    assert main.segmentButton.enabled and not main.problemLabel.visible
    panel.exit()
    nodes["dwi"].SetAndObserveTransformNodeID(None)
    assert not panel.inputsPanel._timer.isActive and panel.inputsPanel._watched == []


def moved(panel) -> None:
    """The timer that a change of a chosen volume starts."""
    assert panel.inputsPanel._timer.isActive
    panel.inputsPanel.fill()


def test_a_bent_reference_is_told_in_its_own_row(panel, headless, load) -> None:
    nodes = load("swi", "dwi")
    panel.inputsPanel.fill()
    bent, ui = headless.scene.AddNewNodeByClass("vtkMRMLBSplineTransformNode"), panel.inputsPanel.ui
    nodes["swi"].SetAndObserveTransformNodeID(bent.GetID())
    moved(panel)
    assert ui.inputStateSWI.pixmap == "bent" and "not linear" in ui.inputStateSWI.toolTip
    assert panel.ui.problemLabel.text.startswith("Harden the transform of the volume of SWI")
    assert ui.inputStateDWI.toolTip == "Not compared: the volume of SWI cannot be used."


def test_a_volume_without_voxels_stops_the_button(panel, headless, load) -> None:
    load("swi")
    panel.inputsPanel.fill()
    panel._parameterNode.volumeTOF = headless.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    assert panel.ui.problemLabel.text == "Choose another volume for TOF, or none: this one cannot be used."
    assert panel.inputsPanel.ui.inputStateTOF.toolTip == "The volume chosen for TOF has no voxels."
    assert not panel.ui.segmentButton.enabled
