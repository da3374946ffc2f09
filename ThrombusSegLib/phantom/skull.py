"""What lies around the brain: scalp, bone with its marrow, face and neck, and air beside the brain's base."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .form import GAP_MM, Form
from .shapes import axes_in, box_around, ellipsoid_in, paint_tubes, smooth_field
from .space import Floats, Space, smooth_path

Labels = NDArray[np.uint8]
Points = NDArray[np.float64]
#: Steps per millimetre at which the layers are looked up.
STEPS = 4
#: Air cavities, average coordinates in mm: name -> (centre, half-axes, range of the size); both sides where x is not 0.
AIR = {
    "sphenoid": ((6.0, -15.0, -36.0), (7.5, 12.0, 8.0), (0.6, 1.25)),
    "ethmoid": ((6.5, -48.0, -34.0), (6.0, 17.0, 9.0), (0.8, 1.15)),
    "frontal": ((10.0, -79.0, -14.0), (10.0, 5.0, 11.0), (0.3, 1.3)),
    "nose": ((5.5, -52.0, -56.0), (4.0, 26.0, 12.0), (0.9, 1.1)),
    "maxillary": ((27.0, -52.0, -60.0), (12.0, 14.0, 13.0), (0.8, 1.15)),
}
#: Ellipsoids that face and neck fill: centre and half-axes.
NECK = (((0.0, -22.0, -70.0), (70.0, 79.0, 66.0)), ((0.0, 38.0, -90.0), (66.0, 62.0, 66.0)))
EYE = ((32.0, -66.0, -26.0), (12.0, 12.0, 12.0))


def paint_shells(depth: Floats, outline: Floats, space: Space, form: Form, random: np.random.Generator) -> Labels:
    """Air, scalp, bone and CSF from the outside inwards, then face, base and cavities.

    Args:
        depth: (Z, Y, X) mm inside the brain's surface, negative outside.
        outline: (Z, Y, X) the same without the base.
        space: the fine grid.
        form: of the head.
        random: source of chance.
    """
    layers, below = _layers(form)
    index = np.clip((depth * np.float32(STEPS)).astype(np.int16) + below, 0, len(layers) - 1)
    labels = np.take(layers, index)
    _base(labels, (depth, outline), space, form, random)
    _face(labels, space, form)
    _cavities(labels, space, form, random)
    _ears(labels, space, form, random)
    return labels


def _layers(form: Form) -> tuple[Labels, int]:
    """Labels in steps of depth from far outside to inside, and how many of them lie outside."""
    of = tissue.label_of
    third = round(form.skull_mm * STEPS / 3)
    outside = [of(tissue.AIR)] * 2 + [of(tissue.SCALP)] * round(form.scalp_mm * STEPS)
    outside += [of(tissue.BONE)] * third + [of(tissue.MARROW)] * third + [of(tissue.BONE)] * third
    gap = [of(tissue.CSF)] * round(GAP_MM * STEPS)
    return np.array(outside + gap + [of(tissue.CSF)], dtype=np.uint8), len(outside) + len(gap)


def _base(labels: Labels, fields: tuple[Floats, Floats], space: Space, form: Form, random: np.random.Generator) -> None:
    """Below the skull's base, muscle and fat instead of scalp; the petrous bones in it."""
    of = tissue.label_of
    low, high = np.array([-80.0, -100.0, -90.0]), np.array([80.0, 115.0, -5.0])
    box = box_around(space, low, high)
    depth, outline = (each[box] for each in fields)
    inside = labels[box]
    under = (depth < -GAP_MM - form.skull_mm) & (outline > -2.0)
    fat = smooth_field(axes_in(space, box), random, 9.0) > 0.9
    inside[under] = np.where(fat, of(tissue.SCALP), of(tissue.MUSCLE))[under]
    for sign in (-1.0, 1.0):
        for share in np.linspace(0.0, 1.0, 7):
            centre = form.place(sign * (17.0 + 38.0 * share), 9.0 + 24.0 * share, -35.0 - 6.0 * share)
            where, radius = ellipsoid_in(space, centre, (8.0, 8.0, 10.0 + 3.0 * share))
            petrous = (radius < 1.0) & (fields[0][where] < -GAP_MM)
            labels[where][petrous] = of(tissue.BONE)


def _face(labels: Labels, space: Space, form: Form) -> None:
    """Face and neck as muscle under skin; temporal muscles beside the skull; the eyes."""
    of = tissue.label_of
    box = box_around(space, np.array([-85.0, -110.0, -140.0]), np.array([85.0, 115.0, 0.0]))
    axes = form.average(axes_in(space, box))
    parts = [
        sum((((axis - c) / r) ** 2 for axis, c, r in zip(axes, middle, half, strict=True)), np.float32(0.0))
        for middle, half in NECK
    ]
    radius = np.minimum(parts[0], parts[1])
    part = labels[box]
    air = part == of(tissue.AIR)
    part[air & (radius < 1.0)] = of(tissue.SCALP)
    low = np.broadcast_to(axes[2] < -36.0, part.shape) & (part == of(tissue.SCALP))
    part[(air | low) & (radius < 0.82)] = of(tissue.MUSCLE)
    for sign in (-1.0, 1.0):
        where, radius = ellipsoid_in(space, form.place(sign * 66.0, -18.0, -12.0), (9.0, 24.0, 30.0))
        part = labels[where]
        part[(radius < 1.0) & (part == of(tissue.SCALP))] = of(tissue.MUSCLE)
        orbit, radius = ellipsoid_in(space, form.place(sign * 29.0, -52.0, -29.0), (15.0, 26.0, 14.0))
        part = labels[orbit]
        part[(radius < 1.0) & ((part == of(tissue.MUSCLE)) | (part == of(tissue.BONE)))] = of(tissue.SCALP)
        centre, radii = EYE
        eye, radius = ellipsoid_in(space, form.place(sign * centre[0], *centre[1:]), radii)
        labels[eye][radius < 1.0] = of(tissue.CSF)


def _cavities(labels: Labels, space: Space, form: Form, random: np.random.Generator) -> None:
    """Sinuses and the nose: air with a thin wall, never inside the skull."""
    of = tissue.label_of
    brain = of(tissue.CSF)
    for centre, half, (least, most) in AIR.values():
        for sign in (-1.0, 1.0):
            grown = float(random.uniform(least, most))
            radii = np.array(half) * grown
            where, radius = ellipsoid_in(space, form.place(sign * centre[0], *centre[1:]), radii, 1.25)
            part = labels[where]
            wall = 1.0 + 1.2 / float(radii.min())
            part[(radius < wall) & (part != brain) & (part != of(tissue.AIR))] = of(tissue.BONE)
            part[(radius < 1.0) & (part != brain)] = of(tissue.AIR)


def _ears(labels: Labels, space: Space, form: Form, random: np.random.Generator) -> None:
    """Ear canals and the cells of the mastoid bones, as balls of air close to the temporal lobe and the cerebellum."""
    tubes: list[tuple[Points, Points | float]] = []
    for sign in (-1.0, 1.0):
        canal = np.array([form.place(sign * x, y, z) for x, y, z in ((80, 14, -47), (66, 15, -45), (50, 17, -43))])
        tubes.append((smooth_path(canal), float(random.uniform(2.2, 3.6))))
        cells = int(random.integers(8, 30))
        spread = random.uniform(-1.0, 1.0, size=(cells, 3)) * (8.0, 11.0, 12.0)
        centres = spread + np.array(form.place(sign * 57.0, 33.0, -43.0))
        tubes.append((centres, random.uniform(1.2, 3.6, size=cells)))
    air = (paint_tubes(space, tubes) > 0.5) & (labels != tissue.label_of(tissue.CSF))
    labels[air] = tissue.label_of(tissue.AIR)
