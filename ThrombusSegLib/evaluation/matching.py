"""Which predicted lesion is which true lesion, and which are neither.

Any-overlap can be had by painting the whole brain, and an overlap of one half is too much to ask of ten voxels moved by
one. The rule here survives both. A true lesion is detected when a predicted one is assigned to it (one to one, largest
total Dice) with a Dice above 0.1 or a centroid within the larger of the lesion's radius and one voxel diagonal, and the
predicted volume is at most ten times the true one.

Edge cases: nothing true and nothing predicted: no misses, no false positives, Dice undefined (left out). Nothing true:
every prediction is a false positive. Nothing predicted: every true lesion is missed, Dice 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

#: Pieces closer than this are one lesion, mm: a beaded thrombus counts once.
MERGE_MM = 2.0
LEAST_DICE = 0.1
LARGEST_VOLUME_RATIO = 10.0


@dataclass(frozen=True)
class CaseScore:
    """What one case contributes."""

    case: str
    true_lesions: int
    detected_lesions: int
    false_positives: int
    dice: float | None
    """Overlap of all true with all predicted voxels, 0..1; None when there is neither."""
    true_mm3: float
    predicted_mm3: float

    @property
    def detected(self) -> bool:
        """Whether at least one true lesion of the case is detected."""
        return self.detected_lesions > 0


@dataclass(frozen=True)
class _Lesion:
    voxels: NDArray[np.bool_]
    centroid_mm: NDArray[np.float64]
    radius_mm: float
    volume_mm3: float


def score_case(case: str, truth: sitk.Image, predicted: sitk.Image) -> CaseScore:
    """Score one case.

    Args:
        case: its name.
        truth: uint8, 1 where there is thrombus; any geometry.
        predicted: uint8 of the same geometry, 1 where thrombus is predicted.
    """
    true_mask, predicted_mask = (sitk.GetArrayFromImage(image) == 1 for image in (truth, predicted))
    true_lesions, predicted_lesions = _lesions(truth), _lesions(predicted)
    pairs = match(true_lesions, predicted_lesions, float(np.linalg.norm(truth.GetSpacing())))
    voxel = float(np.prod(truth.GetSpacing()))
    return CaseScore(
        case=case,
        true_lesions=len(true_lesions),
        detected_lesions=len(pairs),
        false_positives=len(predicted_lesions) - len(pairs),
        dice=dice(true_mask, predicted_mask),
        true_mm3=float(true_mask.sum()) * voxel,
        predicted_mm3=float(predicted_mask.sum()) * voxel,
    )


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """2 |A and B| / (|A| + |B|); None when both are empty."""
    total = int(first.sum()) + int(second.sum())
    return None if total == 0 else 2.0 * int((first & second).sum()) / total


def match(true: list[_Lesion], predicted: list[_Lesion], voxel_diagonal_mm: float) -> list[tuple[int, int]]:
    """Pairs (true, predicted) that count as detections; each lesion in at most one."""
    from scipy.optimize import linear_sum_assignment

    if not true or not predicted:
        return []
    gain = np.array([[_gain(t, p, voxel_diagonal_mm) for p in predicted] for t in true])
    rows, columns = linear_sum_assignment(-gain)
    return [(int(t), int(p)) for t, p in zip(rows, columns, strict=True) if gain[t, p] > 0]


def _gain(true: _Lesion, predicted: _Lesion, voxel_diagonal_mm: float) -> float:
    """What a pair is worth: its Dice, a little for being near, nothing when it does not count."""
    if predicted.volume_mm3 > LARGEST_VOLUME_RATIO * true.volume_mm3:
        return 0.0
    overlap = dice(true.voxels, predicted.voxels) or 0.0
    distance = float(np.linalg.norm(true.centroid_mm - predicted.centroid_mm))
    near = distance <= max(true.radius_mm, voxel_diagonal_mm)
    return overlap + 1e-3 if overlap > LEAST_DICE or near else 0.0


def _lesions(labels: sitk.Image) -> list[_Lesion]:
    """Connected components (26 neighbours) after joining what is at most `MERGE_MM` apart."""
    mask = sitk.Cast(labels == 1, sitk.sitkUInt8)
    array = sitk.GetArrayFromImage(mask).astype(bool)
    if not array.any():
        return []
    distance = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    joined = sitk.ConnectedComponent(distance <= MERGE_MM / 2, True)
    numbers = sitk.GetArrayFromImage(joined)
    numbers[~array] = 0
    return [_measure(numbers == number, labels) for number in np.unique(numbers[numbers > 0])]


def _measure(voxels: NDArray[np.bool_], image: sitk.Image) -> _Lesion:
    spacing = np.array(image.GetSpacing())
    positions = np.argwhere(voxels)[:, ::-1] * spacing
    volume = len(positions) * float(np.prod(spacing))
    centroid = positions.mean(axis=0)
    radius = float(np.linalg.norm(positions - centroid, axis=1).max())
    return _Lesion(voxels, centroid, radius, volume)
