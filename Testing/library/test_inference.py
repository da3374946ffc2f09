"""From a case to files: the same whatever the order, any subset, whole or not at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from ThrombusSegLib.case import Case, read_case
from ThrombusSegLib.errors import Cancelled, InputError, MachineError
from ThrombusSegLib.inference import (
    Predictor,
    SegmentResult,
    SegmentSettings,
    check_output,
    choose_device,
    segment_case,
    write_result,
)
from ThrombusSegLib.inference import predictor as predictor_module
from ThrombusSegLib.inference.resources import peak_memory_mib
from ThrombusSegLib.lesions import columns
from ThrombusSegLib.preprocess import prepare
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.weights import find_weights

FILES = {"segmentation.nii.gz", "probability_thrombus.nii.gz", "lesions.csv", "report.html", "result.json"}


@pytest.fixture(scope="module")
def predictor(tiny_weights: Path) -> Predictor:
    return Predictor(find_weights(tiny_weights), "cpu")


@pytest.fixture(scope="module")
def case(images: dict[str, Path]) -> Case:
    return read_case({Sequence[name]: path for name, path in images.items()}, name="a case")


@pytest.fixture
def result(case: Case, predictor: Predictor, finds_a_clot: None) -> SegmentResult:
    return segment_case(case, predictor)


def subset(case: Case, names: tuple[Sequence, ...]) -> Case:
    return replace(case, images={name: case.images[name] for name in names})


def test_the_order_of_the_inputs_changes_nothing(case: Case, predictor: Predictor):
    backwards = subset(case, tuple(reversed(list(case.images))))
    one, other = (predictor.predict(prepare(each)) for each in (case, backwards))
    assert np.array_equal(one.thrombus, other.thrombus)
    assert np.array_equal(one.infarct, other.infarct)
    for sequence in case.images:
        assert np.array_equal(one.attention[sequence], other.attention[sequence])


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_subset_gives_probabilities_and_attention_that_adds_up(case: Case, predictor: Predictor, count: int):
    for names in list(combinations(Sequence, count))[:5]:
        prediction = predictor.predict(prepare(subset(case, names)))
        assert set(prediction.attention) == set(names)
        assert prediction.thrombus.dtype == np.float32
        assert 0.0 <= float(prediction.thrombus.min()) <= float(prediction.thrombus.max()) <= 1.0
        total = sum(prediction.attention.values())
        assert np.allclose(total, 1.0, atol=1e-5)


def test_working_in_parts_gives_the_same(case: Case, predictor: Predictor, monkeypatch: pytest.MonkeyPatch):
    prepared = prepare(case)
    whole = predictor.predict(prepared)
    shares: list[float] = []
    monkeypatch.setattr(predictor_module, "VOXELS_AT_ONCE", {"cpu": 1})
    parts = predictor.predict(prepared, lambda share, stage: shares.append(share) is None)
    assert np.allclose(whole.thrombus, parts.thrombus, atol=1e-5)
    assert len(shares) == 2 * prepared.working_grid.size[2]
    assert shares == sorted(shares)


def test_thread_counts_stay_as_they_were(case: Case, predictor: Predictor):
    before = torch.get_num_threads()
    predictor.predict(prepare(case))
    assert torch.get_num_threads() == before


def test_memory_that_is_not_enough_is_the_machines_fault(
    case: Case, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(predictor.network, "forward", fail)
    with pytest.raises(MachineError, match="memory"):
        predictor.predict(prepare(case))


def test_a_missing_device_is_replaced_and_said_and_an_unknown_one_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    device, warning = choose_device("cuda")
    assert device.type == "cpu"
    assert warning is not None
    assert "cuda" in warning
    assert choose_device("cpu") == (torch.device("cpu"), None)
    with pytest.raises(InputError):
        choose_device("quantum")


def test_results_lie_exactly_in_the_references_grid(result: SegmentResult, case: Case):
    reference = case.images[Sequence.SWI]
    for image in (result.segmentation, result.probability, *result.attention.values()):
        assert image.GetSize() == reference.GetSize()
        for get in ("GetSpacing", "GetOrigin", "GetDirection"):
            assert np.allclose(getattr(image, get)(), getattr(reference, get)())
    labels = sitk.GetArrayFromImage(result.segmentation)
    assert result.segmentation.GetPixelID() == sitk.sitkUInt8
    assert set(np.unique(labels)) == {0, 1, 2}
    assert np.array_equal(labels == 1, result.candidates.labels > 0)


def test_the_threshold_is_that_of_the_weights_unless_chosen(case: Case, predictor: Predictor, finds_a_clot: None):
    assert segment_case(case, predictor).threshold == 0.5
    high = segment_case(case, predictor, SegmentSettings(threshold=0.95))
    assert high.candidates.found == ()
    assert high.summary()["thrombus_found"] is False
    with pytest.raises(InputError):
        segment_case(case, predictor, SegmentSettings(threshold=2.0))


def test_a_network_that_answers_with_no_number_is_no_finding_of_nothing(case: Case, predictor: Predictor):
    network = copy.deepcopy(predictor.network)
    for tensor in network.parameters():
        tensor.data.fill_(float("nan"))
    with pytest.raises(InputError, match=r"weights tiny answer with something that is no finite number"):
        segment_case(case, Predictor(predictor.weights, "cpu", network))


def test_all_files_are_written_and_agree(result: SegmentResult, tmp_path: Path):
    out = tmp_path / "neu" / "Ergebnis 1 – ä"
    summary = write_result(result, out, page="<html></html>")
    maps = {f"attention_{each.value}.nii.gz" for each in Sequence}
    assert {path.name for path in out.iterdir()} == FILES | maps
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert json.loads((out / "result.json").read_text(encoding="utf-8")) == summary
    assert summary["reference"] == "SWI"
    assert summary["sequences"]["absent"] == []
    assert summary["candidates"][0]["volume_mm3"] > 0
    assert tuple(summary["candidates"][0]) == columns()
    assert {"resample", "normalise", "network", "back", "candidates", "write", "total"} <= summary["seconds"].keys()
    assert "Trained on nothing at all" in summary["notice"]
    assert (peak_memory_mib() or 0) + 0.1 >= summary["peak_memory_mib"] > 10


def test_headers_carry_geometry_and_nothing_else(result: SegmentResult, tmp_path: Path):
    write_result(result, tmp_path / "out")
    for path in (tmp_path / "out").glob("*.nii.gz"):
        image = sitk.ReadImage(str(path))
        told = {key: image.GetMetaData(key).strip() for key in ("descrip", "aux_file", "db_name", "intent_name")
                if image.HasMetaDataKey(key)}  # fmt: skip
        assert not any(told.values()), told


def test_a_second_result_replaces_the_first_and_takes_its_other_maps_away(
    result: SegmentResult, case: Case, predictor: Predictor, tmp_path: Path
):
    write_result(result, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    alone = segment_case(subset(case, (Sequence.DWI,)), predictor)
    write_result(alone, tmp_path / "out", page="new")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == FILES | {"attention_DWI.nii.gz", "notes.txt"}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("there_before", [False, True])
@pytest.mark.parametrize("fails", ["disk full", "killed while moving", "cancelled"])
def test_a_failure_leaves_what_was_there(
    result: SegmentResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there_before: bool, fails: str
):
    out = tmp_path / "deep" / "out"
    if there_before:
        write_result(result, out, page="first")
    before = content(out) if there_before else {}
    break_it(monkeypatch, fails)
    with pytest.raises((MachineError, KeyboardInterrupt, Cancelled)):
        write_result(result, out, page="second", progress=lambda share, _: not (fails == "cancelled" and share > 0.4))
    monkeypatch.undo()
    if there_before:
        assert content(out) == before
        assert [path.name for path in out.parent.iterdir()] == ["out"]
    else:
        assert list(tmp_path.iterdir()) == []


def break_it(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    real_replace: Callable[[Path, Path], Path] = Path.replace
    real_write = Path.write_text

    def replace(self: Path, target: Path) -> Path:
        if self.name == "result.json" and target.parent.name == "out":
            monkeypatch.setattr(Path, "replace", real_replace)  # putting things back works
            raise KeyboardInterrupt
        return real_replace(self, target)

    def write_text(self: Path, *arguments: str, **options: str) -> int:
        if self.name == "result.json":
            raise OSError(28, "No space left on device")
        return real_write(self, *arguments, **options)

    if fails == "disk full":
        monkeypatch.setattr(Path, "write_text", write_text)
    if fails == "killed while moving":
        monkeypatch.setattr(Path, "replace", replace)


def test_the_summary_stands_last_so_that_a_kill_leaves_no_result_that_looks_whole(
    result: SegmentResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    order: list[str] = []
    real = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (order.append(Path(target).name), real(self, target))[1])
    write_result(result, tmp_path / "out", page="first")
    assert order[-1] == "result.json"
    order.clear()
    write_result(result, tmp_path / "out", page="second")
    assert order[0] == "result.json"  # the old one goes first
    assert order[-1] == "result.json"


def test_an_output_that_is_a_file_is_refused_before_the_work(tmp_path: Path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="out is a file"):
        check_output(tmp_path / "out")


def test_cancelling_is_heard_in_every_stage(case: Case, predictor: Predictor):
    stages: list[str] = []
    segment_case(case, predictor, progress=lambda _, stage: stages.append(stage) is None)
    assert set(stages) <= {"registering", "normalising", "network", "candidates"}
    assert stages[-1] == "candidates"
    for stage in set(stages):
        with pytest.raises(Cancelled):
            segment_case(case, predictor, progress=lambda _, now, stage=stage: now != stage)


def test_warnings_say_what_was_measured() -> None:
    """Without SWI there are few false alarms and hardly a hit; beside SWI the others take false alarms away."""
    from types import SimpleNamespace

    from ThrombusSegLib.inference.segment import _warnings
    from ThrombusSegLib.sequences import Sequence

    def said(*names: str) -> str:
        prepared = SimpleNamespace(warnings=(), images={Sequence(name): None for name in names})
        return " ".join(_warnings(prepared, None, SimpleNamespace(left_out=0)))

    assert "fewer thrombi are found" in said("DWI", "ADC") and "false alarms" not in said("DWI", "ADC")
    assert said("SWI").startswith("Only 1 of 5 sequences were given") and "take away false alarms" in said("SWI")
    assert said("SWI", "DWI", "ADC", "FLAIR") == ""
