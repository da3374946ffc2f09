"""`thrombusseg train`: from settings to weights; also under torchrun."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from ..errors import MachineError
from .bar import ProgressBar
from .options import folder, is_there

#: Where there is no terminal, a line is written so often, seconds.
_QUIET_SECONDS = 60.0


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "train",
        help="train on cases of a manifest, on simulated ones, or on both",
        description="Train with gradual modality dropout. Can be stopped at any moment and goes on with --resume. "
        "Several processes: torchrun --nproc-per-node N -m ThrombusSegLib train SETTINGS.toml --out DIR.",
    )
    parser.add_argument("settings", type=folder, metavar="SETTINGS.toml", help="settings of the run")
    parser.add_argument(
        "--out", type=folder, metavar="DIR", required=True, help="folder for checkpoint, log, weights and report"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, and print where the weights are."""
    from ..training import read_settings

    settings = read_settings(is_there(arguments.settings))
    try:
        from ..training.distributed import is_first
        from ..training.run import run_training
    except ImportError as error:
        raise MachineError(
            f"Training needs {error.name}.", "Install it: pip install 'ThrombusSegLib[train]'."
        ) from error
    bar = ProgressBar() if sys.stderr.isatty() else _Minutes()
    try:
        weights = run_training(
            settings, arguments.settings.parent, arguments.out, resume=arguments.resume, progress=bar
        )
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        raise MachineError(
            "The memory is not enough for a step.",
            "Set a smaller batch, crop.pixels or crop.slices, and start in another folder.",
        ) from error
    finally:
        bar.close()
    if is_first():
        print(f"Weights: {weights}\nReport: {weights.with_name('report.html')}")
    return 0


class _Minutes:
    """Progress for a log file: a line a minute, and one whenever another kind of work begins."""

    def __init__(self) -> None:
        self._kind, self._told = "", -_QUIET_SECONDS

    def __call__(self, share: float, stage: str) -> bool:
        """Write; never cancels."""
        kind, now = stage.split(" ")[0].strip(","), time.monotonic()
        if kind != self._kind or now - self._told > _QUIET_SECONDS:
            self._kind, self._told = kind, now
            print(f"{share:4.0%} {stage}", file=sys.stderr, flush=True)
        return True

    def close(self) -> None:
        """Nothing is left to do."""


def _is_memory(error: Exception) -> bool:
    """Whether memory ran out, of the machine or of the graphics card."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
