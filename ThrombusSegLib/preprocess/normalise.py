"""Robust normalisation of one sequence by itself."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

#: Head is what is brighter than this share of the 99th percentile: above the noise of air, below brain and fluid.
HEAD_SHARE = 0.2
#: A region of fewer than this share of the largest one's voxels is noise or an artefact.
PART_SHARE = 0.02
#: Normalised values are cut to plus and minus this.
LIMIT = 5.0


def head_mask(image: sitk.Image) -> sitk.Image:
    """uint8, 1 in the bright regions: the head, or the brain of a skull-stripped image, be it in several parts."""
    smooth = sitk.Median(image, [1, 1, 0])
    parts = sitk.ConnectedComponent(smooth > _head_level(image))
    sizes = np.bincount(sitk.GetArrayViewFromImage(parts).ravel())[1:]
    smallest = int(np.ceil(PART_SHARE * sizes.max())) if sizes.size else 1
    head: sitk.Image = sitk.Cast(sitk.RelabelComponent(parts, smallest) > 0, sitk.sitkUInt8)
    return head


def _head_level(image: sitk.Image) -> float:
    """What is brighter belongs to the head."""
    return HEAD_SHARE * float(np.percentile(sitk.GetArrayViewFromImage(image), 99.0))


def scale_of(image: sitk.Image) -> tuple[float, float]:
    """Median and spread (the 5th to 95th percentile as multiples of a normal deviation) inside the head."""
    values = sitk.GetArrayViewFromImage(image)
    inside = values[values > _head_level(image)]
    if inside.size < 10:
        inside = values.ravel()
    low, middle, high = np.percentile(inside, [5.0, 50.0, 95.0])
    spread = (high - low) / 3.29
    return float(middle), float(spread) if spread > 0 else 1.0


def normalise(values: NDArray[np.float32], scale: tuple[float, float]) -> NDArray[np.float32]:
    """(values - median) / spread, cut to `LIMIT`."""
    middle, spread = scale
    return np.asarray(np.clip((values - middle) / spread, -LIMIT, LIMIT), dtype=np.float32)
