"""The logic of the module: volumes in, nodes out, by way of a worker process. It opens no dialog.

Example::

    result = ThrombusSegLogic().process({"SWI": swiNode, "DWI": dwiNode})
    print(result.thrombusFound, result.segmentation.GetName())
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from .earlierResults import placeBeside, placeInstead, removeResult
from .errors import SegmentationCancelled, SegmentationError
from .parameterNode import ThrombusSegParameterNode
from .relabel import rememberMask
from .resultToScene import ResultFiles, SegmentationResult
from .run import OnDone, OnError, OnProgress, Run, prepareRun
from .workerProcess import WorkerProcess
from .workerPython import chosenPython, workerStart

#: Version of the worker's words that this module speaks.
PROTOCOL = 1

_POLL_MILLISECONDS = 100


class ThrombusSegLogic(ScriptedLoadableModuleLogic):
    """Runs one segmentation at a time; the worker stays between runs, so that torch and weights load once.

    Everything happens on the thread that calls; inside Slicer a timer calls `poll` while there is something to wait
    for, elsewhere the owner does.

    Args:
        scene: where inputs are and results go; the application's by default.
        python: of the worker; by default that of the application's settings, else Slicer's own.
        temporaryFolder: where the private folder of a run is made; by default the application's.
    """

    #: A worker that has not answered a cancel by then is ended by force.
    cancelGraceSeconds = 5.0

    def __init__(
        self,
        scene: slicer.vtkMRMLScene | None = None,
        python: str | None = None,
        temporaryFolder: str | None = None,
    ) -> None:
        super().__init__()
        self._givenScene = scene
        self._python = python
        self._temporaryFolder = temporaryFolder
        self._worker: WorkerProcess | None = None
        self._workerPythonInUse: str | None = None
        self._run: Run | None = None
        self._runs = 0
        self._warming = self._pollsItself = False
        self._warmNext: dict[str, Any] | None = None
        self._timer: qt.QTimer | None = None
        self.onWarm: Callable[[dict[str, Any] | SegmentationError], None] | None = None
        """Told once after `warm`: the worker's event with its device and weights, or what went wrong."""
        self.onLog: Callable[[list[str]], None] | None = None
        """Given the lines of the worker's log as they come."""

    def getParameterNode(self) -> ThrombusSegParameterNode:
        """The panel's choices, kept in the scene."""
        return ThrombusSegParameterNode(super().getParameterNode())

    @property
    def scene(self) -> slicer.vtkMRMLScene:
        """Where inputs are and results go."""
        return self._givenScene if self._givenScene is not None else slicer.mrmlScene

    def isBusy(self) -> bool:
        """Whether a segmentation runs."""
        return self._run is not None

    def workerLog(self) -> str:
        """The last lines of the worker's log."""
        return self._worker.log() if self._worker is not None else ""

    def workerProcessId(self) -> int | None:
        """Of the Python that does the work; None while there is none, or it has not answered yet."""
        return self._worker.pid if self._worker is not None else None

    def warm(self, device: str = "auto", weights: str = "default") -> None:
        """Start the worker and let it load torch and the weights, without waiting for it.

        Raises:
            SegmentationError: it could not be started.
        """
        command = {"command": "warm", "weights": weights, "device": device}
        if self._run is not None:
            return
        if self._warming:  # other weights or another device were chosen meanwhile
            self._warmNext = command
            return
        self._sendToWorker(command)
        self._warming = True
        self._startTimer()

    def startProcess(
        self,
        inputs: Mapping[str, slicer.vtkMRMLScalarVolumeNode | None],
        device: str = "auto",
        weights: str = "default",
        options: Mapping[str, Any] | None = None,
        name: str = "",
        onProgress: OnProgress | None = None,
        onDone: OnDone | None = None,
        onError: OnError | None = None,
        replaceEarlier: bool = False,
    ) -> None:
        """Begin, and return at once. Exactly one of `onDone` and `onError` is called later, from `poll`.

        Args:
            inputs: volume node by sequence ("SWI", "DWI", "ADC", "FLAIR", "TOF"); None and missing keys mean absent.
            device: auto, cpu, cuda or mps.
            weights: a registered name or the path of a file.
            options: threshold, minimum_volume_mm3, registration, as the worker knows them.
            name: of the folder in the subject hierarchy; by default it tells the time.
            onError: gets a `SegmentationCancelled` when the run was stopped.
            replaceEarlier: an earlier result that was started so, on the same volumes, leaves the scene after `onDone`,
                unless somebody has worked on it. Without this every result stays.

        Raises:
            InputVolumeError: a volume cannot be used. SegmentationError: a run is going on, or there is no worker.
            OSError: the volumes could not be written.
        """
        if self._run is not None:
            raise SegmentationError(_("A segmentation is running already."), _("Wait for it, or cancel it."), "input")
        self._runs += 1
        name = name or f"Thrombus segmentation {time.strftime('%Y-%m-%d %H:%M:%S')}"
        run = prepareRun(str(self._runs), name, inputs, self._temporaryFolder)
        run.onProgress, run.onDone, run.onError = onProgress, onDone, onError
        run.replacesEarlier = replaceEarlier
        try:
            self._sendToWorker(run.command(weights, device, options or {}))
        except BaseException:
            run.clean()
            raise
        self._run = run
        self._startTimer()
        logging.info("Segmentation started with %s", ", ".join(run.volumes))

    def process(
        self,
        inputs: Mapping[str, slicer.vtkMRMLScalarVolumeNode | None],
        device: str = "auto",
        weights: str = "default",
        options: Mapping[str, Any] | None = None,
        name: str = "",
        onProgress: OnProgress | None = None,
    ) -> SegmentationResult:
        """Segment, and return the nodes when they are there; for scripts. Arguments as for `startProcess`.

        The nodes are always new: no earlier result leaves the scene or is written over, and the panel replaces none of
        these later. A script that wants room removes them itself.

        Raises:
            SegmentationError and what `startProcess` raises; then nothing was added to the scene.
        """
        outcome: list[SegmentationResult | SegmentationError] = []
        self._pollsItself = True  # a timer would keep this object, and its worker, after the script has let go of it
        try:
            self.startProcess(inputs, device, weights, options, name, onProgress, outcome.append, outcome.append)
        finally:
            self._pollsItself = False
        try:
            while not outcome:
                self.poll()
                time.sleep(0.02)
        finally:
            if not outcome:  # interrupted from the keyboard, or by a callback
                self.close()
        if isinstance(outcome[0], SegmentationError):
            raise outcome[0]
        return outcome[0]

    def cancel(self, because: str = "") -> None:
        """Ask the worker to stop; `onError` is called when it has. Without a run nothing happens."""
        if self._run is None or self._run.deadline is not None:
            return
        self._run.deadline = time.monotonic() + self.cancelGraceSeconds
        self._run.stoppedBecause = because
        if self._worker is not None:
            self._worker.send({"command": "cancel", "id": self._run.identifier})

    def whyStopping(self) -> str | None:
        """Why the run is being stopped, "" if the user asked for it; None where none is."""
        return self._run.stoppedBecause if self._run is not None and self._run.deadline is not None else None

    def close(self) -> None:
        """End the run and the worker now; for the end of the module or of the application."""
        worker, self._worker, self._warming, self._warmNext = self._worker, None, False, None
        if worker is not None:
            worker.close(graceSeconds=1.0)
        if self._run is not None:
            self._fail(SegmentationCancelled())
        self._stopTimer()

    def poll(self) -> None:
        """Take note of what the worker said since the last call. Calls the callbacks."""
        worker = self._worker
        lines = worker.newLogLines() if worker is not None else []
        if lines and self.onLog is not None:
            self.onLog(lines)
        for event in worker.events() if worker is not None else ():
            if self._worker is worker:  # a callback may have closed it
                self._onEvent(event)
        self._watchInputs()
        self._loadNext()
        self._watchDeadline()
        if self._run is None and not self._warming:
            self._stopTimer()

    def _onEvent(self, event: Mapping[str, Any]) -> None:
        kind, mine = event.get("event"), self._run is not None and event.get("id") == self._run.identifier
        if kind == "ready" and event.get("protocol") != PROTOCOL:
            self._onWrongProtocol()
        elif kind == "warm":
            self._endWarming(dict(event))
        elif kind == "progress" and mine:
            self._onProgress(event)
        elif kind == "done" and mine:
            self._onDone(event)
        elif kind == "cancelled" and mine:
            self._fail(SegmentationCancelled())
        elif kind == "error":
            self._onWorkerError(event, mine)
        elif kind == "ended":
            self._onWorkerEnded()

    def _onProgress(self, event: Mapping[str, Any]) -> None:
        if self._run.onProgress is not None and self._run.deadline is None:
            self._run.onProgress(float(event["value"]), str(event["stage"]))

    def _onDone(self, event: Mapping[str, Any]) -> None:
        try:
            self._run.files = ResultFiles(self._run.out, event["result"], self._run.volumes)
        except (KeyError, TypeError) as error:
            self._failToLoad(error)

    def _loadNext(self) -> None:
        """One file of the result; after the last, put everything into the scene."""
        run = self._run
        if run is None or run.files is None:
            return
        if run.deadline is not None:
            self._fail(SegmentationCancelled())
            return
        try:
            if run.files.readNext():
                self._onProgress({"value": 1.0, "stage": "loading"})
                return
            place = placeInstead if run.replacesEarlier else placeBeside
            result, leaving = place(self.scene, run.files, run.name)
            rememberMask(result.segmentation)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._failToLoad(error)
            return
        self._run = None
        run.clean()
        logging.info("Segmentation done: %s candidates", len(result.summary["candidates"]))
        try:
            if run.onDone is not None:
                run.onDone(result)
        finally:
            for each in leaving:
                removeResult(each)

    def _failToLoad(self, error: Exception) -> None:
        logging.error("The result could not be loaded", exc_info=error)
        self._fail(SegmentationError(_("The result could not be loaded: {reason}").format(reason=error)))

    def _onWorkerError(self, event: Mapping[str, Any], mine: bool) -> None:
        texts = [self._withoutFiles(str(event.get(key) or "")) for key in ("sentence", "advice", "kind")]
        error = SegmentationError(*texts, details=self.workerLog())
        if mine:
            self._fail(error)
        elif self._warming:
            self._endWarming(error)
        elif self._run is not None and event.get("id") is None:
            self._fail(error)  # the worker did not understand the command

    def _withoutFiles(self, text: str) -> str:
        """The worker's files are named by sequence, and the user has never seen them: the sequence is enough."""
        for sequence, volume in self._run.volumes.items() if self._run is not None else ():
            text = text.replace(f" ({volume.path.name})", "").replace(volume.path.name, sequence)
        return text

    def _onWorkerEnded(self) -> None:
        worker, self._worker = self._worker, None
        worker.close()
        sentence = _("The segmentation process ended unexpectedly (exit status {status}).")
        error = SegmentationError(
            sentence.format(status=worker.exitStatus()),
            _("The log may tell why; memory that ran out is the most frequent reason."),
            kind="machine",
            details=worker.log(),
        )
        if self._warming:
            self._endWarming(error)
        if self._run is not None and self._run.files is None:  # else its part is done
            self._fail(error if self._run.deadline is None else SegmentationCancelled())

    def _onWrongProtocol(self) -> None:
        self._worker.close()
        self._worker = None
        error = SegmentationError(
            _("The worker belongs to another version of ThrombusSeg."), _("Please install the extension again.")
        )
        self._endWarming(error)
        if self._run is not None:
            self._fail(error)

    def _endWarming(self, outcome: dict[str, Any] | SegmentationError) -> None:
        wasWarming, self._warming = self._warming, False
        following, self._warmNext = self._warmNext, None
        if wasWarming and following is not None and self._run is None:
            self.warm(following["device"], following["weights"])
        elif wasWarming and self.onWarm is not None:
            self.onWarm(outcome)

    def _watchInputs(self) -> None:
        """A run whose input, or whole scene, is gone has no place to put its result."""
        sequence = self._run.removedInput(self.scene) if self._run is not None else ""
        if sequence:
            sentence = _("The volume chosen for {sequence} is no longer in the scene; the segmentation was stopped.")
            self.cancel(sentence.format(sequence=sequence))

    def _watchDeadline(self) -> None:
        if self._run is None or self._run.deadline is None or time.monotonic() < self._run.deadline:
            return
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close(graceSeconds=0.5)
        self._fail(SegmentationCancelled())

    def _fail(self, error: SegmentationError) -> None:
        run, self._run = self._run, None
        run.clean()
        if isinstance(error, SegmentationCancelled) and run.stoppedBecause:
            error = SegmentationCancelled(run.stoppedBecause)
        logging.info("Segmentation ended without a result (%s)", error.kind)
        if run.onError is not None:
            run.onError(error)

    def _sendToWorker(self, command: Mapping[str, Any]) -> None:
        """Start the worker if need be, again if another Python was chosen meanwhile."""
        python = chosenPython() if self._python is None else self._python
        if self._worker is not None and (not self._worker.isAlive() or python != self._workerPythonInUse):
            self._worker.close()
            self._worker = None
        if self._worker is None:
            try:
                self._worker = WorkerProcess(*workerStart(python))
            except (OSError, ImportError) as error:
                sentence = _("The worker could not be started: {reason}").format(reason=error)
                raise SegmentationError(sentence, kind="machine") from error
            self._workerPythonInUse = python
        self._worker.send(command)  # if it has just died, its last event tells

    def __del__(self) -> None:
        """A script that lets go of it need not know of the worker."""
        with contextlib.suppress(Exception):  # at the end of Python anything may be gone already
            self.close()

    def _startTimer(self) -> None:
        if self._pollsItself:
            return
        if self._timer is None:
            self._timer = qt.QTimer()
            self._timer.setInterval(_POLL_MILLISECONDS)
            self._timer.connect("timeout()", self.poll)
        self._timer.start()

    def _stopTimer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
