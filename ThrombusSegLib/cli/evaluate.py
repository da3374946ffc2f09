"""`thrombusseg evaluate`: figures of weights on a manifest with labels."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from ..errors import InputError, MachineError
from .bar import ProgressBar
from .options import add_processes, add_run_options, check_processes, folder, is_there, settings_of, tell_missing_device


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
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="also draw a hit, a miss and a false alarm, chosen by rule, with attention (needs matplotlib)",
    )
    add_processes(parser, "looks made")
    add_run_options(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, and print the table."""
    from ..case import read_manifest
    from ..case.manifest import splits_of

    check_processes(arguments)
    settings = settings_of(arguments)
    every = read_manifest(is_there(arguments.manifest))
    rows = [row for row in every if arguments.split in (None, row.split)]
    if not every:
        raise InputError(f"{arguments.manifest.name} has no rows.", "Add one for each case.")
    if not rows:
        raise InputError(
            f"{arguments.manifest.name} has no rows of split '{arguments.split}'.", f"It has {splits_of(every)}."
        )
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise MachineError("Evaluation needs scipy.", "Install it: pip install 'ThrombusSegLib[evaluate]'.") from error
    from ..evaluation.looks import look_at
    from ..evaluation.page import table
    from ..evaluation.run import figures_of, write_evaluation
    from ..inference import Predictor
    from ..inference.write import check_output
    from ..weights import find_weights

    if arguments.pictures:
        from ..evaluation.example_picture import need_matplotlib

        need_matplotlib()
    check_output(arguments.out)
    tell_missing_device(arguments.device)
    predictor = Predictor(find_weights(arguments.weights), arguments.device)
    bar, out, subsets = ProgressBar(), arguments.out, arguments.subsets
    try:
        records = look_at(
            rows, predictor, subsets=subsets, settings=settings, progress=bar, keep=out, processes=arguments.processes
        )
        result = figures_of(records, predictor, subsets, settings)
        write_evaluation(out, result, _command(arguments, predictor.weights.name))
        if arguments.pictures:
            from ..evaluation.examples import write_examples

            command = _command(arguments, predictor.weights.name) + " --pictures"
            write_examples(out, rows, records, predictor, settings, command=command, progress=bar)
    finally:
        bar.close()
    print(table(result))
    return 0


def _command(arguments: argparse.Namespace, weights: str) -> str:
    path = arguments.manifest
    shown = path.name if path.is_absolute() or ".." in path.parts else path.as_posix()
    split = f" --split {shlex.quote(arguments.split)}" if arguments.split else ""
    return f"thrombusseg evaluate {shown}{split} --weights {weights} --subsets {arguments.subsets} --out DIR"
