"""Attention across the sequences that are there, and the maps a reader sees of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Channels in which the scores are computed, as a share of the features'.
SCORE_SHARE = 0.5
#: Added to every length, so that the shares are defined where all sequences say nothing.
TINY = 1e-6


class FusionAttention(nn.Module):
    """Weigh the sequences against each other at every voxel and add them up.

    The score of a sequence follows from its own features, from the mean over all present sequences, and from which
    sequence it is; a softmax over the present ones turns scores into weights that add up to one. Channels are divided
    among several heads, so that one voxel can take some features from SWI and others from DWI. A sequence that is
    absent takes no part: it has no score, no value and no share in the mean.

    The map shown for a sequence is its share of what is added up: weight times length of the value, over the sum of
    all sequences (Kobayashi et al. 2020, arXiv 2004.10102). The bare weights would mislead: a sequence can have a large
    weight and a value of next to nothing, and then it says nothing.
    """

    def __init__(self, channels: int, sequences: int, heads: int) -> None:
        super().__init__()
        inner = max(1, int(channels * SCORE_SHARE))
        self.heads = heads
        self.own = nn.Conv2d(channels, inner, 1, bias=False)
        self.context = nn.Conv2d(channels, inner, 1, bias=False)
        self.identity = nn.Parameter(torch.randn(sequences, inner) * 0.1)
        self.score = nn.Conv2d(inner, heads, 1, bias=False)  # a bias would cancel in the softmax
        self.values = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(sequences))

    def forward(self, features: Tensor, sequence_ids: list[int], present: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse.

        Args:
            features: (B, M, S, C, H, W); anything may stand where `present` is False, it is not read.
            sequence_ids: for each of the M which sequence it is.
            present: (B, M) bool, at least one True per row.

        Returns:
            fused (B * S, C, H, W) and shares (B, M, S, H, W), 0 where absent, adding up to 1.
        """
        batch, _, slices, channels, height, width = features.shape
        stacks = [stack.reshape(batch * slices, channels, height, width) for stack in features.unbind(1)]
        available = [column.repeat_interleave(slices).view(-1, 1, 1, 1) for column in present.unbind(1)]
        weights = self._weights(stacks, sequence_ids, available)
        fused, lengths = torch.zeros_like(stacks[0]), []
        for index, (sequence, stack) in enumerate(zip(sequence_ids, stacks, strict=True)):
            value = self.values[sequence](stack).view(-1, self.heads, channels // self.heads, height, width)
            weighted = (value * weights[index].unsqueeze(2)).view_as(fused)
            fused = fused + torch.where(available[index], weighted, torch.zeros_like(weighted))
            lengths.append(self._lengths(value, weights[index], sequence, available[index]))
        total = torch.stack(lengths) + TINY * torch.stack(available)
        shares = (total / total.sum(0)).view(len(stacks), batch, slices, height, width).transpose(0, 1)
        return fused, shares

    @torch.no_grad()
    def _lengths(self, value: Tensor, weights: Tensor, sequence: int, available: Tensor) -> Tensor:
        """Weight times length of the value without its bias, added over the heads: (B * S, 1, H, W), 0 where absent."""
        bias = self.values[sequence].bias
        assert isinstance(bias, Tensor)
        lengths = (value - bias.view(self.heads, -1, 1, 1)).float().norm(dim=2)
        return torch.where(available, (weights * lengths).sum(1, keepdim=True), 0.0)

    def _weights(self, stacks: list[Tensor], sequence_ids: list[int], available: list[Tensor]) -> Tensor:
        """Softmax over the present sequences: (M, B * S, heads, H, W)."""
        zero = torch.zeros_like(stacks[0])
        count = torch.stack(available).sum(0)
        mean = (
            sum((torch.where(here, stack, zero) for here, stack in zip(available, stacks, strict=True)), zero) / count
        )
        context = self.context(mean)
        scores = []
        for sequence, stack, here in zip(sequence_ids, stacks, available, strict=True):
            hidden = self.own(stack) + context + self.identity[sequence].view(1, -1, 1, 1)
            score = self.score(nn.functional.relu(hidden)).float()
            scores.append(score.masked_fill(~here, -torch.inf))
        return torch.stack(scores).softmax(0).to(zero.dtype)
