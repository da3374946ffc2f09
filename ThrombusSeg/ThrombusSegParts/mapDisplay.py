"""Which map lies over the reference volume in the slice views, and how strongly."""

from __future__ import annotations

import slicer

from .layouts import isCompareView, isProbabilityView
from .mapTexts import mapText
from .nodesToFiles import RESULT_ATTRIBUTE
from .ownViews import fitOthers
from .resultToScene import ATTRIBUTE
from .sceneNodes import nodesIn
from .sequences import SEQUENCES


def mapsOf(segmentation: slicer.vtkMRMLSegmentationNode | None) -> dict[str, slicer.vtkMRMLScalarVolumeNode]:
    """The maps that belong to a result: "probability", then sequences. A saved scene keeps the link."""
    if segmentation is None:
        return {}
    nodes = {key: segmentation.GetNodeReference(ATTRIBUTE + key) for key in ("probability", *SEQUENCES)}
    return {key: node for key, node in nodes.items() if node is not None}


def candidatesOf(segmentation: slicer.vtkMRMLSegmentationNode | None) -> slicer.vtkMRMLTableNode | None:
    """The table that belongs to a result."""
    return segmentation.GetNodeReference(ATTRIBUTE + "candidates") if segmentation is not None else None


def referenceOf(segmentation: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The volume on whose grid a result lies."""
    return segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole())


def gridOf(segmentation: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The volume on whose voxels a result is stored: its probability, else its reference."""
    return mapsOf(segmentation).get("probability") or referenceOf(segmentation)


def showMap(segmentation: slicer.vtkMRMLSegmentationNode, key: str, opacity: float) -> None:
    """Lay a map of this result over its reference volume in every slice view; an empty key takes it away."""
    maps = mapsOf(segmentation)
    chosen = maps.get(key)
    scene = segmentation.GetScene()
    role = segmentation.GetReferenceImageGeometryReferenceRole()
    for view in nodesIn(scene, "vtkMRMLSliceCompositeNode"):
        if isProbabilityView(view):
            continue
        foreground = scene.GetNodeByID(view.GetForegroundVolumeID() or "")
        if chosen is not None:
            if segmentation.GetNodeReferenceID(role) and not isCompareView(view):
                view.SetBackgroundVolumeID(segmentation.GetNodeReferenceID(role))
            view.SetForegroundVolumeID(chosen.GetID())
            view.SetForegroundOpacity(opacity)
        elif foreground is not None and foreground.GetAttribute(RESULT_ATTRIBUTE):  # of an earlier result, too
            view.SetForegroundVolumeID(None)
    _hideOtherLegends(scene, chosen)
    for name, volume in maps.items():
        _showLegend(volume, mapText(name), volume is chosen)


def renewLegends(segmentation: slicer.vtkMRMLSegmentationNode, key: str, opacity: float) -> None:
    """Show the map again: a view that was made later than a legend knows of no legend but those that come."""
    scene = segmentation.GetScene()
    for legend in nodesIn(scene, "vtkMRMLColorLegendDisplayNode"):
        owner = legend.GetDisplayableNode()
        if owner is not None and owner.GetAttribute(RESULT_ATTRIBUTE):
            scene.RemoveNode(legend)
    showMap(segmentation, key, opacity)


def _hideOtherLegends(scene: slicer.vtkMRMLScene, chosen: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """Of the maps of earlier results too."""
    for legend in nodesIn(scene, "vtkMRMLColorLegendDisplayNode"):
        owner = legend.GetDisplayableNode()
        if owner is not None and owner is not chosen and owner.GetAttribute(RESULT_ATTRIBUTE):
            legend.SetVisibility(False)


def _showLegend(volume: slicer.vtkMRMLScalarVolumeNode, title: str, shown: bool) -> None:
    """The colors of a map with their values, beside the image; made when the map is shown for the first time."""
    logic = slicer.vtkSlicerColorLogic
    legend = logic.GetColorLegendDisplayNode(volume)
    if legend is None:
        if not shown or not volume.GetScene().IsNodeClassRegistered("vtkMRMLColorLegendDisplayNode"):
            return
        legend = logic.AddDefaultColorLegendDisplayNode(volume)
        legend.SetTitleText(title)
        legend.SetLabelFormat("%.1f")
        legend.SetNumberOfLabels(3)
        legend.SetPosition(0.98, 0.5)
        legend.SetSize(0.12, 0.5)
    legend.SetVisibility(shown)


def showReference(segmentation: slicer.vtkMRMLSegmentationNode) -> None:
    """Show the reference volume in every slice view but those of single sequences, whole where it is new to it."""
    identifier = segmentation.GetNodeReferenceID(segmentation.GetReferenceImageGeometryReferenceRole())
    changed = set()
    for view in nodesIn(segmentation.GetScene(), "vtkMRMLSliceCompositeNode"):
        if not isCompareView(view) and view.GetBackgroundVolumeID() != identifier:
            view.SetBackgroundVolumeID(identifier)
            changed.add(view.GetLayoutName())
    fitOthers(changed)


def isAnythingShown(scene: slicer.vtkMRMLScene) -> bool:
    """Whether a slice view, but those of single sequences, shows a volume."""
    views = nodesIn(scene, "vtkMRMLSliceCompositeNode")
    return any(scene.GetNodeByID(view.GetBackgroundVolumeID() or "") for view in views if not isCompareView(view))


def jumpTo(scene: slicer.vtkMRMLScene, position: tuple[float, float, float]) -> None:
    """Move every slice view to a point, RAS in mm, in its center."""
    for view in nodesIn(scene, "vtkMRMLSliceNode"):
        view.JumpSliceByCentering(*position)


def zoomTo(scene: slicer.vtkMRMLScene, millimeters: float) -> None:
    """Let the shorter side of every slice view show so much; its center stays."""
    for view in nodesIn(scene, "vtkMRMLSliceNode"):
        width, height, depth = view.GetFieldOfView()
        scale = millimeters / min(width, height)
        view.SetFieldOfView(width * scale, height * scale, depth)
