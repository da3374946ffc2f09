"""What the network costs: floating point operations, and seconds on this machine, beside a known peer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..network import UpAttLLSTM, build_network
from ..network.blocks import fold_norms
from ..progress import Progress, report, silent
from .machine import machine

#: Grid on which costs are compared: slices, rows, columns.
GRID = (32, 256, 256)


def measure_costs(grid: tuple[int, int, int] = GRID, repeats: int = 3, progress: Progress = silent) -> dict[str, Any]:
    """Operations and seconds for one to five sequences, and of MONAI's AttentionUnet where MONAI is installed.

    Args:
        grid: (S, H, W).
        repeats: timed runs after one that warms up; the smallest is reported.
        progress: told after every row.
    """
    torch.manual_seed(0)
    network = build_network().eval()
    folded = build_network().eval()
    folded.load_state_dict(network.state_dict())
    fold_norms(folded)
    folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rows = []
    for count in range(1, 6):
        rows.append(_row(network, folded, torch.randn(1, count, *grid), repeats))
        report(progress, count / 6, "measuring")
    rows += _peer(grid, repeats)
    report(progress, 1.0, "measuring")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {
        "grid": list(grid),
        "rows": rows,
        "parameters": parameters,
        "threads": torch.get_num_threads(),
        **machine(),
    }


def _row(network: UpAttLLSTM, folded: UpAttLLSTM, images: Tensor, repeats: int) -> dict[str, Any]:
    """Counted on the network as trained, timed as the predictor runs it: folded, channels last, in parts."""
    ids = range(images.shape[1])
    return {
        "network": "UpAttLLSTM",
        "sequences": len(ids),
        "gflop": _gflop(lambda: network(images, ids)),
        "seconds": _seconds(lambda: folded(images, ids, slices_at_once=4), repeats),
    }


def table(costs: dict[str, Any]) -> str:
    """The figures in Markdown."""
    lines = ["| network | sequences | GFLOP | seconds |", "|---|---|---|---|"]
    lines += [f"| {r['network']} | {r['sequences']} | {r['gflop']:.0f} | {r['seconds']:.2f} |" for r in costs["rows"]]
    size = " x ".join(str(count) for count in costs["grid"])
    where = f"{costs['processor']}, {costs['threads']} threads, torch {costs['torch']}"
    return "\n".join([*lines, "", f"Grid {size} (slices x rows x columns), random weights, float32; {where}.", ""])


def _gflop(run: Callable[[], Any]) -> float:
    """Multiplications and additions of convolutions and matrix products, counted apart."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        run()
    return float(counter.get_total_flops()) / 1e9


def _seconds(run: Callable[[], Any], repeats: int) -> float:
    with torch.inference_mode():
        run()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    return min(times)


def _peer(grid: tuple[int, int, int], repeats: int) -> list[dict[str, Any]]:
    """MONAI's 2D Attention U-Net at its usual widths, fed with four sequences as channels."""
    try:
        from monai.networks.nets.attentionunet import AttentionUnet
    except ImportError:
        return []
    peer: nn.Module = AttentionUnet(2, 4, 2, channels=(32, 64, 128, 256, 320), strides=(2, 2, 2, 2)).eval()
    slices = torch.randn(grid[0], 4, *grid[1:])

    def run() -> list[Tensor]:
        return [peer(part) for part in slices.split(4)]  # in parts, as ours: faster for both

    return [
        {"network": "MONAI AttentionUnet 2D", "sequences": 4, "gflop": _gflop(run), "seconds": _seconds(run, repeats)}
    ]
