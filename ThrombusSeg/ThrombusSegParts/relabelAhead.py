"""What the first move of a slider needs, got ready while nobody waits for it, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from .library import importLibrary
from .steps import Steps

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
        # without a package the slider says so when it is moved
        self.steps = Steps(lambda error: None, (ImportError,), _PAUSE_MILLISECONDS)

    def start(self) -> None:
        """From now on; once more where a result has come since."""
        if not self.steps.isBusy():
            self.steps.start(self._prepare())

    def stop(self) -> None:
        """No further."""
        self.steps.stop()

    def _prepare(self) -> Iterator[None]:
        for name in _PACKAGES:
            importLibrary(name)
            yield
        for piece in self._pieces:
            piece()
            yield
