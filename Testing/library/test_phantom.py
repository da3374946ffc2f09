"""Whole simulated cases and cohorts: what they hold, and the same seed giving the same voxels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.phantom import SimulatedCase, find_centre, simulate_case, write_cohort
from ThrombusSegLib.phantom.space import Space, Tubes, arc_length, smooth_path
from ThrombusSegLib.sequences import Sequence

CUBE = Space(size=(64, 64, 64), spacing=(1.0, 1.0, 1.0), origin=(-31.5, -31.5, -31.5))
#: The head on a coarse grid: fast, and good enough for what does not depend on fine structure.
COARSE = Space(size=(84, 104, 60), spacing=(2.0, 2.0, 2.5), origin=(-83.0, -95.0, -62.0))


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return simulate_case(find_centre("A"), 11, 2)


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


def test_labels_lie_on_the_reference_when_swi_is_absent() -> None:
    centre = find_centre("F")
    without = {sequence: each for sequence, each in centre.acquisitions.items() if sequence is not Sequence.SWI}
    case = simulate_case(replace(centre, acquisitions=without), 3, 1, space=COARSE)
    assert case.truth["absent"] and Sequence.SWI not in case.images
    assert case.labels.GetSize() == case.images[Sequence.DWI].GetSize()
    assert case.truth["measured"]["clot_to_noise"] is None


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
