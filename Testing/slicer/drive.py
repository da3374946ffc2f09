"""Drives a real Slicer, from inside: opens the module, presses its buttons, runs the self test, takes photographs.

Started by `test_slicer.py`, or by hand:

    SLICER --testing --disable-settings --no-splash --additional-module-paths ThrombusSeg \\
        --python-script Testing/slicer/drive.py FOLDER PYTHON [STAGE ...]

FOLDER gets the photographs and `report.json`; PYTHON is the interpreter for the worker ("" for Slicer's own). Stages
run in the order given, all by default. Each puts into the report what it saw; an exception in one ends the run with
status 1.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import qt
import slicer

SIZES = {"1280": (1280, 800), "1920": (1920, 1080)}
THEMES = {"light": "Light Slicer", "dark": "Dark Slicer"}


class Driver:
    """Waits, presses, photographs."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = python
        self.report: dict[str, object] = {}
        self.window = slicer.util.mainWindow()

    @property
    def panel(self) -> object:
        """The module's widget, whose setup has run."""
        return slicer.modules.thrombusseg.widgetRepresentation().self()

    def settle(self, seconds: float = 0.5) -> None:
        """Let the application draw."""
        self.wait(lambda: False, seconds, must=False)

    def wait(self, until: Callable[[], bool], seconds: float, must: bool = True) -> None:
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

    def photograph(self, name: str) -> None:
        """The whole window, as a user sees it."""
        self.settle()
        slicer.util.forceRenderAllViews()
        self.settle(0.3)
        self.window.grab().save(str(self.folder / f"{name}.png"))

    def press(self, button: object) -> None:
        """As the mouse does; a button that cannot be pressed fails."""
        if not button.enabled:
            raise AssertionError(f"{button.objectName} cannot be pressed")
        button.click()
        self.settle(0.1)

    def size(self, name: str) -> None:
        """Of the window on the screen."""
        self.window.resize(*SIZES[name])
        self.settle()

    def theme(self, name: str) -> None:
        """One of Slicer's own."""
        slicer.app.setStyle(THEMES[name])
        self.settle()


def stage_open(driver: Driver) -> None:
    """The module opens; how long that takes; nothing of torch in this process."""
    from ThrombusSegParts.workerPython import SETTING

    qt.QSettings().setValue(SETTING, driver.python)
    start = time.perf_counter()
    slicer.util.selectModule("ThrombusSeg")
    driver.report["secondsToOpen"] = round(time.perf_counter() - start, 3)
    driver.photograph("opened")


def stage_setup(driver: Driver) -> None:
    """The setup section: checked, unfolded, photographed; the report on the clipboard."""
    setup = driver.panel.setupPanel
    setup.refresh()
    driver.wait(lambda: not setup.isChecking(), 240)
    driver.report["setup"] = {state.name: [state.ok, state.detail] for state in states(setup)}
    driver.report["folded"] = bool(setup.ui.setupCollapsibleButton.collapsed)
    setup.ui.setupCollapsibleButton.collapsed = False
    driver.settle()
    for size in SIZES:
        driver.size(size)
        bring_into_view(setup.widget)
        driver.photograph(f"setup-{size}")
    driver.press(setup.ui.setupReportButton)
    driver.report["clipboard"] = qt.QApplication.clipboard().text()
    driver.press(setup.ui.setupCheckButton)
    driver.wait(lambda: not setup.isChecking(), 240)
    driver.report["checkedAgain"] = {state.name: state.ok for state in states(setup)}
    setup.ui.setupCollapsibleButton.collapsed = True


def stage_missing(driver: Driver) -> None:
    """The setup section where another Python is not usable, and with Slicer's own; then the first one again."""
    setup = driver.panel.setupPanel
    setup.ui.setupPythonEdit.currentPath = str(Path(__file__).resolve())
    driver.wait(lambda: not setup.isChecking(), 240)
    driver.report["refused"] = setup.ui.setupMessageLabel.text
    if driver.python:
        driver.press(setup.ui.setupButton_python)
        driver.wait(lambda: not setup.isChecking(), 240)
        driver.report["slicersOwn"] = {state.name: [state.ok, state.detail] for state in states(setup)}
        driver.report["unfolded"] = not setup.ui.setupCollapsibleButton.collapsed
        bring_into_view(setup.widget)
        driver.photograph("setup-missing")
        setup.ui.setupPythonEdit.currentPath = driver.python
        driver.wait(lambda: not setup.isChecking(), 240)


def stage_inputs(driver: Driver) -> None:
    """The sample case, as the module Sample Data loads it, and the rows."""
    import SampleData

    driver.size("1280")
    nodes = SampleData.downloadSamples("Simulated stroke")
    driver.report["loaded"] = [node.GetName() for node in nodes]
    parameters = driver.panel.logic.getParameterNode()
    for node in nodes:
        sequence = node.GetName().split()[-1]
        if getattr(parameters, f"volume{sequence}") is None:
            setattr(parameters, f"volume{sequence}", node)
    driver.photograph("inputs")


def stage_run(driver: Driver) -> None:
    """Segment, photographed at work and at its end."""
    driver.press(driver.panel.ui.segmentButton)
    driver.wait(lambda: driver.panel.ui.progressBar.value > 0, 120)
    driver.photograph("running")
    start = time.perf_counter()
    driver.wait(lambda: not driver.panel.logic.isBusy(), 300)
    driver.report["secondsToSegment"] = round(time.perf_counter() - start, 1)
    driver.report["result"] = driver.panel.ui.resultLabel.text
    for size in SIZES:
        driver.size(size)
        driver.photograph(f"result-{size}")


def stage_maps(driver: Driver) -> None:
    """Each map in the list, the first attention map photographed in both themes."""
    combo = driver.panel.ui.mapComboBox
    names = [combo.itemText(index) for index in range(combo.count)]
    driver.report["maps"] = names
    for index in range(combo.count):
        combo.currentIndex = index
        driver.settle(0.2)
    combo.currentIndex = next((index for index, name in enumerate(names) if "ttention" in name), 0)
    for theme in ("dark", "light"):
        driver.theme(theme)
        driver.photograph(f"attention-{theme}")


def stage_nothing(driver: Driver) -> None:
    """An explicit result where no candidate passes the threshold."""
    logic, start = driver.panel.logic, driver.panel.logic.startProcess
    logic.startProcess = lambda inputs, **rest: start(inputs, **{**rest, "options": {"threshold": 1.0}})
    try:
        driver.press(driver.panel.ui.segmentButton)
    finally:
        del logic.startProcess
    driver.wait(lambda: not logic.isBusy(), 300)
    driver.report["nothing"] = driver.panel.ui.resultLabel.text
    driver.photograph("nothing-found")


def stage_cancel(driver: Driver) -> None:
    """Cancel, then the scene closed while a run goes on: both end it."""
    driver.press(driver.panel.ui.segmentButton)
    driver.press(driver.panel.ui.cancelButton)
    driver.wait(lambda: not driver.panel.logic.isBusy(), 30)
    driver.report["cancelled"] = driver.panel.ui.stageLabel.text
    driver.press(driver.panel.ui.segmentButton)
    slicer.mrmlScene.Clear()
    driver.wait(lambda: not driver.panel.logic.isBusy(), 30)


def stage_self_test(driver: Driver) -> None:
    """What "Reload and Test" runs."""
    import ThrombusSeg

    test = ThrombusSeg.ThrombusSegTest()
    said: list[str] = []
    test.delayDisplay = lambda message, *rest: said.append(message)
    test.runTest()
    driver.report["selfTest"] = said


STAGES = {
    name.removeprefix("stage_"): function for name, function in list(globals().items()) if name.startswith("stage_")
}


def states(setup: object) -> list:
    """The rows of the setup section."""
    from ThrombusSegParts.setupChecks import allStates

    return allStates(setup.facts())


def bring_into_view(widget: object) -> None:
    """Scroll the panel until this is seen."""
    parent = widget.parent()
    while parent is not None and not parent.inherits("QScrollArea"):
        parent = parent.parent()
    if parent is not None:
        parent.ensureWidgetVisible(widget)


def main(folder: str, python: str = "", *stages: str) -> int:
    """Run the stages; the exit status."""
    driver = Driver(Path(folder), python)
    status = 0
    try:
        for name in stages or STAGES:
            STAGES[name](driver)
    except Exception:  # noqa: BLE001 - whatever it is, it is in the report, and Slicer is closed
        driver.report["error"] = traceback.format_exc()
        driver.photograph("error")
        status = 1
    driver.report["torchInSlicer"] = "torch" in sys.modules
    (driver.folder / "report.json").write_text(json.dumps(driver.report, indent=1), encoding="utf-8")
    return status


if __name__ == "__main__":  # with --testing Slicer leaves when the script ends, and answers every question with no
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    slicer.util.exit(status)
