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
        "beside MONAI's AttentionUnet where MONAI is installed; seconds of a simulated case; of a training step; and, "
        "with --settings, of training steps fed by ThrombusSeg and by MONAI's CacheDataset and DataLoader. Writes "
        "benchmark.json and benchmark.md.",
    )
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the figures")
    parser.add_argument("--grid", default="32x256x256", metavar="SxHxW", help="slices x rows x columns")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="timed runs; the smallest counts")
    parser.add_argument("--only", choices=tuple(_PARTS), help="measure only this (default: all)")
    parser.add_argument("--settings", type=folder, metavar="FILE", help="of a training: compare how it is fed")
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print the tables."""
    from ..files import errors_of_the_disk, write_text
    from ..inference.write import check_output
    from ..origin import line_of, origin_of

    check_output(arguments.out)
    _grid(arguments.grid)
    if arguments.repeats < 1:
        raise InputError(f"{arguments.repeats} repeats were asked for.", "Ask for at least one (--repeats).")
    if arguments.only == "feeding" and arguments.settings is None:
        raise InputError("--settings is missing.", "Name the settings file of a training that reads a manifest.")
    figures: dict[str, Any] = {}
    texts = []
    bar = ProgressBar()
    try:
        for name, measure in _PARTS.items():
            if name == (arguments.only or name) and (name != "feeding" or arguments.settings is not None):
                found, text = measure(arguments, bar)
                figures |= found
                texts.append(text)
    finally:
        bar.close()
    origin = origin_of(_command(arguments), "the processor")
    text = "\n".join([*texts, line_of(origin), ""])
    with errors_of_the_disk(arguments.out.name):
        arguments.out.mkdir(parents=True, exist_ok=True)
    write_text(arguments.out / "benchmark.json", json.dumps({**figures, "origin": origin}, indent=1))
    write_text(arguments.out / "benchmark.md", text)
    print(text)
    return 0


def _command(arguments: argparse.Namespace) -> str:
    """What repeats the figures; of settings the name of the file."""
    only = f" --only {arguments.only}" if arguments.only else ""
    settings = f" --settings {arguments.settings.name}" if arguments.settings else ""
    return f"thrombusseg benchmark --grid {arguments.grid} --repeats {arguments.repeats}{only}{settings} --out DIR"


def _network(arguments: argparse.Namespace, bar: ProgressBar) -> tuple[dict[str, Any], str]:
    from ..benchmark.network import measure_costs, table

    figures = measure_costs(_grid(arguments.grid), arguments.repeats, bar)
    return figures, table(figures)


def _simulation(arguments: argparse.Namespace, bar: ProgressBar) -> tuple[dict[str, Any], str]:
    from ..benchmark.simulation import measure_simulation, sentence

    figures = measure_simulation(arguments.repeats, bar)
    return {"simulation": figures}, sentence(figures)


def _feeding(arguments: argparse.Namespace, bar: ProgressBar) -> tuple[dict[str, Any], str]:
    from ..benchmark.feeding import measure_feeding, table

    bar(0.0, "training steps")
    figures = measure_feeding(arguments.settings, arguments.out, rounds=arguments.repeats)
    return {"training": figures}, table(figures)


def _step(arguments: argparse.Namespace, bar: ProgressBar) -> tuple[dict[str, Any], str]:
    try:
        from ..benchmark.step import measure_step, sentence
    except ImportError:  # the losses are MONAI's
        return {}, "Training steps were not measured: pip install 'ThrombusSegLib[train]'.\n"
    figures = measure_step(arguments.repeats, bar)
    return {"step": figures}, sentence(figures)


#: In the order of the report.
_PARTS = {"network": _network, "simulation": _simulation, "step": _step, "feeding": _feeding}


def _grid(text: str) -> tuple[int, int, int]:
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"'{text}' is no grid.", "Write it as 32x256x256.")
    slices, rows, columns = map(int, parts)
    if rows % 16 or columns % 16:
        raise InputError(f"'{text}' has rows or columns that 16 does not divide.", "MONAI's network takes no others.")
    return slices, rows, columns
