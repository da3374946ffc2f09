"""Crops: where they are laid, how they are varied, and that a step's crops depend on nothing but the step."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow
from ThrombusSegLib.errors import InputError, MachineError
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.training import TrainSettings
from ThrombusSegLib.training.augment import (
    Appearance,
    Geometry,
    apply_appearance,
    apply_geometry,
    draw_appearance,
    draw_geometry,
)
from ThrombusSegLib.training.cases import find_lookalikes
from ThrombusSegLib.training.crops import TrainingCase, draw_batch, load_cases, make_case
from ThrombusSegLib.training.settings import (
    AugmentSettings,
    CropSettings,
    DataSettings,
    DifficultySettings,
    DropoutSettings,
)

OFF = AugmentSettings(
    chance=0.0,
    rotation_degrees=0.0,
    scaling=0.0,
    misregistration_mm=0.0,
    thick_slices=0.0,
    contrast=0.0,
    brightness=0.0,
)
SMALL = TrainSettings(
    DataSettings("manifest.csv"), steps=6, batch=2, warmup_steps=2, crop=CropSettings(slices=3, pixels=16)
)


def made_case(seed: int, *, clot: int = 12, simulated: bool = False) -> TrainingCase:
    random = np.random.default_rng(seed)
    images = random.standard_normal((5, 6, 24, 20)).astype(np.float16)
    labels = np.zeros((6, 24, 20), dtype=np.uint8)
    labels[2:4].reshape(-1)[10 * 20 + 8 : 10 * 20 + 8 + clot] = 1
    labels[4, :8, :8] = 2
    images[0][labels == 1] -= 3
    return make_case(images, np.array([1, 1, 1, 1, 0], bool), labels, 2.0, simulated=simulated)


def test_crops_depend_on_seed_and_step_alone() -> None:
    cases = [made_case(1), made_case(2)]
    one, two = draw_batch(cases, SMALL, 4), draw_batch(cases, SMALL, 4)
    assert np.array_equal(one.images, two.images) and np.array_equal(one.targets, two.targets)
    assert np.array_equal(one.present, two.present)
    assert one.images.shape == (2, 5, 3, 16, 16) and one.targets.shape == (2, 2, 3, 16, 16)
    assert one.images.dtype == one.targets.dtype == np.float32
    assert not np.array_equal(one.images, draw_batch(cases, SMALL, 5).images)
    assert not np.array_equal(one.images, draw_batch(cases, replace(SMALL, seed=2), 4).images)


def test_processes_share_a_step_between_them() -> None:
    cases, settings = [made_case(1), made_case(2)], replace(SMALL, batch=4)
    whole = draw_batch(cases, settings, 3)
    parts = [draw_batch(cases, settings, 3, places) for places in (range(0, 4, 2), range(1, 4, 2))]
    assert np.array_equal(whole.images[::2], parts[0].images) and np.array_equal(whole.images[1::2], parts[1].images)


def test_small_cases_are_filled_up() -> None:
    settings = replace(SMALL, crop=CropSettings(slices=9, pixels=40))
    for step in range(6):
        batch = draw_batch([made_case(1)], settings, step)
        assert batch.images.shape == (2, 5, 9, 40, 40) and np.isfinite(batch.images).all()


def test_absent_sequences_are_empty_and_the_others_are_not() -> None:
    for step in range(6):
        batch = draw_batch([made_case(1)], SMALL, step)
        filled = batch.images.any(axis=(2, 3, 4))
        assert (filled == batch.present).all() and not batch.present[:, 4].any()


def test_crops_hold_the_thrombus_as_often_as_asked() -> None:
    always = replace(SMALL, crop=CropSettings(slices=3, pixels=16, with_thrombus=1.0, with_lookalike=0.0), augment=OFF)
    assert all(draw_batch([made_case(3)], always, step).targets[:, 0].any(axis=(1, 2, 3)).all() for step in range(6))
    large = np.zeros((60, 100, 100), np.uint8)
    large[30, 50, 50] = 1
    case = TrainingCase(np.zeros((5, *large.shape), np.float16), np.ones(5, bool), large, np.argwhere(large == 1))
    half = replace(SMALL, steps=300, crop=CropSettings(3, 16, with_thrombus=0.5, with_lookalike=0.0), augment=OFF)
    held = [draw_batch([case], half, step).targets[:, 0].any(axis=(1, 2, 3)) for step in range(200)]
    assert np.mean(held) == pytest.approx(0.5, abs=0.06)


def test_cases_without_a_clot_give_crops_without_targets() -> None:
    empty = made_case(4, clot=0)
    assert empty.volume_mm3 == 0 and not len(empty.thrombus)
    settings = replace(SMALL, crop=CropSettings(3, 16, with_thrombus=1.0, with_lookalike=0.0), batch=8)
    assert not draw_batch([empty], settings, 0).targets[:, 0].any()
    # beside a case with one they are not aimed at, but seen where crops lie anywhere
    anywhere = replace(settings, crop=CropSettings(3, 16, with_thrombus=0.0, with_lookalike=0.0))
    assert draw_batch([empty, made_case(5)], settings, 0).targets[:, 0].any(axis=(1, 2, 3)).all()
    assert not draw_batch([empty, made_case(5)], anywhere, 0).targets[:, 0].any(axis=(1, 2, 3)).all()


def test_lookalikes_are_thin_dark_and_far_from_the_clot() -> None:
    swi = np.full((12, 80, 80), 0.3, np.float16)
    swi[:, :, 60:] = -3.5  # air: dark, not thin
    swi[:, 10:30, 20:22] = -2.0  # a vein
    swi[6, 60:62, 30:40] = -2.5  # the clot
    images = np.zeros((5, 12, 80, 80), np.float16)
    images[0] = swi
    labels = np.zeros((12, 80, 80), np.uint8)
    labels[6, 60:62, 30:40] = 1
    found = find_lookalikes(images, np.array([1, 0, 0, 0, 0], bool), labels)
    assert len(found) == 12 * 20 * 2
    assert (found[:, 1] >= 10).all() and (found[:, 1] < 30).all() and set(found[:, 2]) == {20, 21}
    assert len(find_lookalikes(images, np.array([0, 1, 0, 0, 0], bool), labels)) == 0


def test_lookalikes_are_aimed_at_as_often_as_asked() -> None:
    labels = np.zeros((60, 100, 100), np.uint8)
    images = np.zeros((5, *labels.shape), np.float16)
    images[0, 30, 50, 50] = -9.0
    case = replace(made_case(1), images=images, labels=labels, thrombus=np.full((1, 3), 5))
    case = replace(case, available=np.array([1, 0, 0, 0, 0], bool), lookalikes=np.array([[30, 50, 50]], np.int32))
    settings = replace(SMALL, steps=300, crop=CropSettings(3, 16, with_thrombus=0.5, with_lookalike=0.4), augment=OFF)
    seen = [(draw_batch([case], settings, step).images[:, 0] < -4).any(axis=(1, 2, 3)) for step in range(200)]
    assert np.mean(seen) == pytest.approx(0.4, abs=0.06)


def test_only_easy_clots_are_aimed_at_first() -> None:
    easy, hard = made_case(1, clot=30), replace(made_case(2, clot=2), labels=np.full((6, 24, 20), 2, np.uint8))
    settings = replace(
        SMALL,
        steps=100,
        batch=8,
        crop=CropSettings(3, 16, with_thrombus=1.0, with_lookalike=0.0),
        difficulty=DifficultySettings(easy_until=0.3, easy_share=0.5, all_from=0.6),
    )

    def from_hard(step: int) -> np.ndarray:
        return draw_batch([easy, hard], settings, step).targets[:, 1].all(axis=(1, 2, 3))

    assert not any(from_hard(step).any() for step in range(20))
    assert 0.3 < np.mean([from_hard(step) for step in range(60, 80)]) < 0.7


def test_simulated_cases_have_their_share() -> None:
    simulated = replace(made_case(2, simulated=True), labels=np.full((6, 24, 20), 2, np.uint8))
    settings = replace(SMALL, steps=200, batch=8, data=DataSettings("m.csv", phantom_centre="A", phantom_share=0.25))
    drawn = [draw_batch([made_case(1), simulated], settings, step) for step in range(60)]
    share = np.mean([batch.targets[:, 1].all(axis=(1, 2, 3)) for batch in drawn])
    assert share == pytest.approx(0.25, abs=0.06)
    for only in (made_case(1), simulated):
        assert draw_batch([only], settings, 0).images.shape == (8, 5, 3, 16, 16)


def test_geometry_moves_images_and_labels_alike() -> None:
    place = np.zeros((1, 40, 40), np.float32)
    place[0, 12:20, 22:30] = 1.0
    images, labels = np.repeat(place[None], 2, 0), place.astype(np.uint8)
    random = np.random.default_rng(0)
    for _ in range(20):
        drawn = replace(draw_geometry(AugmentSettings(chance=1.0, misregistration_mm=0.0), random), flip=(True, False))
        width = drawn.reach(24)
        cut = slice(20 - width // 2, 20 - width // 2 + width)
        moved, truth = apply_geometry(images[..., cut, cut], np.array([0, 3]), labels[..., cut, cut], drawn, 24)
        assert moved.shape == (2, 1, 24, 24) and truth.shape == (1, 24, 24)
        assert np.mean((moved[0] > 0.5) != (truth == 1)) < 0.01 and truth.any()


def test_a_quarter_turn_is_exact() -> None:
    images = np.random.default_rng(0).standard_normal((1, 2, 16, 16)).astype(np.float32)
    labels = (images[0] > 0).astype(np.uint8)
    turn = Geometry(np.pi / 2, 1.0, np.zeros((5, 2), np.float32), (False, False))
    moved, truth = apply_geometry(images, np.array([0]), labels, turn, 16)
    assert np.allclose(moved, np.rot90(images, axes=(-2, -1)), atol=1e-4)
    assert np.array_equal(truth, np.rot90(labels, axes=(-2, -1)))


def test_misregistration_moves_a_sequence_and_never_the_labels_or_swi() -> None:
    images = np.zeros((2, 1, 20, 20), np.float32)
    images[:, 0, 10, 10] = 1.0
    labels = (images[0] > 0).astype(np.uint8)
    shifts = np.zeros((5, 2), np.float32)
    shifts[3] = (2.0, -1.0)
    moved, truth = apply_geometry(images, np.array([0, 3]), labels, Geometry(0.0, 1.0, shifts, (False, False)), 20)
    assert np.argwhere(truth[0]).tolist() == [[10, 10]] and np.argwhere(moved[0, 0] > 0.9).tolist() == [[10, 10]]
    assert np.argwhere(moved[1, 0] > 0.9).tolist() == [[11, 8]]
    random = np.random.default_rng(0)
    drawn = [draw_geometry(AugmentSettings(chance=1.0, misregistration_mm=1.8), random) for _ in range(50)]
    assert all(not each.shifts[0].any() and np.abs(each.shifts).max() <= 2.0 for each in drawn)


def plain() -> Appearance:
    return draw_appearance(OFF, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("blur", 1.0, lambda old, new: new.std() < 0.5 * old.std()),
        ("thick", 1 / 3, lambda old, new: np.allclose(new[1], old[:3].mean(0), atol=1e-5)),
        ("gamma", 1.3, lambda old, new: (np.diff(new.ravel()[np.argsort(old.ravel())]) >= 0).all()),
        ("factor", 1.2, lambda old, new: np.allclose(new, 1.2 * old)),
        ("offset", 0.3, lambda old, new: np.allclose(new, old + 0.3)),
        ("noise", 0.2, lambda old, new: 0.15 < (new - old).std() < 0.25),
        (
            "bias",
            [0.0, 0.0, 0.1],
            lambda old, new: (new - old)[..., -1].mean() > 0.2 > -0.2 > (new - old)[..., 0].mean(),
        ),
    ],
)
def test_each_variation_does_its_own_thing_to_its_sequence(name: str, value: object, check: object) -> None:
    images = np.random.default_rng(1).standard_normal((2, 6, 16, 16)).astype(np.float32)
    values = getattr(plain(), name).copy()
    values[3] = value
    changed = apply_appearance(images, np.array([1, 3]), replace(plain(), **{name: values}), np.random.default_rng(2))
    assert np.array_equal(changed[0], images[0])
    assert check(images[1], changed[1])  # type: ignore[operator]


def test_nothing_changes_when_all_variations_are_off() -> None:
    images = np.random.default_rng(1).standard_normal((5, 6, 16, 16)).astype(np.float32)
    assert np.array_equal(apply_appearance(images, np.arange(5), plain(), np.random.default_rng(2)), images)


def written_row(folder: Path, case: str = "one.1", *, labels_shape: tuple[int, int, int] = (8, 40, 36)) -> ManifestRow:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    paths = {}
    for sequence in (Sequence.SWI, Sequence.DWI):
        values = random.uniform(80, 120, (8, 40, 36)).astype(np.float32)
        values[:, :3], values[:, :, :3] = 0, 0
        paths[sequence] = folder / f"{case}-{sequence.value}.nii.gz"
        write(values, paths[sequence])
    labels = np.zeros(labels_shape, np.uint8)
    labels[3:5, 10:14, 10:14] = 1
    write(labels, folder / f"{case}-labels.nii.gz")
    return ManifestRow(case, "X", "train", paths, folder / f"{case}-labels.nii.gz")


def write(values: np.ndarray, path: Path) -> None:
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((0.9, 0.9, 3.0))
    sitk.WriteImage(image, path)


def test_cases_are_prepared_once_and_again_when_corrected(tmp_path: Path) -> None:
    rows = [written_row(tmp_path / "in", "one.1"), written_row(tmp_path / "in", "one.2")]
    first = load_cases(rows, tmp_path / "cache")
    assert [case.volume_mm3 for case in first] == pytest.approx([32 * 0.9 * 0.9 * 3.0] * 2)
    assert isinstance(first[0].images, np.memmap) and first[0].available.tolist() == [True, True, False, False, False]
    images = tmp_path / "cache" / "one.1.images.npy"
    os.utime(images, ns=(1, 1))
    again = load_cases(rows, tmp_path / "cache")
    assert images.stat().st_mtime_ns == 1
    assert np.array_equal(again[0].images, first[0].images) and np.array_equal(again[0].thrombus, first[0].thrombus)
    assert (again[0].volume_mm3, again[0].contrast) == (first[0].volume_mm3, first[0].contrast)

    corrected = np.zeros((8, 40, 36), np.uint8)
    corrected[3, 10, 10] = 1
    assert rows[0].labels is not None
    write(corrected, rows[0].labels)
    third = load_cases(rows, tmp_path / "cache")
    assert [len(case.thrombus) for case in third] == [1, 32]
    assert images.stat().st_mtime_ns != 1


def test_bad_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cases"):
        load_cases([], tmp_path / "cache")
    row = written_row(tmp_path / "in")
    with pytest.raises(InputError, match=r"Case one\.1: There are no labels"):
        load_cases([replace(row, labels=None)], tmp_path / "cache")
    with pytest.raises(InputError, match=r"Case one\.1: gone\.nii\.gz does not exist.*'SWI'"):
        load_cases([replace(row, paths={Sequence.SWI: tmp_path / "gone.nii.gz"})], tmp_path / "cache")
    other = written_row(tmp_path / "other", labels_shape=(9, 40, 36))
    with pytest.raises(InputError, match=r"Case one\.1: The labels lie on the grid of none"):
        load_cases([other], tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.facts.npz"))


def test_a_full_disk_is_said_and_leaves_no_half_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    row = written_row(tmp_path / "in")
    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", full)
        with pytest.raises(MachineError, match=r"one\.1 cannot be written: No space left"):
            load_cases([row], tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*unfinished*")) and not list((tmp_path / "cache").glob("*.npz"))
    assert len(load_cases([row], tmp_path / "cache")) == 1


def test_dropout_reaches_the_crops() -> None:
    settings = replace(SMALL, steps=100, batch=8, dropout=DropoutSettings(kind="constant"))
    shown = np.concatenate([draw_batch([made_case(1)], settings, step).present for step in range(30)])
    assert set(shown.sum(1)) == {1, 2, 3, 4}


def test_a_crop_tells_where_it_lies() -> None:
    case = made_case(0)
    settings = replace(SMALL, augment=OFF, dropout=DropoutSettings(kind="none"), batch=6)
    batch = draw_batch([case], settings, 0)
    shape = np.array(case.labels.shape)
    for crop, window in zip(batch.images, batch.windows, strict=True):
        edges = np.rint((np.sort(window, axis=1) + 1.0) / 2.0 * shape[:, None]).astype(int)
        place = tuple(slice(low, high) for low, high in edges)
        ours = np.asarray(case.images[0][place], dtype=np.float32)
        turned = ours[tuple(slice(None, None, -1 if low > high else 1) for low, high in window)]
        assert np.allclose(crop[0], turned, atol=1e-3)
