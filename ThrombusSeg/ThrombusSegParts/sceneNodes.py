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
        hierarchy.RemoveItem(hierarchy.GetItemByDataNode(node), False, False)
        for each in (*_helpersOf(node), node):
            if each is not None and scene.IsNodePresent(each):
                scene.RemoveNode(each)


def _helpersOf(node: Any) -> list[Any]:
    """Its display and storage nodes."""
    helpers = []
    if node.IsA("vtkMRMLDisplayableNode"):
        helpers += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        helpers.append(node.GetStorageNode())
    return helpers
