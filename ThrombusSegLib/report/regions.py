"""Which slices and which part of them are shown for a candidate. Everything here is on the working grid, (S, H, W)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..inference.result import SegmentResult
from ..preprocess.grid import slice_axis

#: Sides of the zoomed square: at least this, and at least the candidate with this margin around it.
_SQUARE_MM, _MARGIN_MM = 56.0, 12.0


@dataclass(frozen=True)
class Region:
    """A square part of some neighbouring slices."""

    slices: tuple[int, ...]
    """Up to three neighbours, in order."""
    best: int
    """The slice with the most of the candidate."""
    rows: slice
    columns: slice


def candidate_mask(result: SegmentResult, number: int) -> npt.NDArray[np.bool_]:
    """Where a candidate is, (S, H, W) bool. Never empty: at least the voxel of its most probable place."""
    own = sitk.GetImageFromArray((result.candidates.labels == number).astype(np.uint8))
    own.CopyInformation(result.probability)
    grid = result.prepared.working_grid.empty(sitk.sitkUInt8)
    mask = sitk.GetArrayFromImage(sitk.Resample(own, grid, sitk.Transform(), sitk.sitkNearestNeighbor)).astype(bool)
    if not mask.any():  # thinner than the working grid's voxels
        right, anterior, superior = result.candidates.found[number - 1].centroid_ras
        place = grid.TransformPhysicalPointToIndex((-right, -anterior, superior))
        k, j, i = (min(max(at, 0), size - 1) for at, size in zip(place[::-1], mask.shape, strict=True))
        mask[k, j, i] = True
    return np.asarray(mask)


def region_around(
    mask: npt.NDArray[np.bool_],
    weights: npt.NDArray[np.float32],
    spacing: tuple[float, float],
    least_mm: float = _SQUARE_MM,
) -> Region:
    """The slice with the largest sum of `weights` inside the mask, its neighbours, and a square around the mask.

    Args:
        spacing: (row, column) in mm.
        least_mm: the square is at least so wide.
    """
    count, height, width = mask.shape
    best = int((mask * weights).sum(axis=(1, 2)).argmax())
    _, rows, columns = np.nonzero(mask)
    extent = max((np.ptp(rows) + 1) * spacing[0], (np.ptp(columns) + 1) * spacing[1])
    side = max(least_mm, float(extent) + 2 * _MARGIN_MM)
    return Region(
        slices=tuple(each for each in (best - 1, best, best + 1) if 0 <= each < count),
        best=best,
        rows=_span(float(rows.min() + rows.max()) / 2, side / spacing[0], height),
        columns=_span(float(columns.min() + columns.max()) / 2, side / spacing[1], width),
    )


def slice_number(result: SegmentResult, working_slice: int) -> int:
    """The number of a working slice in the reference sequence, counted from 1 as in the table of measures."""
    grid = result.prepared.working_grid.empty(sitk.sitkUInt8)
    middle = [size // 2 for size in grid.GetSize()]
    point = grid.TransformIndexToPhysicalPoint((middle[0], middle[1], working_slice))
    index = result.probability.TransformPhysicalPointToContinuousIndex(point)
    return round(float(index[slice_axis(result.probability)])) + 1


def _span(middle: float, wanted: float, size: int) -> slice:
    """About `wanted` voxels around `middle`, moved inside 0..size; all of it when the image is smaller."""
    length = min(size, round(wanted))
    start = min(max(0, round(middle - (length - 1) / 2)), size - length)
    return slice(start, start + length)
