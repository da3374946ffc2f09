"""A case in the slice views as it was acquired: not tilted, and whole. The user's layout stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer

from .inputState import referenceOf
from .mapDisplay import referenceOf as referenceOfResult
from .sceneNodes import nodesIn


def showInItsPlane(volumes: Mapping[str, Any], segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
    """Turn every slice view to the nearest plane of the reference volume, and fit it.

    Args:
        volumes: of the case, by sequence.
        segmentation: its result; None where there is none, then the volume is shown on which one would lie.
    """
    reference = referenceOfResult(segmentation) if segmentation is not None else volumes.get(referenceOf(volumes))
    if reference is None:
        return
    for view in nodesIn(slicer.mrmlScene, "vtkMRMLSliceCompositeNode"):
        view.SetBackgroundVolumeID(reference.GetID())
    for view in nodesIn(slicer.mrmlScene, "vtkMRMLSliceNode"):
        view.RotateToVolumePlane(reference)
    slicer.util.resetSliceViews()
