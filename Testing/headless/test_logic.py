"""The logic with the real worker and a small network with random weights: from volume nodes to nodes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

QUICK = {"registration": "never"}


def inputsOf(headless, tools, **change) -> dict[str, object]:
    """SWI on an oblique grid, FLAIR on a plain one; ADC said to be absent."""
    swi = headless.volume(tools.head(1), tools.grid(**{"angles": (12.0, -9.0), **change}))
    flair = headless.volume(tools.head(2, (10, 30, 30)), tools.grid(spacing=(2.4, 2.6, 5.0)))
    return {"FLAIR": flair, "SWI": swi, "ADC": None}


def thresholdThatFinds(tools, headless, realLogic, tinyWeights, inputs) -> float:
    """A random network finds something, if the threshold is low enough."""
    import numpy as np

    result = realLogic.process(inputs, "cpu", str(tinyWeights), QUICK)
    values = slicer.util.arrayFromVolume(result.probability)
    return float(np.quantile(values, 0.98))


@pytest.mark.parametrize("grid", [{}, {"flips": (-1, -1, 1)}, {"flips": (1, -1, 1), "spacing": (1.9, 2.2, 3.7)}])
def test_segmentation_has_the_voxels_of_the_file_on_the_grid_of_the_node(
    grid, headless, tools, realLogic, tinyWeights, tmp_path: Path
) -> None:
    import numpy as np
    import SimpleITK as sitk

    inputs = inputsOf(headless, tools, **grid)
    threshold = thresholdThatFinds(tools, headless, realLogic, tinyWeights, inputs)
    result = realLogic.process(inputs, "cpu", str(tinyWeights), {**QUICK, "threshold": threshold})
    assert result.thrombusFound
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "result" / "segmentation.nii.gz")))
    for label, name in ((1, "Thrombus"), (2, "Infarct")):
        voxels = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentation, name, inputs["SWI"])
        np.testing.assert_array_equal(voxels > 0, labels == label)
    assert (labels == 1).sum() > 0
    expected = tools.ijkToRas(inputs["SWI"])
    for volume in (result.probability, *result.attention.values()):
        assert tools.ijkToRas(volume) == expected
    checkMaps(result, tmp_path / "result")


def checkMaps(result, folder: Path) -> None:
    """Values, type, window and color of the maps."""
    import numpy as np
    import SimpleITK as sitk

    files = {"probability_thrombus": result.probability}
    files |= {f"attention_{sequence}": volume for sequence, volume in result.attention.items()}
    assert list(result.attention) == ["SWI", "FLAIR"]
    for name, volume in files.items():
        values = slicer.util.arrayFromVolume(volume)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"{name}.nii.gz"))))
        display = volume.GetDisplayNode()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0.0, 1.0)
        assert not display.GetAutoWindowLevel()
        assert display.GetColorNode().GetName() == "ThrombusSeg map"
        assert volume.GetStorageNode() is None


def test_everything_lies_in_one_folder_beside_the_reference(headless, tools, realLogic, tinyWeights) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless.scene)
    inputs = inputsOf(headless, tools)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.CreateItem(study, inputs["SWI"])
    before = headless.ids()
    result = realLogic.process(inputs, "cpu", str(tinyWeights), QUICK, name="Run 7")
    assert hierarchy.GetItemName(result.folderItem) == "Run 7"
    assert hierarchy.GetItemParent(result.folderItem) == study
    nodes = [result.segmentation, result.probability, *result.attention.values(), result.candidates]
    for node in nodes:
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == result.folderItem
        assert "Doe" not in node.GetName()
    items = {name for name in headless.ids() - before if name.startswith("item ")}
    assert items == {"item Run 7", *(f"item {node.GetName()}" for node in nodes)}


def test_segments_have_codes_colors_and_the_reference(headless, tools, realLogic, tinyWeights) -> None:
    import vtk

    inputs = inputsOf(headless, tools)
    result = realLogic.process(inputs, "cpu", str(tinyWeights), QUICK)
    segmentation = result.segmentation.GetSegmentation()
    entry, logic = slicer.vtkSlicerTerminologyEntry(), slicer.vtkSlicerTerminologiesModuleLogic()
    for name, code in (("Thrombus", "396339007"), ("Infarct", "55641003")):
        segment = segmentation.GetSegment(name)
        assert segment.GetName() == name
        tag = vtk.reference("")
        assert segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
        assert logic.DeserializeTerminologyEntry(str(tag), entry)
        kind = entry.GetTypeObject()
        assert (kind.GetCodingSchemeDesignator(), kind.GetCodeValue(), kind.GetCodeMeaning()) == ("SCT", code, name)
        assert entry.GetCategoryObject().GetCodeValue() == "49755003"
        assert entry.GetRegionObject().GetCodeMeaning() == "Brain"
    assert segmentation.GetSegment("Thrombus").GetColor() != segmentation.GetSegment("Infarct").GetColor()
    role = result.segmentation.GetReferenceImageGeometryReferenceRole()
    assert result.segmentation.GetNodeReference(role) is inputs["SWI"]
    assert result.segmentation.GetAttribute("ThrombusSeg.Weights") == "tiny"
    assert len(result.segmentation.GetAttribute("ThrombusSeg.WeightsSHA256")) == 64


def test_table_has_units_and_the_numbers_of_the_file(headless, tools, realLogic, tinyWeights, tmp_path: Path) -> None:
    import csv

    inputs = inputsOf(headless, tools)
    threshold = thresholdThatFinds(tools, headless, realLogic, tinyWeights, inputs)
    result = realLogic.process(inputs, "cpu", str(tinyWeights), {**QUICK, "threshold": threshold})
    with (tmp_path / "result" / "lesions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = result.candidates
    assert table.GetNumberOfRows() == len(rows) > 0
    titles = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    assert "Volume (mm³)" in titles and "Attention SWI" in titles and "Attention DWI" not in titles
    assert titles[:5] == ["Rank", "Probability (%)", "Volume (mm³)", "Length, centerline (mm)", "Side"]
    keys = {"Volume (mm³)": "volume_mm3", "Right (mm)": "centroid_right_mm", "Attention FLAIR": "attention_FLAIR"}
    for (title, key), decimals in zip(keys.items(), (0, 1, 2), strict=True):
        column = table.GetTable().GetColumnByName(title)
        assert [column.GetValue(row) for row in range(len(rows))] == [round(float(row[key]), decimals) for row in rows]
    assert table.GetTable().GetColumnByName("Side").GetValue(0) == rows[0]["side"]


def test_nothing_found_is_a_result(headless, tools, realLogic, tinyWeights) -> None:
    result = realLogic.process(inputsOf(headless, tools), "cpu", str(tinyWeights), {**QUICK, "threshold": 0.999999})
    assert not result.thrombusFound
    assert result.candidates.GetNumberOfRows() == 0
    assert result.segmentation.GetSegmentation().GetNumberOfSegments() == 2
    from ThrombusSegParts.panelTexts import resultText

    assert resultText(result).startswith(
        "No thrombus found in SWI, FLAIR. This does not mean that no artery is occluded."
    )
    assert "Only 2 of 5 sequences" in resultText(result)


def test_volume_under_a_transform_gives_a_result_where_it_is_seen(headless, tools, realLogic, tinyWeights) -> None:
    import vtk

    inputs = inputsOf(headless, tools)
    transform = headless.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(tools.grid(spacing=(1, 1, 1), origin=(5, -7, 11), angles=(20, -30)))
    for node in inputs.values():
        if node is not None:
            node.SetAndObserveTransformNodeID(transform.GetID())
    result = realLogic.process(inputs, "cpu", str(tinyWeights), QUICK)
    expected, own = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    inputs["SWI"].GetIJKToRASMatrix(own)
    vtk.vtkMatrix4x4.Multiply4x4(transform.GetMatrixTransformToParent(), own, expected)
    assert tools.ijkToRas(result.probability) == pytest.approx(tools.elements(expected), abs=1e-9)
    parameter = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    geometry = vtk.vtkMatrix4x4()
    text = result.segmentation.GetSegmentation().GetConversionParameter(parameter)
    image = slicer.vtkOrientedImageData()
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image)
    image.GetImageToWorldMatrix(geometry)
    assert tools.elements(geometry) == pytest.approx(tools.elements(expected), abs=1e-4)


def test_progress_rises_and_does_not_block(headless, tools, realLogic, tinyWeights) -> None:
    told, done = [], []
    realLogic.startProcess(
        inputsOf(headless, tools), "cpu", str(tinyWeights), QUICK,
        onProgress=lambda value, stage: told.append((value, stage)), onDone=done.append, onError=done.append,
    )  # fmt: skip
    assert realLogic.isBusy() and not done
    assert realLogic._timer.isActive
    tools.wait(realLogic)
    assert done[0].segmentation.GetScene() is headless.scene
    values = [value for value, _stage in told]
    assert values == sorted(values) and len(values) > 3
    assert {"reading", "network", "writing"} <= {stage for _value, stage in told}
    realLogic.poll()
    assert not realLogic._timer.isActive


def test_saved_scene_keeps_the_result(headless, tools, realLogic, tinyWeights, tmp_path: Path) -> None:
    import numpy as np
    from ThrombusSegParts.mapDisplay import candidatesOf, mapsOf

    inputs = inputsOf(headless, tools)
    threshold = thresholdThatFinds(tools, headless, realLogic, tinyWeights, inputs)
    result = realLogic.process(inputs, "cpu", str(tinyWeights), {**QUICK, "threshold": threshold}, name="Run")
    expected = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentation, "Thrombus", inputs["SWI"]).copy()
    attention = slicer.util.arrayFromVolume(result.attention["FLAIR"]).copy()
    rows = result.candidates.GetNumberOfRows()
    bundle = tmp_path / "scene.mrb"
    assert headless.scene.WriteToMRB(str(bundle))
    headless.scene.Clear(0)
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "unpacked")
    (description,) = (tmp_path / "unpacked").rglob("*.mrml")
    headless.scene.SetURL(str(description))
    assert headless.scene.Connect()
    segmentation = slicer.util.getNode("Thrombus segmentation run 2")  # the first run had the name without a number
    assert segmentation.GetAttribute("ThrombusSeg.Weights") == "tiny"
    maps = mapsOf(segmentation)
    assert list(maps) == ["probability", "SWI", "FLAIR"]
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(maps["FLAIR"]), attention)
    assert maps["FLAIR"].GetDisplayNode().GetWindowLevelMax() == 1.0
    colors = maps["FLAIR"].GetDisplayNode().GetColorNode()
    assert colors.GetName() == "ThrombusSeg map" and colors.GetNumberOfColors() == 256
    assert sum(colors.GetLookupTable().GetTableValue(0)[:3]) < 0.5 < sum(colors.GetLookupTable().GetTableValue(255)[:3])
    assert maps["probability"].GetDisplayNode().GetApplyThreshold()
    assert maps["probability"].GetDisplayNode().GetLowerThreshold() == pytest.approx(0.05)
    assert candidatesOf(segmentation).GetNumberOfRows() == rows
    role = segmentation.GetReferenceImageGeometryReferenceRole()
    reference = segmentation.GetNodeReference(role)
    np.testing.assert_array_equal(
        slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, "Thrombus", reference), expected
    )


def test_result_json_is_what_the_logic_hands_on(headless, tools, realLogic, tinyWeights, tmp_path: Path) -> None:
    result = realLogic.process(inputsOf(headless, tools), "cpu", str(tinyWeights), QUICK)
    assert json.loads((tmp_path / "result" / "result.json").read_text(encoding="utf-8")) == result.summary
    assert result.summary["reference"] == "SWI"
    assert "Doe" not in json.dumps(result.summary)


def test_bad_input_gives_the_sentence_of_the_worker(headless, tools, realLogic, tinyWeights) -> None:
    import numpy as np
    from ThrombusSegParts.errors import SegmentationError

    values = tools.head(1)
    values[3, 4, 5] = np.nan
    node = headless.volume(values, tools.grid())
    before = headless.ids()
    with pytest.raises(SegmentationError) as raised:
        realLogic.process({"SWI": node}, "cpu", str(tinyWeights))
    assert raised.value.kind == "input"
    assert "SWI" in raised.value.sentence and "nrrd" not in str(raised.value) and raised.value.advice
    assert headless.ids() == before
    result = realLogic.process(inputsOf(headless, tools), "cpu", str(tinyWeights), QUICK)  # the worker lives on
    assert result.segmentation is not None


def test_a_script_that_lets_go_of_the_logic_leaves_no_worker(headless, tools, tinyWeights, monkeypatch) -> None:
    import gc

    from ThrombusSegParts import logic as module

    logic = module.ThrombusSegLogic(python="")
    logic.process(inputsOf(headless, tools), "cpu", str(tinyWeights), {"registration": "never"})
    worker = logic._worker
    assert worker.isAlive() and logic._timer is None
    del logic
    gc.collect()
    assert not worker.isAlive()


@pytest.mark.parametrize("inputs", [{"SWI": "Sample SWI"}, {"SWI": 3}, None, ["SWI"], {1: None, "X": None}])
def test_what_is_no_volume_is_a_sentence(inputs, headless) -> None:
    from ThrombusSegParts.errors import SegmentationError
    from ThrombusSegParts.logic import ThrombusSegLogic

    with pytest.raises(SegmentationError) as raised:
        ThrombusSegLogic().process(inputs)
    assert raised.value.kind == "input" and raised.value.advice and raised.value.sentence.endswith(".")


def test_an_error_names_sequences_and_no_files(headless, tools, realLogic, tinyWeights) -> None:
    from ThrombusSegParts.errors import SegmentationError

    apart = tools.grid(origin=(900.0, 0.0, 0.0))
    inputs = {"SWI": headless.volume(tools.head(1), tools.grid()), "DWI": headless.volume(tools.head(2), apart)}
    with pytest.raises(SegmentationError) as raised:
        realLogic.process(inputs, "cpu", str(tinyWeights))
    assert raised.value.sentence == "SWI and DWI do not overlap in space."
