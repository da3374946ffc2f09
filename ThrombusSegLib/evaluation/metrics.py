"""From scores of cases to figures with 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .bootstrap import Figure, Resamples
from .matching import CaseScore

__all__ = ["Figure", "Figures", "summarise"]

NAN = float("nan")


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
    false_positives_per_clot_free_scan: Figure
    """The same, of the cases without a thrombus only."""
    specificity: Figure
    """Share of the cases without a thrombus in which nothing is predicted, 0..1."""
    volume_error_percent: Figure
    """Mean of |predicted - true| volume of detected lesions, in percent of the true volume."""
    length_error_mm: Figure
    """Mean of |predicted - true| length (Feret) of detected lesions, mm."""
    hausdorff95_mm: Figure
    """Mean 95 % Hausdorff distance of detected lesions, mm."""
    cases: int
    with_thrombus: int
    patients: int
    """Whose scans these are: intervals are over them."""
    detected: int
    """Number behind `detection_rate`."""
    other_definitions: dict[str, dict[str, Figure]] = field(default_factory=dict)
    """`detection_rate` and `false_positives_per_scan` by the rules of `rules`."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def summarise(scores: Sequence[CaseScore], patients: Sequence[str] | None = None) -> Figures:
    """Figures of a group of cases; resampling uses a fixed seed.

    Args:
        scores: at least one.
        patients: of each score, whose scan it is; None: each case is a patient of its own.
    """
    names = list(patients) if patients is not None else [str(number) for number in range(len(scores))]
    resamples = Resamples(names)
    return Figures(
        detection_rate=resamples.figure([detection(score) for score in scores], share=True),
        dice_all_cases=resamples.figure([dice_of(score) for score in scores]),
        dice_detected_cases=resamples.figure([dice_of(score) if score.detected else NAN for score in scores]),
        false_positives_per_scan=resamples.figure([float(score.false_positives) for score in scores]),
        false_positives_per_clot_free_scan=resamples.figure([_without(each, each.false_positives) for each in scores]),
        specificity=resamples.figure([_without(score, score.false_positives == 0) for score in scores], share=True),
        volume_error_percent=resamples.figure([_volume_error(score) for score in scores]),
        length_error_mm=resamples.figure([_length_error(score) for score in scores]),
        hausdorff95_mm=resamples.figure([_mean([pair.hausdorff95_mm for pair in score.pairs]) for score in scores]),
        cases=len(scores),
        with_thrombus=sum(score.true_lesions > 0 for score in scores),
        patients=len(set(names)),
        detected=sum(score.detected for score in scores),
        other_definitions=_other(scores, resamples),
    )


def detection(score: CaseScore) -> float:
    """1 where a true lesion is detected, 0 where none is, NaN where there is none."""
    return float(score.detected) if score.true_lesions else NAN


def dice_of(score: CaseScore) -> float:
    """Dice; 0 for a miss, NaN where there is no true lesion."""
    if not score.true_lesions:
        return NAN
    return (score.dice or 0.0) if score.detected else 0.0


def detection_rate(scores: Sequence[CaseScore]) -> float | None:
    """See `Figures.detection_rate`."""
    return _plain([detection(score) for score in scores])


def dice_all_cases(scores: Sequence[CaseScore]) -> float | None:
    """See `Figures.dice_all_cases`."""
    return _plain([dice_of(score) for score in scores])


def false_positives_per_scan(scores: Sequence[CaseScore]) -> float | None:
    """See `Figures.false_positives_per_scan`."""
    return _plain([float(score.false_positives) for score in scores])


def _other(scores: Sequence[CaseScore], resamples: Resamples) -> dict[str, dict[str, Figure]]:
    found: dict[str, dict[str, Figure]] = {}
    for name in scores[0].by_rule if scores else ():
        counts = [score.by_rule.get(name, (0, 0)) for score in scores]
        hits = [float(hit > 0) if score.true_lesions else NAN for score, (hit, _) in zip(scores, counts, strict=True)]
        found[name] = {
            "detection_rate": resamples.figure(hits, share=True),
            "false_positives_per_scan": resamples.figure([float(false) for _, false in counts]),
        }
    return found


def _without(score: CaseScore, value: float) -> float:
    """The value where there is no thrombus."""
    return NAN if score.true_lesions else float(value)


def _volume_error(score: CaseScore) -> float:
    return _mean([100.0 * abs(pair.predicted_mm3 - pair.true_mm3) / pair.true_mm3 for pair in score.pairs])


def _length_error(score: CaseScore) -> float:
    return _mean([abs(pair.predicted_length_mm - pair.true_length_mm) for pair in score.pairs])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else NAN


def _plain(values: Sequence[float]) -> float | None:
    counted = [value for value in values if not np.isnan(value)]
    return float(np.mean(counted)) if counted else None
