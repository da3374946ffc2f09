"""Which tissue an occluded artery feeds, and how much of it dies.

Each brain voxel is fed by the nearest artery. Tissue that has lost its artery lives on where it lies close to tissue
that has kept its own (collaterals), and dies from the middle of the territory outwards; perforating arteries have no
collaterals, so that the deep nuclei die first. A simple model of our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from . import tissue
from .anatomy import Head
from .shapes import smooth_field
from .space import Floats, Space
from .vessels import Artery

#: Step of the coarse grid on which territories are found, mm.
STEP_MM = 4.0
#: Arteries that only pass blood on.
PASSING = ("ICA", "A1", "vertebral", "PCom", "ACom")
#: Arteries whose own tissue hangs on perforating branches.
PERFORATING = ("M1", "P1", "basilar")
#: How much deeper, in mm, tissue of perforating branches counts as lying.
PERFORATING_MM = 14.0
#: Roughness of the infarct's border, mm.
ROUGH_MM = 5.0


@dataclass(frozen=True)
class Territory:
    """Tissue without its artery, on a coarse grid (z, y, x)."""

    starved: NDArray[np.bool_]
    depth: Floats
    """How far a starved voxel lies from living tissue, mm, with a rough border."""
    steps: tuple[int, int, int]
    """Fine voxels per coarse one along z, y, x."""
    millilitres: float

    def on_fine_grid(self, space: Space, values: Floats | None = None) -> Floats:
        """A coarse array (default: starved as 0 or 1) on the fine grid, interpolated linearly."""
        array = self.starved.astype(np.float32) if values is None else values
        coarse = sitk.GetImageFromArray(array)
        coarse.SetSpacing([step * size for step, size in zip(self.steps[::-1], space.spacing, strict=True)])
        coarse.SetOrigin(space.origin)
        fine = sitk.Resample(coarse, list(space.size), sitk.Transform(), sitk.sitkLinear, space.origin, space.spacing)
        return np.asarray(sitk.GetArrayFromImage(fine), dtype=np.float32)


def find_territory(space: Space, head: Head, occluded: list[Artery], random: np.random.Generator) -> Territory:
    """The tissue that these arteries feed.

    Args:
        space: the fine grid.
        head: with all its arteries.
        occluded: those of them without blood.
        random: source of chance, for the border.
    """
    steps = tuple(max(1, round(STEP_MM / size)) for size in space.spacing[::-1])
    labels = head.labels[:: steps[0], :: steps[1], :: steps[2]]
    alive = np.isin(labels, [tissue.label_of(each) for each in tissue.BRAIN])
    feeding = [artery for artery in head.arteries if not artery.segment.startswith(PASSING)]
    nearest = _nearest(space, feeding, labels.shape, steps)
    dead = [any(artery is other for other in occluded) for artery in feeding]
    starved = alive & np.array([False, *dead])[nearest]
    blocked = [no_blood and artery.segment in PERFORATING for artery, no_blood in zip(feeding, dead, strict=True)]
    perforated = np.array([False, *blocked])[nearest]
    depth = _distance(alive & ~starved, space, steps) + PERFORATING_MM * perforated
    x, y, z = space.axes()
    coarse = (x[:, :, :: steps[2]], y[:, :: steps[1]], z[:: steps[0]])
    rough = smooth_field(coarse, random, 9.0)
    voxel = float(np.prod(space.spacing) * np.prod(steps)) / 1000.0
    return Territory(
        starved, (depth + ROUGH_MM * rough).astype(np.float32), (steps[0], steps[1], steps[2]), starved.sum() * voxel
    )


def infarct_of(space: Space, head: Head, territory: Territory, hours: float, collaterals: float) -> Floats:
    """How far each voxel of the fine grid is infarcted, 0..1.

    Args:
        space: the fine grid.
        head: whose grey and white matter can die.
        territory: what is starved.
        hours: since onset; the infarct grows with them.
        collaterals: 0 (none) to 1 (good); how much they hold back.
    """
    if not territory.starved.any():
        return np.zeros(space.shape, dtype=np.float32)
    lost = float(np.clip((1.05 - collaterals) * (0.12 + 0.06 * hours), 0.01, 0.8))
    limit = float(np.quantile(territory.depth[territory.starved], 1.0 - lost))
    soft = np.where(territory.starved, np.clip(0.5 + (territory.depth - limit) / STEP_MM, 0.0, 1.0), 0.0)
    fine = territory.on_fine_grid(space, soft.astype(np.float32))
    return fine * np.isin(head.labels, [tissue.label_of(each) for each in tissue.BRAIN])


def _nearest(
    space: Space, arteries: list[Artery], shape: tuple[int, ...], steps: tuple[int, ...]
) -> NDArray[np.integer]:
    """For each coarse voxel, 1 + the number of the nearest artery."""
    marked = np.zeros(shape, dtype=np.uint8)
    sizes = np.array(space.spacing) * np.array(steps[::-1])
    for number, artery in enumerate(arteries, 1):
        index = np.rint((artery.points - space.origin) / sizes).astype(int)[:, ::-1]
        inside = ((index >= 0) & (index < shape)).all(axis=1)
        marked[tuple(index[inside].T)] = number
    image = sitk.GetImageFromArray(marked)
    image.SetSpacing(sizes.tolist())
    nearest = sitk.DanielssonDistanceMapImageFilter()
    nearest.InputIsBinaryOff()
    nearest.UseImageSpacingOn()
    nearest.Execute(image)
    return np.asarray(sitk.GetArrayFromImage(nearest.GetVoronoiMap()))


def _distance(mask: NDArray[np.bool_], space: Space, steps: tuple[int, ...]) -> Floats:
    """Distance of each coarse voxel to a mask, mm; 0 inside."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing([step * size for step, size in zip(steps[::-1], space.spacing, strict=True)])
    if not mask.any():
        return np.full(mask.shape, 1000.0, dtype=np.float32)
    distance = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return np.asarray(np.maximum(sitk.GetArrayFromImage(distance), 0.0), dtype=np.float32)
