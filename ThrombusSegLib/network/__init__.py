"""UpAttLLSTM: attention across sequences, recurrence across slices. `build` is the one place that knows widths."""

from __future__ import annotations

from .build import build_network
from .model import NetworkOutput, UpAttLLSTM
from .settings import NetworkSettings

__all__ = ["NetworkOutput", "NetworkSettings", "UpAttLLSTM", "build_network"]
