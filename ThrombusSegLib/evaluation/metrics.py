"""From scores of cases to figures with 95 % intervals (percentile bootstrap over patients)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .matching import CaseScore

RESAMPLES = 2000
SEED = 20260401

Statistic = Callable[[list[CaseScore]], float | None]


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; all None where it is undefined (no case to count)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Figures:
    """What is reported of a group of cases."""

    detection_rate: Figure
    """Share of the cases with a thrombus in which at least one true lesion is detected, 0..1."""
    dice_all_cases: Figure
    """Mean Dice of the cases with a thrombus; a miss counts 0."""
    dice_detected_cases: Figure
    """Mean Dice of the cases in which it was detected."""
    false_positives_per_scan: Figure
    """Mean number of predicted lesions that are none."""
    cases: int
    detected: int
    """Number behind `detection_rate`."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def summarise(scores: list[CaseScore]) -> Figures:
    """Figures of a group of cases; resampling uses a fixed seed."""
    return Figures(
        detection_rate=_with_interval(scores, detection_rate),
        dice_all_cases=_with_interval(scores, dice_all_cases),
        dice_detected_cases=_with_interval(scores, dice_detected_cases),
        false_positives_per_scan=_with_interval(scores, false_positives_per_scan),
        cases=len(scores),
        detected=sum(score.detected for score in scores),
    )


def detection_rate(scores: list[CaseScore]) -> float | None:
    """See `Figures.detection_rate`."""
    return _mean([float(score.detected) for score in scores if score.true_lesions])


def dice_all_cases(scores: list[CaseScore]) -> float | None:
    """See `Figures.dice_all_cases`."""
    return _mean([(score.dice or 0.0) if score.detected else 0.0 for score in scores if score.true_lesions])


def dice_detected_cases(scores: list[CaseScore]) -> float | None:
    """See `Figures.dice_detected_cases`."""
    return _mean([score.dice or 0.0 for score in scores if score.detected])


def false_positives_per_scan(scores: list[CaseScore]) -> float | None:
    """See `Figures.false_positives_per_scan`."""
    return _mean([float(score.false_positives) for score in scores])


def _with_interval(scores: list[CaseScore], statistic: Statistic) -> Figure:
    value = statistic(scores)
    if value is None:
        return Figure(None, None, None)
    random = np.random.default_rng(SEED)
    drawn = (statistic([scores[k] for k in random.integers(len(scores), size=len(scores))]) for _ in range(RESAMPLES))
    low, high = np.percentile([each for each in drawn if each is not None], [2.5, 97.5])
    return Figure(round(value, 4), round(float(low), 4), round(float(high), 4))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
