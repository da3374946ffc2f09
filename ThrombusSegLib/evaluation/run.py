"""Figures of weights over a manifest: every case, with the sequences it has or with every subset of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case import ManifestRow
from ..files import errors_of_the_disk, write_text
from ..inference.result import SegmentSettings, versions
from ..origin import processor_name
from ..progress import Progress, silent
from .looks import look_at
from .metrics import summarise
from .operating import calibration, froc
from .record import Record
from .subsets import costs_of_absence, has_swi, weighted_by_prevalence

if TYPE_CHECKING:
    from ..inference import Predictor

#: Limits between small, middle and large clots, mm3 (our choice).
STRATA_MM3 = (40.0, 120.0)
WITH_SWI, WITHOUT_SWI = "with SWI or T2*", "without SWI or T2*"


def evaluate(
    rows: list[ManifestRow],
    predictor: Predictor,
    *,
    subsets: str = "prevalence",
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
    keep: Path | None = None,
    processes: int = 1,
) -> dict[str, Any]:
    """Score every case.

    Args:
        rows: cases with labels.
        predictor: the weights under test.
        subsets: "prevalence": each case with the sequences it has; "all": with every non-empty subset of them.
        settings: threshold, minimum volume, registration.
        progress: told before every run of the network; may raise to stop.
        keep: folder for a line per look, so that a run that was stopped goes on; None: nothing is kept.
        processes: how many looks are made side by side.

    Returns:
        The content of metrics.json but for the command.

    Raises:
        InputError: a row without labels, or no rows.
    """
    settings = settings or SegmentSettings()
    records = look_at(
        rows, predictor, subsets=subsets, settings=settings, progress=progress, keep=keep, processes=processes
    )
    return figures_of(records, predictor, subsets, settings)


def figures_of(
    records: Sequence[Record],
    predictor: Predictor,
    subsets: str = "prevalence",
    settings: SegmentSettings | None = None,
) -> dict[str, Any]:
    """What `evaluate` returns, from looks that are there."""
    return {**summarise_records(records, subsets), **_origin(predictor, settings or SegmentSettings())}


def summarise_records(records: Sequence[Record], subsets: str) -> dict[str, Any]:
    """All figures, from the lines alone."""
    by_subset = _groups(records, [record.sequences for record in records])
    whole = _figures(records)
    result = {
        "all_cases": whole,
        "centres": {name: _figures(group) for name, group in _groups(records, [r.centre for r in records]).items()},
        "subsets": {name: _figures(group) for name, group in by_subset.items()},
        "strata": {name: _figures(group) for name, group in _strata(records).items()},
        "froc": froc(records, [record.patient for record in records]),
        "calibration": calibration(records),
        "scores": [_score_line(record) for record in records],
    }
    by_swi = [[record for record in records if has_swi(record) is has] for has in (True, False)]
    if all(by_swi):
        for name, group in zip(("froc_with_swi", "froc_without_swi"), by_swi, strict=True):
            result[name] = froc(group, [record.patient for record in group])
    if subsets == "all":
        result["cost_of_absence"] = costs_of_absence(records)
        result["weighted_by_prevalence"] = weighted_by_prevalence(records)
    return result


def _figures(records: Sequence[Record]) -> dict[str, Any]:
    return summarise([record.score for record in records], [record.patient for record in records]).as_dict()


def _groups(records: Sequence[Record], names: Sequence[str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record, name in zip(records, names, strict=True):
        groups.setdefault(name, []).append(record)
    return groups


def _strata(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Cases with a thrombus, by its volume, and where it is known by its susceptibility vessel sign; and all looks,
    by whether SWI or T2* is among the sequences, where some have it and some have not."""
    small, large = STRATA_MM3
    names = {"volume": [f"below {small:g} mm3", f"{small:g} to {large:g} mm3", f"from {large:g} mm3"]}
    groups: dict[str, list[Record]] = {name: [] for name in names["volume"]}
    for record in (each for each in records if each.score.true_lesions):
        volume = record.score.true_mm3
        groups[names["volume"][int(volume >= small) + int(volume >= large)]].append(record)
        if "sign_present" in record.facts:
            sign = "with susceptibility sign" if record.facts["sign_present"] else "without susceptibility sign"
            groups.setdefault(sign, []).append(record)
    by_swi = _groups(records, [WITH_SWI if has_swi(record) else WITHOUT_SWI for record in records])
    if len(by_swi) > 1:
        groups |= {name: by_swi[name] for name in (WITH_SWI, WITHOUT_SWI)}
    return {name: group for name, group in groups.items() if group}


def _score_line(record: Record) -> dict[str, Any]:
    score = record.score
    return {
        "case": record.case,
        "centre": record.centre,
        "sequences": record.sequences,
        "simulated": record.simulated,
        "true_lesions": score.true_lesions,
        "detected_lesions": score.detected_lesions,
        "detected": score.detected,
        "false_positives": score.false_positives,
        "dice": score.dice,
        "true_mm3": score.true_mm3,
        "predicted_mm3": score.predicted_mm3,
        **record.facts,
    }


def _origin(predictor: Predictor, settings: SegmentSettings) -> dict[str, Any]:
    entry = predictor.weights
    wanted = settings.candidates(entry)
    chosen = {"threshold": wanted.threshold, "minimum_volume_mm3": wanted.minimum_volume_mm3}
    return {
        "weights": {"name": entry.name, "sha256": entry.sha256, "trained_on": entry.trained_on},
        "operating_point": chosen,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{processor_name()}, {os.cpu_count()} cores",
        "versions": versions(),
    }


def write_evaluation(out: Path, result: dict[str, Any], command: str) -> None:
    """metrics.json, metrics.md and the pictures in `out`; with subsets also subsets.json, small enough to ship.

    Raises:
        MachineError: the disk refuses; every file is whole or not there.
    """
    from .page import files_of

    with errors_of_the_disk(out.name):
        out.mkdir(parents=True, exist_ok=True)
    texts = {"metrics.json": json.dumps({**result, "command": command}, indent=1), **files_of(result, command)}
    for name, text in texts.items():
        write_text(out / name, text)
