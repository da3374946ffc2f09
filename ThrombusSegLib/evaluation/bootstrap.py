"""95 % intervals by resampling patients (percentile bootstrap), all resamples at once.

Every figure here is a mean over some of the cases. A resample is how often each patient was drawn; with these counts as
a matrix (resamples x patients) all resampled means are one product. A patient whose scans come several times, as with
subsets of sequences, is drawn with all of them or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 20260401

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; all None where it is undefined (no case to count)."""

    value: float | None
    low: float | None
    high: float | None


class Resamples:
    """How often each case is drawn in each resample.

    Args:
        patients: of each case, its patient; cases of one patient are drawn together.
        seed: of the draws; two groups of other patients need two.
    """

    def __init__(self, patients: Sequence[str], seed: int = SEED) -> None:
        names = {name: place for place, name in enumerate(dict.fromkeys(patients))}
        count = len(names)
        drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES)
        self.counts: Floats = drawn[:, [names[name] for name in patients]].astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """(R,) resampled means of the cases whose value is not NaN; NaN for a resample that has none of them."""
        there = ~np.isnan(values)
        sums = self.counts @ np.where(there, values, 0.0)
        totals = self.counts @ there.astype(np.float64)
        means: Floats = np.divide(sums, totals, out=np.full(len(sums), np.nan), where=totals > 0)
        return means

    def figure(self, values: Sequence[float]) -> Figure:
        """Mean and interval; NaN stands for a case that does not count."""
        array = np.asarray(values, dtype=np.float64)
        if not len(array) or np.isnan(array).all():
            return Figure(None, None, None)
        return interval(float(np.nanmean(array)), self.means(array))


def interval(value: float, resampled: Floats) -> Figure:
    """The value with the 2.5th and 97.5th percentile of what was resampled."""
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Figure(round(value, 4), round(float(low), 4), round(float(high), 4))


def difference(patients: Sequence[str], first: Sequence[float], second: Sequence[float]) -> Figure:
    """Paired: mean of `first` less mean of `second` on the same cases, both resampled alike."""
    resamples = Resamples(patients)
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if np.isnan(one).all() or np.isnan(other).all():
        return Figure(None, None, None)
    return interval(float(np.nanmean(one) - np.nanmean(other)), resamples.means(one) - resamples.means(other))


def difference_of_groups(
    patients: Sequence[Sequence[str]], values: Sequence[Sequence[float]]
) -> tuple[Figure, Literal["paired", "independent"]]:
    """Mean of one group less mean of another, whether or not they are looks at the same patients.

    Args:
        patients: of each of the two groups, the patient of each case.
        values: of each of the two groups, a value for each case; NaN for a case that does not count.

    Returns:
        The figure, and how it was resampled: "paired" where the groups have patients in common, who are drawn for both
        alike; "independent" where they have none, and each group is drawn for itself.
    """
    if set(patients[0]) & set(patients[1]):
        none = [[float("nan")] * len(group) for group in values]
        both = difference([*patients[0], *patients[1]], [*values[0], *none[1]], [*none[0], *values[1]])
        return both, "paired"
    one, other = (np.asarray(group, dtype=np.float64) for group in values)
    if np.isnan(one).all() or np.isnan(other).all():
        return Figure(None, None, None), "independent"
    drawn = [Resamples(patients[0]).means(one), Resamples(patients[1], SEED + 1).means(other)]
    return interval(float(np.nanmean(one) - np.nanmean(other)), drawn[0] - drawn[1]), "independent"
