"""Rules, distances, intervals, curves and tables, against answers that are known or computed in another way."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ThrombusSegLib.case import ManifestRow
from ThrombusSegLib.evaluation import score_case
from ThrombusSegLib.evaluation.bootstrap import RESAMPLES, Resamples, difference
from ThrombusSegLib.evaluation.matching import CaseScore, count_case, hausdorff95
from ThrombusSegLib.evaluation.operating import THRESHOLDS, calibration, froc, reliability_of
from ThrombusSegLib.evaluation.page import absence_table, files_of
from ThrombusSegLib.evaluation.record import RECORDS, Record, RecordFile, facts_of, key_of
from ThrombusSegLib.evaluation.run import summarise_records
from ThrombusSegLib.evaluation.subset_map import BARS, SubsetRow, subset_map
from ThrombusSegLib.evaluation.subsets import costs_of_absence, prevalence
from ThrombusSegLib.sequences import Sequence

#: What an evaluation says of itself.
ORIGIN = {
    "weights": {"name": "w", "sha256": "0", "trained_on": "nothing"},
    "operating_point": {"threshold": 0.5, "minimum_volume_mm3": 8.0},
    "created": "now",
}


def image(array: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 3.0)) -> sitk.Image:
    made = sitk.GetImageFromArray(array.astype(np.uint8))
    made.SetSpacing(spacing)
    return made


def blobs(seed: int) -> np.ndarray:
    """Compact lesions that keep their distance, so that no two are joined."""
    random = np.random.default_rng(seed)
    array = np.zeros((12, 48, 48), dtype=np.uint8)
    for z, y, x in itertools.product((1, 7), (4, 20, 36), (4, 20, 36)):
        if random.random() < 0.5:
            dz, dy, dx = random.integers(1, 4, 3)
            array[z : z + dz, y : y + 2 * dy, x : x + 2 * dx] = 1
    return array


def isles_2022(truth: np.ndarray, predicted: np.ndarray) -> tuple[int, int]:
    """Lesions hit and false ones as described for ISLES 2022: any overlap, counted on either side; 26 neighbours."""
    true, count = ndimage.label(truth, np.ones((3, 3, 3)))
    found, number = ndimage.label(predicted, np.ones((3, 3, 3)))
    hits = sum(bool(predicted[true == lesion].any()) for lesion in range(1, count + 1))
    return hits, sum(not truth[found == lesion].any() for lesion in range(1, number + 1))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(-3, 3))
def test_any_overlap_is_that_of_isles_2022(seed: int, other: int, shift: int) -> None:
    truth, predicted = blobs(seed), np.roll(blobs(other), shift, axis=2)
    score = score_case("c", image(truth), image(predicted))
    assert score.by_rule["overlap"] == isles_2022(truth, predicted)


def test_iou_is_stricter_the_higher() -> None:
    truth, predicted = np.zeros((6, 30, 30)), np.zeros((6, 30, 30))
    truth[2:4, 5:11, 5:11], predicted[2:4, 8:14, 5:11] = 1, 1  # half of each: IoU 1/3
    score = score_case("c", image(truth), image(predicted))
    assert score.by_rule["iou_0.1"] == score.by_rule["iou_0.2"] == (1, 0) and score.by_rule["iou_0.5"] == (0, 1)


def test_measures_of_a_pair() -> None:
    truth, predicted = np.zeros((8, 40, 40)), np.zeros((8, 40, 40))
    truth[3, 10, 10:20], predicted[3, 12, 10:20] = 1, 1
    (pair,) = score_case("c", image(truth), image(predicted)).pairs
    assert pair.hausdorff95_mm == pytest.approx(2.0) and pair.true_length_mm == pytest.approx(10.0)
    assert pair.true_mm3 == pair.predicted_mm3 == 30.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_distances_between_surfaces_by_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = [ndimage.binary_dilation(random.random((5, 9, 9)) > 0.97, iterations=1) for _ in range(2)]
    if not (masks[0].any() and masks[1].any()):
        return
    spacing = np.array([0.7, 0.9, 3.0])
    points = [np.argwhere(m & ~ndimage.binary_erosion(m))[:, ::-1] * spacing for m in masks]
    each = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
    expected = np.percentile(np.concatenate([each.min(axis=1), each.min(axis=0)]), 95)
    assert hausdorff95(*masks, spacing) == pytest.approx(expected)


def test_counts_are_those_of_the_whole_score() -> None:
    for seed in range(6):
        truth, predicted = image(blobs(seed)), image(np.roll(blobs(seed + 50), 1, axis=1))
        score = score_case("c", truth, predicted)
        assert count_case(truth, predicted) == (score.detected_lesions, score.false_positives)


def test_resampling_is_that_of_patients() -> None:
    values = [1.0, 0.0, 1.0, math.nan, 0.5, 0.2, 0.3]
    resamples = Resamples(["a", "b", "a", "c", "d", "e", "f"])
    assert resamples.counts.shape == (RESAMPLES, 7) and (resamples.counts[:, 0] == resamples.counts[:, 2]).all()
    assert (resamples.counts[:, [0, 1, 3, 4, 5, 6]].sum(axis=1) == 6).all()
    figure = resamples.figure(values)
    assert figure.value == pytest.approx(0.5) and figure.low is not None and 0 <= figure.low < 0.5
    assert Resamples(["a", "b", "a"]).figure(values[:3]).low is None, "two patients give no interval"
    naive = [np.nanmean(np.repeat(values, row.astype(int))) for row in resamples.counts[:50]]
    np.testing.assert_allclose(resamples.means(np.array(values))[:50], naive)


def test_what_does_not_vary_has_no_interval() -> None:
    found = difference(["a", "b"], [1.0, 0.0], [1.0, 0.0])
    assert (found.value, found.low, found.high) == (0.0, None, None)
    figure = Resamples(["a", "b"]).figure([0.7, 0.7])
    assert (figure.value, figure.low, figure.high) == (0.7, None, None)


def test_paired_difference_is_narrower_than_its_parts() -> None:
    random = np.random.default_rng(0)
    base = random.random(60)
    cases = [str(number) for number in range(60)]
    figure = difference(cases, list(base + 0.1 + 0.01 * random.random(60)), list(base))
    alone = Resamples(cases).figure(list(base))
    assert figure.low is not None and figure.high is not None and alone.low is not None and alone.high is not None
    assert 0.1 < figure.low < figure.high < 0.11 and figure.high - figure.low < 0.1 * (alone.high - alone.low)


def record(case: str, sequences: str, hit: bool, false: int, true: int = 1, sign: bool | None = None) -> Record:
    score = CaseScore(case, true, int(hit), false, 0.5 if hit else 0.0, 60.0 * true, 50.0, by_rule={"overlap": (0, 1)})
    sweep = {f"{each:g}": (int(hit and each < 0.7), round(10 * (1 - each))) for each in THRESHOLDS}
    facts = {} if sign is None else {"sign_present": sign}
    bins = ((0.5, 1.0, 2),) * 10
    return Record(f"{case} {sequences}", case, "A", sequences, score, sweep, bins, facts, 1.0, simulated=True)


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        ("score", "false_positives", -5),
        ("score", "detected_lesions", 9),
        ("score", "by_rule", {}),
        ("score", "dice", 2.0),
        ("", "sweep", {}),
        ("", "sweep", {"low": [0, 0]}),
        ("", "facts", "x"),
        ("", "centre", 3),
        ("", "score", None),
    ],
)
def test_a_kept_line_that_cannot_be_true_is_made_again(where: str, name: str, value: object, tmp_path: Path) -> None:
    line = json.loads(record("c", "SWI", hit=True, false=0).to_line())
    (line[where] if where else line)[name] = value
    (tmp_path / RECORDS).write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert RecordFile(tmp_path).known == {}


def test_froc_reads_the_best_threshold_with_so_few_false_positives() -> None:
    records = [record(str(number), "SWI", hit=number < 6, false=1) for number in range(10)]
    found = froc(records, [each.case for each in records])
    assert found["points"][0]["detection_rate"] == 0.6 and found["points"][-1]["detection_rate"] == 0.0
    assert found["sensitivity_at"]["2"]["value"] == 0.0  # at two false positives the threshold is 0.8, which finds none
    fewer = [replace(each, sweep={name: (hit, 1) for name, (hit, _) in each.sweep.items()}) for each in records]
    assert froc(fewer, [each.case for each in fewer])["sensitivity_at"]["1"]["value"] == 0.6


def test_sensitivity_at_so_many_false_positives_has_an_honest_interval() -> None:
    all_found = [record(f"c{number}", "SWI", hit=True, false=0) for number in range(10)]
    found = [replace(each, sweep=dict.fromkeys(each.sweep, (1, 0))) for each in all_found]
    free = [record(f"f{number}", "SWI", hit=False, false=0, true=0) for number in range(10)]
    free = [replace(each, sweep=dict.fromkeys(each.sweep, (0, 0))) for each in free]
    records = [*found, *free]
    figure = froc(records, [each.case for each in records])["sensitivity_at"]["1"]
    assert (figure["value"], figure["high"]) == (1.0, 1.0) and figure["low"] == pytest.approx(0.6915), "exact limit"


def test_calibration_of_honest_and_of_bold_probabilities() -> None:
    random = np.random.default_rng(0)
    said = random.uniform(0.06, 1.0, (20, 50, 50)).astype(np.float32)
    honest = (random.random(said.shape) < said).astype(np.uint8)
    for truth, error in ((honest, 0.0), (np.zeros_like(honest), 0.53)):
        bins = reliability_of(sitk.GetImageFromArray(said), sitk.GetImageFromArray(truth))
        found = calibration([replace(record("c", "SWI", True, 0), reliability=bins)])
        assert found["expected_error"] == pytest.approx(error, abs=0.02)
    assert calibration([replace(record("c", "SWI", True, 0), reliability=())])["expected_error"] is None


def test_a_record_survives_its_line_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    truth, predicted = image(blobs(1)), image(np.roll(blobs(1), 1, axis=2))
    one = replace(record("c", "SWI", True, 0), score=score_case("c", truth, predicted))
    RecordFile(tmp_path).add(one)
    with (tmp_path / "records.jsonl").open("a", encoding="utf-8") as file:
        file.write(one.to_line()[:40])
    assert RecordFile(tmp_path).known == {one.key: one}


def test_the_key_of_a_look_changes_with_what_it_depends_on(tmp_path: Path) -> None:
    (tmp_path / "swi.nii").write_bytes(b"1")
    (tmp_path / "labels.nii").write_bytes(b"2")
    row = ManifestRow("c", "A", "test", {Sequence.SWI: tmp_path / "swi.nii"}, tmp_path / "labels.nii")
    keys = {key_of(row, "SWI", "abc", "x"), key_of(row, "SWI", "abd", "x"), key_of(row, "SWI", "abc", "y")}
    (tmp_path / "labels.nii").write_bytes(b"3")
    assert len(keys | {key_of(row, "SWI", "abc", "x")}) == 4


def test_facts_come_from_the_truth_of_a_simulated_case(tmp_path: Path) -> None:
    row = ManifestRow("c", "A", "test", {Sequence.SWI: tmp_path / "swi.nii"}, tmp_path / "labels.nii")
    assert facts_of(row) == {}
    (tmp_path / "truth.json").write_text('{"stroke": {"sign_present": false, "other": 1}}', encoding="utf-8")
    assert facts_of(row) == {"sign_present": False}
    (tmp_path / "truth.json").write_text('{"stroke": null}', encoding="utf-8")
    assert facts_of(row) == {}


def test_the_cost_of_a_sequence_is_paired() -> None:
    records = []
    for number in range(8):
        records.append(record(f"c{number}", "SWI+DWI", hit=True, false=0))
        records.append(record(f"c{number}", "SWI", hit=number % 2 == 0, false=0))
        records.append(record(f"c{number}", "DWI", hit=False, false=2))
    costs = costs_of_absence(records)
    assert costs["SWI"]["detection_rate"]["value"] == 1.0 and costs["DWI"]["detection_rate"]["value"] == 0.5
    assert costs["SWI"]["pairs"] == 8 and "TOF" not in costs
    assert costs["SWI"]["false_positives_per_scan"]["value"] == 2.0, "more of them without SWI"


NO_MEAN = {"detection_rate": None, "false_positives_per_scan": None, "share_covered": 0.0}


def test_the_cost_of_a_sequence_is_told_beside_swi_and_without_it() -> None:
    records = []
    for number in range(8):
        for names, hit, false in (
            ("SWI+DWI+TOF", True, 0),
            ("SWI+DWI", True, 1),
            ("DWI+TOF", True, 3),
            ("DWI", False, 1),
        ):
            records.append(record(f"c{number}", names, hit=hit, false=false))
    cost = costs_of_absence(records)["TOF"]
    assert cost["detection_rate"]["value"] == 0.5 and cost["pairs"] == 16
    with_swi, without = cost["with_swi"], cost["without_swi"]
    assert with_swi["detection_rate"]["value"] == 0.0 and with_swi["false_positives_per_scan"]["value"] == 1.0
    assert without["detection_rate"]["value"] == 1.0 and without["false_positives_per_scan"]["value"] == -2.0
    assert "| TOF, without SWI or T2* | 1.00 | -2.00 | 8 |" in "\n".join(
        absence_table({"cost_of_absence": costs_of_absence(records), "weighted_by_prevalence": NO_MEAN})
    )


def test_prevalence_is_a_distribution_that_knows_the_centres() -> None:
    shares = prevalence()
    assert sum(shares.values()) == pytest.approx(1.0)
    with_swi = sum(share for name, share in shares.items() if "SWI" in name.split("+"))
    assert with_swi == pytest.approx((0.95 + 0.9 + 1.0 + 0.75 + 0.8) / 5)


def test_files_of_an_evaluation_with_subsets_hold_what_they_should() -> None:
    records = [
        record(f"c{n}", names, hit=n % 2 == 0, false=1, sign=n < 3) for n in range(6) for names in ("SWI", "DWI")
    ]
    records.append(record("free", "SWI", hit=False, false=0, true=0))
    result = summarise_records(records, "all") | ORIGIN
    assert result["all_cases"]["specificity"]["value"] == 1.0 and result["all_cases"]["cases"] == 13
    assert result["strata"]["without susceptibility sign"]["cases"] == 6
    assert [result["strata"][name]["cases"] for name in ("with SWI or T2*", "without SWI or T2*")] == [7, 6]
    assert result["froc_without_swi"]["points"][0]["detection_rate"] == 0.5
    files = files_of(result, "thrombusseg evaluate")
    pictures = {"froc.svg", "dice-volume.svg", "reliability.svg", "subsets.svg"}
    assert set(files) == {"metrics.md", "subsets.json", *pictures}
    small = json.loads(files["subsets.json"])
    assert small["subsets"]["DWI"]["detection_rate"]["value"] == 0.5 and small["subsets"]["DWI"]["cases"] == 6
    page = files["metrics.md"]
    assert page.startswith("Simulated cases. Weights w (trained on nothing; SHA-256 0), threshold 0.5, from")
    assert "| threshold | with SWI or T2*: detected | with SWI or T2*: false positives a scan | without: " in page
    assert "of the scans there that have one of these subsets" in page
    assert "froc_without_swi" not in summarise_records(records[:1], "prevalence")
    assert "absent sequence" in files["metrics.md"] and json.dumps(result)
    about = "7 simulated cases (A), each with the subsets of its own sequences: 6 to 7 cases a row; weights w"
    assert about in files["subsets.svg"], "a clot-free case has one sequence"
    same = files_of(summarise_records(records[:-1], "all") | ORIGIN, "")["subsets.svg"]
    assert "The same 6 simulated cases (A) with each subset; weights w" in same
    mixed = summarise_records([replace(records[0], simulated=False), *records[1:]], "all") | ORIGIN
    assert files_of(mixed, "")["metrics.md"].startswith("Partly simulated cases. Weights w")
    rings = [each for each in ElementTree.fromstring(files["froc.svg"]).iter() if each.get("r") == "8"]
    assert len(rings) == 1 and "weights w; ring: as delivered, at 0.5<" in files["froc.svg"]


def test_what_probabilities_are_worth_is_drawn_against_what_they_say() -> None:
    bins = ((0.6, 1.0, 10), *[(0.0, 0.0, 0)] * 8, (9.5, 8.0, 10))
    looks = [replace(record("c", "SWI", hit=True, false=0), reliability=bins)]
    result = summarise_records(looks, "prevalence") | ORIGIN
    picture = files_of(result, "thrombusseg evaluate")["reliability.svg"]
    root = ElementTree.fromstring(picture)
    dashed = [each.attrib["d"] for each in root.iter() if "stroke-dasharray" in each.attrib]
    assert dashed == ["M56 332.0L600.0 56.0"], "corner to corner"
    circles = [
        (float(each.attrib["cx"]), float(each.attrib["cy"])) for each in root.iter() if each.tag.endswith("circle")
    ]
    assert circles == [(pytest.approx(56 + 544 * 0.06, abs=0.1), 304.4), (pytest.approx(572.8), 111.2)]


def drawn(picture: str, kind: str) -> list[dict[str, str]]:
    """The attributes of all elements of a class, in the order in which they are drawn."""
    return [each.attrib for each in ElementTree.fromstring(picture).iter() if each.get("class") == kind]


def test_the_map_of_subsets_shows_each_once_the_most_detected_first() -> None:
    names = ["+".join(each) for count in range(1, 6) for each in itertools.combinations(Sequence, count)]
    rows = {
        name: SubsetRow(0.9 - 0.02 * place if "SWI" in name else 0.0, 0.1, 0.95, 0.5, 0.1 * place)
        for place, name in enumerate(names)
    }
    picture = subset_map("A <title>", "about", rows)
    squares = [float(each["x"]) for each in drawn(picture, "q") if each["fill"] != "#fff"]
    assert len(rows) == 31 and len(drawn(picture, "q")) == 5 * 31 and len(squares) == 5 * 16
    bars = [float(each["width"]) for each in drawn(picture, "b")]
    assert len(bars) == 16 and bars == sorted(bars, reverse=True) and bars[0] == pytest.approx(BARS[1] * 0.9, abs=0.1)
    first = [each for each in drawn(picture, "q") if each["y"] == drawn(picture, "q")[0]["y"]]
    assert [each["fill"] != "#fff" for each in first] == [True, False, False, False, False]  # SWI alone
    assert all(float(each["x"]) + float(each["width"]) <= 800 for each in drawn(picture, "c"))


def test_the_map_of_subsets_says_what_is_not_known() -> None:
    picture = subset_map("t", "a", {"SWI": SubsetRow(None, None, None, None, None), "DWI": SubsetRow(1, 1, 1, 1, 3)})
    assert len(drawn(picture, "b")) == 1 and not drawn(picture, "w") and picture.count(">-</text>") == 3
    assert drawn(picture, "c")[1]["fill"] == "rgb(214,105,40)" and drawn(picture, "c")[3]["fill"] == "rgb(255,255,255)"
