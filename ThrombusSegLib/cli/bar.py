"""Progress on stderr: a bar on a terminal, otherwise a line when a stage first begins."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

_WIDTH = 30
_REDRAW_SECONDS = 0.05
#: Where there is no terminal, long work writes a line so often, seconds.
_QUIET_SECONDS = 60.0


class ProgressBar:
    """Callable as `Progress`; `close` leaves the terminal's line clean.

    Args:
        stream: where to write; a bar when it is a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._stage = ""
        self._told: set[str] = set()
        self._drawn = 0.0

    def __call__(self, share: float, stage: str) -> bool:
        """Show; never cancels (Ctrl-C does)."""
        now = time.monotonic()
        if self._terminal:
            if stage != self._stage or now - self._drawn > _REDRAW_SECONDS:
                self._drawn = now
                self._draw(share, stage)
        elif stage not in self._told:
            self._told.add(stage)
            print(f"{stage} ({share:.0%})", file=self._stream, flush=True)
        self._stage = stage
        return True

    def close(self) -> None:
        """Wipe the bar."""
        if self._terminal and self._stage:
            print("\r" + " " * (self._columns() - 1) + "\r", end="", file=self._stream, flush=True)

    def _draw(self, share: float, stage: str) -> None:
        filled = round(_WIDTH * min(1.0, max(0.0, share)))
        line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {share:4.0%} {stage}"
        room = self._columns() - 1
        print("\r" + line[:room].ljust(room), end="", file=self._stream, flush=True)

    @staticmethod
    def _columns() -> int:
        return max(20, min(100, shutil.get_terminal_size().columns))


class Minutes:
    """Progress for a log file: a line a minute, and one whenever another kind of work begins."""

    def __init__(self) -> None:
        self._kind, self._told = "", -_QUIET_SECONDS

    def __call__(self, share: float, stage: str) -> bool:
        """Write; never cancels."""
        kind, now = stage.split(" ")[0].strip(","), time.monotonic()
        if kind != self._kind or now - self._told > _QUIET_SECONDS:
            self._kind, self._told = kind, now
            print(f"{share:4.0%} {stage}", file=sys.stderr, flush=True)
        return True

    def close(self) -> None:
        """Nothing is left to do."""
