"""The status line and the sentence of the result speak of the scene that is open, and of no other."""

from __future__ import annotations

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def close(panel, headless) -> None:
    """As File > Close Scene: the panel observes the scene."""
    headless.scene.Clear(0)


def shown(panel) -> tuple[str, int, str]:
    return panel.ui.stageLabel.text, panel.ui.progressBar.value, panel.ui.resultLabel.text


@pytest.fixture
def running(panel, headless, tools, tinyWeights, monkeypatch):
    """A function that presses Segment, and waits until the worker has said something."""
    start = panel.logic.startProcess
    monkeypatch.setattr(
        panel.logic,
        "startProcess",
        lambda inputs, device, weights, **rest: start(
            inputs, "cpu", str(tinyWeights), {"registration": "never", "threshold": 0.004}, **rest
        ),
    )

    def press(wait: bool = False):
        panel._parameterNode.volumeSWI = headless.volume(tools.head(1, (30, 120, 120)), tools.grid())
        panel.ui.segmentButton.connected["clicked(bool)"]()
        tools.wait(panel.logic, until=lambda: panel.ui.progressBar.value > 0 or not panel.logic.isBusy())
        if wait:
            tools.wait(panel.logic)

    return press


def test_a_closed_scene_says_at_once_that_its_run_was_stopped(panel, headless, tools, running) -> None:
    running()
    close(panel, headless)
    stopped = ("The scene was closed; the segmentation was stopped.", 0, "No result yet.")
    assert shown(panel) == stopped and not panel.runPanel._clock.isActive
    panel.runPanel._showStage()  # a tick of the clock that was on its way
    tools.wait(panel.logic)
    assert shown(panel) == stopped


def test_a_scene_that_is_loaded_hears_nothing_of_the_run_of_the_one_before(panel, headless, tools, running) -> None:
    """File > Open closes the scene and loads the other while the worker is still being stopped."""
    running()
    close(panel, headless)
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.EndImportEvent)
    assert panel.logic.isBusy() and shown(panel) == ("Ready.", 0, "No result yet.")
    tools.wait(panel.logic)
    assert shown(panel) == ("Ready.", 0, "No result yet.")
    assert "The scene was closed; the segmentation was stopped." in panel.ui.logText.plainText


def test_a_scene_that_is_added_leaves_the_run_alone(panel, headless, tools, running) -> None:
    running()
    before = panel.ui.stageLabel.text
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.EndImportEvent)
    assert panel.ui.stageLabel.text == before and panel.ui.progressBar.value > 0
    tools.wait(panel.logic)
    assert panel.ui.stageLabel.text == "Done."


@pytest.mark.parametrize("isOpen", [True, False])
def test_a_finished_run_is_forgotten_with_its_scene(isOpen, panel, headless, running) -> None:
    running(wait=True)
    assert shown(panel)[:2] == ("Done.", 100) and "SWI" in shown(panel)[2]
    panel.parent.isEntered = isOpen
    if not isOpen:
        panel.exit()
    close(panel, headless)
    assert shown(panel) == ("Ready.", 0, "No result yet.")
    panel.initializeParameterNode()
    assert shown(panel) == ("Ready.", 0, "No result yet.")


def test_a_result_that_is_deleted_is_spoken_of_no_more(panel, headless, running) -> None:
    running(wait=True)
    segmentation = panel._parameterNode.segmentation
    headless.scene.RemoveNode(segmentation)
    panel._parameterNode.segmentation = None  # the real choices follow by themselves
    assert shown(panel) == ("Ready.", 0, "No result yet.")
    panel.exit()
    panel.initializeParameterNode()
    assert shown(panel)[2] == "No result yet."


def test_a_cancel_before_the_scene_was_closed_is_of_that_scene_too(panel, headless, tools, running) -> None:
    running()
    panel.ui.cancelButton.connected["clicked(bool)"]()
    close(panel, headless)
    tools.wait(panel.logic)
    assert shown(panel) == ("Ready.", 0, "No result yet.")
    running(wait=True)
    assert shown(panel)[:2] == ("Done.", 100), "the next run is told of again"


def test_the_button_of_the_layout_follows_a_layout_that_a_scene_brings(panel, headless, tools) -> None:
    layout = headless.scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    panel._parameterNode.volumeSWI = headless.volume(tools.head(1), tools.grid())
    panel._parameterNode.volumeTOF = headless.volume(tools.head(4), tools.grid())
    panel.ui.compareButton.connected["clicked(bool)"]()
    assert panel.ui.compareButton.text == "Back to my layout"
    layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView)  # by the scene, or by the user
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.EndImportEvent)
    assert panel.ui.compareButton.text == "Side by side"


@pytest.fixture
def compared(panel, headless, tools):
    """The layout node while two sequences are side by side; before, the user had the conventional layout."""
    layout = slicer.vtkMRMLLayoutNode()
    layout.SetSingletonTag("vtkMRMLLayoutNode")  # as the application's: it outlives a scene
    layout = headless.scene.AddNode(layout)
    layout.SetViewArrangement(layout.SlicerLayoutConventionalView)
    panel._parameterNode.volumeSWI = headless.volume(tools.head(1), tools.grid())
    panel._parameterNode.volumeTOF = headless.volume(tools.head(4), tools.grid())
    panel.ui.compareButton.connected["clicked(bool)"]()
    assert panel.ui.compareButton.text == "Back to my layout"
    return layout


def test_the_button_of_the_layout_follows_the_menu_of_layouts(panel, compared) -> None:
    press = panel.ui.compareButton.connected["clicked(bool)"]
    compared.SetViewArrangement(compared.SlicerLayoutOneUpRedSliceView)
    assert panel.ui.compareButton.text == "Side by side", "without anything else that happens"
    press()
    assert panel.ui.compareButton.text == "Back to my layout"
    press()
    assert compared.GetViewArrangement() == compared.SlicerLayoutOneUpRedSliceView, "the last own one"


def test_a_closed_scene_leaves_no_empty_views_side_by_side(panel, headless, compared) -> None:
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.StartCloseEvent)
    assert compared.GetViewArrangement() == compared.SlicerLayoutConventionalView
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.EndCloseEvent)
    assert panel.ui.compareButton.text == "Side by side"


def test_side_by_side_that_comes_back_while_a_scene_closes_ends_too(panel, headless, compared) -> None:
    from ThrombusSegParts.layouts import LAYOUT

    headless.scene.InvokeEvent(slicer.vtkMRMLScene.StartCloseEvent)
    compared.SetViewArrangement(LAYOUT)  # somebody else who restores what was before
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.EndCloseEvent)
    assert compared.GetViewArrangement() == compared.SlicerLayoutConventionalView


def test_a_scene_that_was_saved_side_by_side_has_a_way_out(panel, headless, tools) -> None:
    from ThrombusSegParts.layouts import LAYOUT

    layout = headless.scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    layout.AddLayoutDescription(LAYOUT, '<layout type="vertical"></layout>')
    layout.SetViewArrangement(LAYOUT)
    headless.scene.InvokeEvent(slicer.vtkMRMLScene.EndImportEvent)
    assert panel.ui.compareButton.text == "Back to my layout" and panel.ui.compareButton.enabled
    panel.ui.compareButton.connected["clicked(bool)"]()
    assert layout.GetViewArrangement() == layout.SlicerLayoutFourUpView
    assert panel.ui.compareButton.text == "Side by side"


def test_a_closed_scene_is_spoken_of_no_more_when_volumes_are_chosen(panel, headless, tools, running) -> None:
    running()
    close(panel, headless)
    tools.wait(panel.logic)
    assert shown(panel)[0] == "The scene was closed; the segmentation was stopped."
    panel._parameterNode.volumeSWI = headless.volume(tools.head(1), tools.grid())
    assert shown(panel) == ("Ready.", 0, "No result yet.")
