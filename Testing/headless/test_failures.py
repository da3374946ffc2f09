"""What happens when a run does not end well: a sentence, a clean scene, a clean disk, no process left."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

FAKE = Path(__file__).with_name("fakeWorker.py")


@pytest.fixture
def fakeLogic(headless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], object]]:
    """Makes a logic with a fake worker of the given manner; afterward no folder may be left."""
    from ThrombusSegParts import logic as module

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    made = []

    def make(manner: str) -> object:
        command = [sys.executable, str(FAKE), manner]
        monkeypatch.setattr(module, "workerStart", lambda python: (command, dict(os.environ, PYTHONUTF8="1"), tmp_path))
        logic = module.ThrombusSegLogic(temporaryFolder=str(temporary))
        logic.cancelGraceSeconds = 0.2
        made.append(logic)
        return logic

    yield make
    for logic in made:
        logic.close()
    assert list(temporary.iterdir()) == []


def exists(pid: int) -> bool:
    """Whether the process is there and is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def start(logic, inputs) -> list:
    """Start a run and collect what it ends with."""
    ended: list = []
    logic.startProcess(inputs, onDone=ended.append, onError=ended.append)
    return ended


@pytest.mark.parametrize(
    ("manner", "kind", "words"),
    [
        ("crash", "machine", "ended unexpectedly (exit status 9)"),
        ("no files", "defect", "segmentation.nii.gz of the result could not be read"),
        ("does not understand", "protocol", "A line is not JSON."),
        ("other version", "defect", "another version"),
    ],
)
def test_failed_run_is_said_and_leaves_the_scene_as_it_was(manner, kind, words, headless, tools, fakeLogic) -> None:
    from ThrombusSegParts.errors import SegmentationError

    node = headless.volume(tools.head(1), tools.grid())
    before = headless.ids()
    logic = fakeLogic(manner)
    with pytest.raises(SegmentationError) as raised:
        logic.process({"SWI": node})
    assert raised.value.kind == kind
    assert words in str(raised.value)
    assert not logic.isBusy()
    assert headless.ids() == before
    if manner == "crash":
        assert raised.value.details == "Killed by the fake: out of memory, ü"


def test_next_run_after_a_crash_gets_a_new_worker(headless, tools, fakeLogic) -> None:
    logic = fakeLogic("crash")
    inputs = {"SWI": headless.volume(tools.head(1), tools.grid())}
    for _again in range(2):
        ended = start(logic, inputs)
        tools.wait(logic)
        assert "exit status 9" in ended[0].sentence


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("manner", ["deaf", "launcher"])
def test_worker_that_does_not_answer_a_cancel_is_ended_with_its_child(manner, headless, tools, fakeLogic) -> None:
    from ThrombusSegParts.errors import SegmentationCancelled

    logic = fakeLogic(manner)
    before = headless.ids()
    progress: list[float] = []
    ended: list = []
    node = headless.volume(tools.head(1), tools.grid())
    before = headless.ids()
    logic.startProcess(
        {"SWI": node},
        onProgress=lambda value, _stage: progress.append(value), onDone=ended.append, onError=ended.append,
    )  # fmt: skip
    tools.wait(logic, until=lambda: bool(progress))
    pid = logic._worker.pid
    assert exists(pid)
    logic.cancel()
    assert logic.isBusy()
    tools.wait(logic, 10)
    assert isinstance(ended[0], SegmentationCancelled)
    assert not exists(pid)
    assert headless.ids() == before


def test_cancel_of_the_real_worker(headless, tools, realLogic, tinyWeights) -> None:
    from ThrombusSegParts.errors import SegmentationCancelled

    node = headless.volume(tools.head(1, (40, 160, 160)), tools.grid())
    before = headless.ids()
    ended: list = []
    seen: list[str] = []
    realLogic.startProcess(
        {"SWI": node}, "cpu", str(tinyWeights),
        onProgress=lambda _value, stage: seen.append(stage), onDone=ended.append, onError=ended.append,
    )  # fmt: skip
    tools.wait(realLogic, until=lambda: bool(seen))
    worker = realLogic._worker
    realLogic.cancel()
    tools.wait(realLogic)
    assert isinstance(ended[0], SegmentationCancelled)
    assert str(ended[0]) == "The segmentation was canceled."
    assert headless.ids() == before
    assert realLogic._worker is worker and worker.isAlive(), "a worker that answers a cancel stays warm"


def test_cancel_while_the_result_is_loaded(headless, tools, realLogic, tinyWeights) -> None:
    from ThrombusSegParts.errors import SegmentationCancelled

    node = headless.volume(tools.head(1), tools.grid())
    before = headless.ids()
    ended: list = []
    options = {"registration": "never"}
    realLogic.startProcess(
        {"SWI": node}, "cpu", str(tinyWeights), options, onDone=ended.append, onError=ended.append,
        onProgress=lambda _value, stage: realLogic.cancel() if stage == "loading" else None,
    )  # fmt: skip
    tools.wait(realLogic)
    assert isinstance(ended[0], SegmentationCancelled)
    assert headless.ids() == before


def test_deleted_input_ends_the_run(headless, tools, fakeLogic) -> None:
    node = headless.volume(tools.head(1), tools.grid())
    logic = fakeLogic("deaf")
    ended = start(logic, {"FLAIR": node})
    headless.scene.RemoveNode(node)
    before = headless.ids()
    tools.wait(logic, 10)
    assert str(ended[0]) == "The volume chosen for FLAIR is no longer in the scene; the segmentation was stopped."
    assert headless.ids() == before


def test_closed_scene_ends_the_run(headless, tools, fakeLogic) -> None:
    from ThrombusSegParts.errors import SegmentationCancelled

    logic = fakeLogic("deaf")
    ended = start(logic, {"SWI": headless.volume(tools.head(1), tools.grid())})
    headless.scene.Clear(0)
    tools.wait(logic, 10)
    assert isinstance(ended[0], SegmentationCancelled)
    assert headless.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_closed_module_ends_run_and_worker(headless, tools, fakeLogic) -> None:
    from ThrombusSegParts.errors import SegmentationCancelled

    logic = fakeLogic("does nothing")
    ended = start(logic, {"SWI": headless.volume(tools.head(1), tools.grid())})
    worker = logic._worker
    started = time.monotonic()
    logic.close()
    assert time.monotonic() - started < 3
    assert isinstance(ended[0], SegmentationCancelled) and len(ended) == 1
    assert not worker.isAlive() and worker.exitStatus() == 0, "the end of its stdin lets a worker leave by itself"
    logic.close()


def test_only_one_run_at_a_time(headless, tools, fakeLogic) -> None:
    from ThrombusSegParts.errors import SegmentationError

    logic = fakeLogic("deaf")
    inputs = {"SWI": headless.volume(tools.head(1), tools.grid())}
    start(logic, inputs)
    with pytest.raises(SegmentationError, match="running already"):
        logic.process(inputs)


def test_worker_that_cannot_be_started_is_said(headless, tools, tmp_path: Path) -> None:
    from ThrombusSegParts.errors import SegmentationError
    from ThrombusSegParts.logic import ThrombusSegLogic

    logic = ThrombusSegLogic(python=str(tmp_path / "no python"), temporaryFolder=str(tmp_path))
    with pytest.raises(SegmentationError, match="The Python chosen for the worker does not exist"):
        logic.process({"SWI": headless.volume(tools.head(1), tools.grid())})
    assert list(tmp_path.iterdir()) == [] and not logic.isBusy()


def test_result_that_fails_half_way_is_taken_back(headless, tools, realLogic, tinyWeights, monkeypatch) -> None:
    from ThrombusSegParts import resultToScene
    from ThrombusSegParts.errors import SegmentationError

    node = headless.volume(tools.head(1), tools.grid())
    before = headless.ids()

    def fail(self, volume, key) -> None:
        volume.CreateDefaultDisplayNodes()
        raise ValueError("a display that fails")

    monkeypatch.setattr(resultToScene._Placed, "_display", fail)
    with pytest.raises(SegmentationError, match="could not be loaded: a display that fails"):
        realLogic.process({"SWI": node}, "cpu", str(tinyWeights), {"registration": "never"})
    assert headless.ids() == before


def test_warm_tells_the_device_and_is_not_needed(headless, realLogic, tools, tinyWeights) -> None:
    told: list = []
    realLogic.onWarm = told.append
    realLogic.warm("cpu", str(tinyWeights))
    tools.wait(realLogic, until=lambda: bool(told))
    assert told[0]["device"] == "cpu" and told[0]["weights"]["name"] == "tiny"
    told.clear()
    realLogic.warm("cpu", "no such weights")
    tools.wait(realLogic, until=lambda: bool(told))
    assert told[0].kind == "input" and "no such weights" in told[0].sentence


def test_library_is_found_from_a_source_checkout_and_worker_gets_its_place(monkeypatch) -> None:
    from ThrombusSegParts.library import folderOfLibrary
    from ThrombusSegParts.workerPython import workerStart

    folder = folderOfLibrary()
    assert (folder / "ThrombusSegLib" / "worker").is_dir()
    monkeypatch.setenv("PYTHONPATH", "/somewhere else")
    monkeypatch.setenv("ITK_AUTOLOAD_PATH", "/plug-ins of another ITK")
    command, environment, cwd = workerStart(sys.executable)
    assert command[1:] == ["-m", "ThrombusSegLib", "worker"] and cwd == folder
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(folder), "/somewhere else"]
    assert environment["PYTHONUTF8"] == "1" and "ITK_AUTOLOAD_PATH" not in environment


def test_another_python_meets_nothing_of_slicers(monkeypatch) -> None:
    import types

    from ThrombusSegParts.workerPython import workerStart

    start = {
        "PYTHONHOME": "/slicer/lib/Python", "PYTHONPATH": "/slicer/lib/Python/site-packages", "HOME": "/home/me",
        "LD_LIBRARY_PATH": os.pathsep.join(["/slicer/lib", "/usr/local/cuda"]), "ITK_AUTOLOAD_PATH": "/slicer/lib/itk",
    }  # fmt: skip
    monkeypatch.setattr(slicer, "app", types.SimpleNamespace(slicerHome="/slicer"), raising=False)
    monkeypatch.setattr(slicer.util, "startupEnvironment", lambda: start, raising=False)
    command, environment, folder = workerStart(sys.executable)
    assert command[0] == sys.executable
    assert environment == {
        "HOME": "/home/me", "LD_LIBRARY_PATH": "/usr/local/cuda", "PYTHONPATH": str(folder), "PYTHONUTF8": "1",
        "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip
