"""UpAttLLSTM, our reading of arXiv 2604.00817, put together from parts that are built elsewhere (`build`).

Letters: B batch, M sequences given, S slices, C channels, H rows, W columns. The network works in voxels of the working
grid (slices first); it knows nothing of millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .decoder import UpStep
from .encoder import ChannelEncoder, FusedEncoder, SequenceEncoder, with_neighbours
from .fusion import FusionAttention
from .position import HeadPosition, along
from .recurrence import BidirectionalConvLSTM


class NetworkOutput(NamedTuple):
    """What the network says of a case."""

    logits: Tensor
    """(B, labels, S, H, W); channel 0 thrombus, 1 infarct, before the sigmoid."""
    attention: Tensor
    """(B, M, S, H, W); share of each given sequence in what was fused, the mean over the levels of fusion; 0 where
    absent, adding up to 1."""


class UpAttLLSTM(nn.Module):
    """Shared slice encoder, attention over the present sequences, recurrence along slices, gated way up.

    Args:
        encoder: the levels computed per sequence; for comparison those of all sequences as channels.
        fusions: one per level of `encoder`; none where it fuses by itself.
        fused_encoder: the coarser levels.
        recurrences: one or None for each level, finest first.
        up_steps: one for each level but the coarsest, finest first.
        head: (N, widths[0], H, W) -> (N, labels, H, W).
        position: tells the last fused level where in the head it looks; None: it is not told.
    """

    def __init__(
        self,
        encoder: SequenceEncoder | ChannelEncoder,
        fusions: list[FusionAttention],
        fused_encoder: FusedEncoder,
        recurrences: list[BidirectionalConvLSTM | None],
        up_steps: list[UpStep],
        head: nn.Module,
        position: HeadPosition | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.fusions = nn.ModuleList(fusions)
        self.fused_encoder = fused_encoder
        self.recurrences = nn.ModuleList(nn.Identity() if part is None else part for part in recurrences)
        self.up_steps = nn.ModuleList(up_steps)
        self.head = head
        self.position = position

    @property
    def levels(self) -> int:
        """Number of resolutions, the full one included."""
        return len(self.recurrences)

    @property
    def recurrent_from(self) -> int:
        """The finest level with recurrence; finer ones treat each slice alone. Equals `levels` without recurrence."""
        recurrent = [isinstance(part, BidirectionalConvLSTM) for part in self.recurrences]
        return recurrent.index(True) if any(recurrent) else self.levels

    def forward(
        self,
        images: Tensor,
        sequence_ids: Sequence[int],
        present: Tensor | None = None,
        window: Tensor | None = None,
        *,
        slices_at_once: int | None = None,
        on_slices: Callable[[float], None] | None = None,
    ) -> NetworkOutput:
        """Segment.

        Args:
            images: (B, M, S, H, W), normalised; any M >= 1, S >= 1, H >= 1, W >= 1. Where absent, not read.
            sequence_ids: (M,) which sequence stands in each place; the order changes nothing.
            present: (B, M) bool, at least one True per row; None: all present.
            window: (B, 3, 2) for slices, rows and columns, where the outer edges of `images` lie in the whole working
                grid, whose own are -1 and 1; their order tells a crop that was turned round. None: `images` are it.
            slices_at_once: work through the fine levels in parts of so many slices, to save memory; the result is the
                same. None: all at once.
            on_slices: called with the share done (0..1) after every part; may raise to stop.

        Returns:
            `NetworkOutput`, at the size of `images`.
        """
        order = sorted(range(len(sequence_ids)), key=lambda place: sequence_ids[place])
        ids = [int(sequence_ids[place]) for place in order]
        here = images.new_ones(images.shape[:2], dtype=torch.bool) if present is None else present.to(images.device)
        padded = self._pad(with_neighbours(images[:, order].flatten(0, 1)))
        padded = padded.view(*images.shape[:2], *padded.shape[1:])
        parts = self._parts(images.shape[2], slices_at_once)
        axes = self._axes(window, images)
        tell = on_slices or (lambda _share: None)

        encoded = []
        for done, (start, stop) in enumerate(parts, 1):
            part = (axes[0][:, start:stop], *axes[1:])
            encoded.append(self._encode(padded[:, :, start:stop], ids, here[:, order], part))
            tell(0.6 * done / len(parts))
        coarse = self._decode_together([features for features, _ in encoded], images.shape[0])
        logits = []
        for done, ((start, stop), (features, _)) in enumerate(zip(parts, encoded, strict=True), 1):
            logits.append(self._decode_slices(coarse[:, start:stop], features))
            tell(0.6 + 0.4 * done / len(parts))
        rows, columns = images.shape[-2:]
        attention = torch.cat([weights for _, weights in encoded], dim=2)[..., :rows, :columns]
        return NetworkOutput(torch.cat(logits, dim=2)[..., :rows, :columns], attention[:, _inverse(order)])

    def _pad(self, slices: Tensor) -> Tensor:
        """Repeat the last row and column until the coarsest level divides them; (N, S, 3, H, W)."""
        step = 2 ** (self.levels - 1)
        rows, columns = (-slices.shape[-2] % step, -slices.shape[-1] % step)
        if not rows and not columns:
            return slices
        return nn.functional.pad(slices.flatten(0, 1), (0, columns, 0, rows), mode="replicate").view(
            *slices.shape[:3], slices.shape[-2] + rows, slices.shape[-1] + columns
        )

    @staticmethod
    def _parts(slices: int, at_once: int | None) -> list[tuple[int, int]]:
        step = at_once or slices
        return [(start, min(start + step, slices)) for start in range(0, slices, step)]

    def _axes(self, window: Tensor | None, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Coordinates of slices (B, S), and of rows and columns, filled up, at the last fused level."""
        if window is None:
            window = images.new_tensor([[-1.0, 1.0]] * 3).expand(images.shape[0], 3, 2)
        (slices, rows, columns), step = images.shape[2:], 2 ** len(self.encoder.deeper)
        whole = 2 ** (self.levels - 1)
        height, width = (-(-size // whole) * whole // step for size in (rows, columns))
        return (
            along(window[:, 0], slices, slices),
            along(window[:, 1], rows, height, step),
            along(window[:, 2], columns, width, step),
        )

    def _encode(
        self, slices: Tensor, ids: list[int], present: Tensor, axes: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[list[Tensor], Tensor]:
        """(B, M, S, 3, H, W) -> fused features of each level (B, S, C, H, W), and attention (B, M, S, H, W)."""
        batch, _, count = slices.shape[:3]
        fused, attention = self._fuse(slices, ids, present)
        if self.position is not None:
            fused[-1] = self.position(fused[-1], axes)
        fused += self.fused_encoder(fused[-1])
        return [level.view(batch, count, *level.shape[1:]) for level in fused], attention

    def _fuse(self, slices: Tensor, ids: list[int], present: Tensor) -> tuple[list[Tensor], Tensor]:
        """The levels of the encoder, fused (B * S, C, H, W), and attention (B, M, S, H, W).

        Only present sequences are computed: an absent one costs nothing.
        """
        batch, sequences, count = slices.shape[:3]
        attention = slices.new_zeros(batch, sequences, count, *slices.shape[-2:])
        if isinstance(self.encoder, ChannelEncoder):  # nothing is known of shares: they are shown as equal
            shares = present / present.sum(1, keepdim=True)
            return self.encoder(slices, ids, present), attention + shares.view(batch, sequences, 1, 1, 1)
        # Sequence by sequence, so that the stacks of one lie together.
        chosen = [(row, column) for column, row in present.T.nonzero().tolist()]
        stacks = torch.stack([slices[row, column] for row, column in chosen])
        there = sorted({column for _, column in chosen})  # one that no row has takes no part at all
        fused: list[Tensor] = []
        for features, fusion in zip(
            self.encoder(stacks, [ids[column] for _, column in chosen]), self.fusions, strict=True
        ):
            parts = _by_sequence(features, present[:, there])
            level, weights = fusion(parts, [ids[column] for column in there], present[:, there])
            fused.append(level)
            attention[:, there] += _enlarge(weights, attention) / len(self.fusions)
        return fused, attention

    def _decode_together(self, encoded: list[list[Tensor]], batch: int) -> Tensor:
        """From the coarsest level up to the finest recurrent one, all slices together: (B, S, C, H, W)."""
        level = self.levels - 1
        features: Tensor = self.recurrences[level](torch.cat([part[level] for part in encoded], dim=1))
        while level > min(self.recurrent_from, self.levels - 1):
            level -= 1
            skip = torch.cat([part[level] for part in encoded], dim=1)
            joined = self.up_steps[level](features.flatten(0, 1), skip.flatten(0, 1))
            features = self.recurrences[level](joined.view(batch, -1, *joined.shape[1:]))
        return features

    def _decode_slices(self, features: Tensor, encoded: list[Tensor]) -> Tensor:
        """The remaining levels, slice by slice: (B, S, C, H, W) -> logits (B, labels, S, H, W)."""
        batch, count = features.shape[:2]
        decoded = features.flatten(0, 1)
        for level in reversed(range(min(self.recurrent_from, self.levels - 1))):
            decoded = self.up_steps[level](decoded, encoded[level].flatten(0, 1))
        logits: Tensor = self.head(decoded)
        return logits.view(batch, count, *logits.shape[1:]).transpose(1, 2)


def _by_sequence(features: Tensor, present: Tensor) -> list[Tensor]:
    """Features of the present stacks, (P * S, C, H, W), ordered by sequence -> for each sequence (B * S, C, H, W).

    Where a row lacks a sequence that another one has, that one's features stand; they are not read.
    """
    counts = present.sum(0).tolist()
    slices = features.shape[0] // sum(counts)
    parts = []
    for column, part in zip(present.unbind(1), features.split([count * slices for count in counts]), strict=True):
        if not bool(column.all()):
            rows = (column.cumsum(0) - 1).clamp(min=0)
            part = part.unflatten(0, (-1, slices))[rows].flatten(0, 1)
        parts.append(part.contiguous(memory_format=torch.channels_last) if _is_last(features) else part)
    return parts


def _is_last(features: Tensor) -> bool:
    """Whether the channels of (N, C, H, W) lie next to each other."""
    return features.is_contiguous(memory_format=torch.channels_last) and not features.is_contiguous()


def _enlarge(weights: Tensor, like: Tensor) -> Tensor:
    """Attention of a coarser level at full resolution, each weight repeated: (B, M, S, h, w) -> (B, M, S, H, W)."""
    factor = like.shape[-1] // weights.shape[-1]
    if factor == 1:
        return weights
    return weights.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def _inverse(order: list[int]) -> list[int]:
    """Where each of the sorted places came from."""
    return sorted(range(len(order)), key=lambda place: order[place])
