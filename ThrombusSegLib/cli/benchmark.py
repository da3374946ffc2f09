"""`thrombusseg benchmark`: what the network and the simulator cost on this machine."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..errors import InputError
from .bar import ProgressBar
from .options import folder


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "benchmark",
        help="count operations and measure seconds",
        description="Count floating point operations and measure seconds of the network for one to five sequences, "
        "beside MONAI's AttentionUnet where MONAI is installed; and seconds of a simulated case. Writes benchmark.json "
        "and benchmark.md.",
    )
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the figures")
    parser.add_argument("--grid", default="32x256x256", metavar="SxHxW", help="slices x rows x columns")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="timed runs; the smallest counts")
    parser.add_argument("--only", choices=("network", "simulation"), help="measure only this (default: both)")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print the table."""
    slices, rows, columns = _grid(arguments.grid)
    from ..evaluation.simulation_cost import measure_simulation, sentence

    repeats = max(1, arguments.repeats)
    figures: dict[str, Any] = {}
    text = ""
    bar = ProgressBar()
    try:
        if arguments.only != "simulation":
            from ..evaluation.cost import measure_costs, table

            figures = measure_costs((slices, rows, columns), repeats, bar)
            text = table(figures)
        if arguments.only != "network":
            figures["simulation"] = measure_simulation(repeats, bar)
            text += "\n" * bool(text) + sentence(figures["simulation"])
    finally:
        bar.close()
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "benchmark.json").write_text(json.dumps(figures, indent=1), encoding="ascii")
    (arguments.out / "benchmark.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def _grid(text: str) -> tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"'{text}' is no grid.", "Write it as 32x256x256.")
    return int(parts[0]), int(parts[1]), int(parts[2])
