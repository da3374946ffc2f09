"""Another threshold, or another smallest volume, without another run: new labels from the stored probability.

The library's own function does it (it needs no torch), so that the numbers are those that a run with these settings
would have given. A mask that was corrected by hand is never overwritten: what was last written is remembered as a
checksum in the segmentation node, which a saved scene keeps.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import slicer
import vtk

from .candidateTable import fillTable
from .library import importLibrary
from .mapDisplay import candidatesOf, mapsOf, referenceOf
from .resultToScene import ATTRIBUTE, CANDIDATES
from .terminology import SEGMENTS
from .voxels import keptSurfaces, labelsOf, maskOf

__all__ = ["CHECKSUM", "Relabeler", "imageOf", "isChanged", "isCorrected", "maskOf", "rememberMask", "settingsOf"]

#: Of the thrombus, and of both segments, as a run or a slider wrote them.
CHECKSUM, LABELS_CHECKSUM = ATTRIBUTE + "MaskChecksum", ATTRIBUTE + "LabelsChecksum"
THROMBUS, INFARCT = (kind.name for kind in SEGMENTS)


def settingsOf(segmentation: slicer.vtkMRMLSegmentationNode) -> tuple[float, float] | None:
    """Threshold and smallest volume (mm3) with which the mask was made; None where the node does not tell."""
    try:
        return (
            float(segmentation.GetAttribute(ATTRIBUTE + "Threshold")),
            float(segmentation.GetAttribute(ATTRIBUTE + "MinimumVolume")),
        )
    except (TypeError, ValueError):
        return None


def isCorrected(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether the thrombus was changed by somebody since a run or a slider wrote it."""
    known, mask = segmentation.GetAttribute(CHECKSUM), maskOf(segmentation, THROMBUS)
    return known is not None and (mask is None or known != _checksum(mask))


def isChanged(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether thrombus or infarct were changed by somebody; also where nobody can tell."""
    known, labels = segmentation.GetAttribute(LABELS_CHECKSUM), labelsOf(segmentation)
    return known is None or labels is None or known != _checksum(labels)


def rememberMask(segmentation: slicer.vtkMRMLSegmentationNode) -> None:
    """What thrombus and infarct are now was not made by hand."""
    mask = maskOf(segmentation, THROMBUS)
    if mask is not None:
        segmentation.SetAttribute(CHECKSUM, _checksum(mask))
        segmentation.SetAttribute(LABELS_CHECKSUM, _checksum(labelsOf(segmentation)))


class Relabeler:
    """Makes labels of one result; what does not change between two positions of a slider is kept.

    Args:
        segmentation: of a result whose probability is in the scene.

    Raises:
        ImportError: SimpleITK, or ThrombusSegLib, is not there.
    """

    def __init__(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        lesions = importLibrary("ThrombusSegLib.lesions")
        self._lesions = lesions
        self._rows = importLibrary("ThrombusSegLib.lesions.table").rows
        sequences = importLibrary("ThrombusSegLib.sequences").Sequence
        self.segmentation = segmentation
        maps = mapsOf(segmentation)
        self._probability = imageOf(maps["probability"])
        self._attention = {sequences(key): imageOf(node) for key, node in maps.items() if key != "probability"}
        self._read = _timesOf(segmentation)
        self.begin()

    @cached_property
    def midline(self) -> Any:
        """Of the head on the reference volume; None where there is none."""
        reference = referenceOf(self.segmentation)
        return self._lesions.find_midline(imageOf(reference)) if reference is not None else None

    def begin(self) -> None:
        """Start from what the segmentation is now; what was read of its maps is kept."""
        probability, infarct = mapsOf(self.segmentation)["probability"], maskOf(self.segmentation, INFARCT)
        self._infarct = infarct > 0 if infarct is not None else slicer.util.arrayFromVolume(probability) > 2
        self._labelmap = self._emptyLabelmap(probability)
        self._written = -1
        self._ownLabels = not isChanged(self.segmentation)

    def knows(self, segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
        """Whether it has read the maps of this one, and they are as they were."""
        return segmentation is self.segmentation and self._read == _timesOf(segmentation)

    def isCurrent(self) -> bool:
        """Whether the thrombus is still what this has written last."""
        segment = self.segmentation.GetSegmentation().GetSegment(THROMBUS)
        binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        current = segment.GetRepresentation(binary) if segment is not None else None
        return current is self._labelmap and self._labelmap.GetMTime() == self._written

    def apply(self, threshold: float, minimumVolume: float) -> int:
        """Write labels and table; returns the number of candidates."""
        wanted = self._lesions.CandidateSettings(threshold=threshold, minimum_volume_mm3=minimumVolume)
        found = self._lesions.find_candidates(
            self._probability, wanted, midline=self.midline, attention=self._attention
        )
        checksums = self._write(found.labels > 0)
        table, rows = candidatesOf(self.segmentation), self._rows(found.found)
        if table is not None:
            fillTable(table, rows)
        facts = {
            CANDIDATES: json.dumps(rows),
            ATTRIBUTE + "Threshold": f"{threshold:g}",
            ATTRIBUTE + "MinimumVolume": f"{minimumVolume:g}",
            ATTRIBUTE + "ThrombusFound": str(bool(found.found)),
        }
        self._note({**checksums, **facts})
        return len(found.found)

    def _note(self, facts: Mapping[str, str]) -> None:
        """Attributes of the segmentation, all in one change: each would be told to everything that shows it."""
        modifying = self.segmentation.StartModify()
        for key, value in facts.items():
            self.segmentation.SetAttribute(key, value)
        self.segmentation.Modified()
        self.segmentation.EndModify(modifying)

    def _write(self, thrombus: Any) -> dict[str, str]:
        """Labels into the segments; the attributes by which they are known again."""
        from vtk.util.numpy_support import vtk_to_numpy

        values = vtk_to_numpy(self._labelmap.GetPointData().GetScalars()).reshape(thrombus.shape)
        with keptSurfaces(self.segmentation):
            values[:] = 0
            values[self._infarct] = SEGMENTS[1].label
            values[thrombus] = SEGMENTS[0].label
            self._labelmap.Modified()
            self._show()
        self._written = self._labelmap.GetMTime()
        checksums = {CHECKSUM: _checksum(thrombus.astype("uint8"))}
        return {**checksums, LABELS_CHECKSUM: _checksum(values)} if self._ownLabels else checksums

    def _show(self) -> None:
        """Let both segments be what stands in the label map."""
        segmentation = self.segmentation.GetSegmentation()
        binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
        for kind in SEGMENTS:
            segment = segmentation.GetSegment(kind.name)
            if segment is not None and segment.GetRepresentation(binary) is not self._labelmap:
                segment.SetLabelValue(kind.label)
                segment.AddRepresentation(binary, self._labelmap)
        segmentation.InvalidateNonSourceRepresentations()

    @staticmethod
    def _emptyLabelmap(like: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkOrientedImageData:
        matrix = vtk.vtkMatrix4x4()
        like.GetIJKToRASMatrix(matrix)
        labelmap = slicer.vtkOrientedImageData()
        labelmap.SetDimensions(*like.GetImageData().GetDimensions())
        labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        labelmap.SetImageToWorldMatrix(matrix)
        return labelmap


def imageOf(volume: slicer.vtkMRMLScalarVolumeNode) -> Any:
    """A SimpleITK image with a copy of the voxels, in LPS as everywhere in the library."""
    sitk = importLibrary("SimpleITK")
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASDirectionMatrix(matrix)
    signs = (-1.0, -1.0, 1.0)
    image = sitk.GetImageFromArray(slicer.util.arrayFromVolume(volume))
    image.SetSpacing([float(each) for each in volume.GetSpacing()])
    image.SetOrigin([sign * each for sign, each in zip(signs, volume.GetOrigin(), strict=True)])
    image.SetDirection([signs[row] * matrix.GetElement(row, column) for row in range(3) for column in range(3)])
    return image


def _timesOf(segmentation: slicer.vtkMRMLSegmentationNode) -> list[tuple[str, int, int]]:
    """When each map, and the reference, were changed last."""
    volumes = [each for each in (*mapsOf(segmentation).values(), referenceOf(segmentation)) if each is not None]
    return [(volume.GetID(), volume.GetMTime(), volume.GetImageData().GetMTime()) for volume in volumes]


def _checksum(mask: Any) -> str:
    return f"{zlib.crc32(mask.tobytes()):08x}"
