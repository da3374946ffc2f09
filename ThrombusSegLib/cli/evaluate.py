"""`thrombusseg evaluate`: figures of weights on a manifest with labels."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import InputError, MachineError
from .bar import ProgressBar
from .options import add_run_options, folder, is_there, settings_of


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "evaluate",
        help="measure weights on cases with labels",
        description="Segment every case of a manifest and compare with its labels: detection, Dice, false positives, "
        "each with a 95 % interval, FROC and calibration. Writes metrics.json, metrics.md, pictures, and a line for "
        "each look, so that a run that was stopped goes on.",
    )
    parser.add_argument("manifest", type=folder, metavar="MANIFEST.csv", help="case,centre,split,SWI,...,labels")
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the figures")
    parser.add_argument(
        "--subsets",
        default="prevalence",
        choices=("prevalence", "all"),
        help="each case with the sequences it has (default), or with every subset of them",
    )
    parser.add_argument("--split", metavar="NAME", help="only rows with this split")
    add_run_options(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, and print the table."""
    from ..case import read_manifest

    rows = [row for row in read_manifest(is_there(arguments.manifest)) if arguments.split in (None, row.split)]
    if not rows:
        raise InputError(f"{arguments.manifest.name} has no rows of split '{arguments.split}'.", "Check the column.")
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise MachineError("Evaluation needs scipy.", "Install it: pip install 'ThrombusSegLib[evaluate]'.") from error
    from ..evaluation.page import table
    from ..evaluation.run import evaluate, write_evaluation
    from ..inference import Predictor
    from ..weights import find_weights

    predictor = Predictor(find_weights(arguments.weights), arguments.device)
    bar = ProgressBar()
    try:
        result = evaluate(
            rows,
            predictor,
            subsets=arguments.subsets,
            settings=settings_of(arguments),
            progress=bar,
            keep=arguments.out,
        )
    finally:
        bar.close()
    command = f"thrombusseg evaluate {arguments.manifest.name} --weights {predictor.weights.name}"
    write_evaluation(arguments.out, result, f"{command} --subsets {arguments.subsets}")
    print(table(result))
    return 0
