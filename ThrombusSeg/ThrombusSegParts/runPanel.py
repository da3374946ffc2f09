"""The section that runs: Segment and Cancel, how far it is, where it computes, and its log."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .dependencies import installPackages, missingPackages
from .errors import SegmentationCancelled, SegmentationError
from .logic import ThrombusSegLogic
from .pace import keepPace, keptPace
from .panelPart import PanelPart
from .panelTexts import detailsText, segmentTip, stageText
from .parameterNode import ThrombusSegParameterNode, chosenVolumes
from .resultToScene import SegmentationResult
from .setupTexts import deviceText
from .timeLeft import TimeLeft, timeLeftText
from .workerPython import chosenPython, chosenWeights

_CLOCK_MILLISECONDS = 1000


class RunPanel(PanelPart):
    """Starts what the logic does and tells how it goes. The only dialogs are the questions before an installation.

    Args:
        ui: of the panel's main form.
        logic: does the work.
        requirements: the requirements file of the module.
        onBusy: called when a segmentation has begun or ended.
        onDone: called when a result is in the scene.
        onFailed: called when there is none, unless the user stopped it.
        onInstalled: called when something had to be installed first, with whether it was.
    """

    def __init__(
        self,
        ui: Any,
        logic: ThrombusSegLogic,
        requirements: Path,
        onBusy: Callable[[], None],
        onDone: Callable[[SegmentationResult], None],
        onFailed: Callable[[SegmentationError], None],
        onInstalled: Callable[[bool], None],
    ) -> None:
        super().__init__(ui)
        self._logic = logic
        self._requirements = requirements
        self._onBusy, self._onDone, self._onFailed, self._onInstalled = onBusy, onDone, onFailed, onInstalled
        self._stage = ""
        self._isFormer = False  # whether the run belongs to a scene that is closed
        self._idle = ""  # what is said while nothing runs
        self._isToldOfClosing = False
        self._done: slicer.vtkMRMLSegmentationNode | None = None  # of which "Done." speaks
        self._kind = ""
        self._timeLeft = TimeLeft()
        self._warmed = ""
        self._clock = qt.QTimer()
        self._clock.setInterval(_CLOCK_MILLISECONDS)
        self._clock.connect("timeout()", self._showStage)
        logic.onWarm, logic.onLog = self.onWarm, self.onLog
        ui.segmentButton.connect("clicked(bool)", self.onSegment)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)

    def enter(self) -> None:
        """The worker loads torch while volumes are picked."""
        self.warm()

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices."""
        super().setParameterNode(parameterNode)
        self._warmed = self._device()

    def update(self, busy: bool) -> None:
        """Which buttons can be pressed. Another device is made ready at once."""
        self.ui.cancelButton.enabled = busy
        self.ui.deviceComboBox.enabled = not busy
        if self.parameterNode is None:
            return
        chosen = any(volume is not None for volume in chosenVolumes(self.parameterNode).values())
        self.ui.segmentButton.enabled = chosen and not busy
        self.ui.segmentButton.toolTip = segmentTip(chosen)  # the section of the inputs may have more to say
        self._forgetWhatIsOver(chosen, busy)
        if self._warmed != self._device() and not busy:
            self.warm()

    def _forgetWhatIsOver(self, chosen: bool, busy: bool) -> None:
        """A scene that was closed is of no interest beside new volumes, nor is "Done." beside no result."""
        isDeleted = self._done is not None and self.parameterNode.segmentation is None
        if (self._isToldOfClosing and chosen) or (isDeleted and not busy):
            self._showIdle(self._idle)

    def forgetResult(self) -> None:
        """The scene was closed or replaced: a run that is being stopped was one of the scene before."""
        because = self._logic.whyStopping()
        if self._logic.isBusy() and because is None:
            return  # a scene was added to the one that is open
        self._clock.stop()
        self._showIdle(because or self._idle)
        self._isToldOfClosing = bool(because)
        self._isFormer = because is not None

    def onSceneLoaded(self) -> None:
        """Another scene is there: what was said of the one before does not concern it."""
        if self._isFormer or self._isToldOfClosing:
            self._showIdle(self._idle)

    def close(self) -> None:
        """End the worker."""
        self._clock.stop()
        self._logic.onWarm = self._logic.onLog = None
        self._logic.close()

    def warm(self) -> None:
        """Let the worker load; what is missing is told, and installed only by a click."""
        if self._logic.isBusy():
            return
        self._warmed = self._device()
        self.ui.deviceLabel.text = ""
        missing = [] if chosenPython() else missingPackages()
        if missing:
            text = _("To be installed before the first segmentation: {packages}.")
            self._idle = text.format(packages=", ".join(missing))
            self._showIdle(self._idle)
            return
        try:
            self._logic.warm(self._warmed, chosenWeights())
            self._idle = _("Getting ready...")
            self._showIdle(self._idle)
        except SegmentationError as error:
            self._tell(error)

    def onWarm(self, outcome: dict[str, Any] | SegmentationError) -> None:
        """Called when the worker has loaded, or could not."""
        if isinstance(outcome, SegmentationError):
            self._idle = str(outcome)
            if not self._logic.isBusy():
                self._tell(outcome)
            return
        self._idle = _("Ready.")
        self.ui.deviceLabel.text = deviceText(outcome)
        self.log(deviceText(outcome))
        if not self._logic.isBusy():
            self._showIdle(self._idle)

    def onLog(self, lines: list[str]) -> None:
        """Called with what the worker wrote into its log."""
        for line in lines:
            self.log(line)

    def log(self, text: str) -> None:
        """A line, or several, with the time of day in front."""
        self.ui.logText.appendPlainText(f"{time.strftime('%H:%M:%S')}  {text}")

    def onSegment(self) -> None:
        """Run, without waiting for the end. What is wrong with the choices becomes a sentence on the panel."""
        self._stage, self._done, self._isToldOfClosing = "", None, False
        try:
            self._install()
            with slicer.util.WaitCursor():
                self._start()
        except SegmentationError as error:
            self.onError(error)
        except OSError as error:
            self.onError(SegmentationError(error.strerror or str(error), kind="machine"))
        else:
            self._clock.start()
            self.onProgress(0.0, "starting")
            self._onBusy()

    def _start(self) -> None:
        volumes = chosenVolumes(self.parameterNode)
        present = [sequence for sequence, volume in volumes.items() if volume is not None]
        self._kind = f"{self._device()}/{len(present)}"
        self._timeLeft = TimeLeft(keptPace(self._kind))
        self.log(_("Segment: {sequences}").format(sequences=", ".join(present)))
        self._logic.startProcess(
            volumes,
            device=self._device(),
            weights=chosenWeights(),
            onProgress=self.onProgress,
            onDone=self.onDone,
            onError=self.onError,
            replaceEarlier=True,
        )

    def _install(self) -> None:
        """What is missing in Slicer's own Python, after a yes."""
        if chosenPython() or not missingPackages():
            return
        try:
            installPackages(self._requirements)
        except SegmentationError:
            self._onInstalled(False)
            raise
        self._onInstalled(True)

    def onCancel(self) -> None:
        """Ask for the end of the run; `onError` follows."""
        self._clock.stop()
        self._logic.cancel()
        self.ui.cancelButton.enabled = False
        self.ui.stageLabel.text = _("Canceling...")

    def onProgress(self, value: float, stage: str) -> None:
        """Called while the worker works."""
        if value > 0:  # before that it may still be loading torch
            self._timeLeft.reached(value)
            self._idle = _("Ready.")
        self.ui.progressBar.textVisible = True
        self.ui.progressBar.value = round(100 * value)
        if stage != self._stage:
            self._stage = stage
            self.log(stageText(stage))
        self._showStage()

    def _showStage(self) -> None:
        """What is being done, and how long it will take if that is known."""
        if self._isFormer:
            return
        left = timeLeftText(self._timeLeft.seconds())
        text = stageText(self._stage)
        self.ui.stageLabel.text = _("{stage} - {left}").format(stage=text, left=left) if left else text

    def onDone(self, result: SegmentationResult) -> None:
        """Called when the result is in the scene."""
        self._clock.stop()
        keepPace(self._kind, self._timeLeft.marks())
        self.ui.progressBar.value = 100
        self.ui.stageLabel.text = _("Done.")
        self.log(detailsText(result))
        if result.summary.get("notice"):
            self.ui.noticeLabel.text = result.summary["notice"]  # names the data that these weights were trained on
        self._onDone(result)
        self._done = result.segmentation
        self._onBusy()

    def onError(self, error: SegmentationError) -> None:
        """Called when there is no result; says so on the panel, without a dialog."""
        self._clock.stop()
        if self._isFormer:
            self._isFormer = False
            self.log(str(error))
        else:
            self._tell(error)
        if not isinstance(error, SegmentationCancelled):
            self._onFailed(error)
        self._onBusy()

    def _device(self) -> str:
        return self.parameterNode.device.value if self.parameterNode is not None else self._warmed or "auto"

    def _showIdle(self, text: str) -> None:
        self._done, self._isToldOfClosing = None, False
        self.ui.progressBar.textVisible = False
        self.ui.progressBar.value = 0
        self.ui.stageLabel.text = text

    def _tell(self, error: SegmentationError) -> None:
        self._showIdle(str(error))
        self.log(str(error))
        if error.details:
            self.ui.logCollapsibleButton.collapsed = False
