"""The simulator: physics against closed forms, geometry, and the same seed giving the same voxels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.phantom import SimulatedCase, find_centre, simulate_case, write_cohort
from ThrombusSegLib.phantom.acquire import add_noise
from ThrombusSegLib.phantom.signal import (
    TissueMaps,
    diffusion,
    dipole_field,
    gradient_echo,
    inversion_recovery,
    spin_echo,
)
from ThrombusSegLib.phantom.space import Space, Tubes, arc_length, smooth_path
from ThrombusSegLib.phantom.vessels import downstream, draw_arteries
from ThrombusSegLib.sequences import Sequence

CUBE = Space(size=(64, 64, 64), spacing=(1.0, 1.0, 1.0), origin=(-31.5, -31.5, -31.5))


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case(find_centre("A"), 11, 2)


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


def test_tubes_have_the_volume_of_tubes() -> None:
    tubes = Tubes(CUBE)
    path = smooth_path(np.array([[-20.0, 3, 0], [0, 0, 2], [20, 1, -1]]))
    tubes.draw(path, 3.0)
    expected = np.pi * 9 * arc_length(path)[-1] + 4 / 3 * np.pi * 27
    assert tubes.inside.sum() == pytest.approx(expected, rel=0.06)


def test_arteries_are_joined_and_on_their_sides() -> None:
    arteries = draw_arteries(np.random.default_rng(3))
    by_name = {(a.segment, a.side): a for a in arteries}
    assert len(by_name) == len(arteries) == 17
    for side, sign in (("left", 1), ("right", -1)):  # LPS: the patient's left is positive
        m1 = by_name[("M1", side)]
        assert np.sign(m1.points[:, 0].mean()) == sign
        assert np.allclose(m1.points[0], by_name[("ICA", side)].points[-1])
        fed = {a.segment for a in downstream(arteries, by_name[("ICA", side)])}
        assert fed == {"M1", "M2 superior", "M2 inferior", "A1", "A2"}


def test_a_case_has_all_sequences_and_a_clot_on_its_side(case: SimulatedCase) -> None:
    assert set(case.images) == set(Sequence)
    stroke = case.truth["stroke"]
    labels = sitk.GetArrayFromImage(case.labels)
    assert (labels == 1).any() and labels.max() <= 2
    assert case.labels.GetSize() == case.images[Sequence.SWI].GetSize()
    positions = np.array(
        [case.labels.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]]) for index in np.argwhere(labels == 1)]
    )
    if stroke["side"] != "midline":
        assert np.sign(positions[:, 0].mean()) == (1 if stroke["side"] == "left" else -1)


def test_adc_is_recovered_within_noise(case: SimulatedCase) -> None:
    adc = sitk.GetArrayFromImage(case.images[Sequence.ADC])
    assert np.median(adc[(adc > 400) & (adc < 1200)]) == pytest.approx(750, abs=60)  # brain, 1e-6 mm2/s


def test_clot_is_dark_on_swi() -> None:
    simulated = [simulate_case(find_centre("A"), 12, number) for number in range(3)]
    signed = next(each for each in simulated if each.truth["stroke"]["sign_present"])
    swi = sitk.GetArrayFromImage(signed.images[Sequence.SWI])
    labels = sitk.GetArrayFromImage(signed.labels)
    brain = swi[swi > np.percentile(swi, 60)]
    assert np.median(swi[labels == 1]) < 0.6 * np.median(brain)


def test_same_seed_same_voxels(case: SimulatedCase) -> None:
    again = simulate_case(find_centre("A"), 11, 2)
    for sequence, image in case.images.items():
        assert np.array_equal(sitk.GetArrayViewFromImage(image), sitk.GetArrayViewFromImage(again.images[sequence]))
    assert case.truth == again.truth


def test_cohort_is_the_same_on_any_number_of_processes(tmp_path: Path) -> None:
    for processes in (1, 2):
        write_cohort(tmp_path / str(processes), centre="A", cases=2, seed=5, processes=processes)
    one, two = (sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("1", "2"))
    assert [p.relative_to(tmp_path / "1") for p in one] == [p.relative_to(tmp_path / "2") for p in two]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))
    assert json.loads((tmp_path / "1" / "A-5-0000" / "truth.json").read_text())["stroke"]["segment"]


def test_unknown_centre_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'Z'.*Known: A"):
        write_cohort(tmp_path, centre="Z", cases=1, seed=1)
    with pytest.raises(InputError, match="0 cases"):
        write_cohort(tmp_path, centre="A", cases=0, seed=1)
