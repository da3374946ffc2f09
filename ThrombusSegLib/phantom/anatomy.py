"""A head as a map of tissues: scalp, skull, CSF, grey and white matter, ventricles, deep nuclei, air, vessels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .space import Floats, Space, Tubes
from .vessels import Artery, draw_arteries, draw_tubes, draw_veins


@dataclass(frozen=True)
class Head:
    """One simulated head, without a stroke."""

    labels: NDArray[np.uint8]
    """Index into `tissue.TISSUES` for each voxel, vessels left out; (z, y, x)."""
    arterial: Floats
    """Fraction of each voxel inside an artery."""
    venous: Floats
    """Fraction of each voxel inside a vein or a sinus."""
    texture: Floats
    """Slow variation of proton density and relaxation inside tissues, about zero mean and unit variance."""
    arteries: list[Artery]


def build_head(space: Space, random: np.random.Generator) -> Head:
    """Draw a head; everything that varies between people comes from `random`."""
    size = random.uniform(0.94, 1.06, size=3)
    centre = np.array([0.0, 10.0, 15.0])
    radii = np.array([66.0, 84.0, 66.0]) * size
    folds = space.smooth_noise(random, 7.0)
    bulge = space.smooth_noise(random, 45.0)
    depth = _depth(space, centre, radii) + 1.5 * bulge
    labels = _shells(depth, space, random)
    arteries = draw_arteries(random)
    _brain(labels, depth, folds, random)
    _cisterns(labels, space, arteries)
    _ventricles(labels, space, folds, random)
    _nuclei(labels, space, bulge)
    _distractors(labels, space, folds, random)
    arterial = draw_tubes(space, arteries)
    venous = draw_veins(space, random, (centre, radii))
    outside = labels <= tissue.label_of(tissue.SCALP)
    venous[outside] = 0.0
    return Head(labels, arterial, np.minimum(venous, 1.0 - arterial), space.smooth_noise(random, 12.0), arteries)


def _depth(space: Space, centre: NDArray[np.float64], radii: NDArray[np.float64]) -> Floats:
    """About how many mm a voxel lies inside the brain's surface; negative outside. The base is flattened."""
    x, y, z = (float(value) for value in centre)
    upper = space.ellipsoid((x, y, z), (float(radii[0]), float(radii[1]), float(radii[2])))
    depth = (1.0 - upper) * float(radii.mean())
    _, back, up = space.axes()
    floor = -36.0 - 14.0 / (1.0 + np.exp(-(back - 18.0) / 6.0))  # the posterior fossa lies deeper than the front
    return np.asarray(np.minimum(depth, up - floor), dtype=np.float32)


def _shells(depth: Floats, space: Space, random: np.random.Generator) -> NDArray[np.uint8]:
    """Air, scalp, bone and CSF from the outside inwards; the neck below; sinuses and mastoid cells as air."""
    labels = np.full(depth.shape, tissue.label_of(tissue.AIR), dtype=np.uint8)
    skull, skin = random.uniform(4.0, 7.0), random.uniform(4.0, 7.0)
    labels[depth > -(1.5 + skull + skin)] = tissue.label_of(tissue.SCALP)
    below = space.ellipsoid((0.0, 12.0, -60.0), (58.0, 70.0, 40.0)) < 1.0
    labels[below & (labels == 0)] = tissue.label_of(tissue.SCALP)
    labels[depth > -(1.5 + skull)] = tissue.label_of(tissue.BONE)
    labels[depth > -1.5] = tissue.label_of(tissue.CSF)
    for centre, radii in (
        ((0.0, -26.0, -44.0), (11.0, 12.0, 8.0)),
        ((0.0, -78.0, -18.0), (16.0, 7.0, 10.0)),
        ((52.0, 26.0, -46.0), (8.0, 10.0, 9.0)),
        ((-52.0, 26.0, -46.0), (8.0, 10.0, 9.0)),
    ):
        grown = random.uniform(0.8, 1.2)
        cavity = space.ellipsoid(centre, (radii[0] * grown, radii[1] * grown, radii[2] * grown)) < 1.0
        labels[cavity & (depth < -1.0)] = tissue.label_of(tissue.AIR)
    return labels


def _brain(labels: NDArray[np.uint8], depth: Floats, folds: Floats, random: np.random.Generator) -> None:
    """Grey matter as a folded ribbon around white matter; wider sulci where there is atrophy.

    Sulci are the thin sheets on which a smooth random field crosses zero, up to about 15 mm deep.
    """
    atrophy = random.uniform(0.0, 1.8)
    sheet = random.uniform(0.16, 0.26) + 0.04 * atrophy
    folded = depth - random.uniform(12.0, 16.0) * np.exp(-((folds / np.float32(sheet)) ** 2))
    labels[folded > atrophy] = tissue.label_of(tissue.GREY)
    labels[folded > atrophy + random.uniform(2.8, 4.0)] = tissue.label_of(tissue.WHITE)


def _cisterns(labels: NDArray[np.uint8], space: Space, arteries: list[Artery]) -> None:
    """CSF around the basal arteries and the Sylvian fissure, in which the middle cerebral artery runs."""
    room = Tubes(space)
    for artery in arteries:
        room.draw(artery.points[::6], artery.radius_mm + (3.2 if artery.segment in ("ICA", "basilar") else 2.2))
    inside = (room.inside > 0.5) & (labels >= tissue.label_of(tissue.CSF))
    labels[inside | (space.ellipsoid((0.0, 2.0, -20.0), (12.0, 12.0, 7.0)) < 1.0)] = tissue.label_of(tissue.CSF)


def _ventricles(labels: NDArray[np.uint8], space: Space, folds: Floats, random: np.random.Generator) -> None:
    """Lateral ventricles with frontal, occipital and temporal horns, and the third ventricle."""
    wide = random.uniform(0.8, 1.6)
    horns = (
        ((6.0, -16.0, 16.0), (4.5, 14.0, 7.0)),
        ((10.0, 8.0, 22.0), (6.0, 20.0, 6.0)),
        ((18.0, 34.0, 14.0), (6.0, 18.0, 8.0)),
        ((28.0, 12.0, -14.0), (3.0, 12.0, 3.0)),
    )
    for side in (-1.0, 1.0):
        for (x, y, z), (rx, ry, rz) in horns:
            radius = space.ellipsoid((side * x, y, z), (rx * wide, ry, rz * wide)) + 0.06 * folds
            labels[radius < 1.0] = tissue.label_of(tissue.CSF)
    labels[space.ellipsoid((0.0, 12.0, 4.0), (1.8 * wide, 13.0, 9.0)) < 1.0] = tissue.label_of(tissue.CSF)


def _nuclei(labels: NDArray[np.uint8], space: Space, bulge: Floats) -> None:
    """Caudate, putamen and thalamus as grey matter, pallidum with its iron; the brainstem as white matter."""
    white = labels == tissue.label_of(tissue.WHITE)
    grey = white | (labels == tissue.label_of(tissue.GREY))
    for side in (-1.0, 1.0):
        for centre, radii in (
            ((12.0, -14.0, 10.0), (4.0, 9.0, 9.0)),
            ((26.0, -2.0, 2.0), (5.0, 14.0, 9.0)),
            ((11.0, 18.0, 8.0), (8.0, 13.0, 9.0)),
        ):
            inside = space.ellipsoid((side * centre[0], centre[1], centre[2]), radii) + 0.05 * bulge < 1.0
            labels[inside & white] = tissue.label_of(tissue.GREY)
        pallidum = space.ellipsoid((side * 19.0, 0.0, 0.0), (4.0, 8.0, 6.0)) < 1.0
        labels[pallidum & grey] = tissue.label_of(tissue.PALLIDUM)
    stem = space.ellipsoid((0.0, 26.0, -36.0), (13.0, 11.0, 24.0)) < 1.0
    labels[stem & grey] = tissue.label_of(tissue.WHITE)


def _distractors(labels: NDArray[np.uint8], space: Space, folds: Floats, random: np.random.Generator) -> None:
    """What else is dark on SWI or bright on FLAIR: microbleeds, calcified choroid and pineal, white matter lesions."""
    brain = (labels == tissue.label_of(tissue.GREY)) | (labels == tissue.label_of(tissue.WHITE))
    for _ in range(random.poisson(1.2)):
        _blob(labels, space, _anywhere(brain, space, random), random.uniform(0.8, 2.2), tissue.MICROBLEED)
    for centre in ((0.0, 34.0, 4.0), (20.0, 34.0, 14.0), (-20.0, 34.0, 14.0)):
        if random.random() < 0.6:
            _blob(labels, space, centre, random.uniform(1.0, 2.6), tissue.CALCIFICATION)
    burden = random.uniform(0.0, 1.0) ** 2
    for side in (-1.0, 1.0):
        around = space.ellipsoid((side * 12.0, 8.0, 22.0), (12.0, 34.0, 12.0)) - 0.35 * folds
        lesion = (around < 0.75 + 0.35 * burden) & (labels == tissue.label_of(tissue.WHITE)) & (folds > 1.2 - burden)
        labels[lesion] = tissue.label_of(tissue.HYPERINTENSITY)


def _anywhere(mask: NDArray[np.bool_], space: Space, random: np.random.Generator) -> tuple[float, float, float]:
    """The position of a random voxel of the mask, LPS mm."""
    z, y, x = np.unravel_index(int(random.choice(np.flatnonzero(mask))), mask.shape)
    sx, sy, sz = space.spacing
    ox, oy, oz = space.origin
    return (ox + sx * float(x), oy + sy * float(y), oz + sz * float(z))


def _blob(
    labels: NDArray[np.uint8],
    space: Space,
    centre: tuple[float, float, float],
    radius: float,
    kind: tissue.Tissue,
) -> None:
    ball = Tubes(space)
    ball.draw(np.array([centre]), radius)
    labels[ball.inside > 0.5] = tissue.label_of(kind)
