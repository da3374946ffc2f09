"""Several processes: the same crops, the same gradient, one writer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ThrombusSegLib.errors import InputError, MachineError
from ThrombusSegLib.training.distributed import World, choose_device, join_world

#: What each of two processes does: three steps on fixed cases, float32; the first writes what it found.
SCRIPT = """
import importlib.util, sys, torch
from dataclasses import replace
from pathlib import Path
spec = importlib.util.spec_from_file_location("loop_tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
from ThrombusSegLib.training.distributed import join_world
from ThrombusSegLib.training.feeder import Feeder
torch.set_num_threads(1)
out = Path(sys.argv[2])
settings = replace(tests.SMALL, batch=4, freeze_norms_from=0.0, steps=6)
with join_world("cpu", settings.batch) as world:
    with Feeder(tests.CASES, settings, world) as feeder:
        mine = feeder.take(2)[0]
        whole = next(feeder.settling(3, 1))
    assert (mine.images == whole.images[world.rank :: world.size]).all() and len(mine.images) == 4 // world.size
    trained = tests.train(settings, tests.CASES, out, validator=tests.validator(settings), world=world)
    digest = sum(float(value.double().sum()) for value in trained.network.state_dict().values())
    assert len(set(world.gather(digest))) == 1, "the processes have different weights"
    if world.first:
        torch.save(trained.network.state_dict(), out / "kept.pt")
"""


def launch(processes: int, out: Path, *command: str) -> subprocess.CompletedProcess[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *torchrun, *command], capture_output=True, text=True, env=environment, timeout=300, check=False
    )


def test_two_processes_train_on_the_same_crops_as_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    tests = str(Path(__file__).with_name("test_training.py"))
    for processes in (1, 2):
        out = tmp_path / str(processes)
        done = launch(processes, out, str(script), tests, str(out))
        assert done.returncode == 0, done.stderr  # what went wrong stands at its top, what torchrun says of it below
    one, two = (torch.load(tmp_path / name / "kept.pt", weights_only=True) for name in ("1", "2"))
    # Normalisations are fixed from the first step on here, so what is left is the loss: each process takes its overlap
    # over its own crops. The weights are close, and differ from those of the start by far more.
    distance = {name: float((one[name].double() - two[name].double()).abs().max()) for name in one}
    assert max(distance.values()) < 0.02, distance
    lines = [[json.loads(line) for line in (tmp_path / name / "log.jsonl").open()] for name in ("1", "2")]
    assert [line["step"] for line in lines[1]] == list(range(6))
    assert np.allclose([line["learning_rate"] for line in lines[0]], [line["learning_rate"] for line in lines[1]])
    verdicts = [[json.loads(line) for line in (tmp_path / name / "validation.jsonl").open()] for name in ("1", "2")]
    assert [[look["case"] for look in verdict["looks"]] for verdict in verdicts[0]] == [
        [look["case"] for look in verdict["looks"]] for verdict in verdicts[1]
    ]


def test_crops_are_shared_out_without_remainder_or_repetition() -> None:
    for size in (1, 2, 3, 6):
        places = [place for rank in range(size) for place in World(rank, size).places(6)]
        assert sorted(places) == list(range(6))


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="batch is 4, which 3 processes cannot share"), join_world("cpu", 4):
        pass


@pytest.mark.parametrize(("cards", "device"), [(0, "cpu"), (1, "cuda:0")])
def test_auto_takes_a_graphics_card_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, cards: int, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _place: None)
    assert str(choose_device("auto", 0)) == device
    assert str(choose_device("cpu", 0)) == "cpu"
    with pytest.raises(MachineError, match="no graphics card"):
        choose_device("cuda", cards)
