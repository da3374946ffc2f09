"""Tells when the room for the views has changed, while the sequences are side by side."""

from __future__ import annotations

from collections.abc import Callable

import qt

from .layouts import isComparing, room

#: A window that is being dragged is waited for (our choice).
_LOOK_MILLISECONDS = 250


class RoomWatch:
    """Looks now and then, and stops by itself in any other layout.

    Args:
        onChanged: called once the room is another and has stopped changing.
    """

    def __init__(self, onChanged: Callable[[], None]) -> None:
        self._onChanged = onChanged
        self._told = self._seen = (0, 0)
        self._timer = qt.QTimer()
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._timer.connect("timeout()", self.look)

    def start(self) -> None:
        """The views have just been made for the room that there is."""
        self._told = self._seen = room()
        self._timer.start()

    def look(self) -> None:
        """Is it another one?"""
        if not isComparing():
            self.stop()
            return
        before, self._seen = self._seen, room()
        if self._seen == before != self._told:
            self._told = self._seen
            self._onChanged()

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.stop()
