"""A hit, a miss and a false alarm: which cases they are, and that the pictures show them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow
from ThrombusSegLib.errors import Cancelled
from ThrombusSegLib.evaluation.examples import ALARM, HIT, MISS, choose, write_examples
from ThrombusSegLib.evaluation.looks import look_at
from ThrombusSegLib.evaluation.matching import CaseScore
from ThrombusSegLib.evaluation.record import Record
from ThrombusSegLib.inference import Predictor
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.weights import find_weights

SAMPLE = Path(__file__).parents[2] / "Resources" / "SampleCase"


def made(
    case: str,
    mm3: float,
    *,
    detected: bool,
    last_alarm: float = 0.0,
    sequences: str = "SWI+DWI",
    dice: float | None = None,
) -> Record:
    false = int(last_alarm > 0)
    score = CaseScore(case, 1, int(detected), false, dice, mm3, 0.0, by_rule={"overlap": (int(detected), false)})
    sweep = {"0.5": (1, int(last_alarm >= 0.5)), "0.9": (1, int(last_alarm >= 0.9))}
    return Record(case, case, "A", sequences, score, sweep)


def test_cases_are_chosen_by_rule() -> None:
    dices = {"worst": 0.1, "best": 0.9, "median": 0.5}
    hits = [made(name, volume, detected=True, dice=dices[name]) for volume, name in enumerate(dices, 10)]
    others = [
        made("tiny miss", 5, detected=False, last_alarm=0.9),
        made("big miss", 50, detected=False, last_alarm=0.9),
        made("mild alarm", 40, detected=False, last_alarm=0.5),
    ]
    found = choose([*others, *hits])
    assert {kind: record.case for kind, record in found.items()} == {HIT: "median", MISS: "big miss", ALARM: "big miss"}
    assert set(choose(hits)) == {HIT} and choose([]) == {}
    healthy = replace(others[2], case="healthy", score=replace(others[2].score, true_lesions=0))
    assert choose([*others, healthy])[ALARM].case == "healthy", "no clot that could have fallen into pieces"


def test_only_the_fullest_look_at_a_case_counts() -> None:
    full, poor = made("one", 10, detected=True, sequences="SWI+DWI+ADC"), made("one", 10, detected=False)
    assert choose([poor, full]) == {HIT: full} == choose([full, poor])


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[ManifestRow]:
    """The sample case, and the same images with labels on the other side: a miss and a false alarm."""
    paths = {each: SAMPLE / f"{each.value}.nii.gz" for each in (Sequence.SWI, Sequence.DWI)}
    right = ManifestRow(case="right", centre="A", split="test", paths=paths, labels=SAMPLE / "labels.nii.gz")
    labels = sitk.ReadImage(str(right.labels))
    mirrored = sitk.GetImageFromArray(np.ascontiguousarray(sitk.GetArrayFromImage(labels)[:, :, ::-1]))
    mirrored.CopyInformation(labels)
    path = tmp_path_factory.mktemp("mirrored") / "labels.nii.gz"
    sitk.WriteImage(mirrored, str(path))
    return [right, replace(right, case="mirrored", labels=path)]


def test_pictures_and_what_they_show_are_written_once(rows: list[ManifestRow], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    predictor, told = Predictor(find_weights("default"), "cpu"), list[str]()

    def tell(_share: float, stage: str) -> bool:
        told.append(stage)
        return True

    records = look_at(rows, predictor)
    pictures = write_examples(tmp_path, rows, records, predictor, command="c", progress=tell)
    assert [path.name for path in pictures] == ["example-hit.png", "example-miss.png", "example-false-alarm.png"]
    for path in pictures:
        pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        assert pixels.shape[0] > 400 and pixels.std() > 30, "not a blank page"
    facts = json.loads((tmp_path / "examples.json").read_text())
    assert [each["case"] for each in facts["examples"]] == ["right", "mirrored", "mirrored"]
    hit, miss, alarm = facts["examples"]
    assert hit["simulated"] and not miss["simulated"], "only where the simulator's truth lies beside the labels"
    assert hit["dice"] > 0.5 and miss["highest_probability"] < 0.5 < alarm["highest_probability"]
    assert sum(hit["attention"].values()) == pytest.approx(1.0, abs=1e-3) and set(hit["attention"]) == {"SWI", "DWI"}
    page = (tmp_path / "examples.md").read_text()
    assert "(simulated patient)" in page and str(tmp_path) not in page
    count = len(told)
    assert write_examples(tmp_path, rows, records, predictor, progress=tell) == pictures
    assert len(told) == count, "the same looks are not segmented again"


def test_a_cancelled_run_leaves_nothing(rows: list[ManifestRow], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")

    predictor = Predictor(find_weights("default"), "cpu")
    with pytest.raises(Cancelled):
        write_examples(
            tmp_path, rows, [made("right", 10, detected=True)], predictor, progress=lambda _share, _stage: False
        )
    assert list(tmp_path.iterdir()) == []
