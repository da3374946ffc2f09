"""One simulated patient: head, stroke, sequences of a centre, labels, and the truth about all of it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..preprocess.prepare import REFERENCE_ORDER
from ..sequences import Sequence
from .acquire import SHADING, Slab, movement, place_slab, rotation
from .anatomy import Head, build_head
from .body import build_body
from .centres import Acquisition, Centre
from .measured import contrast_to_noise, draw_labels
from .real import RealShapes, with_real_tissue
from .scan import Scanner
from .space import Floats, Space
from .stroke import NO_SHAPES, draw_mimic, draw_stroke

#: Middle of the slices, LPS mm: of sequences that cover the brain, and of those that cover the arteries at its base.
MIDDLE, LOW_MIDDLE, LOW_BELOW_MM = (0.0, 6.0, 8.0), (0.0, 6.0, -12.0), 100.0


@dataclass(frozen=True)
class SimulatedCase:
    """What a scan session would deliver, with the truth."""

    images: Mapping[Sequence, sitk.Image]
    """float32, each in its own geometry (ADC shares DWI's), LPS mm."""
    labels: sitk.Image
    """uint8 in the geometry of the reference sequence, SWI where there is one: 1 thrombus, 2 infarct."""
    truth: Mapping[str, object]
    """All that was drawn, as plain values for JSON."""


@dataclass(frozen=True)
class _Plan:
    """How one sequence of one patient is measured."""

    slab: Slab
    drawn: dict[str, float]
    """Of the settings; `slice_axis_*` is the direction across the slices, LPS; turns in degrees, shifts in mm."""


def simulate_case(
    centre: Centre,
    seed: int,
    number: int,
    *,
    clot: bool = True,
    shapes: RealShapes = NO_SHAPES,
    space: Space | None = None,
) -> SimulatedCase:
    """Simulate case `number` of the cohort with this seed. The same arguments give the same voxels everywhere.

    Patient and scanner are drawn apart: the same seed and number are the same patient at every centre.

    Args:
        centre: where the patient is scanned.
        seed: of the cohort.
        number: of the case in the cohort, from 0.
        clot: False: a patient without a clot (a mimic).
        shapes: real infarcts and brains to take shapes from, where there are any.
        space: the fine grid; another one for tests.
    """
    space = space or Space()
    head = with_real_tissue(space, build_head(space, _chance(seed, number, 0)), shapes, _chance(seed, number, 3))
    chance = _chance(seed, number, 1)
    stroke = draw_stroke(space, head, chance, shapes) if clot else draw_mimic(space, head, chance)
    plans, absent = _plan(centre, _chance(seed, number, 2), _chance(seed, number, 4))
    scanner = Scanner(build_body(head, stroke, centre.field_tesla), centre, space)
    images = _scan(scanner, plans, absent, seed, number)
    reference = next(sequence for sequence in REFERENCE_ORDER if sequence in images)
    labels = draw_labels(space, stroke, plans[_measured_by(reference)].slab)
    return SimulatedCase(
        images,
        labels,
        {
            "centre": centre.name,
            "seed": seed,
            "number": number,
            "field_tesla": centre.field_tesla,
            "clot": stroke.truth is not None,
            "stroke": stroke.truth.as_dict() if stroke.truth else None,
            "mimic": stroke.mimic or None,
            "mimic_drawn": dict(stroke.mimic_drawn),
            "head": dict(head.drawn),
            "acquisition": {sequence.value: plan.drawn for sequence, plan in plans.items()},
            "absent": [sequence.value for sequence in Sequence if sequence not in images],
            "measured": _measured(images, labels, space, head, plans),
        },
    )


def _scan(
    scanner: Scanner, plans: Mapping[Sequence, _Plan], absent: set[Sequence], seed: int, number: int
) -> dict[Sequence, sitk.Image]:
    """All images of a patient, two acquisitions side by side; in the order of the vocabulary."""

    def measure(sequence: Sequence) -> dict[Sequence, Floats]:
        chance = _chance(seed, number, 10 + list(Sequence).index(sequence))
        return scanner.measure(sequence, plans[sequence].slab, plans[sequence].drawn, chance)

    _ = scanner.field_ppm  # worked out once, before two acquisitions ask for it at the same time
    images: dict[Sequence, sitk.Image] = {}
    with ThreadPoolExecutor(2) as pool:
        for sequence, measured in zip(plans, pool.map(measure, plans), strict=True):
            for name, values in measured.items():
                if name not in absent:
                    images[name] = sitk.GetImageFromArray(values)
                    images[name].CopyInformation(plans[sequence].slab.image)
    return images


def _chance(seed: int, number: int, part: int) -> np.random.Generator:
    """A source of chance of its own for each part, so that a change in one leaves the others as they were."""
    return np.random.default_rng([seed, number, part])


def _measured_by(sequence: Sequence) -> Sequence:
    """ADC is computed from the diffusion series."""
    return Sequence.DWI if sequence is Sequence.ADC else sequence


def _plan(
    centre: Centre, random: np.random.Generator, shades: np.random.Generator
) -> tuple[dict[Sequence, _Plan], set[Sequence]]:
    """Geometry and settings of each acquisition that is made, and what the patient does not have in the end."""
    tilt = rotation(random, centre.tilt_degrees)
    absent = _absent(centre, random)
    plans: dict[Sequence, _Plan] = {}
    for sequence, acquisition in centre.acquisitions.items():
        if sequence is Sequence.ADC:
            continue  # computed from DWI's two b-values
        drawn = _draw(acquisition, centre, random)
        low = acquisition.coverage_mm < LOW_BELOW_MM
        still = sequence is Sequence.SWI
        motion = movement(random, 0.0 if still else centre.motion_mm, 0.0 if still else centre.motion_degrees)
        spacing = (drawn["in_plane_mm"], drawn["slice_mm"])
        slab = place_slab(acquisition, spacing, tilt, LOW_MIDDLE if low else MIDDLE, motion)
        drawn.update(zip(("shift_x", "shift_y", "shift_z"), motion.GetTranslation(), strict=True))
        angles = (motion.GetAngleX(), motion.GetAngleY(), motion.GetAngleZ())
        drawn.update(zip(("turn_x", "turn_y", "turn_z"), np.rad2deg(angles).tolist(), strict=True))
        drawn.update(zip(SHADING, shades.normal(0.0, centre.shading, size=len(SHADING)).tolist(), strict=True))
        across = np.array(slab.image.GetDirection()).reshape(3, 3)[:, 2].tolist()
        drawn.update(zip(("slice_axis_x", "slice_axis_y", "slice_axis_z"), across, strict=True))
        if sequence not in absent:
            plans[sequence] = _Plan(slab, drawn)
    return plans, absent


def _absent(centre: Centre, random: np.random.Generator) -> set[Sequence]:
    """What this patient does not have: drawn for each sequence; without DWI no ADC; never nothing at all."""
    while True:
        chances = {sequence: random.random() for sequence in Sequence}
        present = {
            sequence for sequence, acquisition in centre.acquisitions.items() if chances[sequence] < acquisition.present
        }
        if Sequence.DWI not in present:
            present.discard(Sequence.ADC)
        if present:
            return set(Sequence) - present


def _draw(acquisition: Acquisition, centre: Centre, random: np.random.Generator) -> dict[str, float]:
    ranges = {name: getattr(acquisition, name) for name in ("in_plane_mm", "slice_mm", "echo_time_ms", "noise")}
    drawn = {name: float(random.uniform(low, high)) for name, (low, high) in ranges.items()}
    low, high = np.log(centre.scale)
    return {**drawn, "scale": float(np.exp(random.uniform(low, high))), "blip": float(random.choice([-1.0, 1.0]))}


def _measured(
    images: Mapping[Sequence, sitk.Image],
    labels: sitk.Image,
    space: Space,
    head: Head,
    plans: Mapping[Sequence, _Plan],
) -> dict[str, float | None]:
    array = sitk.GetArrayViewFromImage(labels)
    voxel = float(np.prod(labels.GetSpacing()))
    found: dict[str, float | None] = {
        "clot_label_mm3": float((array == 1).sum()) * voxel,
        "infarct_label_ml": float((array == 2).sum()) * voxel / 1000.0,
        "clot_to_noise": None,
        "vein_to_noise": None,
    }
    if Sequence.SWI in images:
        plan = plans[Sequence.SWI]
        swi = sitk.GetArrayFromImage(images[Sequence.SWI])
        sigma = plan.drawn["noise"] * plan.drawn["scale"]
        found.update(contrast_to_noise(swi, array == 1, space, head, plan.slab, sigma))
    return found
