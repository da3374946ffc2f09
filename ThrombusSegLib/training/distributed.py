"""One process or several: who this one is, on which device it computes, and how it speaks with the others.

torchrun tells each process its rank in the environment; Ray Train has joined the processes before our code runs. Both
are met here, and nowhere else: the loop only sees a `World`.
"""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from ..errors import InputError, MachineError
from .settings import Device

T = TypeVar("T")

#: How long one process waits for the others, at most: rank 0 may prepare a few hundred cases before the first step.
PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class World:
    """This process among all; the defaults are those of a process that works alone."""

    rank: int = 0
    """0 .. size - 1; the first one writes files and reports progress."""
    size: int = 1
    local_rank: int = 0
    """The same on this machine."""
    local_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def places(self, batch: int) -> range:
        """Which crops of a batch are this process'."""
        return range(self.rank, batch, self.size)

    def mine(self, number: int) -> bool:
        """Whether this process, of those on this machine, does the piece of work with this number."""
        return number % self.local_size == self.local_rank

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network, with gradients averaged over the processes."""
        if self.size == 1:
            return network
        # A process whose crops show no TOF leaves TOF's first convolution out of its backward pass.
        return nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)

    def wait(self) -> None:
        """Until all processes are here.

        Raises:
            MachineError: one of them has ended.
        """
        if self.size > 1:
            try:
                dist.barrier()
            except RuntimeError as error:
                raise MachineError("Another process of this training has ended.", "It has said why.") from error

    def share(self, value: T) -> T:
        """The value of the first process, in all of them."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in their order, in all of them."""
        if self.size == 1:
            return [value]
        values: list[T] = [value] * self.size
        dist.all_gather_object(values, value)
        return values


@contextmanager
def join_world(device: Device, batch: int) -> Iterator[World]:
    """Join the other processes, where there are any; leave them at the end.

    Args:
        device: of the settings.
        batch: crops in a step, which the processes share.

    Raises:
        InputError: the batch cannot be shared evenly.
        MachineError: the device is not there.
    """
    ours = not dist.is_initialized()
    size = int(os.environ.get("WORLD_SIZE", "1")) if ours else dist.get_world_size()
    rank = int(os.environ.get("RANK", "0")) if ours else dist.get_rank()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if batch % size:
        raise InputError(f"batch is {batch}, which {size} processes cannot share.", f"Choose a multiple of {size}.")
    chosen = choose_device(device, local_rank)
    if ours and size > 1:
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    world = World(rank, size, local_rank, int(os.environ.get("LOCAL_WORLD_SIZE", size)), chosen)
    try:
        yield world
        if ours:
            world.wait()  # leave together: one that is gone early may take its last message along
    finally:
        if ours and size > 1:
            # What DDP holds in circles would keep gloo's threads alive beyond this, and these abort the process when
            # Python ends before them (pytorch/pytorch#179291).
            gc.collect()
            dist.destroy_process_group()


def choose_device(wanted: Device, local_rank: int) -> torch.device:
    """The graphics card of this process, or the processor."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not there):
        return torch.device("cpu")
    if local_rank >= there:
        raise MachineError(
            f"Process {local_rank} of this machine has no graphics card: there are {there}.",
            'Start fewer processes, or set device = "cpu".',
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def describe_device(device: torch.device) -> str:
    """What a process computes on, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{platform.machine()}, {count} thread{'s' * (count > 1)}"


def is_first() -> bool:
    """Whether this is the first of all processes; asked where no `World` is at hand."""
    return int(os.environ.get("RANK", "0")) == 0
