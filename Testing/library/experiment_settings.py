"""What tests of several kinds of experiments share."""

from __future__ import annotations

from pathlib import Path

from ThrombusSegLib.cli.main import main

#: A training of a few steps of a small network.
BASE = """
steps = 3
batch = 2
warmup_steps = 1
precision = "float32"
workers = 0
[data]
manifest = "none.csv"
[validation]
every = 0
[crop]
slices = 3
pixels = 16
[network]
widths = [4, 8]
attention_heads = 2
"""


def run(settings: Path, out: Path, *more: str) -> int:
    return main(["experiment", str(settings), "--out", str(out), "--device", "cpu", *more])
