"""The working grid, registration, normalisation, and the way back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from ThrombusSegLib.case import Case
from ThrombusSegLib.errors import Cancelled
from ThrombusSegLib.preprocess import Grid, PreprocessSettings, prepare, prepare_labels, to_reference
from ThrombusSegLib.preprocess.grid import reorient, slice_axis
from ThrombusSegLib.preprocess.prepare import find_drawn_on
from ThrombusSegLib.preprocess.register import find_pose
from ThrombusSegLib.sequences import Sequence

NEVER = PreprocessSettings(registration="never")


def head(
    size: tuple[int, int, int] = (72, 80, 14),
    spacing: tuple[float, float, float] = (2.5, 2.5, 8.0),
    seed: int = 0,
    contrast: float = 1.0,
) -> sitk.Image:
    """An ellipsoid with an inside that has no symmetry: one dark ball on the patient's left, noise and folds."""
    axes = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip(size, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    inside = (x / 70) ** 2 + (y / 85) ** 2 + (z / 50) ** 2 < 1
    folds = np.sin(x / 7) * np.sin(y / 9 + 1) + 0.5 * np.sin(z / 11 + x / 23)
    values = np.where(inside, 100 + contrast * 25 * folds, 0.0)
    values[(x - 30) ** 2 + (y + 10) ** 2 + (z - 10) ** 2 < 150] = 40.0
    values += np.random.default_rng(seed).normal(0, 1, values.shape)
    image = sitk.GetImageFromArray(np.abs(values).astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin([float(axis[0]) for axis in axes])
    return image


def oblique(image: sitk.Image, angles: tuple[float, float, float] = (0.1, -0.2, 0.15)) -> sitk.Image:
    turned = sitk.Image(image)
    rotation = sitk.Euler3DTransform((0, 0, 0), *angles)
    turned.SetDirection(rotation.GetMatrix())
    turned.SetOrigin(rotation.TransformPoint(image.GetOrigin()))
    return turned


@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(False, False, False), (True, False, True), (False, True, False)])
def test_storage_order_changes_nothing(permutation: tuple[int, ...], flips: tuple[bool, ...]) -> None:
    image = oblique(head())
    stored = sitk.Flip(sitk.PermuteAxes(image, list(permutation)), list(flips))
    one, two = (prepare(Case("c", {Sequence.SWI: each}), NEVER) for each in (image, stored))
    np.testing.assert_allclose(one.images[Sequence.SWI], two.images[Sequence.SWI], atol=1e-3)
    assert one.working_grid.same_as(two.working_grid)


def test_working_grid_keeps_slices_and_runs_left_posterior_superior() -> None:
    prepared = prepare(Case("c", {Sequence.SWI: head()}), NEVER)
    grid = prepared.working_grid
    assert grid.spacing == pytest.approx((0.9, 0.9, 8.0))
    assert np.allclose(np.array(grid.direction).reshape(3, 3), np.eye(3))
    dark = np.argwhere(prepared.images[Sequence.SWI] < -2.0)
    inside = dark[np.abs(dark[:, 1] - 90) < 40]
    assert inside[:, 2].mean() > prepared.images[Sequence.SWI].shape[2] / 2  # the patient's left: larger column


def test_slice_axis_of_sagittal_and_isotropic_stacks() -> None:
    sagittal = sitk.PermuteAxes(head(), [2, 0, 1])
    assert slice_axis(sagittal) == 0
    assert slice_axis(head(size=(40, 40, 40), spacing=(4.0, 4.0, 4.0))) == 2
    assert reorient(sagittal).GetSpacing()[2] == 8.0


@pytest.mark.parametrize("permutation", list(itertools.permutations(range(3))))
def test_storage_order_of_a_sagittal_stack_changes_nothing(permutation: tuple[int, ...]) -> None:
    stack = head(size=(14, 80, 72), spacing=(8.0, 2.5, 2.5))
    one, two = (
        prepare(Case("c", {Sequence.SWI: each}), NEVER) for each in (stack, sitk.PermuteAxes(stack, list(permutation)))
    )
    np.testing.assert_allclose(one.images[Sequence.SWI], two.images[Sequence.SWI], atol=1e-3)
    # rows run towards superior, columns towards posterior, slices towards the patient's left
    assert np.allclose(np.array(one.working_grid.direction).reshape(3, 3), [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


@settings(max_examples=8, deadline=None)
@given(
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3)), st.integers(1, 5), st.floats(0.5, 3.0)
)
def test_back_on_exactly_the_references_grid(angles: tuple[float, float, float], slices: int, spacing: float) -> None:
    image = oblique(head(size=(40, 44, slices), spacing=(spacing, spacing, 7.0)), angles)
    prepared = prepare(Case("c", {Sequence.DWI: image}), NEVER)
    back = to_reference(prepared.images[Sequence.DWI], prepared)
    assert Grid.of(back) == Grid.of(image)


def test_what_goes_there_comes_back_in_place() -> None:
    image = oblique(head())
    labels = sitk.Cast(sitk.Abs(image - 40.0) < 4.0, sitk.sitkUInt8)
    prepared = prepare(Case("c", {Sequence.SWI: image}, labels=labels), NEVER)
    there = (prepare_labels(labels, prepared) == 1).astype(np.float32)
    back = sitk.GetArrayFromImage(to_reference(there, prepared)) >= 0.5
    truth = sitk.GetArrayFromImage(labels) == 1
    assert 2 * (back & truth).sum() / (back.sum() + truth.sum()) > 0.93


def test_no_small_lesion_vanishes() -> None:
    image = head(spacing=(0.4, 0.4, 4.0))
    array = np.zeros(image.GetSize()[::-1], dtype=np.uint8)
    array[5, 20, 20] = array[7, 50:52, 40] = 1
    labels = sitk.GetImageFromArray(array)
    labels.CopyInformation(image)
    moved = prepare_labels(labels, prepare(Case("c", {Sequence.SWI: image}), NEVER))
    parts = sitk.ConnectedComponent(sitk.GetImageFromArray((moved == 1).astype(np.uint8)), True)
    assert sitk.GetArrayFromImage(parts).max() == 2


def test_no_small_infarct_vanishes_and_the_thrombus_wins() -> None:
    image = head(spacing=(0.4, 0.4, 4.0))
    array = np.zeros(image.GetSize()[::-1], dtype=np.uint8)
    array[5, 20, 20] = array[8, 60, 30] = 2
    array[5, 20, 21] = 1
    labels = sitk.GetImageFromArray(array)
    labels.CopyInformation(image)
    moved = prepare_labels(labels, prepare(Case("c", {Sequence.SWI: image}), NEVER))
    assert (moved[5] == 1).any() and (moved[8] == 2).any()


@pytest.mark.parametrize(
    ("present", "expected"),
    [("SWI DWI FLAIR", "SWI"), ("ADC DWI TOF", "DWI"), ("TOF FLAIR", "FLAIR"), ("ADC TOF", "TOF"), ("ADC", "ADC")],
)
def test_reference_is_the_best_there_is(present: str, expected: str) -> None:
    images = {Sequence[name]: head(size=(24, 24, 5), spacing=(8.0, 8.0, 20.0)) for name in present.split()}
    assert prepare(Case("c", images), NEVER).reference is Sequence[expected]


def test_normalisation_of_one_sequence_does_not_know_the_others() -> None:
    swi, dwi = head(), head(seed=1, contrast=-1.0)
    alone = prepare(Case("c", {Sequence.SWI: swi}), NEVER)
    both = prepare(Case("c", {Sequence.SWI: swi, Sequence.DWI: dwi}), NEVER)
    assert np.array_equal(alone.images[Sequence.SWI], both.images[Sequence.SWI])


@pytest.mark.parametrize("factor", [0.001, 37.0])
def test_scale_of_the_scanner_does_not_matter(factor: float) -> None:
    one, two = (prepare(Case("c", {Sequence.SWI: image}), NEVER) for image in (head(), head() * factor))
    np.testing.assert_allclose(one.images[Sequence.SWI], two.images[Sequence.SWI], atol=1e-3)
    assert np.isfinite(two.images[Sequence.SWI]).all() and np.abs(two.images[Sequence.SWI]).max() <= 5.0


def displaced(image: sitk.Image, degrees: float, millimetres: float) -> tuple[sitk.Image, sitk.Euler3DTransform]:
    motion = sitk.Euler3DTransform((0, 0, 0), *(np.deg2rad(degrees) * np.array([0.6, 0.5, 0.6])).tolist())
    motion.SetTranslation((np.array([0.6, -0.6, 0.5]) * millimetres).tolist())
    return sitk.Resample(image, image, motion, sitk.sitkLinear, 0.0), motion


def test_headers_that_agree_are_believed() -> None:
    assert find_pose(head(), head(seed=3, contrast=-0.7), "auto", "DWI").how == "header"


@pytest.mark.parametrize(("degrees", "millimetres"), [(5.0, 5.0), (0.0, 9.0)])
def test_displacement_is_found_and_undone(degrees: float, millimetres: float) -> None:
    fixed = head(size=(72, 80, 40), spacing=(2.5, 2.5, 3.0))
    moving, motion = displaced(
        head(size=(72, 80, 40), spacing=(2.5, 2.5, 3.0), seed=3, contrast=-0.7), degrees, millimetres
    )
    pose = find_pose(fixed, moving, "auto", "DWI")
    assert pose.how == "registered" and pose.similarity_after > pose.similarity_before
    for point in ((30.0, 20.0, 10.0), (-40.0, -30.0, -20.0), (0.0, 50.0, 0.0)):
        error = np.linalg.norm(np.array(motion.TransformPoint(pose.transform.TransformPoint(point))) - point)
        assert error < 1.0
    again = find_pose(fixed, moving, "auto", "DWI")
    assert again.transform.GetParameters() == pose.transform.GetParameters()


def test_nothing_is_registered_when_told_not_to() -> None:
    moving, _ = displaced(head(), 5.0, 5.0)
    assert find_pose(head(), moving, "never", "DWI").how == "header"


def test_different_frames_of_reference_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[sitk.Image] = []

    def search(fixed: sitk.Image, _moving: sitk.Image) -> sitk.Euler3DTransform:
        searched.append(fixed)
        return sitk.Euler3DTransform()

    monkeypatch.setattr("ThrombusSegLib.preprocess.register._register", search)
    fixed, moving = head(), head(seed=3, contrast=-0.7)
    fixed.SetMetaData("0020|0052", "1.2.3")
    moving.SetMetaData("0020|0052", "1.2.3")
    find_pose(fixed, moving, "auto", "DWI")
    assert not searched
    moving.SetMetaData("0020|0052", "1.2.4")
    find_pose(fixed, moving, "auto", "DWI")
    assert searched


@pytest.mark.parametrize("millimetres", [0.5, 20.0])
def test_a_pose_that_is_no_better_is_thrown_away(monkeypatch: pytest.MonkeyPatch, millimetres: float) -> None:
    far = sitk.Euler3DTransform()
    far.SetTranslation((millimetres, 0.0, 0.0))
    monkeypatch.setattr("ThrombusSegLib.preprocess.register._register", lambda _fixed, _moving: far)
    pose = find_pose(head(), head(seed=3), "always", "TOF")
    assert pose.how == "header" and pose.transform.TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    assert (pose.warning is not None) == (millimetres > 3.0)  # a search that ends nearby confirms the headers


def test_adc_moves_with_dwi() -> None:
    dwi, _ = displaced(head(seed=3, contrast=-0.7), 0.0, 8.0)
    prepared = prepare(Case("c", {Sequence.SWI: head(), Sequence.DWI: dwi, Sequence.ADC: dwi * 2.0}))
    assert prepared.registrations[Sequence.ADC] == prepared.registrations[Sequence.DWI]
    assert prepared.registrations[Sequence.DWI].how == "registered"
    np.testing.assert_allclose(prepared.images[Sequence.ADC], prepared.images[Sequence.DWI], atol=1e-4)


def test_labels_move_with_the_sequence_they_were_drawn_on() -> None:
    """A DWI whose header lies by (9, -6, 0) mm, and labels drawn on it: a ball, and one voxel too small for a grid."""
    swi, dwi = (head((72, 80, 40), (2.5, 2.5, 3.0), seed, contrast) for seed, contrast in ((0, 1.0), (3, -0.7)))
    array = sitk.GetArrayFromImage(dwi) * 0
    array[20:26, 38:44, 44:50], array[10, 30, 20] = 2, 1
    labels = sitk.Cast(sitk.GetImageFromArray(array), sitk.sitkUInt8)
    for image in (dwi, labels):
        image.SetOrigin([place + shift for place, shift in zip(swi.GetOrigin(), (9.0, -6.0, 0.0), strict=True)])
        image.SetSpacing(swi.GetSpacing())
    case = Case("c", {Sequence.SWI: swi, Sequence.DWI: dwi}, labels)
    prepared = prepare(case, PreprocessSettings(registration="always"))
    assert find_drawn_on(case) is Sequence.DWI and prepared.registrations[Sequence.DWI].how == "registered"
    labels.SetOrigin(swi.GetOrigin())
    still = prepare_labels(labels, prepared)
    labels.SetOrigin(dwi.GetOrigin())
    moved, unmoved = prepare_labels(labels, prepared, Sequence.DWI), prepare_labels(labels, prepared)
    assert ((moved == 2) & (still == 2)).sum() > 0.9 * (still == 2).sum() > ((unmoved == 2) & (still == 2)).sum()
    assert np.abs(np.argwhere(moved == 1).mean(0) - np.argwhere(still == 1).mean(0)).max() <= 1
    assert find_drawn_on(Case("c", {Sequence.SWI: swi}, labels)) is None


def test_preparing_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        prepare(Case("c", {Sequence.SWI: head()}), NEVER, lambda _share, _stage: False)
