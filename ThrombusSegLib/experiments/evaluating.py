"""Weights over the cohorts of an experiment, and what one evaluation is less another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..evaluation.bootstrap import difference_of_groups
from ..evaluation.looks import look_at
from ..evaluation.metrics import detection, dice_of
from ..evaluation.record import LOOKS, Record, write_looks
from ..evaluation.run import figures_of, write_evaluation
from ..inference import Predictor
from ..progress import Progress, part, silent
from ..weights import WeightsEntry, find_weights
from .cohorts import Cohort, make_cohort
from .settings import CohortSettings, EvaluationExperiment, EvaluationSettings

#: What is compared, and how it follows from a look.
COMPARED: Mapping[str, Callable[[Record], float]] = {
    "detection_rate": lambda record: detection(record.score),
    "dice_all_cases": lambda record: dice_of(record.score),
    "false_positives_per_scan": lambda record: float(record.score.false_positives),
}
#: How `evaluation.run.evaluate` calls the subsets.
_CALLED = {"as acquired": "prevalence", "all": "all"}


@dataclass(frozen=True)
class Evaluated:
    """One evaluation."""

    figures: dict[str, Any]
    """Part of results.json."""
    records: list[Record]
    """Its looks."""


def make_cohorts(
    wanted: Mapping[str, CohortSettings],
    folder: Path,
    out: Path,
    *,
    processes: int = 1,
    progress: Progress = silent,
) -> dict[str, Cohort]:
    """All cohorts of an experiment, simulated where they are not there yet."""
    made = {}
    for number, (name, settings) in enumerate(wanted.items()):
        told = part(progress, number / len(wanted), (number + 1) / len(wanted))
        made[name] = make_cohort(name, settings, folder, out, processes=processes, progress=named(told, name))
    return made


def named(progress: Progress, name: str) -> Progress:
    """A progress whose stages begin with a name."""
    return lambda share, stage: progress(share, f"{name}: {stage}")


def run_evaluations(
    settings: EvaluationExperiment,
    cohorts: Mapping[str, Cohort],
    folder: Path,
    out: Path,
    *,
    device: str = "auto",
    processes: int = 1,
    progress: Progress = silent,
) -> tuple[dict[str, Any], str]:
    """Every evaluation and comparison of an experiment of kind "evaluation".

    Args:
        settings: of the experiment.
        cohorts: its cases.
        folder: what paths in the settings are relative to.
        out: folder of the experiment; each evaluation keeps its looks and tables in `settings.looks` or
            `out`/evaluations, below its name.
        device: "auto", "cpu", "cuda" or "mps".
        processes: how many looks are made side by side.
        progress: told before every look.

    Returns:
        "evaluations" and "comparisons" of results.json, and the device in words.
    """
    done: dict[str, Evaluated] = {}
    entries = find_all_weights(settings, folder)
    predictors: dict[str, Predictor] = {}
    kept = folder / settings.looks if settings.looks else out / "evaluations"
    for number, (name, wanted) in enumerate(settings.evaluations.items()):
        weights = wanted.weights or settings.weights
        if weights not in predictors:
            predictors[weights] = Predictor(entries[weights], device)
        told = part(progress, number / len(settings.evaluations), (number + 1) / len(settings.evaluations))
        done[name] = evaluate_one(
            wanted, cohorts[wanted.cohort], predictors[weights], kept / name, processes, named(told, name)
        )
    pairs = [(pair.first, pair.second) for pair in settings.comparisons]
    write_looks(out / LOOKS, {name: each.records for name, each in done.items()})
    result = {
        "evaluations": {name: each.figures for name, each in done.items()},
        "comparisons": [
            {"first": one, "second": other, **compare(done[one].records, done[other].records)} for one, other in pairs
        ],
    }
    return result, next(iter(predictors.values())).device.type


def find_all_weights(settings: EvaluationExperiment, folder: Path) -> dict[str, WeightsEntry]:
    """The weights of every evaluation, by the name in the settings; `InputError` where some are not there."""
    names = {wanted.weights or settings.weights for wanted in settings.evaluations.values()}
    return {name: find_weights(folder / name if (folder / name).is_file() else name) for name in sorted(names)}


def evaluate_one(
    wanted: EvaluationSettings, cohort: Cohort, predictor: Predictor, out: Path, processes: int, progress: Progress
) -> Evaluated:
    """One evaluation; looks that `out` already holds are not done again."""
    subsets = _CALLED[wanted.subsets]
    records = look_at(cohort.rows, predictor, subsets=subsets, progress=progress, keep=out, processes=processes)
    found = figures_of(records, predictor, subsets)
    command = f"thrombusseg evaluate {cohort.manifest.name} --split {cohort.facts.split}"
    write_evaluation(out, found, f"{command} --weights {predictor.weights.name} --subsets {subsets}")
    kept = {name: values for name, values in found.items() if name not in ("scores", "created", "machine", "versions")}
    return Evaluated({"cohort": wanted.cohort, "sequences": wanted.subsets, **kept}, records)


def compare(first: Sequence[Record], second: Sequence[Record]) -> dict[str, Any]:
    """What the figures of one evaluation are less those of another, with 95 % intervals, and how these were drawn."""
    figures: dict[str, Any] = {}
    how = ""
    patients = [[record.patient for record in records] for records in (first, second)]
    for name, value in COMPARED.items():
        values = [[value(record) for record in records] for records in (first, second)]
        figure, how = difference_of_groups(patients, values)
        figures[name] = asdict(figure)
    return {"difference": figures, "resampled": how}
