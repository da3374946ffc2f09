"""One sequence of one patient: which signal equation, which defects of the scanner, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..sequences import Sequence
from . import tissue
from .acquire import SHADING, Distortion, Slab, add_complex_noise, add_noise, sample, shading, shim
from .body import Body
from .centres import Acquisition, Centre
from .signal import (
    diffusion,
    dipole_field,
    frequency_shift,
    gradient_echo,
    high_pass_phase,
    inflow,
    inversion_recovery,
    minimum_projection,
    phase_mask,
    spin_echo,
    spoiled_gradient_echo,
)
from .space import Floats, Space

#: Diffusion weighting, s/mm2.
B_VALUE = 1000.0
#: Where moving blood gives no spin echo, this share of its signal is lost; veins flow more slowly (our choice).
FLOW_VOID, SLOW_FLOW_VOID = 0.92, 0.6
#: Velocity of arterial blood against the slices, mm/s, and height of the overlapping slabs of a TOF, mm (our choice).
VELOCITY, TOF_SLAB_MM = 300.0, 24.0
#: What a scanner writes at most: whole numbers of 15 bits.
LARGEST = 32767.0


@dataclass(frozen=True)
class Scanner:
    """A patient in the scanner of a centre."""

    body: Body
    centre: Centre
    space: Space

    @cached_property
    def field_ppm(self) -> Floats:
        """Change of the main field by the patient, (z, y, x), ppm."""
        return dipole_field(self.body.susceptibility(), self.space)

    def measure(
        self, sequence: Sequence, slab: Slab, drawn: Mapping[str, float], random: np.random.Generator
    ) -> dict[Sequence, Floats]:
        """The images that one acquisition gives, (S, H, W), whole numbers; DWI also gives ADC.

        Args:
            sequence: SWI, DWI, FLAIR or TOF.
            slab: where the slices lie.
            drawn: `echo_time_ms`, `noise`, `scale`, `blip` (direction of the echo-planar readout, 1 or -1), and the
                terms of `acquire.SHADING`.
            random: source of noise.
        """
        scan = _Scan(self, self.centre.acquisitions[sequence], slab, drawn, random)
        if sequence is Sequence.DWI:
            return scan.diffusion()
        ways = {Sequence.SWI: scan.susceptibility, Sequence.FLAIR: scan.flair, Sequence.TOF: scan.time_of_flight}
        return {sequence: ways[sequence]()}


@dataclass(frozen=True)
class _Scan:
    scanner: Scanner
    settings: Acquisition
    slab: Slab
    drawn: Mapping[str, float]
    random: np.random.Generator

    @property
    def body(self) -> Body:
        return self.scanner.body

    def susceptibility(self) -> Floats:
        """Magnitude, or magnitude times phase mask, or the minimum of that over a few slices."""
        echo, tesla = self.drawn["echo_time_ms"], self.scanner.centre.field_tesla
        timing = (self.settings.repetition_time_ms, echo, self.settings.flip_degrees)
        signal = spoiled_gradient_echo(self.body.table, *timing)
        fresh = inflow(self.body.table, self._pulses(self.settings.coverage_mm), *timing)[..., -3]
        magnitude = self.body.spread(signal, flowing=fresh)
        complex_signal = gradient_echo(magnitude, self.scanner.field_ppm, tesla, echo)
        sampled = np.empty(self.slab.image.GetSize()[::-1], dtype=np.complex64)
        sampled.real, sampled.imag = self._sample(complex_signal.real), self._sample(complex_signal.imag)
        if self.settings.kind == "T2*":
            values = np.abs(sampled)
            distortion = self._distortion(values)
            return self._finish(distortion.apply(values) if distortion else values, _white(signal))
        noise = self.drawn["noise"] * self.drawn["scale"]
        sampled *= self._gain(sampled.shape, _white(signal))
        noisy = add_complex_noise(sampled, noise, self.random)
        finished = _whole(np.abs(noisy) * phase_mask(high_pass_phase(noisy)))
        if self.settings.kind == "SWI minIP":
            slices = max(1, round(self.settings.projection_mm / self.slab.image.GetSpacing()[2]))
            finished = minimum_projection(finished, slices)
        return finished

    def diffusion(self) -> dict[Sequence, Floats]:
        """The diffusion-weighted image, and the ADC from it and the unweighted one."""
        base = spin_echo(self.body.table, self.settings.repetition_time_ms, self.drawn["echo_time_ms"])
        weighted = diffusion(base, self.body.table, B_VALUE)
        low, high = (self._sample(self._with_flow_void(values)) for values in (base, weighted))
        if distortion := self._distortion(low):
            low, high = distortion.apply(low), distortion.apply(high)
        low, high = (self._finish(values, _white(base)) for values in (low, high))
        sigma = self.drawn["noise"] * self.drawn["scale"]
        return {Sequence.DWI: high, Sequence.ADC: diffusion_coefficient(low, high, sigma)}

    def flair(self) -> Floats:
        """Blood that moves gives no spin echo; blood that stands does, and shines in the vessels beyond a clot."""
        timing = (self.settings.repetition_time_ms, self.settings.inversion_time_ms, self.drawn["echo_time_ms"])
        signal = inversion_recovery(self.body.table, *timing)
        return self._finish(self._sample(self._with_flow_void(signal)), _white(signal))

    def time_of_flight(self) -> Floats:
        """Fresh blood shines; blood that stands, and slow blood of veins, is saturated like tissue."""
        timing = (self.settings.repetition_time_ms, self.drawn["echo_time_ms"], self.settings.flip_degrees)
        signal = spoiled_gradient_echo(self.body.table, *timing)
        fresh = inflow(self.body.table, self._pulses(TOF_SLAB_MM), *timing)[..., -3]
        return self._finish(self._sample(self.body.spread(signal, flowing=fresh)), _white(signal))

    def _pulses(self, slab_mm: float) -> Floats:
        """(K, 1): how many pulses the blood in each arterial voxel has met since it entered the slab from below."""
        space = self.scanner.space
        height = (self.body.arteries.voxels // (space.size[0] * space.size[1])) * space.spacing[2]
        travelled = np.mod(height, slab_mm)
        met = travelled / VELOCITY / (self.settings.repetition_time_ms / 1000.0)
        return np.asarray(met, dtype=np.float32)[:, None]

    def _with_flow_void(self, signal: Floats) -> Floats:
        """Spread a spin echo signal; what flows leaves the slice before the echo."""
        weak = signal.copy()
        weak[-2] *= 1.0 - SLOW_FLOW_VOID
        return self.body.spread(weak, flowing=float(signal[-3]) * (1.0 - FLOW_VOID))

    def _sample(self, values: Floats) -> Floats:
        return sample(self.scanner.space, values, self.slab)

    def _distortion(self, like: Floats) -> Distortion | None:
        """What the readout does to an image such as `like`; None where it is not echo-planar."""
        if self.settings.readout_ms <= 0:
            return None
        field = sample(self.scanner.space, self.scanner.field_ppm, self.slab, thick=False)
        inside = like > 0.3 * np.percentile(like[::4, ::4, ::4], 90)
        hertz = shim(frequency_shift(field, self.scanner.centre.field_tesla), inside)
        seconds = self.drawn["blip"] * self.settings.readout_ms / 1000.0
        return Distortion(np.asarray(hertz * np.float32(seconds), dtype=np.float32))

    def _gain(self, shape: tuple[int, ...], white: float) -> Floats:
        """From signal to the scanner's units: shading, and a scale at which `white` is the signal of white matter."""
        terms = [self.drawn[term] for term in SHADING]
        return shading(shape, terms) * np.float32(self.drawn["scale"] / white)

    def _finish(self, values: Floats, white: float) -> Floats:
        """Bring magnitudes to the scanner's units, add noise, round."""
        noise = self.drawn["noise"] * self.drawn["scale"]
        return _whole(add_noise(values * self._gain(values.shape, white), noise, self.random))


def _whole(values: Floats) -> Floats:
    """As a scanner writes them."""
    return np.asarray(np.rint(np.minimum(values, LARGEST)), dtype=np.float32)


def diffusion_coefficient(unweighted: Floats, weighted: Floats, sigma: float) -> Floats:
    """ADC in 1e-6 mm2/s from b0 and b1000, 0 where there is only noise (five sigma), as scanners deliver it."""
    enough = unweighted > 5.0 * sigma
    ratio = np.log(np.maximum(unweighted, 1e-6) / np.maximum(weighted, 1e-6))
    return np.where(enough, np.rint(np.clip(ratio * (1e6 / B_VALUE), 0.0, 4000.0)), 0.0).astype(np.float32)


def _white(signal: Floats) -> float:
    """Signal of white matter, to which noise and scale refer."""
    return float(signal[tissue.label_of(tissue.WHITE)])
