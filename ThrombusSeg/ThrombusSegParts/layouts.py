"""All sequences side by side, moving together, as large as the room allows; and the way back to the user's layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer

from .nodesToFiles import worldMatrix
from .sceneNodes import nodesIn

#: Of our own layout; any number that no other module uses.
LAYOUT = 39481
#: Views of this group follow each other, and those of the user's own layout do not.
GROUP = 39481
_TAG = "ThrombusSeg"
#: The view after the last sequence: the reference volume under the probability of a thrombus.
PROBABILITY = "Probability"
Overlay = tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLScalarVolumeNode]
"""A volume, and what lies over it."""
#: Width and height of all views together where there is no application, pixels.
_ROOM = (1400, 900)
#: A view needs so much width, pixels: narrower, its bar would widen the whole window; and its bar takes so much height.
_NARROWEST, _BAR = 360, 25
#: An axial slice of a head is so much longer than wide.
_HEAD = 1.25
#: Slices that are smaller by less are as good (our choice).
_NEARLY = 0.95
#: Around the head, of its size.
MARGIN = 1.05
#: Of the probability over its volume.
_OVERLAY = 0.5
#: A voxel of the head is brighter than this share of the bright voxels (our choice).
_INSIDE = 0.15


def compareSequences(volumes: Mapping[str, slicer.vtkMRMLScalarVolumeNode], overlay: Overlay | None = None) -> bool:
    """Show each sequence in an axial view of its own.

    Args:
        volumes: by sequence.
        overlay: shown in one more view.

    Returns:
        Whether there are views that have never been shown before.
    """
    layout = _layoutNode()
    before = layout.GetViewArrangement()
    names = (*volumes, *((PROBABILITY,) if overlay is not None else ()))
    areNew = any(_viewNode("vtkMRMLSliceNode", name) is None for name in names)
    if before != LAYOUT or layout.GetLayoutDescription(LAYOUT) != layoutDescription(names, room()):
        _arrange(layout, layoutDescription(names, room()))
    for name, volume in volumes.items():
        _show(name, volume, None)
    showOverlay(overlay)
    return areNew


def _arrange(layout: slicer.vtkMRMLLayoutNode, description: str) -> None:
    """Build the views anew, also where ours are shown already."""
    if layout.IsLayoutDescription(LAYOUT):
        layout.SetLayoutDescription(LAYOUT, description)
    else:
        layout.AddLayoutDescription(LAYOUT, description)
    if layout.GetViewArrangement() == LAYOUT:
        layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutNone)
    layout.SetViewArrangement(LAYOUT)


def showOverlay(overlay: Overlay | None) -> bool:
    """Show a map over its volume in the view made for that; False where there is none in the layout."""
    if overlay is not None:
        _show(PROBABILITY, *overlay)
    return f'"{_TAG}{PROBABILITY}"' in (_layoutNode().GetLayoutDescription(LAYOUT) or "")


def _show(name: str, volume: slicer.vtkMRMLScalarVolumeNode, over: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    composite = _viewNode("vtkMRMLSliceCompositeNode", name)
    if composite is None:  # before the application has made it
        return
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetForegroundVolumeID(over.GetID() if over is not None else None)
    composite.SetForegroundOpacity(_OVERLAY)
    composite.SetLinkedControl(True)


def fitViews(volume: slicer.vtkMRMLScalarVolumeNode, toward: float | None) -> None:
    """Show the whole head in every view, all at one scale.

    Args:
        volume: in which the head is looked for.
        toward: how far toward the head's top the slice lies, mm; None for the middle one.
    """
    bounds = headBounds(volume)
    right, anterior, superior = ((low + high) / 2 for low, high in bounds)
    width, height = (MARGIN * (high - low) for low, high in bounds[:2])
    views = _views()
    sizes = [view.GetDimensions() for view in views]
    scale = max((max(width / max(1, size[0]), height / max(1, size[1])) for size in sizes), default=1.0)
    for view, size in zip(views, sizes, strict=True):
        view.SetXYZOrigin(0.0, 0.0, 0.0)
        view.SetFieldOfView(scale * max(1, size[0]), scale * max(1, size[1]), view.GetFieldOfView()[2])
        _turnToAxial(view, (right, anterior, superior if toward is None else toward))


def _turnToAxial(view: slicer.vtkMRMLSliceNode, center: tuple[float, float, float]) -> None:
    """Slicer turns every view, also hidden ones, to the plane of a volume that is loaded."""
    matrix = view.GetSliceToRAS()
    for row in range(3):
        for column in range(3):
            matrix.SetElement(row, column, 0.0 if row != column else -1.0 if row == 0 else 1.0)
        matrix.SetElement(row, 3, center[row])
    view.UpdateMatrices()


def seenPart() -> tuple[float, float] | None:
    """Height of a view, and how far toward the head's top its slice lies, mm; None without views."""
    return next(((view.GetFieldOfView()[1], view.GetSliceToRAS().GetElement(2, 3)) for view in _views()), None)


def _views() -> list[slicer.vtkMRMLSliceNode]:
    return [node for node in nodesIn(slicer.mrmlScene, "vtkMRMLSliceNode") if isCompareView(node)]


def headBounds(volume: slicer.vtkMRMLScalarVolumeNode) -> list[tuple[float, float]]:
    """Lowest and highest R, A and S (mm) of what is not air; of the whole volume where nothing stands out."""
    corners = headCorners(volume)
    return [(min(each[axis] for each in corners), max(each[axis] for each in corners)) for axis in range(3)]


def headCorners(volume: slicer.vtkMRMLScalarVolumeNode) -> list[tuple[float, float, float]]:
    """RAS (mm) of the corners of the box of voxels in which the head lies."""
    array = slicer.util.arrayFromVolume(volume)
    steps = [max(1, round(size / 64)) for size in array.shape]
    sample = array[:: steps[0], :: steps[1], :: steps[2]]
    ordered = sample.ravel().copy()
    ordered.sort()
    places = (sample > _INSIDE * float(ordered[int(0.98 * (ordered.size - 1))])).nonzero()
    edges = []
    for axis, step, size in zip(places, steps, array.shape, strict=True):
        axis = step * axis
        axis.sort()
        edges.append((int(axis[axis.size // 100]), int(axis[-1 - axis.size // 100])) if axis.size else (0, size - 1))
    matrix = worldMatrix(volume)
    return [matrix.MultiplyPoint((i, j, k, 1.0))[:3] for k in edges[0] for j in edges[1] for i in edges[2]]


def isCompareView(node: Any) -> bool:
    """Whether a slice node, or its composite node, belongs to a view side by side."""
    return str(node.GetLayoutName() or "").startswith(_TAG)


def isProbabilityView(node: Any) -> bool:
    """Whether it is the one that always shows the probability."""
    return bool(node.GetLayoutName() == _TAG + PROBABILITY)


def room() -> tuple[int, int]:
    """Width and height of all views together, pixels."""
    if not hasattr(slicer, "app"):
        return _ROOM
    viewport = slicer.app.layoutManager().viewport()
    return int(viewport.width), int(viewport.height)


def restoreLayout(before: int) -> None:
    """Back to the user's own layout."""
    _layoutNode().SetViewArrangement(before)


def isComparing() -> bool:
    """Whether our layout is shown."""
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode") if slicer.mrmlScene is not None else None
    return node is not None and node.GetViewArrangement() == LAYOUT


def layoutDescription(names: tuple[str, ...], room: tuple[int, int] = _ROOM) -> str:
    """Slicer's XML: views in so many columns that slices of a head are as large as can be in this room (pixels)."""
    columns = columnsFor(len(names), room)
    rows = [names[start : start + columns] for start in range(0, len(names), columns)]
    lines = "".join(
        f'<item><layout type="horizontal">{"".join(_view(name) for name in row)}</layout></item>' for row in rows
    )
    return f'<layout type="vertical" split="true">{lines}</layout>'


def columnsFor(count: int, room: tuple[int, int]) -> int:
    """How many views stand beside each other; the fewest of those that come near to the best."""
    width, height = room
    most = max(2, width // _NARROWEST)

    def size(columns: int) -> float:
        rows = -(-count // columns)
        return min(width / columns, (height / rows - _BAR) / _HEAD)

    choices = range(1, max(1, min(most, count)) + 1)
    best = max(size(each) for each in choices)
    return next(each for each in choices if size(each) >= _NEARLY * best)


def _view(name: str) -> str:
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{_TAG}{name}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{name[0]}</property>'
        '<property name="viewcolor" action="default">#777777</property>'
        f'<property name="viewgroup" action="default">{GROUP}</property></view></item>'
    )


def _viewNode(kind: str, name: str) -> Any:
    """The node of this kind of the view of a sequence; None before the application has made it."""
    return next((node for node in nodesIn(slicer.mrmlScene, kind) if node.GetLayoutName() == _TAG + name), None)


def _layoutNode() -> slicer.vtkMRMLLayoutNode:
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    return node if node is not None else slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
