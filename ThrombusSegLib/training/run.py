"""From settings to a weights file and a report: gather the cases, train, save, show."""

from __future__ import annotations

import json
import platform
from dataclasses import fields
from pathlib import Path

import torch

from ..case import ManifestRow
from ..errors import InputError
from ..network import NetworkSettings, UpAttLLSTM, build_network
from ..progress import Progress, part, report, silent
from ..version import __version__
from ..weights import WeightsMetadata, find_weights, load_network
from ..weights.header import read_header
from .baselines import save_for
from .cases import TrainingCase, load_cases
from .checkpoint import describe, make_folder, refuse_other_run
from .distributed import World, describe_device, join_world
from .gather import gather, judged_on, remarks
from .journal import LOG, read_lines
from .loop import Trained, train
from .report_page import write_report
from .settings import TrainSettings
from .simulated import VALIDATION_SEED, SimulatedPool
from .sources import CaseSource
from .validate import Validator

WEIGHTS = "weights.safetensors"


def run_training(
    settings: TrainSettings,
    folder: Path,
    out: Path,
    *,
    resume: bool = False,
    prepared: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Train from a manifest, from simulated cases, or from both. Under torchrun, in Ray or SLURM all processes call it.

    Args:
        settings: of the run.
        folder: what paths in the settings are relative to.
        out: folder for prepared cases, checkpoint, log, `weights.safetensors` and `report.html`.
        resume: go on from the checkpoint in `out`.
        prepared: folder of prepared cases, which several runs may share; None: one in `out`.
        progress: told throughout, by the first process.

    Returns:
        Path of the weights.

    Raises:
        InputError: no cases, a row whose files are missing or do not fit, or what `train` raises.
        MachineError: the device is not there, the disk is full, memory is short.
    """
    refuse_other_run(out, resume=resume)
    with join_world(settings.device, settings.batch) as world:
        told = progress if world.first else silent
        start = _initial(settings, folder)
        source, rows = gather(settings, folder, out, prepared)
        make_folder(out)
        validator = _prepare(settings, source, rows, world, part(told, 0.0, 0.1))
        notes = remarks(settings, folder, source, validator) if world.first else []
        report(told, 0.1, "; ".join([judged_on(settings, source, rows), *notes]))
        trained = train(
            settings,
            source,
            out,
            validator=validator,
            start=start,
            resume=resume,
            world=world,
            progress=part(told, 0.1, 0.98),
        )
        if world.first:
            report(told, 0.98, "writing weights and report")
            save_for(settings, trained.network, out / WEIGHTS, _metadata(settings, source, trained, out, world))
            write_report(out, settings, trained, validator, world, notes)
        world.wait()
    return out / WEIGHTS


def _prepare(
    settings: TrainSettings, source: CaseSource, rows: list[ManifestRow], world: World, progress: Progress
) -> Validator | None:
    """Prepare all cases; where there are several processes, the first of each machine does it for the others."""
    if world.local_rank:
        world.wait()
        progress = silent
    source.prepare(part(progress, 0.0, 0.7))
    cases = _validation_cases(settings, source, rows, part(progress, 0.7, 1.0))
    if not world.local_rank:
        world.wait()
    return Validator(cases, settings, world) if cases else None


def _validation_cases(
    settings: TrainSettings, source: CaseSource, rows: list[ManifestRow], progress: Progress
) -> dict[str, TrainingCase]:
    """Of the manifest; where there is none for it and cases are simulated, simulated ones of another seed."""
    if not settings.validation.every:
        return {}
    if rows:
        cases = load_cases(rows, source.cache, progress, registration=source.registration)
        return {row.case: case for row, case in zip(rows, cases, strict=True)}
    if source.pool is None:
        return {}
    pool = SimulatedPool(source.pool.centre, source.pool.seed + VALIDATION_SEED, 0, source.cache)
    made = {}
    for number in range(settings.validation.cases):
        report(progress, number / settings.validation.cases, "simulating validation cases")
        pool.make(number)
        made[f"simulated {number}"] = pool.open(number)
    return made


def _initial(settings: TrainSettings, folder: Path) -> UpAttLLSTM | None:
    """The network of `initial_weights`: a registered name, or a file relative to the settings; None: from scratch."""
    name = settings.initial_weights
    if not name:
        return None
    try:
        entry = find_weights(folder / name if (folder / name).is_file() else name)
        network = load_network(entry)
    except InputError as error:
        raise InputError(f"initial_weights: {error.sentence}", error.advice) from error
    found = read_header(entry.path).metadata.settings
    gains_position = settings.network.position and not found.position
    for field in fields(found):
        theirs, ours = getattr(found, field.name), getattr(settings.network, field.name)
        if theirs != ours and not (field.name == "position" and gains_position):
            raise InputError(
                f"initial_weights: the network of {Path(name).name} has {field.name} = {theirs}, "
                f"network.{field.name} is {ours}.",
                "Choose the same sizes.",
            )
    return with_position(network, settings.network) if gains_position else network


def with_position(network: UpAttLLSTM, settings: NetworkSettings) -> UpAttLLSTM:
    """The same network, also told where in the head it looks; answers as before until it is trained on."""
    told = build_network(settings)
    assert told.position is not None
    told.position.say_nothing()
    told.load_state_dict({**told.state_dict(), **network.state_dict()})
    return told


def _metadata(
    settings: TrainSettings, source: CaseSource, trained: Trained, out: Path, world: World
) -> WeightsMetadata:
    """What the weights file says about itself."""
    simulated = all(_is_simulated(row) for row in source.rows)
    kind = "simulated data" if simulated else "cases of a manifest" + (" and simulated data" if source.pool else "")
    count = len(source.rows) + (source.pool.numbers_at(max(0, trained.steps - 1)).stop if source.pool else 0)
    lines = read_lines(out / LOG)
    return WeightsMetadata(
        settings=settings.network,
        card=f"Trained on {count} cases ({kind}). Research only; not validated.",
        trained_on=kind,
        threshold=settings.threshold,
        minimum_volume_mm3=settings.minimum_volume_mm3,
        training={
            "settings": json.loads(describe(settings)),
            "cases": count,
            "steps": trained.steps,
            "hardware": f"{world.size} x {describe_device(world.device)}",
            "hours": round(sum(line["seconds"] for line in lines) / 3600, 2),
            "validation": {name: value for name, value in (trained.verdict or {}).items() if name != "looks"},
            "versions": {"thrombusseg": __version__, "torch": torch.__version__, "python": platform.python_version()},
        },
    )


def _is_simulated(row: ManifestRow) -> bool:
    """Whether a case was written by the simulator, which leaves its truth beside the images."""
    return (next(iter(row.paths.values())).parent / "truth.json").exists()
