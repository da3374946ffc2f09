"""Matching and metrics, on made masks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.evaluation import score_case, summarise
from ThrombusSegLib.evaluation.matching import CaseScore

Box = tuple[slice, slice, slice]


def mask(*boxes: Box, spacing: tuple[float, float, float] = (1.0, 1.0, 3.0)) -> sitk.Image:
    array = np.zeros((10, 40, 40), dtype=np.uint8)
    for box in boxes:
        array[box] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    return image


def box(z: int, y: int, x: int, size: tuple[int, int, int] = (2, 3, 4)) -> Box:
    return slice(z, z + size[0]), slice(y, y + size[1]), slice(x, x + size[2])


def test_the_same_mask_is_perfect() -> None:
    truth = mask(box(2, 5, 5), box(6, 20, 20))
    score = score_case("c", truth, truth)
    assert (score.true_lesions, score.detected_lesions, score.false_positives, score.dice) == (2, 2, 0, 1.0)
    assert score.true_mm3 == score.predicted_mm3 == 2 * 24 * 3.0


def test_painting_everything_detects_nothing() -> None:
    score = score_case("c", mask(box(2, 5, 5)), mask(box(0, 0, 0, (10, 40, 40))))
    assert (score.detected_lesions, score.false_positives) == (0, 1)


def test_one_slice_off_still_counts() -> None:
    single = (1, 3, 3)
    score = score_case("c", mask(box(4, 10, 10, single)), mask(box(5, 10, 10, single)))
    assert score.detected and score.dice == 0.0


def test_far_away_is_a_miss_and_a_false_positive() -> None:
    score = score_case("c", mask(box(2, 5, 5)), mask(box(2, 30, 30)))
    assert (score.detected_lesions, score.false_positives) == (0, 1) and not score.detected


def test_one_prediction_serves_one_lesion() -> None:
    truth = mask(box(2, 5, 5), box(2, 5, 14))
    score = score_case("c", truth, mask(box(2, 5, 5, (2, 3, 13))))
    assert (score.true_lesions, score.detected_lesions, score.false_positives) == (2, 1, 0)


def test_beads_are_one_lesion() -> None:
    assert score_case("c", mask(box(2, 5, 5), box(2, 5, 10)), mask()).true_lesions == 1


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        (mask(), mask(), (0, 0, 0, None)),
        (mask(), mask(box(1, 1, 1)), (0, 0, 1, 0.0)),
        (mask(box(1, 1, 1)), mask(), (1, 0, 0, 0.0)),
    ],
)
def test_edge_cases(truth: sitk.Image, predicted: sitk.Image, expected: tuple[int, int, int, float | None]) -> None:
    score = score_case("c", truth, predicted)
    assert (score.true_lesions, score.detected_lesions, score.false_positives, score.dice) == expected


def made(detected: int, dice: float | None, false_positives: int, true: int = 1) -> CaseScore:
    return CaseScore("c", true, detected, false_positives, dice, 10.0, 10.0)


def test_a_miss_counts_zero_in_all_cases_only() -> None:
    figures = summarise([made(1, 0.6, 0), made(0, 0.0, 2), made(0, None, 1, true=0)])
    assert figures.detection_rate.value == 0.5 and figures.detected == 1 and figures.cases == 3
    assert figures.dice_all_cases.value == pytest.approx(0.3)
    assert figures.dice_detected_cases.value == pytest.approx(0.6)
    assert figures.false_positives_per_scan.value == 1.0
    assert figures.detection_rate.low is None, "two patients give no interval"
    many = summarise([made(number % 2, 0.6, 0) for number in range(10)])
    assert many.detection_rate.low is not None and many.detection_rate.high is not None
    assert many.detection_rate.low <= 0.5 <= many.detection_rate.high and many.patients == 10


def test_nothing_to_count_is_undefined_not_perfect() -> None:
    figures = summarise([made(0, None, 0, true=0)])
    assert figures.detection_rate.value is None and figures.dice_all_cases.value is None
    assert figures.false_positives_per_scan.value == 0.0
