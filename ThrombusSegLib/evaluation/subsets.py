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


Pair = tuple[Record, Record]


def costs_of_absence(records: Sequence[Record]) -> dict[str, Any]:
    """What the absence of each sequence costs in detection and in false positives; see `_cost`.

    Of a sequence other than SWI also apart, "with_swi" and "without_swi" among the others: what DWI is worth beside SWI
    and without it are two questions, and a mean over both answers neither.
    """
    looks = {(record.case, frozenset(record.sequences.split("+"))): record for record in records}
    costs: dict[str, Any] = {}
    for sequence in (each.value for each in MRSequence):
        pairs = [
            (record, looks[case, names - {sequence}])
            for (case, names), record in looks.items()
            if sequence in names and (case, names - {sequence}) in looks
        ]
        if not pairs:
            continue
        costs[sequence] = _cost(pairs)
        with_swi = [pair for pair in pairs if has_swi(pair[1])]
        without = [pair for pair in pairs if not has_swi(pair[1])]
        if with_swi and without:
            costs[sequence] |= {"with_swi": _cost(with_swi), "without_swi": _cost(without)}
    return costs


def has_swi(record: Record) -> bool:
    """Whether SWI or T2* is among the sequences of a look."""
    return MRSequence.SWI.value in record.sequences.split("+")


def _cost(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Of looks with and without a sequence: what is lost in detection, and how many more false positives a scan there
    are where it is absent, as figures; and how many pairs these are."""
    patients = [one.patient for one, _ in pairs]
    found = [[detection(look.score) for look in side] for side in zip(*pairs, strict=True)]
    false = [[float(look.score.false_positives) for look in side] for side in zip(*pairs, strict=True)]
    return {
        "detection_rate": vars(difference(patients, found[0], found[1])),
        "false_positives_per_scan": vars(difference(patients, false[1], false[0])),
        "pairs": len(pairs),
    }


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
