"""How long a simulated case takes: five sequences of 256 x 256 x 40 voxels, in memory. Needs no torch."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import replace
from typing import Any

import SimpleITK as sitk

from ..origin import processor_name
from ..phantom import find_centre, simulate_case
from ..phantom.centres import Acquisition, Centre
from ..progress import Progress, report, silent

#: Pixels, slices, and their spacing in mm, of every sequence that is timed.
PIXELS, SLICES, IN_PLANE_MM, SLICE_MM = 256, 40, 0.9, 3.3


def measure_simulation(repeats: int = 3, progress: Progress = silent) -> dict[str, Any]:
    """Seconds for a full case with a clot, patient by patient.

    Args:
        repeats: cases that are timed, after one that warms up.
        progress: told after every case.

    Returns:
        `median`, `slowest` (s), `cases`, the `grid` of each sequence, `sequences`, `threads`, `processor`.
    """
    centre = full_size(find_centre("A"))
    seconds = []
    grids: dict[str, list[int]] = {}
    for number in range(repeats + 1):
        started = time.perf_counter()
        case = simulate_case(centre, 1, number)
        seconds.append(time.perf_counter() - started)
        grids = {sequence.value: list(image.GetSize()) for sequence, image in case.images.items()}
        report(progress, (number + 1) / (repeats + 1), "simulating")
    return {
        "median": round(statistics.median(seconds[1:]), 2),
        "slowest": round(max(seconds[1:]), 2),
        "cases": repeats,
        "grids": grids,
        "threads": min(sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(), os.cpu_count() or 1),
        "processor": processor_name(),
    }


def full_size(centre: Centre) -> Centre:
    """The centre with every sequence measured on 256 x 256 x 40 voxels."""

    def sized(acquisition: Acquisition) -> Acquisition:
        return replace(
            acquisition,
            in_plane_mm=(IN_PLANE_MM, IN_PLANE_MM),
            slice_mm=(SLICE_MM, SLICE_MM),
            field_of_view_mm=(PIXELS * IN_PLANE_MM, PIXELS * IN_PLANE_MM),
            coverage_mm=SLICES * SLICE_MM,
        )

    return replace(centre, acquisitions={name: sized(each) for name, each in centre.acquisitions.items()})


def sentence(figures: dict[str, Any]) -> str:
    """The figures in one line of Markdown."""
    count = len(figures["grids"])
    size = " x ".join(str(each) for each in next(iter(figures["grids"].values())))
    return (
        f"A simulated case ({count} sequences of {size} voxels) in {figures['median']:.1f} s (median of "
        f"{figures['cases']}, slowest {figures['slowest']:.1f} s; {figures['threads']} threads, "
        f"{figures['processor']}).\n"
    )
