"""From a probability image to candidates and their measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..errors import InputError
from ..preprocess.grid import slice_axis
from ..sequences import Sequence
from .geometry import length_of, width_of
from .midline import Midline
from .segments import SegmentEstimate


@dataclass(frozen=True)
class CandidateSettings:
    """What counts as a candidate."""

    threshold: float = 0.5
    """Probability from which a voxel belongs to a candidate (0..1, inclusive)."""
    minimum_volume_mm3: float = 0.0
    """Smaller components are dropped."""
    seed_threshold: float | None = None
    """Two thresholds (hysteresis): keep only components that reach this probability somewhere. None: one threshold."""
    at_most: int = 100
    """Only so many, the most suspicious, are kept: nobody reads more, and a very low threshold finds thousands."""

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold <= 1.0:
            raise InputError(f"The threshold is {self.threshold}.", "Choose a number above 0 and at most 1.")
        if not 0.0 <= self.minimum_volume_mm3 < float("inf"):
            raise InputError(f"The minimum volume is {self.minimum_volume_mm3} mm3.", "Choose 0 or more.")


@dataclass(frozen=True)
class Candidate:
    """One connected component, measured. Values without a clinical cut-off: methods differ between papers."""

    number: int
    """1 for the most suspicious; its value in the label image of `Candidates`."""
    probability_max: float
    probability_mean: float
    volume_mm3: float
    """Number of voxels times the volume of a voxel. On SWI it includes blooming: not comparable with volumes on CT."""
    length_feret_mm: float
    """Feret's maximum diameter (`geometry.length_of`): a straight line, so a bent clot is longer along its vessel."""
    width_mm: float
    """Largest width across the length axis in a slice (`geometry.width_of`): the SVS diameter (Kang et al. 2017)."""
    side: str
    """The patient's "left" or "right", "midline", or "unknown" where the picture does not show enough of the head."""
    centroid_ras: tuple[float, float, float]
    """Mean position of its voxels: right, anterior, superior in mm."""
    first_slice: int
    """Counted from 1 along the slice axis of the reference, in the order in which its file stores the slices."""
    last_slice: int
    attention: Mapping[Sequence, float] = field(default_factory=dict)
    """Mean attention inside, per present sequence; adds up to about 1."""
    length_centreline_mm: float | None = None
    """Along its own middle (`centreline.centreline_of`); None where it was not asked for."""
    segment: SegmentEstimate | None = None
    """The likely artery, an estimate (`details.with_details`); None where it was not asked for."""
    infarct_overlap: float | None = None
    """Share of its voxels in or near the diffusion restriction, 0..1; None where there is none."""
    infarct_distance_mm: float | None = None

    @property
    def attention_on(self) -> Sequence | None:
        """The sequence with the largest mean attention inside; None where attention is not known."""
        return max(self.attention, key=lambda each: self.attention[each]) if self.attention else None


@dataclass(frozen=True)
class Candidates:
    """All candidates of an image, most suspicious first, and which voxel belongs to which."""

    found: tuple[Candidate, ...]
    labels: npt.NDArray[np.int32]
    """(Z, Y, X) as the image's array; 0 outside, otherwise `Candidate.number`."""
    left_out: int = 0
    """How many more there were than `CandidateSettings.at_most`."""


def find_candidates(
    probability: sitk.Image,
    settings: CandidateSettings,
    *,
    midline: Midline | None = None,
    attention: Mapping[Sequence, sitk.Image] | None = None,
) -> Candidates:
    """Components of neighbouring voxels (26 neighbours) at or above the threshold, all of them, not just the largest.

    About one thrombus in ten is in several pieces (7.4 % of 324 patients, PMC7965260; 11.2 % in another series): none
    is thrown away for not being the largest.

    Args:
        probability: 3D, 0..1, in the grid in which the measures are wanted.
        midline: where to split left from right; None leaves `side` "unknown".
        attention: images of the same grid; their means inside each candidate are reported.

    Returns:
        Sorted by maximum probability, then by volume, both downwards.
    """
    values = sitk.GetArrayViewFromImage(probability)
    labels = np.zeros(values.shape, dtype=np.int32)
    box = _bounding_box(values >= settings.threshold)
    if box is None:
        return Candidates((), labels)
    inside = values[box]
    components = _components(inside >= settings.threshold)
    voxel_mm3 = float(np.prod(probability.GetSpacing()))
    counts = np.bincount(components.ravel())
    maxima = np.zeros(len(counts), dtype=np.float32)
    np.maximum.at(maxima, components.ravel(), inside.ravel())
    seed = settings.seed_threshold if settings.seed_threshold is not None else settings.threshold
    kept = np.flatnonzero((counts * voxel_mm3 >= settings.minimum_volume_mm3) & (maxima >= seed) & (counts > 0))
    kept = kept[kept > 0]
    kept = kept[np.lexsort((kept, -counts[kept], -maxima[kept]))]
    kept, left_out = kept[: settings.at_most], max(0, len(kept) - settings.at_most)
    renumber = np.zeros(len(counts), dtype=np.int32)
    renumber[kept] = np.arange(1, len(kept) + 1)
    labels[box] = renumber[components]
    found = _measure_all(probability, labels, len(kept), midline, attention or {})
    return Candidates(tuple(found), labels, left_out)


def _bounding_box(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    if not mask.any():
        return None
    spans = []
    for axis in range(3):
        others = tuple(each for each in range(3) if each != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        spans.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return spans[0], spans[1], spans[2]


def _components(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    return np.asarray(sitk.GetArrayFromImage(sitk.ConnectedComponent(image, True))).astype(np.int32)


def _measure_all(
    probability: sitk.Image,
    labels: npt.NDArray[np.int32],
    count: int,
    midline: Midline | None,
    attention: Mapping[Sequence, sitk.Image],
) -> list[Candidate]:
    where = np.unravel_index(np.flatnonzero(labels > 0), labels.shape)  # thirty times as quick as `nonzero(labels)`
    owner = labels[where]
    order = np.argsort(owner, kind="stable")
    indices = np.stack([where[2], where[1], where[0]], axis=1)[order]  # (i, j, k)
    starts = np.searchsorted(owner[order], np.arange(1, count + 2))
    maps = {sequence: sitk.GetArrayViewFromImage(image) for sequence, image in attention.items()}
    return [
        _measure(number, probability, indices[starts[number - 1] : starts[number]], midline, maps)
        for number in range(1, count + 1)
    ]


def _measure(
    number: int,
    probability: sitk.Image,
    voxels: npt.NDArray[np.int64],
    midline: Midline | None,
    attention: Mapping[Sequence, npt.NDArray[np.float32]],
) -> Candidate:
    spacing = np.array(probability.GetSpacing())
    k = slice_axis(probability)
    length, direction = length_of(voxels, spacing)
    at = (voxels[:, 2], voxels[:, 1], voxels[:, 0])
    values = sitk.GetArrayViewFromImage(probability)[at]
    left, posterior, superior = probability.TransformContinuousIndexToPhysicalPoint(voxels.mean(axis=0).tolist())
    centroid = (-left, -posterior, superior)
    return Candidate(
        number=number,
        probability_max=float(values.max()),
        probability_mean=float(values.mean(dtype=np.float64)),
        volume_mm3=len(voxels) * float(np.prod(spacing)),
        length_feret_mm=length,
        width_mm=width_of(voxels, spacing, direction, k),
        side=midline.side_of(centroid) if midline else "unknown",
        centroid_ras=centroid,
        first_slice=int(voxels[:, k].min()) + 1,
        last_slice=int(voxels[:, k].max()) + 1,
        attention={sequence: float(values[at].mean(dtype=np.float64)) for sequence, values in attention.items()},
    )
