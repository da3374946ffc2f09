"""The panel without Qt: the widgets of the form are stand-ins that remember what was done to them."""

from __future__ import annotations

import time

import pytest
from fakeWidgets import FakeWidget

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def choose(panel, headless, tools) -> None:
    panel._parameterNode.volumeSWI = headless.volume(tools.head(1), tools.grid())
    panel._parameterNode.volumeTOF = headless.volume(tools.head(4), tools.grid())


def run(panel, headless, tools, tinyWeights, monkeypatch, threshold: float) -> None:
    """Choose volumes, press Segment, wait."""
    choose(panel, headless, tools)
    start = panel.logic.startProcess
    options = {"registration": "never", "threshold": threshold}
    monkeypatch.setattr(
        panel.logic,
        "startProcess",
        lambda inputs, device, weights, **rest: start(inputs, "cpu", str(tinyWeights), options, **rest),
    )
    panel.ui.segmentButton.connected["clicked(bool)"]()
    assert panel.logic.isBusy()


def test_segment_waits_for_a_volume(panel, headless, tools) -> None:
    assert not panel.ui.segmentButton.enabled and not panel.ui.cancelButton.enabled
    assert panel.ui.segmentButton.toolTip == "Choose a volume for at least one sequence"
    choose(panel, headless, tools)
    assert panel.ui.segmentButton.enabled and not panel.ui.mapComboBox.enabled


def test_run_from_the_panel(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    composite = headless.scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    run(panel, headless, tools, tinyWeights, monkeypatch, 0.004)
    assert panel.ui.cancelButton.enabled and not panel.ui.segmentButton.enabled
    assert not panel.ui.inputsCollapsibleButton.enabled
    tools.wait(panel.logic)
    assert panel.ui.segmentButton.enabled and not panel.ui.cancelButton.enabled
    assert panel.ui.progressBar.value == 100 and panel.ui.stageLabel.text == "Done."
    assert "in SWI, TOF. Most suspicious" in panel.ui.resultLabel.text
    assert "SHA-256" in panel.ui.logText.plainText
    assert panel.ui.candidatesTable.table.GetNumberOfRows() > 0
    assert composite.GetBackgroundVolumeID() == panel._parameterNode.volumeSWI.GetID()
    assert composite.GetForegroundVolumeID() is None, "no map is shown until one is chosen"
    maps = panel.ui.mapComboBox
    assert [text for text, _key in maps.items] == [
        "None", "Probability of a thrombus", "Attention to SWI", "Attention to TOF",
    ]  # fmt: skip
    maps.connected["currentIndexChanged(int)"](3)
    assert panel._parameterNode.shownMap == "TOF" and maps.currentIndex == 3
    shown = headless.scene.GetNodeByID(composite.GetForegroundVolumeID())
    assert shown.GetAttribute("ThrombusSeg.Role") == "TOF"
    panel._parameterNode.mapOpacity = 0.25
    assert composite.GetForegroundOpacity() == pytest.approx(0.25)
    maps.connected["currentIndexChanged(int)"](0)
    assert composite.GetForegroundVolumeID() is None


def test_nothing_found_is_said(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    run(panel, headless, tools, tinyWeights, monkeypatch, 1.0)
    tools.wait(panel.logic)
    assert panel.ui.resultLabel.text.startswith("No thrombus found in SWI, TOF. This does not mean")


def test_cancel_from_the_panel(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    run(panel, headless, tools, tinyWeights, monkeypatch, 0.5)
    panel.ui.cancelButton.connected["clicked(bool)"]()
    assert not panel.ui.cancelButton.enabled and panel.ui.stageLabel.text == "Canceling..."
    tools.wait(panel.logic)
    assert panel.ui.stageLabel.text == "The segmentation was canceled."
    assert panel.ui.segmentButton.enabled and panel.ui.progressBar.value == 0


def test_other_module_and_closed_scene(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    panel.exit()
    assert panel._parameterNode is None
    panel.initializeParameterNode()
    run(panel, headless, tools, tinyWeights, monkeypatch, 0.5)
    panel.onSceneStartClose(None, None)
    headless.scene.Clear(0)
    panel.onSceneEndClose(None, None)
    tools.wait(panel.logic)
    assert panel.ui.stageLabel.text == "The scene was closed; the segmentation was stopped."
    assert panel.ui.resultLabel.text == "No result yet." and not panel.ui.segmentButton.enabled


def test_device_and_failure_of_warming_are_shown(panel, headless) -> None:
    from ThrombusSegParts.errors import SegmentationError

    panel.runPanel.onWarm({"device": "cpu", "name": "8 cores", "warning": None})
    assert (panel.ui.stageLabel.text, panel.ui.deviceLabel.text) == ("Ready.", "Processor (8 cores)")
    card = {"device": "cuda", "name": "NVIDIA A100", "free_mib": 71680, "total_mib": 81920, "warning": None}
    panel.runPanel.onWarm(card)
    assert panel.ui.deviceLabel.text == "NVIDIA A100 (70.0 of 80.0 GB free)"
    panel.runPanel.onWarm({"device": "cpu", "name": "8 cores", "warning": "The device cuda is not there."})
    assert panel.ui.deviceLabel.text == "Processor (8 cores): the chosen device is not there."
    panel.runPanel.onWarm(SegmentationError("There are no weights.", "Get some.", "input", details="a log"))
    assert panel.ui.stageLabel.text == "There are no weights. Get some."
    assert panel.ui.logText.plainText.endswith("There are no weights. Get some.\n")
    assert panel.ui.logCollapsibleButton.collapsed is False


def test_wrong_choice_is_a_sentence_on_the_panel(panel, headless, tools) -> None:
    volume = headless.volume(tools.head(1), tools.grid())
    panel._parameterNode.volumeSWI = panel._parameterNode.volumeDWI = volume
    assert not panel.ui.segmentButton.enabled
    panel.ui.segmentButton.connected["clicked(bool)"]()  # as a script might
    assert panel.ui.stageLabel.text == "The same volume is chosen for SWI and DWI. Choose it for one sequence only."
    assert panel.ui.resultLabel.text == "No result."
    assert not panel.logic.isBusy() and not panel.runPanel._clock.isActive


def test_full_disk_is_a_sentence_on_the_panel(panel, headless, tools, monkeypatch) -> None:
    def fail(*arguments: object, **rest: object) -> None:
        raise OSError(28, "No space left on device")

    choose(panel, headless, tools)
    monkeypatch.setattr("ThrombusSegParts.logic.prepareRun", fail)
    panel.ui.segmentButton.connected["clicked(bool)"]()
    assert panel.ui.stageLabel.text == "No space left on device" and panel.ui.segmentButton.enabled


def test_declined_installation_leads_to_the_setup_section(panel, headless, tools, monkeypatch) -> None:
    from ThrombusSegParts.errors import SegmentationError

    def decline(requirements: object) -> None:
        raise SegmentationError("Nothing was installed.", kind="machine")

    monkeypatch.setattr("ThrombusSegParts.runPanel.missingPackages", lambda: ["torch"])
    monkeypatch.setattr("ThrombusSegParts.runPanel.installPackages", decline)
    panel.runPanel.enter()
    assert panel.ui.stageLabel.text == "To be installed before the first segmentation: torch."
    choose(panel, headless, tools)
    panel.ui.segmentButton.connected["clicked(bool)"]()
    assert panel.ui.stageLabel.text == "Nothing was installed." and not panel.logic.isBusy()
    assert panel.setupPanel.ui.setupCollapsibleButton.collapsed is False


def test_another_device_is_made_ready_at_once(panel, monkeypatch) -> None:
    from ThrombusSegParts.parameterNode import Device

    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(panel.logic, "warm", lambda device, weights: asked.append((device, weights)))
    panel.enter()
    panel._parameterNode.device = Device.CPU
    panel._parameterNode.mapOpacity = 0.7
    panel.setupPanel.close()
    assert asked == [("auto", "default"), ("cpu", "default")]


def test_choices_made_while_warming_are_followed(headless, realLogic, tools, tinyWeights) -> None:
    told: list = []
    realLogic.onWarm = told.append
    realLogic.warm("cpu", "no such weights")
    realLogic.warm("cpu", str(tinyWeights))
    tools.wait(realLogic, until=lambda: bool(told))
    assert [event["weights"]["name"] for event in told] == ["tiny"]


def test_time_of_day_stages_and_worker_are_in_the_log(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    import re

    run(panel, headless, tools, tinyWeights, monkeypatch, 0.5)
    panel.runPanel.onLog(["a word of the worker"])
    tools.wait(panel.logic)
    lines = panel.ui.logText.plainText.splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  Segment: SWI, TOF", lines[0])
    assert any(line.endswith("  a word of the worker") for line in lines)
    assert any(line.endswith("  Looking for the thrombus") for line in lines)


def test_second_run_knows_how_long_it_takes(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    run(panel, headless, tools, tinyWeights, monkeypatch, 0.5)
    tools.wait(panel.logic)
    panel.ui.segmentButton.connected["clicked(bool)"]()
    seen: set[str] = set()
    tools.wait(panel.logic, until=lambda: bool(seen.add(panel.ui.stageLabel.text)) or not panel.logic.isBusy())
    assert any(text.endswith("left") for text in seen), seen


def test_closing_the_panel_ends_everything(panel, headless, tools, tinyWeights, monkeypatch) -> None:
    run(panel, headless, tools, tinyWeights, monkeypatch, 0.5)
    closed: list[bool] = []
    monkeypatch.setattr(panel.logic, "close", lambda: closed.append(True))
    panel.cleanup()
    assert closed == [True] and panel.logic.onWarm is None and not panel.runPanel._clock.isActive
    tools.wait(panel.logic)


def test_setup_comes_first_while_there_is_something_to_do(panel, monkeypatch) -> None:
    from ThrombusSegParts.setupChecks import State

    setup, others = panel.setupPanel, [FakeWidget(), FakeWidget()]
    layout = setup._parentLayout
    layout.widgets = [*others, setup.widget]
    found = [State("torch", False, "Missing.", "installTorch")]
    monkeypatch.setattr("ThrombusSegParts.setupPanel.allStates", lambda facts: found)
    setup._checked = True
    setup._show()
    assert layout.widgets == [setup.widget, *others] and setup.ui.setupCollapsibleButton.collapsed is False
    assert setup.ui.setupCollapsibleButton.text == "Setup: 1 thing to do"
    assert setup.ui.setupButton_torch.text == "Install..." and setup.ui.setupButton_torch.enabled
    found[:] = [State("torch", True, "Version 2.13.")]
    setup._show()
    assert layout.widgets == [*others, setup.widget] and setup.ui.setupCollapsibleButton.collapsed is True
    setup.update(busy=True)
    assert not setup.ui.setupCheckButton.enabled and not setup.ui.setupPythonEdit.enabled


def test_installed_torch_is_looked_at_and_the_worker_made_ready(panel, tools, monkeypatch) -> None:
    """By the button of its row: asks, installs, checks in the worker's Python, tells the run section."""
    from ThrombusSegParts.setupActions import Doors, SetupActions
    from ThrombusSegParts.setupChecks import Facts

    installed: list[str] = []
    asked: list[str] = []
    doors = Doors(
        confirm=lambda text: bool(asked.append(text)) or True,
        installTorch=lambda: installed.append("torch"),
        saveSetting=lambda key, value: None,
    )
    setup, changed = panel.setupPanel, []
    setup.actions = SetupActions(setup.actions.requirements, doors)
    setup.onChanged = lambda: changed.append(True)
    bare = ({"event": "packages", "torch": None, "safetensors": "1", "SimpleITK": "2", "numpy": "2"},)
    monkeypatch.setattr("ThrombusSegParts.setupPanel.extensionInstalled", lambda: True)
    monkeypatch.setattr("ThrombusSegParts.setupPanel.saveSetting", lambda key, value: None)
    setup._events = list(bare)
    assert isinstance(setup.facts(), Facts)
    setup.ui.setupButton_torch.connected["clicked(bool)"]()
    assert installed == ["torch"] and "GB" in asked[0] and setup.isChecking()
    deadline = time.monotonic() + 120
    while setup.isChecking():
        assert time.monotonic() < deadline
        setup.poll()
        time.sleep(0.02)
    assert changed == [True]
    assert setup.facts().event("torch")["version"] and setup.facts().devices()[-1]["device"] == "cpu"
