"""Training UpAttLLSTM: settings, curriculum with gradual modality dropout, crops, losses, loop."""

from __future__ import annotations

from pathlib import Path

from ..progress import Progress, silent
from .read import read_settings
from .settings import TrainSettings

__all__ = ["TrainSettings", "read_settings", "train"]


def train(
    settings: TrainSettings, out: Path, *, folder: Path = Path(), resume: bool = False, progress: Progress = silent
) -> Path:
    """Train, and return the path of the weights. For scripts; several processes (torchrun, Ray, SLURM) all call it.

    With `settings.workers` above 0 the script must guard its entry (`if __name__ == "__main__":`), since the processes
    that prepare crops import it.

    Args:
        settings: of the run.
        out: folder for prepared cases, checkpoint, log, weights and report.
        folder: what paths in the settings are relative to.
        resume: go on from the checkpoint in `out`.
        progress: told throughout; may cancel.

    Raises:
        InputError, MachineError: see `run.run_training`.
    """
    from .run import run_training  # torch and MONAI are loaded when they are needed

    return run_training(settings, folder, out, resume=resume, progress=progress)
