"""A second worker, for the small tasks of the annotator: it never loads torch, and a segmentation does not keep it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from .errors import SegmentationError
from .workerProcess import WorkerProcess
from .workerPython import chosenPython, workerStart

OnAnswer = Callable[[dict[str, Any]], None]
OnFailure = Callable[[SegmentationError], None]
_POLL_MILLISECONDS = 50


@dataclass(frozen=True)
class _Request:
    onDone: OnAnswer
    onError: OnFailure


class ReviewWorker:
    """Asks; answers come later, from `poll`, which a timer calls while there is something to wait for."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._python: str | None = None
        self._requests: dict[str, _Request] = {}
        self._count = 0
        self.onIdle: Callable[[], None] = lambda: None
        """Called when the last answer has come."""
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_MILLISECONDS)
        self._timer.connect("timeout()", self.poll)

    def isBusy(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._requests)

    def isRunning(self) -> bool:
        """Whether there is a process already."""
        return self._worker is not None and self._worker.isAlive()

    def ask(self, task: str, values: Mapping[str, Any], onDone: OnAnswer, onError: OnFailure) -> None:
        """Ask for a task of the worker, see `ThrombusSegLib.worker.reviewing`; exactly one of the two is called later,
        or `onError` at once where there is no worker."""
        self._count += 1
        identifier = f"review-{self._count}"
        try:
            self._start()
        except (SegmentationError, OSError, ImportError) as error:
            sentence = _("The worker could not be started: {reason}").format(reason=error)
            onError(error if isinstance(error, SegmentationError) else SegmentationError(sentence, kind="machine"))
            return
        self._requests[identifier] = _Request(onDone, onError)
        self._worker.send({"command": "review", "id": identifier, "task": task, "values": dict(values)})
        self._timer.start()

    def poll(self) -> None:
        """Take note of what the worker said since the last call. Calls the callbacks."""
        worker = self._worker
        for line in worker.newLogLines() if worker is not None else ():
            logging.debug("ThrombusSeg review: %s", line)
        for event in worker.events() if worker is not None else ():
            self._onEvent(event)
        if not self._requests:
            self._timer.stop()
            self.onIdle()

    def close(self) -> None:
        """End the worker now; nobody is told."""
        worker, self._worker, self._requests = self._worker, None, {}
        self._timer.stop()
        if worker is not None:
            worker.close(graceSeconds=1.0)

    def _start(self) -> None:
        python = chosenPython()
        if self._worker is not None and (not self._worker.isAlive() or python != self._python):
            self._end()
        if self._worker is None:
            self._worker = WorkerProcess(*workerStart(python))
            self._python = python

    def _onEvent(self, event: Mapping[str, Any]) -> None:
        kind = event.get("event")
        if kind == "ended":
            self._end()
            return
        request = self._requests.pop(str(event.get("id")), None) if kind in ("done", "error", "cancelled") else None
        if request is None:
            return
        if kind == "done":
            request.onDone(dict(event["result"]))
        else:
            texts = [str(event.get(key) or "") for key in ("sentence", "advice", "kind")]
            request.onError(SegmentationError(*texts))

    def _end(self) -> None:
        """The process has gone, or has to: whoever waits is told."""
        worker, self._worker = self._worker, None
        waiting, self._requests = self._requests, {}
        details = worker.log() if worker is not None else ""
        if worker is not None:
            worker.close(graceSeconds=0.5)
        for request in waiting.values():
            sentence = _("The review process ended unexpectedly.")
            request.onError(SegmentationError(sentence, _("Please try again."), kind="machine", details=details))
