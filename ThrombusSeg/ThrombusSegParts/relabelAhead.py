"""What the first move of a slider needs, got ready while nobody waits for it, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import qt

from .library import importLibrary

#: Loaded one after the other, none of them with torch.
_PACKAGES = ("numpy", "SimpleITK", "ThrombusSegLib.lesions", "ThrombusSegLib.lesions.table")
#: Between two pieces: what the user does meanwhile comes first.
_PAUSE_MILLISECONDS = 150


class RelabelAhead:
    """Begins with a run, while the worker computes, or with a result that is there already.

    Args:
        pieces: called one after the other, after the packages.
    """

    def __init__(self, pieces: Sequence[Callable[[], None]]) -> None:
        self._pieces = pieces
        self._left: list[Callable[[], object]] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(_PAUSE_MILLISECONDS)
        self._timer.connect("timeout()", self.step)

    def start(self) -> None:
        """From now on; once more where a result has come since."""
        if not self._left:
            self._left = [*(partial(importLibrary, name) for name in _PACKAGES), *self._pieces]
            self._timer.start()

    def step(self) -> None:
        """One piece more."""
        if not self._left:
            self.stop()
            return
        try:
            self._left.pop(0)()
        except ImportError:  # the slider says so when it is moved
            self.stop()

    def stop(self) -> None:
        """No further."""
        self._left = []
        self._timer.stop()
