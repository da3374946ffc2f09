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

    def forward(self, features: list[Tensor], sequence_ids: list[int], present: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse.

        Args:
            features: for each of the M sequences (B * S, C, H, W); where `present` is False anything finite may stand.
            sequence_ids: for each of the M which sequence it is.
            present: (B, M) bool, at least one True per row.

        Returns:
            fused (B * S, C, H, W) and shares (B, M, S, H, W), 0 where absent, adding up to 1.
        """
        batch, (count, channels, height, width) = present.shape[0], features[0].shape
        available = [_rows(column, count // batch) for column in present.unbind(1)]
        weights = self._weights(features, sequence_ids, available)
        fused: Tensor | None = None
        lengths = []
        for sequence, stack, weight, here in zip(sequence_ids, features, weights, available, strict=True):
            projection = self.values[sequence]
            assert isinstance(projection, nn.Conv2d) and projection.bias is not None
            value = nn.functional.conv2d(stack, projection.weight)  # without the bias, which says nothing of the image
            lengths.append(self._lengths(value, weight, here))
            value = (value + projection.bias.view(-1, 1, 1)).view(-1, self.heads, channels // self.heads, height, width)
            # Absent ones have weight 0 and add nothing.
            weight = weight.unsqueeze(2)
            fused = value * weight if fused is None else torch.addcmul(fused, value, weight)
        assert fused is not None
        total = torch.stack(lengths)
        shares = (total / total.sum(0)).view(len(features), batch, -1, height, width).transpose(0, 1)
        return fused.view_as(features[0]), shares

    @torch.no_grad()
    def _lengths(self, value: Tensor, weights: Tensor, available: Tensor | None) -> Tensor:
        """Weight times length of the value, added over the heads: (B * S, 1, H, W), 0 where absent."""
        lengths = value.unflatten(1, (self.heads, -1)).float().norm(dim=2)
        total: Tensor = (weights * lengths).sum(1, keepdim=True) + TINY
        return total if available is None else total * available

    def _weights(self, stacks: list[Tensor], sequence_ids: list[int], available: list[Tensor | None]) -> list[Tensor]:
        """Softmax over the present sequences: for each of the M (B * S, heads, H, W)."""
        context = self.context(_mean(stacks, available))
        scores = []
        for sequence, stack, here in zip(sequence_ids, stacks, available, strict=True):
            hidden = nn.functional.conv2d(stack, self.own.weight, self.identity[sequence].to(stack.dtype)) + context
            score = self.score(nn.functional.relu(hidden, inplace=True)).float()
            scores.append(score if here is None else score.masked_fill(~here, -torch.inf))
        return list(torch.stack(scores).softmax(0).to(context.dtype).unbind(0))


def _rows(column: Tensor, slices: int) -> Tensor | None:
    """Where a sequence is present, (B * S, 1, 1, 1); None where it is so everywhere, which spares masking."""
    return None if bool(column.all()) else column.repeat_interleave(slices).view(-1, 1, 1, 1)


def _mean(stacks: list[Tensor], available: list[Tensor | None]) -> Tensor:
    """Over the present sequences: (B * S, C, H, W)."""
    total, count = torch.zeros_like(stacks[0]), torch.zeros_like(stacks[0][:, :1, :1, :1])
    for stack, here in zip(stacks, available, strict=True):
        total = total + (stack if here is None else torch.where(here, stack, 0.0))
        count = count + (1.0 if here is None else here)
    return total / count
