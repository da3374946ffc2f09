"""One experiment, from its settings file to results.json and results.md."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..progress import Progress, part, silent
from .comparison_page import comparison_page
from .evaluating import make_cohorts, named, run_evaluations
from .origin import origin_of, write_results
from .page import page_of
from .settings import EvaluationExperiment, Experiment

#: Share of the progress that simulating the cases takes.
_MADE = 0.1


def run_experiment(
    settings: Experiment,
    folder: Path,
    out: Path,
    *,
    command: str,
    device: str = "auto",
    processes: int = 1,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Do what is not done yet, and write the results. A run that is stopped goes on where it was.

    Args:
        settings: of the experiment.
        folder: what paths in the settings are relative to.
        out: folder for cases, trainings, looks and results.
        command: that repeats it, for the results.
        device: "auto", "cpu", "cuda" or "mps".
        processes: how many cases are simulated side by side.
        progress: told throughout; may cancel.

    Returns:
        The content of results.json.

    Raises:
        InputError: cases, weights or settings are at fault.
        MachineError: memory, device or disk is.
    """
    told = part(progress, 0.0, _MADE)
    cohorts = make_cohorts(settings.cohorts, folder, out, processes=processes, progress=named(told, "cases"))
    told = part(progress, _MADE, 1.0)
    if isinstance(settings, EvaluationExperiment):
        found, used = run_evaluations(settings, cohorts, folder, out, device=device, progress=told)
    else:
        from .training import run_comparison  # needs MONAI

        found, used = run_comparison(settings, cohorts, folder, out, device=device, progress=told)
    result = {
        "title": settings.title,
        "kind": settings.kind,
        "settings": asdict(settings),
        "cohorts": {name: cohort.facts.as_dict() for name, cohort in cohorts.items()},
        **found,
        "origin": origin_of(command, used),
    }
    page = page_of if isinstance(settings, EvaluationExperiment) else comparison_page
    write_results(out, result, page(result))
    return result
