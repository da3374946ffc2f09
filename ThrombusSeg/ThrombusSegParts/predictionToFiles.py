"""What the network predicted, from the scene back into files that a work list reads. Corrections by hand stay out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer

from .mapDisplay import mapsOf, referenceOf
from .nodesToFiles import worldMatrix, writeVolume
from .relabel import isCorrected, settingsOf
from .resultToScene import ATTRIBUTE, CANDIDATES, INPUT
from .reviewCase import MODEL_LABELS
from .sequences import SEQUENCES
from .voxels import labelsOf, unpacked, writeLabels

_COMPRESSED = ".nii.gz"
#: Elements of the geometries of a map and its reference volume that differ by less are the same, mm.
_TOLERANCE_MM = 1e-3


def canBeKept(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether everything that makes a prediction is still in the scene, where it was made."""
    probability, reference = mapsOf(segmentation).get("probability"), referenceOf(segmentation)
    if probability is None or reference is None or settingsOf(segmentation) is None:
        return False
    known = bool(segmentation.GetAttribute(MODEL_LABELS)) or not isCorrected(segmentation)
    return known and _referenceSequence(segmentation) != "" and _lieTogether(probability, reference)


def writePrediction(segmentation: slicer.vtkMRMLSegmentationNode, case: str, folder: Path) -> Iterator[None]:
    """A generator: a file has been written each time it gives way; result.json is the last.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True)
    maps = mapsOf(segmentation)
    writeLabels(_predictedLabels(segmentation), maps["probability"], folder / f"segmentation{_COMPRESSED}")
    for key, node in maps.items():
        yield
        name = "probability_thrombus" if key == "probability" else f"attention_{key}"
        writeVolume(name, node, folder, _COMPRESSED)
    yield
    text = json.dumps(_summary(segmentation, case), indent=1)
    (folder / "result.json").write_text(text, encoding="utf-8")


def _predictedLabels(segmentation: slicer.vtkMRMLSegmentationNode) -> Any:
    """Those of the network where they are known: a review remembers them."""
    labels = labelsOf(segmentation)
    known = unpacked(segmentation.GetAttribute(MODEL_LABELS) or "", labels)
    return known if known is not None and isCorrected(segmentation) else labels


def _summary(segmentation: slicer.vtkMRMLSegmentationNode, case: str) -> dict[str, Any]:
    fact = lambda name: segmentation.GetAttribute(ATTRIBUTE + name) or ""  # noqa: E731
    threshold, volume = settingsOf(segmentation)
    used = [key for key in mapsOf(segmentation) if key != "probability"]
    candidates = json.loads(segmentation.GetAttribute(CANDIDATES) or "[]")
    return {
        "version": fact("Version"),
        "created": fact("Created"),
        "case": case,
        "reference": _referenceSequence(segmentation),
        "sequences": {"used": {key: {} for key in used}, "absent": [key for key in SEQUENCES if key not in used]},
        "weights": {"name": fact("Weights"), "sha256": fact("WeightsSHA256")},
        "device": fact("Device"),
        "threshold": threshold,
        "minimum_volume_mm3": volume,
        "thrombus_found": bool(candidates),
        "candidates": candidates,
        "notice": fact("Notice"),
    }


def _referenceSequence(segmentation: slicer.vtkMRMLSegmentationNode) -> str:
    reference = referenceOf(segmentation)
    return next((key for key in SEQUENCES if segmentation.GetNodeReference(INPUT + key) is reference), "")


def _lieTogether(probability: slicer.vtkMRMLScalarVolumeNode, reference: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether a map has the voxels of the volume it was made on; somebody may have moved one of them since."""
    matrices = worldMatrix(probability), worldMatrix(reference)
    if None in matrices or probability.GetImageData().GetDimensions() != reference.GetImageData().GetDimensions():
        return False
    places = [(row, column) for row in range(3) for column in range(4)]
    return all(abs(matrices[0].GetElement(*each) - matrices[1].GetElement(*each)) < _TOLERANCE_MM for each in places)
