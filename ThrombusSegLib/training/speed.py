"""How well a run used its machine: steps and slices per second, the share of waiting, model FLOP utilisation."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from .baselines import Network
from .settings import TrainSettings

#: A step costs three forward passes: the backward pass needs the gradients of inputs and of weights (Kaplan et al.,
#: Scaling laws for neural language models, 2020, section 2.1).
FORWARD_PASSES = 3
_PRODUCT, _REPEATS = 2048, 5


@dataclass(frozen=True)
class Speed:
    """Figures of a whole run."""

    steps: int
    """How many steps these are taken over."""
    seconds_per_step: float
    """Median."""
    steps_per_second: float
    """Of all steps, waiting included, validations not."""
    slices_per_second: float
    """The same, in slices of crops."""
    share_waiting: float
    """Time in which the network waited for crops, as a share of all, 0..1."""
    gflop_per_step: float
    """Counted for convolutions and matrix products, forward and backward (see `FORWARD_PASSES`)."""
    peak_gflops: float
    """What a product of two large matrices reaches on this machine with the same precision, 1e9 operations a second."""
    utilisation: float
    """Model FLOP utilisation: `gflop_per_step` a second of step, as a share of the peak (of one process), 0..1."""


def measure_speed(
    lines: list[dict[str, Any]],
    network: Network,
    settings: TrainSettings,
    device: torch.device,
    *,
    half: bool,
    processes: int = 1,
) -> Speed | None:
    """Figures from the log of a run; None where it is empty. The first step, in which things start, is left out.

    Args:
        lines: of `log.jsonl`.
        network: of the run.
        settings: of the run.
        device: on which it ran.
        half: whether it computed in half precision.
        processes: of the run; each does its part of a step's crops.
    """
    lines = lines[1:] or lines
    if not lines:
        return None
    seconds = sum(line["seconds"] for line in lines)
    sequences = statistics.fmean(line["sequences"] for line in lines)
    gflop = count_step(network, settings, sequences)
    peak = measure_peak(device, torch.bfloat16 if half else torch.float32)
    return Speed(
        steps=len(lines),
        seconds_per_step=statistics.median(line["seconds"] for line in lines),
        steps_per_second=len(lines) / seconds,
        slices_per_second=len(lines) * settings.batch * settings.crop.slices / seconds,
        share_waiting=sum(line["waited"] for line in lines) / seconds,
        gflop_per_step=gflop,
        peak_gflops=peak,
        utilisation=gflop / processes * len(lines) / seconds / peak,
    )


def count_step(network: Network, settings: TrainSettings, sequences: float) -> float:
    """Operations of a step, 1e9: each present sequence adds the same, so one and all are counted and the rest is
    between.

    Args:
        network: of the run.
        settings: of the run.
        sequences: present in a step, over all its crops (a mean over steps).
    """
    one, every = _count_crop(network, settings, 1), _count_crop(network, settings, settings.network.sequences)
    each = (every - one) / max(1, settings.network.sequences - 1)
    return FORWARD_PASSES * (settings.batch * (one - each) + sequences * each)


def _count_crop(network: Network, settings: TrainSettings, sequences: int) -> float:
    size = (settings.crop.slices, settings.crop.pixels, settings.crop.pixels)
    images = torch.zeros((1, sequences, *size), device=next(network.parameters()).device)
    counter = FlopCounterMode(display=False)
    network.eval()
    with torch.inference_mode(), counter:
        network(images, range(sequences))
    return float(counter.get_total_flops()) / 1e9


def measure_peak(device: torch.device, precision: torch.dtype) -> float:
    """The best of a few products of two matrices of 2048 x 2048, 1e9 operations a second."""
    matrix = torch.randn(_PRODUCT, _PRODUCT, device=device).to(precision)
    times = []
    for _ in range(_REPEATS):
        _finish(device)
        started = time.perf_counter()
        torch.mm(matrix, matrix)
        _finish(device)
        times.append(time.perf_counter() - started)
    return 2.0 * _PRODUCT**3 / 1e9 / min(times)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
