"""Another threshold without another run, corrections that stay, legends, layouts, and what a saved scene keeps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer")
import numpy as np  # noqa: E402
import vtk  # noqa: E402

QUICK = {"registration": "never"}


@pytest.fixture
def result(headless, tools, realLogic, tinyWeights):
    """A result with a thrombus, whose probability is then replaced by one with three known candidates."""
    inputs = {"SWI": headless.volume(tools.head(1), tools.grid()), "TOF": headless.volume(tools.head(4), tools.grid())}
    made = realLogic.process(inputs, "cpu", str(tinyWeights), {**QUICK, "threshold": 0.999999})
    values = slicer.util.arrayFromVolume(made.probability)
    values[:] = 0.0
    values[3:5, 10:14, 8:12], values[6, 20:22, 20:22], values[8, 30, 30] = 0.9, 0.6, 0.95
    made.probability.Modified()
    return made


def voxels(segmentation, name: str) -> int:
    from ThrombusSegParts.relabel import maskOf

    return int(maskOf(segmentation, name).sum())


def test_labels_and_table_follow_threshold_and_smallest_volume(result) -> None:
    from ThrombusSegParts.relabel import Relabeler, isCorrected, settingsOf

    infarct = voxels(result.segmentation, "Infarct")
    relabeler = Relabeler(result.segmentation)
    assert relabeler.apply(0.5, 0.0) == 3 and voxels(result.segmentation, "Thrombus") == 32 + 4 + 1
    assert relabeler.apply(0.5, 20.0) == 2 and voxels(result.segmentation, "Thrombus") == 36
    assert relabeler.apply(0.7, 20.0) == 1 and result.candidates.GetNumberOfRows() == 1
    assert result.candidates.GetTable().GetColumnByName("Volume (mm³)").GetValue(0) == 32 * 16
    assert settingsOf(result.segmentation) == (0.7, 20.0) and not isCorrected(result.segmentation)
    assert relabeler.apply(0.99, 0.0) == 0 and voxels(result.segmentation, "Thrombus") == 0
    assert result.segmentation.GetAttribute("ThrombusSeg.ThrombusFound") == "False"
    assert voxels(result.segmentation, "Infarct") == infarct, "only the thrombus depends on the threshold"


def test_numbers_are_those_of_the_library(result) -> None:
    from ThrombusSegParts.relabel import Relabeler, imageOf

    from ThrombusSegLib.lesions import CandidateSettings, find_candidates

    Relabeler(result.segmentation).apply(0.5, 0.0)
    expected = find_candidates(imageOf(result.probability), CandidateSettings(0.5)).found
    table = result.candidates.GetTable()
    lengths = [table.GetColumnByName("Length, Feret (mm)").GetValue(row) for row in range(3)]
    assert lengths == [round(each.length_feret_mm, 1) for each in expected]
    right = [table.GetColumnByName("Right (mm)").GetValue(row) for row in range(3)]
    assert right == [round(each.centroid_ras[0], 1) for each in expected]


def test_a_correction_by_hand_is_noticed_and_kept(result) -> None:
    from ThrombusSegParts.relabel import Relabeler, isCorrected

    relabeler = Relabeler(result.segmentation)
    relabeler.apply(0.5, 0.0)
    assert relabeler.isCurrent() and not isCorrected(result.segmentation)
    labelmap = slicer.vtkOrientedImageData()
    result.segmentation.GetBinaryLabelmapRepresentation("Thrombus", labelmap)
    labelmap.SetScalarComponentFromDouble(*labelmap.GetExtent()[::2], 0, 1)
    logic = slicer.vtkSlicerSegmentationsModuleLogic  # as the Segment Editor's effects write
    assert logic.SetBinaryLabelmapToSegment(labelmap, result.segmentation, "Thrombus")
    assert isCorrected(result.segmentation) and not relabeler.isCurrent()
    assert isCorrected(result.segmentation), "asking changes nothing"


def test_a_slider_takes_less_than_a_tenth_of_a_second(headless, tools, realLogic, tinyWeights) -> None:
    """On the size of a clinical scan; a generous limit, as other work may run beside the test."""
    from ThrombusSegParts.relabel import Relabeler

    random = np.random.default_rng(0)
    inputs = {"SWI": headless.volume(tools.head(1), tools.grid())}
    made = realLogic.process(inputs, "cpu", str(tinyWeights), QUICK)
    values = np.zeros((40, 256, 256), dtype=np.float32)
    for z, y, x in random.integers((2, 40, 40), (37, 210, 210), (12, 3)):
        values[z : z + 2, y : y + 5, x : x + 9] = random.uniform(0.3, 1.0)
    for node in (made.probability, *made.attention.values(), inputs["SWI"]):
        slicer.util.updateVolumeFromArray(node, values)
    relabeler = Relabeler(made.segmentation)
    relabeler.apply(0.5, 8.0)
    seconds = []
    for threshold in (0.4, 0.6, 0.7, 0.35):
        start = time.perf_counter()
        relabeler.apply(threshold, 8.0)
        seconds.append(time.perf_counter() - start)
    print(f"fastest {min(seconds):.3f} s of {[round(each, 3) for each in seconds]}")
    assert min(seconds) < 1.0


def test_a_legend_comes_and_goes_with_its_map(result, headless) -> None:
    from ThrombusSegParts.mapDisplay import showMap

    headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode
    assert legend(result.probability) is None
    showMap(result.segmentation, "probability", 0.5)
    assert legend(result.probability).GetVisibility() and legend(result.attention["SWI"]) is None
    showMap(result.segmentation, "SWI", 0.5)
    assert legend(result.attention["SWI"]).GetVisibility() and not legend(result.probability).GetVisibility()
    assert legend(result.attention["SWI"]).GetTitleText() == "Attention to SWI"
    showMap(result.segmentation, "", 0.5)
    assert not legend(result.attention["SWI"]).GetVisibility()


@pytest.fixture
def sideBySide(headless):
    """A function that makes the nodes of a view, as the application does when it builds the layout."""
    layout = headless.scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    def view(name: str, size: tuple[int, int] = (460, 430)) -> tuple[object, object]:
        nodes = []
        for kind in ("vtkMRMLSliceCompositeNode", "vtkMRMLSliceNode"):
            node = getattr(slicer, kind)()
            node.SetSingletonTag(name)
            node.SetLayoutName(name)
            nodes.append(headless.scene.AddNode(node))
        nodes[1].SetDimensions(*size, 1)
        return tuple(nodes)

    return view


def test_side_by_side_has_a_linked_view_for_each_sequence_and_a_way_back(headless, tools, sideBySide) -> None:
    from ThrombusSegParts.layouts import LAYOUT, compareSequences, isComparing, layoutDescription, restoreLayout

    layout = headless.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    volumes = {name: headless.volume(tools.head(1), tools.grid(), name) for name in ("SWI", "DWI")}
    composite, _slice = sideBySide("ThrombusSegDWI")
    before = layout.GetViewArrangement()
    compareSequences(volumes)
    assert isComparing()
    assert composite.GetBackgroundVolumeID() == volumes["DWI"].GetID() and composite.GetLinkedControl()
    assert layout.GetLayoutDescription(LAYOUT) == layoutDescription(("SWI", "DWI"))
    restoreLayout(before)
    assert not isComparing()
    for count, rows in ((1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)):
        names = tuple("abcdef"[:count])
        document = vtk.vtkXMLUtilities.ReadElementFromString(layoutDescription(names))
        assert document is not None and document.GetNumberOfNestedElements() == rows


def test_as_many_columns_as_let_the_slices_be_largest() -> None:
    from ThrombusSegParts.layouts import columnsFor

    assert [columnsFor(count, (1400, 900)) for count in range(1, 7)] == [1, 2, 3, 2, 3, 3]
    assert columnsFor(4, (2400, 700)) == 4 and columnsFor(6, (3000, 600)) == 6, "a wide and low screen"
    assert columnsFor(5, (760, 900)) == 2 and columnsFor(6, (760, 600)) == 2, "bars need their width"
    assert columnsFor(3, (500, 1600)) == 1, "a tall one"


def test_the_last_view_shows_the_probability_and_all_have_one_scale(reviewed, headless, sideBySide) -> None:
    from ThrombusSegParts.candidateTable import candidatePosition
    from ThrombusSegParts.layouts import headBounds, isComparing
    from ThrombusSegParts.mapDisplay import candidatesOf, mapsOf, showReference

    own, ownSlice = sideBySide("Red")
    ownSlice.SetFieldOfView(50.0, 60.0, 1.0)
    pairs = {name: sideBySide(f"ThrombusSeg{name}") for name in ("SWI", "TOF")}
    pairs["Probability"] = sideBySide("ThrombusSegProbability", (700, 430))
    choices = reviewed._parameterNode
    volumes = [headless.scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode") for index in (0, 1)]
    choices.volumeSWI, choices.volumeTOF = volumes
    reviewed.ui.compareButton.connected["clicked(bool)"]()
    assert isComparing() and reviewed.ui.compareButton.text == "Back to my layout"
    probability = mapsOf(choices.segmentation)["probability"]
    last = pairs["Probability"][0]
    assert last.GetBackgroundVolumeID() == volumes[0].GetID() and last.GetForegroundVolumeID() == probability.GetID()
    choices.shownMap = "TOF"
    assert pairs["SWI"][0].GetForegroundVolumeID() == mapsOf(choices.segmentation)["TOF"].GetID()
    showReference(choices.segmentation)
    assert pairs["TOF"][0].GetBackgroundVolumeID() == volumes[1].GetID(), "its own sequence"
    assert last.GetForegroundVolumeID() == probability.GetID() and own.GetBackgroundVolumeID() == volumes[0].GetID()
    reviewed.resultPanel.fitViews()
    head = headBounds(volumes[0])
    fields = {name: pair[1].GetFieldOfView() for name, pair in pairs.items()}
    assert (
        fields["SWI"][0] / 460 == pytest.approx(fields["Probability"][0] / 700) == pytest.approx(fields["TOF"][1] / 430)
    )
    assert all(field[1] >= head[1][1] - head[1][0] and field[0] >= head[0][1] - head[0][0] for field in fields.values())
    seen = [pairs["TOF"][1].GetSliceToRAS().GetElement(row, 3) for row in range(3)]
    middle = [(low + high) / 2 for low, high in head[:2]]
    assert seen == pytest.approx([*middle, candidatePosition(candidatesOf(choices.segmentation), 0)[2]])
    assert ownSlice.GetFieldOfView()[:2] == (50.0, 60.0), "the user's own views keep their zoom"
    reviewed.ui.compareButton.connected["clicked(bool)"]()
    assert not isComparing() and reviewed.ui.compareButton.text == "Side by side"


def test_a_result_that_comes_while_sequences_are_side_by_side_gets_its_view(reviewed, headless, sideBySide) -> None:
    from ThrombusSegParts.layouts import LAYOUT
    from ThrombusSegParts.mapDisplay import mapsOf

    choices, result = reviewed._parameterNode, reviewed._parameterNode.segmentation
    choices.segmentation = None
    choices.volumeSWI, choices.volumeTOF = (
        headless.scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode") for index in (0, 1)
    )
    layout = headless.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    reviewed.ui.compareButton.connected["clicked(bool)"]()
    assert "Probability" not in layout.GetLayoutDescription(LAYOUT)
    composite, _slice = sideBySide("ThrombusSegProbability")
    choices.segmentation = result
    assert "Probability" in layout.GetLayoutDescription(LAYOUT)
    assert composite.GetForegroundVolumeID() == mapsOf(result)["probability"].GetID()
    flair, _slice = sideBySide("ThrombusSegFLAIR")
    choices.volumeFLAIR = choices.volumeTOF
    assert flair.GetBackgroundVolumeID() == choices.volumeTOF.GetID(), "a volume that is chosen now"
    reviewed.ui.compareButton.connected["clicked(bool)"]()
    assert layout.GetViewArrangement() == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView


def test_the_head_is_found_in_a_volume_with_much_air(headless, tools) -> None:
    from ThrombusSegParts.layouts import headBounds

    values = np.zeros((20, 100, 120), np.float32)
    values[:, 20:80, 40:90] = 100.0
    found = headBounds(headless.volume(values, tools.grid(spacing=(2.0, 2.0, 4.0), origin=(0.0, 0.0, 0.0))))
    assert found[0] == pytest.approx((80.0, 178.0), abs=5) and found[1] == pytest.approx((40.0, 158.0), abs=5)
    nothing = headBounds(headless.volume(0 * values, tools.grid(spacing=(2.0, 2.0, 4.0), origin=(0.0, 0.0, 0.0))))
    assert nothing[0] == pytest.approx((0.0, 238.0))


def test_surfaces_stand_on_the_axial_slice(result, headless) -> None:
    from ThrombusSegParts.overlay import showIn3D

    views = {}
    for name in ("Red", "Green", "Yellow"):
        views[name] = headless.scene.AddNewNodeByClass("vtkMRMLSliceNode")
        views[name].SetLayoutName(name)
    for shown in (True, False):
        showIn3D(result.segmentation, shown)
        assert bool(result.segmentation.GetDisplayNode().GetVisibility3D()) is shown
        assert [bool(views[name].GetSliceVisible()) for name in views] == [shown, False, False]


@pytest.fixture
def camera(headless):
    """That of the first 3D view, and before it the one of another view."""
    made = []
    for name in ("2", "1"):
        made.append(headless.scene.AddNewNodeByClass("vtkMRMLCameraNode"))
        made[-1].SetLayoutName(name)
    view = slicer.vtkMRMLViewNode()
    view.SetLayoutName("1")
    headless.scene.AddNode(view)
    return made[1]


def test_the_first_look_at_a_result_comes_from_the_front_and_above(reviewed, headless, camera, result) -> None:
    from ThrombusSegParts.candidateTable import candidatePosition
    from ThrombusSegParts.relabel import Relabeler

    Relabeler(result.segmentation).apply(0.5, 0.0)
    other = headless.scene.GetNthNodeByClass(0, "vtkMRMLCameraNode")
    reviewed.ui.surfaceCheckBox.checked = True
    reviewed.resultPanel.show(result)
    center = candidatePosition(result.candidates, 0)
    assert camera.GetFocalPoint() == pytest.approx(center)
    toward = [eye - point for eye, point in zip(camera.GetPosition(), center, strict=True)]
    assert toward[0] == pytest.approx(0) and toward[1] > toward[2] > 0.4 * toward[1], "anterior, slightly superior"
    assert camera.GetViewUp() == (0.0, 0.0, 1.0) and other.GetPosition() == (0.0, 500.0, 0.0)
    assert result.segmentation.GetDisplayNode().GetVisibility3D()
    content = result.segmentation.GetSegmentation()
    assert content.ContainsRepresentation(
        slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    )


def test_a_camera_that_the_user_has_turned_stays(reviewed, headless, tools, tinyWeights, camera) -> None:
    from ThrombusSegParts.mapDisplay import referenceOf

    first = reviewed._parameterNode.segmentation
    toggle = reviewed.ui.surfaceCheckBox.connected["toggled(bool)"]
    toggle(True)
    aimed = camera.GetPosition()
    assert aimed != (0.0, 500.0, 0.0)
    camera.SetPosition(300.0, 10.0, 20.0)
    toggle(False), toggle(True)
    assert camera.GetPosition() == (300.0, 10.0, 20.0)
    inputs = {"SWI": referenceOf(first)}
    again = reviewed.logic.process(inputs, "cpu", str(tinyWeights), {"registration": "never"})
    reviewed.onDone(again)
    assert camera.GetPosition() == (300.0, 10.0, 20.0), "another result on the same volume"
    inputs = {"SWI": headless.volume(tools.head(7), tools.grid())}
    reviewed.onDone(reviewed.logic.process(inputs, "cpu", str(tinyWeights), {"registration": "never"}))
    assert camera.GetPosition() != (300.0, 10.0, 20.0), "another volume, perhaps of another patient"


def test_a_saved_scene_keeps_the_result_and_its_sliders(result, headless, tmp_path: Path) -> None:
    from ThrombusSegParts.mapDisplay import candidatesOf, mapsOf, referenceOf
    from ThrombusSegParts.relabel import Relabeler, isCorrected, settingsOf

    Relabeler(result.segmentation).apply(0.5, 20.0)
    kept = voxels(result.segmentation, "Thrombus")
    (tmp_path / "scene").mkdir()
    logic = headless.application
    assert logic.SaveSceneToSlicerDataBundleDirectory(str(tmp_path / "scene"), None)
    headless.scene.Clear(0)
    (saved,) = (tmp_path / "scene").glob("*.mrml")
    headless.scene.SetURL(str(saved))
    assert headless.scene.Connect()
    again = headless.scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert again.GetSegmentation().GetSegment("Thrombus").GetName() == "Thrombus"
    assert settingsOf(again) == (0.5, 20.0) and not isCorrected(again)
    assert set(mapsOf(again)) == {"probability", "SWI", "TOF"} and referenceOf(again) is not None
    for key, quantity in (("probability", "Probability"), ("SWI", "Attention")):
        volume = mapsOf(again)[key]
        assert volume.GetVoxelValueQuantity().GetCodeMeaning() == quantity
        assert volume.GetVoxelValueUnits().GetAsString().startswith("CodeValue:1|CodingSchemeDesignator:UCUM")
    table = candidatesOf(again)
    assert table.GetNumberOfRows() == 2 and table.GetTable().GetColumnByName("Volume (mm³)") is not None
    told = (table.GetColumnTitle, table.GetColumnUnitLabel, table.GetColumnDescription)
    assert [tell("Volume (mm³)") for tell in told][:2] == ["V", "mm³"] and "blooming" in told[2]("Volume (mm³)")
    assert table.GetColumnTitle("Rank") == "No." and table.GetUseColumnTitleAsColumnHeader()
    assert voxels(again, "Thrombus") == kept
    assert Relabeler(again).apply(0.5, 0.0) == 3 and voxels(again, "Thrombus") == 37


def test_what_is_read_first_fits_a_narrow_panel_and_has_its_unit(headless) -> None:
    """As many pixels as Slicer's own font takes for a letter, with the margins of a cell; the rest is scrolled to."""
    from ThrombusSegParts.candidateTable import COLUMNS, candidateTable

    row = {"candidate": 12, "status": "✓ accepted", "probability_max": 0.99, "volume_mm3": 1234.0, "side": "right"}
    row |= {"length_centreline_mm": 12.34, "length_feret_mm": 11.0, "segment": "M2 superior", "segment_confidence": 0.8}
    first = ["No.", "Decision", "P", "V", "L", "Side", "Artery"]
    assert [column.header for column in COLUMNS[:7]] == first
    table = candidateTable([row])
    names = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
    assert names[:7] == [column.name for column in COLUMNS[:7]]
    assert [table.GetColumnTitle(name) for name in names[:7]] == first
    widest = [
        max(len(table.GetColumnTitle(name)), len(table.GetTable().GetValueByName(0, name).ToString())) for name in names
    ]
    assert sum(7 * letters + 16 for letters in widest[:7]) <= 450
    assert table.GetColumnUnitLabel("Volume (mm³)") == "mm³" and table.GetColumnUnitLabel("Side") == ""
    assert table.GetColumnDescription("Length, centerline (mm)").startswith("Length, centerline (mm): ")
    del row["length_centreline_mm"]
    other = candidateTable([row])
    assert other.GetColumnName(4) == "Length, Feret (mm)", "where no centerline was measured"
    assert other.GetNumberOfColumns() == table.GetNumberOfColumns() - 1


def test_what_was_said_of_a_result_is_said_again_after_a_reload(reviewed, headless) -> None:
    reviewed.ui.thresholdSlider.value = 0.99
    reviewed.resultPanel.onLabelsWanted()
    said = reviewed.ui.resultLabel.text
    assert said.startswith("No thrombus found at threshold 0.99")
    reviewed._forgetResult()
    assert reviewed.ui.resultLabel.text == "No result yet."
    reviewed._updatePanel()
    assert reviewed.ui.resultLabel.text == said, "the explicit negative comes back with the scene"


def test_a_refused_run_leaves_what_is_said_of_the_result_that_is_shown(reviewed) -> None:
    said = reviewed.ui.resultLabel.text
    reviewed._parameterNode.volumeDWI = reviewed._parameterNode.volumeSWI
    reviewed.ui.segmentButton.connected["clicked(bool)"]()
    assert reviewed.ui.resultLabel.text == said != "No result."


def test_the_map_of_an_earlier_result_goes_when_another_result_comes(reviewed, headless, tools, tinyWeights) -> None:
    """Also while the user is in another module: then no section is connected with the choices."""
    from ThrombusSegParts.mapDisplay import mapsOf, showMap

    view = headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    first = reviewed._parameterNode.segmentation
    showMap(first, "SWI", 0.5)
    assert view.GetForegroundVolumeID() == mapsOf(first)["SWI"].GetID()
    reviewed.exit()
    inputs = {"SWI": headless.volume(tools.head(7), tools.grid())}
    result = reviewed.logic.process(inputs, "cpu", str(tinyWeights), {"registration": "never"})
    reviewed.onDone(result)
    reviewed.initializeParameterNode()
    reviewed._parameterNode.segmentation = result.segmentation  # the stand-in's choices do not lie in the node
    assert view.GetForegroundVolumeID() is None


def surfaces(segmentation) -> dict[str, int]:
    """Points of the surface of each segment in the 3D view; -1 where there is none."""
    closed = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    found = {}
    for name in ("Thrombus", "Infarct"):
        surface = segmentation.GetSegmentation().GetSegment(name).GetRepresentation(closed)
        found[name] = -1 if surface is None else surface.GetNumberOfPoints()
    return found


def test_surfaces_follow_a_slider_and_a_decision(result) -> None:
    from ThrombusSegParts.overlay import showIn3D
    from ThrombusSegParts.relabel import Relabeler, maskOf
    from ThrombusSegParts.voxels import writeSegment

    assert surfaces(result.segmentation) == {"Thrombus": -1, "Infarct": -1}
    relabeler = Relabeler(result.segmentation)
    relabeler.apply(0.5, 0.0)
    assert surfaces(result.segmentation)["Thrombus"] == -1, "nobody has asked for them"
    writeSegment(result.segmentation, "Infarct", 0 * maskOf(result.segmentation, "Infarct"))
    relabeler = Relabeler(result.segmentation)
    showIn3D(result.segmentation, True)
    counts = []
    for threshold, smallest in ((0.5, 0.0), (0.5, 100.0), (0.99, 0.0), (0.5, 0.0)):
        relabeler.apply(threshold, smallest)
        counts.append(surfaces(result.segmentation)["Thrombus"])
    assert counts[0] > counts[1] > counts[2] == 0 and counts[3] == counts[0]
    mask = maskOf(result.segmentation, "Thrombus")
    mask[8] = 0
    writeSegment(result.segmentation, "Thrombus", mask)  # as a rejection does
    assert 0 < surfaces(result.segmentation)["Thrombus"] < counts[0]


def test_an_empty_3d_view_says_how_a_result_is_seen_in_it(reviewed, headless, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("ThrombusSegParts.resultPanel.tellIn3D", said.append)
    toggle = reviewed.ui.surfaceCheckBox.connected["toggled(bool)"]
    reviewed._updatePanel()
    toggle(True)
    toggle(False)
    line = "Check 'In 3D' in the section Result to see the result here."
    assert said == [line, "", line]
    reviewed.exit()
    assert said[-1] == "", "the view is that of another module"


def test_the_line_is_written_into_each_3d_view(monkeypatch) -> None:
    from types import SimpleNamespace

    from ThrombusSegParts.overlay import tellIn3D

    written: list[str] = []
    view = SimpleNamespace(cornerAnnotationText="", setCornerAnnotationText=written.append, scheduleRender=lambda: None)
    widget = SimpleNamespace(threeDView=lambda: view)
    manager = SimpleNamespace(threeDViewCount=2, threeDWidget=lambda index: widget)
    monkeypatch.setattr(slicer, "app", SimpleNamespace(layoutManager=lambda: manager), raising=False)
    tellIn3D("a line")
    tellIn3D("")
    assert written == ["a line", "a line"], "nothing is drawn again where nothing changes"
