"""Variants of one training, each trained on the same data with the same steps and seeds, judged on the same cases."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError
from ..evaluation.record import LOOKS, Record, write_looks
from ..evaluation.run import summarise_records
from ..inference import Predictor
from ..progress import Progress, part, silent
from ..training.baselines import build_for, is_baseline, load_baseline, training_of
from ..training.checkpoint import describe
from ..training.gather import gather
from ..training.read import build_settings, read_text
from ..training.run import WEIGHTS, run_training
from ..training.settings import Device, TrainSettings
from ..weights import find_weights
from .cohorts import Cohort
from .evaluating import compare, evaluate_one, named
from .names import folder_of, without_folders
from .settings import TrainingExperiment

#: Share of a variant's time that its training takes.
TRAINED = 0.8


@dataclass(frozen=True)
class Run:
    """One training of one variant."""

    variant: str
    seed: int
    settings: TrainSettings
    out: Path

    @property
    def name(self) -> str:
        """Such as "no gates, seed 1"."""
        return f"{self.variant}, seed {self.seed}"


def run_comparison(
    settings: TrainingExperiment,
    cohorts: Mapping[str, Cohort],
    folder: Path,
    out: Path,
    *,
    device: str = "auto",
    processes: int = 1,
    progress: Progress = silent,
) -> tuple[dict[str, Any], str]:
    """Train every variant with every seed, evaluate each, and compare all with the reference.

    Args:
        settings: of the experiment.
        cohorts: its cases.
        folder: what paths in the settings are relative to.
        out: folder of the experiment. A training lies in `settings.runs` or `out`/runs, in VARIANT-SEED, and beside it
            the prepared cases and the looks.
        device: "auto", "cpu" or "cuda", for training and evaluation.
        processes: how many looks are made side by side.
        progress: told throughout; may cancel, and what is done is not done again.

    Returns:
        "budget", "variants" and "comparisons" of results.json, and the device in words.

    Raises:
        InputError: settings that do not fit together, or what training and evaluation raise.
    """
    place = folder / settings.runs if settings.runs else out / "runs"
    runs = plan(settings, cohorts, folder, place, device)
    check_apart(settings, cohorts, runs[0], folder, place / "prepared")
    looks: dict[str, dict[str, list[Record]]] = {name: {} for name in settings.variants}
    trained: dict[str, list[dict[str, Any]]] = {name: [] for name in settings.variants}
    used = "cpu"
    for number, run in enumerate(runs):
        told = part(progress, number / len(runs), (number + 1) / len(runs))
        train_one(run, folder / settings.base, place / "prepared", told)
        predictor = predictor_of(run, device)
        used = predictor.device.type
        trained[run.variant].append(facts_of(run, predictor))
        for done, (name, wanted) in enumerate(settings.evaluations.items()):
            step = (1.0 - TRAINED) / len(settings.evaluations)
            judged = named(part(told, TRAINED + done * step, TRAINED + (done + 1) * step), run.name)
            kept = run.out / "evaluations" / name
            found = evaluate_one(wanted, cohorts[wanted.cohort], predictor, kept, processes, judged)
            looks[run.variant].setdefault(name, []).extend(found.records)
    write_looks(
        out / LOOKS, {f"{variant}, {name}": found for variant, by in looks.items() for name, found in by.items()}
    )
    return {"budget": budget_of(runs), **tables(settings, looks, trained)}, used


def plan(
    settings: TrainingExperiment, cohorts: Mapping[str, Cohort], folder: Path, place: Path, device: str
) -> list[Run]:
    """All trainings; settings at fault are told before the first begins."""
    base = folder / settings.base
    values = tomllib.loads(read_text(base))
    runs = []
    for variant, differing in settings.variants.items():
        for seed in settings.seeds:
            merged = merge(values, {**differing, "seed": seed})
            for role, table in ((settings.training, "data"), (settings.validation, "validation")):
                if role:
                    merged.setdefault(table, {})["manifest"] = str(cohorts[role].manifest.resolve())
            built = build_variant(variant, merged, device)
            runs.append(Run(variant, seed, built, place / folder_of(variant, seed)))
    _check_equal_budget(runs)
    return runs


def check_apart(
    settings: TrainingExperiment, cohorts: Mapping[str, Cohort], run: Run, folder: Path, prepared: Path
) -> None:
    """Nothing is judged that was trained on or validated on; all variants have the cases of `run`."""
    source, judged = gather(run.settings, (folder / settings.base).parent, run.out, prepared)
    seen = {row.case: "validated" for row in judged} | {row.case: "trained" for row in source.rows}
    for name in dict.fromkeys(each.cohort for each in settings.evaluations.values()):
        for row in cohorts[name].rows:
            if row.case in seen:
                raise InputError(
                    f"Case {row.case} of the cohort {name} is also {seen[row.case]} on.",
                    "Take it out of one of the two, or rename it where it is another case.",
                )


def build_variant(variant: str, values: dict[str, Any], device: str) -> TrainSettings:
    """The settings of a variant; what is wrong is said with its name."""
    try:
        settings = build_settings(values)
    except InputError as error:
        raise InputError(f"Variant {variant}: {error.sentence}", error.advice) from error
    return replace(settings, device=_device(device)) if device in ("cpu", "cuda") else settings


def _device(name: str) -> Device:
    return "cuda" if name == "cuda" else "cpu"


def merge(values: Mapping[str, Any], differing: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others in their place, table by table."""
    merged = deepcopy(dict(values))
    for name, value in differing.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = deepcopy(value)
    return merged


def _check_equal_budget(runs: list[Run]) -> None:
    """The same data, steps, batch and crops for all: otherwise the comparison says nothing."""
    for name in ("steps", "batch", "data", "crop", "validation"):
        if len({repr(getattr(run.settings, name)) for run in runs}) > 1:
            raise InputError(f"The variants differ in {name}.", "Variants have the same budget: take it out.")


def train_one(run: Run, base: Path, prepared: Path, progress: Progress) -> Path:
    """The weights of a run, trained unless they are there; a training that was stopped goes on."""
    weights = run.out / WEIGHTS
    if weights.is_file() and training_of(weights).get("settings") == json.loads(describe(run.settings)):
        return weights
    told = named(part(progress, 0.0, TRAINED), run.name)
    return run_training(run.settings, base.parent, run.out, resume=True, prepared=prepared, progress=told)


def predictor_of(run: Run, device: str) -> Predictor:
    """The trained network of a run, ours or a baseline."""
    path = run.out / WEIGHTS
    if is_baseline(path):
        entry, network = load_baseline(path, run.name)
        return Predictor(entry, device, network)
    return Predictor(replace(find_weights(path), name=run.name), device)


def facts_of(run: Run, predictor: Predictor) -> dict[str, Any]:
    """What stands beside the figures of a run."""
    training = training_of(run.out / WEIGHTS)
    with torch.device("meta"):
        parameters = sum(each.numel() for each in build_for(run.settings).parameters())
    return {
        "seed": run.seed,
        "sha256": predictor.weights.sha256,
        "parameters": parameters,
        **{name: training.get(name) for name in ("steps", "hours", "hardware", "cases")},
    }


def budget_of(runs: list[Run]) -> dict[str, Any]:
    """What all variants have in common."""
    settings = runs[0].settings
    return {
        "steps": settings.steps,
        "batch": settings.batch,
        "crop": asdict(settings.crop),
        "seeds": list(dict.fromkeys(run.seed for run in runs)),
    }


def tables(
    settings: TrainingExperiment,
    looks: Mapping[str, Mapping[str, list[Record]]],
    trained: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """Figures of every variant over all its seeds, and its difference from the reference on the same cases."""
    wanted = ["all_cases", "centres", "strata", "froc", "weighted_by_prevalence"]
    wanted += ["cost_of_absence"] if len(settings.seeds) == 1 else []  # its looks are paired within one network
    variants: dict[str, Any] = {}
    comparisons = []
    for variant, by_evaluation in looks.items():
        figures: dict[str, Any] = {}
        for name, records in by_evaluation.items():
            evaluation = settings.evaluations[name]
            found = summarise_records(records, "all" if evaluation.subsets == "all" else "prevalence")
            figures[name] = {each: found[each] for each in wanted if each in found}
            if variant != settings.reference:
                pair = {"first": variant, "second": settings.reference, "evaluation": name}
                comparisons.append({**pair, **compare(records, looks[settings.reference][name])})
        variants[variant] = {
            "differs": without_folders(settings.variants[variant]),
            "trainings": trained[variant],
            "evaluations": figures,
        }
    return {"variants": variants, "comparisons": comparisons}
