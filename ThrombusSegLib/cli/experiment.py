"""`thrombusseg experiment`: from one settings file to figures that say where they come from."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from ..errors import MachineError
from .bar import Minutes, ProgressBar
from .options import add_processes, check_processes, folder, tell_missing_device


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "experiment",
        help="repeat an experiment from its settings file",
        description="Simulate the cases that are not there, train what is to be trained, evaluate, and write "
        "results.json and results.md. What is done is not done again: a run that was stopped goes on. The settings "
        "files of the project's own experiments are in Resources/Experiments.",
    )
    parser.add_argument("settings", type=folder, metavar="SETTINGS.toml", help="what the experiment is")
    parser.add_argument(
        "--out", type=folder, metavar="DIR", required=True, help="folder for cases, trainings, looks and results"
    )
    parser.add_argument(
        "--data", type=folder, metavar="DIR", help="folder of real data, where the experiment needs some"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="default: auto")
    add_processes(parser, "cases simulated, and looks made,")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Do the experiment, and print its page."""
    from ..experiments.settings import read_experiment

    settings = read_experiment(arguments.settings)
    check_processes(arguments)
    try:
        import scipy  # noqa: F401

        if settings.kind != "evaluation":
            import monai  # noqa: F401
    except ImportError as error:
        raise MachineError(
            f"This experiment needs {error.name}.", "Install it: pip install 'ThrombusSegLib[train,evaluate]'."
        ) from error
    from ..experiments.results import PAGE
    from ..experiments.run import run_experiment
    from ..inference.write import check_output

    check_output(arguments.out)
    tell_missing_device(arguments.device)
    bar = ProgressBar() if sys.stderr.isatty() else Minutes()
    try:
        run_experiment(
            settings,
            arguments.settings.parent,
            arguments.out,
            command=_command(arguments),
            data=arguments.data,
            device=arguments.device,
            processes=arguments.processes,
            progress=bar,
        )
    finally:
        bar.close()
    print((arguments.out / PAGE).read_text(encoding="utf-8"))
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """What repeats the figures; no folder of the user's beyond what lies in the project."""
    data = " --data DATA" if arguments.data else ""
    return f"thrombusseg experiment {shlex.quote(_shown(arguments.settings))}{data} --out DIR"


def _shown(path: Path) -> str:
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()
