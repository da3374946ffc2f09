"""Which predicted lesion is which true lesion, and which are neither.

Any-overlap can be had by painting the whole brain, and an overlap of one half is too much to ask of ten voxels moved by
one. The rule here survives both. A true lesion is detected when a predicted one is assigned to it (one to one, largest
total Dice) with a Dice above 0.1 or a centroid within the larger of the lesion's radius and one voxel diagonal, and the
predicted volume is at most ten times the true one.

| true lesions | predicted | detected | false positives | Dice | in detection rate | in Dice, all cases |
|---|---|---|---|---|---|---|
| none | none | 0 | 0 | undefined | no | no |
| none | some | 0 | each | 0 | no | no |
| some | none | 0 | 0 | 0 | yes, missed | yes, 0 |
| some | some, none assigned | 0 | each | as it is | yes, missed | yes, 0 |

Other definitions, reported beside this one, are in `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..lesions.geometry import length_of

#: Pieces closer than this are one lesion, mm: a beaded thrombus counts once.
MERGE_MM = 2.0
LEAST_DICE = 0.1
LARGEST_VOLUME_RATIO = 10.0
_MARGIN = 4


@dataclass(frozen=True)
class Pair:
    """How far a detected lesion is from the truth."""

    true_mm3: float
    predicted_mm3: float
    true_length_mm: float
    """Feret's maximum diameter, as everywhere."""
    predicted_length_mm: float
    hausdorff95_mm: float
    """95th percentile of the distances between the surfaces, both ways together (voxel centres)."""


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
    pairs: tuple[Pair, ...] = ()
    """Each true lesion that is detected, with the predicted one."""
    by_rule: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By other definitions (`rules`): number of true lesions detected, and of false positives."""

    @property
    def detected(self) -> bool:
        """Whether at least one true lesion of the case is detected."""
        return self.detected_lesions > 0


@dataclass(frozen=True)
class Lesions:
    """The connected components of a mask, after joining what is close, all measured together."""

    numbers: NDArray[np.int64]
    """(Z, Y, X): 0 outside, else 1 for the first lesion and so on."""
    voxels: NDArray[np.int64]
    """(N,) how many each has."""
    centroid_mm: NDArray[np.float64]
    """(N, 3)"""
    radius_mm: NDArray[np.float64]
    """(N,) from the centroid to the farthest voxel."""

    def __len__(self) -> int:
        return len(self.voxels)

    def common(self, other: Lesions) -> NDArray[np.int64]:
        """(N, M) voxels in common with the lesions of another mask of the same grid."""
        both = (self.numbers > 0) & (other.numbers > 0)
        places = (self.numbers[both] - 1) * len(other) + other.numbers[both] - 1
        return np.bincount(places, minlength=len(self) * len(other)).reshape(len(self), len(other))


def score_case(case: str, truth: sitk.Image, predicted: sitk.Image) -> CaseScore:
    """Score one case.

    Args:
        case: its name.
        truth: uint8, 1 where there is thrombus; any geometry.
        predicted: uint8 of the same geometry, 1 where thrombus is predicted.
    """
    from .rules import RULES

    truth, predicted = _cropped(truth, predicted)
    true, found = lesions_of(truth), lesions_of(predicted)
    common, spacing = true.common(found), np.array(truth.GetSpacing())
    matched = match(true, found, common, spacing)
    voxel = float(np.prod(spacing))
    return CaseScore(
        case=case,
        true_lesions=len(true),
        detected_lesions=len(matched),
        false_positives=len(found) - len(matched),
        dice=dice(true.numbers > 0, found.numbers > 0),
        true_mm3=float(true.voxels.sum()) * voxel,
        predicted_mm3=float(found.voxels.sum()) * voxel,
        pairs=tuple(_pair(true.numbers == t + 1, found.numbers == p + 1, spacing) for t, p in matched),
        by_rule={name: rule(common, true.voxels, found.voxels) for name, rule in RULES.items()},
    )


def count_case(truth: sitk.Image, predicted: sitk.Image) -> tuple[int, int]:
    """The numbers of true lesions detected and of false positives, as `score_case` has them, and nothing else."""
    truth, predicted = _cropped(truth, predicted)
    true, found = lesions_of(truth), lesions_of(predicted)
    matched = match(true, found, true.common(found), np.array(truth.GetSpacing()))
    return len(matched), len(found) - len(matched)


def _cropped(truth: sitk.Image, predicted: sitk.Image) -> tuple[sitk.Image, sitk.Image]:
    """The part in which something is, with a margin: each lesion is an array of that size."""
    both = sitk.Cast((truth == 1) | (predicted == 1), sitk.sitkUInt8)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(both)
    if not shape.HasLabel(1):
        return truth, predicted
    box, full = shape.GetBoundingBox(1), truth.GetSize()
    start = [max(0, box[axis] - _MARGIN) for axis in range(3)]
    stop = [min(full[axis], box[axis] + box[axis + 3] + _MARGIN) for axis in range(3)]
    size = [stop[axis] - start[axis] for axis in range(3)]
    return sitk.RegionOfInterest(truth, size, start), sitk.RegionOfInterest(predicted, size, start)


def _pair(true: NDArray[np.bool_], predicted: NDArray[np.bool_], spacing: NDArray[np.float64]) -> Pair:
    one, other = (length_of(np.argwhere(each)[:, ::-1], spacing)[0] for each in (true, predicted))
    voxel = float(np.prod(spacing))
    distance = hausdorff95(true, predicted, spacing)
    return Pair(float(true.sum()) * voxel, float(predicted.sum()) * voxel, one, other, distance)


def hausdorff95(first: NDArray[np.bool_], second: NDArray[np.bool_], spacing: NDArray[np.float64]) -> float:
    """95th percentile of the distances from each surface voxel of one mask to the nearest of the other, in mm.

    Args:
        first: (Z, Y, X), not empty.
        second: the same.
        spacing: (3,) mm along x, y, z.
    """
    from scipy.ndimage import binary_erosion
    from scipy.spatial import cKDTree

    surfaces = [np.argwhere(mask & ~binary_erosion(mask))[:, ::-1] * spacing for mask in (first, second)]
    one, other = (cKDTree(points) for points in surfaces)
    distances = np.concatenate([other.query(surfaces[0])[0], one.query(surfaces[1])[0]])
    return float(np.percentile(distances, 95))


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """2 |A and B| / (|A| + |B|); None when both are empty."""
    total = int(first.sum()) + int(second.sum())
    return None if total == 0 else 2.0 * int((first & second).sum()) / total


def match(
    true: Lesions, predicted: Lesions, common: NDArray[np.int64], spacing: NDArray[np.float64]
) -> list[tuple[int, int]]:
    """Pairs (true, predicted) that count as detections; each lesion in at most one.

    What a pair is worth: its Dice, a little for being near, nothing when it does not count.
    """
    from scipy.optimize import linear_sum_assignment

    if not len(true) or not len(predicted):
        return []
    overlap = 2.0 * common / (true.voxels[:, None] + predicted.voxels[None])
    distance = np.linalg.norm(true.centroid_mm[:, None] - predicted.centroid_mm[None], axis=2)
    near = distance <= np.maximum(true.radius_mm, np.linalg.norm(spacing))[:, None]
    counts = ((overlap > LEAST_DICE) | near) & (predicted.voxels[None] <= LARGEST_VOLUME_RATIO * true.voxels[:, None])
    gain = np.where(counts, overlap + 1e-3, 0.0)
    rows, columns = linear_sum_assignment(-gain)
    return [(int(t), int(p)) for t, p in zip(rows, columns, strict=True) if gain[t, p] > 0]


def lesions_of(labels: sitk.Image) -> Lesions:
    """Connected components (26 neighbours) of label 1, after joining what is at most `MERGE_MM` apart."""
    mask = sitk.Cast(labels == 1, sitk.sitkUInt8)
    inside = sitk.GetArrayViewFromImage(mask) > 0
    numbers = np.zeros(inside.shape, dtype=np.int64)
    if inside.any():
        distance = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
        joined = sitk.ConnectedComponent(distance <= MERGE_MM / 2, True)
        numbers[inside] = np.unique(sitk.GetArrayViewFromImage(joined)[inside], return_inverse=True)[1].ravel() + 1
    places = numbers[inside] - 1
    positions = np.argwhere(inside)[:, ::-1] * np.array(labels.GetSpacing())
    voxels = np.bincount(places)
    sums = [np.bincount(places, weights=positions[:, axis]) for axis in range(3)]
    centroid = np.stack(sums, axis=1) / voxels[:, None] if len(voxels) else np.zeros((0, 3))
    radius = np.zeros(len(voxels))
    np.maximum.at(radius, places, np.linalg.norm(positions - centroid[places], axis=1))
    return Lesions(numbers, voxels, centroid, radius)
