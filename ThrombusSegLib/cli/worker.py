"""`thrombusseg worker`: for programs, such as the Slicer module; see `ThrombusSegLib.worker.protocol`."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "worker",
        help="serve jobs to another program (JSON lines on stdin and stdout)",
        description="Serve jobs to another program: one JSON object a line in on stdin, one a line out on stdout. "
        "Networks stay loaded between jobs. Ends with the command quit or the end of stdin.",
    )
    parser.set_defaults(func=run)


def run(_arguments: argparse.Namespace) -> int:
    """Serve until told to leave."""
    from ..worker import run_worker

    return run_worker()
