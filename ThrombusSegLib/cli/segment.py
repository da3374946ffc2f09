"""`thrombusseg segment`: one case."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .bar import ProgressBar
from .options import add_run_options, folder, is_there, settings_of

if TYPE_CHECKING:
    from ..sequences import Sequence
    from ..worker import Job

#: Option -> what it takes. "swi" stands for SWI, SWAN, their minimum intensity projection, and T2* gradient echo.
_SEQUENCES = {
    "swi": "SWI, SWAN or T2* gradient echo (the sequence that shows the thrombus best)",
    "dwi": "diffusion, the trace image of the highest b-value",
    "adc": "apparent diffusion coefficient",
    "flair": "FLAIR",
    "tof": "time-of-flight angiography",
}


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "segment",
        help="find the thrombus in one case",
        description="Find the thrombus in one case. Give any non-empty subset of sequences, each a NIfTI, NRRD or MHA "
        "file or a folder with one DICOM series; or --case with a folder whose sequences are recognised.",
    )
    inputs = parser.add_argument_group("what")
    for name, text in _SEQUENCES.items():
        inputs.add_argument(f"--{name}", type=folder, metavar="F", help=text)
    inputs.add_argument("--case", type=folder, metavar="DIR", help="a folder of image files or a DICOM study")
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the results")
    add_run_options(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Segment, and print what was found and where the report is."""
    from ..worker import Job

    inputs, notes = _inputs(arguments)
    job = Job(
        inputs=inputs,
        out=arguments.out,
        settings=settings_of(arguments),
        weights=arguments.weights,
        device=arguments.device,
        notes=notes,
    )
    print_result(run_with_bar(job), arguments.out)
    return 0


def run_with_bar(job: Job) -> dict[str, Any]:
    """Run one job with progress on stderr; returns the content of result.json."""
    from ..worker import Predictors, run_job

    bar = ProgressBar()
    try:
        return run_job(job, Predictors(), bar)
    finally:
        bar.close()


def print_result(result: Mapping[str, Any], out: Path) -> None:
    """On stdout: what was found, warnings, and the report's path."""
    if not result["candidates"]:
        print("No thrombus found.")
    for row in result["candidates"]:
        print(
            f"Candidate {row['candidate']}: probability {row['probability_max']:.2f}, {row['volume_mm3']:.0f} mm3, "
            f"length {row['length_feret_mm']:.1f} mm, width {row['width_mm']:.1f} mm, side {row['side']}, "
            f"slices {row['first_slice']} to {row['last_slice']}"
        )
    for warning in result["warnings"]:
        print(f"Note: {warning}")
    print(result["notice"])
    print(f"Report: {out / 'report.html'}")


def _inputs(arguments: argparse.Namespace) -> tuple[Mapping[Sequence, Path], tuple[str, ...]]:
    """Paths by sequence, and a note for each that was recognised rather than named."""
    from ..sequences import Sequence

    named = {
        Sequence[name.upper()]: path for name in _SEQUENCES if (path := getattr(arguments, name, None)) is not None
    }
    if arguments.case is None:
        if not named:
            raise InputError(
                "No sequence was given.", "Give at least one of --swi --dwi --adc --flair --tof, or --case."
            )
        return named, ()
    from ..case import find_case

    found = find_case(is_there(arguments.case))
    notes = [
        f"{each.value} is {path.name}: {guess.reason}" for each, (path, guess) in found.items() if each not in named
    ]
    paths = {sequence: path for sequence, (path, _) in found.items()} | named
    if not paths:
        raise InputError(
            "No sequence was recognised in the folder of the case.", "Name them: --swi FILE --dwi FILE ..."
        )
    return paths, tuple(notes)
