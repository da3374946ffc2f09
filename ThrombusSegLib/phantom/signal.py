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


def gradient_echo(magnitude: Floats, field_ppm: Floats, field_tesla: float, echo_ms: float) -> Complex:
    """Signal with the phase that the field has given it by the echo: averaged over a voxel it blooms.

    Within a fine voxel the field varies linearly; the signal dephases by the sinc of the phase's change across it.
    """
    phase = (field_ppm * np.float32(GYROMAGNETIC_RATIO * 1e-6 * field_tesla * echo_ms * 1e-3)).astype(np.float32)
    dephased = magnitude
    for axis in range(3):
        change = np.gradient(phase, axis=axis)
        dephased = dephased * np.sinc(change / np.float32(2.0 * np.pi))
    return np.asarray(dephased * np.exp(1j * phase), dtype=np.complex64)


def _float32(values: NDArray[np.floating]) -> Floats:
    return np.asarray(values, dtype=np.float32)
