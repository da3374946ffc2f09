"""The training story, from the first step to the weights that are kept. Read it top to bottom.

A step: crops that the feeder drew ahead, forward, loss, backward, clipped, AdamW, and the running average of the
weights follows. Every so many steps the average is validated, the best is kept, and a checkpoint is written that holds
everything the next step depends on. Late in the run the statistics of the normalisations are measured once more and
then stay fixed, so that the last steps train the network as it will infer.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from ..errors import InputError
from ..network.blocks import laid_out
from ..progress import Progress, report, silent
from . import checkpoint
from .baselines import Network, build_for
from .clock import Clock
from .crops import Batch
from .distributed import World
from .feeder import Feeder
from .journal import Journal
from .losses import StrokeLoss
from .norms import PASSING_STEPS, SETTLING_STEPS, copy_statistics, norms_of, running_average, settle_norms
from .schedule import freeze_step, learning_rate_at
from .settings import TrainSettings
from .sources import Source
from .validate import Validator


@dataclass(frozen=True)
class Trained:
    """What a run leaves."""

    network: Network
    """The averaged weights: the best of all validations, or the last ones where there was none; on the processor."""
    steps: int
    """Optimizer steps that were done; fewer than asked for where patience ended the run."""
    verdict: dict[str, Any] | None
    """The validation of these weights (`Verdict.as_dict`); None where there was none."""


def train(
    settings: TrainSettings,
    source: Source,
    out: Path,
    *,
    validator: Validator | None = None,
    start: Network | None = None,
    resume: bool = False,
    world: World | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train; all processes of `world` call this together.

    Args:
        settings: of the run.
        source: where cases come from.
        out: folder for `checkpoint.pt`, `log.jsonl` and `validation.jsonl`.
        validator: says how good weights are, every `settings.validation.every` steps; None: the last are kept.
        start: network whose weights are started from; None: from scratch.
        resume: go on from the checkpoint in `out`; without one, start anew.
        world: this process among several; None: alone.
        progress: told after every step; may cancel, the last checkpoint stays.

    Raises:
        InputError: `out` holds a run and `resume` is not set, a checkpoint that is damaged or of other settings or
            cases, a loss that is no number any more.
        MachineError: the disk is full, a process that prepares crops was ended.
    """
    world = world or World()
    checkpoint.refuse_other_run(out, resume=resume)
    checkpoint.make_folder(out)
    torch.manual_seed(settings.seed)
    run = Run(settings, world, start)
    contents = {**source.contents, **(validator.contents if validator else {})}
    run.restore(world.share(checkpoint.load(out, settings, source.names, contents) if world.first else None))
    clock = Clock(settings)
    with Feeder(source, settings, world) as feeder, Journal(out, run.step, run.verdicts, writes=world.first) as journal:
        while run.step < settings.steps and not run.out_of_patience:
            report(progress, run.step / settings.steps, clock.stage(run.step))
            if run.step >= freeze_step(settings) and not run.frozen:
                run.freeze(feeder)
            started = time.perf_counter()
            batch, waited = feeder.take(run.step)
            loss = run.advance(batch)
            journal.step(clock.line(run.step - 1, loss, batch, time.perf_counter() - started, waited))
            validates = validator is not None and _is_due(run.step, settings.validation.every, settings.steps)
            if validator is not None and validates:
                started = time.perf_counter()
                journal.validation(run.validate(validator, feeder, _at(progress, run.step / settings.steps)))
                clock.validated(time.perf_counter() - started)
            if world.first and (validates or _is_due(run.step, settings.checkpoint_every, settings.steps)):
                checkpoint.save(out, settings, source.names, run.state(), contents)
                source.forget(run.step)
        return run.finish(feeder)


class Run:
    """Everything that a checkpoint holds, and what may be done with it."""

    def __init__(self, settings: TrainSettings, world: World, start: Network | None) -> None:
        self.settings, self.world = settings, world
        self.network = build_for(settings)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        laid_out(self.network, world.device)
        update = running_average(settings.average_decay)
        self.average = AveragedModel(self.network, multi_avg_fn=update, use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.together = world.wrap(self.network)
        self.loss = StrokeLoss(settings.loss).to(world.device)
        self.half = uses_bfloat16(settings, world.device)
        self.step = 0
        self.frozen = False
        self.best: dict[str, Any] | None = None
        self.verdicts: list[dict[str, Any]] = []

    def advance(self, batch: Batch) -> float:
        """One optimizer step with this process' crops; the loss of these."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.settings, self.step)
        self.network.train()
        if self.frozen:
            for norm in norms_of(self.network):
                norm.eval()
        device = self.world.device
        images, present, targets, windows = (
            torch.from_numpy(array).to(device) for array in (batch.images, batch.present, batch.targets, batch.windows)
        )
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.half):
            output = self.together(images, list(range(images.shape[1])), present, windows)
        loss = self.loss(output.logits, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        length = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self._check_finite(float(length), float(loss.detach()))
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def _check_finite(self, length: float, loss: float) -> None:
        """Stop before the weights are spoilt. The gradient is common to all processes, so all stop alike."""
        if not math.isfinite(length) or not math.isfinite(loss):
            raise InputError(
                f"At step {self.step} the loss or its gradient is no finite number any more.",
                'Lower learning_rate, or set precision = "float32"; the last checkpoint is from before and stays.',
            )

    def freeze(self, feeder: Feeder) -> None:
        """Measure the statistics with the present weights; from here on the network trains as it will infer."""
        settle_norms(self.network, feeder.settling(self.step, SETTLING_STEPS), self.world.device)
        copy_statistics(self.network, self.average.module)
        self.frozen = True

    def averaged(self, feeder: Feeder, settling: int) -> Network:
        """A copy of the averaged network, ready to infer."""
        network = copy.deepcopy(self.average.module)
        assert isinstance(network, Network)
        if not self.frozen:
            settle_norms(network, feeder.settling(self.step, settling), self.world.device)
        return network.eval()

    def validate(self, validator: Validator, feeder: Feeder, progress: Progress) -> dict[str, Any]:
        """Score the average, and keep it where it is the best so far."""
        network = self.averaged(feeder, PASSING_STEPS)
        verdict = validator(network, self.step, progress)
        if verdict.better_than(self.best["verdict"] if self.best else None):
            weights = {name: value.cpu().clone() for name, value in network.state_dict().items()}
            self.best = {"verdict": verdict.as_dict(), "weights": weights}
        self.verdicts.append(verdict.as_dict())
        return self.verdicts[-1]

    @property
    def out_of_patience(self) -> bool:
        """Whether the last validations brought nothing better."""
        patience = self.settings.validation.patience
        if not patience or self.best is None:
            return False
        best = int(self.best["verdict"]["step"])
        return sum(int(verdict["step"]) > best for verdict in self.verdicts) >= patience

    def finish(self, feeder: Feeder) -> Trained:
        """The weights that are kept."""
        if self.best is None:
            return Trained(self.averaged(feeder, SETTLING_STEPS).cpu(), self.step, None)
        network = build_for(self.settings)
        network.load_state_dict(self.best["weights"])
        return Trained(network.eval(), self.step, self.best["verdict"])

    def state(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {
            "step": self.step,
            "frozen": self.frozen,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "verdicts": self.verdicts,
        }

    def restore(self, state: dict[str, Any] | None) -> None:
        """Inverse of `state`; None changes nothing."""
        if state is None:
            return
        self.step, self.frozen = state["step"], state["frozen"]
        self.best, self.verdicts = state["best"], state["verdicts"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def uses_bfloat16(settings: TrainSettings, device: torch.device) -> bool:
    """Whether to compute in half precision: as asked, or where the hardware has instructions for it."""
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported: Callable[[], bool] = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return bool(supported()) and "avx512_bf16" in _processor_flags()


def _processor_flags() -> str:
    """What the processor can do; empty where the system does not say."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="ascii", errors="ignore") if path.exists() else ""


def _is_due(step: int, every: int, last: int) -> bool:
    """Every so many steps, and after the last one; never where `every` is 0."""
    return every > 0 and (step % every == 0 or step == last)


def _at(progress: Progress, share: float) -> Progress:
    """A progress that tells the stage while the run stands still."""
    return lambda _share, stage: progress(share, stage)
