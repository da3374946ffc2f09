"""A new result of the panel takes the place of its earlier one on the same volumes, unless somebody worked on that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import slicer

from .mapDisplay import candidatesOf, mapsOf
from .nodesToFiles import RESULT_ATTRIBUTE
from .relabel import isChanged
from .resultToScene import ATTRIBUTE, INPUT, TITLE, ResultFiles, SegmentationResult, placeResult
from .reviewCase import REVIEW
from .reviewScores import scoresOf
from .savedFacts import savedOf
from .sceneNodes import nodesIn, removeNodes
from .sequences import SEQUENCES
from .terminology import SEGMENTS

#: Of a segmentation that may leave the scene when the same volumes are segmented anew; results of scripts lack it.
REPLACEABLE = ATTRIBUTE + "Replaceable"


def placeInstead(
    scene: slicer.vtkMRMLScene, files: ResultFiles, name: str
) -> tuple[SegmentationResult, list[slicer.vtkMRMLNode]]:
    """Place a result as `placeResult` does; nothing is removed yet.

    Returns:
        The result, and for `removeResult` the earlier ones of the panel on the same volumes that nobody has worked on,
        and maps and tables of those whose segmentation the user has deleted.
    """
    inputs = {sequence: volume.node.GetID() for sequence, volume in files.volumes.items()}
    before, orphans = _earlier(scene, inputs), _orphans(scene, inputs)
    leaving = [each for each in before if not isWorkedOn(each)]
    gone = [node for each in leaving for node in _nodesOf(each)]
    result = placeResult(scene, files, name, leaving=[*gone, *orphans])
    for node in _nodesOf(result.segmentation):
        node.SetAttribute(REPLACEABLE, "True")
        for sequence, identifier in inputs.items():
            node.SetNodeReferenceID(INPUT + sequence, identifier)
    return replace(result, keptEarlier=len(leaving) < len(before)), [*leaving, *orphans]


def placeBeside(
    scene: slicer.vtkMRMLScene, files: ResultFiles, name: str
) -> tuple[SegmentationResult, list[slicer.vtkMRMLNode]]:
    """As `placeInstead`, where every earlier result stays."""
    return placeResult(scene, files, name), []


def isWorkedOn(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether a result would be missed: decisions, scores, a saved version, other voxels or segments, a name."""
    content = segmentation.GetSegmentation()
    segments = [content.GetNthSegmentID(index) for index in range(content.GetNumberOfSegments())]
    return (
        not str(segmentation.GetName()).startswith(TITLE)
        or segments != [kind.name for kind in SEGMENTS]
        or isReviewed(segmentation)
        or isChanged(segmentation)
    )


def isReviewed(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether a reader has decided, scored or saved something."""
    decided = any(each["decision"] != "undecided" for each in json.loads(segmentation.GetAttribute(REVIEW) or "[]"))
    return decided or bool(scoresOf(segmentation)) or bool(savedOf(segmentation).get("version"))


def removeResult(segmentation: slicer.vtkMRMLNode) -> None:
    """With its maps and its table, and with its folder where nothing else lies in that; or one of these alone."""
    scene = segmentation.GetScene()
    if scene is None:  # somebody else was quicker
        return
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(segmentation))
    nodes = _nodesOf(segmentation)
    _takeOffViews(scene, nodes)
    removeNodes(scene, nodes)
    isOurs = hierarchy.GetItemLevel(folder) == slicer.vtkMRMLSubjectHierarchyConstants.GetSubjectHierarchyLevelFolder()
    if isOurs and hierarchy.GetNumberOfItemChildren(folder) == 0:
        hierarchy.RemoveItem(folder)


def _earlier(scene: slicer.vtkMRMLScene, inputs: dict[str, str]) -> list[slicer.vtkMRMLSegmentationNode]:
    """Results of the panel that were made of exactly these volumes (identifiers by sequence)."""
    nodes = nodesIn(scene, "vtkMRMLSegmentationNode")
    mine = [each for each in nodes if each.GetAttribute(RESULT_ATTRIBUTE) and each.GetAttribute(REPLACEABLE)]
    return [each for each in mine if _inputsOf(each) == inputs]


def _orphans(scene: slicer.vtkMRMLScene, inputs: dict[str, str]) -> list[Any]:
    """Maps and tables of results of the panel on these volumes whose segmentation is gone."""
    segmentations = nodesIn(scene, "vtkMRMLSegmentationNode")
    owned = {node.GetID() for each in segmentations for node in _nodesOf(each)}
    left = [*nodesIn(scene, "vtkMRMLScalarVolumeNode"), *nodesIn(scene, "vtkMRMLTableNode")]
    mine = [node for node in left if node.GetAttribute(REPLACEABLE) and node.GetID() not in owned]
    return [node for node in mine if _inputsOf(node) == inputs]


def _inputsOf(node: slicer.vtkMRMLNode) -> dict[str, str]:
    found = {sequence: node.GetNodeReferenceID(INPUT + sequence) for sequence in SEQUENCES}
    return {sequence: identifier for sequence, identifier in found.items() if identifier}


def _nodesOf(segmentation: slicer.vtkMRMLSegmentationNode) -> list[Any]:
    nodes = (segmentation, *mapsOf(segmentation).values(), candidatesOf(segmentation))
    return [node for node in nodes if node is not None]


def _takeOffViews(scene: slicer.vtkMRMLScene, nodes: Iterable[Any]) -> None:
    """No slice view is to point to a volume that is gone."""
    gone = {node.GetID() for node in nodes}
    for view in nodesIn(scene, "vtkMRMLSliceCompositeNode"):
        if view.GetForegroundVolumeID() in gone:
            view.SetForegroundVolumeID(None)
        if view.GetBackgroundVolumeID() in gone:
            view.SetBackgroundVolumeID(None)
