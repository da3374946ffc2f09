"""A ruler for one width: a line of Slicer's own, drawn in a slice view, that can be moved afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _


class ReviewRuler:
    """One line at a time.

    Args:
        onLength: given its length in mm whenever it has changed, once both ends are there.
    """

    def __init__(self, onLength: Callable[[float], None]) -> None:
        self._onLength = onLength
        self._node: Any = None
        self._observed: list[int] = []

    def start(self) -> None:
        """The next two clicks in a slice view are its ends; a line that was drawn before goes."""
        self.remove()
        scene = slicer.mrmlScene
        interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        selection = scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        if interaction is None or selection is None:
            return
        self._node = scene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", _("Artery width"))
        self._node.CreateDefaultDisplayNodes()
        for name in ("PointPositionDefinedEvent", "PointModifiedEvent"):
            event = getattr(slicer.vtkMRMLMarkupsNode, name)
            self._observed.append(self._node.AddObserver(event, lambda caller, what: self.look()))
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsLineNode")
        selection.SetActivePlaceNodeID(self._node.GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)

    def look(self) -> None:
        """Tell the length, where both ends are there."""
        if self._node is not None and self._node.GetNumberOfDefinedControlPoints() == 2:
            self._onLength(float(self._node.GetLineLengthWorld()))

    def remove(self) -> None:
        """The line goes; nothing is waited for any more."""
        node, self._node = self._node, None
        if node is None:
            return
        for tag in self._observed:
            node.RemoveObserver(tag)
        self._observed = []
        scene = slicer.mrmlScene
        interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if interaction is not None and node.GetNumberOfDefinedControlPoints() < 2:
            interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
        if scene.IsNodePresent(node):
            scene.RemoveNode(node)
