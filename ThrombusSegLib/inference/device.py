"""Where the network runs."""

from __future__ import annotations

import torch

from ..errors import InputError

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(wanted: str = "auto") -> tuple[torch.device, str | None]:
    """The device for "auto", "cpu", "cuda" or "mps", and a warning when it is not the one that was asked for.

    "auto" takes the first there is of cuda, mps, cpu.
    """
    if wanted not in DEVICES:
        raise InputError(f"There is no device called {wanted!r}.", f"Choose one of {', '.join(DEVICES)}.")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(name for name, is_there in there.items() if is_there)), None
    if there[wanted]:
        return torch.device(wanted), None
    return torch.device("cpu"), f"The device {wanted} is not there; the processor (cpu) did the work."
