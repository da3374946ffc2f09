"""Segments as voxels on the grid of a result, and back; as text for an attribute; as a file for the worker."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from .library import importLibrary
from .mapDisplay import gridOf
from .nodesToFiles import worldMatrix
from .terminology import SEGMENTS

#: Elements of two geometries that differ by less are the same, mm: NIfTI keeps them in single precision.
_TOLERANCE = 1e-4


def maskOf(segmentation: slicer.vtkMRMLSegmentationNode, segment: str) -> Any:
    """(K, J, I) uint8 on the grid of the result; None without that segment or grid."""
    grid = gridOf(segmentation)
    if grid is None or grid.GetImageData() is None or segmentation.GetSegmentation().GetSegment(segment) is None:
        return None
    labelmap = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segment, labelmap)
    if labelmap.IsEmpty() or not _liesOn(labelmap, segmentation, grid):
        return (slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, grid) > 0).astype("uint8")
    return _pasted(labelmap, grid.GetImageData().GetDimensions())


def labelsOf(segmentation: slicer.vtkMRMLSegmentationNode) -> Any:
    """(K, J, I) uint8: 1 thrombus, 2 infarct; where both are, the thrombus. None without a grid."""
    grid = gridOf(segmentation)
    if grid is None or grid.GetImageData() is None:
        return None
    labels = importLibrary("numpy").zeros(grid.GetImageData().GetDimensions()[::-1], "uint8")
    for kind in reversed(SEGMENTS):
        mask = maskOf(segmentation, kind.name)
        if mask is not None:
            labels[mask > 0] = kind.label
    return labels


def hasSurfaces(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether any segment has a surface for the 3D view."""
    content = segmentation.GetSegmentation()
    closed = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    segments = (content.GetNthSegment(index) for index in range(content.GetNumberOfSegments()))
    return any(segment.GetRepresentation(closed) is not None for segment in segments)


@contextmanager
def keptSurfaces(segmentation: slicer.vtkMRMLSegmentationNode) -> Iterator[None]:
    """Writing voxels drops the surfaces of the 3D view: where there were some they are made again, once, at the end."""
    shown = hasSurfaces(segmentation)
    yield
    if shown and not hasSurfaces(segmentation):
        segmentation.CreateClosedSurfaceRepresentation()


def writeSegment(segmentation: slicer.vtkMRMLSegmentationNode, segment: str, mask: Any) -> None:
    """Let a segment be this mask, (K, J, I) on the grid of the result; others stay as they are."""
    with keptSurfaces(segmentation):
        _put(segmentation, segment, mask)


def writeSegments(segmentation: slicer.vtkMRMLSegmentationNode, labels: Any) -> None:
    """Let all segments be these labels, (K, J, I) on the grid of the result."""
    with keptSurfaces(segmentation):
        for kind in SEGMENTS:
            _put(segmentation, kind.name, (labels == kind.label).astype("uint8"))


def _put(segmentation: slicer.vtkMRMLSegmentationNode, segment: str, mask: Any) -> None:
    kind = next(each for each in SEGMENTS if each.name == segment)
    if segmentation.GetSegmentation().GetSegment(segment) is None:
        added = slicer.vtkSegment()
        added.SetName(segment)
        added.SetColor(*kind.color)
        added.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), kind.terminologyEntry())
        segmentation.GetSegmentation().AddSegment(added, segment)
    labelmap = slicer.vtkOrientedImageData()
    labelmap.DeepCopy(_image(mask))
    matrix = worldMatrix(gridOf(segmentation))
    labelmap.SetImageToWorldMatrix(matrix)
    slicer.vtkSlicerSegmentationsModuleLogic.SetBinaryLabelmapToSegment(labelmap, segmentation, segment)


def writeLabels(labels: Any, grid: slicer.vtkMRMLScalarVolumeNode, path: Path) -> Path:
    """A file for the worker, (K, J, I) uint8 in the geometry of a volume; one that is there already is replaced.

    Raises:
        OSError: it could not be written.
    """
    path.unlink(missing_ok=True)  # Slicer would warn in its log
    carrier = slicer.vtkMRMLScalarVolumeNode()
    carrier.SetAndObserveImageData(_image(labels))
    carrier.SetIJKToRASMatrix(worldMatrix(grid))
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    storage.SetUseCompression(0)
    if not storage.WriteData(carrier) or not path.is_file():
        raise OSError(_("The labels could not be written to the temporary folder. Is the disk full?"))
    return path


def packed(array: Any) -> str:
    """An array of small integers as text; masks of clots become a few hundred characters."""
    return base64.b64encode(zlib.compress(array.tobytes())).decode("ascii")


def unpacked(text: str, like: Any) -> Any:
    """The array that was packed; None where it does not fit in size and type to `like`."""
    try:
        content = zlib.decompress(base64.b64decode(text))
    except (ValueError, zlib.error):
        return None
    if len(content) != like.nbytes:
        return None
    return importLibrary("numpy").frombuffer(content, like.dtype).reshape(like.shape).copy()


def parts(mask: Any) -> Any:
    """(K, J, I) int32: connected parts (26 neighbors) of a mask, numbered from 1; 0 outside."""
    numpy = importLibrary("numpy")
    result = numpy.zeros(mask.shape, "int32")
    where = numpy.nonzero(mask)
    if len(where[0]) == 0:
        return result
    box = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in where)
    islands = _islandFilter()
    islands.SetInputData(_image(numpy.ascontiguousarray(mask[box] > 0).astype("uint32")))
    islands.SetFullyConnected(True)
    islands.Update()
    result[box] = _array(islands.GetOutput()) * (mask[box] > 0)
    return result


def groups(numbers: Any) -> dict[int, Any]:
    """For each number but 0 in an array (K, J, I), its voxels: three arrays of indices (k, j, i)."""
    numpy = importLibrary("numpy")
    flat = numpy.flatnonzero(numbers)
    flat = flat[numpy.argsort(numbers.ravel()[flat], kind="stable")]
    found, starts = numpy.unique(numbers.ravel()[flat], return_index=True)
    pieces = numpy.split(flat, starts[1:])
    return {
        int(number): numpy.unravel_index(piece, numbers.shape) for number, piece in zip(found, pieces, strict=False)
    }


def _islandFilter() -> Any:
    """Slicer's own, which is found in different places with and without the application."""
    if hasattr(slicer, "vtkITKIslandMath"):
        return slicer.vtkITKIslandMath()
    import vtkITK

    return vtkITK.vtkITKIslandMath()


def _image(array: Any) -> vtk.vtkImageData:
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(array.ravel(), deep=True))
    return image


def _array(image: vtk.vtkImageData) -> Any:
    from vtk.util.numpy_support import vtk_to_numpy

    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1]).astype("int32")


def _liesOn(
    labelmap: slicer.vtkOrientedImageData,
    segmentation: slicer.vtkMRMLSegmentationNode,
    grid: slicer.vtkMRMLScalarVolumeNode,
) -> bool:
    """Whether voxels of the segment are voxels of the grid."""
    if segmentation.GetParentTransformNode() is not None:
        return False
    mine, matrix = vtk.vtkMatrix4x4(), worldMatrix(grid)
    labelmap.GetImageToWorldMatrix(mine)
    pairs = [(row, column) for row in range(3) for column in range(4)]
    return matrix is not None and all(
        abs(mine.GetElement(*each) - matrix.GetElement(*each)) < _TOLERANCE for each in pairs
    )


def _pasted(labelmap: slicer.vtkOrientedImageData, size: tuple[int, int, int]) -> Any:
    """The part of the grid that the labelmap has, in the whole grid."""
    from vtk.util.numpy_support import vtk_to_numpy

    whole = importLibrary("numpy").zeros(size[::-1], "uint8")
    extent = labelmap.GetExtent()
    shape = [extent[2 * axis + 1] - extent[2 * axis] + 1 for axis in (2, 1, 0)]
    values = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(shape) > 0
    to, source = [], []
    for axis in (2, 1, 0):
        low, high = max(0, extent[2 * axis]), min(size[axis] - 1, extent[2 * axis + 1])
        to.append(slice(low, high + 1))
        source.append(slice(low - extent[2 * axis], high + 1 - extent[2 * axis]))
    whole[tuple(to)] = values[tuple(source)]
    return whole
