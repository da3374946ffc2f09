"""`thrombusseg demo`: the sample case, from files to report."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import add_run_options, folder, settings_of
from .segment import print_result, run_with_bar

if TYPE_CHECKING:
    from ..sequences import Sequence

_SAMPLE = Path(__file__).parents[2] / "Resources" / "SampleCase"
#: Which simulated case the files in Resources/SampleCase are.
SAMPLE_CENTRE, SAMPLE_SEED, SAMPLE_NUMBER = "sample", 2604, 1


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "demo",
        help="segment the bundled sample case (simulated)",
        description="Segment the bundled sample case, which is simulated, and print where the report is.",
    )
    parser.add_argument("--out", type=folder, metavar="DIR", default=Path("demo"), help="default: ./demo")
    add_run_options(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Segment the sample case."""
    from ..worker import Job

    with _sample() as inputs:
        job = Job(
            inputs=inputs,
            out=arguments.out,
            settings=settings_of(arguments),
            weights=arguments.weights,
            device=arguments.device,
            name="sample case (simulated)",
        )
        result = run_with_bar(job)
    print_result(result, arguments.out.resolve())
    return 0


@contextmanager
def _sample() -> Iterator[Mapping[Sequence, Path]]:
    """The files of the sample case; outside a checkout it is simulated again, which gives the same case."""
    if paths := _files(_SAMPLE):
        yield paths
        return
    from ..phantom import find_centre, simulate_case, write_case

    print("simulating the sample case", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="thrombusseg-") as temporary:
        target = Path(temporary) / "case"
        write_case(target, simulate_case(find_centre(SAMPLE_CENTRE), SAMPLE_SEED, SAMPLE_NUMBER))
        yield _files(target)


def _files(sample: Path) -> dict[Sequence, Path]:
    from ..sequences import Sequence

    paths = {sequence: sample / f"{sequence.value}.nii.gz" for sequence in Sequence}
    return {sequence: path for sequence, path in paths.items() if path.is_file()}
