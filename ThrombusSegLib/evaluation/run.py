"""Weights over a manifest: every case, with the sequences it has or with every subset of them."""

from __future__ import annotations

import itertools
import json
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import SimpleITK as sitk

from ..case import ManifestRow, read_case
from ..errors import InputError
from ..inference.result import SegmentSettings, versions
from ..lesions import CandidateSettings, find_candidates
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .matching import CaseScore, score_case
from .metrics import Figures, summarise

if TYPE_CHECKING:
    from ..inference import Predictor

Subset = tuple[Sequence, ...]


def evaluate(
    rows: list[ManifestRow],
    predictor: Predictor,
    *,
    subsets: str = "prevalence",
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Score every case.

    Args:
        rows: cases with labels.
        predictor: the weights under test.
        subsets: "prevalence": each case with the sequences it has; "all": with every non-empty subset of them.
        settings: threshold, minimum volume, registration.
        progress: told after every run of the network.

    Returns:
        The content of metrics.json but for the command.

    Raises:
        InputError: a row without labels, or no rows.
    """
    if not rows:
        raise InputError("The manifest has no cases.", "Add rows.")
    work = [(row, subset) for row in rows for subset in _subsets(row, subsets)]
    groups: dict[tuple[str, str], list[CaseScore]] = {}
    for done, (row, subset) in enumerate(work, 1):
        score = _score(row, subset, predictor, settings or SegmentSettings())
        name = "+".join(sequence.value for sequence in subset)
        for group in (("all_cases", ""), ("centres", row.centre), ("subsets", name)):
            groups.setdefault(group, []).append(score)
        report(progress, done / len(work), "evaluating")
    return {**_grouped(groups), **_origin(predictor)}


def write_evaluation(out: Path, result: dict[str, Any], command: str) -> None:
    """metrics.json and metrics.md in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("metrics.json", json.dumps({**result, "command": command}, indent=1)),
        ("metrics.md", table(result)),
    ):
        unfinished = out / (name + ".unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(out / name)


def table(result: dict[str, Any]) -> str:
    """The figures as a table in Markdown."""
    lines = [
        "| cases of | n | detected | Dice, all cases | Dice, detected | false positives a scan |",
        "|---|---|---|---|---|---|",
    ]
    groups = {"all": result["all_cases"], **result["centres"], **result["subsets"]}
    for name, figures in groups.items():
        cells = [
            _cell(figures[key])
            for key in ("detection_rate", "dice_all_cases", "dice_detected_cases", "false_positives_per_scan")
        ]
        lines.append(f"| {name} | {figures['cases']} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "In brackets: 95 % interval, bootstrap over patients.", ""])


def _cell(figure: dict[str, float | None]) -> str:
    if figure["value"] is None:
        return "-"
    return f"{figure['value']:.2f} ({figure['low']:.2f}-{figure['high']:.2f})"


def _subsets(row: ManifestRow, which: str) -> Iterator[Subset]:
    there = tuple(sequence for sequence in Sequence if sequence in row.paths)
    if which == "prevalence":
        yield there
        return
    for count in range(1, len(there) + 1):
        yield from itertools.combinations(there, count)


def _score(row: ManifestRow, subset: Subset, predictor: Predictor, settings: SegmentSettings) -> CaseScore:
    from ..inference import segment_case

    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Fill the manifest's column 'labels'.")
    case = read_case({sequence: row.paths[sequence] for sequence in subset}, name=row.case, labels=row.labels)
    assert case.labels is not None
    result = segment_case(case, predictor, settings)
    # Judged on the grid the labels were drawn on, whatever sequence served as the reference.
    probability = sitk.Resample(result.probability, case.labels, sitk.Transform(), sitk.sitkLinear, 0.0)
    wanted = CandidateSettings(threshold=result.threshold, minimum_volume_mm3=result.minimum_volume_mm3)
    predicted = sitk.GetImageFromArray((find_candidates(probability, wanted).labels > 0).astype("uint8"))
    predicted.CopyInformation(case.labels)
    return score_case(row.case, case.labels, predicted)


def _grouped(groups: dict[tuple[str, str], list[CaseScore]]) -> dict[str, Any]:
    figures: dict[tuple[str, str], Figures] = {key: summarise(scores) for key, scores in groups.items()}
    scores = groups[("all_cases", "")]
    return {
        "all_cases": figures[("all_cases", "")].as_dict(),
        "centres": {name: each.as_dict() for (kind, name), each in figures.items() if kind == "centres"},
        "subsets": {name: each.as_dict() for (kind, name), each in figures.items() if kind == "subsets"},
        "scores": [vars(score) | {"detected": score.detected} for score in scores],
    }


def _origin(predictor: Predictor) -> dict[str, Any]:
    entry = predictor.weights
    return {
        "weights": {"name": entry.name, "sha256": entry.sha256, "trained_on": entry.trained_on},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "versions": versions(),
    }
