"""The worker: its protocol to the letter, warm between jobs, hard to break."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import ThrombusSegLib
from ThrombusSegLib.errors import MachineError
from ThrombusSegLib.inference import Predictor
from ThrombusSegLib.weights import WeightsMetadata, find_weights, load_network, save_network
from ThrombusSegLib.weights.header import read_header
from ThrombusSegLib.worker import job as job_module
from ThrombusSegLib.worker.loop import Worker
from ThrombusSegLib.worker.protocol import MAXIMUM_LINE_BYTES, ProtocolError, decode, encode, job_of

ROOT = Path(ThrombusSegLib.__file__).parents[1]


class Talk:
    """One side of a conversation with a worker: `say` a command, `hear` events."""

    def __init__(self, commands: Any, events: Any) -> None:
        self._commands = commands
        self._heard: queue.Queue[bytes] = queue.Queue()
        self.everything: list[bytes] = []
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()

    def _listen(self, events: Any) -> None:
        for line in events:
            self.everything.append(line)
            self._heard.put(line)
        self._heard.put(b"")

    def say(self, command: dict[str, Any] | bytes) -> None:
        line = command if isinstance(command, bytes) else json.dumps(command).encode() + b"\n"
        self._commands.write(line)
        self._commands.flush()

    def hear(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these kinds; progress is skipped unless asked for."""
        while line := self._heard.get(timeout=60):
            assert line.isascii()
            event: dict[str, Any] = json.loads(line)
            if event["event"] in kinds:
                return event
            assert event["event"] == "progress", event
        raise EOFError(kinds)

    def ended(self) -> bool:
        """Nothing more comes."""
        while self._heard.get(timeout=60):
            pass
        return True

    def close(self) -> None:
        self._commands.close()


def segment(identity: str, images: dict[str, Path], out: Path, weights: Path, **more: Any) -> dict[str, Any]:
    inputs = {name: str(path) for name, path in images.items()}
    command = {"command": "segment", "id": identity, "inputs": inputs, "out": str(out), "weights": str(weights)}
    return {**command, "device": "cpu", **more}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """A worker in this process, on pipes."""
    theirs_in, mine_out = os.pipe()
    mine_in, theirs_out = os.pipe()
    with (
        os.fdopen(theirs_in, "rb") as commands,
        os.fdopen(theirs_out, "wb") as events,
        os.fdopen(mine_out, "wb") as say,
        os.fdopen(mine_in, "rb") as hear,
    ):
        thread = threading.Thread(target=lambda: (Worker(commands, events).serve(), events.close()))
        thread.start()
        talk = Talk(say, hear)
        yield talk
        talk.close()
        thread.join(60)
        assert not thread.is_alive()


def test_a_job_from_ready_to_done(here: Talk, images: dict[str, Path], tiny_weights: Path, tmp_path: Path):
    ready = here.hear("ready")
    assert ready == {"event": "ready", "protocol": 1, "version": ThrombusSegLib.__version__, "pid": os.getpid()}
    here.say({"command": "warm", "weights": str(tiny_weights), "device": "cpu"})
    warm = here.hear("warm")
    assert warm.keys() == {"event", "id", "device", "name", "weights", "warning", "seconds"}
    assert "cores" in warm["name"] and warm["warning"] is None
    assert (warm["id"], warm["device"], warm["weights"]["name"]) == (None, "cpu", "tiny")
    out = tmp_path / "résultat 日本"
    here.say(segment("a", images, out, tiny_weights, options={"threshold": 0.4, "registration": "never"}))
    values, stages = [], []
    while (event := here.hear("progress", "done"))["event"] == "progress":
        assert event.keys() == {"event", "id", "value", "stage"}
        values.append(event["value"])
        stages.append(event["stage"])
    assert values == sorted(values)
    assert 0.0 <= values[0] <= values[-1] <= 1.0
    order = ["reading", "registering", "normalising", "network", "candidates", "writing"]
    assert set(stages) <= set(order)
    assert (stages[0], stages[-1]) == ("reading", "writing")
    assert event.keys() == {"event", "id", "result", "out"}
    assert (event["id"], event["out"]) == ("a", str(out))
    assert event["result"] == json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert event["result"]["threshold"] == 0.4
    assert (out / "report.html").is_file()


def test_the_network_is_loaded_once_and_again_when_the_weights_differ(
    here: Talk, images: dict[str, Path], tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loads: list[str] = []
    real = Predictor.__init__
    monkeypatch.setattr(
        Predictor, "__init__", lambda self, entry, device: (loads.append(device), real(self, entry, device))[1]
    )
    same, other = tmp_path / "same.safetensors", tmp_path / "other.safetensors"
    same.write_bytes(tiny_weights.read_bytes())
    network = load_network(find_weights(tiny_weights))
    save_network(network, other, WeightsMetadata(read_header(tiny_weights).metadata.settings, "", "something else"))
    here.hear("ready")
    for number, weights in enumerate((tiny_weights, tiny_weights, same, other)):
        here.say(segment(str(number), {"SWI": images["SWI"]}, tmp_path / str(number), weights))
        assert here.hear("done")["result"]["weights"]["name"] == weights.stem
    assert len(loads) == 2  # the same content under another name needs no loading


def test_jobs_run_in_order_and_a_waiting_one_can_be_cancelled(
    here: Talk, images: dict[str, Path], tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    go_on = threading.Event()
    real = job_module.run_job
    monkeypatch.setattr("ThrombusSegLib.worker.loop.run_job", lambda *arguments: (go_on.wait(60), real(*arguments))[1])
    for identity in "123":
        here.say(segment(identity, {"SWI": images["SWI"]}, tmp_path / identity, tiny_weights))
    here.say({"command": "cancel", "id": "2"})
    here.say({"command": "cancel", "id": "unknown"})  # perhaps it is done already: no error
    here.say(b"this is read after the cancel\n")
    here.hear("ready")
    assert here.hear("error")["kind"] == "protocol"
    go_on.set()
    ends = [here.hear("done", "cancelled") for _ in range(3)]
    assert [(each["event"], each["id"]) for each in ends] == [("done", "1"), ("cancelled", "2"), ("done", "3")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3"]


def hold_in_the_network(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """From now on predictions take until they are cancelled."""
    inside = threading.Event()

    def predict(_self: Predictor, _prepared: Any, progress: Any) -> None:
        from ThrombusSegLib.progress import report

        inside.set()
        while True:
            report(progress, 0.5, "network")
            threading.Event().wait(0.01)

    monkeypatch.setattr(Predictor, "predict", predict)
    return inside


def test_a_running_job_can_be_cancelled_and_leaves_nothing(
    here: Talk, images: dict[str, Path], tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    inside = hold_in_the_network(monkeypatch)
    here.say(segment("x", images, tmp_path / "out", tiny_weights))
    assert inside.wait(60)
    here.say({"command": "cancel", "id": "x"})
    here.hear("ready")
    assert here.hear("cancelled") == {"event": "cancelled", "id": "x"}
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_stdin_cancels_and_leaves(
    here: Talk, images: dict[str, Path], tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    inside = hold_in_the_network(monkeypatch)
    for identity in "12":
        here.say(segment(identity, images, tmp_path / identity, tiny_weights))
    assert inside.wait(60)
    here.close()
    here.hear("ready")
    assert [here.hear("cancelled")["id"] for _ in range(2)] == ["1", "2"]
    assert here.ended()
    assert list(tmp_path.iterdir()) == []


def test_errors_have_kind_sentence_and_advice_and_the_worker_goes_on(
    here: Talk,
    images: dict[str, Path],
    tiny_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    here.hear("ready")
    here.say(segment("1", {"SWI": tmp_path / "gone.nii.gz"}, tmp_path / "out", tiny_weights))
    event = here.hear("error")
    assert event.keys() == {"event", "id", "kind", "sentence", "advice"}
    assert (event["id"], event["kind"]) == ("1", "input")
    assert "gone.nii.gz" in event["sentence"]
    assert event["advice"]
    here.say(segment("2", images, tmp_path / "out", Path("nonsense")))
    assert "no weights called nonsense" in here.hear("error")["sentence"]
    monkeypatch.setattr(Predictor, "predict", lambda *_: 1 / 0)
    here.say(segment("3", images, tmp_path / "out", tiny_weights))
    event = here.hear("error")
    assert event["kind"] == "defect"
    assert "Traceback" not in json.dumps(event)
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.undo()
    here.say(segment("4", {"SWI": images["SWI"]}, tmp_path / "out", tiny_weights))
    assert here.hear("done")["id"] == "4"


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_card_with_too_little_memory_is_left_for_the_processor_if_nobody_chose_it(
    device: str,
    here: Talk,
    images: dict[str, Path],
    tiny_weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """The meta device stands for a card: the network can be placed there, but computes nothing."""
    from ThrombusSegLib.inference import predictor as predictor_module

    def choose(wanted: str) -> tuple[torch.device, None]:
        return (torch.device("cpu") if wanted == "cpu" else torch.device("meta")), None

    def full(self: Predictor, prepared: Any, progress: Any) -> Any:
        if self.device.type == "cpu":
            return predict(self, prepared, progress)
        progress(0.5, "network")
        raise MachineError("The memory of the device is not enough for this case.", "Close other programs.")

    predict = Predictor.predict
    monkeypatch.setattr(predictor_module, "choose_device", choose)
    monkeypatch.setattr(Predictor, "predict", full)
    here.hear("ready")
    here.say(segment("1", {"SWI": images["SWI"]}, tmp_path / "out", tiny_weights, device=device))
    values = []
    while (event := here.hear("progress", "done", "error"))["event"] == "progress":
        values.append(event["value"])
    assert values == sorted(values)
    if device == "auto":
        assert event["result"]["device"] == "cpu"
        assert "memory of the device (meta) was not enough" in event["result"]["warnings"][0]
    else:
        assert (event["event"], event["kind"]) == ("error", "machine")


WRONG = [
    b"\xff\xfe\n", b"{\n", b"[]\n", b"1\n", b"null\n", b'{"command": "dance"}\n', b'{"command": ["segment"]}\n',
    b'{"command": "segment"}\n', b'{"command": "segment", "id": 7}\n', b'{"command": "cancel"}\n',
    b"[" * 100_000 + b"\n",
    b'{"a":"' + b"x" * (2 * MAXIMUM_LINE_BYTES) + b'"}\n',
]  # fmt: skip


def test_lines_that_are_no_commands_are_protocol_errors_and_the_worker_goes_on(here: Talk):
    here.hear("ready")
    for line in WRONG:
        here.say(line)
        event = here.hear("error")
        assert event["kind"] == "protocol"
        assert event["sentence"].endswith(".")
    here.say(b"\n  \n")
    here.say({"command": "quit"})
    assert here.ended()


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": None}, {"inputs": {"T1": "a"}}, {"inputs": {"SWI": 3}}, {"out": None}, {"out": 5},
        {"options": {"threshold": "high"}}, {"options": {"threshold": True}}, {"options": {"speed": 9}},
        {"options": {"registration": "maybe"}}, {"options": 3}, {"weights": 3}, {"device": {}},
    ],
)  # fmt: skip
def test_wrong_fields_are_protocol_errors(change: dict[str, Any]):
    command = {"command": "segment", "id": "1", "inputs": {"SWI": "/a"}, "out": "/b"}
    job_of(decode(encode(command)))
    with pytest.raises(ProtocolError):
        job_of(decode(encode({**command, **change})))


def test_paths_of_all_systems_and_languages_survive_the_protocol():
    for path in (r"C:\Users\Müller\Bilder 1\a.nii.gz", "/home/日本/ñ 'quoted\" .nrrd", "//server/share/α.mha"):
        command = {"command": "segment", "id": "1", "inputs": {"SWI": path}, "out": path}
        line = encode(command)
        assert line.isascii()
        assert line.count(b"\n") == 1
        job = job_of(decode(line))
        assert [str(each) for each in job.inputs.values()] == [str(Path(path))]


def test_an_id_that_is_in_use_is_refused(
    here: Talk, images: dict[str, Path], tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    inside = hold_in_the_network(monkeypatch)
    here.say(segment("1", images, tmp_path / "1", tiny_weights))
    assert inside.wait(60)
    here.hear("ready")
    here.say(segment("1", images, tmp_path / "2", tiny_weights))
    assert "already in use" in here.hear("error")["sentence"]
    here.say({"command": "cancel", "id": "1"})
    assert here.hear("cancelled")["id"] == "1"


def start(program: str = "", **options: Any) -> subprocess.Popen[bytes]:
    arguments = ["-c", program] if program else ["-m", "ThrombusSegLib", "worker"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *arguments], env=environment, **pipes, **options)


def test_the_real_process_keeps_stdout_to_the_protocol(images: dict[str, Path], tiny_weights: Path, tmp_path: Path):
    """Also when a library prints, in Python or below it."""
    program = (
        "import os, sys, ThrombusSegLib.worker.loop as loop\n"
        "real = loop.run_job\n"
        "def noisy(*arguments):\n"
        "    print('from Python'); os.write(1, b'from below\\n'); os.system('echo from a child')\n"
        "    return real(*arguments)\n"
        "loop.run_job = noisy\n"
        "from ThrombusSegLib.cli.main import main\n"
        "sys.exit(main(['worker']))\n"
    )
    process = start(program, cwd=tmp_path)
    talk = Talk(process.stdin, process.stdout)
    assert talk.hear("ready")["pid"] == process.pid
    talk.say(segment("1", {"SWI": images["SWI"]}, tmp_path / "ö ut", tiny_weights))
    assert talk.hear("done")["result"]["sequences"]["used"].keys() == {"SWI"}
    talk.say({"command": "quit"})
    assert process.wait(60) == 0
    assert talk.ended()
    assert process.stderr is not None
    errors = process.stderr.read()
    for words in (b"from Python", b"from below", b"from a child"):
        assert words in errors
    assert all(json.loads(line)["event"] for line in talk.everything)
    process.stderr.close()
    talk.close()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_request_to_end_cleans_up(tmp_path: Path):
    process = start(cwd=tmp_path)
    talk = Talk(process.stdin, process.stdout)
    talk.hear("ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert talk.ended()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    talk.close()
