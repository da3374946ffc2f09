"""The weights that are shipped, on the sample case (simulated, never trained on)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ThrombusSegLib.case import read_case
from ThrombusSegLib.evaluation import score_case
from ThrombusSegLib.inference import Predictor, segment_case
from ThrombusSegLib.inference.result import SegmentResult
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.weights import find_weights

SAMPLE = Path(__file__).parents[2] / "Resources" / "SampleCase"


@pytest.fixture(scope="module")
def result() -> SegmentResult:
    case = read_case({each: SAMPLE / f"{each.value}.nii.gz" for each in Sequence}, labels=SAMPLE / "labels.nii.gz")
    return segment_case(case, Predictor(find_weights("default"), "cpu"))


def test_they_find_the_clot_and_nothing_else(result: SegmentResult) -> None:
    labels = read_case({Sequence.SWI: SAMPLE / "SWI.nii.gz"}, labels=SAMPLE / "labels.nii.gz").labels
    assert labels is not None
    score = score_case("sample", labels, result.segmentation)
    assert score.detected and score.false_positives == 0
    assert score.dice is not None and score.dice > 0.7


def test_their_attention_rests_on_the_susceptibility_sequence_at_the_clot(result: SegmentResult) -> None:
    attention = result.candidates.found[0].attention
    assert max(attention, key=lambda sequence: attention[sequence]) is Sequence.SWI


def test_they_are_small_and_say_what_they_are() -> None:
    entry = find_weights("default")
    assert entry.bytes <= 10_000_000
    assert "simulated" in entry.trained_on and "Research only" in entry.card
