"""What else catches the eye: microbleeds, calcification, iron, old lesions, white-matter hyperintensities.

How often and how large is our choice, within what reviews of elderly and stroke patients report; each is recorded.
Frame: LPS mm; arrays (z, y, x).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .brain import horn_tubes
from .form import Form
from .shapes import Box, Triple, axes_in, ellipsoid_in, nearest_voxel, paint_tubes, smooth_field
from .space import Space

Labels = NDArray[np.uint8]
#: Values of `Head.distractors`.
BLEED, CALCIFIED, OLD_LESION, WHITE_LESION = 1, 2, 3, 4
#: Share of heads with microbleeds, and how many more than one these have on average.
WITH_BLEEDS, MORE_BLEEDS = 0.35, 2.2
#: Diameter of microbleeds, mm.
BLEED_MM = (0.8, 5.0)
#: Chance of 0, 1, 2 and 3 old lesions without and with severe white-matter disease.
OLD_LESIONS = (np.array([0.78, 0.15, 0.05, 0.02]), np.array([0.35, 0.33, 0.2, 0.12]))
#: Middle of what may calcify, average mm on the left, with its chance at one side and its largest radius.
CHOROID, PINEAL, FALX = (25.0, 39.0, 6.0), (0.0, 33.0, 3.0), (0.0, -20.0, 52.0)
DEEP: tuple[Triple, ...] = ((24.0, 0.0, 3.0), (11.0, 15.0, 8.0), (0.0, 29.0, -28.0), (15.0, 55.0, -36.0))


class Painter:
    """Draws distractors into the label map and remembers where and what."""

    def __init__(self, labels: Labels, space: Space, form: Form, random: np.random.Generator) -> None:
        self.labels, self.space, self.form, self.random = labels, space, form, random
        self.kinds: Labels = np.zeros(labels.shape, dtype=np.uint8)
        self.drawn: dict[str, float] = {}
        self.brain = np.zeros(len(tissue.TISSUES), dtype=bool)
        self.brain[[tissue.label_of(each) for each in tissue.BRAIN]] = True

    def place(self, centre: Triple, left: float = 1.0) -> Triple:
        """A point of average coordinates in this head, shaken by a millimetre or so."""
        x, y, z = np.array(self.form.place(left * centre[0], *centre[1:])) + self.random.normal(0.0, 1.2, size=3)
        return float(x), float(y), float(z)

    def anywhere(self, *kinds: tissue.Tissue) -> Triple | None:
        """The middle of a random voxel of these tissues above the foramen magnum, LPS mm; None where there is none."""
        wanted = [tissue.label_of(each) for each in kinds]
        for _ in range(2000):
            index = tuple(int(self.random.integers(count)) for count in self.labels.shape)
            if self.labels[index] in wanted:
                x, y, z = (
                    o + s * i for o, s, i in zip(self.space.origin, self.space.spacing, index[::-1], strict=True)
                )
                if z > -48.0:
                    return float(x), float(y), float(z)
        return None

    def ball(self, centre: Triple, radius: float, of: tissue.Tissue, kind: int, within: NDArray[np.bool_]) -> int:
        """A slightly squashed ball of a tissue, at least the voxel at its middle; how many voxels it took.

        Args:
            centre: LPS mm.
            radius: mm.
            of: the tissue it consists of.
            kind: value in the map of distractors.
            within: (number of tissues,) the tissues it may replace.
        """
        box, distance = ellipsoid_in(self.space, centre, radius * self.random.uniform(0.85, 1.2, size=3))
        part = self.labels[box]
        inside = (distance < 1.0) & within[part]
        part[inside] = tissue.label_of(of)
        self.kinds[box][inside] = kind
        voxel = nearest_voxel(self.space, centre)
        if not inside.any() and voxel is not None and within[self.labels[voxel]]:
            self.labels[voxel], self.kinds[voxel] = tissue.label_of(of), kind
            return 1
        return int(inside.sum())


def add_distractors(
    labels: Labels, space: Space, form: Form, random: np.random.Generator
) -> tuple[Labels, dict[str, float]]:
    """Change the labels in place; return what is where (`Head.distractors`) and every drawn parameter."""
    painter = Painter(labels, space, form, random)
    burden = float(np.clip(random.beta(0.9, 2.4) + 0.25 * form.atrophy, 0.0, 1.0))
    painter.drawn["white_matter_burden"] = burden
    _white_matter(painter, burden)
    _old_lesions(painter, burden)
    _iron(painter)
    _calcifications(painter)
    _bleeds(painter, burden)
    return painter.kinds, painter.drawn


def _white_matter(painter: Painter, burden: float) -> None:
    """Caps and bands around the lateral ventricles, and foci in the deep white matter, by a burden of 0 to 1."""
    labels, space, random = painter.labels, painter.space, painter.random
    white, lesion = tissue.label_of(tissue.WHITE), tissue.label_of(tissue.HYPERINTENSITY)
    wide, caps = 0.5 + 5.0 * burden**1.4, 1.0 + 3.5 * burden
    rough = smooth_field(space.axes(), random, 7.0)
    halo = paint_tubes(space, horn_tubes(painter.form, wide, caps), (0.85, 1.0, 1.1))
    z, _, _ = (axis.ravel() for axis in space.axes()[::-1])
    above = slice(int(np.searchsorted(z, 0.0)), None)  # the temporal horns have none
    inside = (halo[above] > 0.5) & (labels[above] == white) & (rough[above] > 0.9 - 1.7 * min(1.0, burden + 0.3))
    labels[above][inside] = lesion
    painter.kinds[above][inside] = WHITE_LESION
    foci = int(random.poisson(0.5 + 26.0 * burden**1.5))
    within = np.arange(len(tissue.TISSUES)) == white
    done = 0
    for _ in range(foci):
        centre = painter.anywhere(tissue.WHITE)
        if centre is not None and centre[2] > -5.0:
            radius = float(np.clip(random.lognormal(np.log(1.4 + 1.4 * burden), 0.4), 0.8, 7.0))
            done += painter.ball(centre, radius, tissue.HYPERINTENSITY, WHITE_LESION, within) > 0
    painter.drawn["white_matter_foci"] = done


def _old_lesions(painter: Painter, burden: float) -> None:
    """Lacunes deep in the brain and old infarcts of the cortex: a cavity of CSF with a gliotic rim."""
    random = painter.random
    chances = OLD_LESIONS[0] + burden * (OLD_LESIONS[1] - OLD_LESIONS[0])
    lacunes = cortical = 0
    for _ in range(int(random.choice(4, p=chances / chances.sum()))):
        if random.random() < 0.65:
            side = float(random.choice([-1.0, 1.0]))
            spot = painter.place(DEEP[int(random.integers(3))], side)
            corona = painter.anywhere(tissue.WHITE)
            centre = corona if corona is not None and random.random() < 0.4 else spot
            lacunes += _cavity(painter, centre, float(random.uniform(1.5, 6.0)), float(random.uniform(1.0, 2.0)))
        else:
            found = painter.anywhere(tissue.GREY)
            if found is not None:
                cortical += _cavity(painter, found, float(random.uniform(5.0, 16.0)), float(random.uniform(2.0, 5.0)))
    painter.drawn.update(old_lacunes=lacunes, old_cortical_infarcts=cortical)


def _cavity(painter: Painter, centre: Triple, radius: float, rim_mm: float) -> bool:
    """A ragged cavity; True when it took any voxel."""
    box, distance = _ragged(painter, centre, radius + rim_mm, radius)
    part = painter.labels[box]
    brain = painter.brain[part]
    x, y, z = axes_in(painter.space, box)
    own_side = (x - painter.form.middle(y)) * centre[0] > 0  # an infarct keeps to one hemisphere,
    here = painter.form.under_tentorium(*(np.full((1, 1, 1), each, dtype=np.float32) for each in centre))
    own_side = own_side & (painter.form.under_tentorium(x, y, z) == here)  # of the cerebrum or of the cerebellum
    outer = brain & (distance < radius + rim_mm) & own_side
    inner = outer & (distance < radius)
    part[outer] = tissue.label_of(tissue.GLIOSIS)
    part[inner] = tissue.label_of(tissue.CSF)
    painter.kinds[box][outer] = OLD_LESION
    return bool(outer.any())


def _ragged(painter: Painter, centre: Triple, reach: float, radius: float) -> tuple[Box, NDArray[np.float32]]:
    """Distance to a point in mm, bent by noise in proportion to the radius, in a box that holds it."""
    half = np.full(3, reach * 1.5)
    box, distance = ellipsoid_in(painter.space, centre, half)
    if distance.size == 0:
        return box, distance
    noise = smooth_field(axes_in(painter.space, box), painter.random, max(2.0, 0.6 * radius))
    return box, (distance * np.float32(half[0]) + np.float32(0.28 * radius) * noise).astype(np.float32)


def _iron(painter: Painter) -> None:
    """More or less iron in the pallidum: a share of it beyond the usual, and calcium in some."""
    random, space = painter.random, painter.space
    usual, rich = tissue.label_of(tissue.PALLIDUM), tissue.label_of(tissue.IRON)
    strength = float(random.beta(1.5, 2.0))
    painter.drawn["iron"] = strength
    calcified = random.random() < 0.10
    painter.drawn["calcified_pallidum"] = float(calcified)
    for side in (-1.0, 1.0):
        box, distance = ellipsoid_in(space, painter.form.place(side * 19.0, -1.0, -1.0), (5.0, 10.0, 7.5))
        part = painter.labels[box]
        inside = (part == usual) & (distance < 1.1 * strength)
        part[inside] = rich
        painter.kinds[box][inside] = CALCIFIED
        if calcified:
            within = np.isin(np.arange(len(tissue.TISSUES)), (usual, rich))
            for _ in range(int(random.integers(1, 4))):
                spot = painter.place((18.0, -1.0, 0.0), side)
                painter.ball(spot, float(random.uniform(0.8, 3.0)), tissue.CALCIFICATION, CALCIFIED, within)


def _calcifications(painter: Painter) -> None:
    """Choroid plexus, pineal gland and falx, each in some heads."""
    random = painter.random
    within = painter.brain.copy()
    within[tissue.label_of(tissue.CSF)] = True
    choroid = 0
    both = random.random() < 0.5
    for side in (-1.0, 1.0):
        if both or random.random() < 0.2:
            choroid += 1
            for _ in range(int(random.integers(1, 5))):
                spot = painter.place(CHOROID, side)
                painter.ball(spot, float(random.uniform(0.8, 2.8)), tissue.CALCIFICATION, CALCIFIED, within)
    pineal = float(random.uniform(0.8, 3.0)) if random.random() < 0.6 else 0.0
    if pineal:
        painter.ball(painter.place(PINEAL), pineal, tissue.CALCIFICATION, CALCIFIED, within)
    plaques = int(random.integers(1, 4)) if random.random() < 0.12 else 0
    for _ in range(plaques):
        _, y, z = painter.place((0.0, FALX[1] + random.uniform(-25, 40), FALX[2] + random.uniform(-8, 8)))
        middle = float(painter.form.middle(np.array([y], dtype=np.float32))[0])
        painter.ball((middle, y, z), float(random.uniform(0.8, 2.4)), tissue.CALCIFICATION, CALCIFIED, within)
    painter.drawn.update(calcified_choroid_sides=choroid, calcified_pineal_mm=pineal, falx_plaques=plaques)


def _bleeds(painter: Painter, burden: float) -> None:
    """Microbleeds, lobar ones at the border of cortex and white matter, deep ones in nuclei, pons and cerebellum."""
    random = painter.random
    there = random.random() < WITH_BLEEDS + 0.3 * burden
    count = 1 + int(random.poisson(MORE_BLEEDS * float(random.gamma(0.7, 1.4)))) if there else 0
    deep_share = float(random.choice([0.1, 0.5, 0.9]))
    lobar = deep = 0
    for _ in range(count):
        radius = 0.5 * float(np.clip(random.lognormal(np.log(2.4), 0.45), *BLEED_MM))
        if random.random() < deep_share:
            side = float(random.choice([-1.0, 1.0]))
            spot = np.array(painter.place(DEEP[int(random.integers(len(DEEP)))], side))
            x, y, z = spot + random.normal(0.0, 2.5, size=3)
            deep += painter.ball((float(x), float(y), float(z)), radius, tissue.MICROBLEED, BLEED, painter.brain) > 0
        else:
            found = painter.anywhere(tissue.GREY, tissue.WHITE)
            lobar += found is not None and painter.ball(found, radius, tissue.MICROBLEED, BLEED, painter.brain) > 0
    painter.drawn.update(lobar_microbleeds=lobar, deep_microbleeds=deep)
