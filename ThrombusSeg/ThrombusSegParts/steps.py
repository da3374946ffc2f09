"""Work in small steps between which the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import qt

_STEP_MILLISECONDS = 1


class Steps:
    """Goes through a generator: something has been done each time it gives way.

    Args:
        onError: given what went wrong, once the work has stopped.
        errors: these are handed to it; any other one is a defect of ours.
        milliseconds: between two steps.
    """

    def __init__(
        self,
        onError: Callable[[Exception], None],
        errors: tuple[type[Exception], ...],
        milliseconds: int = _STEP_MILLISECONDS,
    ) -> None:
        self._onError, self._errors = onError, errors
        self._left: Iterator[object] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(milliseconds)
        self._timer.connect("timeout()", self.step)

    def isBusy(self) -> bool:
        """Whether there is something left to do."""
        return self._left is not None

    def start(self, steps: Iterator[object]) -> None:
        """Begin; what was being done is not gone on with."""
        self._left = steps
        self._timer.start()

    def step(self) -> None:
        """One more."""
        steps = self._left
        if steps is None:
            self._timer.stop()
            return
        try:
            next(steps)
        except StopIteration:
            if self._left is steps:  # its last step may have begun something else
                self.stop()
        except self._errors as error:
            self.stop()
            self._onError(error)

    def stop(self) -> None:
        """No further."""
        self._left = None
        self._timer.stop()
