"""The case on the desk as the worker saves it: which files, which facts."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from .errors import SegmentationError
from .mapDisplay import gridOf, referenceOf
from .relabel import settingsOf
from .resultToScene import ATTRIBUTE, INPUT
from .reviewDesk import ReviewDesk
from .reviewScores import scoresToSave
from .savedFacts import savedOf
from .sequences import SEQUENCES
from .voxels import writeLabels


def inputsOf(segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, slicer.vtkMRMLScalarVolumeNode]:
    """The volumes that a result was made of, by sequence."""
    nodes = {sequence: segmentation.GetNodeReference(INPUT + sequence) for sequence in SEQUENCES}
    return {sequence: node for sequence, node in nodes.items() if node is not None}


def valuesToSave(desk: ReviewDesk, folder: str, annotator: str, status: str) -> dict[str, Any]:
    """What the worker's task `save` takes; labels and images are written into the desk's private folder.

    Raises:
        SegmentationError: there is no case, or its volumes have left the scene. OSError: the disk refuses.
    """
    if desk.case is None:
        raise SegmentationError(_("There is no case to save."), _("Segment one, or open one of a list."), "input")
    segmentation = desk.case.segmentation
    known = savedOf(segmentation)
    reference = _referenceSequence(segmentation)
    values: dict[str, Any] = {
        "folder": folder,
        "labels": str(desk.labelsFile()),
        "images": _writtenImages(desk, segmentation),
        "reference": reference,
        "annotator": annotator,
        "seconds_spent": round(desk.seconds(), 1),
        "status": status,
        "candidates": desk.case.record(),
        "based_on": int(known.get("version", 0)) if known.get("folder") == folder else 0,
        "centre": str(known.get("centre", "")),
    }
    if known.get("case"):
        values["case"] = known["case"]
    return values | scoresToSave(segmentation) | _facts(segmentation) | _prediction(desk)


def _referenceSequence(segmentation: slicer.vtkMRMLSegmentationNode) -> str:
    reference, inputs = referenceOf(segmentation), inputsOf(segmentation)
    if not inputs or reference is None:
        raise SegmentationError(
            _("The volumes of this result are no longer in the scene."), _("Load them and segment again."), "input"
        )
    return next((each for each, node in inputs.items() if node is reference), next(iter(inputs)))


def _writtenImages(desk: ReviewDesk, segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, str]:
    return {sequence: str(desk.volumeFile(sequence, node)) for sequence, node in inputsOf(segmentation).items()}


def _facts(segmentation: slicer.vtkMRMLSegmentationNode) -> dict[str, Any]:
    """Of the weights; nothing where no network was at work."""
    settings = settingsOf(segmentation)
    weights = segmentation.GetAttribute(ATTRIBUTE + "Weights")
    if not weights:
        return {}
    checksum = segmentation.GetAttribute(ATTRIBUTE + "WeightsSHA256") or ""
    return {"model": weights, "model_sha256": checksum, "threshold": settings[0] if settings else None}


def _prediction(desk: ReviewDesk) -> dict[str, str]:
    labels = desk.case.modelLabels()
    if labels is None or not desk.case.segmentation.GetAttribute(ATTRIBUTE + "Weights"):
        return {}
    return {"predicted": str(writeLabels(labels, gridOf(desk.case.segmentation), desk.folder() / "predicted.nrrd"))}
