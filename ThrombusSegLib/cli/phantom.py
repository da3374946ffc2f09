"""`thrombusseg phantom`: a simulated cohort."""

from __future__ import annotations

import argparse
from typing import Any

from .bar import ProgressBar
from .options import folder


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "phantom",
        help="simulate a cohort of stroke patients",
        description="Simulate a cohort: images, labels, the truth of each case, and a manifest. The same seed gives "
        "the same files. Simulated strokes are no substitute for real ones.",
    )
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the cases")
    parser.add_argument("--cases", type=int, default=20, metavar="N", help="how many (default: 20)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the cohort (default: 1)")
    parser.add_argument("--centre", default="A", metavar="NAME", help="simulated hospital (default: A)")
    parser.add_argument("--processes", type=int, default=1, metavar="P", help="cases at a time (default: 1)")
    parser.add_argument("--split", default="test", help="what the manifest's column 'split' says (default: test)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate, and print where the manifest is."""
    from ..phantom import write_cohort

    bar = ProgressBar()
    try:
        manifest = write_cohort(
            arguments.out,
            centre=arguments.centre,
            cases=arguments.cases,
            seed=arguments.seed,
            processes=arguments.processes,
            split=arguments.split,
            progress=bar,
        )
    finally:
        bar.close()
    print(f"Manifest: {manifest}")
    return 0
