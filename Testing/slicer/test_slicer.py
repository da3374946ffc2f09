"""The module in a real Slicer, with its window: `drive.py` presses the buttons, this reads its report.

    SLICER_EXECUTABLE=/path/to/Slicer python -m pytest Testing/slicer

The worker's Python is Slicer's own, or the one that SLICER_WORKER_PYTHON names. Without a display, xvfb-run is used.
THROMBUSSEG_PHOTOGRAPHS names a folder that shall keep the photographs. Slicer is started seven times, for some minutes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLICER = os.environ.get("SLICER_EXECUTABLE", "")
PYTHON = os.environ.get("SLICER_WORKER_PYTHON", "") or "-"

HAS_DISPLAY = sys.platform != "linux" or bool(os.environ.get("DISPLAY"))

if not SLICER:
    pytest.skip("set SLICER_EXECUTABLE to the path of a Slicer to test in the application", allow_module_level=True)
if not HAS_DISPLAY and shutil.which("xvfb-run") is None:
    pytest.skip("the application needs a display, or xvfb-run", allow_module_level=True)


def command(modules: Path, folder: Path, *stages: str) -> list[str]:
    """How Slicer is started; a display of 1920 x 1080 is made where there is none."""
    display = [] if HAS_DISPLAY else ["xvfb-run", "-a", "-s", "-screen 0 1920x1080x24"]
    options = ["--testing", "--disable-settings", "--no-splash", "--additional-module-paths", str(modules)]
    script = ["--python-script", str(Path(__file__).with_name("drive.py")), str(folder), PYTHON, *stages]
    return [*display, SLICER, *options, *script]


def environment(temporary: Path) -> dict[str, str]:
    """Slicer's, with a place for temporary files where no other Slicer puts any."""
    temporary.mkdir(parents=True, exist_ok=True)
    return {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))}


def drive(modules: Path, folder: Path, temporary: Path, *stages: str, seconds: float = 3000) -> dict:
    """Run the stages; the report. The output of Slicer is shown where it ended badly."""
    folder.mkdir(parents=True, exist_ok=True)
    # not into a pipe: Slicer's own event loop reads its output and could wait for itself
    with (folder / "slicer.log").open("w", encoding="utf-8") as log:
        ended = subprocess.run(
            command(modules, folder, *stages), env=environment(temporary), stdout=log, stderr=log, timeout=seconds
        )
    said = (folder / "slicer.log").read_text(encoding="utf-8", errors="replace")[-3000:]
    assert (folder / "report.json").is_file(), said
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert "error" not in report, report["error"]
    assert ended.returncode == 0, said
    return report


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the photographs of the run through all stages lie."""
    kept = os.environ.get("THROMBUSSEG_PHOTOGRAPHS")
    return Path(kept) if kept else tmp_path_factory.mktemp("photographs")


@pytest.fixture(scope="module")
def report(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """All stages, with the module of this source checkout."""
    return drive(ROOT / "ThrombusSeg", photographs, tmp_path_factory.mktemp("temporary"))


def test_start_of_slicer_is_hardly_slower(report: dict) -> None:
    """Processor time, so that other programs do not count."""
    assert report["heavyAtStart"] == []
    assert report["millisecondsAtStart"] < 50


def test_torch_never_enters_slicers_process(report: dict) -> None:
    assert report["torchInSlicer"] is False


def test_worker_is_ready_when_the_module_was_opened(report: dict) -> None:
    assert report["ready"] == "Ready." and report["device"]


def test_setup_is_checked_and_folded_when_green(report: dict) -> None:
    assert [row for row in report["setup"].values() if row[0] is not True] == []
    assert report["folded"] is True
    assert {name: row[0] for name, row in report["checkedAgain"].items()} == dict.fromkeys(report["setup"], True)
    assert "SHA-256" in report["clipboard"] and str(Path.home()) not in report["clipboard"]


def test_a_program_that_is_no_python_is_refused_in_a_sentence(report: dict) -> None:
    assert "is not used." in report["refused"] and report["refusedInView"] is True


def test_sample_case_is_loaded_by_sample_data(report: dict) -> None:
    assert report["loaded"] == [f"Sample {name}" for name in ("SWI", "DWI", "ADC", "FLAIR", "TOF")]


def test_a_wrong_row_is_a_sentence_beneath_the_button_until_it_is_mended(report: dict) -> None:
    sentence, canSegment = report["wrong"]
    assert sentence.startswith("Choose another volume for SWI or DWI, or none") and not canSegment
    assert report["apart"] == "Choose another volume for DWI, or none: it does not overlap SWI in space."
    assert report["mended"] is True


def test_run_goes_on_in_another_module_and_tells_its_stages(report: dict) -> None:
    assert report["stillRunning"] is True and report["result"] is True
    assert any("Looking for the thrombus" in text for text in report["stages"])
    assert "SHA-256" in report["log"]
    assert any(re.search(r"left$", text) for text in report["stagesAgain"]), "the second run knows how long it takes"
    assert report["columnsWithoutScrolling"] >= 7, "length and artery are read without scrolling at 1280"
    assert report["maps"] == ["probability", "SWI", "DWI", "ADC", "FLAIR", "TOF"]


def test_whatever_stops_a_run_is_said_and_leaves_no_images_on_the_disk(report: dict) -> None:
    cancelled, deleted, closed = report["stopped"]
    assert cancelled == "The segmentation was canceled."
    assert deleted.startswith("The volume chosen for SWI is no longer in the scene")
    assert closed == "The scene was closed; the segmentation was stopped."
    assert report["leftBehind"] == []


def test_review_and_correction_are_counted_and_taken_back(report: dict) -> None:
    """With the real keys, clicks and strokes of the application."""
    assert report["decidedWhileFolded"] == ["undecided"] and report["decided"] == ["accepted"]
    unchanged = {label: {"added": 0, "removed": 0} for label in ("thrombus", "infarct")}
    assert report["rejected"][0] == ["rejected"] and report["rejected"][1]["thrombus"]["removed"] > 0
    assert report["undone"] == [["accepted"], unchanged]
    assert report["missed"][0] == ["accepted", "added"] and report["missedUndone"] == ["accepted"]
    before, after, said = report["painted"]
    assert after > before and "voxels" in said
    assert report["unpainted"] == [before, unchanged] and report["effectLeft"] is False


def test_work_list_leads_from_case_to_case(report: dict) -> None:
    assert report["sceneList"][0].startswith("1 case from "), report["sceneList"]
    assert report["sceneList"][1] == "0 of 1 cases done"
    assert report["list"] == ["2 new.", "0 of 2 cases done"]
    assert report["openedByKey"] and report["opened"][0].startswith("case-001 is open.")
    assert report["saved"].startswith("Saved as case-001, version 1:")
    assert {"corrected/manifest.csv", "corrected/case-001/labels.nii.gz", "corrected/case-001/review.json"} <= set(
        report["savedFiles"]
    )
    assert report["exported"] == "Written: case-001.nii.gz, case-001.csv."
    assert report["openedNext"][0].startswith("case-002 is open.")
    assert not [name for name in report["openedNext"][1] if name.startswith("case-001")], "two patients in one scene"


def test_one_of_several_results_is_chosen_also_after_a_reload(report: dict) -> None:
    assert report["several"] == [
        [True, "Thrombus segmentation run 2", 0.77],
        [True, "To be shown on Monday", report["several"][1][2]],
        [True, "To be shown on Monday", report["several"][1][2]],
    ]
    assert report["several"][1][2] != 0.77, "the slider is that of the result that is shown"


def test_a_scene_that_is_added_leaves_the_rows_as_they_are(report: dict) -> None:
    before, after, canSegment = report["rowsKept"]
    assert before == after and canSegment


def test_self_test_passes(report: dict) -> None:
    assert report["selfTest"] == ["Test passed"]


def test_no_process_is_left_when_slicer_closes(report: dict) -> None:
    deadline = time.monotonic() + 30
    while exists(report["workerLeftTo"]):
        assert time.monotonic() < deadline, "the worker goes on without Slicer"
        time.sleep(0.2)


def test_every_photograph_was_taken(report: dict, photographs: Path) -> None:
    names = {path.stem for path in photographs.glob("*.png")}
    for name in ("setup", "inputs", "result", "attention", "nothing-found"):
        assert {f"{name}-{size}-{theme}" for size in ("1280", "1920") for theme in ("light", "dark")} <= names


def test_installed_extension_segments_its_sample_case(tmp_path: Path) -> None:
    """A tree with exactly the files that the CMake lists name, far from the repository."""
    modules = install(tmp_path)
    report = drive(modules, tmp_path / "out", tmp_path / "temporary", "start", "open", "self_test")
    assert Path(report["moduleFrom"]) == modules
    assert report["selfTest"] == ["Test passed"]


def test_a_killed_slicer_leaves_no_process_and_the_next_one_no_images(tmp_path: Path) -> None:
    """The worker notices by itself; the images in the temporary folder go when Slicer starts again."""
    if os.name != "posix":
        pytest.skip("signals")
    report = kill(tmp_path, "open", "inputs", "killed")
    assert report["beforeTheEnd"], "images were on the disk"
    deadline = time.monotonic() + 60
    while exists(report["workerLeftTo"]):
        assert time.monotonic() < deadline, "the worker goes on without Slicer"
        time.sleep(0.2)
    assert any((tmp_path / "temporary").rglob("SWI.nrrd")), "images are on the disk"
    assert drive(ROOT / "ThrombusSeg", tmp_path / "again", tmp_path / "temporary", "start")["leftBehind"] == []
    assert not any((tmp_path / "temporary").rglob("*.nrrd"))


def test_what_a_crash_left_unsaved_is_offered_and_comes_back(tmp_path: Path, photographs: Path) -> None:
    """A rejected candidate; the next session segments the same case."""
    if os.name != "posix":
        pytest.skip("signals")
    before = kill(tmp_path, "open", "inputs", "run", "crash")["changedBefore"]
    assert before["thrombus"]["removed"] > 0
    after = drive(ROOT / "ThrombusSeg", tmp_path / "again", tmp_path / "temporary", "open", "inputs", "run", "offered")
    assert after["offered"][0] is True and "were not saved" in after["offered"][1]
    assert after["restored"] == [["rejected"], before] and after["offeredAgain"] is False
    for picture in (tmp_path / "again").glob("unsaved-*.png"):
        shutil.copy(picture, photographs)


def kill(folder: Path, *stages: str) -> dict:
    """Run stages of which the last one kills the application; the report."""
    with subprocess.Popen(
        command(ROOT / "ThrombusSeg", folder, *stages),
        env=environment(folder / "temporary"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as slicer:  # fmt: skip
        slicer.wait(900)
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def exists(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    if sys.platform == "linux":
        try:
            return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False
    if os.name == "nt":
        listed = subprocess.run(["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True)
        return str(pid) in listed.stdout
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


def install(folder: Path) -> Path:
    """The tree of an installed extension under this folder; returns its folder of scripted modules."""
    target = folder / "lib" / "Slicer-5.12" / "qt-scripted-modules"
    for room, destination in (("ThrombusSeg", target), ("ThrombusSegLib", target / "ThrombusSegLib")):
        text = (ROOT / room / "CMakeLists.txt").read_text(encoding="utf-8")
        for name in ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"):
            for entry in listed(text, name):
                copy(ROOT / room / entry, destination / entry)
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "DESTINATION ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}/Resources/SampleCase" in text
    for entry in listed(text, "SAMPLE_CASE"):
        copy(ROOT / entry, target / entry)
    return target


def listed(text: str, name: str) -> list[str]:
    """The entries of a list in a CMake file."""
    match = re.search(rf"set\({name}\n(.*?)\n  \)", text, re.DOTALL)
    assert match, name
    return match[1].split()


def copy(source: Path, target: Path) -> None:
    """A file, with the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
