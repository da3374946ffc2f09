"""A result leaves the scene without a complaint in Slicer's log."""

from __future__ import annotations

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def test_a_segmentation_that_leaves_is_never_shown_without_its_item(headless) -> None:
    """Slicer's plugin for segmentations looks for the item each time the display changes, while it is in the scene."""
    from ThrombusSegParts.sceneNodes import removeNodes

    scene = headless.scene
    before = headless.ids()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Thrombus segmentation")
    segmentation.CreateDefaultDisplayNodes()
    hierarchy.CreateItem(hierarchy.GetSceneItemID(), segmentation)
    homeless: list[bool] = []

    def look(caller: object, event: str) -> None:
        if scene.IsNodePresent(segmentation):
            homeless.append(hierarchy.GetItemByDataNode(segmentation) == hierarchy.GetInvalidItemID())

    segmentation.AddObserver(slicer.vtkMRMLDisplayableNode.DisplayModifiedEvent, look)
    segmentation.GetDisplayNode().SetOpacity(0.5)
    assert homeless == [False]
    removeNodes(scene, [segmentation])
    assert not any(homeless) and headless.ids() == before
