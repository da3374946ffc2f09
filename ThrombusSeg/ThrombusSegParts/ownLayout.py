"""The user's own layout, which comes back after the sequences were side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk

from .layouts import LAYOUT, isComparing, restoreLayout
from .ownViews import OwnViews

#: The views set themselves up when the application has drawn them.
_VIEWS_MILLISECONDS = 100


class OwnLayout:
    """Remembers the last layout that is not ours, and tells when the layout changes.

    Args:
        onChanged: called then, whoever has changed it.
    """

    def __init__(self, onChanged: Callable[[], None]) -> None:
        self._onChanged = onChanged
        self._node: Any = None
        self._tag = 0
        self._own = 0
        self._isAway = False  # whether ours is shown
        self.views = OwnViews()

    def watch(self) -> None:
        """From now on; called again, it looks whether the scene has another layout node."""
        node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        if node is not None and node is not self._node:
            self.stop()
            self._node, self._tag = node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onModified)
            self._note()

    def stop(self) -> None:
        """Watch no longer."""
        if self._node is not None:
            self._node.RemoveObserver(self._tag)
            self._node = None

    def restore(self) -> None:
        """Back to it if ours is shown; to the usual four views where nobody knows it, as in a scene from elsewhere."""
        self.watch()
        if isComparing():
            restoreLayout(self._own or slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    def _onModified(self, caller: Any, event: str) -> None:
        self._note()
        self._onChanged()

    def _note(self) -> None:
        arrangement = self._node.GetViewArrangement()
        if slicer.mrmlScene.IsClosing() or arrangement == slicer.vtkMRMLLayoutNode.SlicerLayoutNone:
            return
        if arrangement != LAYOUT:
            self._own = arrangement
        if arrangement == LAYOUT and not self._isAway:
            self.views.note()
        elif arrangement != LAYOUT and self._isAway:
            qt.QTimer.singleShot(_VIEWS_MILLISECONDS, self.views.fit)
        self._isAway = arrangement == LAYOUT
