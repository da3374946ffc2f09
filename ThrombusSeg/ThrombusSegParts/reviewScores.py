"""What a reader says of a whole case: ticked parts of the clot burden score, and the overestimation ratio.

Kept in the segmentation node, so a scene keeps it; saved in the record of the case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import slicer

from .resultToScene import ATTRIBUTE

SCORES = ATTRIBUTE + "Scores"
#: What the worker's record knows of a ratio.
_RATIO = ("ratio", "sign_width_mm", "artery_width_mm", "how", "candidate")


def scoresOf(segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, Any]:
    """What is known: "parts" that a reader ticked with their "score", and "overestimation"."""
    return dict(json.loads(segmentation.GetAttribute(SCORES) or "{}"))


def noteScores(segmentation: slicer.vtkMRMLSegmentationNode, **facts: Any) -> None:
    """Remember some of these; None forgets one, others stay."""
    known = {**scoresOf(segmentation), **facts}
    text = json.dumps({name: value for name, value in known.items() if value is not None})
    if text != (segmentation.GetAttribute(SCORES) or "{}"):
        segmentation.SetAttribute(SCORES, text)


def scoresToSave(segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, Any]:
    """As the worker's task `save` takes them. A proposal that nobody has looked at is not saved."""
    known = scoresOf(segmentation)
    values = {"clot_burden_parts": known.get("parts"), "overestimation": known.get("overestimation")}
    return {name: value for name, value in values.items() if value is not None}


def takeSavedScores(segmentation: slicer.vtkMRMLSegmentationNode, record: Mapping[str, Any]) -> None:
    """Those of a record that was saved before."""
    facts = {"parts": record.get("clot_burden_parts"), "score": record.get("clot_burden_score")}
    noteScores(segmentation, overestimation=record.get("overestimation"), **facts)


def ratioOf(result: Mapping[str, Any], sign: float, how: str, candidate: int) -> dict[str, Any] | None:
    """The worker's answer to `overestimation` as it is kept; None where it found no artery."""
    if result.get("ratio") is None:
        return None
    values = (result["ratio"], sign, result["artery_width_mm"], how, candidate)
    return dict(zip(_RATIO, values, strict=True))
