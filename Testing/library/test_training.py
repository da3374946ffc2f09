"""The training loop: a run that was interrupted anywhere equals an unbroken one, and what it must refuse."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ThrombusSegLib.errors import Cancelled, InputError, MachineError
from ThrombusSegLib.network import NetworkSettings, UpAttLLSTM, build_network
from ThrombusSegLib.training import TrainSettings, checkpoint, loop
from ThrombusSegLib.training.cases import TrainingCase, make_case
from ThrombusSegLib.training.crops import Batch, draw_batch
from ThrombusSegLib.training.distributed import World
from ThrombusSegLib.training.feeder import Feeder
from ThrombusSegLib.training.loop import Trained, train
from ThrombusSegLib.training.norms import norms_of
from ThrombusSegLib.training.schedule import freeze_step, learning_rate_at
from ThrombusSegLib.training.settings import CropSettings, DataSettings, ValidationSettings
from ThrombusSegLib.training.sources import FixedCases
from ThrombusSegLib.training.validate import Validator

SMALL = TrainSettings(
    data=DataSettings(manifest="manifest.csv"),
    steps=9,
    batch=2,
    warmup_steps=2,
    checkpoint_every=2,
    precision="float32",
    workers=0,
    freeze_norms_from=0.5,
    crop=CropSettings(slices=3, pixels=16),
    network=NetworkSettings(widths=(4, 8), attention_heads=2),
    validation=ValidationSettings(every=3, cases=2),
)


def made_case(seed: int) -> TrainingCase:
    random = np.random.default_rng(seed)
    images = random.standard_normal((5, 6, 24, 20)).astype(np.float16)
    labels = np.zeros((6, 24, 20), dtype=np.uint8)
    labels[2:4, 10:13, 8:12] = 1
    labels[4, :8, :8] = 2
    images[0][labels == 1] -= 3
    return make_case(images, np.array([1, 1, 1, 1, 0], bool), labels, 0.9 * 0.9 * 3.0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower with several, and much slower beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


CASES = FixedCases([made_case(1), made_case(2)])


def validator(settings: TrainSettings) -> Validator:
    return Validator({"one": made_case(11), "two": made_case(12)}, settings)


def same(one: UpAttLLSTM, two: UpAttLLSTM) -> None:
    for (name, first), second in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(first, second), name


def stopped(settings: TrainSettings, out: Path, reports: int) -> None:
    """A run that is cancelled at its n-th report."""
    calls = 0

    def progress(_share: float, _stage: str) -> bool:
        nonlocal calls
        calls += 1
        return calls < reports

    with pytest.raises(Cancelled):
        train(settings, CASES, out, validator=validator(settings), progress=progress)


@pytest.mark.parametrize("schedule", ["cosine", "polynomial"])
def test_learning_rate_rises_and_falls_to_a_hundredth(schedule: str) -> None:
    settings = replace(SMALL, steps=1000, warmup_steps=100, schedule=schedule)  # type: ignore[arg-type]
    rates = [learning_rate_at(settings, step) for step in range(1001)]
    assert rates[0] == pytest.approx(settings.learning_rate / 100) and max(rates) == settings.learning_rate
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[100:]))
    assert rates[1000] == pytest.approx(settings.learning_rate / 100)


@pytest.mark.parametrize("reports", [4, 9, 16, 20])
def test_resumed_run_equals_an_unbroken_one(tmp_path: Path, reports: int) -> None:
    """Also when it stops in a validation, and past the step from which the normalisations are fixed."""
    unbroken = train(SMALL, CASES, tmp_path / "unbroken", validator=validator(SMALL))
    stopped(SMALL, tmp_path / "broken", reports)
    resumed = train(SMALL, CASES, tmp_path / "broken", validator=validator(SMALL), resume=True)
    same(unbroken.network, resumed.network)
    assert unbroken.verdict == resumed.verdict
    states = [torch.load(tmp_path / each / "checkpoint.pt", weights_only=True) for each in ("unbroken", "broken")]
    for part in ("network", "average"):
        for (name, one), two in zip(states[0][part].items(), states[1][part].values(), strict=True):
            assert torch.equal(one, two), (part, name)
    assert states[0]["verdicts"] == states[1]["verdicts"] and states[0]["frozen"] and states[1]["frozen"]
    logs = [
        [(line["step"], line["loss"]) for line in map(json.loads, (tmp_path / each / "log.jsonl").open())]
        for each in ("unbroken", "broken")
    ]
    assert logs[0] == logs[1] and [step for step, _ in logs[0]] == list(range(9))


def test_crops_drawn_ahead_by_other_processes_change_nothing(tmp_path: Path) -> None:
    alone = train(SMALL, CASES, tmp_path / "alone")
    helped = train(replace(SMALL, workers=1), CASES, tmp_path / "helped")
    same(alone.network, helped.network)


def test_normalisations_stay_as_measured_while_weights_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means: list[list[torch.Tensor]] = []
    weights: list[torch.Tensor] = []
    advance = loop.Run.advance

    def watched(run: loop.Run, batch: Batch) -> float:
        loss = advance(run, batch)
        means.append([norm.running_mean.clone() for norm in norms_of(run.network) if norm.running_mean is not None])
        weights.append(next(run.network.parameters()).detach().clone())
        return loss

    monkeypatch.setattr(loop.Run, "advance", watched)
    trained = train(SMALL, CASES, tmp_path)
    first = freeze_step(SMALL)
    assert first == 5
    fixed = [all(torch.equal(*pair) for pair in zip(means[k], means[k + 1], strict=True)) for k in range(8)]
    assert fixed == [False] * 5 + [True] * 3
    assert not any(torch.equal(weights[k], weights[k + 1]) for k in range(8))
    kept = [norm.running_mean for norm in norms_of(trained.network)]
    assert all(torch.equal(one, two) for one, two in zip(kept, means[-1], strict=True) if one is not None)


def test_without_fixing_the_average_is_measured_at_the_end(tmp_path: Path) -> None:
    settings = replace(SMALL, freeze_norms_from=1.0)
    trained = train(settings, CASES, tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    name = "encoder.first.norm.running_mean"
    assert not state["frozen"]
    assert not torch.equal(trained.network.state_dict()[name], state["average"][f"module.{name}"])


def test_training_starts_from_given_weights(tmp_path: Path) -> None:
    torch.manual_seed(99)
    start = build_network(SMALL.network)
    short = replace(SMALL, steps=3, average_decay=0.0, freeze_norms_from=1.0, learning_rate=1e-9)
    trained = train(short, CASES, tmp_path, start=start)
    assert torch.allclose(trained.network.head.weight, start.head.weight, atol=1e-6)  # type: ignore[arg-type]


def test_the_best_weights_are_kept_and_patience_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.2, 0.8, 0.5, 0.8, 0.7, 0.9])
    real = Validator.__call__
    seen: list[UpAttLLSTM] = []

    def scripted(self: Validator, network: UpAttLLSTM, *rest: object) -> object:
        seen.append(network)
        return replace(real(self, network, *rest), score=next(scores), dice_all_cases=0.1)  # type: ignore[arg-type]

    monkeypatch.setattr(Validator, "__call__", scripted)
    settings = replace(SMALL, steps=30, validation=ValidationSettings(every=3, cases=2, patience=3))
    trained: Trained = train(settings, CASES, tmp_path, validator=validator(settings))
    assert trained.steps == 15 and trained.verdict is not None and trained.verdict["step"] == 6
    same(trained.network, seen[1])
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [3, 6, 9, 12, 15]


def test_a_run_is_not_overwritten_nor_continued_with_other_settings(tmp_path: Path) -> None:
    train(SMALL, CASES, tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(InputError, match="already holds"):
        train(SMALL, CASES, tmp_path)
    with pytest.raises(InputError, match=r"crop\.slices is 5, there it was 3 \(1 more differ\)"):
        other = replace(SMALL, learning_rate=1.0, crop=CropSettings(slices=5, pixels=16))
        train(other, CASES, tmp_path, resume=True)
    with pytest.raises(InputError, match="other cases: case 1 came or went"):
        train(SMALL, FixedCases(CASES.cases[:1]), tmp_path, resume=True)
    train(replace(SMALL, threshold=0.3, checkpoint_every=7), CASES, tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "pickle"])
def test_a_damaged_checkpoint_is_refused_and_left(tmp_path: Path, damage: str) -> None:
    train(SMALL, CASES, tmp_path)
    path = tmp_path / "checkpoint.pt"
    if damage == "pickle":
        torch.save({"settings": Trap(tmp_path / "sprung")}, path)
    else:
        path.write_bytes({"cut": path.read_bytes()[:5000], "empty": b"", "text": b"no checkpoint"}[damage])
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"checkpoint\.pt cannot be read"):
        train(SMALL, CASES, tmp_path, resume=True)
    assert path.read_bytes() == before and not (tmp_path / "sprung").exists()


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Feeder.take

    def spoilt(self: Feeder, step: int) -> tuple[Batch, float]:
        batch, waited = take(self, step)
        return (replace(batch, images=batch.images * math.nan) if step == 5 else batch), waited

    monkeypatch.setattr(Feeder, "take", spoilt)
    with pytest.raises(InputError, match="At step 5 the loss"):
        train(SMALL, CASES, tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 4 and all(value.isfinite().all() for value in state["network"].values())


def test_a_full_disk_is_said_and_the_old_checkpoint_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(SMALL, tmp_path, 8)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(MachineError, match="No space left on device"):
        train(SMALL, CASES, tmp_path, resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before and not list(tmp_path.glob("*.unfinished"))


def test_the_log_says_what_each_step_cost(tmp_path: Path) -> None:
    train(SMALL, CASES, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(9))
    for line in lines:
        assert 0 <= line["waited"] <= line["seconds"]
        assert line["slices_per_second"] == pytest.approx(6 / line["seconds"], rel=0.02)
        assert line["learning_rate"] == learning_rate_at(SMALL, line["step"])
        assert 2 <= line["sequences"] <= 8
    assert {line["dropout_strength"] for line in lines} == {0.25, 0.5, 0.75, 1.0}


def test_time_left_is_told(tmp_path: Path) -> None:
    stages: list[str] = []
    train(SMALL, CASES, tmp_path, progress=lambda _share, stage: stages.append(stage) is None)
    assert stages[0] == "waiting for the first crops"
    assert all(stage.startswith("training, loss 0.") or "left" in stage for stage in stages[1:])


def drawn(settings: TrainSettings) -> Batch:
    return draw_batch(CASES.cases, settings, 0)


def advanced(settings: TrainSettings, steps: int = 1) -> loop.Run:
    """A run after so many steps with the same crops."""
    torch.manual_seed(0)
    run = loop.Run(settings, World(), None)
    for _ in range(steps):
        run.advance(drawn(settings))
    return run


def test_the_gradient_is_clipped_to_the_length_of_the_settings() -> None:
    def length(clip_norm: float) -> float:
        gradients = [each.grad for each in advanced(replace(SMALL, clip_norm=clip_norm)).network.parameters()]
        return float(torch.cat([each.flatten() for each in gradients if each is not None]).norm())

    free = length(1e6)
    assert free > 0.02 and length(0.01) == pytest.approx(0.01, rel=1e-3) and length(2 * free) == pytest.approx(free)


def test_weights_decay_beside_the_gradient_as_in_adamw() -> None:
    """Loshchilov and Hutter, Decoupled weight decay regularization, 2019: p - rate * decay * p - the step of Adam."""
    torch.manual_seed(0)
    start = build_network(SMALL.network).state_dict()
    decayed, plain = (advanced(replace(SMALL, weight_decay=decay)).network for decay in (0.5, 0.0))
    rate = learning_rate_at(SMALL, 0)
    seen = {name: each for name, each in decayed.named_parameters() if each.grad is not None}  # no case has TOF
    assert len(seen) > 30
    for name, with_decay in seen.items():
        difference = with_decay.detach() - dict(plain.named_parameters())[name].detach()
        assert torch.allclose(difference, -rate * 0.5 * start[name], atol=1e-6), name


def test_the_average_follows_the_weights_by_its_formula() -> None:
    """The first step is copied; after n steps the old average keeps (1 + n) / (10 + n), at most the decay."""
    settings = replace(SMALL, average_decay=0.25)
    torch.manual_seed(0)
    run = loop.Run(settings, World(), None)
    expected = torch.zeros(())
    for step in range(4):
        run.advance(drawn(settings))
        now = run.network.head.weight.detach().clone()
        keep = min(0.25, (1 + step) / (10 + step)) if step else 0.0
        expected = keep * expected + (1 - keep) * now
        assert torch.allclose(run.average.module.head.weight, expected, atol=1e-7)
    assert not torch.allclose(run.average.module.head.weight, now, atol=1e-6)


#: A case that is waited for and never comes, and a run that stops meanwhile.
NEVER = """
import importlib.util, sys, time
from dataclasses import replace
spec = importlib.util.spec_from_file_location("loop_tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
from ThrombusSegLib.training.feeder import Feeder

class Never(tests.FixedCases):
    def cases_at(self, step):
        time.sleep(3600)

if __name__ == "__main__":
    with Feeder(Never(tests.CASES.cases), replace(tests.SMALL, workers=1)) as feeder:
        feeder._ask((0, 0, False))
        time.sleep(3)
    print("left")
"""


def test_a_run_that_stops_does_not_wait_for_a_case_that_nobody_makes(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(NEVER)
    ended = subprocess.run(
        [sys.executable, str(script), str(Path(__file__))], capture_output=True, text=True, timeout=240, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "left\n"), ended.stderr
