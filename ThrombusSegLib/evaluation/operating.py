"""Beyond one threshold: the FROC curve, and whether probabilities mean what they say.

FROC (free-response receiver operating characteristic): the share of cases with a thrombus that are detected against the
mean number of false positives a scan, while the threshold moves. Sensitivities are read off at fixed numbers of false
positives, as in lung nodule challenges (Setio et al., Med Image Anal 42:1, 2017).

Calibration is that of voxels: of those with a probability of about p, the share that is thrombus should be p. Voxels
below `LEAST` are left out; with them any network looks calibrated, as nearly all of a head is certainly none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .bootstrap import Figure, Resamples, all_alike, interval
from .record import Record

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
FALSE_POSITIVES = (0.25, 0.5, 1.0, 2.0)
BINS = 10
LEAST = 0.05

Floats = NDArray[np.float64]


def froc(records: Sequence[Record], patients: Sequence[str]) -> dict[str, Any]:
    """Points of the curve, and the share detected at each of `FALSE_POSITIVES`.

    Returns:
        "points": [{"threshold", "detection_rate", "false_positives_per_scan"}], and "sensitivity_at": number of false
        positives -> figure, None where no threshold has so few. Of records from before a threshold was among
        `THRESHOLDS` those are read that all have.
    """
    resamples = Resamples(patients)
    thresholds = [each for each in THRESHOLDS if all(f"{each:g}" in record.sweep for record in records)]
    names = [f"{each:g}" for each in thresholds]
    hits = [np.array([_hit(record, name) for record in records]) for name in names]
    false = [np.array([float(record.sweep[name][1]) for record in records]) for name in names]
    points = [
        {"threshold": each, "detection_rate": _mean(hit), "false_positives_per_scan": _mean(count)}
        for each, hit, count in zip(thresholds, hits, false, strict=True)
    ]
    if any(point["detection_rate"] is None for point in points):
        return {"points": points, "sensitivity_at": {}}
    rates = np.stack([resamples.means(hit) for hit in hits])
    counts = np.stack([resamples.means(count) for count in false])
    whole = np.array([[point["detection_rate"]] for point in points], dtype=np.float64)
    at = np.array([[point["false_positives_per_scan"]] for point in points], dtype=np.float64)
    number = resamples.counted(hits[0])
    return {
        "points": points,
        "sensitivity_at": {
            f"{limit:g}": vars(_read_off(whole, at, rates, counts, limit, number)) for limit in FALSE_POSITIVES
        },
    }


def _read_off(whole: Floats, at: Floats, rates: Floats, counts: Floats, limit: float, patients: int) -> Figure:
    """The largest share detected by any threshold with at most so many false positives; None where none has."""
    if not (at <= limit).any():
        return Figure(None, None, None)
    value = float(np.where(at <= limit, whole, 0.0).max())
    if value in (0.0, 1.0):
        return all_alike(value, patients)
    # A resample without a clot says nothing; one in which no threshold has so few false positives has found none.
    reached = np.where(np.isnan(rates) | (counts <= limit), rates, 0.0)
    return interval(value, reached.max(axis=0), patients)


def reliability_of(probability: sitk.Image, truth: sitk.Image) -> tuple[tuple[float, float, int], ...]:
    """Bins of a case's voxels by probability, from `LEAST` up; see `Record.reliability`."""
    values = sitk.GetArrayViewFromImage(probability)
    counted = values >= LEAST
    chosen = values[counted].astype(np.float64)
    hits = (sitk.GetArrayViewFromImage(truth)[counted] == 1).astype(np.float64)
    places = np.minimum((chosen * BINS).astype(int), BINS - 1)
    sums = [np.bincount(places, weights=weights, minlength=BINS) for weights in (chosen, hits, np.ones_like(chosen))]
    return tuple((round(float(p), 4), float(hit), int(n)) for p, hit, n in zip(*sums, strict=True))


def calibration(records: Sequence[Record]) -> dict[str, Any]:
    """Bins over all cases, and the expected calibration error: mean |share - probability|, weighted by voxels.

    The error after Naeini et al. (AAAI 2015), over the voxels from `LEAST` up.
    """
    bins = np.sum([np.array(record.reliability, dtype=np.float64) for record in records if record.reliability], axis=0)
    if not np.ndim(bins) or bins[:, 2].sum() == 0:
        return {"bins": [], "expected_error": None}
    filled = bins[bins[:, 2] > 0]
    said, true = filled[:, 0] / filled[:, 2], filled[:, 1] / filled[:, 2]
    error = float((np.abs(said - true) * filled[:, 2]).sum() / filled[:, 2].sum())
    rows = [
        {"probability": round(float(p), 4), "thrombus": round(float(t), 4), "voxels": int(n)}
        for p, t, n in zip(said, true, filled[:, 2], strict=True)
    ]
    return {"bins": rows, "expected_error": round(error, 4), "voxels_from": LEAST}


def _hit(record: Record, name: str) -> float:
    return float(record.sweep[name][0] > 0) if record.score.true_lesions else float("nan")


def _mean(values: Floats) -> float | None:
    counted = values[~np.isnan(values)]
    return round(float(counted.mean()), 4) if len(counted) else None
