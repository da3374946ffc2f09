"""From volume nodes to files that the worker reads. Files are named by sequence; names of nodes go nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

from .errors import InputVolumeError
from .sequences import SEQUENCES

#: Every node of a result has this attribute.
RESULT_ATTRIBUTE = "ThrombusSeg.Role"


@dataclass(frozen=True)
class WrittenVolume:
    """A volume node as it was when it was written."""

    node: slicer.vtkMRMLScalarVolumeNode
    path: Path
    size: tuple[int, int, int]
    """Voxels along i, j, k."""
    ijkToWorld: vtk.vtkMatrix4x4
    """Of the file, RAS in mm: the node's own IJKToRAS, moved by the linear transform above it if there is one."""


def checkInputs(
    inputs: Mapping[str, slicer.vtkMRMLScalarVolumeNode | None],
) -> dict[str, slicer.vtkMRMLScalarVolumeNode]:
    """The chosen volumes in the order of SEQUENCES; sequences without a volume are left out.

    Raises:
        InputVolumeError: nothing chosen, an unknown sequence, or a node that is no scalar volume with voxels.
    """
    if not isinstance(inputs, Mapping):
        advice = _('Give them by sequence, such as {"SWI": node}.')
        raise InputVolumeError(_("The volumes are not given by sequence."), advice)
    unknown = sorted(set(inputs) - set(SEQUENCES), key=str)
    if unknown:
        sentence = _("There is no sequence called {name!r}.").format(name=unknown[0])
        raise InputVolumeError(sentence, _("Use {names}.").format(names=", ".join(SEQUENCES)))
    chosen = {sequence: inputs[sequence] for sequence in SEQUENCES if inputs.get(sequence) is not None}
    if not chosen:
        raise InputVolumeError(_("No volume is chosen."), _("Choose a volume for at least one sequence."))
    for sequence, node in chosen.items():
        _checkVolume(sequence, node)
    sequences = list(chosen)
    for place, first in enumerate(sequences):
        for second in sequences[place + 1 :]:
            if chosen[first] is chosen[second]:
                sentence = _("The same volume is chosen for {first} and {second}.").format(first=first, second=second)
                raise InputVolumeError(sentence, _("Choose it for one sequence only."))
    return chosen


def _checkVolume(sequence: str, node: slicer.vtkMRMLScalarVolumeNode) -> None:
    reason = whyUnusable(node)
    if reason:
        raise InputVolumeError(reason.format(sequence=sequence), "Choose another volume, or none.")


def whyUnusable(node: slicer.vtkMRMLNode) -> str:
    """A sentence with a place for {sequence} on why a node cannot be an input; empty if it can."""
    if not isinstance(node, slicer.vtkMRMLNode):
        return "What is given for {sequence} is no node of the scene."
    if not node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLLabelMapVolumeNode"):
        return "What is chosen for {sequence} is not a grayscale volume."
    if node.GetAttribute(RESULT_ATTRIBUTE):
        return "What is chosen for {sequence} is a result of ThrombusSeg, not an image."
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        return "The volume chosen for {sequence} has no voxels."
    if image.GetNumberOfScalarComponents() != 1:
        count = image.GetNumberOfScalarComponents()
        return f"The volume chosen for {{sequence}} has {count} values in each voxel, not one."
    count = framesOf(node)
    if count > 1:
        return f"The volume chosen for {{sequence}} is a series of {count} volumes, such as several b-values."
    return ""


def framesOf(node: slicer.vtkMRMLNode) -> int:
    """How many volumes the sequence (4D) holds through which a sequence browser leads this node; 1 for a plain one."""
    scene = node.GetScene()
    count = scene.GetNumberOfNodesByClass("vtkMRMLSequenceBrowserNode") if scene is not None else 0
    for index in range(count):
        series = scene.GetNthNodeByClass(index, "vtkMRMLSequenceBrowserNode").GetSequenceNode(node)
        if series is not None:
            return max(1, series.GetNumberOfDataNodes())
    return 1


def writeVolume(
    sequence: str, node: slicer.vtkMRMLScalarVolumeNode, folder: Path, ending: str = ".nrrd"
) -> WrittenVolume:
    """Write `<sequence><ending>`: voxels and geometry, which NRRD keeps in double precision, NIfTI in single.

    Raises:
        InputVolumeError: the volume is under a transform that is not linear.
        OSError: the file could not be written.
    """
    ijkToWorld = _ijkToWorld(sequence, node)
    path = folder / f"{sequence}{ending}"
    carrier = slicer.vtkMRMLScalarVolumeNode()  # outside the scene: no name, no transform, no storage of the original
    carrier.SetAndObserveImageData(node.GetImageData())
    carrier.SetIJKToRASMatrix(ijkToWorld)
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    storage.SetUseCompression(0)
    if not storage.WriteData(carrier) or not path.is_file():
        text = _("The volume chosen for {sequence} could not be written. Is the disk full?")
        raise OSError(text.format(sequence=sequence))
    return WrittenVolume(node, path, tuple(node.GetImageData().GetDimensions()), ijkToWorld)


def _ijkToWorld(sequence: str, node: slicer.vtkMRMLScalarVolumeNode) -> vtk.vtkMatrix4x4:
    matrix = worldMatrix(node)
    if matrix is None:
        raise InputVolumeError(
            f"The volume chosen for {sequence} is under a transform that is not linear.",
            "Harden the transform, or take the volume out of it.",
        )
    return matrix


def worldMatrix(node: slicer.vtkMRMLScalarVolumeNode) -> vtk.vtkMatrix4x4 | None:
    """Voxels to RAS (mm), the linear transform above the node included; None if the transform is not linear."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    transform = node.GetParentTransformNode()
    if transform is None:
        return matrix
    if not transform.IsTransformToWorldLinear():
        return None
    toWorld = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(toWorld)
    vtk.vtkMatrix4x4.Multiply4x4(toWorld, matrix, matrix)
    return matrix


def readVolume(path: Path) -> slicer.vtkMRMLScalarVolumeNode:
    """A volume that is in no scene. Raises OSError if it cannot be read."""
    volume = slicer.vtkMRMLScalarVolumeNode()
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    storage.SetSingleFile(True)  # the other files in the folder are not slices of this one
    if not path.is_file() or not storage.ReadData(volume) or volume.GetImageData() is None:
        raise OSError(_("The file {name} of the result could not be read.").format(name=path.name))
    return volume
