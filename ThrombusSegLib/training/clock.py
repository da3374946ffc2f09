"""What steps cost, and how long the run will take."""

from __future__ import annotations

import math
import statistics
from collections import deque

from .crops import Batch
from .curriculum import stage_at
from .schedule import learning_rate_at
from .settings import TrainSettings


class Clock:
    """What steps cost, and how long the run will take."""

    def __init__(self, settings: TrainSettings) -> None:
        self.settings = settings
        self.recent: deque[float] = deque(maxlen=50)
        self.validation = 0.0
        self.loss = math.nan

    def line(self, step: int, loss: float, batch: Batch, seconds: float, waited: float) -> dict[str, float]:
        """The record of a step; counted over all processes, as if each had as many crops."""
        self.recent.append(seconds)
        self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
        crops = self.settings.batch
        return {
            "step": step,
            "loss": round(loss, 5),
            "seconds": round(seconds, 4),
            "waited": round(waited, 4),
            "slices_per_second": round(crops * self.settings.crop.slices / seconds, 2),
            "sequences": round(float(batch.present.sum()) * crops / len(batch.present), 2),
            "learning_rate": learning_rate_at(self.settings, step),
            "dropout_strength": stage_at(self.settings.dropout, step / self.settings.steps).strength,
        }

    def validated(self, seconds: float) -> None:
        """A validation took so long."""
        self.validation = seconds

    def stage(self, step: int) -> str:
        """Such as "training, loss 0.412, 1 h 05 min left"."""
        if not self.recent:
            return "waiting for the first crops"
        seconds = statistics.median(self.recent) * (self.settings.steps - step)
        if self.validation and self.settings.validation.every:
            every = self.settings.validation.every
            seconds += self.validation * (self.settings.steps // every - step // every)
        return f"training, loss {self.loss:.3f}, {readable(seconds)} left"


def readable(seconds: float) -> str:
    """A duration as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
