"""A trivial detector as a floor: dark, tubular, near where arteries run, on the susceptibility sequence alone.

It learns nothing but one threshold. A network that does not beat it clearly has learned nothing that a dozen lines of
image processing could not do. Without SWI it finds nothing, which counts as a miss. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import SimpleITK as sitk

from ..evaluation.matching import score_case
from ..phantom.space import Space, smooth_path
from ..phantom.vessels import COURSES

#: Where the detector looks: all average arteries with a margin, on a grid of 1 mm without rotation, LPS mm. Slices of
#: any thickness and tilt are brought onto it, so that tubes can be told in every direction.
GRID = Space(size=(130, 130, 115), spacing=(1.0, 1.0, 1.0), origin=(-64.5, -50.0, -68.0))
#: Weights of Frangi's three terms; gamma is in brightness of the brain per mm2. Our choice.
ALPHA, BETA, GAMMA = 0.5, 0.5, 0.05
#: Among which `choose_threshold` chooses.
THRESHOLDS = tuple(round(0.004 * 1.15**step, 4) for step in range(30))


@dataclass(frozen=True)
class FloorSettings:
    """Settings of the detector. All but the threshold are round figures of our choice, fixed before it was chosen."""

    threshold: float = 0.0569
    """Least score (see `darkness_score`) of a finding's voxels. The one fitted number: what `choose_threshold` gives
    for at most three false positives a scan on the ten cases of `thrombusseg phantom --centre A --cases 10 --seed 501`,
    a cohort that is neither trained nor tested on."""
    scale_mm: float = 1.2
    """Standard deviation of the Gaussian under which tubes are looked for, mm: that of vessels of 2 to 4 mm."""
    reach_mm: float = 4.0
    """Standard deviation of the Gaussian of the distance to the average arteries, mm: how far heads and arteries vary
    about their mean."""
    least_volume_mm3: float = 10.0
    """Smaller findings are dropped, mm3."""
    most_findings: int = 10
    """Findings kept, those with the highest scores: beyond that nobody would look."""


def find_dark_tubes(swi: sitk.Image, settings: FloorSettings | None = None) -> sitk.Image:
    """Findings of the floor detector.

    Args:
        swi: SWI or T2*, three axes, any geometry; LPS mm with the anterior commissure near the origin, as the simulator
            writes it (a patient's scan would have to be registered first).
        settings: None takes the chosen ones.

    Returns:
        uint8 in the image's geometry, 1 in findings.
    """
    settings = settings or FloorSettings()
    return findings(darkness_score(swi, settings), settings)


def darkness_score(swi: sitk.Image, settings: FloorSettings | None = None) -> sitk.Image:
    """How dark, tubular and near an artery each voxel is; float32 in the image's geometry, 0 and above.

    The score is a tubeness in units of the brain's median brightness, times exp(-d^2 / (2 reach^2)) with d the distance
    in mm to the average arteries. The tubeness is that of Frangi et al., "Multiscale vessel enhancement filtering"
    (MICCAI 1998), as SimpleITK's `ObjectnessMeasure` computes it for dark one-dimensional objects.
    """
    settings = settings or FloorSettings()
    relative = sitk.Cast(swi, sitk.sitkFloat32) / brain_brightness(swi)
    # Outside the image stands brain: an edge there would look like a vessel's.
    part = sitk.Resample(relative, _empty(), sitk.Transform(), sitk.sitkLinear, 1.0, sitk.sitkFloat32)
    smooth = sitk.SmoothingRecursiveGaussian(part, settings.scale_mm)
    tubes = sitk.ObjectnessMeasure(smooth, ALPHA, BETA, GAMMA, True, 1, False)
    near = sitk.Cast(_nearness(settings.reach_mm), sitk.sitkFloat32)
    score = sitk.Cast(tubes, sitk.sitkFloat32) * settings.scale_mm**2 * near
    back: sitk.Image = sitk.Resample(score, swi, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    return back


def brain_brightness(swi: sitk.Image) -> float:
    """Median of what is brighter than the background (Otsu's threshold): about that of the brain."""
    inside = sitk.GetArrayFromImage(sitk.OtsuThreshold(swi, 0, 1)) == 1
    brightness = float(np.median(sitk.GetArrayViewFromImage(swi)[inside])) if inside.any() else 0.0
    return brightness if brightness > 0.0 else 1.0


def findings(score: sitk.Image, settings: FloorSettings) -> sitk.Image:
    """Connected voxels (26 neighbours) at or above the threshold: the best ones that are large enough; uint8."""
    components = sitk.ConnectedComponent(score >= settings.threshold, True)
    measure = sitk.LabelIntensityStatisticsImageFilter()
    measure.Execute(components, score)
    large = [each for each in measure.GetLabels() if measure.GetPhysicalSize(each) >= settings.least_volume_mm3]
    best = sorted(large, key=measure.GetMaximum, reverse=True)[: settings.most_findings]
    kept = np.isin(sitk.GetArrayViewFromImage(components), best).astype(np.uint8)
    image = sitk.GetImageFromArray(kept)
    image.CopyInformation(score)
    return image


def choose_threshold(
    scans: Iterable[tuple[sitk.Image, sitk.Image]],
    settings: FloorSettings | None = None,
    most_false_positives: float = 3.0,
) -> float:
    """The lowest threshold that can be had before there are more than so many false positives a scan.

    How many clots are found decides nothing: on few scans that would be chance, and a lower threshold finds more.

    Args:
        scans: SWI and labels (uint8, same geometry, 1 in the clot) of each case; at least one.
        settings: all but the threshold.
        most_false_positives: mean number a scan that is allowed.

    Returns:
        One of `THRESHOLDS`, which are tried from the highest down; the highest where even that has too many.
    """
    settings = settings or FloorSettings()
    scored = [(darkness_score(swi, settings), labels) for swi, labels in scans]
    chosen = max(THRESHOLDS)
    for threshold in sorted(THRESHOLDS, reverse=True):
        tried = replace(settings, threshold=threshold)
        scores = [score_case("", labels, findings(score, tried)) for score, labels in scored]
        if sum(score.false_positives for score in scores) > most_false_positives * len(scores):
            break
        chosen = threshold
    return chosen


@cache
def _nearness(reach_mm: float) -> sitk.Image:
    """exp(-d^2 / (2 reach^2)) on `GRID`, d the distance to the nearest average artery, mm."""
    lines = np.zeros(GRID.shape, dtype=np.uint8)
    for *_, nodes in COURSES.values():
        for side in (1.0, -1.0):
            points = smooth_path(np.array(nodes, dtype=np.float64) * (side, 1.0, 1.0))
            x, y, z = np.rint((points - GRID.origin) / GRID.spacing).astype(int).T
            lines[z, y, x] = 1
    inside = GRID.image(lines)
    distance = sitk.SignedMaurerDistanceMap(inside, squaredDistance=False, useImageSpacing=True)
    outside = sitk.Maximum(distance, 0.0)
    near: sitk.Image = sitk.Exp(-(outside * outside) / (2.0 * reach_mm**2))
    return near


def _empty() -> sitk.Image:
    return GRID.image(np.zeros(GRID.shape, dtype=np.uint8))
