"""All sequences side by side, moving together; and the way back to the user's own layout."""

from __future__ import annotations

from collections.abc import Mapping

import slicer

#: Of our own layout; any number that no other module uses.
LAYOUT = 39481
#: Views of this group follow each other, and those of the user's own layout do not.
GROUP = 39481
_TAG = "ThrombusSeg"
#: Three views beside each other need this, pixels: narrower, their bars would widen the whole window.
_THREE_COLUMNS = 1000


def compareSequences(volumes: Mapping[str, slicer.vtkMRMLScalarVolumeNode]) -> int:
    """Show each sequence in an axial view of its own.

    Args:
        volumes: by sequence.

    Returns:
        The layout that was there before, for `restoreLayout`.
    """
    layout = _layoutNode()
    before = layout.GetViewArrangement()
    description = layoutDescription(tuple(volumes), _room())
    if layout.IsLayoutDescription(LAYOUT):
        layout.SetLayoutDescription(LAYOUT, description)
    else:
        layout.AddLayoutDescription(LAYOUT, description)
    if before == LAYOUT:
        layout.SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutNone)
    layout.SetViewArrangement(LAYOUT)
    for name, volume in volumes.items():
        composite = _compositeOf(_TAG + name)
        if composite is not None:
            composite.SetBackgroundVolumeID(volume.GetID())
            composite.SetForegroundVolumeID(None)
            composite.SetLinkedControl(True)
    if hasattr(slicer, "app"):  # not where there is no application
        slicer.util.resetSliceViews()
    return before


def _room() -> int:
    """Width of all views together, pixels."""
    return int(slicer.app.layoutManager().viewport().width) if hasattr(slicer, "app") else _THREE_COLUMNS


def restoreLayout(before: int) -> None:
    """Back to the user's own layout."""
    _layoutNode().SetViewArrangement(before)


def isComparing() -> bool:
    """Whether our layout is shown."""
    return _layoutNode().GetViewArrangement() == LAYOUT


def layoutDescription(names: tuple[str, ...], room: int = _THREE_COLUMNS) -> str:
    """Slicer's XML: views in two or three columns, as the room (pixels) allows."""
    most = 3 if room >= _THREE_COLUMNS else 2
    columns = min(most, len(names)) if len(names) != 4 else 2
    rows = [names[start : start + columns] for start in range(0, len(names), columns)]
    lines = "".join(
        f'<item><layout type="horizontal">{"".join(_view(name) for name in row)}</layout></item>' for row in rows
    )
    return f'<layout type="vertical" split="true">{lines}</layout>'


def _view(name: str) -> str:
    return (
        f'<item><view class="vtkMRMLSliceNode" singletontag="{_TAG}{name}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{name[0]}</property>'
        '<property name="viewcolor" action="default">#777777</property>'
        f'<property name="viewgroup" action="default">{GROUP}</property></view></item>'
    )


def _compositeOf(tag: str) -> slicer.vtkMRMLSliceCompositeNode | None:
    scene = slicer.mrmlScene
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        if node.GetLayoutName() == tag:
            return node
    return None


def _layoutNode() -> slicer.vtkMRMLLayoutNode:
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    return node if node is not None else slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
