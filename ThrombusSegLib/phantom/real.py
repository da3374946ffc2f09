"""Real shapes in a simulated head, where someone has them: infarcts drawn by hand, and tissue of real brains.

Both are read from folders that the user names; nothing of them comes with the project. They must lie in standard space
(MNI, millimetres, origin at the anterior commissure), which the simulated head follows closely enough: its brain is
132 x 168 x 132 mm on average around the same origin. Signals are always simulated; only shapes are real.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..errors import InputError
from . import tissue
from .anatomy import Head
from .space import Floats, Space
from .territory import Territory

#: How many masks are tried for a stroke; the one that fits its territory best is taken.
TRIED = 40
#: Least share of a mask inside the starved territory; below it the simulated infarct is kept.
LEAST_INSIDE = 0.4
#: CSF is kept within this distance of an artery, mm.
CISTERN_MM = 1.5


@dataclass(frozen=True)
class RealShapes:
    """Where real shapes lie; either may be empty."""

    infarcts: tuple[Path, ...] = ()
    """Binary masks (NIfTI) in standard space."""
    brains: tuple[Path, ...] = ()
    """T1-weighted images without skull (NIfTI) in standard space."""


def find_real_shapes(infarcts: Path | None, brains: Path | None) -> RealShapes:
    """All NIfTI files below the folders; of brains those whose name contains T1 but not T1CE.

    Raises:
        InputError: a folder that does not exist or holds no such file.
    """
    masks = _below(infarcts) if infarcts else ()
    images = tuple(p for p in _below(brains) if "T1" in p.name and "T1CE" not in p.name) if brains else ()
    if brains and not images:
        raise InputError(f"{brains.name} holds no T1-weighted image.", "Name a folder with *T1*.nii.gz files.")
    return RealShapes(masks, images)


def _read(path: Path) -> sitk.Image:
    """A file as float32; empty masks are welcome, unlike in a patient's images."""
    try:
        return sitk.ReadImage(path, sitk.sitkFloat32)
    except RuntimeError as error:
        raise InputError(f"{path.name} cannot be read.", "Remove it from the folder of real shapes.") from error


def _below(folder: Path) -> tuple[Path, ...]:
    found = tuple(sorted(folder.rglob("*.nii.gz"))) if folder.is_dir() else ()
    if not found:
        raise InputError(f"{folder.name} holds no .nii.gz file.", "Check the folder's path.")
    return found


def real_infarct(
    space: Space, head: Head, territory: Territory, shapes: RealShapes, random: np.random.Generator
) -> tuple[Floats, str] | None:
    """A real infarct that fits a territory.

    Returns:
        (z, y, x) 0..1 on the fine grid and the mask's file name; None when none of those tried fits.
    """
    if not shapes.infarcts or not territory.starved.any():
        return None
    tried = random.choice(len(shapes.infarcts), size=min(TRIED, len(shapes.infarcts)), replace=False)
    inside = [_share_inside(shapes.infarcts[int(number)], space, territory) for number in tried]
    best = int(np.argmax(inside))
    if inside[best] < LEAST_INSIDE:
        return None
    path = shapes.infarcts[int(tried[best])]
    fine = sitk.Resample(
        sitk.Cast(_read(path) > 0, sitk.sitkFloat32),
        list(space.size),
        sitk.Transform(),
        sitk.sitkLinear,
        space.origin,
        space.spacing,
    )
    alive = np.isin(head.labels, [tissue.label_of(each) for each in tissue.BRAIN])
    return np.asarray(sitk.GetArrayFromImage(fine) * alive, dtype=np.float32), path.name


def _share_inside(path: Path, space: Space, territory: Territory) -> float:
    """Which share of a mask lies in the starved territory; 0 for an empty mask."""
    size = list(territory.starved.shape[::-1])
    spacing = [step * each for step, each in zip(territory.steps[::-1], space.spacing, strict=True)]
    coarse = sitk.Resample(
        sitk.Cast(_read(path) > 0, sitk.sitkFloat32), size, sitk.Transform(), sitk.sitkLinear, space.origin, spacing
    )
    mask = sitk.GetArrayFromImage(coarse) > 0.25
    return float((mask & territory.starved).sum() / mask.sum()) if mask.any() else 0.0


def with_real_tissue(space: Space, head: Head, shapes: RealShapes, random: np.random.Generator) -> Head:
    """The head with grey matter, white matter and CSF of a real brain; vessels, skull and distractors stay."""
    if not shapes.brains:
        return head
    path = shapes.brains[int(random.integers(len(shapes.brains)))]
    fine = sitk.Resample(
        _read(path),
        list(space.size),
        sitk.Transform(),
        sitk.sitkLinear,
        space.origin,
        space.spacing,
    )
    labels = head.labels.copy()
    inner = np.isin(labels, [tissue.label_of(each) for each in (tissue.CSF, tissue.GREY, tissue.WHITE)])
    inner &= ~_near_arteries(space, head)
    labels[inner] = _classes(sitk.GetArrayFromImage(fine))[inner]
    return replace(head, labels=labels, drawn={**head.drawn, "tissue_of": path.name})


def _classes(t1: Floats) -> NDArray[np.uint8]:
    """CSF, grey and white matter by two thresholds (Otsu) on a T1-weighted image; CSF outside of it."""
    brain = t1[t1 > 0]
    if brain.size == 0:
        raise InputError("A T1-weighted image lies outside the simulated head.", "It must be in standard space (MNI).")
    sample = sitk.GetImageFromArray(brain[:: max(1, brain.size // 500_000)][None, None, :])
    low, high = (float(each) for each in _thresholds(sample))
    of = tissue.label_of
    classes = np.full(t1.shape, of(tissue.CSF), dtype=np.uint8)
    classes[t1 > low] = of(tissue.GREY)
    classes[t1 > high] = of(tissue.WHITE)
    return classes


def _thresholds(sample: sitk.Image) -> tuple[float, float]:
    otsu = sitk.OtsuMultipleThresholdsImageFilter()
    otsu.SetNumberOfThresholds(2)
    otsu.Execute(sample)
    low, high = otsu.GetThresholds()
    return low, high


def _near_arteries(space: Space, head: Head) -> NDArray[np.bool_]:
    reach = [max(1, round(CISTERN_MM / size)) for size in space.spacing]
    grown = sitk.BinaryDilate(sitk.GetImageFromArray((head.arterial > 0.1).astype(np.uint8)), reach)
    return np.asarray(sitk.GetArrayFromImage(grown), dtype=bool)
