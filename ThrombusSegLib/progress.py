"""How long work reports how far it is, and learns that it should stop."""

from __future__ import annotations

from collections.abc import Callable

from .errors import Cancelled

#: Called with the share of the work that is done (0..1) and the stage's name; returns False to cancel.
Progress = Callable[[float, str], bool]


def silent(_share: float, _stage: str) -> bool:
    """The progress of a caller who does not want to know."""
    return True


def report(progress: Progress, share: float, stage: str) -> None:
    """Report, and raise `Cancelled` when the answer is to stop."""
    if not progress(share, stage):
        raise Cancelled(stage)


def part(progress: Progress, start: float, end: float) -> Progress:
    """A progress for one part of the work, mapped from 0..1 onto start..end of the whole."""
    return lambda share, stage: progress(start + (end - start) * share, stage)
