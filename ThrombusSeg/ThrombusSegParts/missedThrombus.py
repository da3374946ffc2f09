"""The click on a thrombus that the network missed: one point is placed with Slicer's own place mode, then removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

Position = tuple[float, float, float]


class MissedThrombus:
    """Waits for one click.

    Args:
        onClick: given the position, RAS in mm.
        onEnd: called when nothing is waited for any more.
    """

    def __init__(self, onClick: Callable[[Position], None], onEnd: Callable[[], None]) -> None:
        self._onClick, self._onEnd = onClick, onEnd
        self._node: Any = None
        self._observed: list[tuple[Any, int]] = []

    def isWaiting(self) -> bool:
        """Whether the next click counts."""
        return self._node is not None

    def start(self) -> None:
        """The next click in a slice view is the center."""
        scene = slicer.mrmlScene
        interaction, selection = _only("vtkMRMLInteractionNode"), _only("vtkMRMLSelectionNode")
        if self.isWaiting() or interaction is None or selection is None:
            return
        self._node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("Missed thrombus"))
        self._node.SetSaveWithScene(False)
        self._node.CreateDefaultDisplayNodes()
        placed = slicer.vtkMRMLMarkupsNode.PointPositionDefinedEvent
        self._observe(self._node, placed, self._onPlaced)
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
        selection.SetActivePlaceNodeID(self._node.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        self._observe(interaction, slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent, self._onMode)

    def stop(self) -> None:
        """Wait no longer."""
        if not self.isWaiting():
            return
        for node, tag in self._observed:
            node.RemoveObserver(tag)
        self._observed = []
        node, self._node = self._node, None
        interaction = _only("vtkMRMLInteractionNode")
        if interaction is not None:
            interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
        if slicer.mrmlScene.IsNodePresent(node):
            slicer.mrmlScene.RemoveNode(node)
        self._onEnd()

    def _onPlaced(self, caller: Any, event: str) -> None:
        # The views are still at work on the point: it can only go when they are done.
        qt.QTimer.singleShot(0, self.finish)

    def finish(self) -> None:
        """The click is over: take its place, and the point away."""
        if not self.isWaiting() or self._node.GetNumberOfDefinedControlPoints() == 0:
            return
        position = [0.0, 0.0, 0.0]
        self._node.GetNthControlPointPositionWorld(0, position)
        self.stop()
        self._onClick((position[0], position[1], position[2]))

    def _onMode(self, caller: Any, event: str) -> None:
        """The user pressed Escape, or chose another mouse mode."""
        over = caller.GetCurrentInteractionMode() != slicer.vtkMRMLInteractionNode.Place
        if over and self.isWaiting() and self._node.GetNumberOfDefinedControlPoints() == 0:
            self.stop()

    def _observe(self, node: Any, event: int, callback: Callable[[Any, str], None]) -> None:
        self._observed.append((node, node.AddObserver(event, callback)))


def _only(kind: str) -> Any:
    return slicer.mrmlScene.GetFirstNodeByClass(kind)
