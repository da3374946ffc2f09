"""From a case to normalised arrays on one working grid, and back to the reference's own grid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case import Case
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .grid import Grid, reorient, working_grid
from .normalise import head_mask, normalise, scale_of

#: The susceptibility sequence shows the thrombus; after it the one that shows the infarct; then what is there.
REFERENCE_ORDER = (Sequence.SWI, Sequence.DWI, Sequence.FLAIR, Sequence.TOF, Sequence.ADC)


@dataclass(frozen=True)
class PreprocessSettings:
    """How a case is prepared."""

    working_spacing_mm: float = 0.9
    """In-plane spacing of the working grid, mm."""
    registration: Literal["auto", "always", "never"] = "auto"
    """Rigid registration to the reference."""
    seed: int = 0
    """Of the registration's sampling."""


@dataclass(frozen=True)
class Registration:
    """How a sequence was brought onto the reference."""

    how: Literal["reference", "same grid", "header", "registered"]
    similarity_before: float | None = None
    similarity_after: float | None = None
    rotation_degrees: float = 0.0
    translation_mm: float = 0.0


@dataclass(frozen=True)
class Prepared:
    """What the network takes."""

    images: Mapping[Sequence, NDArray[np.float32]]
    """(S, H, W), normalised, on the working grid."""
    reference: Sequence
    reference_grid: Grid
    working_grid: Grid
    registrations: Mapping[Sequence, Registration]
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


def prepare(case: Case, settings: PreprocessSettings | None = None, progress: Progress = silent) -> Prepared:
    """Bring all sequences of a case onto one working grid and normalise them."""
    settings = settings or PreprocessSettings()
    reference = next(sequence for sequence in REFERENCE_ORDER if sequence in case.images)
    oriented = reorient(case.images[reference])
    grid = working_grid(oriented, head_mask(oriented), settings.working_spacing_mm)
    images, registrations = {}, {}
    seconds = {"register": 0.0, "resample": 0.0, "normalise": 0.0}
    for done, sequence in enumerate(s for s in Sequence if s in case.images):
        report(progress, done / len(case.images), "normalising")
        image = case.images[sequence]
        same = Grid.of(image).same_as(Grid.of(case.images[reference]))
        how: Literal["reference", "same grid", "header"] = "same grid" if same else "header"
        registrations[sequence] = Registration("reference" if sequence is reference else how)
        start = time.perf_counter()
        values = resample_onto(image, grid, sitk.Transform())
        seconds["resample"] += time.perf_counter() - start
        start = time.perf_counter()
        images[sequence] = normalise(values, scale_of(image))
        seconds["normalise"] += time.perf_counter() - start
    report(progress, 1.0, "normalising")
    return Prepared(images, reference, Grid.of(case.images[reference]), grid, registrations, (), seconds)


def resample_onto(image: sitk.Image, grid: Grid, transform: sitk.Transform) -> NDArray[np.float32]:
    """Linear interpolation onto a grid; (S, H, W). Smoothed first where the grid is much coarser in plane."""
    ratios = [grid.spacing[0] / step for step in image.GetSpacing()]
    if min(ratios[:2]) > 1.4:
        sigmas = [0.5 * step * np.sqrt(max(ratio**2 - 1.0, 0.0)) for step, ratio in zip(image.GetSpacing(), ratios, strict=True)]
        image = sitk.SmoothingRecursiveGaussian(image, [max(float(sigma), 1e-3) for sigma in sigmas])
    background = float(np.min(sitk.GetArrayViewFromImage(image)))
    return sitk.GetArrayFromImage(sitk.Resample(image, grid.empty(), transform, sitk.sitkLinear, background))


def prepare_labels(labels: sitk.Image, prepared: Prepared) -> NDArray[np.uint8]:
    """Labels on the working grid, uint8 (S, H, W): linear per label, and every lesion keeps its best voxel."""
    grid = prepared.working_grid
    result = np.zeros(grid.size[::-1], dtype=np.uint8)
    for value in (2, 1):  # the thrombus wins
        share = sitk.Cast(labels == value, sitk.sitkFloat32)
        moved = sitk.GetArrayFromImage(sitk.Resample(share, grid.empty(), sitk.Transform(), sitk.sitkLinear, 0.0))
        result[moved >= 0.5] = value
        if value == 1 and not (result == 1).any() and moved.max() > 0:
            result[moved == moved.max()] = 1
    return result


def to_reference(
    array: NDArray[np.float32], prepared: Prepared, interpolation: Literal["linear", "nearest"] = "linear"
) -> sitk.Image:
    """An array on the working grid as an image on exactly the reference's own grid; 0 outside."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(prepared.working_grid.spacing)
    image.SetOrigin(prepared.working_grid.origin)
    image.SetDirection(prepared.working_grid.direction)
    kind = sitk.sitkLinear if interpolation == "linear" else sitk.sitkNearestNeighbor
    return sitk.Resample(image, prepared.reference_grid.empty(image.GetPixelID()), sitk.Transform(), kind, 0.0)
