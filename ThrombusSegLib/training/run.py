"""From settings to a weights file: read the manifest, prepare the cases, train, save."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import torch

from ..case import read_manifest
from ..errors import InputError
from ..progress import Progress, part, silent
from ..version import __version__
from ..weights import WeightsMetadata, save_network
from .crops import load_cases
from .loop import describe, train
from .settings import TrainSettings


def run_training(
    settings: TrainSettings,
    folder: Path,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = silent,
) -> Path:
    """Train from a manifest.

    Args:
        settings: of the run.
        folder: what the manifest's path is relative to.
        out: folder for prepared cases, checkpoint, log and `weights.safetensors`.
        resume: go on from the checkpoint in `out`.
        progress: told throughout.

    Returns:
        Path of the weights.

    Raises:
        InputError: no cases of split "train", or what `train` and `load_cases` raise.
    """
    rows = [row for row in read_manifest(folder / settings.manifest) if row.split == "train"]
    if not rows:
        raise InputError(f"{settings.manifest.name} has no rows of split 'train'.", "Fill the column 'split'.")
    cases = load_cases(rows, out / "prepared", part(progress, 0.0, 0.1))
    network = train(settings, cases, out, resume=resume, progress=part(progress, 0.1, 1.0))
    simulated = all(row.centre and (row.paths and _is_simulated(next(iter(row.paths.values())).parent)) for row in rows)
    kind = "simulated data" if simulated else "cases of a manifest"
    metadata = WeightsMetadata(
        settings=settings.network,
        card=f"Trained on {len(rows)} cases ({kind}). Research only; not validated.",
        trained_on=kind,
        threshold=settings.threshold,
        minimum_volume_mm3=settings.minimum_volume_mm3,
        training={
            "settings": json.loads(describe(settings)),
            "cases": len(rows),
            "versions": {"thrombusseg": __version__, "torch": torch.__version__, "python": platform.python_version()},
        },
    )
    path = out / "weights.safetensors"
    save_network(network, path, metadata)
    return path


def _is_simulated(folder: Path) -> bool:
    """Whether a case was written by the simulator, which leaves its truth beside the images."""
    return (folder / "truth.json").exists()
