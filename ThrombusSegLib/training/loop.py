"""The training story, from the first step to the weights that are kept. Read it top to bottom."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from ..errors import InputError
from ..network import UpAttLLSTM, build_network
from ..progress import Progress, report, silent
from .crops import Batch, TrainingCase, draw_batch
from .losses import StrokeLoss
from .settings import TrainSettings

CHECKPOINT = "checkpoint.pt"
LOG = "log.jsonl"
SETTLING_STEPS = 60


def train(
    settings: TrainSettings,
    cases: list[TrainingCase],
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> UpAttLLSTM:
    """Train and return the averaged network.

    Args:
        settings: of the run.
        cases: prepared cases.
        out: folder for `checkpoint.pt` and `log.jsonl`.
        resume: go on from the checkpoint in `out`; without one, start anew.
        progress: told after every step; may cancel, the last checkpoint stays.

    Raises:
        InputError: `out` holds a run and `resume` is not set, or a checkpoint of other settings.
    """
    out.mkdir(parents=True, exist_ok=True)
    if (out / CHECKPOINT).exists() and not resume:
        raise InputError("The output folder already holds a training run.", "Add --resume, or choose another folder.")
    torch.manual_seed(settings.seed)
    run = _Run(settings, out)
    run.restore()
    precision = torch.bfloat16 if _use_bfloat16(settings) else torch.float32
    for step in range(run.step, settings.steps):
        started = time.perf_counter()
        batch = draw_batch(cases, settings, step)
        waited = time.perf_counter() - started
        loss = run.advance(batch, precision)
        run.log(step, loss, time.perf_counter() - started, waited)
        if run.step % settings.checkpoint_every == 0 or run.step == settings.steps:
            run.save()
        report(progress, run.step / settings.steps, f"training, loss {run.smoothed:.3f}")
    network = run.average.module
    assert isinstance(network, UpAttLLSTM)
    settle_norms(network, cases, settings)
    return network.eval()


class _Run:
    """Everything that a checkpoint holds."""

    def __init__(self, settings: TrainSettings, out: Path) -> None:
        self.settings, self.out = settings, out
        self.network = build_network(settings.network)
        self.average = AveragedModel(self.network, multi_avg_fn=_average(settings.average_decay), use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.loss = StrokeLoss(settings.thrombus_weight, settings.infarct_share)
        self.step = 0
        self.smoothed = math.nan

    def advance(self, batch: Batch, precision: torch.dtype) -> float:
        """One optimizer step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.settings, self.step)
        self.network.train()
        images, present = torch.from_numpy(batch.images), torch.from_numpy(batch.present)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
            output = self.network(images, list(range(images.shape[1])), present)
        loss = self.loss(output.logits, torch.from_numpy(batch.targets))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        self.step += 1
        return float(loss.detach())

    def log(self, step: int, loss: float, seconds: float, waited: float) -> None:
        """One line of JSON a step."""
        self.smoothed = loss if math.isnan(self.smoothed) else 0.98 * self.smoothed + 0.02 * loss
        line = {"step": step, "loss": round(loss, 5), "seconds": round(seconds, 4), "waited": round(waited, 4)}
        with (self.out / LOG).open("a", encoding="ascii") as log:
            log.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Write the checkpoint whole: a kill at any moment leaves the old one or the new one."""
        state = {
            "settings": describe(self.settings),
            "step": self.step,
            "smoothed": self.smoothed,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        unfinished = self.out / (CHECKPOINT + ".unfinished")
        torch.save(state, unfinished)
        unfinished.replace(self.out / CHECKPOINT)

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one. Loading never executes code (`weights_only`)."""
        path = self.out / CHECKPOINT
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if state["settings"] != describe(self.settings):
            raise InputError("The checkpoint belongs to a run with other settings.", "Choose another output folder.")
        self.step, self.smoothed = state["step"], state["smoothed"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def describe(settings: TrainSettings) -> str:
    """The settings as one line of JSON, for the checkpoint and the weights' metadata; the manifest by name only."""
    values = {**asdict(settings), "manifest": settings.manifest.name}
    for chosen_afterwards in ("threshold", "minimum_volume_mm3"):
        del values[chosen_afterwards]
    return json.dumps(values, sort_keys=True)


def learning_rate_at(settings: TrainSettings, step: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))


def settle_norms(network: UpAttLLSTM, cases: list[TrainingCase], settings: TrainSettings) -> None:
    """Measure the statistics of the normalisations anew, over `SETTLING_STEPS` steps with the final weights.

    The running ones trail behind the weights; on an average of weights they belong to none of them.
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    network.train()
    with torch.no_grad():
        for step in range(settings.steps - min(SETTLING_STEPS, settings.steps), settings.steps):
            batch = draw_batch(cases, settings, step)
            images, present = torch.from_numpy(batch.images), torch.from_numpy(batch.present)
            network(images, list(range(images.shape[1])), present)


def _average(decay: float) -> Callable[..., None]:
    """Exponential running average that forgets the untrained start: the decay rises to `decay` with the steps."""

    def update(averaged: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        now = min(decay, (1.0 + float(steps)) / (10.0 + float(steps)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1.0 - now)
            else:
                old.copy_(new)

    return update


def _use_bfloat16(settings: TrainSettings) -> bool:
    if settings.precision == "auto":
        supported: Callable[[], bool] = torch.ops.mkldnn._is_mkldnn_bf16_supported
        return bool(supported()) and "avx512_bf16" in _processor_flags()
    return settings.precision == "bfloat16"


def _processor_flags() -> str:
    """What the processor can do; empty where the system does not say."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="ascii", errors="ignore") if path.exists() else ""
