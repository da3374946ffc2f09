"""The worker process: how it is started, spoken to and ended. Knows neither MRML nor Qt.

Two threads read the worker's stdout and stderr and put what they find into a queue; nothing else happens there. The
owner calls `events()` on its own thread, which in Slicer is the main one, as often as it likes.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

#: So many lines of the worker's log are kept for the details of an error.
LOG_LINES = 50


class WorkerProcess:
    """A running worker. The constructor starts it and raises OSError if that is impossible.

    Args:
        command: program and arguments, for example ``[python, "-m", "ThrombusSegLib", "worker"]``.
        environment: of the process; `workerEnvironment` makes it.
        folder: the working folder of the process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.pid: int | None = None
        """Of the Python that works, which is a child of the started process where that is Slicer's launcher."""
        self._log: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
        self._newLines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=dict(environment),
            cwd=str(folder),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._readers = [
            threading.Thread(target=self._readEvents, args=(self._process.stdout,), name="worker events", daemon=True),
            threading.Thread(target=self._readLog, args=(self._process.stderr,), name="worker log", daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def send(self, command: Mapping[str, Any]) -> bool:
        """Returns False when the worker does not listen any more; an event `ended` follows, or was sent already."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command, ensure_ascii=True) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def events(self) -> list[dict[str, Any]]:
        """What the worker said since the last call. The last event of all is ``{"event": "ended"}``."""
        return _emptied(self._events)

    def newLogLines(self) -> list[str]:
        """What came to the worker's stderr since the last call."""
        return _emptied(self._newLines)

    def isAlive(self) -> bool:
        """False once the working Python has closed its stdout, whatever became of a launcher before it."""
        return self._readers[0].is_alive()

    def log(self) -> str:
        """The last lines of the worker's stderr."""
        return "\n".join(self._log)

    def close(self, graceSeconds: float = 2.0) -> None:
        """End the worker: first by the end of its stdin, which also a launcher hands on, then by force.

        Killing only the process that was started would leave the working Python behind where a launcher stands
        between, so the process id that the worker itself named is ended too.
        """
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._readers[0].join(graceSeconds)
        if self.isAlive():
            self._kill()
            self._readers[0].join(5.0)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def exitStatus(self) -> int | None:
        """Of the started process; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.5)
        return None

    def _kill(self) -> None:
        # While stdout is open the named process lives, so its id cannot have been given to another one.
        if self.pid is not None and self.pid != self._process.pid:
            with contextlib.suppress(OSError):
                os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        with contextlib.suppress(OSError):
            self._process.kill()

    def _readEvents(self, stream: TextIO) -> None:
        for line in stream:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    if event.get("event") == "ready" and isinstance(event.get("pid"), int):
                        self.pid = event["pid"]
                    self._events.put(event)
        self._events.put({"event": "ended"})

    def _readLog(self, stream: TextIO) -> None:
        for line in stream:
            self._log.append(line.rstrip("\n"))
            self._newLines.put(line.rstrip("\n"))


def _emptied(source: queue.SimpleQueue[Any]) -> list[Any]:
    found = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(source.get_nowait())
    return found


def workerEnvironment(base: Mapping[str, str], libraryFolder: Path) -> dict[str, str]:
    """The environment `base`, with the library in front of PYTHONPATH and UTF-8 on every pipe.

    Slicer tells ITK by ITK_AUTOLOAD_PATH to load its plug-ins; in a SimpleITK of another build they end the process.
    """
    environment = {key: value for key, value in base.items() if key != "ITK_AUTOLOAD_PATH"}
    paths = [str(libraryFolder), *filter(None, [environment.get("PYTHONPATH")])]
    environment.update(PYTHONPATH=os.pathsep.join(paths), PYTHONUTF8="1", PYTHONIOENCODING="utf-8")
    return environment
