"""The one place that turns sizes into parts and parts into the network."""

from __future__ import annotations

from itertools import pairwise
from math import log

from torch import nn

from .decoder import UpStep
from .encoder import ChannelEncoder, FusedEncoder, SequenceEncoder
from .fusion import FusionAttention
from .model import UpAttLLSTM
from .position import HeadPosition
from .recurrence import BidirectionalConvLSTM
from .settings import NetworkSettings

#: Before training a voxel is thought to be a lesion with about this probability: keeps the first steps calm when nearly
#: all voxels are background (Lin et al. 2017, focal loss, section 4.1).
PRIOR = 0.01


def build_network(settings: NetworkSettings | None = None) -> UpAttLLSTM:
    """A freshly initialised UpAttLLSTM. Seed torch before the call to repeat an initialisation."""
    settings = settings or NetworkSettings()
    widths = settings.widths
    alone = widths[: settings.levels_per_sequence]
    early = settings.fusion == "channels"
    return UpAttLLSTM(
        encoder=(ChannelEncoder if early else SequenceEncoder)(settings.sequences, alone),
        fusions=[
            FusionAttention(width, settings.sequences, settings.attention_heads) for width in (() if early else alone)
        ],
        fused_encoder=FusedEncoder(widths[settings.levels_per_sequence - 1 :]),
        recurrences=_recurrences(settings),
        up_steps=[UpStep(coarse, width, gate=settings.gates) for width, coarse in pairwise(widths)],
        head=_head(widths[0], settings.labels),
        position=HeadPosition(alone[-1]) if settings.position else None,
    )


def _recurrences(settings: NetworkSettings) -> list[BidirectionalConvLSTM | None]:
    finest = len(settings.widths) - settings.recurrent_levels
    return [
        BidirectionalConvLSTM(width, max(1, int(width * settings.recurrent_share))) if level >= finest else None
        for level, width in enumerate(settings.widths)
    ]


def _head(channels: int, labels: int) -> nn.Conv2d:
    head = nn.Conv2d(channels, labels, 1)
    assert head.bias is not None
    nn.init.constant_(head.bias, _logit(PRIOR))
    return head


def _logit(probability: float) -> float:
    return log(probability / (1.0 - probability))
