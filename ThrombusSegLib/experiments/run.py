"""One experiment, from its settings file to results.json and results.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..inference.write import check_output
from ..origin import origin_of
from ..progress import Progress, part, silent
from .comparison_page import comparison_page
from .evaluating import find_all_weights, make_cohorts, named, run_evaluations
from .leaving_out_page import leaving_out_page
from .names import without_folders
from .page import page_of
from .results import write_results
from .settings import (
    EvaluationExperiment,
    Experiment,
    LeaveOneOutExperiment,
    SlicesExperiment,
    TrainingExperiment,
)
from .slices_page import slices_page

#: Share of the progress that simulating the cases takes.
_MADE = 0.1
PAGES: dict[type, Callable[[dict[str, Any]], str]] = {
    EvaluationExperiment: page_of,
    TrainingExperiment: comparison_page,
    LeaveOneOutExperiment: leaving_out_page,
    SlicesExperiment: slices_page,
}


def run_experiment(
    settings: Experiment,
    folder: Path,
    out: Path,
    *,
    command: str,
    data: Path | None = None,
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
        data: folder of real data, for experiments that need some; None: that of the settings.
        device: "auto", "cpu", "cuda" or "mps".
        processes: how many cases are simulated, and looks made, side by side.
        progress: told throughout; may cancel.

    Returns:
        The content of results.json.

    Raises:
        InputError: cases, weights or settings are at fault.
        MachineError: memory, device or disk is.
    """
    found, used = _found(settings, folder, out, data, device, processes, progress)
    result = {
        "title": settings.title,
        "kind": settings.kind,
        "settings": without_folders(asdict(settings)),
        **found,
        "origin": origin_of(command, used),
    }
    write_results(out, result, PAGES[type(settings)](result))
    return result


def _found(
    settings: Experiment, folder: Path, out: Path, data: Path | None, device: str, processes: int, progress: Progress
) -> tuple[dict[str, Any], str]:
    """What the kind of the experiment contributes to the results, and the device in words."""
    if isinstance(settings, LeaveOneOutExperiment):
        from .leaving_out import run_leaving_out  # needs MONAI, as does training

        return run_leaving_out(settings, folder, out, data=data, device=device, progress=progress)
    if isinstance(settings, SlicesExperiment):
        from .slices import run_slices

        return run_slices(settings, folder, out, data=data, device=device, progress=progress)
    if isinstance(settings, EvaluationExperiment):  # what can be wrong, before cases are simulated for it
        find_all_weights(settings, folder)
        if settings.looks:
            check_output(folder / settings.looks)
    told = named(part(progress, 0.0, _MADE), "cases")
    cohorts = make_cohorts(settings.cohorts, folder, out, processes=processes, progress=told)
    facts = {"cohorts": {name: cohort.facts.as_dict() for name, cohort in cohorts.items()}}
    told = part(progress, _MADE, 1.0)
    if isinstance(settings, EvaluationExperiment):
        found, used = run_evaluations(settings, cohorts, folder, out, device=device, processes=processes, progress=told)
    else:
        from .training import run_comparison

        found, used = run_comparison(settings, cohorts, folder, out, device=device, processes=processes, progress=told)
    return {**facts, **found}, used
