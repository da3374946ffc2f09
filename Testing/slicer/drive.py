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
    setup.ui.setupPythonEdit.currentPath = str(Path(__file__).resolve())
    driver.idle()
    driver.report["refused"] = setup.ui.setupMessageLabel.text
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
    """The same volume for two sequences: a sentence on the panel, no dialog, no run."""
    parameters = driver.panel.logic.getParameterNode()
    dwi = parameters.volumeDWI
    parameters.volumeDWI = parameters.volumeSWI
    driver.press(driver.ui.segmentButton)
    driver.report["wrong"] = [driver.ui.stageLabel.text, driver.panel.logic.isBusy()]
    driver.photograph("wrong")
    parameters.volumeDWI = dwi


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
    driver.press(driver.ui.compareButton)
    driver.album("side-by-side")
    driver.press(driver.ui.compareButton)
    driver.report["layoutKept"] = slicer.app.layoutManager().layout == layout
    start = time.perf_counter()
    driver.ui.thresholdSlider.value = 0.6
    driver.report["secondsToRelabel"] = round(time.perf_counter() - start, 3)
    driver.report["relabelled"] = driver.ui.resultLabel.text


def stage_review(driver: Driver) -> None:
    """From candidate to candidate with the keys, a missed one clicked; what the table says of them."""
    review = driver.panel.reviewPanel
    section = review.ui.reviewCollapsibleButton
    answered = lambda: not review.desk.worker.isBusy()  # noqa: E731
    press_key(driver, "R")
    driver.report["decidedWhileFolded"] = decisions(review)
    section.collapsed = False
    driver.settle()
    for key in ("N", "P", "A"):
        press_key(driver, key)
    driver.wait(answered)
    driver.report["decided"] = decisions(review)
    driver.album("review", section)
    press_key(driver, "R")
    driver.report["rejected"] = [decisions(review), review.desk.case.voxelsChanged()]
    press_key(driver, "Ctrl+Z")
    driver.report["undone"] = [decisions(review), review.desk.case.voxelsChanged()]
    driver.press(review.ui.missedButton)
    click_in_view(driver, "Red", 0.62, 0.55)
    driver.wait(lambda: answered() and not review.missed.isWaiting(), 60)
    driver.report["missed"] = [decisions(review), review.ui.reviewMessageLabel.text]
    driver.album("review-missed", section)
    press_key(driver, "Ctrl+Z")
    section.collapsed = True
    driver.report["folded"] = decisions(review)


def stage_correct(driver: Driver) -> None:
    """Paint with the embedded editor, and take it back: counted, measured; its keys go with the section."""
    correct, review = driver.panel.correctPanel, driver.panel.reviewPanel
    section = correct.ui.correctCollapsibleButton
    driver.ui.resultCollapsibleButton.collapsed = True
    section.collapsed = False
    review.go(0)
    correct.editor.setActiveEffectByName("Paint")
    driver.settle()
    volume = review.desk.case.entries[0].measures["volume_mm3"]
    drag_in_view(driver, "Red", (0.5, 0.45), (0.6, 0.5))
    driver.settle(1.0)
    driver.wait(lambda: not review.desk.worker.isBusy())
    measured = review.desk.case.entries[0].measures
    driver.report["painted"] = [volume, measured["volume_mm3"], correct.ui.correctChangesLabel.text]
    driver.album("correct", section)
    correct.editor.undo()
    driver.settle(1.0)
    driver.report["unpainted"] = [review.desk.case.entries[0].measures["volume_mm3"], review.desk.case.voxelsChanged()]
    section.collapsed = True
    driver.ui.resultCollapsibleButton.collapsed = False
    driver.report["effectLeft"] = correct.editor.activeEffect() is not None


def stage_worklist(driver: Driver) -> None:
    """Two patients become a list; the first one is opened, predicted, saved; the key leads to the next."""
    section, save, review = driver.panel.workListPanel, driver.panel.savePanel, driver.panel.reviewPanel
    settled = lambda: not review.desk.worker.isBusy() and not section.loader.isBusy()  # noqa: E731
    save.ui.annotatorEdit.text = "reader-1"
    driver.ui.resultCollapsibleButton.collapsed = True
    section.ui.listCollapsibleButton.collapsed = False
    section.ui.listPathEdit.currentPath = str(two_patients(driver.folder / "studies"))
    driver.settle()
    driver.press(section.ui.listMakeButton)
    driver.wait(settled)
    driver.report["list"] = [section.ui.listLabel.text, section.ui.listProgressBar.format]
    review.desk.markSaved()  # what the stages before have left is not to be kept
    press_key(driver, "J")
    driver.wait(settled)
    driver.report["opened"] = [section.ui.listLabel.text, driver.panel.logic.getParameterNode().volumeSWI.GetName()]
    driver.press(driver.ui.segmentButton)
    driver.idle()
    save.ui.saveCollapsibleButton.collapsed = False
    driver.settle(1.0)
    driver.wait(settled)
    driver.press(save.ui.saveButton)
    driver.wait(settled)
    driver.report["saved"] = save.ui.saveLabel.text
    driver.album("save", save.ui.saveCollapsibleButton)
    export = driver.panel.exportPanel
    export.ui.exportCollapsibleButton.collapsed = False
    export.ui.exportPathEdit.currentPath = str(driver.folder / "exported")
    driver.press(export.ui.exportButton)
    driver.wait(settled)
    driver.report["exported"] = export.ui.exportLabel.text
    driver.album("export", export.ui.exportCollapsibleButton)
    export.ui.exportCollapsibleButton.collapsed = save.ui.saveCollapsibleButton.collapsed = True
    driver.album("worklist", section.ui.listCollapsibleButton)
    press_key(driver, "J")
    driver.wait(settled)
    driver.report["openedNext"] = [section.ui.listLabel.text, scene_names()]
    section.ui.listCollapsibleButton.collapsed = True
    driver.ui.resultCollapsibleButton.collapsed = False


def stage_nothing(driver: Driver) -> None:
    """An explicit result where no candidate passes the threshold; the time left, known from the run before."""
    driver.segment(options={"threshold": 1.0})
    told = set()
    driver.wait(lambda: bool(told.add(driver.ui.stageLabel.text)) or not driver.panel.logic.isBusy())
    driver.report["stagesAgain"] = sorted(told)
    driver.album("nothing-found")


def stage_stopped(driver: Driver) -> None:
    """Cancel, an input deleted, and the scene closed while a run goes on: each ends it, and says so."""
    said = []
    for stop in (driver.ui.cancelButton.click, delete_an_input, lambda: slicer.mrmlScene.Clear(0)):
        if not slicer.mrmlScene.GetFirstNodeByName("Sample SWI"):
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
#: Not part of a run through all stages.
ON_DEMAND = ("killed",)


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


def two_patients(folder: Path) -> Path:
    """SWI and DWI of the sample case, twice."""
    import shutil

    from ThrombusSegParts.sampleData import sampleFolder

    for name in ("Meier", "Weber"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for sequence in ("SWI", "DWI"):
            shutil.copy(sampleFolder() / f"{sequence}.nii.gz", folder / name)
    shutil.rmtree(folder.with_name("studies-review"), ignore_errors=True)
    return folder


def scene_names() -> list[str]:
    """Of the volumes and segmentations in the scene."""
    kinds = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTableNode")
    return [node.GetName() for kind in kinds for node in slicer.util.getNodesByClass(kind)]


def decisions(review: object) -> list[str]:
    """On each candidate."""
    return [entry.decision for entry in review.desk.case.entries]


def press_key(driver: Driver, key: str) -> None:
    """As the keyboard does, with the mouse over the red slice view."""
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    driver.window.activateWindow()
    view.setFocus()
    qt_test_key(view, key)
    driver.settle(0.2)


def qt_test_key(widget: object, key: str) -> None:
    """Events of a key, with those that Qt asks first for shortcuts: PythonQt has no QTest."""
    letter = key.split("+")[-1]
    modifiers = qt.Qt.ControlModifier if "+" in key else qt.Qt.NoModifier
    code = getattr(qt.Qt, f"Key_{letter}")
    text = letter.lower() if modifiers == qt.Qt.NoModifier else ""
    for kind in (qt.QEvent.ShortcutOverride, qt.QEvent.KeyPress, qt.QEvent.KeyRelease):
        qt.QApplication.sendEvent(widget, qt.QKeyEvent(kind, code, modifiers, text))


def click_in_view(driver: Driver, name: str, across: float, down: float) -> None:
    """Press and release the left button at a place of a slice view, in shares of its size."""
    interactor = slicer.app.layoutManager().sliceWidget(name).sliceView().interactor()
    width, height = interactor.GetSize()
    interactor.SetEventInformation(int(width * across), int(height * (1 - down)), 0, 0)
    for event in ("EnterEvent", "MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent"):
        interactor.InvokeEvent(event)
        driver.settle(0.1)


def drag_in_view(driver: Driver, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A stroke of the left button from one place of a slice view to another, in shares of its size."""
    interactor = slicer.app.layoutManager().sliceWidget(name).sliceView().interactor()
    width, height = interactor.GetSize()
    strokes = [
        "EnterEvent",
        "MouseMoveEvent",
        "LeftButtonPressEvent",
        *["MouseMoveEvent"] * 8,
        "LeftButtonReleaseEvent",
    ]
    for step, event in enumerate(strokes):
        share = min(max(step - 2, 0) / 8, 1.0)
        across, down = (one + share * (other - one) for one, other in zip(start, end, strict=True))
        interactor.SetEventInformation(int(width * across), int(height * (1 - down)), 0, 0)
        interactor.InvokeEvent(event)
        driver.settle(0.05)


def bring_into_view(widget: object, top: bool = False) -> None:
    """Scroll the panel until this, or its top, is seen."""
    parent = widget.parent()
    while parent is not None and not parent.inherits("QScrollArea"):
        parent = parent.parent()
    if parent is not None and top:
        parent.verticalScrollBar().setValue(0)
    elif parent is not None:
        parent.ensureWidgetVisible(widget)


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
