"""One simulated patient: head, stroke, sequences of a centre, labels, and the truth about all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ..sequences import Sequence
from . import tissue
from .acquire import Slab, add_noise, movement, place_slab, rotation, sample, shade
from .anatomy import Head, build_head
from .centres import Acquisition, Centre
from .signal import (
    TissueMaps,
    diffusion,
    dipole_field,
    gradient_echo,
    inversion_recovery,
    spin_echo,
    spoiled_gradient_echo,
)
from .space import Floats, Space
from .stroke import Stroke, draw_stroke

#: A voxel belongs to the label where at least this share of it does.
LABEL_SHARE = 0.4
#: Restricted diffusion in the core of an infarct: ADC falls to about 60 % within hours (Copen et al., Radiology
#: 221:27, 2001).
INFARCT_ADC_SHARE = 0.6


@dataclass(frozen=True)
class SimulatedCase:
    """What a scan session would deliver, with the truth."""

    images: Mapping[Sequence, sitk.Image]
    """float32, each in its own geometry (ADC shares DWI's), LPS mm."""
    labels: sitk.Image
    """uint8 in SWI's geometry: 1 thrombus, 2 infarct."""
    truth: Mapping[str, object]


def simulate_case(centre: Centre, seed: int, number: int, *, space: Space | None = None) -> SimulatedCase:
    """Simulate case `number` of the cohort with this seed. The same arguments give the same voxels everywhere."""
    random = np.random.default_rng([seed, number])
    space = space or Space()
    head = build_head(space, random)
    stroke = draw_stroke(space, head, random)
    maps = tissue_maps(head, stroke, centre.field_tesla)
    slabs, drawn = _slabs(centre, random)
    images: dict[Sequence, sitk.Image] = {}
    for sequence, slab in slabs.items():
        if sequence is Sequence.ADC:
            continue  # computed from DWI's two b-values
        scan = _Scan(maps, head, stroke, centre.field_tesla, slab, drawn[sequence], space, random)
        for name, values in scan.measure(sequence).items():
            images[name] = sitk.GetImageFromArray(values)
            images[name].CopyInformation(slab.image)
    labels = _labels(space, stroke, slabs[Sequence.SWI])
    truth = {"centre": centre.name, "seed": seed, "number": number, "field_tesla": centre.field_tesla}
    settings = {sequence.value: values for sequence, values in drawn.items()}
    return SimulatedCase(images, labels, {**truth, "stroke": stroke.truth.as_dict(), "acquisition": settings})


def tissue_maps(head: Head, stroke: Stroke, field_tesla: float) -> TissueMaps:
    """Spread the parameters of each tissue over the fine grid, mix in vessels and clot, and age the infarct."""
    at = tissue.at_field

    def of(read: Callable[[tissue.Tissue], float]) -> Floats:
        flat = np.array([read(each) for each in tissue.TISSUES], dtype=np.float32)[head.labels]
        inside = ((head.venous, tissue.VEIN), (head.arterial, tissue.ARTERY), (stroke.clot, stroke.clot_tissue))
        for share, substance in inside:
            flat = flat + share * (np.float32(read(substance)) - flat)
        return flat

    ripple = 1.0 + 0.03 * head.texture
    diffusivity = of(lambda t: t.diffusivity)
    diffusivity *= 1.0 - (1.0 - INFARCT_ADC_SHARE) * stroke.infarct
    age = min(1.0, stroke.truth.hours_since_onset / 6.0)  # T2 rises over the first six hours: FLAIR turns bright late
    return TissueMaps(
        of(lambda t: t.proton_density) * ripple,
        of(lambda t: at(t.t1_ms, field_tesla)) * ripple,
        of(lambda t: t.t2_ms) * (1.0 + 0.35 * age * stroke.infarct),
        of(lambda t: at(t.t2_star_ms, field_tesla)),
        diffusivity,
        of(lambda t: t.susceptibility_ppm),
    )


def _slabs(
    centre: Centre, random: np.random.Generator
) -> tuple[dict[Sequence, Slab], dict[Sequence, dict[str, float]]]:
    """Geometry and settings of each sequence, drawn; ADC takes DWI's."""
    tilt = rotation(random, centre.tilt_degrees)
    slabs: dict[Sequence, Slab] = {}
    drawn: dict[Sequence, dict[str, float]] = {}
    for sequence, acquisition in centre.acquisitions.items():
        if sequence is Sequence.ADC:
            slabs[sequence], drawn[sequence] = slabs[Sequence.DWI], drawn[Sequence.DWI]
            continue
        values = _draw(acquisition, random)
        middle = (0.0, 6.0, -12.0 if acquisition.coverage_mm < 100.0 else 8.0)
        still = sequence is Sequence.SWI
        motion = movement(random, 0.0 if still else centre.motion_mm, 0.0 if still else centre.motion_degrees)
        slabs[sequence] = place_slab(acquisition, (values["in_plane_mm"], values["slice_mm"]), tilt, middle, motion)
        drawn[sequence] = values
    return slabs, drawn


def _draw(acquisition: Acquisition, random: np.random.Generator) -> dict[str, float]:
    ranges = {name: getattr(acquisition, name) for name in ("in_plane_mm", "slice_mm", "echo_time_ms", "noise")}
    drawn = {name: float(random.uniform(low, high)) for name, (low, high) in ranges.items()}
    return {**drawn, "scale": float(np.exp(random.uniform(np.log(100.0), np.log(2000.0))))}


@dataclass(frozen=True)
class _Scan:
    """One acquisition of one patient."""

    maps: TissueMaps
    head: Head
    stroke: Stroke
    field_tesla: float
    slab: Slab
    drawn: Mapping[str, float]
    space: Space
    random: np.random.Generator

    def measure(self, sequence: Sequence) -> dict[Sequence, Floats]:
        """The images that the acquisition gives: DWI also gives ADC."""
        if sequence is Sequence.DWI:
            return self._diffusion()
        ways = {Sequence.SWI: self._susceptibility, Sequence.FLAIR: self._flair, Sequence.TOF: self._time_of_flight}
        return {sequence: ways[sequence]()}

    def _finish(self, values: Floats, reference: float) -> Floats:
        """Shade, scale, and add noise; `reference` is the signal of white matter."""
        scale = self.drawn["scale"]
        scaled = shade(values, self.random) * np.float32(scale / reference)
        noisy = add_noise(scaled, self.drawn["noise"] * scale, self.random)
        return np.rint(np.minimum(noisy, 32767.0))  # scanners deliver whole numbers of 15 bits

    def _sample(self, values: Floats) -> Floats:
        return sample(self.space, np.ascontiguousarray(values), self.slab)

    def _susceptibility(self) -> Floats:
        echo = self.drawn["echo_time_ms"]
        magnitude = spoiled_gradient_echo(self.maps, 30.0, echo, 15.0)
        field = dipole_field(self.maps.susceptibility_ppm, self.space)
        signal = gradient_echo(magnitude, field, self.field_tesla, echo)
        real, imaginary = self._sample(signal.real), self._sample(signal.imag)
        return self._finish(np.hypot(real, imaginary), _white(magnitude, self.head))

    def _diffusion(self) -> dict[Sequence, Floats]:
        base = spin_echo(self.maps, 5000.0, self.drawn["echo_time_ms"])
        reference = _white(base, self.head)
        unweighted = self._finish(self._sample(base), reference)
        weighted = self._finish(self._sample(diffusion(base, self.maps, 1000.0)), reference)
        return {
            Sequence.DWI: weighted,
            Sequence.ADC: _adc(unweighted, weighted, self.drawn["noise"] * self.drawn["scale"]),
        }

    def _flair(self) -> Floats:
        inversion = 2500.0 if self.field_tesla > 2 else 2300.0
        signal = inversion_recovery(self.maps, 9000.0, inversion, self.drawn["echo_time_ms"])
        # Blood that moves gives no spin echo; blood that stands does, and shines in the vessels beyond a clot.
        moving = np.clip(self.head.arterial - self.stroke.no_flow, 0.0, 1.0) + 0.7 * self.head.venous
        return self._finish(self._sample(signal * (1.0 - 0.9 * np.clip(moving, 0, 1))), _white(signal, self.head))

    def _time_of_flight(self) -> Floats:
        background = spoiled_gradient_echo(self.maps, 22.0, self.drawn["echo_time_ms"], 18.0)
        reference = _white(background, self.head)
        inflow = np.clip(self.head.arterial - self.stroke.no_flow, 0.0, 1.0) * np.float32(2.6 * reference)
        return self._finish(self._sample(background * (1.0 - 0.6 * self.head.venous) + inflow), reference)


def _adc(unweighted: Floats, weighted: Floats, sigma: float) -> Floats:
    """ADC in 1e-6 mm2/s from b0 and b1000, 0 where there is only noise (five sigma), as scanners deliver it."""
    enough = unweighted > 5.0 * sigma
    ratio = np.log(np.maximum(unweighted, 1e-6) / np.maximum(weighted, 1e-6))
    return np.where(enough, np.rint(np.clip(ratio * 1000.0, 0.0, 4000.0)), 0.0).astype(np.float32)


def _white(values: Floats, head: Head) -> float:
    """Signal of white matter, to which noise and scale refer."""
    return float(np.median(values[head.labels == tissue.label_of(tissue.WHITE)][::50]))


def _labels(space: Space, stroke: Stroke, slab: Slab) -> sitk.Image:
    """Thrombus (1) over infarct (2) on the slices of the slab; a clot too thin for any voxel keeps its best one."""
    clot = sample(space, stroke.clot, slab)
    values = np.where(sample(space, stroke.infarct, slab) >= 0.5, 2, 0).astype(np.uint8)
    values[clot >= min(LABEL_SHARE, float(clot.max()))] = 1
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(slab.image)
    return image
