"""Measures with their method: centreline, likely artery, diffusion restriction, clot burden, overestimation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow, write_manifest
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.lesions import (
    DEFINITIONS,
    CandidateSettings,
    Midline,
    clot_burden_score,
    columns,
    estimate_segment,
    find_candidates,
    find_head_frame,
    opposite_width,
    overestimation_ratio,
    propose_clot_burden,
    rows,
    with_details,
)
from ThrombusSegLib.lesions.centreline import centreline_of
from ThrombusSegLib.lesions.head_frame import HeadFrame
from ThrombusSegLib.sequences import Sequence

T = np.linspace(0, 1, 120)[:, None]
ZERO = 0 * T
#: Courses whose length is known: name -> points in mm.
COURSES = {
    "straight": np.hstack([20 * T, ZERO, ZERO]),
    "oblique": 20 * np.hstack([0.8 * T, 0.6 * T, ZERO]),
    "half circle in plane": np.hstack([8 * np.cos(np.pi * T), 8 * np.sin(np.pi * T), ZERO]),
    "half circle across slices": np.hstack([8 * np.cos(np.pi * T), ZERO, 8 * np.sin(np.pi * T)]),
    "corner": np.vstack([np.hstack([12 * T, ZERO, ZERO]), np.hstack([12 + ZERO, 12 * T, ZERO])]),
}
RADIUS = 1.6
STILL = HeadFrame(Midline(0.0), 0.0, 0.0, (1.0, 1.0, 1.0))


def tube(points: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Voxels (N, 3) (i, j, k) within `RADIUS` of a course."""
    low = points.min(axis=0) - RADIUS - 1
    size = np.ceil((points.max(axis=0) + RADIUS + 1 - low) / spacing).astype(int)
    k, j, i = np.mgrid[0 : size[2], 0 : size[1], 0 : size[0]]
    places = np.stack([i, j, k], axis=-1) * spacing + low
    inside = np.zeros(k.shape, bool)
    for point in points[::2]:
        inside |= ((places - point) ** 2).sum(axis=-1) <= RADIUS**2
    found = np.nonzero(inside)
    return np.stack([found[2], found[1], found[0]], axis=1).astype(np.int64)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 0.5, 2.0)])
@pytest.mark.parametrize("name", list(COURSES))
def test_the_centreline_is_as_long_as_the_course_however_it_is_bent(name: str, spacing: tuple[float, float, float]):
    points = COURSES[name]
    true = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) + 2 * RADIUS
    found = centreline_of(tube(points, np.array(spacing)), np.array(spacing))
    assert found.length_mm == pytest.approx(true, rel=0.07)


def test_a_short_candidate_is_as_long_as_its_feret_diameter():
    assert centreline_of(np.array([[4, 5, 6]]), np.array([0.5, 0.5, 3.0])).length_mm == pytest.approx(3.0)


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing((1.0, 1.0, 2.0))
    return made


def measured(array: np.ndarray, infarct: np.ndarray | None = None, frame: HeadFrame | None = None):
    probability = image(array.astype(np.float32))
    found = find_candidates(probability, CandidateSettings(0.5))
    mask = None if infarct is None else image(infarct.astype(np.uint8))
    return with_details(found, probability, frame=frame, infarct=mask)


def test_overlap_with_the_restriction_and_its_distance():
    array = np.zeros((6, 30, 60))
    array[3, 10, 4:14] = 0.9
    array[3, 25, 40:44] = 0.8
    infarct = np.zeros_like(array)
    infarct[3, 10, 17:30] = 1  # 4 mm beyond the first candidate's end
    near, far = measured(array, infarct).found
    assert near.infarct_distance_mm == pytest.approx(4.0)
    assert near.infarct_overlap == pytest.approx(0.2)  # its last two voxels are within 5 mm
    assert far.infarct_overlap == 0.0
    (one, _) = measured(array).found
    assert one.infarct_overlap is None
    assert rows([one])[0]["infarct_overlap"] is None
    assert measured(array, np.zeros_like(array)).found[0].infarct_distance_mm is None


def test_points_on_the_average_tree_are_called_by_its_names_and_sides_do_not_matter():
    for sign in (1.0, -1.0):
        place = np.array([[20.0 * sign, -4.0, -19.5]])
        found = estimate_segment(place, STILL)
        assert found.segment == "M1"
        assert found.confidence > 0.4
    assert estimate_segment(np.array([[0.0, 16.0, -35.0]]), STILL).segment == "basilar"
    nowhere = estimate_segment(np.array([[0.0, 60.0, 70.0]]), STILL)
    assert (nowhere.segment, nowhere.reason) == ("", "It lies far from the usual courses of the arteries.")
    assert estimate_segment(np.zeros((1, 3)), None).reason


def head(shift: float = 0.0, top: float = 95.0) -> sitk.Image:
    """An ellipsoid as large as a head, 2 x 2 x 4 mm, its widest level at z = shift."""
    z, y, x = np.mgrid[-60.0:top:4.0, -120.0:120.0:2.0, -100.0:100.0:2.0]
    inside = (x / 78.5) ** 2 + (y / 95.0) ** 2 + ((z - shift) / 77.0) ** 2 < 1
    made = sitk.GetImageFromArray((inside * 200.0 + 1).astype(np.float32))
    made.SetSpacing((2.0, 2.0, 4.0))
    made.SetOrigin((-100.0, -120.0, -60.0))
    return made


@pytest.mark.parametrize("top", [95.0, 60.0])
def test_the_frame_follows_the_head_also_where_its_top_is_cut_off(top: float):
    low, high = (find_head_frame(head(shift, top)) for shift in (0.0, 12.0))
    assert low is not None and high is not None
    assert high.origin_superior - low.origin_superior == pytest.approx(12.0, abs=3.0)
    assert low.scale == pytest.approx((1.0, 1.0, 1.0), abs=0.07)


def test_no_frame_is_made_up_where_the_vault_is_not_shown():
    assert find_head_frame(head(0.0, 20.0)) is None


def test_the_score_takes_off_what_was_ticked_and_names_its_parts():
    assert clot_burden_score([]).score == 10
    full = clot_burden_score(["ICA supraclinoid", "M1 proximal", "M1 distal", "M2 superior", "M2 inferior", "A1"])
    assert full.score == 0
    assert clot_burden_score(["M1 distal", "A1"]).score == 7
    assert not full.estimated
    assert {part.part: part.points for part in full.parts}["ICA supraclinoid"] == 3
    with pytest.raises(InputError, match="M5"):
        clot_burden_score(["M5"])


def test_a_score_is_proposed_from_the_likely_segments_and_none_without_them():
    array = np.zeros((6, 30, 60))
    array[3, 10, 4:24] = 0.9
    (plain,) = measured(array).found
    assert propose_clot_burden([plain]) is None
    points = np.stack([np.linspace(13, 28, 40), np.full(40, -3.5), np.full(40, -19.0)], axis=1)
    candidate = replace(plain, segment=estimate_segment(points, STILL))
    proposed = propose_clot_burden([candidate])
    assert proposed is not None and proposed.estimated
    touched = [part.part for part in proposed.parts if part.touched]
    assert touched == ["M1 proximal", "M1 distal"]
    assert proposed.score == 6
    assert proposed.parts[1].candidates == (1,)


def test_the_opposite_artery_is_measured_on_tof_and_nothing_is_made_up():
    random = np.random.default_rng(1)
    array = random.normal(100, 5, (40, 80, 120)).astype(np.float32)
    z, y, x = np.mgrid[0:40, 0:80, 0:120] * 0.5
    array[(np.hypot(z - 10, y - 20) < 1.4) & (x < 22)] = 400.0  # an artery of 2.8 mm, left half of the grid
    tof = sitk.GetImageFromArray(array)
    tof.SetSpacing((0.5, 0.5, 0.5))
    middle = Midline(-30.0)  # at left 30 mm
    assert opposite_width(tof, (-48.0, -20.0, 10.0), middle) == pytest.approx(2.8, rel=0.15)
    assert opposite_width(tof, (-14.0, -35.0, 17.0), middle) is None
    assert overestimation_ratio(5.0, 2.5) == 2.0
    with pytest.raises(InputError, match="mm"):
        overestimation_ratio(5.0, 0.0)


def test_every_measure_in_the_table_has_a_definition_or_is_a_place():
    places = {"candidate", "probability_mean", "first_slice", "last_slice"}
    places |= {name for name in columns() if name.startswith(("centroid_", "attention_"))} - {"attention_on"}
    assert set(columns()) - places <= set(DEFINITIONS)
    for each in DEFINITIONS.values():
        assert each.method and each.source and each.title in each.tooltip
    assert "blooming" in DEFINITIONS["volume_mm3"].tooltip


def test_the_sequence_attention_rests_on_is_in_the_table():
    probability = image(np.pad(np.ones((2, 2, 2), np.float32), 2))
    maps = {
        Sequence.SWI: image(np.full((6, 6, 6), 0.7, np.float32)),
        Sequence.DWI: image(np.full((6, 6, 6), 0.3, np.float32)),
    }
    (one,) = find_candidates(probability, CandidateSettings(0.5), attention=maps).found
    assert rows([one])[0]["attention_on"] == "SWI"


def test_the_artery_of_the_sample_case_is_right_and_accuracy_can_be_measured(tmp_path: Path, capsys):
    from ThrombusSegLib.review.segment_accuracy import main

    sample = Path(__file__).parents[2] / "Resources" / "SampleCase"
    row = ManifestRow("sample", "", "", {Sequence.SWI: sample / "SWI.nii.gz"}, sample / "labels.nii.gz")
    write_manifest(tmp_path / "manifest.csv", [row])
    assert main([str(tmp_path / "manifest.csv")]) == 0
    assert capsys.readouterr().out.startswith("1 cases, artery right in 1.00")
