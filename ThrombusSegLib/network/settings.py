"""The sizes of the network as plain numbers. This file does not import torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from ..errors import InputError

Fusion = Literal["attention", "channels"]
#: More than any width can be shared out among.
MOST_HEADS = 64


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of UpAttLLSTM. The defaults are those of the shipped weights; all are our choice, not the paper's."""

    sequences: int = 5
    """Number of sequences the network knows by name (the length of the vocabulary `Sequence`)."""
    labels: int = 2
    """Number of output channels: 0 thrombus, 1 infarct. Each is a probability of its own, so that they may overlap."""
    widths: tuple[int, ...] = (12, 32, 64, 128, 160)
    """Channels at each level; level l works at 1/2**l of the in-plane resolution."""
    levels_per_sequence: int = 2
    """How many of the finest levels are computed for each sequence on its own, before the fusion."""
    attention_heads: int = 4
    """Independent attention weights per voxel and sequence; the map a reader sees is their mean."""
    recurrent_levels: int = 2
    """At how many of the coarsest levels features are carried along the slices in both directions."""
    recurrent_share: float = 0.5
    """Channels of the recurrent state in each direction, as a share of the level's channels."""
    gates: bool = True
    """Whether attention gates filter the skip connections (Oktay et al. 2018)."""
    position: bool = True
    """Whether the network is told where in the head it looks (`position`)."""
    fusion: Fusion = "attention"
    """"attention" over the sequences that are there; for comparison "channels": all enter as channels of one picture,
    zeros where absent (early fusion)."""

    def __post_init__(self) -> None:
        depth = len(self.widths)
        if self.fusion not in get_args(Fusion):
            raise InputError(f"fusion is '{self.fusion}'.", f"Choose one of {', '.join(get_args(Fusion))}.")
        if depth < 2 or min(self.widths) < 1:
            raise InputError(f"Network widths {self.widths} are unusable.", "Give at least two positive widths.")
        if not 1 <= self.levels_per_sequence <= depth:
            raise InputError(f"levels_per_sequence is {self.levels_per_sequence}.", f"Choose 1 to {depth}.")
        if not 0 <= self.recurrent_levels <= depth:
            raise InputError(f"recurrent_levels is {self.recurrent_levels}.", f"Choose 0 to {depth}.")
        if not 1 <= self.attention_heads <= MOST_HEADS:
            raise InputError(f"attention_heads is {self.attention_heads}.", f"Choose 1 to {MOST_HEADS}.")
        if not 0.0 < self.recurrent_share <= 1.0:
            raise InputError(f"recurrent_share is {self.recurrent_share}.", "Choose a number above 0, at most 1.")
        if any(width % self.attention_heads for width in self.widths[: self.levels_per_sequence]):
            raise InputError(
                f"{self.attention_heads} attention heads do not divide the fused widths {self.widths}.",
                "Choose widths that are multiples of the number of heads.",
            )

    def to_json(self) -> str:
        """One line of JSON, as it stands in the metadata of a weights file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> NetworkSettings:
        """Inverse of `to_json`; unknown or missing keys and wrong types raise `InputError`."""
        try:
            values = json.loads(text)
            unknown = set(values) - {field.name for field in fields(cls)}
            if unknown:
                raise InputError(f"Unknown network settings: {', '.join(sorted(unknown))}.", "Update ThrombusSeg.")
            values = {"position": False, **values}  # files from before it was there do not name it
            return cls(**{**values, "widths": tuple(int(width) for width in values["widths"])})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("The network settings of the weights file cannot be read.", str(error)) from error
