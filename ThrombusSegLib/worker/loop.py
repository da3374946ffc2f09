"""The worker's two threads: one reads commands, the other does the jobs one after another."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import Any, BinaryIO

from ..check import describe_device
from ..errors import Cancelled, ThrombusSegError
from ..progress import Progress
from ..version import __version__
from .job import Predictors, run_job
from .protocol import MAXIMUM_LINE_BYTES, PROTOCOL, Command, ProtocolError, decode, encode, job_of, task_of

#: Between two progress events of the same stage there is at least this much time; a panel cannot show more.
_PROGRESS_SECONDS = 0.05


def run_worker() -> int:
    """Serve until `quit` or the end of stdin. Returns the exit status.

    From here on the process's own stdout leads to stderr, so that nothing a library prints can break the protocol, and
    its stdin is empty, so that no child process can take a command away.
    """
    commands = os.fdopen(os.dup(0), "rb")  # not sys.stdin: Python could not end while a thread waits in that
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - no path on Windows
        os.dup2(nothing.fileno(), 0)
    sys.stdout.flush()
    protected = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with os.fdopen(protected, "wb") as events:
        worker = Worker(commands, events)
        signal.signal(signal.SIGTERM, lambda _number, _frame: worker.stop())
        return worker.serve()


class Worker:
    """Reads commands from one stream, writes events to another.

    Args:
        commands: binary; lines of JSON.
        events: binary; flushed after every line.
    """

    def __init__(self, commands: BinaryIO, events: BinaryIO) -> None:
        self._commands = commands
        self._events = events
        self._writing = threading.Lock()
        self._todo: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()
        self._waiting: set[str] = set()
        self._stop = threading.Event()
        self._predictors = Predictors()
        self._last_progress = (0.0, "")

    def serve(self) -> int:
        """Work until told to leave."""
        self._send({"event": "ready", "protocol": PROTOCOL, "version": __version__, "pid": os.getpid()})
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        while (command := self._todo.get()) is not None:
            self._do(command)
        return 0

    def stop(self) -> None:
        """Cancel what runs, then leave."""
        self._stop.set()
        self._todo.put(None)

    def _read(self) -> None:
        """On its own thread: understand lines, so that a cancel arrives while a job runs."""
        while line := self._next_line():
            if not line.strip():
                continue
            try:
                command = decode(line)
                self._accept(command)
            except ProtocolError as error:
                self._error(error.identity, error.kind, error.sentence, error.advice)
                continue
            if command.word == "quit":
                self._todo.put(None)
                return
        self.stop()

    def _next_line(self) -> bytes:
        """The next line; of one that is too long only the beginning, the rest is skipped."""
        try:
            line = self._commands.readline(MAXIMUM_LINE_BYTES + 1)
            rest = line
            while len(rest) > MAXIMUM_LINE_BYTES and not rest.endswith(b"\n"):
                rest = self._commands.readline(MAXIMUM_LINE_BYTES + 1)
        except (OSError, ValueError):
            return b""
        return line

    def _accept(self, command: Command) -> None:
        if command.word == "cancel" and command.id in self._waiting:
            self._cancelled.add(command.id)
        elif command.word in ("segment", "review"):
            assert command.id is not None
            if command.id in self._waiting:
                raise ProtocolError(f"The id {command.id!r} is already in use.", "Give every job its own id.")
            self._waiting.add(command.id)
            self._todo.put(command)
        elif command.word == "warm":
            self._todo.put(command)

    def _do(self, command: Command) -> None:
        """One command; whatever happens, the worker goes on and exactly one closing event is sent."""
        try:
            {"warm": self._warm, "review": self._review}.get(command.word, self._segment)(command)
        except Cancelled:
            self._send({"event": "cancelled", "id": command.id})
        except ThrombusSegError as error:
            self._error(command.id, error.kind, error.sentence, error.advice)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not end the worker; it is shown in full on stderr
            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
            sentence = f"A defect of ThrombusSeg ({type(error).__name__})."
            self._error(command.id, "defect", sentence, "Please report it with the worker's log.")
        finally:
            self._waiting.discard(command.id or "")
            self._cancelled.discard(command.id or "")

    def _warm(self, command: Command) -> None:
        start = time.perf_counter()
        if self._stop.is_set():
            raise Cancelled
        predictor = self._predictors.get(command.weights, command.device)
        weights = {"name": predictor.weights.name, "sha256": predictor.weights.sha256}
        seconds = round(time.perf_counter() - start, 3)
        event = {"event": "warm", "id": command.id, **describe_device(predictor.device), "weights": weights}
        self._send({**event, "warning": predictor.warning, "seconds": seconds})

    def _segment(self, command: Command) -> None:
        result = run_job(job_of(command), self._predictors, self._progress_of(command.id))
        self._send({"event": "done", "id": command.id, "result": result, "out": command.values["out"]})

    def _review(self, command: Command) -> None:
        from .reviewing import run_task

        task, values = task_of(command)
        # A claim is given back even by a worker that leaves: otherwise the case is said to be open for hours.
        if (self._stop.is_set() and task != "release") or command.id in self._cancelled:
            raise Cancelled
        self._send({"event": "done", "id": command.id, "task": task, "result": run_task(task, values)})

    def _progress_of(self, identity: str | None) -> Progress:
        def progress(share: float, stage: str) -> bool:
            now = time.monotonic()
            last, last_stage = self._last_progress
            if stage != last_stage or now - last >= _PROGRESS_SECONDS:
                self._last_progress = (now, stage)
                self._send({"event": "progress", "id": identity, "value": round(share, 4), "stage": stage})
            return not (self._stop.is_set() or identity in self._cancelled)

        return progress

    def _error(self, identity: str | None, kind: str, sentence: str, advice: str) -> None:
        self._send({"event": "error", "id": identity, "kind": kind, "sentence": sentence, "advice": advice})

    def _send(self, event: Mapping[str, Any]) -> None:
        line = encode(event)
        try:
            with self._writing:
                self._events.write(line)
                self._events.flush()
        except (OSError, ValueError):  # nobody listens any more
            self._stop.set()
