"""Geometry without voxels, and the way from the reference's own grid to the working grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

#: The largest spacing must exceed the others by this factor to name the slice axis by itself.
ANISOTROPY = 1.2
#: Air kept around the head when the working grid is cropped, mm.
MARGIN_MM = 8.0


@dataclass(frozen=True)
class Grid:
    """Size, spacing (mm), origin (mm) and direction of an image, ITK order (i, j, k), LPS."""

    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> Grid:
        """The grid of an image with three axes."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    def empty(self, pixel: int = sitk.sitkFloat32) -> sitk.Image:
        """An image of zeros on this grid."""
        return self._placed(sitk.Image(list(self.size), pixel))

    def image(self, array: NDArray[np.generic]) -> sitk.Image:
        """An array (S, H, W) of this grid's size as an image."""
        return self._placed(sitk.GetImageFromArray(array))

    def _placed(self, image: sitk.Image) -> sitk.Image:
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def same_as(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Equal up to rounding of headers: sizes exactly, the rest to `tolerance` mm."""
        mine, theirs = (np.array([*g.spacing, *g.origin, *g.direction]) for g in (self, other))
        return self.size == other.size and bool(np.allclose(mine, theirs, rtol=0.0, atol=tolerance))


def slice_axis(image: sitk.Image) -> int:
    """The axis (0, 1, 2) along which slices lie: the largest spacing, or the one nearest to the body's axis."""
    spacing = np.array(image.GetSpacing())
    largest = int(np.argmax(spacing))
    if spacing[largest] >= ANISOTROPY * np.sort(spacing)[1]:
        return largest
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return int(np.argmax(np.abs(direction[2])))


def reorient(image: sitk.Image) -> sitk.Image:
    """Permute and flip axes, without interpolation, so that k is the slice axis and axial slices lie as LPS.

    In plane, i is the axis nearest to right-left (of a sagittal stack: to front-back) and j the other; each runs
    towards left, posterior or superior.
    """
    direction = np.array(image.GetDirection()).reshape(3, 3)
    k = slice_axis(image)
    others = [axis for axis in range(3) if axis != k]
    # Of a sagittal stack neither in-plane axis runs right-left: a rule of its own, so that storage order is no matter.
    across = 1 if int(np.argmax(np.abs(direction[:, k]))) == 0 else 0
    i = max(others, key=lambda axis: abs(direction[across, axis]))
    j = next(axis for axis in others if axis != i)
    permuted = sitk.PermuteAxes(image, [i, j, k])
    turned = np.array(permuted.GetDirection()).reshape(3, 3)
    flips = [bool(turned[np.argmax(np.abs(turned[:, axis])), axis] < 0) for axis in range(3)]
    flipped: sitk.Image = sitk.Flip(permuted, flips)
    return flipped


def working_grid(oriented: sitk.Image, head: sitk.Image, spacing_mm: float) -> Grid:
    """Native slices, in-plane spacing as asked, cropped to the head.

    Args:
        oriented: the reference after `reorient`.
        head: uint8 mask on the same grid; an empty one keeps everything.
        spacing_mm: in both in-plane directions.
    """
    low, high = _box(head)
    native = np.array(oriented.GetSpacing())
    spacing = np.array([spacing_mm, spacing_mm, native[2]])
    extent = (high - low) * native
    size = np.maximum(1, np.ceil(extent / spacing - 1e-6)).astype(int)
    size[2] = high[2] - low[2]
    # The two grids share the corner of the box, not the centre of its first voxel.
    first = low + 0.5 * spacing / native - 0.5
    first[2] = low[2]
    origin = oriented.TransformContinuousIndexToPhysicalPoint([float(value) for value in first])
    return Grid(
        (int(size[0]), int(size[1]), int(size[2])),
        (float(spacing[0]), float(spacing[1]), float(spacing[2])),
        origin,
        oriented.GetDirection(),
    )


def _box(head: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """First and one-past-last voxel (i, j, k) of the mask with a margin."""
    size = np.array(head.GetSize())
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(head)
    if not statistics.HasLabel(1):
        return np.zeros(3, dtype=int), size
    box = np.array(statistics.GetBoundingBox(1))
    margin = np.ceil(MARGIN_MM / np.array(head.GetSpacing())).astype(int)
    return np.maximum(box[:3] - margin, 0), np.minimum(box[:3] + box[3:] + margin, size)
