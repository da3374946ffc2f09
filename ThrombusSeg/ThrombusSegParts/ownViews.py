"""The slice views of the user's own layout: heads are whole when they come back, unless he had zoomed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import slicer

from .layouts import MARGIN, headCorners, isCompareView
from .nodesToFiles import worldMatrix
from .sceneNodes import nodesIn

#: A view as large as its volume is fitted, or by less than this part off, was zoomed by nobody (our choice).
_NEARLY = 0.1
#: One that shows less than this part of the head when another volume comes into it was zoomed (our choice).
_ZOOMED = 0.6
Point = tuple[float, float, float]


class OwnViews:
    """Remembers which views nobody had zoomed when they were hidden."""

    def __init__(self) -> None:
        self._heights: dict[str, float] = {}  # by identifier; mm. A view of another size keeps it

    def note(self) -> None:
        """The views are about to be hidden."""
        self._heights = {view.GetID(): view.GetFieldOfView()[1] for view in _ownViews() if isFitted(view)}

    def fit(self) -> None:
        """They are seen again, perhaps smaller, and with other slices in their middle."""
        for view in _ownViews():
            volume = _volumeIn(view)
            untouched = self._heights.get(view.GetID()) == view.GetFieldOfView()[1]
            if volume is not None and (untouched or isFitted(view)):
                fitView(view, volume)


def isFitted(view: slicer.vtkMRMLSliceNode) -> bool:
    """Whether it is as large as we, or Slicer, fit a volume, wherever its middle is; also where it shows none."""
    volume = _volumeIn(view)
    if volume is None:
        return True
    fits = [_scale(view, headCorners(volume)), *_slicersFits(view, volume)]
    return any(abs(_scaleNow(view) / fit - 1) < _NEARLY for fit in fits)


def fitOthers(names: Iterable[str]) -> None:
    """Another volume is in the views of these names: Slicer had fitted the one before, and a result fits none."""
    for view in [view for view in _ownViews() if view.GetLayoutName() in names]:
        volume = _volumeIn(view)
        if volume is not None and _scaleNow(view) > _ZOOMED * _scale(view, headCorners(volume)):
            fitView(view, volume)


def fitView(view: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Show the whole head in its middle; the slice stays."""
    corners = headCorners(volume)
    width, height = view.GetDimensions()[:2]
    scale, matrix = _scale(view, corners), view.GetSliceToRAS()
    modifying = view.StartModify()
    axes = _axes(view)
    for axis, (low, high) in zip(axes, _spans(axes, corners), strict=True):
        here = sum(matrix.GetElement(row, 3) * axis[row] for row in range(3))
        for row in range(3):
            matrix.SetElement(row, 3, matrix.GetElement(row, 3) + ((low + high) / 2 - here) * axis[row])
    view.SetXYZOrigin(0.0, 0.0, 0.0)
    view.SetFieldOfView(scale * width, scale * height, view.GetFieldOfView()[2])
    view.UpdateMatrices()
    view.EndModify(modifying)


def _scaleNow(view: slicer.vtkMRMLSliceNode) -> float:
    return float(view.GetFieldOfView()[1] / view.GetDimensions()[1])


def _scale(view: slicer.vtkMRMLSliceNode, corners: Iterable[Point]) -> float:
    """Millimeters a pixel at which all of this is seen."""
    sides = zip(_spans(_axes(view), corners), view.GetDimensions(), strict=False)
    return float(MARGIN * max((high - low) / size for (low, high), size in sides))


def _slicersFits(view: slicer.vtkMRMLSliceNode, volume: slicer.vtkMRMLScalarVolumeNode) -> list[float]:
    """Millimeters a pixel that Slicer chooses: the shorter side of the view decides. Turned as it is, and before."""
    width, height = view.GetDimensions()[:2]
    fits, corners = [], _corners(volume)
    for axes in (_axes(view), [_nearest(axis) for axis in _axes(view)]):
        across, along = (high - low for low, high in _spans(axes, corners))
        fits.append(across / width if height > width else along / height)
    return fits


def _axes(view: slicer.vtkMRMLSliceNode) -> list[Point]:
    """Along the width and the height of a view, RAS."""
    matrix = view.GetSliceToRAS()
    return [tuple(matrix.GetElement(row, column) for row in range(3)) for column in range(2)]


def _nearest(axis: Point) -> Point:
    """The axis of the patient to which this one is nearest."""
    largest = max(range(3), key=lambda row: abs(axis[row]))
    return tuple(float(row == largest) for row in range(3))


def _spans(axes: Iterable[Point], corners: Iterable[Point]) -> list[tuple[float, float]]:
    """Lowest and highest of points along each axis, mm."""
    corners = list(corners)
    places = [[sum(a * b for a, b in zip(axis, corner, strict=True)) for corner in corners] for axis in axes]
    return [(min(each), max(each)) for each in places]


def _corners(volume: slicer.vtkMRMLScalarVolumeNode) -> list[Point]:
    matrix, ends = worldMatrix(volume), [(-0.5, size - 0.5) for size in volume.GetImageData().GetDimensions()]
    return [matrix.MultiplyPoint((*each, 1.0))[:3] for each in product(*ends)]


def _ownViews() -> list[slicer.vtkMRMLSliceNode]:
    """Those that have a size."""
    views = [node for node in nodesIn(slicer.mrmlScene, "vtkMRMLSliceNode") if not isCompareView(node)]
    return [view for view in views if min(view.GetDimensions()[:2]) > 1]


def _volumeIn(view: slicer.vtkMRMLSliceNode) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The background of a view, where its head can be looked for."""
    for composite in nodesIn(slicer.mrmlScene, "vtkMRMLSliceCompositeNode"):
        if composite.GetLayoutName() == view.GetLayoutName():
            volume = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID() or "")
            isGray = volume is not None and volume.GetClassName() == "vtkMRMLScalarVolumeNode"
            return volume if isGray and volume.GetImageData() is not None and worldMatrix(volume) is not None else None
    return None
