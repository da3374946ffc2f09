"""Weights over a manifest: every case, with the sequences it has or with every subset of them."""

from __future__ import annotations

import itertools
import json
import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from ..case import Case, ManifestRow, read_case
from ..errors import InputError
from ..inference.result import SegmentResult, SegmentSettings, versions
from ..lesions import CandidateSettings, find_candidates
from ..preprocess import onto_labels
from ..progress import Progress, report, silent
from ..sequences import Sequence as MRSequence
from .matching import count_case, score_case
from .metrics import summarise
from .operating import THRESHOLDS, calibration, froc, reliability_of
from .record import TRUTH, Record, RecordFile, facts_of, key_of
from .subsets import costs_of_absence, weighted_by_prevalence

if TYPE_CHECKING:
    from ..inference import Predictor

Subset = tuple[MRSequence, ...]
#: Limits between small, middle and large clots, mm3 (our choice).
STRATA_MM3 = (40.0, 120.0)


def evaluate(
    rows: list[ManifestRow],
    predictor: Predictor,
    *,
    subsets: str = "prevalence",
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
    keep: Path | None = None,
) -> dict[str, Any]:
    """Score every case.

    Args:
        rows: cases with labels.
        predictor: the weights under test.
        subsets: "prevalence": each case with the sequences it has; "all": with every non-empty subset of them.
        settings: threshold, minimum volume, registration.
        progress: told before every run of the network; may raise to stop.
        keep: folder for a line per look, so that a run that was stopped goes on; None: nothing is kept.

    Returns:
        The content of metrics.json but for the command.

    Raises:
        InputError: a row without labels, or no rows.
    """
    settings = settings or SegmentSettings()
    records = look_at(rows, predictor, subsets=subsets, settings=settings, progress=progress, keep=keep)
    return figures_of(records, predictor, subsets, settings)


def look_at(
    rows: list[ManifestRow],
    predictor: Predictor,
    *,
    subsets: str = "prevalence",
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
    keep: Path | None = None,
) -> list[Record]:
    """The looks alone, one for each case and subset; see `evaluate`."""
    if not rows:
        raise InputError("The manifest has no cases.", "Add rows.")
    settings = settings or SegmentSettings()
    work = [(row, subset) for row in rows for subset in _subsets(row, subsets)]
    file, records, spent = RecordFile(keep), list[Record](), list[float]()
    for done, (row, subset) in enumerate(work):
        report(progress, done / len(work), _stage(done, len(work), spent))
        name = "+".join(sequence.value for sequence in subset)
        key = key_of(row, name, predictor.weights.sha256, repr(settings))
        if key not in file.known:
            started = time.perf_counter()
            file.add(_look(key, row, subset, predictor, settings))
            spent.append(time.perf_counter() - started)
        records.append(file.known[key])
    return records


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
    """Cases with a thrombus, by its volume, and where it is known by its susceptibility vessel sign."""
    small, large = STRATA_MM3
    names = {"volume": [f"below {small:g} mm3", f"{small:g} to {large:g} mm3", f"from {large:g} mm3"]}
    groups: dict[str, list[Record]] = {name: [] for name in names["volume"]}
    for record in (each for each in records if each.score.true_lesions):
        volume = record.score.true_mm3
        groups[names["volume"][int(volume >= small) + int(volume >= large)]].append(record)
        if "sign_present" in record.facts:
            sign = "with susceptibility sign" if record.facts["sign_present"] else "without susceptibility sign"
            groups.setdefault(sign, []).append(record)
    return {name: group for name, group in groups.items() if group}


def _score_line(record: Record) -> dict[str, Any]:
    score = record.score
    return {
        "case": record.case,
        "centre": record.centre,
        "sequences": record.sequences,
        "true_lesions": score.true_lesions,
        "detected_lesions": score.detected_lesions,
        "detected": score.detected,
        "false_positives": score.false_positives,
        "dice": score.dice,
        "true_mm3": score.true_mm3,
        "predicted_mm3": score.predicted_mm3,
        **record.facts,
    }


def _stage(done: int, total: int, spent: list[float]) -> str:
    if not spent:
        return f"look {done + 1} of {total}"
    minutes, seconds = divmod(round((total - done) * sum(spent) / len(spent)), 60)
    return f"look {done + 1} of {total}, {minutes} min {seconds:02d} s left"


def _subsets(row: ManifestRow, which: str) -> Iterator[Subset]:
    there = tuple(sequence for sequence in MRSequence if sequence in row.paths)
    if which == "prevalence":
        yield there
        return
    for count in range(1, len(there) + 1):
        yield from itertools.combinations(there, count)


@dataclass(frozen=True)
class Look:
    """A case with some of its sequences, segmented."""

    case: Case
    """With labels."""
    result: SegmentResult
    probability: sitk.Image
    """Of thrombus, on the grid that the labels were drawn on: that is where it is judged, whatever the reference.
    Where the sequence they were drawn on was registered to the reference, it has gone back with that pose."""
    simulated: bool
    """Whether the simulator's truth lies beside the labels."""


def segment_look(row: ManifestRow, subset: Subset, predictor: Predictor, settings: SegmentSettings) -> Look:
    """Segment a case with some of its sequences.

    Raises:
        InputError: the row has no labels, or the images do not fit together.
    """
    from ..inference import segment_case

    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Fill the manifest's column 'labels'.")
    case = read_case({sequence: row.paths[sequence] for sequence in subset}, name=row.case, labels=row.labels)
    assert case.labels is not None
    result = segment_case(case, predictor, settings)
    probability = onto_labels(result.probability, case, result.prepared)
    return Look(case, result, probability, (row.labels.parent / TRUTH).is_file())


def mask_at(probability: sitk.Image, threshold: float, minimum_volume_mm3: float) -> sitk.Image:
    """uint8, 1 in every candidate from this threshold and of at least this volume."""
    wanted = CandidateSettings(threshold=threshold, minimum_volume_mm3=minimum_volume_mm3)
    found = sitk.GetImageFromArray((find_candidates(probability, wanted).labels > 0).astype("uint8"))
    found.CopyInformation(probability)
    return found


def _look(key: str, row: ManifestRow, subset: Subset, predictor: Predictor, settings: SegmentSettings) -> Record:
    look = segment_look(row, subset, predictor, settings)
    labels, probability, result = look.case.labels, look.probability, look.result
    assert labels is not None
    found = {each: mask_at(probability, each, result.minimum_volume_mm3) for each in THRESHOLDS}
    return Record(
        key=key,
        case=row.case,
        centre=row.centre,
        sequences="+".join(sequence.value for sequence in subset),
        score=score_case(row.case, labels, mask_at(probability, result.threshold, result.minimum_volume_mm3)),
        sweep={f"{each:g}": count_case(labels, mask) for each, mask in found.items()},
        reliability=reliability_of(probability, labels),
        facts=facts_of(row),
        seconds=round(sum(result.seconds.values()), 3),
    )


def _origin(predictor: Predictor, settings: SegmentSettings) -> dict[str, Any]:
    entry = predictor.weights
    chosen = {
        "threshold": settings.threshold if settings.threshold is not None else entry.threshold,
        "minimum_volume_mm3": settings.minimum_volume_mm3
        if settings.minimum_volume_mm3 is not None
        else entry.minimum_volume_mm3,
    }
    return {
        "weights": {"name": entry.name, "sha256": entry.sha256, "trained_on": entry.trained_on},
        "operating_point": chosen,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "versions": versions(),
    }


def write_evaluation(out: Path, result: dict[str, Any], command: str) -> None:
    """metrics.json, metrics.md and the pictures in `out`; with subsets also subsets.json, small enough to ship."""
    from .page import files_of

    out.mkdir(parents=True, exist_ok=True)
    texts = {"metrics.json": json.dumps({**result, "command": command}, indent=1), **files_of(result, command)}
    for name, text in texts.items():
        unfinished = out / (name + ".unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(out / name)
