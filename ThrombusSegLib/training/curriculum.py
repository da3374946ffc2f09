"""Gradual modality dropout: first draw, then apply.

A sequence that is drawn is weakened, at first a little, at last altogether, so that the network learns to lean on each
sequence before it has to do without it. The schedule is that of the first author's public code as it was meant (four
stages of strength; factor 1 - strength plus a normal number of deviation 0.1). Ours are: independent draws for every
crop and sequence; never all sequences; and, from the last stage on, true absence, as a user's case has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .settings import DropoutSettings


@dataclass(frozen=True)
class Dropped:
    """What was drawn for one crop."""

    factors: NDArray[np.float32]
    """(M,) what each sequence is multiplied by; 1 leaves it as it is."""
    present: NDArray[np.bool_]
    """(M,) False: left out altogether. At least one is True."""


def strength_at(settings: DropoutSettings, share_done: float) -> float:
    """How much of a drawn sequence is taken away when this share (0..1) of the run is done."""
    stage = min(int(share_done * len(settings.strengths)), len(settings.strengths) - 1)
    return settings.strengths[stage]


def draw_dropout(
    settings: DropoutSettings, available: NDArray[np.bool_], share_done: float, random: np.random.Generator
) -> Dropped:
    """Draw for one crop.

    Args:
        settings: probability, strengths, when absence begins.
        available: (M,) which sequences the case has; at least one.
        share_done: 0..1, how far the run is.
        random: source of chance.

    Returns:
        Factors and presence; of the available sequences at least one is left untouched.
    """
    drawn = (random.random(len(available)) < settings.probability) & available
    if drawn.sum() == available.sum():
        drawn[random.choice(np.flatnonzero(available))] = False
    strength = strength_at(settings, share_done)
    noise = random.normal(0.0, settings.noise, size=len(available))
    factors = np.where(drawn, 1.0 - strength + noise, 1.0).astype(np.float32)
    absent = drawn if share_done >= settings.absence_from else np.zeros_like(drawn)
    return Dropped(np.where(absent, np.float32(1.0), factors), available & ~absent)


def apply_dropout(images: NDArray[np.float32], dropped: Dropped) -> NDArray[np.float32]:
    """Weaken the drawn sequences of (M, S, H, W). Images are normalised: zero is the brain's median, not air."""
    return images * dropped.factors[:, None, None, None]
