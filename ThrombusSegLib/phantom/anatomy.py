"""A head as a map of tissues: scalp, skull, CSF, grey and white matter, ventricles, deep nuclei, air, vessels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .brain import paint_cerebrum, paint_hindbrain, paint_middle, paint_nuclei, paint_ventricles
from .distractors import add_distractors
from .form import HALF_AXES, Form, draw_form
from .shapes import paint_tubes, smooth_field
from .skull import paint_shells
from .space import Floats, Space
from .veins import draw_veins
from .vessels import Artery, draw_tree, draw_tubes


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
    drawn: Mapping[str, float | str]
    """Every drawn parameter of the anatomy, as plain values for JSON; mm where the name says so."""
    distractors: NDArray[np.uint8]
    """(z, y, x): 0 none, 1 microbleed, 2 calcification or iron, 3 old lesion, 4 white-matter hyperintensity."""


def build_head(space: Space, random: np.random.Generator) -> Head:
    """Draw a head; everything that varies between people comes from `random`."""
    form = draw_form(random)
    outline, depth = _depths(space, form, random)
    labels = paint_shells(depth, outline, space, form, random)
    arteries, variants = draw_tree(random, form.size)
    paint_cerebrum(labels, depth, space, form, random)
    paint_middle(labels, space, form)
    paint_nuclei(labels, space, form)
    _cisterns(labels, space, arteries, form)
    paint_hindbrain(labels, depth, space, form, random)
    paint_ventricles(labels, space, form)
    kinds, distractors = add_distractors(labels, space, form, random)
    arterial = draw_tubes(space, arteries)
    venous, veins = draw_veins(space, random, form, arterial)
    venous[labels <= tissue.label_of(tissue.SCALP)] = 0.0
    texture = smooth_field(space.axes(), random, 12.0)
    drawn = {**form.as_dict(), **variants.as_dict(), **veins, **distractors}
    return Head(labels, arterial, venous, texture, arteries, drawn, kinds)


def _depths(space: Space, form: Form, random: np.random.Generator) -> tuple[Floats, Floats]:
    """About how many mm a voxel lies inside the brain's outline, without and with the base; negative outside."""
    axes = space.axes()
    outline = (1.0 - form.radius(axes)) * np.float32(np.mean(HALF_AXES) * form.size.mean())
    outline += np.float32(1.3) * smooth_field(axes, random, 42.0)
    above = axes[2] - form.floor(*axes[:2])
    above *= np.float32(0.8)
    return outline, np.minimum(outline, above, out=above)


def _cisterns(labels: NDArray[np.uint8], space: Space, arteries: list[Artery], form: Form) -> None:
    """CSF around the arteries: wide at the brain's base, narrow along the branches on its surface."""
    tubes = []
    for artery in arteries:
        room = 2.6 if artery.segment in ("ICA", "ICA cervical", "basilar", "M1", "A1", "P1") else 1.5
        room = 0.7 if artery.segment.startswith("M3") else room
        tubes.append((artery.points[::2], artery.radii[::2] + room + 0.8 * form.atrophy))
    brain = (labels == tissue.label_of(tissue.GREY)) | (labels == tissue.label_of(tissue.WHITE))
    labels[brain & (paint_tubes(space, tubes) > 0.5)] = tissue.label_of(tissue.CSF)
