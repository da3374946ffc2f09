"""Nodes of the scene: all of a kind; and out of it, with displays, storage and items of the subject hierarchy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import slicer


def nodesIn(scene: slicer.vtkMRMLScene, kind: str) -> list[Any]:
    """All nodes of a class, in the order in which they came."""
    return [scene.GetNthNodeByClass(index, kind) for index in range(scene.GetNumberOfNodesByClass(kind))]


def removeNodes(scene: slicer.vtkMRMLScene, nodes: Iterable[Any]) -> None:
    """Remove these; those that are gone already do not matter."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for node in nodes:
        for each in (node, *_helpersOf(node)):  # first the node: one without display or item is a fault to Slicer
            if each is not None and scene.IsNodePresent(each):
                scene.RemoveNode(each)
        item = hierarchy.GetItemByDataNode(node)
        if item != hierarchy.GetInvalidItemID():  # the application has removed it already
            hierarchy.RemoveItem(item, False, False)


def _helpersOf(node: Any) -> list[Any]:
    """Its display and storage nodes."""
    helpers = []
    if node.IsA("vtkMRMLDisplayableNode"):
        helpers += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        helpers.append(node.GetStorageNode())
    return helpers
