"""What a training step costs the processor, with kernels as PyTorch builds them and as `blocks.laid_out` lays them."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from ..network import UpAttLLSTM, build_network
from ..network.blocks import laid_out
from ..progress import Progress, report, silent
from ..training.losses import StrokeLoss
from ..training.settings import LossSettings
from .machine import machine

#: Crops of a step and their size: those of the shipped weights (Resources/Training/phantom-2.toml).
CROPS, SIZE = 3, (8, 80, 80)


def measure_step(repeats: int = 3, progress: Progress = silent, size: tuple[int, int, int] = SIZE) -> dict[str, Any]:
    """Seconds of processor time of a step, turn about, so that other programs and turns of the clock meet both.

    Args:
        repeats: timed steps of each after one that warms up; the smallest counts.
        progress: told after every pair of steps.
        size: of a crop, (S, H, W).
    """
    cpu = torch.device("cpu")
    torch.manual_seed(0)
    images = torch.randn(CROPS, 5, *size)
    targets = (torch.rand(CROPS, 2, *size) > 0.999).float()
    networks = {
        "as PyTorch builds it": build_network().train(),
        "channels last": laid_out(build_network(), cpu).train(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(repeats + 1):
        for name, network in networks.items():
            seconds[name].append(_step(network, images, targets))
        report(progress, (turn + 1) / (repeats + 1), "measuring training steps")
    best = {name: round(min(each[1:]), 3) for name, each in seconds.items()}
    plain, laid = best.values()
    return {
        "seconds_of_processor_time": best,
        "ratio": round(laid / plain, 3),
        "crops": CROPS,
        "size": list(size),
        "threads": torch.get_num_threads(),
        **machine(),
    }


def _step(network: UpAttLLSTM, images: Tensor, targets: Tensor) -> float:
    """Forward, loss and backward."""
    started = time.process_time()
    loss = StrokeLoss(LossSettings(kind="dice_ce"))(network(images, range(images.shape[1])).logits, targets)
    network.zero_grad()
    loss.backward()
    return time.process_time() - started


def sentence(figures: dict[str, Any]) -> str:
    """The figures in words."""
    plain, laid = figures["seconds_of_processor_time"].values()
    size = " x ".join(str(count) for count in figures["size"])
    return (
        f"A training step of {figures['crops']} crops of {size} voxels with five sequences takes {laid:.2f} s of "
        f"processor time with kernels channels last, {plain:.2f} s as PyTorch builds them: {figures['ratio']:.2f} of "
        f"it ({figures['processor']}, {figures['threads']} threads, float32, torch {figures['torch']}).\n"
    )
