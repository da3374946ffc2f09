"""The command line: exit statuses, one line for an error, nothing half-written."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

import ThrombusSegLib
from ThrombusSegLib.cli import demo
from ThrombusSegLib.cli.bar import ProgressBar
from ThrombusSegLib.cli.main import build_parser, main
from ThrombusSegLib.inference import Predictor

ROOT = Path(ThrombusSegLib.__file__).parents[1]


def arguments(images: dict[str, Path], out: Path, weights: Path, *more: str) -> list[str]:
    given = [text for name, path in images.items() for text in (f"--{name.lower()}", str(path))]
    return ["segment", *given, "--out", str(out), "--weights", str(weights), "--device", "cpu", *more]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.nii.gz")}


def test_help_comes_without_torch():
    program = (
        "import sys\nfrom ThrombusSegLib.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'SimpleITK', 'numpy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True)


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]):
    for command in ("segment", "demo", "batch", "phantom", "train", "evaluate", "weights", "worker"):
        with pytest.raises(SystemExit) as end:
            build_parser().parse_args([command, "--help"])
        assert end.value.code == 0
        assert "usage: thrombusseg" in capsys.readouterr().out


def test_segment_writes_all_and_says_where(
    images: dict[str, Path], tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], finds_a_clot: None
):
    out = tmp_path / "ein Ordner"
    assert main(arguments(images, out, tiny_weights)) == 0
    told = capsys.readouterr()
    assert "Candidate 1: probability 0.9" in told.out
    assert f"Report: {out / 'report.html'}" in told.out
    assert "Research software" in told.out
    assert told.err.splitlines()[0].startswith("reading")  # plain lines, as this is no terminal
    assert "\r" not in told.err
    summary = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert summary["thrombus_found"] is True
    (row,) = csv.DictReader((out / "lesions.csv").open(encoding="utf-8"))
    assert float(row["volume_mm3"]) == summary["candidates"][0]["volume_mm3"]
    for file in ("result.json", "report.html", "lesions.csv"):
        assert str(tmp_path) not in (out / file).read_text(encoding="utf-8")
        assert str(images["SWI"].parent) not in (out / file).read_text(encoding="utf-8")


def test_the_order_of_the_options_changes_no_file(images: dict[str, Path], tiny_weights: Path, tmp_path: Path):
    backwards = dict(reversed(images.items()))
    assert main(arguments(images, tmp_path / "a", tiny_weights)) == 0
    assert main(arguments(backwards, tmp_path / "b", tiny_weights)) == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_no_thrombus_is_a_result(
    images: dict[str, Path], tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(arguments({"DWI": images["DWI"]}, tmp_path / "out", tiny_weights, "--threshold", "1.0")) == 0
    assert "No thrombus found." in capsys.readouterr().out
    assert (tmp_path / "out" / "lesions.csv").read_text().count("\n") == 1


def bad(folder: Path, good: Path, kind: str) -> Path:
    """An input that is at fault."""
    path = folder / f"{kind}.nii.gz"
    image = sitk.ReadImage(str(good), sitk.sitkFloat32)
    values = sitk.GetArrayFromImage(image)
    if kind == "missing":
        return path
    if kind == "empty":
        path.write_bytes(b"")
        return path
    if kind == "truncated":
        path.write_bytes(good.read_bytes()[:-2000])
        return path
    if kind == "text":
        path.write_bytes(gzip.compress(b"this is no image"))
        return path
    if kind == "four dimensions":
        image = sitk.JoinSeries([image, image])
    elif kind == "not a number":
        values[5, 20:30, 10:30] = np.nan
    elif kind == "infinite":
        values[:, :20] = np.inf
    elif kind == "zero":
        values[:] = 0
    elif kind == "elsewhere":
        image.SetOrigin((5000.0, 0.0, 0.0))
    if kind not in ("four dimensions",):
        changed = sitk.GetImageFromArray(values)
        changed.CopyInformation(image)
        image = changed
    sitk.WriteImage(image, str(path))
    return path


KINDS = ("missing", "empty", "truncated", "text", "four dimensions", "not a number", "infinite", "zero", "elsewhere")


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_one_line_and_leaves_nothing(
    kind: str, images: dict[str, Path], tiny_weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    inputs = {"SWI": images["SWI"], "DWI": bad(tmp_path, images["DWI"], kind)}
    assert main(arguments(inputs, tmp_path / "out", tiny_weights)) == 2
    lines = [line for line in capfd.readouterr().err.splitlines() if "(" not in line[-6:]]  # without the stages
    (line,) = [line for line in lines if line.startswith("thrombusseg: ")]
    assert inputs["DWI"].name in line
    assert str(tmp_path) not in line
    assert "Traceback" not in "".join(lines)
    assert [path.name for path in tmp_path.iterdir()] in ([], [inputs["DWI"].name])


def test_bad_settings_and_weights_exit_with_2(
    images: dict[str, Path], tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    one = {"SWI": images["SWI"]}
    copy = Path(shutil.copy(tiny_weights, tmp_path / "mine.safetensors"))
    assert main(["weights", "add", str(copy)]) == 0
    registered = Path(os.environ["THROMBUSSEG_WEIGHTS"]) / "mine.safetensors"
    registered.write_bytes(registered.read_bytes()[:-1] + b"\0")
    capsys.readouterr()
    for words, command in {
        "no weights called nonsense": arguments(one, out, Path("nonsense")),
        "SHA-256 differs": arguments(one, out, Path("mine")),
        "refused": arguments(one, out, Path("mine.pt")),
        "threshold": arguments(one, out, tiny_weights, "--threshold", "7"),
        "No sequence was given": ["segment", "--out", str(out)],
        "No sequence was recognised": ["segment", "--case", str(tmp_path), "--out", str(out)],
        "does not exist": ["segment", "--case", str(tmp_path / "gone"), "--out", str(out)],
    }.items():
        assert main(command) == 2, words
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("thrombusseg: ")
        assert words in line
        assert not out.exists()


@pytest.mark.parametrize(
    "command",
    [[], ["nonsense"], ["segment"], ["segment", "--out", "x", "--device", "abacus"], ["segment", "--out", ""]],
)
def test_usage_errors_are_one_line_too(command: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("thrombusseg: ")


def test_a_defect_is_1_with_a_traceback_only_on_demand(
    images: dict[str, Path],
    tiny_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(Predictor, "predict", lambda *_: 1 / 0)
    command = arguments({"SWI": images["SWI"]}, tmp_path / "out", tiny_weights)
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert "THROMBUSSEG_DEBUG=1" in told
    monkeypatch.setenv("THROMBUSSEG_DEBUG", "1")
    assert main(command) == 1
    assert "Traceback" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_defect_names_no_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def broken(_arguments: object) -> int:
        raise PermissionError(13, "Permission denied", "/data/Miller Anna/scan 1/SWI.nii.gz")

    monkeypatch.setattr("ThrombusSegLib.cli.segment.run", broken)
    assert main(["segment", "--out", "x"]) == 1
    told = capsys.readouterr().err
    assert "SWI.nii.gz" in told and "Miller" not in told and "scan 1" not in told


@pytest.mark.parametrize(("rank", "ended", "said"), [("0", True, True), ("1", True, False), ("1", False, True)])
def test_under_torchrun_one_process_of_a_machine_says_what_is_wrong(
    rank: str,
    ended: bool,
    said: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    def wait(_seconds: float) -> None:
        if ended:
            raise KeyboardInterrupt  # as torchrun's SIGTERM

    monkeypatch.setattr("ThrombusSegLib.cli.main.time.sleep", wait)
    monkeypatch.setenv("LOCAL_RANK", rank)
    assert main(["train", str(tmp_path / "gone.toml"), "--out", str(tmp_path / "out")]) == 2
    assert ("gone.toml does not exist" in capsys.readouterr().err) == said


def test_interrupting_is_130_and_leaves_nothing(
    images: dict[str, Path],
    tiny_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "predict", interrupt)
    assert main(arguments({"SWI": images["SWI"]}, tmp_path / "out", tiny_weights)) == 130
    assert "Traceback" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="needs a user without all rights")
def test_a_folder_that_cannot_be_written_is_3(images: dict[str, Path], tiny_weights: Path, tmp_path: Path):
    tmp_path.chmod(0o500)
    assert main(arguments({"SWI": images["SWI"]}, tmp_path / "out", tiny_weights)) == 3


def test_a_case_folder_is_recognised(
    images: dict[str, Path], tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "patient"
    folder.mkdir()
    for name in ("SWI", "DWI", "FLAIR"):
        shutil.copy(images[name], folder / f"ax_{name}.nii.gz")
    assert main(["segment", "--case", str(folder), "--out", str(tmp_path / "out"), "--weights", str(tiny_weights)]) == 0
    used = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["sequences"]["used"]
    assert used.keys() == {"SWI", "DWI", "FLAIR"}
    assert "Note:" in capsys.readouterr().out


def test_demo_runs_on_the_sample_case(
    images: dict[str, Path],
    tiny_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    sample = tmp_path / "SampleCase"
    sample.mkdir()
    for name, path in images.items():
        shutil.copy(path, sample / f"{name}.nii.gz")
    monkeypatch.setattr(demo, "_SAMPLE", sample)
    assert main(["demo", "--out", str(tmp_path / "demo"), "--weights", str(tiny_weights)]) == 0
    report = tmp_path / "demo" / "report.html"
    assert f"Report: {report}" in capsys.readouterr().out
    assert "sample case (simulated)" in report.read_text(encoding="utf-8")


def manifest_of(folder: Path, images: dict[str, Path], broken: bool) -> Path:
    rows = ["case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels"]
    for number, names in enumerate((("SWI", "DWI"), ("FLAIR",))):
        paths = []
        for name in ("SWI", "DWI", "ADC", "FLAIR", "TOF"):
            if name in names:
                shutil.copy(images[name], folder / f"{number}{name}.nii.gz")
            paths.append(f"{number}{name}.nii.gz" if name in names else "")
        rows.append(f"case {number},A,test,{','.join(paths)},")
    rows.append(f"broken,B,test,{'gone' if broken else '0SWI'}.nii.gz,,,,,")
    path = folder / "manifest.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_batch_records_failures_goes_on_and_resumes(
    images: dict[str, Path], tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    command = [
        "batch",
        str(manifest_of(tmp_path, images, broken=True)),
        "--out",
        str(out),
        "--weights",
        str(tiny_weights),
    ]
    assert main(command) == 2
    rows = list(csv.DictReader((out / "results.csv").open(encoding="utf-8")))
    assert [row["case"] for row in rows] == ["case 0", "case 1", "broken"]
    assert [row["status"] for row in rows] == ["done", "done", "input"]
    assert "gone.nii.gz" in rows[2]["error"]
    assert rows[0]["sequences"] == "SWI DWI"
    assert (out / "case_0" / "report.html").is_file()
    assert not (out / "broken").exists()
    before = (out / "case_0" / "result.json").stat().st_mtime_ns
    manifest_of(tmp_path, images, broken=False)
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().err.count("already done") == 2
    assert (out / "case_0" / "result.json").stat().st_mtime_ns == before
    assert main([*command, "--threshold", "0.9"]) == 0  # another threshold is another result
    assert "already done" not in capsys.readouterr().err
    shutil.copy(images["ADC"], tmp_path / "1FLAIR.nii.gz")  # and so is another file
    assert main([*command, "--threshold", "0.9"]) == 0
    assert capsys.readouterr().err.count("already done") == 2
    assert [row["status"] for row in csv.DictReader((out / "results.csv").open(encoding="utf-8"))] == ["done"] * 3


def test_weights_commands(tiny_weights: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["weights", "add", str(tiny_weights)]) == 0
    assert main(["weights", "list"]) == 0
    assert main(["weights", "verify"]) == 0
    told = capsys.readouterr().out
    assert "tiny  (" in told
    assert "tiny: as registered" in told
    assert main(["weights", "remove", "tiny"]) == 0
    assert main(["weights", "remove", "tiny"]) == 2


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_the_bar_stays_on_one_line_and_goes_away():
    terminal = Terminal()
    bar = ProgressBar(terminal)  # type: ignore[arg-type]
    assert bar(0.0, "reading")
    assert bar(0.5, "network")
    bar.close()
    assert "\n" not in terminal.text
    assert "50% network" in terminal.text
    assert terminal.text.split("\r")[-2].strip() == ""


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--grid", "8x100x100", "'8x100x100' has rows or columns that 16 does not divide."),
        ("--repeats", "0", "0 repeats were asked for."),
    ],
)
def test_a_benchmark_that_cannot_be_is_refused(
    tmp_path: Path, option: str, value: str, expected: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["benchmark", option, value, "--out", str(tmp_path / "out")]) == 2
    assert expected in capsys.readouterr().err


def test_the_benchmark_says_where_its_figures_come_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    command = ["benchmark", "--only", "network", "--grid", "2x32x32", "--repeats", "1", "--out", str(out)]
    assert main(command) == 0
    figures = json.loads((out / "benchmark.json").read_text(encoding="utf-8"))
    told = "thrombusseg benchmark --grid 2x32x32 --repeats 1 --only network --out DIR"
    assert figures["origin"]["command"] == told
    assert [row["sequences"] for row in figures["rows"] if row["network"] == "UpAttLLSTM"] == [1, 2, 3, 4, 5]
    page = (out / "benchmark.md").read_text(encoding="utf-8")
    assert "Measured on 20" in page and str(tmp_path) not in page and page in capsys.readouterr().out
