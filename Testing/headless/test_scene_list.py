"""The section Work list: what is loaded becomes a list; which volumes belong together, and what is written of them."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


@pytest.fixture
def studies(headless, tools):
    """A function that puts a study of a patient into the scene, as the DICOM reader does; by name of the volume."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless.scene)

    def study(patient: str, *names: str) -> dict[str, object]:
        above = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), patient)
        hierarchy.SetItemUID(above, "DICOM", patient)
        folder = hierarchy.CreateStudyItem(above, "study")
        hierarchy.SetItemUID(folder, "DICOM", f"{patient}.1")
        nodes = {}
        for number, name in enumerate(names):
            nodes[name] = headless.volume(tools.head(number + len(patient)), tools.grid(angles=(4.0, 9.0)), name)
            hierarchy.CreateItem(folder, nodes[name])
        return nodes

    return study


def section(panel):
    return panel.workListPanel


def label(panel) -> str:
    return section(panel).ui.listLabel.text


def answered(panel) -> None:
    """Let writer, worker and loader do all that they were asked."""
    desk, part = panel.reviewPanel.desk, section(panel)
    deadline = time.monotonic() + 120
    while part.writer.isBusy() or desk.worker.isBusy() or part.loader.isBusy():
        assert time.monotonic() < deadline, "it took too long"
        part.writer.step()
        desk.worker.poll()
        part.loader.step()
        time.sleep(0.002)


def press(panel, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("ThrombusSegParts.workListPanel.chooseFolder", lambda: str(folder))
    section(panel).ui.listSceneButton.connected["clicked(bool)"]()


def names(panel) -> list[dict[str, str]]:
    from ThrombusSegParts.parameterNode import chosenVolumes
    from ThrombusSegParts.sceneCases import casesIn

    found = casesIn(slicer.mrmlScene, chosenVolumes(panel._parameterNode))
    return [{sequence: node.GetName() for sequence, node in each.volumes.items()} for each in found.cases]


def test_volumes_of_a_study_are_a_case(panel, studies, headless, tools) -> None:
    studies("A", "t2_swi_tra", "ep2d_diff_b1000", "localizer", "t2_swi_phase?")
    studies("BB", "t2_flair", "TOF_3D")
    headless.volume(tools.head(3), tools.grid(), "SWI of nobody")
    assert names(panel) == [{"SWI": "t2_swi_tra", "DWI": "ep2d_diff_b1000"}, {"FLAIR": "t2_flair", "TOF": "TOF_3D"}]


def test_a_hand_s_choice_comes_before_a_guess(panel, studies) -> None:
    first = studies("A", "t2_swi_tra", "t2_swi_repeat", "ep2d_diff_b1000")
    panel._parameterNode.volumeSWI = first["t2_swi_repeat"]
    assert names(panel) == [{"SWI": "t2_swi_repeat", "DWI": "ep2d_diff_b1000"}]


def test_without_a_study_the_rows_are_a_case(panel, headless, tools) -> None:
    parameters = panel._parameterNode
    assert names(panel) == []
    section(panel).ui.listSceneButton.connected["clicked(bool)"]()
    assert label(panel).startswith("No volume of the scene is known to be one of the sequences")
    parameters.volumeSWI = headless.volume(tools.head(1), tools.grid(), "one")
    parameters.volumeDWI = headless.volume(tools.head(2), tools.grid(), "two")
    headless.volume(tools.head(3), tools.grid(), "three")
    assert names(panel) == [{"SWI": "one", "DWI": "two"}]


def test_the_scene_becomes_a_list_without_names(panel, studies, monkeypatch, tmp_path: Path, tools) -> None:
    import numpy as np
    import SimpleITK as sitk
    from ThrombusSegParts.relabel import imageOf

    first = studies("Meier", "t2_swi_tra", "localizer", "t2_swi_repeat")
    studies("Weber^Anna", "TOF_3D Weber")
    press(panel, monkeypatch, tmp_path)
    answered(panel)
    assert label(panel) == (
        "2 cases from 4 volumes; which belong together is a guess. 1 volume fits no sequence and was left out. "
        "Left out, as it belongs to no study or another fits better: 1 of them. 2 new."
    )
    assert [row[:2] for row in section(panel).ui.listTable.cells] == [["case-001", "new"], ["case-002", "new"]]
    folder = tmp_path / "scene-review"
    assert section(panel).ui.listPathEdit.currentPath == str(folder)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == ["cases.csv", "images/case-001/SWI.nii", "images/case-002/TOF.nii"]
    assert not any(word in path.read_bytes() for path in folder.rglob("*.*") for word in (b"Meier", b"Weber", b"swi_"))
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        assert [row["SWI"] for row in csv.DictReader(file)] == ["images/case-001/SWI.nii", ""]
    written, node = sitk.ReadImage(str(folder / files[1])), imageOf(first["t2_swi_tra"])
    assert (sitk.GetArrayFromImage(written) == sitk.GetArrayFromImage(node)).all()
    assert np.allclose(written.GetDirection(), node.GetDirection(), atol=1e-5)
    assert np.allclose(written.GetOrigin(), node.GetOrigin(), atol=1e-3)
    press(panel, monkeypatch, tmp_path)
    answered(panel)
    assert (tmp_path / "scene-review-2" / "cases.csv").is_file(), "the first list is not touched"
    section(panel).ui.listPathEdit.currentPath = str(folder)
    section(panel).refresh()
    answered(panel)
    assert label(panel) == "2 new.", "what was guessed is said of the new list only"


@pytest.mark.parametrize("how", ["the module is left", "the scene is closed", "the button is pressed again"])
def test_it_stops_and_leaves_nothing(panel, studies, monkeypatch, tmp_path: Path, how: str) -> None:
    studies("A", "t2_swi_tra", "ep2d_diff_b1000")
    (tmp_path / "chosen").mkdir()
    press(panel, monkeypatch, tmp_path / "chosen")
    section(panel).writer.step()
    section(panel).writer.step()
    assert list((tmp_path / "chosen").rglob("*.nii")) and section(panel).ui.listSceneButton.text == "Stop writing"
    if how == "the module is left":
        panel.exit()
    elif how == "the scene is closed":
        panel.onSceneStartClose(None, None)
    else:
        section(panel).ui.listSceneButton.connected["clicked(bool)"]()
    assert not section(panel).writer.isBusy() and list((tmp_path / "chosen").iterdir()) == []
    assert label(panel).startswith("Stopped: no list was made")
    assert section(panel).ui.listSceneButton.text == "Cases in the scene"


def test_a_folder_that_refuses_is_a_sentence(panel, studies, monkeypatch, tmp_path: Path) -> None:
    studies("A", "t2_swi_tra")
    press(panel, monkeypatch, tmp_path / "not there")
    answered(panel)
    assert label(panel) == "The cases could not be written: No such file or directory"


def test_the_prediction_is_kept_and_a_correction_is_not(reviewed, monkeypatch, tmp_path: Path) -> None:
    from ThrombusSegParts.mapDisplay import mapsOf
    from ThrombusSegParts.voxels import labelsOf

    before = labelsOf(reviewed.reviewPanel.desk.case.segmentation)
    reviewed.reviewPanel.decide("rejected")
    answered(reviewed)
    press(reviewed, monkeypatch, tmp_path)
    answered(reviewed)
    assert label(reviewed) == (
        "1 case from 2 volumes. Predictions kept: 1 of 1; corrections by hand stay in the scene. 1 predicted."
    )
    summary = json.loads((tmp_path / "scene-review/results/case-001/result.json").read_text(encoding="utf-8"))
    assert summary["reference"] == "SWI" and summary["threshold"] == 0.5 and len(summary["candidates"]) == 3
    assert "Doe" not in json.dumps(summary) and summary["weights"]["sha256"]
    from ThrombusSegLib.export import read_measured

    assert len(read_measured(tmp_path / "scene-review/results/case-001").thrombi) == 3
    reviewed.savePanel.ui.annotatorEdit.text = "reader-1"
    reviewed.reviewPanel.desk.markSaved()
    section(reviewed).openRow(0)
    answered(reviewed)
    assert label(reviewed) == "case-001 is open."
    segmentation = reviewed._parameterNode.segmentation
    assert (labelsOf(segmentation) == before).all() and set(mapsOf(segmentation)) == {"probability", "SWI", "TOF"}
    assert len(reviewed.reviewPanel.desk.case.entries) == 3


def test_a_prediction_without_its_map_is_not_kept(reviewed, headless, monkeypatch, tmp_path: Path) -> None:
    probability = reviewed._parameterNode.segmentation.GetNodeReference("ThrombusSeg.probability")
    reviewed._parameterNode.segmentation = None
    headless.scene.RemoveNode(probability)
    press(reviewed, monkeypatch, tmp_path)
    answered(reviewed)
    assert "Predictions kept: 0 of 1" in label(reviewed) and label(reviewed).endswith(" 1 new.")
