"""The panel's choices, which a saved scene keeps."""

from __future__ import annotations

import enum
from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

from .sequences import SEQUENCES


class Device(enum.Enum):
    """Where the network runs; the values are the worker's words."""

    Automatic = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


@parameterNodeWrapper
class ThrombusSegParameterNode:
    """One volume for each sequence, or none; what is shown of the last result; where the network runs."""

    volumeSWI: vtkMRMLScalarVolumeNode
    volumeDWI: vtkMRMLScalarVolumeNode
    volumeADC: vtkMRMLScalarVolumeNode
    volumeFLAIR: vtkMRMLScalarVolumeNode
    volumeTOF: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    shownMap: str = ""
    mapOpacity: Annotated[float, WithinRange(0, 1)] = 0.5
    fillOpacity: Annotated[float, WithinRange(0, 1)] = 0.15
    outlineOpacity: Annotated[float, WithinRange(0, 1)] = 1.0
    device: Device = Device.Automatic
    decidedSequences: str = ""
    """Rows that are not to be filled by themselves, with spaces between."""


def chosenVolumes(parameters: ThrombusSegParameterNode) -> dict[str, vtkMRMLScalarVolumeNode | None]:
    """The volume of each sequence, None where none is chosen."""
    return {sequence: getattr(parameters, f"volume{sequence}") for sequence in SEQUENCES}
