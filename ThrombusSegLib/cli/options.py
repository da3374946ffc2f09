"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..inference import SegmentSettings


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """--weights, --device, --threshold, --minimum-volume, --registration."""
    group = parser.add_argument_group("how")
    group.add_argument("--weights", default="default", metavar="W", help="name or .safetensors file (default: default)")
    group.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="default: auto")
    group.add_argument(
        "--threshold", type=float, metavar="P", help="probability of thrombus (default: the weights' own)"
    )
    group.add_argument("--minimum-volume", type=float, metavar="MM3", help="drop smaller candidates, mm3")
    group.add_argument(
        "--registration",
        default="auto",
        choices=("auto", "always", "never"),
        help="bring sequences onto the reference rigidly: where headers disagree (auto), always or never",
    )


def settings_of(arguments: argparse.Namespace) -> SegmentSettings:
    """The settings for one case from the options of `add_run_options`; an `InputError` where they are at fault."""
    from ..inference.result import SegmentSettings
    from ..lesions import CandidateSettings

    CandidateSettings(
        threshold=1.0 if arguments.threshold is None else arguments.threshold,
        minimum_volume_mm3=0.0 if arguments.minimum_volume is None else arguments.minimum_volume,
    )
    return SegmentSettings(arguments.threshold, arguments.minimum_volume, arguments.registration)


def add_processes(parser: argparse.ArgumentParser, what: str) -> None:
    """--processes."""
    parser.add_argument("--processes", type=int, default=1, metavar="P", help=f"{what} at a time (default: 1)")


def check_processes(arguments: argparse.Namespace) -> None:
    """At least one, or an `InputError`."""
    if arguments.processes < 1:
        raise InputError(f"{arguments.processes} processes were asked for.", "Ask for at least one (--processes).")


def tell_missing_device(wanted: str) -> None:
    """Say on stderr that a device is not there, where the processor takes its place."""
    from ..inference.device import choose_device

    if warning := choose_device(wanted)[1]:
        print(f"Note: {warning}", file=sys.stderr)


def folder(text: str) -> Path:
    """For argparse: a path with ~ expanded, and not the empty one, which would be wherever one is."""
    if not text.strip():
        raise argparse.ArgumentTypeError("no path was given")
    return Path(text).expanduser()


def is_there(path: Path) -> Path:
    """The path, or an `InputError` that names the file but not its folder."""
    from ..case.there import short_name, why_missing  # brings SimpleITK along, which --help need not wait for

    if wrong := why_missing(path):
        raise InputError(f"{short_name(path) or path} {wrong}.", "Check the path.")
    return path
