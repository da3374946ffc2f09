"""Looks at cases: registration is done once a case, and several processes find what one finds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import Cancelled
from ThrombusSegLib.evaluation.looks import look_at, segment_look
from ThrombusSegLib.evaluation.record import RECORDS, Record
from ThrombusSegLib.inference import Predictor
from ThrombusSegLib.inference.result import SegmentSettings
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.weights import find_weights

SAMPLE = Path(__file__).parents[2] / "Resources" / "SampleCase"
SHOWN = (Sequence.SWI, Sequence.DWI, Sequence.ADC)


@pytest.fixture(scope="module")
def row() -> ManifestRow:
    """The sample case with three of its sequences."""
    paths = {sequence: SAMPLE / f"{sequence.value}.nii.gz" for sequence in SHOWN}
    return ManifestRow("sample", "S", "test", paths, SAMPLE / "labels.nii.gz")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """The shipped weights."""
    return Predictor(find_weights("default"), "cpu")


def without_time(records: list[Record]) -> list[Record]:
    return [replace(record, seconds=0.0) for record in records]


def test_what_is_judged_is_what_is_delivered(row: ManifestRow, predictor: Predictor, finds_a_clot: None) -> None:
    """On a finer grid of labels too: without SWI the result lies on the grid of DWI, and labels on that of SWI."""
    look = segment_look(row, (Sequence.DWI, Sequence.ADC), predictor, SegmentSettings(threshold=0.85))
    delivered = sum(each.volume_mm3 for each in look.result.candidates.found)
    mask = look.mask_at(0.85)
    assert mask.GetSize() == look.labels.GetSize() != look.result.probability.GetSize()
    voxels = int(sitk.GetArrayViewFromImage(mask).sum())
    assert voxels * np.prod(mask.GetSpacing()) == pytest.approx(delivered, rel=0.15)
    assert float(sitk.GetArrayViewFromImage(look.probability).max()) == pytest.approx(
        look.result.candidates.found[0].probability_max
    )


def test_what_is_found_beyond_the_labels_is_false(
    row: ManifestRow, predictor: Predictor, finds_a_clot: None, tmp_path: Path
) -> None:
    """Labels drawn on a part of the head, or cropped: what is found elsewhere does not vanish."""
    assert row.labels is not None
    whole = sitk.ReadImage(str(row.labels))
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(whole == 1, sitk.sitkUInt8))
    box = shape.GetBoundingBox(1)
    cropped = replace(row, labels=tmp_path / "labels.nii.gz")
    sitk.WriteImage(sitk.RegionOfInterest(whole, box[3:], box[:3]), str(cropped.labels))
    one, other = (
        look_at([each], predictor, settings=SegmentSettings(threshold=0.85))[0].score for each in (row, cropped)
    )
    assert (one.detected_lesions, one.false_positives) == (other.detected_lesions, other.false_positives) == (0, 1)
    assert one.predicted_mm3 == pytest.approx(other.predicted_mm3, rel=0.05) and one.true_mm3 == other.true_mm3


def test_every_pair_of_sequences_is_registered_once(
    row: ManifestRow, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    preparing = sys.modules["ThrombusSegLib.preprocess.prepare"]  # the package has a function of that name
    real = preparing.find_pose

    def counted(*given: object) -> object:
        asked.append(str(given[-1]))
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "find_pose", counted)
    together = look_at([row], predictor, subsets="all")
    assert len(together) == 7
    assert sorted(asked) == ["ADC", "DWI"], "DWI on SWI; ADC without DWI on SWI; ADC lies on the grid of DWI"
    asked.clear()
    alone = look_at([replace(row, paths={each: row.paths[each] for each in SHOWN})], predictor)
    assert without_time(alone) == [without_time(together)[-1]] and asked == ["DWI"]
    assert len(look_at([row, replace(row, case="another")], predictor)) == 2
    assert asked == ["DWI"] * 3, "another case is registered anew"


def test_two_processes_find_what_one_finds_and_keep_it(row: ManifestRow, predictor: Predictor, tmp_path: Path) -> None:
    rows, told = [row, replace(row, case="another", patient="P7")], list[tuple[float, str]]()

    def tell(share: float, stage: str) -> bool:
        told.append((share, stage))
        return True

    one = look_at(rows, predictor)
    two = look_at(rows, predictor, processes=2, keep=tmp_path, progress=tell)
    assert without_time(one) == without_time(two)
    assert [record.patient for record in two] == ["sample", "P7"]
    assert len((tmp_path / RECORDS).read_text().splitlines()) == 2
    assert told[0] == (0.0, "look 1 of 2") and told[-1][0] == 1.0
    assert look_at(rows, predictor, processes=2, keep=tmp_path) == two
    renamed = look_at([replace(row, patient="P8"), rows[1]], predictor, keep=tmp_path)
    assert [record.patient for record in renamed] == ["P8", "P7"]
    said = SegmentSettings(predictor.weights.threshold, predictor.weights.minimum_volume_mm3, "auto")
    assert look_at(rows, predictor, keep=tmp_path, settings=said) == two, "what the weights say, said anew"
    assert len((tmp_path / RECORDS).read_text().splitlines()) == 2, "what is known is not looked at again"


def test_looks_in_several_processes_can_be_stopped(row: ManifestRow, predictor: Predictor, tmp_path: Path) -> None:
    def stop(share: float, _stage: str) -> bool:
        return share == 0.0

    with pytest.raises(Cancelled):
        look_at(
            [replace(row, case=str(each)) for each in range(8)], predictor, processes=2, keep=tmp_path, progress=stop
        )
    assert len((tmp_path / RECORDS).read_text().splitlines()) == 1, (
        "what was done is kept, and what follows is not done"
    )


@pytest.mark.parametrize("count", ["0", "-1"])
def test_no_process_is_a_sentence(count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "manifest.csv", "--out", str(tmp_path), "--processes", count]) == 2
    assert f"{count} processes were asked for. Ask for at least one (--processes)." in capsys.readouterr().err
