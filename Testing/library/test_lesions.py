"""Candidates and measures, on shapes whose measures are known."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.lesions import (
    CandidateSettings,
    Midline,
    columns,
    find_candidates,
    find_midline,
    rows,
    write_csv,
)
from ThrombusSegLib.lesions.geometry import longest_line
from ThrombusSegLib.sequences import Sequence


def image_of(values: np.ndarray, spacing=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0), direction=None) -> sitk.Image:
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    if direction is not None:
        image.SetDirection(tuple(np.asarray(direction, float).ravel()))
    return image


def measured(values: np.ndarray, spacing=(1.0, 1.0, 1.0), **options):
    return find_candidates(image_of(values, spacing), CandidateSettings(0.5), **options).found


def test_nothing_is_found_in_nothing():
    found = find_candidates(image_of(np.zeros((3, 4, 5))), CandidateSettings(0.5))
    assert found.found == ()
    assert found.labels.shape == (3, 4, 5)
    assert not found.labels.any()


def test_a_single_voxel_is_as_long_as_its_longest_side_and_as_wide_as_it_is_in_plane():
    values = np.zeros((5, 5, 5))
    values[2, 2, 2] = 0.7
    (one,) = measured(values, (0.5, 0.5, 3.0))
    assert one.volume_mm3 == pytest.approx(0.75)
    assert one.length_feret_mm == pytest.approx(3.0)
    assert one.width_mm == pytest.approx(0.5)
    assert (one.first_slice, one.last_slice) == (3, 3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_bar_has_its_length_and_width_along_every_axis(axis: int):
    values = np.zeros((20, 20, 20))
    place = [slice(5, 8)] * 3
    place[axis] = slice(4, 14)
    values[tuple(place)] = 1
    (bar,) = measured(values, (1.0, 1.0, 1.0))
    assert bar.length_feret_mm == pytest.approx(np.hypot(9, np.hypot(2, 2)) + 1, abs=0.01)
    assert 2.8 <= bar.width_mm <= 3.9  # 3 across, 2 * sqrt(2) + 1 along the diagonal of the cross-section


def test_width_does_not_count_the_bow_of_a_bent_clot():
    y, x = np.mgrid[0:80, 0:80]
    radius = np.hypot(x - 40, y - 40)
    arc = (np.abs(radius - 25) < 2) & (y < 27.5)  # a third of a circle, 2 mm thick
    (bent,) = measured(arc[None].astype(float), (0.5, 0.5, 3.0))
    assert bent.length_feret_mm == pytest.approx(2 * 25 * 0.5 * np.sin(np.radians(60)), abs=2.2)
    assert bent.width_mm < 4.5  # the whole bow is 7 mm high


def test_length_of_an_oblique_line_is_right_whatever_its_angle():
    for degrees in range(0, 180, 15):
        t = np.linspace(-20, 20, 400)
        values = np.zeros((1, 64, 64))
        i, j = 32 + t * np.cos(np.radians(degrees)), 32 + t * np.sin(np.radians(degrees))
        values[0, np.rint(j).astype(int), np.rint(i).astype(int)] = 1
        (line,) = measured(values, (0.5, 0.5, 2.0))
        assert line.length_feret_mm == pytest.approx(20.5, abs=0.6), degrees
        assert line.width_mm <= 1.3, degrees


def test_diagonal_neighbours_are_one_candidate_and_order_is_by_probability_then_volume():
    values = np.zeros((6, 20, 20))
    values[0, 0, 0] = values[1, 1, 1] = 0.6  # touch at a corner
    values[4, 10, 10] = 0.9
    values[4, 15, 4:7] = 0.6
    found = measured(values)
    assert [each.volume_mm3 for each in found] == [1, 3, 2]
    assert [each.number for each in found] == [1, 2, 3]


def test_minimum_volume_is_in_cubic_millimetres_and_the_rest_all_stay():
    values = np.zeros((3, 20, 20))
    values[1, 2, 2:6] = 1
    values[1, 10, 2:4] = 1
    values[1, 15, 2] = 1
    image = image_of(values, (0.5, 0.5, 4.0))  # 1 mm3 a voxel
    assert len(find_candidates(image, CandidateSettings(0.5, 2.0)).found) == 2
    assert len(find_candidates(image, CandidateSettings(0.5, 2.1)).found) == 1


def test_two_thresholds_keep_faint_surroundings_of_sure_seeds_only():
    values = np.zeros((1, 9, 20))
    values[0, 4, 2:8] = 0.4
    values[0, 4, 4] = 0.9
    values[0, 4, 12:18] = 0.4
    found = find_candidates(image_of(values), CandidateSettings(0.3, seed_threshold=0.8)).found
    assert [each.volume_mm3 for each in found] == [6]


def test_only_so_many_are_measured_and_the_rest_is_counted():
    values = np.zeros((1, 50, 50))
    values[0, ::2, ::2] = np.linspace(0.6, 0.9, 625).reshape(25, 25)
    found = find_candidates(image_of(values), CandidateSettings(0.5, at_most=10))
    assert len(found.found) == 10
    assert found.left_out == 615
    assert found.labels.max() == 10
    assert found.found[0].probability_max == pytest.approx(0.9)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1, float("nan")])
def test_impossible_thresholds_are_refused(threshold: float):
    with pytest.raises(InputError):
        CandidateSettings(threshold)


def test_slices_are_counted_along_the_thick_axis():
    values = np.zeros((10, 12, 14))
    values[3:5, 2:4, 6:9] = 1
    assert measured(values, (1.0, 5.0, 1.0))[0].first_slice == 3
    assert measured(values, (5.0, 1.0, 1.0))[0].last_slice == 9


def test_centroid_and_side_are_the_patients_in_a_rotated_grid():
    turned = np.array([[-1, 0, 0], [0, -1, 0], [0, 0, 1.0]])  # columns run right to left of the patient
    values = np.zeros((4, 30, 30))
    values[1, 10, 20] = 1
    image = image_of(values, (2, 2, 5), (29.0, 29.0, 0.0), turned)
    (one,) = find_candidates(image, CandidateSettings(0.5), midline=Midline(0.0)).found
    assert one.centroid_ras == pytest.approx((11.0, -9.0, 5.0))
    assert one.side == "right"


def head_image(shift: float = 0.0, turn: float = 0.0, cut: int = 0) -> sitk.Image:
    _, y, x = np.mgrid[0:20, 0:64, 0:64]
    head = ((x - 32) / 22) ** 2 + ((y - 32) / 28) ** 2 < 1
    values = np.where(head, 100.0, 1.0)[:, :, cut : 64 - cut]
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    image = image_of(values, (3, 3, 4), direction=[[c, -s, 0], [s, c, 0], [0, 0, 1]])
    middle = image.TransformContinuousIndexToPhysicalPoint((32.0 - cut, 32.0, 9.5))
    image.SetOrigin((shift - middle[0], -middle[1], -middle[2]))
    return image


def test_the_midline_follows_a_head_that_lies_off_centre():
    midline = find_midline(head_image(shift=-17.0))
    assert midline is not None
    assert midline.offset == pytest.approx(17.0, abs=1.0)
    assert midline.side_of((25.0, 0.0, 0.0)) == "right"
    assert midline.side_of((5.0, 0.0, 0.0)) == "left"
    assert midline.side_of((15.0, 0.0, 0.0)) == "midline"


def test_the_midline_follows_a_tilted_head_and_gives_up_when_the_head_is_cut_off():
    midline = find_midline(head_image(turn=8.0))
    assert midline is not None
    ahead = midline.offset + midline.anterior_slope * 60
    assert ahead == pytest.approx(60 * np.tan(np.radians(8.0)), abs=5.0) or ahead == pytest.approx(
        -60 * np.tan(np.radians(8.0)), abs=5.0
    )
    assert find_midline(head_image(cut=16)) is None


def test_attention_is_the_mean_inside_and_empty_where_absent(tmp_path: Path):
    values = np.zeros((2, 4, 4))
    values[0, 1, 1:3] = 0.8
    attention = {Sequence.DWI: image_of(np.full((2, 4, 4), 0.25)), Sequence.SWI: image_of(values * 0.9375)}
    found = find_candidates(image_of(values), CandidateSettings(0.5), attention=attention).found
    (row,) = rows(found)
    assert row["attention_DWI"] == 0.25
    assert row["attention_SWI"] == 0.75
    assert row["attention_TOF"] is None
    write_csv(found, tmp_path / "lesions.csv")
    (read,) = csv.DictReader((tmp_path / "lesions.csv").open())
    assert tuple(read) == columns()
    assert read["attention_TOF"] == ""
    assert read["side"] == "unknown"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_the_longest_line_is_the_longest_of_all(seed: int, count: int):
    points = np.random.default_rng(seed).integers(0, 12, (count, 3)) * np.array([0.5, 0.7, 3.0])
    every = np.linalg.norm(points[:, None] - points[None], axis=-1).max()
    assert longest_line(points)[0] == pytest.approx(every)


def test_a_stored_probability_is_searched_again_in_less_than_a_tenth_of_a_second():
    random = np.random.default_rng(0)
    values = random.random((40, 256, 256), dtype=np.float32) * 0.4
    values[18:22, 100:112, 90:120] = 0.9
    values[25:27, 10:14, 200:230] = 0.7
    image = image_of(values, (0.9, 0.9, 3.0))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert len(find_candidates(image, CandidateSettings(0.5, 8.0)).found) == 2
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1
