"""Drives a real Slicer, from inside: opens the module, presses its buttons, runs the self test, takes photographs.

Started by `test_slicer.py`. By hand, this one command makes every photograph, in both sizes and both themes:

    SLICER --testing --disable-settings --no-splash --additional-module-paths ThrombusSeg \\
        --python-script Testing/slicer/drive.py FOLDER PYTHON [STAGE ...]

FOLDER gets the photographs and `report.json`; PYTHON is the interpreter for the worker ("-" for Slicer's own). Stages
run in the order given, all by default. Each puts into the report what it saw; an exception in one ends the run with
status 1. With `--testing` Slicer leaves when this script ends, and answers every question with no.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import qt
import slicer
import vtk

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Slicer runs this file without its folder on the path
import annotatorStages
from panelView import bring_into_view, columns_in_view, is_in_view

SIZES = {"1280": (1280, 800), "1920": (1920, 1080)}
THEMES = {"light": "Light Slicer", "dark": "Dark Slicer"}
#: Generous: build machines run several things at once.
SECONDS = 600.0


class Driver:
    """Waits, presses, photographs."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = python
        self.report: dict[str, object] = {"seconds": {}}
        self.window = slicer.util.mainWindow()
        for probe in slicer.util.findChildren(self.window, name="DataProbeCollapsibleWidget"):
            probe.collapsed = True  # the panel has more room

    @property
    def panel(self) -> object:
        """The module's widget, whose setup has run."""
        return slicer.modules.thrombusseg.widgetRepresentation().self()

    @property
    def ui(self) -> object:
        """The widgets of the panel's main form."""
        return self.panel.ui

    def settle(self, seconds: float = 0.3) -> None:
        """Let the application draw."""
        self.wait(lambda: False, seconds, must=False)

    def wait(self, until: Callable[[], bool], seconds: float = SECONDS, must: bool = True) -> None:
        """Let the application's own loop run until something is so; fails if it does not become so in time."""
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                if must:
                    raise TimeoutError(f"waited in vain for {seconds} s")
                return
            loop = qt.QEventLoop()
            qt.QTimer.singleShot(50, loop.quit)
            loop.exec_()

    def idle(self) -> None:
        """Wait until nothing is being checked or computed."""
        self.wait(lambda: not self.panel.setupPanel.isChecking() and not self.panel.logic.isBusy())

    def photograph(self, name: str) -> None:
        """The whole window, as a user sees it."""
        self.settle()
        slicer.util.forceRenderAllViews()
        self.settle(0.2)
        self.window.grab().save(str(self.folder / f"{name}.png"))

    def album(self, name: str, widget: object = None) -> None:
        """Photographs in both sizes and both themes; the panel is scrolled to the widget, or else to its top."""
        for theme in reversed(THEMES):  # light comes last, and stays
            self.theme(theme)
            for size in reversed(SIZES):
                self.size(size)
                bring_into_view(widget or self.panel.layout.itemAt(0).widget(), top=widget is None)
                self.photograph(f"{name}-{size}-{theme}")

    def press(self, button: object) -> None:
        """As the mouse does; a button that cannot be pressed fails."""
        if not button.enabled:
            raise AssertionError(f"{button.objectName} cannot be pressed")
        button.click()
        self.settle(0.1)

    def segment(self, **changes: object) -> None:
        """Press Segment, with other arguments for the logic than the panel's own where they are given."""
        logic, start = self.panel.logic, self.panel.logic.startProcess
        logic.startProcess = lambda inputs, **rest: start(inputs, **{**rest, **changes})
        try:
            self.press(self.ui.segmentButton)
        finally:
            del logic.startProcess

    def size(self, name: str) -> None:
        """Of the window on the screen."""
        self.window.resize(*SIZES[name])
        self.settle()

    def theme(self, name: str) -> None:
        """One of Slicer's own, as its settings dialog applies it."""
        slicer.app.setStyle(THEMES[name])
        slicer.app.setPalette(slicer.app.style().standardPalette())
        self.settle()


def stage_start(driver: Driver) -> None:
    """What the module adds to Slicer's start; called first, when nothing else has been imported yet."""
    ours = [name for name in sys.modules if name.split(".")[0] in ("ThrombusSeg", "ThrombusSegParts")]
    driver.report["loadedAtStart"] = sorted(ours)
    driver.report["heavyAtStart"] = [name for name in ("torch", "SimpleITK", "ThrombusSegLib") if name in sys.modules]
    kept = {name: sys.modules.pop(name) for name in ours}
    start = time.process_time()
    import ThrombusSeg

    parent = type("Parent", (), {"path": ThrombusSeg.__file__})()
    ThrombusSeg.ThrombusSeg(parent)
    driver.report["millisecondsAtStart"] = round(1000 * (time.process_time() - start), 1)
    sys.modules.update(kept)
    driver.report["leftBehind"] = left_behind()
    driver.report["moduleFrom"] = str(Path(kept["ThrombusSeg"].__file__).parent)


def stage_open(driver: Driver) -> None:
    """The module opens; how long that takes."""
    from ThrombusSegParts.workerPython import SETTING

    qt.QSettings().setValue(SETTING, driver.python)
    slicer.app.layoutManager().setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    start = time.perf_counter()
    slicer.util.selectModule("ThrombusSeg")
    driver.report["secondsToOpen"] = round(time.perf_counter() - start, 3)
    driver.idle()
    driver.wait(lambda: driver.ui.stageLabel.text != "Getting ready...")
    driver.report["ready"] = driver.ui.stageLabel.text
    driver.report["device"] = driver.ui.deviceLabel.text
    driver.photograph("opened")


def stage_setup(driver: Driver) -> None:
    """The setup section: checked, unfolded, photographed; the report on the clipboard."""
    setup = driver.panel.setupPanel
    driver.report["setup"] = states(setup)
    driver.report["folded"] = bool(setup.ui.setupCollapsibleButton.collapsed)
    setup.unfold()
    driver.album("setup", setup.widget)
    driver.press(setup.ui.setupReportButton)
    driver.report["clipboard"] = qt.QApplication.clipboard().text()
    driver.press(setup.ui.setupCheckButton)
    driver.idle()
    driver.report["checkedAgain"] = states(setup)
    setup.ui.setupCollapsibleButton.collapsed = True


def stage_missing(driver: Driver) -> None:
    """The setup section where another Python is not usable, and with Slicer's own; then the first one again."""
    setup = driver.panel.setupPanel
    driver.size("1280")
    setup.ui.setupCollapsibleButton.collapsed = False  # whoever presses something there has unfolded it
    setup.ui.setupPythonEdit.currentPath = str(Path(__file__).resolve())
    driver.idle()
    driver.report["refused"] = setup.message.text
    driver.photograph("setup-refused")  # by then it has been scrolled to
    driver.report["refusedInView"] = is_in_view(setup.ui.setupMessage_choices)
    if not driver.python:
        return
    driver.press(setup.ui.setupButton_python)
    driver.idle()
    driver.report["slicersOwn"] = states(setup)
    driver.report["unfolded"] = not setup.ui.setupCollapsibleButton.collapsed
    driver.album("setup-missing", setup.widget)
    setup.ui.setupPythonEdit.currentPath = driver.python
    driver.idle()
    setup.ui.setupCollapsibleButton.collapsed = True


def stage_inputs(driver: Driver) -> None:
    """The sample case, as the module Sample Data loads it, and the rows."""
    import SampleData
    from ThrombusSegParts.sampleData import SAMPLE_NAME

    nodes = SampleData.downloadSamples(SAMPLE_NAME)
    driver.report["loaded"] = [node.GetName() for node in nodes]
    parameters = driver.panel.logic.getParameterNode()
    driver.settle()
    driver.report["guessed"] = [name for name, node in chosen(parameters).items() if node is not None]
    for node in nodes:
        setattr(parameters, f"volume{node.GetName().split()[-1]}", node)
    driver.album("inputs")


def stage_wrong(driver: Driver) -> None:
    """The same volume for two sequences, then one that lies elsewhere: a sentence beneath the button, which waits."""
    parameters, label, button = driver.panel.logic.getParameterNode(), driver.ui.problemLabel, driver.ui.segmentButton
    dwi = parameters.volumeDWI
    parameters.volumeDWI = parameters.volumeSWI
    driver.settle()
    driver.report["wrong"] = [bool(label.visible) and label.text, bool(button.enabled)]
    driver.photograph("wrong")
    parameters.volumeDWI = dwi
    away = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 900.0)
    away.SetMatrixTransformToParent(matrix)
    dwi.SetAndObserveTransformNodeID(away.GetID())
    driver.wait(lambda: not button.enabled, 5)
    driver.report["apart"] = bool(label.visible) and label.text
    driver.photograph("apart")
    slicer.mrmlScene.RemoveNode(away)
    driver.wait(lambda: button.enabled, 5)
    driver.report["mended"] = bool(button.enabled) and not label.visible


def stage_run(driver: Driver) -> None:
    """Segment, photographed at work and at its end; another module is opened and left meanwhile."""
    start = time.perf_counter()
    driver.press(driver.ui.segmentButton)
    driver.wait(lambda: driver.ui.progressBar.value >= 10)
    driver.photograph("running")
    slicer.util.selectModule("Data")
    driver.settle()
    slicer.util.selectModule("ThrombusSeg")
    driver.report["stillRunning"] = driver.panel.logic.isBusy()
    told = set()
    driver.wait(lambda: bool(told.add(driver.ui.stageLabel.text)) or not driver.panel.logic.isBusy())
    driver.report["stages"] = sorted(told)
    driver.report["secondsToSegment"] = round(time.perf_counter() - start, 1)
    driver.report["log"] = driver.ui.logText.plainText
    driver.report["result"] = driver.panel.logic.getParameterNode().segmentation is not None
    driver.album("result")


def stage_maps(driver: Driver) -> None:
    """Each map in the list, the attention to SWI photographed."""
    from ThrombusSegParts.mapDisplay import mapsOf

    parameters = driver.panel.logic.getParameterNode()
    driver.report["maps"] = list(mapsOf(parameters.segmentation))
    for key in driver.report["maps"]:
        parameters.shownMap = key
        driver.settle(0.2)
    parameters.shownMap = "SWI"
    driver.album("attention")
    parameters.shownMap = ""


def stage_layouts(driver: Driver) -> None:
    """Surfaces in 3D, all sequences side by side, and the user's own layout again; what a slider costs."""
    layout = slicer.app.layoutManager().layout
    driver.ui.surfaceCheckBox.checked = True
    driver.album("surfaces")
    driver.ui.surfaceCheckBox.checked = False
    driver.size("1280")
    driver.report["columnsWithoutScrolling"] = columns_in_view(driver.ui.candidatesTable)
    for size in ("1920", "1280"):
        driver.size(size)
        driver.press(driver.ui.compareButton)
        driver.photograph(f"side-by-side-{size}-light")
        driver.press(driver.ui.compareButton)
    driver.report["layoutKept"] = slicer.app.layoutManager().layout == layout
    start = time.perf_counter()
    driver.ui.thresholdSlider.value = 0.6
    driver.report["secondsToRelabel"] = round(time.perf_counter() - start, 3)
    driver.report["relabelled"] = driver.ui.resultLabel.text


def stage_nothing(driver: Driver) -> None:
    """An explicit result where no candidate is large enough; the time left, known from the run before."""
    driver.segment(options={"minimum_volume_mm3": 1e6})
    told = set()
    driver.wait(lambda: bool(told.add(driver.ui.stageLabel.text)) or not driver.panel.logic.isBusy())
    driver.report["stagesAgain"] = sorted(told)
    driver.album("nothing-found")


def stage_several(driver: Driver) -> None:
    """Two results on the same volumes, and the list that chooses; saved, added to another patient, and loaded again."""
    load_again(driver)
    driver.segment()
    driver.idle()
    first = driver.panel.logic.getParameterNode().segmentation
    first.SetName("To be shown on Monday")  # somebody has worked on it
    driver.segment(options={"threshold": 0.77})
    driver.idle()
    results, slider = driver.ui.resultComboBox, driver.ui.thresholdSlider
    seen = [[bool(results.visible), results.currentText, round(slider.value, 2)]]
    results.setCurrentIndex(1)
    driver.settle()
    seen.append([bool(first.GetDisplayNode().GetVisibility()), results.currentText, round(slider.value, 2)])
    driver.album("several", driver.ui.resultCollapsibleButton)
    scene = str(driver.folder / "several.mrb")
    slicer.util.saveScene(scene)
    load_again(driver)
    before = {name: node.GetID() for name, node in chosen(driver.panel.logic.getParameterNode()).items()}
    driver.panel.logic.getParameterNode().volumeTOF = before["TOF"] = None
    slicer.util.loadScene(scene)
    driver.settle(1.0)
    after = {name: node and node.GetID() for name, node in chosen(driver.panel.logic.getParameterNode()).items()}
    driver.report["rowsKept"] = [before, after, driver.ui.segmentButton.enabled]
    driver.photograph("added-scene")
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(scene)
    driver.settle(1.0)
    seen.append([bool(results.visible), results.currentText, round(slider.value, 2)])
    driver.report["several"] = seen


def stage_stopped(driver: Driver) -> None:
    """Cancel, an input deleted, and the scene closed while a run goes on: each ends it, and says so."""
    said = []
    for stop in (driver.ui.cancelButton.click, delete_an_input, lambda: slicer.mrmlScene.Clear(0)):
        load_again(driver)
        driver.segment()
        stop()
        driver.wait(lambda: not driver.panel.logic.isBusy(), 60)
        said.append(driver.ui.stageLabel.text)
    driver.report["stopped"] = said
    driver.report["leftBehind"] = left_behind()


def stage_self_test(driver: Driver) -> None:
    """What "Reload and Test" runs."""
    import ThrombusSeg

    test = ThrombusSeg.ThrombusSegTest()
    said: list[str] = []
    test.delayDisplay = lambda message, *rest: said.append(message)
    test.runTest()
    driver.report["selfTest"] = said


def stage_leave(driver: Driver) -> None:
    """The application closes while it segments: the last stage. Whoever started it sees whether a process is left."""
    load_again(driver)
    driver.segment()
    driver.wait(lambda: driver.panel.logic.workerProcessId() is not None)
    driver.report["workerLeftTo"] = driver.panel.logic.workerProcessId()


def stage_killed(driver: Driver) -> None:
    """The application is killed while it segments, as in a crash; only when it is asked for."""
    driver.segment()
    driver.wait(lambda: driver.panel.logic.workerProcessId() is not None)
    report = {"workerLeftTo": driver.panel.logic.workerProcessId(), "beforeTheEnd": left_behind()}
    (driver.folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


STAGES = {
    name.removeprefix("stage_"): function for name, function in list(globals().items()) if name.startswith("stage_")
}
# They come when there is a result to review, and before the stages that look for none.
_later = list(STAGES).index("nothing")
STAGES = dict([*list(STAGES.items())[:_later], *annotatorStages.STAGES.items(), *list(STAGES.items())[_later:]])
#: Not part of a run through all stages.
ON_DEMAND = ("killed", *annotatorStages.ON_DEMAND)
STAGES |= annotatorStages.ON_DEMAND


def left_behind() -> list[str]:
    """Folders with images of patients in Slicer's temporary folder."""
    from ThrombusSegParts.temporaryFolders import PREFIX, applicationFolder

    return [path.name for path in Path(applicationFolder()).glob(f"{PREFIX}*")]


def load_again(driver: Driver) -> None:
    """The sample case in a fresh scene."""
    import SampleData
    from ThrombusSegParts.sampleData import SAMPLE_NAME

    slicer.mrmlScene.Clear(0)
    parameters = driver.panel.logic.getParameterNode()
    for node in SampleData.downloadSamples(SAMPLE_NAME):
        setattr(parameters, f"volume{node.GetName().split()[-1]}", node)
    driver.settle()


def delete_an_input() -> None:
    """One of those that are being segmented."""
    slicer.mrmlScene.RemoveNode(slicer.mrmlScene.GetFirstNodeByName("Sample SWI"))


def chosen(parameters: object) -> dict[str, object]:
    """The volumes on the panel."""
    from ThrombusSegParts.parameterNode import chosenVolumes

    return chosenVolumes(parameters)


def states(setup: object) -> dict[str, list]:
    """The rows of the setup section."""
    from ThrombusSegParts.setupChecks import allStates

    return {state.name: [state.ok, state.detail] for state in allStates(setup.facts())}


def main(folder: str, python: str = "-", *stages: str) -> int:
    """Run the stages; the exit status."""
    driver = Driver(Path(folder), "" if python == "-" else python)
    driver.folder.mkdir(parents=True, exist_ok=True)
    status = 0
    for name in stages or [name for name in STAGES if name not in ON_DEMAND]:
        start = time.perf_counter()
        try:
            STAGES[name](driver)
        except Exception:  # noqa: BLE001 - whatever it is, it is in the report, and Slicer is closed
            driver.report["error"] = f"{name}: {traceback.format_exc()}"
            driver.photograph("error")
            status = 1
        driver.report["seconds"][name] = round(time.perf_counter() - start, 1)
        driver.report["torchInSlicer"] = "torch" in sys.modules
        (driver.folder / "report.json").write_text(json.dumps(driver.report, indent=1), encoding="utf-8")
        print(f"stage {name}: {driver.report['seconds'][name]} s", flush=True)
        if status:
            break
    return status


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    slicer.util.exit(status)
