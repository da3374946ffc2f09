"""One color scale for probability and attention: the stronger, the brighter. One node serves all results of a scene."""

from __future__ import annotations

import slicer

NAME = "ThrombusSeg map"
ATTRIBUTE = "ThrombusSeg.Role"
ROLE = "map colors"

#: Share of full strength, then red, green, blue; lightness rises evenly, which also gray print keeps.
_STOPS = (
    (0.00, (0.10, 0.04, 0.25)),
    (0.10, (0.26, 0.06, 0.42)),
    (0.30, (0.53, 0.13, 0.47)),
    (0.50, (0.79, 0.26, 0.33)),
    (0.75, (0.97, 0.52, 0.14)),
    (1.00, (0.99, 0.96, 0.62)),
)
_COLORS = 256


def findMapColors(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLColorTableNode | None:
    """The scene's node, if there is one."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLColorTableNode")
        if node.GetAttribute(ATTRIBUTE) == ROLE:
            return node
    return None


def createMapColors() -> slicer.vtkMRMLColorTableNode:
    """A new node, in no scene yet."""
    node = slicer.vtkMRMLColorTableNode()
    node.SetName(NAME)
    node.SetAttribute(ATTRIBUTE, ROLE)
    node.SetTypeToUser()
    node.SetNumberOfColors(_COLORS)
    for index in range(_COLORS):
        share = index / (_COLORS - 1)
        node.SetColor(index, f"{share:.3f}", *_colorAt(share))
    node.GetLookupTable().SetTableRange(0, _COLORS - 1)
    return node


def _colorAt(share: float) -> tuple[float, float, float]:
    """Red, green, blue, by straight lines between the stops."""
    above = next(index for index, stop in enumerate(_STOPS) if share <= stop[0])
    below = max(above - 1, 0)
    span = _STOPS[above][0] - _STOPS[below][0]
    weight = (share - _STOPS[below][0]) / span if span else 0.0
    first, second = _STOPS[below][1], _STOPS[above][1]
    red, green, blue = ((1 - weight) * first[channel] + weight * second[channel] for channel in range(3))
    return red, green, blue
