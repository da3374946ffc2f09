"""Signal equations: maps of tissue parameters in, maps of signal out, on the fine grid.

Standard forms as in Bernstein, King and Zhou, Handbook of MRI Pulse Sequences (2004): spin echo (14.3), spoiled
gradient echo (14.1), inversion recovery (14.2), diffusion weighting (17.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .space import Floats, Space

Complex = NDArray[np.complex64]

#: Gyromagnetic ratio of the proton, rad / (s T) (CODATA).
GYROMAGNETIC_RATIO = 2.6752218744e8


@dataclass(frozen=True)
class TissueMaps:
    """Parameters of every voxel of the fine grid, (z, y, x)."""

    proton_density: Floats
    t1_ms: Floats
    t2_ms: Floats
    t2_star_ms: Floats
    diffusivity: Floats
    """1e-3 mm2/s."""
    susceptibility_ppm: Floats


def spin_echo(maps: TissueMaps, repetition_ms: float, echo_ms: float) -> Floats:
    """S = PD (1 - exp(-TR/T1)) exp(-TE/T2)."""
    recovered = 1.0 - np.exp(-repetition_ms / maps.t1_ms)
    return _float32(maps.proton_density * recovered * np.exp(-echo_ms / maps.t2_ms))


def diffusion(base: Floats, maps: TissueMaps, b_value: float) -> Floats:
    """S = S0 exp(-b D), b in s/mm2."""
    return _float32(base * np.exp(-b_value * 1e-3 * maps.diffusivity))


def inversion_recovery(maps: TissueMaps, repetition_ms: float, inversion_ms: float, echo_ms: float) -> Floats:
    """S = PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)."""
    recovered = np.abs(1.0 - 2.0 * np.exp(-inversion_ms / maps.t1_ms) + np.exp(-repetition_ms / maps.t1_ms))
    return _float32(maps.proton_density * recovered * np.exp(-echo_ms / maps.t2_ms))


def spoiled_gradient_echo(maps: TissueMaps, repetition_ms: float, echo_ms: float, flip_degrees: float) -> Floats:
    """S = PD sin(a) (1 - E1) / (1 - cos(a) E1) exp(-TE/T2*), E1 = exp(-TR/T1)."""
    flip = np.deg2rad(flip_degrees)
    e1 = np.exp(-repetition_ms / maps.t1_ms)
    steady = np.sin(flip) * (1.0 - e1) / (1.0 - np.cos(flip) * e1)
    return _float32(maps.proton_density * steady * np.exp(-echo_ms / maps.t2_star_ms))


def dipole_field(susceptibility_ppm: Floats, space: Space) -> Floats:
    """Change of the main field along z by susceptibility, in ppm: convolution with the dipole kernel.

    In k-space, field = susceptibility (1/3 - kz^2 / k^2) (Marques and Bowtell, Concepts Magn Reson B 25:65, 2005).
    Away from the array's border; the convolution is cyclic.
    """
    frequencies = [np.fft.fftfreq(count, step) for count, step in zip(space.size, space.spacing, strict=True)]
    kx = np.fft.rfftfreq(space.size[0], space.spacing[0]).astype(np.float32)[None, None, :]
    ky = frequencies[1].astype(np.float32)[None, :, None]
    kz = frequencies[2].astype(np.float32)[:, None, None]
    squared = kx**2 + ky**2 + kz**2
    squared[0, 0, 0] = 1.0
    kernel = np.float32(1.0 / 3.0) - kz**2 / squared
    kernel[0, 0, 0] = 0.0
    spectrum = np.fft.rfftn(susceptibility_ppm) * kernel
    return _float32(np.fft.irfftn(spectrum, s=susceptibility_ppm.shape, axes=(0, 1, 2)))


def inflow(
    maps: TissueMaps, pulses: Floats | float, repetition_ms: float, echo_ms: float, flip_degrees: float
) -> Floats:
    """Signal of blood that has met so many pulses since it entered the slab; fresh blood shines, old blood does not.

    M before pulse n + 1 is Mss + (M0 - Mss) (cos(a) E1)^n, Mss = (1 - E1) / (1 - cos(a) E1) M0 (Bernstein et al. 2004,
    time-of-flight angiography, 15.3); S = PD sin(a) M exp(-TE/T2*).
    """
    flip = np.deg2rad(flip_degrees)
    e1 = np.exp(-repetition_ms / maps.t1_ms)
    steady = (1.0 - e1) / (1.0 - np.cos(flip) * e1)
    along = steady + (1.0 - steady) * (np.cos(flip) * e1) ** np.asarray(pulses)
    return _float32(maps.proton_density * np.sin(flip) * along * np.exp(-echo_ms / maps.t2_star_ms))


def frequency_shift(field_ppm: Floats, field_tesla: float) -> Floats:
    """Shift of the resonance in hertz by a change of the field in ppm."""
    return _float32(field_ppm * np.float32(GYROMAGNETIC_RATIO / (2 * np.pi) * 1e-6 * field_tesla))


def gradient_echo(magnitude: Floats, field_ppm: Floats, field_tesla: float, echo_ms: float) -> Complex:
    """Signal with the phase that the field has given it by the echo: averaged over a voxel it blooms.

    Within a fine voxel the field varies linearly; the signal dephases by the sinc of the phase's change across it.
    """
    phase = frequency_shift(field_ppm, field_tesla) * np.float32(2 * np.pi * echo_ms * 1e-3)
    dephased = magnitude.copy()
    for axis in range(3):
        half = np.abs(np.gradient(phase, axis=axis))
        half *= np.float32(0.5)
        np.maximum(half, np.float32(1e-3), out=half)
        dephased *= np.sin(half)
        dephased /= half
    signal = np.empty(phase.shape, dtype=np.complex64)
    np.multiply(dephased, np.cos(phase), out=signal.real)
    np.multiply(dephased, np.sin(phase), out=signal.imag)
    return signal


def high_pass_phase(signal: Complex, window: int = 64) -> Floats:
    """Phase of each slice, (S, H, W), after the slow variation is divided out, radians in -pi..pi.

    The slow part is what a Hann window of so many samples in the middle of k-space keeps (homodyne filter of Haacke et
    al., Magn Reson Med 52:612, 2004, whose window is 64 samples wide).
    """
    spectrum = np.fft.fftshift(np.fft.fft2(signal), axes=(1, 2))
    keep = np.zeros(signal.shape[1:], dtype=np.float32)
    rows, columns = (min(window, count) for count in signal.shape[1:])
    top, left = (signal.shape[1] - rows) // 2, (signal.shape[2] - columns) // 2
    keep[top : top + rows, left : left + columns] = np.outer(np.hanning(rows), np.hanning(columns))
    slow = np.fft.ifft2(np.fft.ifftshift(spectrum * keep, axes=(1, 2)))
    return _float32(np.angle(signal * np.conj(slow)))


def phase_mask(phase: Floats) -> Floats:
    """What SWI multiplies the magnitude by: 1 where the phase is not positive, falling to 0 at pi, to the fourth power.

    Haacke et al. (2004) write it for a scanner in which veins have negative phase; here a paramagnetic vein along the
    field has positive phase.
    """
    linear = np.clip((np.float32(np.pi) - phase) / np.float32(np.pi), 0.0, 1.0)
    return _float32(linear**4)


def minimum_projection(values: Floats, slices: int) -> Floats:
    """Minimum over a window of so many slices around each slice: (S, H, W) -> (S, H, W)."""
    reach = (slices - 1) // 2, slices // 2
    padded = np.pad(values, (reach, (0, 0), (0, 0)), mode="edge")
    return _float32(np.min([padded[start : start + len(values)] for start in range(slices)], axis=0))


def _float32(values: NDArray[np.floating]) -> Floats:
    return np.asarray(values, dtype=np.float32)
