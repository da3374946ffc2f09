"""A second run on the same volumes: what it takes the place of, and what it leaves alone."""

from __future__ import annotations

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

QUICK = {"registration": "never", "threshold": 0.0042}


@pytest.fixture
def segment(panel, headless, tools, tinyWeights, monkeypatch):
    """A function that presses Segment and waits; the result on the panel."""
    start = panel.logic.startProcess
    monkeypatch.setattr(
        panel.logic,
        "startProcess",
        lambda inputs, device="", weights="", *more, **rest: start(
            inputs, "cpu", str(tinyWeights), *(more or (QUICK,)), **rest
        ),
    )
    panel._parameterNode.volumeSWI = headless.volume(tools.head(1), tools.grid(), "t2_swi")
    panel._parameterNode.volumeTOF = headless.volume(tools.head(4), tools.grid(), "tof")

    def press():
        panel.ui.segmentButton.connected["clicked(bool)"]()
        tools.wait(panel.logic)
        return panel._parameterNode.segmentation

    return press


def results(headless) -> list[str]:
    """Names of all nodes of results, and of their folders."""
    scene = headless.scene
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    folders = [name for name in headless.ids() if name.startswith("item Thrombus segmentation 20")]
    return sorted(
        [node.GetName() for node in nodes if node.GetAttribute("ThrombusSeg.Role")] + ["folder"] * len(folders)
    )


def test_another_run_on_the_same_volumes_takes_the_place_of_the_first(panel, headless, segment) -> None:
    view = headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    first = segment()
    before = results(headless)
    count = headless.scene.GetNumberOfNodes()
    panel.ui.thresholdSlider.value = 0.003
    panel.resultPanel.onLabelsWanted()  # a slider is no work: its settings are not those of the next run anyway
    panel.ui.mapComboBox.connected["currentIndexChanged(int)"](2)
    assert view.GetForegroundVolumeID()
    count = headless.scene.GetNumberOfNodes() - 1  # the legend of that map
    second = segment()
    assert second is not first and not headless.scene.IsNodePresent(first)
    assert results(headless) == before and second.GetName() == "Thrombus segmentation"
    assert headless.scene.GetNumberOfNodes() == count, "no display or storage node stays behind"
    assert view.GetForegroundVolumeID() is None and panel.ui.candidatesTable.table.GetScene() is headless.scene
    assert "kept" not in panel.ui.resultLabel.text


def accept(panel, segmentation) -> None:
    panel.reviewPanel.go(0)
    panel.reviewPanel.decide("accepted")


def paintInfarct(panel, segmentation) -> None:
    from ThrombusSegParts.relabel import maskOf
    from ThrombusSegParts.voxels import labelsOf, writeSegment

    panel.ui.thresholdSlider.value = 0.9  # the thrombus of a random network is everywhere
    panel.resultPanel.onLabelsWanted()
    mask = maskOf(segmentation, "Infarct")
    mask[tuple(axis[0] for axis in (labelsOf(segmentation) != 1).nonzero())] ^= 1
    writeSegment(segmentation, "Infarct", mask)


def save(panel, segmentation) -> None:
    from ThrombusSegParts.savedFacts import noteSaved

    noteSaved(segmentation, case="case-1", folder="/somewhere", version=1)


def tick(panel, segmentation) -> None:
    from ThrombusSegParts.reviewScores import noteScores

    noteScores(segmentation, parts=["M1"], score=9)


def addSegment(panel, segmentation) -> None:
    segmentation.GetSegmentation().AddEmptySegment("mine")


def rename(panel, segmentation) -> None:
    segmentation.SetName("To be shown on Monday")


@pytest.mark.parametrize("work", [accept, paintInfarct, save, tick, addSegment, rename])
def test_a_result_that_somebody_worked_on_is_kept(work, panel, headless, segment) -> None:
    first = segment()
    work(panel, first)
    name = first.GetName()
    second = segment()
    assert headless.scene.IsNodePresent(first) and first.GetName() == name
    said = panel.ui.resultLabel.text.splitlines()[-1]
    assert "earlier result is kept" in said and said.endswith(f"called {second.GetName()}.")
    assert {name for name in results(headless) if name.endswith(" run 2")} == {
        "Thrombus segmentation run 2", "Thrombus probability run 2", "Thrombus candidates run 2",
        "Attention SWI run 2", "Attention TOF run 2",
    }  # fmt: skip
    third = segment()
    assert not headless.scene.IsNodePresent(second) and headless.scene.IsNodePresent(first)
    assert third.GetName() == "Thrombus segmentation run 2"


def test_what_was_painted_before_a_slider_was_moved_is_still_work(panel, headless, segment) -> None:
    first = segment()
    paintInfarct(panel, first)
    panel.ui.thresholdSlider.value = 0.8
    panel.resultPanel.onLabelsWanted()
    segment()
    assert headless.scene.IsNodePresent(first)


def test_other_volumes_and_results_of_scripts_are_left_alone(panel, headless, tools, segment, tinyWeights) -> None:
    first = segment()
    mine = panel.logic.process({"SWI": panel._parameterNode.volumeSWI}, "cpu", str(tinyWeights), QUICK)
    again = panel.logic.process({"SWI": panel._parameterNode.volumeSWI}, "cpu", str(tinyWeights), QUICK)
    assert mine.segmentation is not again.segmentation
    panel._parameterNode.volumeTOF = None
    second = segment()
    for node in (first, mine.segmentation, mine.probability, again.candidates, second):
        assert headless.scene.IsNodePresent(node)
    assert second.GetName() == "Thrombus segmentation run 4" and "kept" not in panel.ui.resultLabel.text


def test_a_canceled_or_failing_run_loses_nothing(panel, headless, tools, segment, monkeypatch) -> None:
    first = segment()
    before = headless.ids()
    panel.ui.segmentButton.connected["clicked(bool)"]()
    panel.ui.cancelButton.connected["clicked(bool)"]()
    tools.wait(panel.logic)
    assert headless.ids() == before and panel._parameterNode.segmentation is first

    def fail(*arguments: object, **rest: object) -> None:
        raise ValueError("It does not fit.")

    monkeypatch.setattr("ThrombusSegParts.earlierResults.placeResult", fail)
    assert segment() is first and headless.ids() == before
    assert "could not be loaded" in panel.ui.stageLabel.text


def test_a_run_that_ends_in_another_module_leaves_no_case_on_the_desk(panel, headless, segment, tools) -> None:
    segment()
    panel.ui.segmentButton.connected["clicked(bool)"]()
    panel.exit()
    tools.wait(panel.logic)
    assert panel.reviewPanel.desk.case is None
    panel.initializeParameterNode()
    assert results(headless).count("folder") == 1


def test_what_a_user_put_into_the_folder_stays(panel, headless, segment) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless.scene)
    first = segment()
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(first))
    note = headless.scene.AddNewNodeByClass("vtkMRMLTextNode", "note")
    hierarchy.CreateItem(folder, note)
    segment()
    assert headless.scene.IsNodePresent(note) and hierarchy.GetItemName(folder)


def test_what_a_deleted_segmentation_has_left_goes_with_the_next_run(panel, headless, tools, segment) -> None:
    from ThrombusSegParts.mapDisplay import mapsOf

    first = segment()
    before = results(headless)
    kept = panel.logic.process({"SWI": panel._parameterNode.volumeSWI}, "cpu", options=QUICK)
    headless.scene.RemoveNode(kept.segmentation)
    maps = [node.GetID() for node in mapsOf(first).values()]
    headless.scene.RemoveNode(first)
    panel._parameterNode.segmentation = None
    panel._parameterNode.volumeSWI, other = None, panel._parameterNode.volumeSWI
    segment()
    assert all(headless.scene.GetNodeByID(each) for each in maps), "other volumes: it may be wanted"
    headless.scene.RemoveNode(panel._parameterNode.segmentation)
    panel._parameterNode.segmentation, panel._parameterNode.volumeSWI = None, other
    second = segment()
    assert second.GetName() == "Thrombus segmentation" and headless.scene.IsNodePresent(kept.probability)
    names = [name for name in results(headless) if not name.endswith((" run 2", " run 3"))]
    assert [name for name in names if name != "folder"] == [name for name in before if name != "folder"]


def choose(panel, segmentation) -> None:
    """In the list, as a user does."""
    results = panel.ui.resultComboBox
    place = [identifier for _text, identifier in results.items].index(segmentation.GetID())
    results.connected["currentIndexChanged(int)"](place)


def visible(*segmentations) -> list[bool]:
    return [bool(each.GetDisplayNode().GetVisibility()) for each in segmentations]


def test_one_of_several_results_is_chosen(panel, headless, segment) -> None:
    from ThrombusSegParts.mapDisplay import candidatesOf, mapsOf
    from ThrombusSegParts.relabel import settingsOf

    view, ui = headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode"), panel.ui
    assert not ui.resultComboBox.visible and not ui.resultChoiceLabel.visible
    first = segment()
    assert not ui.resultComboBox.visible, "there is no choice"
    ui.thresholdSlider.value = 0.8
    panel.resultPanel.onLabelsWanted()
    said = ui.resultLabel.text
    rename(panel, first)
    second = segment()
    assert ui.resultComboBox.visible and ui.resultChoiceLabel.visible
    assert [text for text, _id in ui.resultComboBox.items] == [second.GetName(), "To be shown on Monday"]
    assert ui.resultComboBox.currentIndex == 0 and visible(first, second) == [False, True]
    panel._parameterNode.shownMap = "SWI"
    assert view.GetForegroundVolumeID() == mapsOf(second)["SWI"].GetID()
    choose(panel, first)
    assert panel._parameterNode.segmentation is first and ui.resultComboBox.currentIndex == 1
    assert visible(first, second) == [True, False]
    assert view.GetForegroundVolumeID() == mapsOf(first)["SWI"].GetID()
    assert ui.candidatesTable.table is candidatesOf(first) and ui.resultLabel.text == said
    assert ui.thresholdSlider.value == 0.8 and settingsOf(second)[0] == pytest.approx(0.0042)
    ui.thresholdSlider.value = 0.7
    panel.resultPanel.onLabelsWanted()
    assert settingsOf(first)[0] == 0.7 and settingsOf(second)[0] == pytest.approx(0.0042), "of the chosen one only"
    assert panel.reviewPanel.desk.case.segmentation is first, "the review follows"


def test_a_result_that_is_deleted_leaves_the_list_and_the_other_can_be_shown(panel, headless, segment) -> None:
    first = segment()
    rename(panel, first)
    second = segment()
    headless.scene.RemoveNode(second)
    panel._parameterNode.segmentation = None  # the real choices follow by themselves
    ui = panel.ui
    assert ui.resultComboBox.items == [("To be shown on Monday", first.GetID())] and ui.resultComboBox.visible
    assert ui.resultComboBox.currentIndex == -1
    choose(panel, first)
    assert visible(first) == [True] and not ui.resultComboBox.visible


def test_the_chosen_result_is_the_one_shown_after_a_reload(panel, headless, segment, tmp_path) -> None:
    """The choice itself lies in the node of the choices; here the stand-in is told again."""
    first = segment()
    rename(panel, first)
    segment()
    choose(panel, first)
    folder = tmp_path / "scene"
    folder.mkdir()
    assert headless.application.SaveSceneToSlicerDataBundleDirectory(str(folder), None)
    panel.onSceneStartClose(None, None)
    headless.scene.Clear(0)
    panel.onSceneEndClose(None, None)
    assert not panel.ui.resultComboBox.visible
    headless.scene.SetURL(str(next(folder.glob("*.mrml"))))
    assert headless.scene.Connect()
    first, second = (headless.scene.GetNthNodeByClass(index, "vtkMRMLSegmentationNode") for index in (0, 1))
    panel._parameterNode.segmentation = first
    assert first.GetName() == "To be shown on Monday" and visible(first, second) == [True, False]
    assert panel.ui.resultComboBox.visible and panel.ui.resultComboBox.currentIndex == 1


def test_results_of_one_name_are_told_apart(panel, headless, segment) -> None:
    """As after a scene was added to itself."""
    first = segment()
    rename(panel, first)
    second = segment()
    second.SetName(first.GetName())
    panel._updatePanel()
    texts = [text for text, _id in panel.ui.resultComboBox.items]
    assert all(text.startswith("To be shown on Monday, 20") for text in texts), texts


def test_a_saved_scene_that_is_added_does_not_draw_two_results_over_each_other(panel, headless, segment) -> None:
    first = segment()
    rename(panel, first)
    second = segment()
    first.GetDisplayNode().SetVisibility(True)  # as the scene that is added has it
    panel.resultPanel.forgetResult()
    panel._updatePanel()
    assert visible(first, second) == [False, True]
    second.GetDisplayNode().SetVisibility(False)
    panel.resultPanel.forgetResult()
    panel._updatePanel()
    assert visible(second) == [False], "as it was saved"


def test_views_that_an_added_scene_has_emptied_show_the_reference(panel, headless, segment, monkeypatch) -> None:
    view = headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    first, later = segment(), []
    shown = view.GetBackgroundVolumeID()
    monkeypatch.setattr("ThrombusSegParts.resultPanel.qt.QTimer.singleShot", lambda wait, call: later.append(call))
    view.SetBackgroundVolumeID(None)
    panel.resultPanel.forgetResult()
    panel._updatePanel()
    assert panel._parameterNode.segmentation is first and len(later) == 1
    later[0]()
    assert view.GetBackgroundVolumeID() == shown == panel._parameterNode.volumeSWI.GetID()
    view.SetBackgroundVolumeID(panel._parameterNode.volumeTOF.GetID())
    later[0]()
    assert view.GetBackgroundVolumeID() == panel._parameterNode.volumeTOF.GetID(), "what a view shows stays"
