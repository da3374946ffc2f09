"""Attention gates on the skip connections (Oktay et al. 2018, arXiv 1804.03999)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionGate(nn.Module):
    """Let through of a skip connection what the coarser level finds relevant: x * sigmoid(psi(relu(Wx x + Wg g)))."""

    def __init__(self, channels: int, coarse_channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self.from_skip = nn.Conv2d(channels, inner, 1, bias=False)
        self.from_coarse = nn.Conv2d(coarse_channels, inner, 1)
        self.relevance = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, coarse: Tensor) -> Tensor:
        """skip (N, C, 2H, 2W), coarse (N, C', H, W) -> (N, C, 2H, 2W)."""
        signal = nn.functional.interpolate(self.from_coarse(coarse), scale_factor=2.0, mode="nearest")
        return skip * torch.sigmoid(self.relevance(nn.functional.relu(self.from_skip(skip) + signal)))
