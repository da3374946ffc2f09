"""Progressive difficulty: at first the crops are laid around large clots of high contrast only, then around all.

How hard a case is, is measured when it is prepared: the volume of its thrombus and how much it differs from what lies
around it. Cases are ranked by both; ranks need no units and fit every centre.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..sequences import Sequence
from .settings import DifficultySettings

#: Width of the ring around a thrombus that it is compared with, voxels in plane (our choice).
RING = 3


def measure_contrast(images: NDArray[np.float16], available: NDArray[np.bool_], labels: NDArray[np.uint8]) -> float:
    """How far the thrombus' mean lies from the median of the ring around it, in normalised units; 0 without one.

    Args:
        images: (M, S, H, W), normalised.
        available: (M,) which sequences the case has.
        labels: (S, H, W): 1 thrombus.

    Returns:
        On SWI where the case has it; else on the sequence on which the thrombus differs most.
    """
    if not (labels == 1).any():
        return 0.0
    box = _box(labels == 1)
    thrombus = labels[box] == 1
    mask = sitk.GetImageFromArray(thrombus.astype(np.uint8))
    ring = (sitk.GetArrayFromImage(sitk.BinaryDilate(mask, [RING, RING, 0], sitk.sitkBall)) == 1) & ~thrombus
    if not ring.any():
        return 0.0
    swi = list(Sequence).index(Sequence.SWI)
    places = [swi] if available[swi] else np.flatnonzero(available)
    differences = []
    for place in places:
        values = np.asarray(images[place][box], dtype=np.float32)
        differences.append(abs(float(values[thrombus].mean()) - float(np.median(values[ring]))))
    return max(differences)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The smallest box around a mask with room for the ring."""
    voxels = np.argwhere(mask)
    margin = np.array([0, RING, RING])
    low, high = np.maximum(voxels.min(0) - margin, 0), voxels.max(0) + margin + 1
    return tuple(slice(int(start), int(end)) for start, end in zip(low, high, strict=True))


def share_at(settings: DifficultySettings, share_done: float) -> float:
    """The share of the cases, easiest first, whose clots are aimed at when this share (0..1) of the run is done."""
    if settings.easy_until == 0 or share_done >= settings.all_from:
        return 1.0
    if share_done < settings.easy_until:
        return settings.easy_share
    ramp = (share_done - settings.easy_until) / (settings.all_from - settings.easy_until)
    return settings.easy_share + (1.0 - settings.easy_share) * ramp


def aimed_at(
    volumes: NDArray[np.float64], contrasts: NDArray[np.float64], settings: DifficultySettings, share_done: float
) -> NDArray[np.int64]:
    """Which cases' clots are aimed at.

    Args:
        volumes: (N,) of the thrombi, mm3; 0 where a case has none.
        contrasts: (N,) from `measure_contrast`.
        settings: when it becomes how hard.
        share_done: 0..1, how far the run is.

    Returns:
        Places of these cases, rising; empty only where no case has a thrombus.
    """
    places = np.flatnonzero(volumes > 0)
    share = share_at(settings, share_done)
    if share >= 1.0 or not len(places):
        return places
    ranks = _ranks(volumes[places]) + _ranks(contrasts[places])
    count = max(1, int(np.ceil(share * len(places))))
    return np.sort(places[np.argsort(-ranks, kind="stable")[:count]])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 for the smallest."""
    return np.asarray(np.argsort(np.argsort(values, kind="stable"), kind="stable"), dtype=np.int64)
