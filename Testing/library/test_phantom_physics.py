"""Signal equations and defects of a scanner against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.phantom import find_centre, simulate_case, tissue
from ThrombusSegLib.phantom.acquire import Distortion, add_complex_noise, add_noise, shim
from ThrombusSegLib.phantom.body import infarcted
from ThrombusSegLib.phantom.signal import (
    TissueMaps,
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
from ThrombusSegLib.phantom.space import Space
from ThrombusSegLib.phantom.stroke import clot_tissue
from ThrombusSegLib.sequences import Sequence

#: A whole head, coarse: fast.
COARSE = Space(size=(84, 104, 60), spacing=(2.0, 2.0, 2.5), origin=(-83.0, -95.0, -62.0))
CUBE = Space(size=(64, 64, 64), spacing=(1.0, 1.0, 1.0), origin=(-31.5, -31.5, -31.5))


def maps_of(**values: float) -> TissueMaps:
    usual = {"proton_density": 0.8, "t1_ms": 900.0, "t2_ms": 90.0, "t2_star_ms": 50.0, "diffusivity": 0.8}
    filled = {**usual, "susceptibility_ppm": 0.0, **values}
    return TissueMaps(**{name: np.full((1, 1, 1), value, np.float32) for name, value in filled.items()})


def test_spin_echo_and_diffusion_follow_their_equations() -> None:
    base = spin_echo(maps_of(), 4000.0, 80.0)
    assert base.item() == pytest.approx(0.8 * (1 - np.exp(-4000 / 900)) * np.exp(-80 / 90), rel=1e-5)
    weighted = diffusion(base, maps_of(), 1000.0)
    assert np.log(base.item() / weighted.item()) == pytest.approx(0.8, rel=1e-5)  # 1e-3 mm2/s times 1000 s/mm2


def test_inversion_recovery_nulls_fluid() -> None:
    null = 4200.0 * np.log(2.0)
    assert inversion_recovery(maps_of(t1_ms=4200.0), 1e9, null, 1.0).item() == pytest.approx(0.0, abs=1e-5)


def test_field_of_a_sphere_is_that_of_a_dipole() -> None:
    radius = 6.0
    sphere = (CUBE.ellipsoid((0, 0, 0), (radius, radius, radius)) <= 1.0).astype(np.float32)
    field = dipole_field(sphere, CUBE)
    effective = (3 * sphere.sum() / (4 * np.pi)) ** (1 / 3)
    for z, y, x in ((46, 32, 32), (32, 46, 32), (42, 42, 32)):
        position = np.array([CUBE.origin[0] + x, CUBE.origin[1] + y, CUBE.origin[2] + z])
        distance = np.linalg.norm(position)
        expected = (effective / distance) ** 3 * (3 * (position[2] / distance) ** 2 - 1) / 3
        assert field[z, y, x] == pytest.approx(expected, abs=0.004)


def test_blooming_grows_with_echo_time_and_field() -> None:
    sphere = (CUBE.ellipsoid((0, 0, 0), (2.0, 2.0, 2.0)) <= 1.0).astype(np.float32)
    field = dipole_field(1.5 * sphere, CUBE)
    flat = np.ones(CUBE.shape, dtype=np.float32)

    def dark(tesla: float, echo: float) -> int:
        signal = gradient_echo(flat, field, tesla, echo)
        sliced = np.abs(signal.reshape(32, 2, 64, 64).mean(axis=1))
        return int((sliced < 0.7).sum())

    assert dark(3.0, 10.0) < dark(3.0, 20.0) < dark(3.0, 40.0)
    assert dark(1.5, 20.0) < dark(3.0, 20.0)


def test_noise_is_rician() -> None:
    random = np.random.default_rng(0)
    background = add_noise(np.zeros((40, 100, 100), np.float32), 2.0, random)
    assert background.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.01)  # Rayleigh where there is no signal


def test_fresh_blood_shines_and_saturates_towards_the_steady_state() -> None:
    maps = maps_of(t1_ms=1650.0, t2_star_ms=80.0, proton_density=0.85)
    tr, echo, flip = 22.0, 3.5, 18.0
    e1, cosine = np.exp(-tr / 1650.0), np.cos(np.deg2rad(flip))
    first = 0.85 * np.sin(np.deg2rad(flip)) * np.exp(-echo / 80.0)
    assert inflow(maps, 0.0, tr, echo, flip).item() == pytest.approx(first, rel=1e-5)
    steady = spoiled_gradient_echo(maps, tr, echo, flip).item()
    assert inflow(maps, 1e4, tr, echo, flip).item() == pytest.approx(steady, rel=1e-5)
    # three pulses, one after the other: M -> M cos(a) E1 + 1 - E1
    magnetisation = 1.0
    for _ in range(3):
        magnetisation = magnetisation * cosine * e1 + 1.0 - e1
    assert inflow(maps, 3.0, tr, echo, flip).item() == pytest.approx(first * magnetisation, rel=1e-5)


def test_frequency_shift_of_one_ppm_at_three_tesla() -> None:
    assert frequency_shift(np.ones((1, 1, 1), np.float32), 3.0).item() == pytest.approx(127.73, abs=0.01)


def test_high_pass_keeps_small_and_removes_slow_phase() -> None:
    y, x = np.mgrid[0:128, 0:128]
    slow = 0.5 * np.sin(2 * np.pi * x / 128)
    small = np.where((x - 64) ** 2 + (y - 64) ** 2 < 4, 1.5, 0.0)
    phase = high_pass_phase(np.exp(1j * (slow + small))[None].astype(np.complex64), window=32)[0]
    assert np.abs(phase[10:30, 10:118]).max() < 0.15
    assert phase[64, 64] > 0.8


def test_phase_mask_darkens_only_positive_phase() -> None:
    mask = phase_mask(np.array([-3.0, 0.0, np.pi / 2, np.pi], dtype=np.float32))
    assert mask == pytest.approx([1.0, 1.0, 1 / 16, 0.0], abs=1e-6)


def test_minimum_projection_spreads_the_dark_over_its_window() -> None:
    values = np.ones((9, 1, 1), dtype=np.float32)
    values[4] = 0.0
    assert minimum_projection(values, 3).ravel().tolist() == [1, 1, 1, 0, 0, 0, 1, 1, 1]


def test_distortion_moves_signal_and_keeps_its_sum() -> None:
    values = np.zeros((1, 40, 3), dtype=np.float32)
    values[0, 10] = 1.0
    moved = Distortion(np.full(values.shape, 5.0, dtype=np.float32)).apply(values)
    assert moved.sum() == pytest.approx(3.0, rel=1e-5)
    centre = (moved[0, :, 1] * np.arange(40)).sum() / moved[0, :, 1].sum()
    assert centre == pytest.approx(15.0, abs=0.01)


def test_signal_piles_up_where_the_shift_falls() -> None:
    rows = np.arange(60, dtype=np.float32)
    shift = np.broadcast_to((-0.5 * (rows - 30))[None, :, None], (1, 60, 2)).astype(np.float32)  # all move inwards
    squeezed = Distortion(shift).apply(np.ones((1, 60, 2), np.float32))
    assert squeezed[0, 30, 0] == pytest.approx(2.0, rel=0.02)  # half the length, twice the signal
    assert squeezed[0, 5, 0] == pytest.approx(0.0, abs=1e-6)


def test_shim_takes_out_a_plane_and_nothing_else() -> None:
    z, y, x = np.mgrid[0:6, 0:20, 0:20].astype(np.float32)
    bump = np.where((y > 8) & (y < 12) & (x > 8) & (x < 12), 40.0, 0.0).astype(np.float32)
    left = shim(7.0 + 2.0 * z - 3.0 * y + x + bump, bump == 0)
    assert left == pytest.approx(bump, abs=1e-2)


def test_infarct_restricts_diffusion_early_and_raises_t2_late() -> None:
    early, late = (infarcted(tissue.GREY, hours) for hours in (1.0, 12.0))
    assert early.diffusivity < 0.85 * tissue.GREY.diffusivity
    assert late.diffusivity == pytest.approx(0.6 * tissue.GREY.diffusivity, rel=0.01)
    assert early.t2_ms < 1.1 * tissue.GREY.t2_ms < late.t2_ms
    assert infarcted(tissue.CSF, 12.0) is tissue.CSF
    swollen = infarcted(tissue.GREY, 12.0, oedema=True)
    assert swollen.diffusivity > tissue.GREY.diffusivity


def test_clot_decays_faster_the_redder_it_is() -> None:
    white, red = clot_tissue(0.05), clot_tissue(1.5)
    assert red.t2_star_ms[1] < 15 < 50 < white.t2_star_ms[1]
    assert red.t2_star_ms[1] < red.t2_star_ms[0]


def test_adc_is_flat_where_the_coil_shades() -> None:
    """One receive field for both b-values: their ratio has none."""
    centre = find_centre("E")
    case = simulate_case(replace(centre, shading=0.5, motion_mm=0.0), 31, 0, clot=False, space=COARSE)
    again = simulate_case(replace(centre, shading=0.0, motion_mm=0.0), 31, 0, clot=False, space=COARSE)
    shaded, flat = (sitk.GetArrayFromImage(each.images[Sequence.ADC]) for each in (case, again))
    dwi, plain = (sitk.GetArrayFromImage(each.images[Sequence.DWI]) for each in (case, again))
    both = (shaded > 0) & (flat > 0)
    ratio = dwi[both] / np.maximum(plain[both], 1.0)
    assert np.percentile(ratio, 95) > 1.5 * np.percentile(ratio, 5), "the diffusion images are shaded"
    middle = (flat > 500) & (flat < 1000) & both
    rows = np.argwhere(middle)
    for axis in (1, 2):
        low = rows[:, axis] < np.median(rows[:, axis])
        values = shaded[middle]
        assert np.median(values[low]) == pytest.approx(np.median(values[~low]), rel=0.12)


def test_noise_of_the_phase_goes_into_the_mask() -> None:
    random = np.random.default_rng(3)
    noisy = add_complex_noise(np.full((1, 64, 64), 10.0, np.complex64), 0.5, random)
    assert float(np.angle(noisy).std()) == pytest.approx(0.05, rel=0.1)  # sigma over signal, radians
    assert float(np.abs(noisy).std()) == pytest.approx(0.5, rel=0.1)
