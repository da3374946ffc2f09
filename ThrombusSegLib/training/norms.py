"""The statistics of the normalisations, and the running average of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from .crops import Batch

#: So many steps' crops are shown to measure the statistics for good, and for a validation on the way.
SETTLING_STEPS, PASSING_STEPS = 60, 20


def norms_of(network: nn.Module) -> list[nn.BatchNorm2d | nn.BatchNorm3d]:
    """All normalisations below a network."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d)]


def settle_norms(network: nn.Module, batches: Iterable[Batch], device: torch.device) -> None:
    """Measure the statistics of the normalisations anew, with the present weights.

    The running ones trail behind the weights; on an average of weights they belong to none of them (Izmailov et al.,
    Averaging weights leads to wider optima, UAI 2018, section 3.2). Several processes that are shown the same crops
    measure the same.
    """
    momenta = {norm: norm.momentum for norm in norms_of(network)}
    for norm in momenta:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    network.train()
    with torch.no_grad():
        for batch in batches:
            images, present, windows = (
                torch.from_numpy(array).to(device) for array in (batch.images, batch.present, batch.windows)
            )
            network(images, list(range(images.shape[1])), present, windows)
    for norm, momentum in momenta.items():
        norm.momentum = momentum


def copy_statistics(source: nn.Module, target: nn.Module) -> None:
    """The statistics of one network's normalisations into those of another of the same build."""
    for ours, theirs in zip(norms_of(target), norms_of(source), strict=True):
        for buffer, value in zip(ours.buffers(), theirs.buffers(), strict=True):
            buffer.copy_(value)


def running_average(decay: float) -> Callable[..., None]:
    """Exponential running average that forgets the untrained start: the decay rises to `decay` with the steps.

    For `AveragedModel(multi_avg_fn=...)`. The rise, (1 + n) / (10 + n), is that of TensorFlow's
    ExponentialMovingAverage with `num_updates`.
    """

    def update(averaged: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        now = min(decay, (1.0 + float(steps)) / (10.0 + float(steps)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, 1.0 - now)
            else:
                old.copy_(new)

    return update
