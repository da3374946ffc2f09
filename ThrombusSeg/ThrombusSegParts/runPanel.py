"""The section that runs: Segment and Cancel, how far it is, where it computes, and its log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from .dependencies import installPackages, missingPackages
from .errors import SegmentationCancelled, SegmentationError
from .logic import ThrombusSegLogic
from .panelPart import PanelPart
from .panelTexts import stageText
from .parameterNode import chosenVolumes
from .resultToScene import SegmentationResult
from .workerPython import chosenPython, chosenWeights


class RunPanel(PanelPart):
    """Starts what the logic does and tells how it goes; opens no dialog of its own.

    Args:
        ui: of the panel's main form.
        logic: does the work.
        requirements: the requirements file of the module.
        onBusy: called when a segmentation has begun or ended.
        onDone: called when a result is in the scene.
        onFailed: called when there is none.
        onNeedsSetup: called when something must be installed first, and was not.
    """

    def __init__(
        self,
        ui: Any,
        logic: ThrombusSegLogic,
        requirements: Path,
        onBusy: Callable[[], None],
        onDone: Callable[[SegmentationResult], None],
        onFailed: Callable[[SegmentationError], None],
        onNeedsSetup: Callable[[], None],
    ) -> None:
        super().__init__(ui)
        self._logic = logic
        self._requirements = requirements
        self._onBusy, self._onDone, self._onFailed, self._onNeedsSetup = onBusy, onDone, onFailed, onNeedsSetup
        logic.onWarm = self.onWarm
        ui.segmentButton.connect("clicked(bool)", self.onSegment)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)

    def enter(self) -> None:
        """The worker loads torch while volumes are picked."""
        self.warm()

    def update(self, busy: bool) -> None:
        """Which buttons can be pressed."""
        self.ui.cancelButton.enabled = busy
        self.ui.deviceComboBox.enabled = not busy
        if self.parameterNode is None:
            return
        chosen = any(volume is not None for volume in chosenVolumes(self.parameterNode).values())
        self.ui.segmentButton.enabled = chosen and not busy
        self.ui.segmentButton.toolTip = (
            _("Find the thrombus on the chosen sequences") if chosen else _("Choose a volume for at least one sequence")
        )

    def forgetResult(self) -> None:
        """The scene was closed or replaced."""
        self.ui.stageLabel.text = ""
        self.ui.progressBar.value = 0
        self.ui.detailsText.plainText = ""

    def close(self) -> None:
        """End the worker."""
        self._logic.onWarm = None
        self._logic.close()

    def warm(self) -> None:
        """Let the worker load; what is missing is told, and installed only by a click."""
        missing = [] if chosenPython() else missingPackages()
        if self._logic.isBusy():
            return
        if missing:
            self.ui.stageLabel.text = _("To be installed before the first segmentation: {packages}.").format(
                packages=", ".join(missing)
            )
            return
        try:
            self._logic.warm(self._device(), chosenWeights())
            self.ui.stageLabel.text = _("Getting ready...")
        except SegmentationError as error:
            self._tell(error)

    def onWarm(self, outcome: dict[str, Any] | SegmentationError) -> None:
        """Called when the worker has loaded, or could not."""
        if self._logic.isBusy():
            return
        if isinstance(outcome, SegmentationError):
            self._tell(outcome)
        else:
            self.ui.stageLabel.text = _("Ready ({device}).").format(device=outcome["device"])

    def _device(self) -> str:
        return self.parameterNode.device.value if self.parameterNode is not None else "auto"

    def onSegment(self) -> None:
        """Run, without waiting for the end. What is wrong with the choices is a sentence on the panel."""
        self.ui.detailsText.plainText = ""
        try:
            self._start()
        except SegmentationError as error:
            self.onError(error)
        except OSError as error:
            sentence = _("The volumes could not be written for the segmentation: {reason}.")
            self.onError(SegmentationError(sentence.format(reason=error.strerror), kind="machine"))

    def _start(self) -> None:
        with slicer.util.WaitCursor():
            self._install()
            self._logic.startProcess(
                chosenVolumes(self.parameterNode),
                device=self._device(),
                weights=chosenWeights(),
                onProgress=self.onProgress,
                onDone=self.onDone,
                onError=self.onError,
            )
        self.onProgress(0.0, "reading")
        self._onBusy()

    def _install(self) -> None:
        """What is missing in Slicer's own Python, after a yes."""
        if chosenPython() or not missingPackages():
            return
        try:
            installPackages(self._requirements)
        except SegmentationError:
            self._onNeedsSetup()
            raise

    def onCancel(self) -> None:
        """Ask for the end of the run; `onError` follows."""
        self._logic.cancel()
        self.ui.cancelButton.enabled = False
        self.ui.stageLabel.text = _("Canceling...")

    def onProgress(self, value: float, stage: str) -> None:
        """Called while the worker works."""
        self.ui.progressBar.value = round(100 * value)
        self.ui.stageLabel.text = stageText(stage)

    def onDone(self, result: SegmentationResult) -> None:
        """Called when the result is in the scene."""
        self.ui.progressBar.value = 100
        self.ui.stageLabel.text = _("Done.")
        if result.summary.get("notice"):
            self.ui.noticeLabel.text = result.summary["notice"]  # names the data that these weights were trained on
        self._onDone(result)
        self._onBusy()

    def onError(self, error: SegmentationError) -> None:
        """Called when there is no result; says so on the panel, without a dialog."""
        self.ui.progressBar.value = 0
        self._tell(error)
        if not isinstance(error, SegmentationCancelled):
            self._onFailed(error)
        self._onBusy()

    def _tell(self, error: SegmentationError) -> None:
        self.ui.stageLabel.text = str(error)
        self.ui.detailsText.plainText = error.details
        if error.details:
            self.ui.advancedCollapsibleButton.collapsed = False
