"""What can be measured of a simulated case only while its parts are known: labels, and contrast of clot and veins."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from . import tissue
from .acquire import Slab, sample
from .anatomy import Head
from .space import Floats, Space
from .stroke import Stroke

#: A voxel belongs to the label of the clot where at least this share of it does; of the infarct, one half.
LABEL_SHARE = 0.4
#: How far around a voxel its surroundings are looked at, mm.
AROUND_MM = 4.0


def draw_labels(space: Space, stroke: Stroke, slab: Slab) -> sitk.Image:
    """Thrombus (1) over infarct (2) on the slices of the slab; a clot too thin for any voxel keeps its best one."""
    values = np.zeros(slab.image.GetSize()[::-1], dtype=np.uint8)
    if not stroke.oedema and stroke.infarct.any():
        values[sample(space, stroke.infarct, slab) >= 0.5] = 2
    if stroke.truth is not None:
        clot = sample(space, stroke.clot, slab)
        if clot.max() > 0:
            values[clot >= min(LABEL_SHARE, float(clot.max()))] = 1
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(slab.image)
    return image


def contrast_to_noise(
    swi: Floats, clot: NDArray[np.bool_], space: Space, head: Head, slab: Slab, sigma: float
) -> dict[str, float | None]:
    """How far clot and veins are darker than the brain around them, in standard deviations of the noise.

    Args:
        swi: (S, H, W) the susceptibility image.
        clot: (S, H, W) where its label says that there is clot.
        space: the fine grid.
        head: with its veins.
        slab: the image's geometry.
        sigma: standard deviation of the noise in the image's units, before the magnitude is taken.

    Returns:
        `clot_to_noise` and `vein_to_noise`; None where there is none in the image.
    """
    brain_labels = [tissue.label_of(each) for each in (tissue.GREY, tissue.WHITE, tissue.CSF)]
    brain = sample(space, np.isin(head.labels, brain_labels).astype(np.float32), slab, thick=False) > 0.5
    veins = sample(space, head.venous, slab) > 0.5
    plain = brain & ~_grown(veins | clot, slab)
    around = _mean_around(swi, plain, slab)
    return {
        "clot_to_noise": _contrast(swi, around, clot, sigma),
        "vein_to_noise": _contrast(swi, around, veins & brain & ~clot, sigma),
    }


def _grown(mask: NDArray[np.bool_], slab: Slab) -> NDArray[np.bool_]:
    """A mask and about a millimetre more in plane, where blooming darkens what is not inside."""
    reach = max(1, round(1.0 / slab.image.GetSpacing()[0]))
    grown = sitk.BinaryDilate(sitk.GetImageFromArray(mask.astype(np.uint8)), [reach, reach, 0])
    return np.asarray(sitk.GetArrayFromImage(grown), dtype=bool)


def _mean_around(values: Floats, plain: NDArray[np.bool_], slab: Slab) -> Floats:
    """Mean of the plain voxels around each voxel in its slice; NaN where there are none."""
    reach = max(1, round(AROUND_MM / slab.image.GetSpacing()[0]))
    total, count = (
        sitk.GetArrayFromImage(sitk.BoxMean(sitk.GetImageFromArray(array.astype(np.float32)), [reach, reach, 0]))
        for array in (values * plain, plain)
    )
    return np.where(count > 1e-3, total / np.maximum(count, 1e-3), np.nan).astype(np.float32)


def _contrast(swi: Floats, around: Floats, mask: NDArray[np.bool_], sigma: float) -> float | None:
    difference = around[mask] - swi[mask]
    difference = difference[np.isfinite(difference)]
    return round(float(difference.mean()) / max(sigma, 1e-6), 3) if len(difference) else None
