"""`thrombusseg train`: from a manifest to weights."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import MachineError
from .bar import ProgressBar
from .options import folder, is_there


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "train",
        help="train on a manifest of cases",
        description="Train on the cases of a manifest with gradual modality dropout. Can be stopped at any moment and "
        "goes on with --resume.",
    )
    parser.add_argument("settings", type=folder, metavar="SETTINGS.toml", help="settings of the run")
    parser.add_argument(
        "--out", type=folder, metavar="DIR", required=True, help="folder for checkpoint, log and weights"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, and print where the weights are."""
    from ..training import read_settings

    settings = read_settings(is_there(arguments.settings))
    try:
        from ..training.run import run_training
    except ImportError as error:
        raise MachineError(
            f"Training needs {error.name}.", "Install it: pip install 'ThrombusSegLib[train]'."
        ) from error
    bar = ProgressBar()
    try:
        weights = run_training(
            settings, arguments.settings.parent, arguments.out, resume=arguments.resume, progress=bar
        )
    finally:
        bar.close()
    print(f"Weights: {weights}")
    return 0
