"""The way up: enlarge, filter the skip connection, join, convolve."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import ConvPair
from .gates import AttentionGate


class UpStep(nn.Module):
    """One level up: coarse (N, C', H, W) and skip (N, C, 2H, 2W) -> (N, C, 2H, 2W)."""

    def __init__(self, coarse_channels: int, channels: int, *, gate: bool) -> None:
        super().__init__()
        self.gate = AttentionGate(channels, coarse_channels) if gate else None
        self.narrow = nn.Conv2d(coarse_channels, channels, 1)
        self.join = ConvPair(2 * channels, channels)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        # Narrowing before enlarging costs a quarter of the reverse order and gives the same values.
        enlarged = nn.functional.interpolate(self.narrow(coarse), scale_factor=2.0, mode="nearest")
        if self.gate is not None:
            skip = self.gate(skip, coarse)
        joined: Tensor = self.join(torch.cat([skip, enlarged], dim=1))
        return joined
