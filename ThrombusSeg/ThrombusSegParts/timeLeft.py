"""How long a run still takes. Knows neither MRML nor Qt."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Sequence

from slicer.i18n import tr as _

Marks = list[tuple[float, float]]
"""Share done (0 to 1, rising) and the seconds since the start when it was reached."""

#: Without an earlier run to compare with, nothing is said before so much is done and so long has passed (our choice):
#: the stages are not equally fast, and a guess from the first of them would be wrong by a multiple.
_ENOUGH_SHARE, _ENOUGH_SECONDS = 0.3, 3.0
#: How much slower or faster than the earlier run this one may be, so that one odd stage does not give an odd answer.
_SLOWEST, _FASTEST = 10.0, 0.1
#: So far into the earlier run the two are compared; before that it is expected to go as it did.
_COMPARED_FROM_SECONDS = 1.0
_KEPT_MARKS = 40


class TimeLeft:
    """Watches one run.

    Args:
        earlier: the marks of an earlier run of the same kind; empty if there is none.
        clock: seconds; a test puts its own in.
    """

    def __init__(self, earlier: Sequence[Sequence[float]] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._earlier = [(float(share), float(seconds)) for share, seconds in earlier]
        self._clock = clock
        self._start: float | None = None
        self._marks: Marks = []

    def reached(self, share: float) -> None:
        """Take note of progress. The first call starts the clock, so that waiting for a worker does not count."""
        now = self._clock()
        if self._start is None:
            self._start = now
        if not self._marks or share > self._marks[-1][0]:
            self._marks.append((share, now - self._start))

    def marks(self) -> Marks:
        """Of this run, not too many, for a later one."""
        step = -(-len(self._marks) // _KEPT_MARKS) or 1
        return [(round(share, 3), round(seconds, 2)) for share, seconds in [*self._marks[::step], *self._marks[-1:]]]

    def seconds(self) -> float | None:
        """What is left; None where it is not known."""
        if self._start is None or not self._marks:
            return None
        share, at = self._marks[-1]
        since = self._clock() - self._start - at
        whole = self._fromEarlier(share, at) if len(self._earlier) > 1 else self._fromThis(share, at)
        return None if whole is None else max(0.0, whole - since)

    def _fromThis(self, share: float, at: float) -> float | None:
        if share < _ENOUGH_SHARE or at < _ENOUGH_SECONDS:
            return None
        return at * (1.0 - share) / share

    def _fromEarlier(self, share: float, at: float) -> float:
        then, end = secondsAt(self._earlier, share), self._earlier[-1][1]
        ratio = min(_SLOWEST, max(_FASTEST, at / then)) if then >= _COMPARED_FROM_SECONDS else 1.0
        return (end - then) * ratio


def secondsAt(marks: Marks, share: float) -> float:
    """When a run was so far, by linear interpolation between its marks."""
    index = bisect.bisect_left(marks, (share,))
    if index == 0:
        return marks[0][1]
    if index == len(marks):
        return marks[-1][1]
    (share0, seconds0), (share1, seconds1) = marks[index - 1], marks[index]
    return seconds0 + (seconds1 - seconds0) * (share - share0) / (share1 - share0)


def timeLeftText(seconds: float | None) -> str:
    """Rounded as coarsely as it is known; empty where it is not."""
    if seconds is None:
        return ""
    if seconds < 3:
        return _("a few seconds left")
    if seconds < 90:
        step = 5 if seconds >= 10 else 1
        return _("about {count} s left").format(count=int(step * round(seconds / step)))
    return _("about {count} min left").format(count=round(seconds / 60))
