"""Which case a segmentation is: of which folder, and which version it was begun from. Kept in the node."""

from __future__ import annotations

import json
from typing import Any

import slicer

from .resultToScene import ATTRIBUTE

#: Of a segmentation; JSON.
SAVED = ATTRIBUTE + "Saved"


def savedOf(segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, Any]:
    """ "case", "folder", "version", and for a case of a work list "listFolder" and "centre"; empty for a new one."""
    return dict(json.loads(segmentation.GetAttribute(SAVED) or "{}"))


def noteSaved(segmentation: slicer.vtkMRMLSegmentationNode, **facts: Any) -> None:
    """Remember some of these; others stay."""
    segmentation.SetAttribute(SAVED, json.dumps({**savedOf(segmentation), **facts}))
