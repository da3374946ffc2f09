"""Where the middle of the head is, so that a candidate can be called left or right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

#: A candidate whose centroid lies nearer to the mid plane than this belongs to neither side. Our choice: clots of the
#: basilar artery, 3 to 4 mm wide and often a little off the middle, shall not be called left or right.
MIDLINE_MM = 4.0


@dataclass(frozen=True)
class Midline:
    """The plane right = offset + anterior_slope * anterior + superior_slope * superior, RAS mm."""

    offset: float
    anterior_slope: float = 0.0
    superior_slope: float = 0.0

    def side_of(self, centroid_ras: tuple[float, float, float]) -> str:
        """The patient's "left", "right", or "midline" within `MIDLINE_MM` of the plane."""
        right, anterior, superior = centroid_ras
        distance = right - (self.offset + self.anterior_slope * anterior + self.superior_slope * superior)
        if abs(distance) <= MIDLINE_MM:
            return "midline"
        return "right" if distance > 0 else "left"


def find_midline(image: sitk.Image) -> Midline | None:
    """The mid-sagittal plane of the head, fitted through the middles of its left-right chords.

    The head is what is brighter than Otsu's threshold of the image. For each row of voxels that runs most nearly from
    left to right, the middle between the first and the last head voxel is one point; a plane is fitted through the
    points of the rows at least 60 % as wide as the widest (those through the skull vault say little), by least squares.

    Returns:
        None when too little of the head is shown to tell: when it is cut off at a side in more than 3 of 10 rows.
    """
    direction = np.array(image.GetDirection()).reshape(3, 3)
    axis = int(np.abs(direction[0]).argmax())
    voxels = np.moveaxis(_head(image), 2 - axis, -1)
    rows = voxels.any(axis=-1)
    size = voxels.shape[-1]
    first = voxels.argmax(axis=-1)[rows]
    last = (size - 1 - voxels[..., ::-1].argmax(axis=-1))[rows]
    if not rows.any() or size < 3:
        return None
    wide = (last - first) >= 0.6 * max(1, int((last - first).max()))
    if np.mean((first[wide] == 0) | (last[wide] == size - 1)) > 0.3:
        return None
    index = np.empty((int(wide.sum()), 3))
    others = [each for each in (2, 1, 0) if each != axis]
    index[:, axis] = ((first + last) / 2)[wide]
    for column, each in enumerate(others):
        index[:, each] = np.nonzero(rows)[column][wide]
    return _fit(index * np.array(image.GetSpacing()) @ direction.T + np.array(image.GetOrigin()))


def _head(image: sitk.Image) -> npt.NDArray[np.bool_]:
    mask: Any = sitk.OtsuThreshold(image, 0, 1, 128)
    return np.asarray(sitk.GetArrayViewFromImage(mask), dtype=bool)


def _fit(points_lps: npt.NDArray[np.float64]) -> Midline:
    right, anterior, superior = -points_lps[:, 0], -points_lps[:, 1], points_lps[:, 2]
    if np.ptp(superior) < 20.0 or np.ptp(anterior) < 20.0:  # too thin a block to tell a tilt from noise
        return Midline(float(np.median(right)))
    design = np.stack([np.ones_like(right), anterior, superior], axis=1)
    offset, anterior_slope, superior_slope = np.linalg.lstsq(design, right, rcond=None)[0]
    return Midline(float(offset), float(anterior_slope), float(superior_slope))
