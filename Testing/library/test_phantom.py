"""The simulator: physics against closed forms, geometry, and the same seed giving the same voxels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.phantom import SimulatedCase, centre_names, find_centre, simulate_case, tissue, write_cohort
from ThrombusSegLib.phantom.acquire import Distortion, add_noise, shim
from ThrombusSegLib.phantom.anatomy import Head, build_head
from ThrombusSegLib.phantom.body import infarcted
from ThrombusSegLib.phantom.real import find_real_shapes, real_infarct, with_real_tissue
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
from ThrombusSegLib.phantom.simulate import _absent
from ThrombusSegLib.phantom.space import Space, Tubes, arc_length, smooth_path
from ThrombusSegLib.phantom.stroke import SEGMENTS, WIDENING, Stroke, clot_tissue, draw_stroke
from ThrombusSegLib.phantom.territory import find_territory, infarct_of
from ThrombusSegLib.phantom.vessels import downstream
from ThrombusSegLib.sequences import Sequence

CUBE = Space(size=(64, 64, 64), spacing=(1.0, 1.0, 1.0), origin=(-31.5, -31.5, -31.5))
#: The head on a coarse grid: fast, and good enough for what does not depend on fine structure.
COARSE = Space(size=(84, 104, 60), spacing=(2.0, 2.0, 2.5), origin=(-83.0, -95.0, -62.0))


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


@pytest.fixture(scope="module")
def strokes() -> list[tuple[Head, Stroke]]:
    drawn = []
    for number in range(120):
        head = build_head(COARSE, np.random.default_rng([5, number, 0]))
        drawn.append((head, draw_stroke(COARSE, head, np.random.default_rng([5, number, 1]))))
    return drawn


def test_strokes_are_drawn_as_the_literature_has_them(strokes: list[tuple[Head, Stroke]]) -> None:
    truths = [stroke.truth for _, stroke in strokes if stroke.truth is not None]
    assert len(truths) == 120
    share = {name: np.mean([t.segment == name for t in truths]) for name in SEGMENTS}
    assert share["M1"] == pytest.approx(0.42, abs=0.14)  # three standard errors of 120 draws
    assert np.mean([not t.sign_present for t in truths]) == pytest.approx(0.15, abs=0.1)
    assert np.mean([t.fragments > 1 for t in truths]) == pytest.approx(0.08, abs=0.08)
    proximal = [t.length_mm for t in truths if t.segment in ("ICA", "M1")]
    assert 10.0 < np.median(proximal) < 22.0
    assert all(3.0 <= t.length_mm <= 40.0 and 0.5 <= t.hours_since_onset <= 24.0 for t in truths)
    assert {t.side for t in truths} >= {"left", "right", "midline"}


def test_clots_lie_inside_their_stretched_arteries(strokes: list[tuple[Head, Stroke]]) -> None:
    for head, stroke in strokes[:30]:
        assert stroke.truth is not None
        stretched = Tubes(COARSE)
        for artery in head.arteries:
            if artery.segment in stroke.truth.segments and artery.side in (stroke.truth.side, "left", "right"):
                stretched.draw(artery.points, WIDENING[1] * artery.radius_mm * 1.01)
        assert (stroke.clot <= stretched.inside + 1e-3).all(), stroke.truth


def test_infarcts_keep_to_the_territory_of_the_clot(strokes: list[tuple[Head, Stroke]]) -> None:
    x, _, _ = COARSE.axes()
    right_side = 0
    for _, stroke in strokes:
        assert stroke.truth is not None
        if stroke.truth.segment not in ("M1", "M2 superior", "M2 inferior") or not stroke.infarct.any():
            continue
        own = (x > 0) if stroke.truth.side == "left" else (x < 0)
        assert (stroke.infarct * own).sum() > 0.9 * stroke.infarct.sum()
        assert stroke.truth.infarct_ml <= 1.3 * stroke.truth.starved_ml + 2.0
        right_side += 1
    assert right_side > 40


def test_collaterals_save_tissue_and_hours_lose_it(strokes: list[tuple[Head, Stroke]]) -> None:
    head, _ = strokes[0]
    m1 = next(artery for artery in head.arteries if artery.segment == "M1")
    territory = find_territory(COARSE, head, [m1, *downstream(head.arteries, m1)], np.random.default_rng(0))

    def lost(hours: float, collaterals: float) -> float:
        return float(infarct_of(COARSE, head, territory, hours, collaterals).sum())

    assert lost(3.0, 0.9) < lost(3.0, 0.2) < lost(8.0, 0.2)
    assert territory.millilitres > 50.0


def test_patient_is_the_same_at_every_centre_and_the_images_are_not() -> None:
    one, other = (simulate_case(find_centre(name), 21, 0, space=COARSE) for name in ("A", "B"))
    assert one.truth["stroke"] == other.truth["stroke"]
    assert one.truth["head"] == other.truth["head"]
    assert one.images[Sequence.SWI].GetSize() != other.images[Sequence.SWI].GetSize()


def test_mimics_have_no_clot_and_swelling_is_no_infarct() -> None:
    kinds = set()
    for number in range(12):
        mimic = simulate_case(find_centre("A"), 31, number, clot=False, space=COARSE)
        labels = sitk.GetArrayFromImage(mimic.labels)
        assert not (labels == 1).any() and mimic.truth["stroke"] is None and mimic.truth["clot"] is False
        kinds.add(mimic.truth["mimic"])
        assert (labels == 2).any() == (mimic.truth["mimic"] == "lacune")
    assert kinds == {"nothing", "swelling", "lacune"}


def test_sequences_are_missing_as_often_as_the_centre_says() -> None:
    centre = find_centre("E")
    drawn = [_absent(centre, np.random.default_rng(number)) for number in range(1000)]
    for sequence, acquisition in centre.acquisitions.items():
        if sequence is not Sequence.ADC:
            assert np.mean([sequence in absent for absent in drawn]) == pytest.approx(1 - acquisition.present, abs=0.04)
    lonely = _absent(
        replace(centre, acquisitions={Sequence.SWI: centre.acquisitions[Sequence.SWI]}), np.random.default_rng(1)
    )
    assert lonely == set(Sequence) - {Sequence.SWI}


def test_labels_lie_on_the_reference_when_swi_is_absent() -> None:
    centre = find_centre("F")
    without = {sequence: each for sequence, each in centre.acquisitions.items() if sequence is not Sequence.SWI}
    case = simulate_case(replace(centre, acquisitions=without), 3, 1, space=COARSE)
    assert case.truth["absent"] and Sequence.SWI not in case.images
    assert case.labels.GetSize() == case.images[Sequence.DWI].GetSize()
    assert case.truth["measured"]["clot_to_noise"] is None


def test_six_centres_and_the_sample_can_be_read() -> None:
    assert centre_names() == ["A", "B", "C", "D", "E", "F", "sample"]
    for name in centre_names():
        centre = find_centre(name)
        assert centre.name == name and centre.description
    assert all(each.present == 1.0 for each in find_centre("A").acquisitions.values())


SWI_TABLE = "[SWI]\nin_plane_mm = [1, 1]\nslice_mm = [3, 4]\necho_time_ms = [20, 25]\nnoise = [0, 0.1]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("field_tesla = 30.0\n" + SWI_TABLE, "field_tesla is 30"),
        (SWI_TABLE + 'orientation = "oblique"\n', r"\[SWI\]: orientation 'oblique'"),
        ("[SWI]\nin_plane_mm = 0.9\n", r"\[SWI\]: 'in_plane_mm'.*two numbers"),
        ("[SWI]\nin_plane = [0.9, 1.0]\n", r"no setting 'in_plane'"),
        ("[PET]\n", r"\[PET\] is no sequence"),
        ("field_tesla = 3.0\n", "measures no sequence"),
        ("[SWI]\nnoise = [0.1, 0.2]\n", r"\[SWI\]: echo_time_ms, in_plane_mm, slice_mm missing"),
        ("[SWI\n", "not valid TOML"),
    ],
)
def test_wrong_centre_files_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        find_centre(str(path))


def test_orientation_of_slices(case: SimulatedCase) -> None:
    sagittal = simulate_case(find_centre("C"), 21, 1, space=COARSE)
    normals = {name: np.array(image.GetDirection()).reshape(3, 3)[:, 2] for name, image in sagittal.images.items()}
    if Sequence.FLAIR in normals:
        assert abs(normals[Sequence.FLAIR][0]) > 0.9
    assert abs(normals[Sequence.DWI][2]) > 0.8
    assert abs(np.array(case.images[Sequence.SWI].GetDirection()).reshape(3, 3)[2, 2]) > 0.8


def test_contrast_is_that_of_the_image(case: SimulatedCase) -> None:
    measured, stroke = case.truth["measured"], case.truth["stroke"]
    voxel = np.prod(case.labels.GetSpacing())
    labels = sitk.GetArrayFromImage(case.labels)
    assert measured["clot_label_mm3"] == pytest.approx((labels == 1).sum() * voxel)
    assert measured["clot_label_mm3"] == pytest.approx(stroke["volume_mm3"], rel=0.6, abs=30)
    assert measured["vein_to_noise"] > 0.5


def ball(path: Path, centre: tuple[float, float, float], radius: float) -> Path:
    """A binary mask in standard space, as someone's drawn infarct."""
    grid = Space(size=(80, 100, 70), spacing=(2.0, 2.0, 2.0), origin=(-80.0, -100.0, -60.0))
    mask = (grid.ellipsoid(centre, (radius, radius, radius)) < 1.0).astype(np.uint8)
    sitk.WriteImage(grid.image(mask), path)
    return path


def test_a_real_infarct_is_taken_where_it_fits_the_territory(tmp_path: Path) -> None:
    left = ball(tmp_path / "left.nii.gz", (45.0, 5.0, 20.0), 14.0)
    right = ball(tmp_path / "right.nii.gz", (-45.0, 5.0, 20.0), 14.0)
    shapes = find_real_shapes(tmp_path, None)
    assert shapes.infarcts == (left, right)
    head = build_head(COARSE, np.random.default_rng([5, 0, 0]))
    for side, expected in (("left", left.name), ("right", right.name)):
        m1 = next(artery for artery in head.arteries if (artery.segment, artery.side) == ("M1", side))
        fed = find_territory(COARSE, head, [m1, *downstream(head.arteries, m1)], np.random.default_rng(0))
        found = real_infarct(COARSE, head, fed, shapes, np.random.default_rng(1))
        assert found is not None and found[1] == expected
        x, _, _ = COARSE.axes()
        assert np.sign((found[0] * x).sum()) == (1 if side == "left" else -1)
    basilar = next(artery for artery in head.arteries if artery.segment == "basilar")
    brainstem = find_territory(COARSE, head, [basilar], np.random.default_rng(0))
    assert real_infarct(COARSE, head, brainstem, shapes, np.random.default_rng(1)) is None


def test_real_tissue_replaces_brain_and_nothing_else(tmp_path: Path) -> None:
    grid = Space(size=(80, 100, 70), spacing=(2.0, 2.0, 2.0), origin=(-80.0, -100.0, -60.0))
    radius = grid.ellipsoid((0.0, 10.0, 15.0), (60.0, 78.0, 60.0))
    t1 = np.select([radius < 0.7, radius < 0.9, radius < 1.0], [1000.0, 600.0, 200.0]).astype(np.float32)
    sitk.WriteImage(grid.image(t1), tmp_path / "someone_T1.nii.gz")
    head = build_head(COARSE, np.random.default_rng([5, 0, 0]))
    real = with_real_tissue(COARSE, head, find_real_shapes(None, tmp_path), np.random.default_rng(0))
    assert real.drawn["tissue_of"] == "someone_T1.nii.gz"
    changed = real.labels != head.labels
    soft = [tissue.label_of(each) for each in (tissue.CSF, tissue.GREY, tissue.WHITE)]
    assert changed.any() and np.isin(head.labels[changed], soft).all() and np.isin(real.labels[changed], soft).all()
    inside = COARSE.ellipsoid((0.0, 10.0, 40.0), (12.0, 40.0, 6.0)) < 1.0
    assert np.mean(real.labels[inside & np.isin(head.labels, soft)] == tissue.label_of(tissue.WHITE)) > 0.8


def test_folders_of_real_shapes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.nii\.gz"):
        find_real_shapes(tmp_path / "nowhere", None)
    ball(tmp_path / "mask.nii.gz", (0.0, 0.0, 0.0), 10.0)
    with pytest.raises(InputError, match="no T1-weighted"):
        find_real_shapes(None, tmp_path)
