"""What changes with the steps alone: the learning rate, and when the normalisations are fixed."""

from __future__ import annotations

import math

from .settings import TrainSettings

#: The learning rate ends at this share of the highest.
LAST_SHARE = 0.01
#: Of the polynomial schedule, as in nnU-Net (Isensee et al. 2021).
EXPONENT = 0.9


def learning_rate_at(settings: TrainSettings, step: int) -> float:
    """Linear warm-up, then along a cosine or a polynomial down to a hundredth."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / (settings.steps - settings.warmup_steps)
    falling = (1.0 - done) ** EXPONENT if settings.schedule == "polynomial" else 0.5 * (1.0 + math.cos(math.pi * done))
    return settings.learning_rate * (LAST_SHARE + (1.0 - LAST_SHARE) * falling)


def freeze_step(settings: TrainSettings) -> int:
    """The first step at which the statistics of the normalisations stay fixed; `steps` where they never do."""
    return min(settings.steps, math.ceil(settings.freeze_norms_from * settings.steps))
