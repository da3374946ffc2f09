"""Slices of every present sequence through one shared 2D encoder, after a first convolution of each sequence's own."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from .blocks import ConvNorm, ConvPair

#: A slice and its two neighbours enter together (2.5D).
NEIGHBOURS = 3


def with_neighbours(slices: Tensor) -> Tensor:
    """Put the slice below and the slice above beside each slice as channels.

    Args:
        slices: (N, S, H, W).

    Returns:
        (N, S, 3, H, W); the first and the last slice are their own missing neighbours.
    """
    below = torch.cat([slices[:, :1], slices[:, :-1]], dim=1)
    above = torch.cat([slices[:, 1:], slices[:, -1:]], dim=1)
    return torch.stack([below, slices, above], dim=2)


class SequenceEncoder(nn.Module):
    """The levels that are computed for each sequence on its own.

    The first convolution belongs to the sequence (dark means something else on ADC than on SWI); all later ones are
    shared, so that what is learned of edges and tubes on one sequence serves the others.
    """

    def __init__(self, sequences: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stems = nn.ModuleList(ConvNorm(NEIGHBOURS, widths[0]) for _ in range(sequences))
        self.first = ConvNorm(widths[0], widths[0])
        self.deeper = nn.ModuleList(ConvPair(width, next_width, stride=2) for width, next_width in pairwise(widths))

    def forward(self, slices: Tensor, sequence_ids: list[int]) -> list[Tensor]:
        """Encode.

        Args:
            slices: (P, N, 3, H, W), P stacks of N slices each with its neighbours.
            sequence_ids: for each of the P stacks which sequence it is.

        Returns:
            For each level l a tensor (P * N, widths[l], H / 2**l, W / 2**l).
        """
        stemmed = [self.stems[sequence](stack) for sequence, stack in zip(sequence_ids, slices, strict=True)]
        features = [self.first(torch.cat(stemmed))]
        for level in self.deeper:
            features.append(level(features[-1]))
        return features


class ChannelEncoder(nn.Module):
    """Early fusion, for comparison: all sequences are channels of one picture, zeros stand for absent ones."""

    def __init__(self, sequences: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.sequences = sequences
        self.stem = ConvNorm(NEIGHBOURS * sequences, widths[0])
        self.first = ConvNorm(widths[0], widths[0])
        self.deeper = nn.ModuleList(ConvPair(width, next_width, stride=2) for width, next_width in pairwise(widths))

    def forward(self, slices: Tensor, sequence_ids: list[int], present: Tensor) -> list[Tensor]:
        """Encode.

        Args:
            slices: (B, M, S, 3, H, W), each slice with its neighbours.
            sequence_ids: for each of the M which sequence it is.
            present: (B, M) bool; where False, zeros take the place of what is given.

        Returns:
            For each level l a tensor (B * S, widths[l], H / 2**l, W / 2**l).
        """
        batch, _, count, neighbours, height, width = slices.shape
        picture = slices.new_zeros(batch, self.sequences, count, neighbours, height, width)
        here = present.view(*present.shape, 1, 1, 1, 1)
        picture[:, sequence_ids] = torch.where(here, slices, torch.zeros_like(slices))
        features = [self.first(self.stem(picture.transpose(1, 2).flatten(0, 1).flatten(1, 2)))]
        for level in self.deeper:
            features.append(level(features[-1]))
        return features


class FusedEncoder(nn.Module):
    """The coarser levels, after the fusion: (N, C, H, W) -> one tensor per level, each half as wide and high."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(ConvPair(width, next_width, stride=2) for width, next_width in pairwise(widths))

    def forward(self, features: Tensor) -> list[Tensor]:
        outputs = []
        for level in self.levels:
            features = level(features)
            outputs.append(features)
        return outputs
