"""What the absent sequences cost: figures that were measured with exactly the sequences that are there.

They stand in `<weights>.subsets.json` beside the file of the weights, as `thrombusseg evaluate --subsets all` writes
metrics.json. Nothing is interpolated: a set of sequences that was not evaluated is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from .library import importLibrary
from .sequences import SEQUENCES


def evaluationOf(weights: str) -> dict[str, Any]:
    """The evaluation that belongs to some weights: a registered name, "default" or a path. Empty where there is none.

    An evaluation of a file with another SHA-256 does not count.
    """
    try:
        registry = importLibrary("ThrombusSegLib.weights.registry")
        entry = registry.find_weights(weights)
        content = json.loads(evaluationFile(entry.path).read_text(encoding="utf-8"))
        fits = content["weights"]["sha256"] == entry.sha256 and isinstance(content["subsets"], dict)
    except Exception:  # noqa: BLE001 - no library, no such weights, no or a damaged file: in all cases the cost is not known
        return {}
    return content if fits else {}


def evaluationFile(weights: Path) -> Path:
    """Where the evaluation of a file of weights would be."""
    return weights.with_name(f"{weights.stem}.subsets.json")


def costText(evaluation: Mapping[str, Any], present: Iterable[str]) -> str:
    """A line on what the sequences that are there find, beside what all of them find; empty if none is there."""
    there = [sequence for sequence in SEQUENCES if sequence in set(present)]
    absent = [sequence for sequence in SEQUENCES if sequence not in there]
    if not there:
        return ""
    subsets = evaluation.get("subsets", {})
    figures, whole = subsets.get("+".join(there)), subsets.get("+".join(SEQUENCES))
    names = ", ".join(there)
    if not _complete(figures):
        return _unknown(names, absent)
    if not absent:
        return _("On simulated strokes all five sequences find {found}.").format(found=_found(figures))
    text = _("Without {absent}: on simulated strokes {present} find {found}.")
    text = text.format(absent=", ".join(absent), present=names, found=_found(figures))
    if _complete(whole):
        text += " " + _("All five find {found}.").format(found=_found(whole))
    return text


def _unknown(names: str, absent: list[str]) -> str:
    if not absent:
        return _("How much these weights find on simulated strokes is not known: there is no evaluation with them.")
    text = _(
        "What the absence of {absent} costs is not known: no evaluation on simulated strokes with {present} alone."
    )
    return text.format(absent=", ".join(absent), present=names)


def _complete(figures: Any) -> bool:
    try:
        values = [figures["detection_rate"]["value"], figures["false_positives_per_scan"]["value"], figures["cases"]]
        return all(isinstance(value, int | float) for value in values)
    except (KeyError, TypeError):
        return False


def _found(figures: Mapping[str, Any]) -> str:
    rate = figures["detection_rate"]
    low, high = rate.get("low"), rate.get("high")
    if low is None or high is None or low == high:  # too few cases, or all alike: how sure that is cannot be told
        text = _("{value:.0f}\xa0% of {clots} thrombi ({false:.2f} false alarms a scan)")
    else:
        text = _("{value:.0f}\xa0% of {clots} thrombi ({low:.0f} to {high:.0f}\xa0%; {false:.2f} false alarms a scan)")
    return text.format(
        value=100 * rate["value"],
        low=100 * (low or 0.0),
        high=100 * (high or 0.0),
        # Evaluations from before 2026-11-29 do not say how many cases have one; in those shipped all have.
        clots=figures.get("with_thrombus", figures["cases"]),
        false=figures["false_positives_per_scan"]["value"],
    )
