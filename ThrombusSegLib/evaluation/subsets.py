"""What the absence of a sequence costs, from looks at the same cases with every subset of the sequences.

Two ways of putting it. The cost of a sequence: over all pairs of subsets that differ in this sequence only, the mean
difference in detection, with and without it; paired, as both are looks at the same patients. And an average over the
subsets, each weighted by how often it occurs at the simulated centres B to F.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..phantom.centres import find_centre
from ..sequences import Sequence as MRSequence
from .bootstrap import difference
from .metrics import detection
from .record import Record

CENTRES = ("B", "C", "D", "E", "F")


def costs_of_absence(records: Sequence[Record]) -> dict[str, Any]:
    """For each sequence: detection with it less detection without it, as a figure, and the number of pairs of looks."""
    looks = {(record.case, frozenset(record.sequences.split("+"))): record for record in records}
    costs: dict[str, Any] = {}
    for sequence in (each.value for each in MRSequence):
        pairs = [
            (record, looks[case, names - {sequence}])
            for (case, names), record in looks.items()
            if sequence in names and (case, names - {sequence}) in looks
        ]
        if pairs:
            patients = [one.patient for one, _ in pairs]
            figure = difference(
                patients, [detection(one.score) for one, _ in pairs], [detection(other.score) for _, other in pairs]
            )
            costs[sequence] = {"detection_rate": vars(figure), "pairs": len(pairs)}
    return costs


def prevalence() -> dict[str, float]:
    """How often each subset occurs at the centres B to F, which count alike; from their shares of missing sequences."""
    shares: dict[str, float] = {}
    for name in CENTRES:
        acquisitions = find_centre(name).acquisitions
        for there in itertools.product((True, False), repeat=len(MRSequence)):
            chance = 1.0
            for sequence, present in zip(MRSequence, there, strict=True):
                acquired = acquisitions[sequence].present if sequence in acquisitions else 0.0
                chance *= acquired if present else 1.0 - acquired
            subset = "+".join(each.value for each, present in zip(MRSequence, there, strict=True) if present)
            if subset and chance > 0:
                shares[subset] = shares.get(subset, 0.0) + chance / len(CENTRES)
    total = sum(shares.values())
    return {subset: share / total for subset, share in shares.items()}


def weighted_by_prevalence(records: Sequence[Record]) -> dict[str, float | None]:
    """Means over the subsets that were looked at, weighted by `prevalence`; no interval."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.sequences, []).append(record)
    weights = {name: share for name, share in prevalence().items() if name in groups}
    if not weights:
        return {"detection_rate": None, "false_positives_per_scan": None, "share_covered": 0.0}
    total = sum(weights.values())

    def mean(name: str, which: str) -> float:
        values = [
            detection(record.score) if which == "detection" else float(record.score.false_positives)
            for record in groups[name]
        ]
        counted = [value for value in values if not np.isnan(value)]
        return float(np.mean(counted)) if counted else 0.0

    means = {
        which: round(sum(mean(name, which) * share for name, share in weights.items()) / total, 4)
        for which in ("detection", "false")
    }
    return {
        "detection_rate": means["detection"],
        "false_positives_per_scan": means["false"],
        "share_covered": round(total, 4),
    }
