"""Recurrent units along the slices, in both directions at once.

The paper's cell ("LLSTM") is not public; this is a plain convolutional LSTM (Shi et al. 2015) and is called that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BidirectionalConvLSTM(nn.Module):
    """Carry features from slice to slice, up and down, and add what was carried to them.

    Two things keep it cheap: the input's share of all gates is one convolution over all slices, outside the loop; and
    both directions advance in the same step, as two groups of one convolution.
    """

    def __init__(self, channels: int, state_channels: int) -> None:
        super().__init__()
        self.state_channels = state_channels
        self.input_to_gates = nn.Conv2d(channels, 8 * state_channels, 1)
        self.state_to_gates = nn.Conv2d(2 * state_channels, 8 * state_channels, 3, padding=1, groups=2, bias=False)
        self.output = nn.Conv2d(2 * state_channels, channels, 1)
        self._remember_at_first()

    def _remember_at_first(self) -> None:
        """Start with open forget gates (Jozefowicz et al. 2015), so that early gradients reach distant slices."""
        bias = self.input_to_gates.bias
        assert bias is not None
        with torch.no_grad():
            bias.zero_()
            bias.view(2, 4, self.state_channels)[:, 1] = 1.0

    def forward(self, features: Tensor) -> Tensor:
        """(B, S, C, H, W) -> (B, S, C, H, W); every slice has seen every other."""
        batch, slices, channels, height, width = features.shape
        gates = self.input_to_gates(features.reshape(batch * slices, channels, height, width))
        upward, downward = gates.view(batch, slices, 2, -1, height, width).unbind(2)
        state = cell = gates.new_zeros(batch, 2 * self.state_channels, height, width)
        seen_upward: list[Tensor] = []
        seen_downward: list[Tensor] = []
        for step in range(slices):
            given = torch.cat([upward[:, step], downward[:, slices - 1 - step]], dim=1)
            state, cell = self._advance(given + self.state_to_gates(state), cell)
            seen_upward.append(state[:, : self.state_channels])
            seen_downward.append(state[:, self.state_channels :])
        carried = torch.cat([torch.stack(seen_upward, 1), torch.stack(seen_downward[::-1], 1)], dim=2)
        added: Tensor = self.output(carried.flatten(0, 1))
        return features + added.view_as(features)

    def _advance(self, gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """One step of both directions: gates (B, 8 * state, H, W), cell (B, 2 * state, H, W) -> state, cell."""
        batch, _, height, width = gates.shape
        each = gates.view(batch, 2, 4, self.state_channels, height, width)
        take, keep, show, candidate = (each[:, :, k].reshape_as(cell) for k in range(4))
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(take) * torch.tanh(candidate)
        return torch.sigmoid(show) * torch.tanh(cell), cell
