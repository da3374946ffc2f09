"""`thrombusseg train` from settings to weights: whole runs, a kill, simulated cases, and input that is at fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import load_file

from ThrombusSegLib.benchmark import feeding
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError, MachineError
from ThrombusSegLib.phantom.centres import FOLDER
from ThrombusSegLib.training import TrainSettings, loop, read_settings, simulated
from ThrombusSegLib.training.baselines import load_baseline
from ThrombusSegLib.training.crops import Batch
from ThrombusSegLib.training.gather import gather, remarks
from ThrombusSegLib.training.report_page import as_toml
from ThrombusSegLib.training.settings import DataSettings
from ThrombusSegLib.training.simulated import EVERY, MIMIC_EVERY, START, SimulatedPool
from ThrombusSegLib.weights.header import read_header

SETTINGS = """
steps = {steps}
batch = 2
warmup_steps = 1
checkpoint_every = 3
precision = "float32"
workers = {workers}
freeze_norms_from = 0.5
{more}
[data]
{data}
[validation]
every = {every}
cases = 2
[crop]
slices = 3
pixels = 16
[network]
widths = [4, 8]
attention_heads = 2
"""
HEAD = "case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\n"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks this small are slower with several, and much slower beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(before)


@pytest.fixture
def manifest(tmp_path: Path, images: dict[str, Path]) -> Path:
    """Two cases to train on and one to validate on, with a thrombus each."""
    folder = tmp_path / "cases"
    folder.mkdir()
    reference = sitk.ReadImage(str(images["SWI"]))
    rows = []
    for number, split in enumerate(("train", "train", "validation")):
        labels = np.zeros(reference.GetSize()[::-1], np.uint8)
        labels[5:7, 15 + number : 19 + number, 10:16] = 1
        image = sitk.GetImageFromArray(labels)
        image.CopyInformation(reference)
        sitk.WriteImage(image, str(folder / f"labels{number}.nii.gz"))
        paths = [os.path.relpath(images[name], folder) for name in ("SWI", "DWI", "ADC", "FLAIR")]
        rows.append(",".join([f"case{number}", "X", split, *paths, "", f"labels{number}.nii.gz"]))
    (folder / "manifest.csv").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return folder / "manifest.csv"


def write_settings(
    folder: Path, *, steps: int = 6, workers: int = 0, every: int = 3, data: str = "", more: str = ""
) -> Path:
    path = folder / "settings.toml"
    data = data or 'manifest = "cases/manifest.csv"'
    path.write_text(SETTINGS.format(steps=steps, workers=workers, every=every, data=data, more=more))
    return path


def run(settings: Path, out: Path, *options: str) -> int:
    return main(["train", str(settings), "--out", str(out), *options])


def test_a_run_leaves_weights_a_log_and_a_report(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_settings(tmp_path), tmp_path / "out") == 0
    assert "report.html" in capsys.readouterr().out
    metadata = read_header(tmp_path / "out" / "weights.safetensors").metadata
    assert metadata.training["steps"] == 6 and metadata.training["cases"] == 2
    assert metadata.training["settings"]["data"]["manifest"] == "manifest.csv"
    assert metadata.training["validation"]["step"] in (3, 6)
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for words in (
        "Loss",
        "False positives a scan",
        "case2",
        "Waiting for crops",
        "thrombusseg train",
        "widths = [4, 8]",
    ):
        assert words in report, words
    assert "http" not in report.replace("http://www.w3.org", "") and str(tmp_path) not in report


def test_a_second_run_reads_prepared_cases_and_a_corrected_one_anew(tmp_path: Path, manifest: Path) -> None:
    run(write_settings(tmp_path), tmp_path / "out")
    prepared = tmp_path / "out" / "prepared"
    written = {path.name: path.stat().st_mtime_ns for path in prepared.glob("*.images.npy")}
    labels = sitk.ReadImage(str(manifest.parent / "labels1.nii.gz"))
    labels[8:9, 15:16, 5:6] = 1
    sitk.WriteImage(labels, str(manifest.parent / "labels1.nii.gz"))
    assert run(write_settings(tmp_path), tmp_path / "out", "--resume") == 0
    changed = {name for name, when in written.items() if (prepared / name).stat().st_mtime_ns != when}
    assert changed == {"case1.images.npy"}


def test_weights_without_a_checkpoint_are_not_trained_over(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(tmp_path)
    assert run(settings, tmp_path / "out") == 0
    before = (tmp_path / "out" / "weights.safetensors").read_bytes()
    (tmp_path / "out" / "checkpoint.pt").unlink()
    assert run(settings, tmp_path / "out", "--resume") == 2
    assert "weights and no checkpoint" in capsys.readouterr().err
    assert (tmp_path / "out" / "weights.safetensors").read_bytes() == before


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, manifest: Path) -> None:
    settings = write_settings(tmp_path, steps=14, workers=1, every=5)
    assert run(settings, tmp_path / "unbroken") == 0
    command = [sys.executable, "-m", "ThrombusSegLib", "train", str(settings), "--out", str(tmp_path / "broken")]
    log = tmp_path / "broken" / "log.jsonl"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 900
        while not (log.exists() and log.read_text().count("\n") >= 8) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "broken" / "weights.safetensors").exists()
    assert run(settings, tmp_path / "broken", "--resume") == 0
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("unbroken", "broken"))
    assert all((one[name] == two[name]).all() for name in one)
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == list(range(14))


def test_training_goes_on_from_registered_or_given_weights(
    tmp_path: Path, manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_settings(tmp_path), tmp_path / "first") == 0
    settings = write_settings(tmp_path, more='initial_weights = "first/weights.safetensors"')
    assert run(settings, tmp_path / "second") == 0
    assert run(write_settings(tmp_path, more='initial_weights = "nobody"'), tmp_path / "third") == 2
    assert "initial_weights: There are no weights called nobody" in capsys.readouterr().err
    assert run(write_settings(tmp_path, more=f'initial_weights = "{tiny_weights.as_posix()}"'), tmp_path / "third") == 2
    assert "has widths = (4, 8, 8), network.widths is (4, 8)" in capsys.readouterr().err
    assert not (tmp_path / "third").exists()


def fake_case(monkeypatch: pytest.MonkeyPatch, images: dict[str, Path]) -> list[int]:
    """Let the simulator deliver small images at once; returns the list of the numbers it was asked for."""
    from ThrombusSegLib.case import read_image
    from ThrombusSegLib.phantom import SimulatedCase
    from ThrombusSegLib.sequences import Sequence

    asked: list[int] = []

    def simulate(_centre: object, seed: int, number: int, *, clot: bool = True) -> SimulatedCase:
        asked.append(number)
        swi = read_image(images["SWI"]) + float(seed % 7 + number)
        labels = np.zeros(swi.GetSize()[::-1], np.uint8)
        if clot:
            labels[5:7, 15 + number % 5 : 19 + number % 5, 10:16] = 1
        image = sitk.GetImageFromArray(labels)
        image.CopyInformation(swi)
        return SimulatedCase({Sequence.SWI: swi}, image, {})

    monkeypatch.setattr(simulated, "simulate_case", simulate)
    return asked


def test_simulated_cases_are_made_while_the_training_runs(
    tmp_path: Path, images: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fake_case(monkeypatch, images)
    settings = write_settings(tmp_path, steps=20, every=0, data='phantom_centre = "A"\nphantom_pool = 9')
    assert run(settings, tmp_path / "out") == 0
    last = START + 19 // EVERY
    assert sorted(set(asked)) == list(range(last)) and len(asked) == last
    kept = {path.name for path in (tmp_path / "out" / "simulated").glob("*.facts.npz")}
    assert kept == {f"A-1-{number:05d}.facts.npz" for number in range(last - 9, last)}
    assert read_header(tmp_path / "out" / "weights.safetensors").metadata.trained_on == "simulated data"


def test_real_and_simulated_cases_are_mixed_and_validated_on_their_own(
    tmp_path: Path, manifest: Path, images: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_case(monkeypatch, images)
    data = 'manifest = "cases/manifest.csv"\nphantom_centre = "A"\nphantom_share = 0.5'
    assert run(write_settings(tmp_path, data=data), tmp_path / "mixed") == 0
    lines = (tmp_path / "mixed" / "validation.jsonl").read_text().splitlines()
    assert {look["case"] for look in json.loads(lines[0])["looks"]} == {"case2"}
    assert run(write_settings(tmp_path, data='phantom_centre = "A"'), tmp_path / "alone") == 0
    lines = (tmp_path / "alone" / "validation.jsonl").read_text().splitlines()
    assert {look["case"] for look in json.loads(lines[0])["looks"]} == {"simulated 0", "simulated 1"}


def test_the_pool_is_a_function_of_the_step(tmp_path: Path) -> None:
    from ThrombusSegLib.phantom import find_centre

    pool = SimulatedPool(find_centre("A"), 1, 24, tmp_path)
    assert pool.numbers_at(0) == range(START) and pool.numbers_at(EVERY) == range(START + 1)
    assert pool.numbers_at(16 * EVERY) == range(24) and pool.numbers_at(17 * EVERY) == range(1, 25)
    clot_free = [number for number in range(40) if number % MIMIC_EVERY == MIMIC_EVERY - 1]
    assert clot_free == [9, 19, 29, 39]


@pytest.mark.parametrize(("pool", "step"), [(3, 0), (9, 0), (24, 128), (24, 500)])
def test_all_cases_are_made_that_a_step_and_those_ahead_of_it_need(tmp_path: Path, pool: int, step: int) -> None:
    """With a small pool, and where a run goes on in a folder that lacks its simulated cases."""
    from ThrombusSegLib.phantom import find_centre
    from ThrombusSegLib.training.feeder import STEPS_AHEAD, Feeder
    from ThrombusSegLib.training.sources import CaseSource

    class Recorder:
        asked: ClassVar[list[int]] = []

        def submit(self, _make: object, number: int) -> None:
            self.asked.append(number)

    Recorder.asked.clear()
    simulated_cases = SimulatedPool(find_centre("A"), 1, pool, tmp_path)
    settings = TrainSettings(data=DataSettings(phantom_centre="A"), workers=0)
    feeder = Feeder(CaseSource([], tmp_path, pool=simulated_cases), settings)
    feeder._simulate = Recorder()  # type: ignore[assignment]
    feeder._make(step, step + STEPS_AHEAD)
    now, then = simulated_cases.numbers_at(step), simulated_cases.numbers_at(step + STEPS_AHEAD)
    assert Recorder.asked == list(range(now.start, then.stop))


def broken(manifest: Path, old: str, new: str) -> None:
    text = manifest.read_text(encoding="utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("fault", ["missing", "no labels", "other grid", "no sequence", "no rows", "both"])
def test_a_manifest_at_fault_is_explained_and_nothing_trained(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    expected = {
        "missing": "Case case1: labels1.nii does not exist. Check the manifest's column 'labels'.",
        "no labels": "Case case1: there are no labels. Fill the manifest's column 'labels'.",
        "other grid": "Case case1: The labels lie on the grid of none of the sequences.",
        "no sequence": "Line 4 of manifest.csv has no sequence.",
        "no rows": "manifest.csv has no rows of split 'train'.",
        "both": "Case case1 is trained on and validated on.",
    }[fault]
    if fault == "missing":
        broken(manifest, "labels1.nii.gz", "labels1.nii")
    elif fault == "no labels":
        broken(manifest, "labels1.nii.gz", "")
    elif fault == "other grid":
        labels = sitk.ReadImage(str(manifest.parent / "labels1.nii.gz"))
        sitk.WriteImage(labels[:, :, 1:], str(manifest.parent / "labels1.nii.gz"))
    elif fault == "no sequence":
        manifest.write_text(manifest.read_text().rsplit("case2", 1)[0] + "case2,X,validation,,,,,,labels2.nii.gz\n")
    elif fault == "no rows":
        broken(manifest, ",train,", ",test,")
    else:
        other = manifest.with_name("other.csv")
        other.write_text(manifest.read_text(encoding="utf-8").replace(",train,", ",validation,"), encoding="utf-8")
    settings = write_settings(tmp_path)
    if fault == "both":
        settings.write_text(settings.read_text().replace("cases = 2", 'cases = 9\nmanifest = "cases/other.csv"'))
        expected = expected.replace("case1", "case0")
    assert run(settings, tmp_path / "out") == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert expected in told and str(tmp_path) not in told
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def test_a_full_disk_ends_with_a_sentence(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert run(write_settings(tmp_path), tmp_path / "out") == 3
    assert "No space left on device" in capsys.readouterr().err
    assert not list((tmp_path / "out" / "prepared").glob("*.unfinished*"))


def test_the_report_spells_the_settings_that_repeat_the_run(tmp_path: Path) -> None:
    path = write_settings(tmp_path, more='schedule = "polynomial"\ninitial_weights = "a \\"b\\" ü"')
    text = path.read_text() + '[dropout]\nkind = "prevalence"\nprevalence = {"SWI+DWI" = 0.5, "SWI" = 2}\n'
    path.write_text(text, encoding="utf-8")
    settings = read_settings(path)
    again = tmp_path / "again.toml"
    again.write_text(as_toml(asdict(settings)), encoding="utf-8")
    assert read_settings(again) == settings


def test_tensorboard_is_told_where_it_is_installed(
    tmp_path: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str, purge_step: int) -> None:
            assert Path(folder) == tmp_path / "out" / "tensorboard" and purge_step == 0

        def add_scalar(self, tag: str, _value: float, step: int) -> None:
            told.append((tag, step))

        def close(self) -> None:
            told.append(("closed", -1))

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert run(write_settings(tmp_path), tmp_path / "out") == 0
    assert [step for tag, step in told if tag == "training/loss"] == list(range(6))
    assert [step for tag, step in told if tag == "validation/score"] == [3, 6] and told[-1] == ("closed", -1)


def test_a_baseline_in_3d_leaves_weights_and_a_report(tmp_path: Path, manifest: Path) -> None:
    settings = write_settings(tmp_path, steps=3)
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text + '[baseline]\nkind = "unet_3d"\nwidths = [4, 4, 8]\n', encoding="utf-8")
    assert run(settings, tmp_path / "out") == 0
    entry, _ = load_baseline(tmp_path / "out" / "weights.safetensors", "plain")
    assert entry.trained_on == "cases of a manifest" and (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("split", ["trian", "Validation", "val"])
def test_a_misspelt_split_is_refused(tmp_path: Path, manifest: Path, split: str) -> None:
    broken(manifest, ",validation,", f",{split},")
    with pytest.raises(InputError, match=rf"manifest\.csv: case case2 has the split '{split}'"):
        gather(read_settings(write_settings(tmp_path)), tmp_path, tmp_path / "out")


def test_rows_that_are_left_out_are_counted(tmp_path: Path, manifest: Path) -> None:
    broken(manifest, ",validation,", ",test,")
    settings = read_settings(write_settings(tmp_path, every=0))
    source, _ = gather(settings, tmp_path, tmp_path / "out")
    assert remarks(settings, tmp_path, source, None) == ["rows left out: 1 of split 'test'"]


def test_names_come_once_in_all_manifests_and_what_is_not_used_is_not_read(tmp_path: Path, manifest: Path) -> None:
    other = manifest.with_name("other.csv")
    rows = manifest.read_text(encoding="utf-8").splitlines()
    other.write_text("\n".join([rows[0], rows[3]]) + "\n", encoding="utf-8")
    data = 'manifest = "cases/manifest.csv"\nmore_manifests = ["cases/other.csv"]'
    with pytest.raises(InputError, match="Case case2 stands in two manifests"):
        gather(read_settings(write_settings(tmp_path, data=data)), tmp_path, tmp_path / "out")
    settings = read_settings(write_settings(tmp_path, every=0))
    unread = replace(settings, validation=replace(settings.validation, manifest="nosuch.csv"))
    assert gather(unread, tmp_path, tmp_path / "out")[1] == []


def test_sets_of_sequences_that_no_case_has_are_refused(tmp_path: Path, manifest: Path) -> None:
    settings = read_settings(write_settings(tmp_path))
    dropout = replace(settings.dropout, kind="prevalence", prevalence={"TOF": 1.0})
    with pytest.raises(InputError, match="no case has the sequences of TOF"):
        gather(replace(settings, dropout=dropout), tmp_path, tmp_path / "out")
    dropout = replace(dropout, prevalence={"TOF": 1.0, "SWI+DWI": 1.0})
    assert gather(replace(settings, dropout=dropout), tmp_path, tmp_path / "out")


def test_an_endless_path_in_a_manifest_is_named(tmp_path: Path, manifest: Path) -> None:
    broken(manifest, "labels1.nii.gz", "x" * 5000)
    with pytest.raises(InputError, match=r"Case case1: x{80}\.\.\. cannot be reached") as caught:
        gather(read_settings(write_settings(tmp_path)), tmp_path, tmp_path / "out")
    assert str(tmp_path) not in str(caught.value)


def emptied(path: Path) -> None:
    """A label image in which nothing is drawn any more."""
    labels = sitk.ReadImage(str(path))
    sitk.WriteImage(labels * 0, str(path))


def half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str = "") -> Path:
    """A run of six steps that was stopped after the fourth."""
    advance = loop.Run.advance

    def stopped(self: loop.Run, batch: Batch) -> float:
        if self.step == 4:
            raise MachineError("Stopped.")
        return advance(self, batch)

    settings = write_settings(tmp_path, data=data)
    with monkeypatch.context() as patched:
        patched.setattr(loop.Run, "advance", stopped)
        assert run(settings, tmp_path / "out") == 3
    return settings


@pytest.mark.parametrize("fault", ["labels", "validation labels", "validation rows", "threshold", "volume", "moved"])
def test_a_run_goes_on_with_the_same_data_and_measures_only(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    settings = half_done(tmp_path, monkeypatch)
    expected = {
        "labels": "other data: case case1 has changed since",
        "validation labels": "other data: validation case case2 has changed since",
        "validation rows": "other data: validation case case2 came or went",
        "threshold": "chose by threshold = 0.5, and threshold is 0.3. Set it back",
        "volume": "chose by minimum_volume_mm3 = 8, and minimum_volume_mm3 is 2. Set it back",
        "moved": "",
    }[fault]
    if fault == "validation rows":
        broken(manifest, ",validation,", ",test,")
    elif fault in ("threshold", "volume"):
        name = "threshold = 0.3" if fault == "threshold" else "minimum_volume_mm3 = 2"
        settings = write_settings(tmp_path, more=name)
    elif fault == "moved":
        os.utime(manifest.parent / "labels1.nii.gz")
    else:
        emptied(manifest.parent / ("labels1.nii.gz" if fault == "labels" else "labels2.nii.gz"))
    before = (tmp_path / "out" / "checkpoint.pt").read_bytes()
    capsys.readouterr()
    assert run(settings, tmp_path / "out", "--resume") == (2 if expected else 0)
    assert expected in capsys.readouterr().err
    assert not expected or (tmp_path / "out" / "checkpoint.pt").read_bytes() == before


def test_a_run_goes_on_with_the_same_simulated_centre_only(
    tmp_path: Path, images: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_case(monkeypatch, images)
    centre = tmp_path / "own.toml"
    centre.write_text((FOLDER / "A.toml").read_text(encoding="utf-8"), encoding="utf-8")
    settings = half_done(tmp_path, monkeypatch, data='phantom_centre = "own.toml"')
    centre.write_text("shading = 0.3\n" + centre.read_text(encoding="utf-8"), encoding="utf-8")
    assert run(settings, tmp_path / "out", "--resume") == 2
    assert "other data: the simulated centre" in capsys.readouterr().err


def test_cases_without_any_thrombus_are_said_so_and_count_as_none(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        emptied(manifest.parent / f"labels{number}.nii.gz")
    assert run(write_settings(tmp_path), tmp_path / "out") == 0
    told = capsys.readouterr().err
    assert "no case to train on has a thrombus" in told and "no validation case has a thrombus" in told
    verdict = json.loads((tmp_path / "out" / "validation.jsonl").read_text().splitlines()[0])
    assert verdict["detection_rate"] is None and verdict["dice_all_cases"] is None and verdict["score"] <= 0
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "No validation case has a thrombus" in report and '<td class="number">none</td>' in report
    assert "No case to train on has a thrombus" in report and "detect 0%" not in report


@pytest.mark.parametrize("part", ["images.npy", "labels.npy", "facts.npz"])
@pytest.mark.parametrize("left", [0, 200])
def test_a_damaged_prepared_case_is_prepared_again(tmp_path: Path, manifest: Path, part: str, left: int) -> None:
    source, _ = gather(read_settings(write_settings(tmp_path)), tmp_path, tmp_path / "out")
    source.prepare()
    path = source.cache / f"case1.{part}"
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    again, _ = gather(read_settings(write_settings(tmp_path)), tmp_path, tmp_path / "out")
    again.prepare()
    assert path.stat().st_size == len(whole) and again.contents == source.contents


@pytest.mark.parametrize("name", ["prepared", "tensorboard", "log.jsonl", "validation.jsonl", "record"])
def test_what_is_in_the_way_in_the_output_is_named(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    class SummaryWriter:
        def __init__(self, folder: str, **_: object) -> None:
            Path(folder).mkdir()

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    if name.endswith(".jsonl"):
        (out / name).mkdir()
    else:
        (out / {"record": "log.jsonl"}.get(name, name)).write_text("3\n")
    assert run(write_settings(tmp_path), out) == (3 if name == "tensorboard" else 2)
    told = capsys.readouterr().err.splitlines()[-1]
    assert {"record": "Line 1 of log.jsonl"}.get(name, name) in told and str(tmp_path) not in told


@pytest.mark.parametrize("method", ["exists", "mkdir"])
def test_an_output_folder_without_permission_is_3(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    real = getattr(Path, method)

    def closed(self: Path, *rest: object, **named: object) -> object:
        if tmp_path / "out" in (self, *self.parents):
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *rest, **named)

    monkeypatch.setattr(Path, method, closed)
    assert run(write_settings(tmp_path), tmp_path / "out") == 3
    told = capsys.readouterr().err.splitlines()[-1]
    assert "The folder out cannot be used: Permission denied" in told and str(tmp_path) not in told


def test_a_disk_that_is_full_for_events_is_3(
    tmp_path: Path, manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SummaryWriter:
        def __init__(self, _folder: str, **_: object) -> None:
            pass

        def add_scalar(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

        close = add_scalar

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert run(write_settings(tmp_path), tmp_path / "out") == 3
    assert "tensorboard cannot be written: No space left on device" in capsys.readouterr().err


def test_feeding_is_compared_with_monai_on_the_same_network(tmp_path: Path, manifest: Path) -> None:
    settings = replace(read_settings(write_settings(tmp_path, every=0)), steps=40)
    source, _ = gather(settings, tmp_path, tmp_path / "out")
    batch = next(feeding.monai_batches(settings, source))
    assert batch.images.shape == (2, 5, 3, 16, 16) and batch.targets.shape == (2, 2, 3, 16, 16)
    assert batch.present.tolist() == [[True, True, True, True, False]] * 2 and set(np.unique(batch.targets)) <= {0, 1}
    found = feeding.compare_feeding(settings, source, steps=5, rounds=2)
    assert found.keys() == {"ThrombusSeg", "MONAI"}
    for each in found.values():
        assert each["steps"] == 2 * (5 - feeding.LEFT_OUT)
        assert 0 < each["share_waiting"] < 1 and each["seconds_per_step"] > 0


def test_processes_are_timed_as_a_user_starts_them(tmp_path: Path, manifest: Path) -> None:
    settings = write_settings(tmp_path, every=0)
    command = [str(settings), "--out", str(tmp_path / "out"), "--steps", "5", "--cases", "2"]
    found = feeding.compare_processes(command, (1, 2), rounds=1)
    assert {count: each["steps"] for count, each in found.items()} == {"1": 2, "2": 2}
    assert found["1"]["speed_up"] == 1.0 and found["2"]["steps_per_second"] > 0
    figures = {"feeding": {}, "processes": found, "crop": [3, 16, 16], "batch": 2, "cases": 2, "precision": "float32"}
    text = feeding.table({**figures, "processor": "x", "cores": 2, "torch": "2", "monai": "1"})
    assert f"| 2 | {found['2']['seconds_per_step']:.2f} |" in text
