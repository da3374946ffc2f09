"""Keys of a section. They live only while the module is open and the section unfolded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt


class Keys:
    """Shortcuts of the window that holds the section; Qt itself ignores them while the section is not visible.

    Args:
        parent: a widget of the section.
        bindings: by key, what to call.
    """

    def __init__(self, parent: Any, bindings: Mapping[str, Callable[[], None]]) -> None:
        self._shortcuts = {}
        for key, callback in bindings.items():
            shortcut = qt.QShortcut(qt.QKeySequence(key), parent)
            shortcut.connect("activated()", callback)
            shortcut.setEnabled(False)
            self._shortcuts[key] = shortcut

    def enable(self, alive: bool, without: tuple[str, ...] = ()) -> None:
        """Let them live, some excepted, or not."""
        for key, shortcut in self._shortcuts.items():
            shortcut.setEnabled(bool(alive) and key not in without)
