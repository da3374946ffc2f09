"""One short command in the worker's Python, without waiting for it: the check, and changes of the weights registry."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .workerProcess import WorkerProcess
from .workerPython import interpreterStart

CHECK = ("-m", "ThrombusSegLib.check")
CHECK_DEVICE = (*CHECK, "--device")
WEIGHTS = ("-m", "ThrombusSegLib", "weights")

#: Loading torch from a slow disk for the first time is what takes long; the test itself takes a second.
TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True)
class Outcome:
    """How the command ended."""

    events: list[dict[str, Any]] = field(default_factory=list)
    status: int | None = 0
    log: str = ""
    timedOut: bool = False

    def lastLine(self) -> str:
        """Of its stderr: where our commands put their sentence."""
        lines = [line for line in self.log.splitlines() if line.strip()]
        return lines[-1].removeprefix("thrombusseg: ") if lines else ""


class SetupProcess:
    """A running command; the owner calls `poll` from a timer until there is an outcome.

    Raises:
        SegmentationError, OSError, ImportError: it could not be started.
    """

    def __init__(self, arguments: Sequence[str], chosen: str = "", timeout: float = TIMEOUT_SECONDS) -> None:
        self._process = WorkerProcess(*interpreterStart(arguments, chosen))
        self._deadline = time.monotonic() + timeout
        self._events: list[dict[str, Any]] = []
        self._ended = False

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it said so far."""
        return list(self._events)

    def poll(self) -> Outcome | None:
        """The outcome, once; None while it works."""
        if self._ended:  # one call later, so that the end of its log has been read, too
            self._process.close()
            return Outcome(self.events, self._process.exitStatus(), self._process.log())
        for event in self._process.events():
            if event.get("event") == "ended":
                self._ended = True
            else:
                self._events.append(event)
        if not self._ended and time.monotonic() > self._deadline:
            self._process.close(graceSeconds=0.2)
            return Outcome(self.events, None, self._process.log(), timedOut=True)
        return None

    def close(self) -> None:
        """End it now."""
        self._process.close(graceSeconds=0.2)
