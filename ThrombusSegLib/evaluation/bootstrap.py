"""95 % intervals by resampling patients (expanded percentile bootstrap), all resamples at once.

Every figure here is a mean over some of the cases. A resample is how often each patient was drawn; with these counts as
a matrix (resamples x patients) all resampled means are one product. A patient whose scans come several times, as with
subsets of sequences, is drawn with all of them or not at all.

Percentiles of few resampled patients are too narrow: they lack the factor n / (n - 1) of a variance, and the tails of
Student's t. Both are put back by taking percentiles further out (Hesterberg, What teachers should know about the
bootstrap, The American Statistician 69:371, 2015, "expanded percentile"). Where all patients are alike, none or all of
them being detected, resampling cannot vary, and the exact binomial limit stands in (Clopper and Pearson 1934).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 20260401
#: Of fewer there is no resampled interval: it would lie between the two or three values that there are (our choice).
LEAST_PATIENTS = 5
#: Resampled means that differ by less differ by rounding.
_ALIKE = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; all None where it is undefined (no case to count).

    Of few patients (`LEAST_PATIENTS`), and of patients who are all alike, there is no interval.
    """

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
        self.patients = np.array([names[name] for name in patients], dtype=np.int64)
        self.counts: Floats = drawn[:, self.patients].astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """(R,) resampled means of the cases whose value is not NaN; NaN for a resample that has none of them."""
        there = ~np.isnan(values)
        sums = self.counts @ np.where(there, values, 0.0)
        totals = self.counts @ there.astype(np.float64)
        means: Floats = np.divide(sums, totals, out=np.full(len(sums), np.nan), where=totals > 0)
        return means

    def counted(self, values: Floats) -> int:
        """How many patients have a value."""
        return len(np.unique(self.patients[~np.isnan(values)]))

    def figure(self, values: Sequence[float], *, share: bool = False) -> Figure:
        """Mean and interval; NaN stands for a case that does not count. A `share` is one of cases, each 0 or 1."""
        array = np.asarray(values, dtype=np.float64)
        if not len(array) or np.isnan(array).all():
            return Figure(None, None, None)
        value, patients = float(np.nanmean(array)), self.counted(array)
        if share and value in (0.0, 1.0):
            return all_alike(value, patients)
        return interval(value, self.means(array), patients)


def interval(value: float, resampled: Floats, patients: int) -> Figure:
    """The value with the percentiles of what was resampled that hold 95 % for so many patients.

    Without an interval where there are fewer than `LEAST_PATIENTS`, or all are alike: what hardly varies says nothing
    of what might.
    """
    if patients < LEAST_PATIENTS or np.nanmax(resampled) - np.nanmin(resampled) < _ALIKE:
        return Figure(round(value, 4), None, None)
    tail = 100.0 * _tail(patients)
    low, high = np.nanpercentile(resampled, [tail, 100.0 - tail])
    return Figure(round(value, 4), round(float(low), 4), round(float(high), 4))


def all_alike(value: float, patients: int) -> Figure:
    """A share of 0 or 1, with the exact limit on its other side."""
    if patients < 2:
        return Figure(value, None, None)
    limit = round(0.025 ** (1.0 / patients), 4)
    return Figure(value, 0.0, round(1.0 - limit, 4)) if value == 0.0 else Figure(value, limit, 1.0)


@cache
def _tail(patients: int) -> float:
    """The share of resamples beyond each end of the interval; 0.025 for very many patients."""
    from scipy.stats import norm, t

    reach = float(t.ppf(0.975, patients - 1)) * np.sqrt(patients / (patients - 1))
    return float(norm.sf(reach))


def difference(patients: Sequence[str], first: Sequence[float], second: Sequence[float]) -> Figure:
    """Paired: mean of `first` less mean of `second` on the same cases, both resampled alike."""
    resamples = Resamples(patients)
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if np.isnan(one).all() or np.isnan(other).all():
        return Figure(None, None, None)
    drawn = resamples.means(one) - resamples.means(other)
    return interval(float(np.nanmean(one) - np.nanmean(other)), drawn, resamples.counted(np.fmax(one, other)))


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
    first, second = Resamples(patients[0]), Resamples(patients[1], SEED + 1)
    drawn = first.means(one) - second.means(other)
    fewest = min(first.counted(one), second.counted(other))
    return interval(float(np.nanmean(one) - np.nanmean(other)), drawn, fewest), "independent"
