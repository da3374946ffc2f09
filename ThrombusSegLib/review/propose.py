"""A mask proposed for a thrombus the network missed: from one click and the probability image. numpy and SimpleITK."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..errors import InputError

Index = tuple[int, int, int]


@dataclass(frozen=True)
class ProposalSettings:
    """How far a proposal may go. All our choice."""

    search_mm: float = 3.0
    """The highest probability within this distance of the click is where the region starts."""
    share_of_peak: float = 0.4
    """The region is what reaches this share of that probability, 0..1: a lower threshold than the candidates'."""
    least: float = 0.02
    """Below this probability the map knows nothing, and a ball is proposed."""
    at_most_mm3: float = 1000.0
    """A larger region is cut down by a higher threshold; about the largest clots on SWI."""
    reach_mm: float = 30.0
    """Nothing farther from the click belongs to the proposal."""
    ball_mm: float = 2.0
    """Radius of the ball where the map knows nothing: a little wider than an M2."""


@dataclass(frozen=True)
class Proposal:
    """A mask to accept, to change or to leave."""

    mask: sitk.Image
    """uint8, 1 inside, on the grid of the probability image."""
    threshold: float | None
    """The probability its voxels reach; None for a ball."""
    volume_mm3: float
    peak: float
    """Highest probability inside."""
    from_map: bool
    """False where the map knew nothing and a ball was put around the click."""


def propose(probability: sitk.Image, click: Index, settings: ProposalSettings | None = None) -> Proposal:
    """Propose a mask around a click.

    Args:
        probability: float32, 0..1.
        click: voxel (i, j, k), ITK order.
        settings: how far it may go.

    Raises:
        InputError: the click is outside the image.
    """
    settings = settings or ProposalSettings()
    size = probability.GetSize()
    if any(not 0 <= at < count for at, count in zip(click, size, strict=True)):
        raise InputError("The click is outside the image.", "Click inside it.")
    spacing = np.array(probability.GetSpacing())
    low, values = _window(probability, click, settings.reach_mm)
    away = _away(values.shape, np.array(click) - low, spacing)
    peak, seed = _peak(values, away <= max(settings.search_mm, float(spacing.max())))
    known = peak >= settings.least
    if known:
        values = np.where(away <= settings.reach_mm, values, 0.0)
        mask, threshold = _grown(values, seed, peak, float(np.prod(spacing)), settings)
        mask = _nearest_part(mask, away, int(settings.at_most_mm3 / float(np.prod(spacing))))
    else:
        mask, threshold = away <= max(settings.ball_mm, float(spacing.min())), None
    whole = np.zeros(size[::-1], dtype=np.uint8)
    whole[tuple(slice(at, at + count) for at, count in zip(low[::-1], mask.shape, strict=True))] = mask
    image = sitk.GetImageFromArray(whole)
    image.CopyInformation(probability)
    volume = float(mask.sum()) * float(np.prod(spacing))
    return Proposal(image, threshold, volume, float(values[mask].max()), known)


def propose_at(
    probability: sitk.Image, point_ras: tuple[float, float, float], settings: ProposalSettings | None = None
) -> Proposal:
    """As `propose`, for a point in RAS mm, as a viewer gives it."""
    right, anterior, superior = point_ras
    try:
        index = probability.TransformPhysicalPointToIndex((-right, -anterior, superior))
    except (RuntimeError, OverflowError) as error:
        raise InputError("The click is outside the image.", "Click inside it.") from error
    return propose(probability, (int(index[0]), int(index[1]), int(index[2])), settings)


def _window(image: sitk.Image, click: Index, reach_mm: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Index (i, j, k) of the first voxel and the values (Z, Y, X) of the box around a click."""
    reach = np.ceil(reach_mm / np.array(image.GetSpacing())).astype(np.int64)
    low = np.maximum(np.array(click) - reach, 0)
    high = np.minimum(np.array(click) + reach + 1, image.GetSize())
    array = sitk.GetArrayViewFromImage(image)
    box = array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    return low, np.array(box, dtype=np.float32)


def _away(
    shape: tuple[int, ...], centre: npt.NDArray[np.int64], spacing: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distance of every voxel (Z, Y, X) from a voxel (i, j, k), mm."""
    z, y, x = np.ogrid[tuple(slice(0, count) for count in shape)]
    squares = ((x - centre[0]) * spacing[0]) ** 2 + ((y - centre[1]) * spacing[1]) ** 2
    return np.asarray(np.sqrt(squares + ((z - centre[2]) * spacing[2]) ** 2))


def _peak(values: npt.NDArray[np.float32], near: npt.NDArray[np.bool_]) -> tuple[float, Index]:
    """The highest probability near the click and its place (z, y, x) in the window."""
    place = np.unravel_index(int(np.where(near, values, -1.0).argmax()), values.shape)
    z, y, x = (int(each) for each in place)
    return float(values[z, y, x]), (z, y, x)


def _grown(
    values: npt.NDArray[np.float32], seed: Index, peak: float, voxel_mm3: float, settings: ProposalSettings
) -> tuple[npt.NDArray[np.bool_], float]:
    """The connected region (26 neighbours) around the seed, at the lowest of ten thresholds that keeps it small."""
    image = sitk.GetImageFromArray(values)
    mask = np.zeros(values.shape, dtype=bool)
    for share in np.linspace(settings.share_of_peak, 1.0, 10):
        threshold = float(share) * peak
        grown = sitk.ConnectedThreshold(
            image,
            seedList=[seed[::-1]],
            lower=threshold - 1e-7,
            upper=2.0,
            connectivity=sitk.ConnectedThresholdImageFilter.FullConnectivity,
        )
        mask = sitk.GetArrayFromImage(grown).astype(bool)
        if float(mask.sum()) * voxel_mm3 <= settings.at_most_mm3:
            break
    return mask, threshold


def _nearest_part(mask: npt.NDArray[np.bool_], away: npt.NDArray[np.float64], at_most: int) -> npt.NDArray[np.bool_]:
    """What no threshold made small enough (probability rises away from the click) is cut off around the click."""
    if int(mask.sum()) <= at_most:
        return mask
    limit = np.partition(away[mask], max(at_most, 1))[max(at_most, 1)]
    return np.asarray(mask & (away < limit))
