"""What feeding the network costs: ours beside a plain MONAI CacheDataset and DataLoader, and two processes beside one.

    thrombusseg benchmark --only feeding --settings SETTINGS.toml --out DIR

Both feed the same network with crops of the same size from the same prepared cases, turn about in one run, so that
whatever else the machine does meets both. This file is also started by itself, and by torchrun, to time processes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError, MachineError, ThrombusSegError
from ..training import TrainSettings, read_settings
from ..training.crops import Batch
from ..training.distributed import World, is_first, join_world
from ..training.feeder import Feeder
from ..training.gather import gather
from ..training.loop import Run, uses_bfloat16
from ..training.sources import CaseSource
from .machine import machine

#: Of each turn the first steps are not counted: what was fed ahead while the other had its turn.
LEFT_OUT = 3


@dataclass(frozen=True)
class Turn:
    """Seconds of the steps of one way of feeding."""

    seconds: list[float]
    waited: list[float]

    def as_dict(self) -> dict[str, float]:
        """Median step, steps a second and the share of waiting, over all turns."""
        total = sum(self.seconds)
        return {
            "steps": len(self.seconds),
            "seconds_per_step": round(statistics.median(self.seconds), 4),
            "steps_per_second": round(len(self.seconds) / total, 4),
            "share_waiting": round(sum(self.waited) / total, 4),
        }


def compare_feeding(settings: TrainSettings, source: CaseSource, steps: int, rounds: int) -> dict[str, Any]:
    """Ours and MONAI's, turn about.

    Args:
        settings: sizes, batch, number of workers, augmentation.
        source: cases of a manifest; nothing simulated.
        steps: of each turn, those that are left out included.
        rounds: turns of each.
    """
    run = Run(settings, World(), None)
    turns = {"ThrombusSeg": Turn([], []), "MONAI": Turn([], [])}
    with Feeder(source, settings) as feeder:
        numbers = iter(range(settings.steps))
        theirs = monai_batches(settings, source)
        ways: dict[str, Callable[[], Batch]] = {
            "ThrombusSeg": lambda: feeder.take(next(numbers))[0],
            "MONAI": lambda: next(theirs),
        }
        for _ in range(rounds):
            for name, fetch in ways.items():
                _take_turn(run, fetch, steps, turns[name])
    return {name: turn.as_dict() for name, turn in turns.items()}


def _take_turn(run: Run, fetch: Callable[[], Batch], steps: int, turn: Turn) -> None:
    for number in range(steps):
        started = time.perf_counter()
        batch = fetch()
        waited = time.perf_counter() - started
        run.advance(batch)
        if number >= LEFT_OUT:
            turn.seconds.append(time.perf_counter() - started)
            turn.waited.append(waited)


def monai_batches(settings: TrainSettings, source: CaseSource) -> Iterator[Batch]:
    """Crops as a MONAI user would draw them: prepared cases cached in memory, MONAI's own transforms nearest to ours.

    Drawn with replacement, so that no epoch ends and no iterator starts anew: a plain loop over epochs would be slower.
    """
    from monai.data.dataloader import DataLoader
    from monai.data.dataset import CacheDataset
    from torch.utils.data import RandomSampler

    cases = source.cases_at(0)
    items = [
        {
            "image": torch.from_numpy(np.asarray(case.images, dtype=np.float32)),
            "label": torch.from_numpy(np.asarray(case.labels)[None]),
            "present": torch.from_numpy(case.available),
        }
        for case in cases
    ]
    dataset = CacheDataset(items, transform=_monai_transforms(settings), cache_rate=1.0, progress=False)
    sampler = RandomSampler(dataset, replacement=True, num_samples=settings.batch * settings.steps)
    loader = DataLoader(dataset, batch_size=settings.batch, sampler=sampler, num_workers=settings.workers)
    for item in loader:
        labels = np.asarray(item["label"])[:, 0]
        targets = np.stack([labels == 1, labels == 2], axis=1).astype(np.float32)
        images = np.asarray(item["image"], dtype=np.float32)
        windows = np.tile(
            np.array([-1.0, 1.0], np.float32), (len(images), 3, 1)
        )  # these transforms do not tell where a crop lies
        yield Batch(images, np.asarray(item["present"]), targets, windows)


def _monai_transforms(settings: TrainSettings) -> Any:
    """Crop around thrombi, turn, flip, blur, bias field, contrast, noise."""
    m: Any = importlib.import_module("monai.transforms")
    both, image, vary = ["image", "label"], ["image"], settings.augment
    size = (settings.crop.slices, settings.crop.pixels, settings.crop.pixels)
    chance, angle = vary.chance, float(np.radians(vary.rotation_degrees))
    aimed = settings.crop.with_thrombus
    turn: dict[str, Any] = {"rotate_range": (angle, 0.0, 0.0), "scale_range": (0.0, vary.scaling, vary.scaling)}
    return m.Compose(
        [
            m.SpatialPadd(both, size),
            m.RandCropByPosNegLabeld(both, "label", size, pos=aimed, neg=1.0 - aimed, num_samples=1),
            m.RandAffined(both, prob=chance, **turn, mode=("bilinear", "nearest"), padding_mode="border"),
            m.RandFlipd(both, 0.5, spatial_axis=2),
            m.RandFlipd(both, 0.3, spatial_axis=0),
            m.RandGaussianSmoothd(image, (0.0, 0.01), (0.3, 1.3), (0.3, 1.3), prob=chance),
            m.RandBiasFieldd(image, coeff_range=(0.0, vary.bias / 2), prob=chance),
            m.RandAdjustContrastd(image, prob=chance, gamma=(1 / (1 + vary.gamma), 1 + vary.gamma)),
            m.RandScaleIntensityd(image, vary.contrast, prob=1.0, channel_wise=True),
            m.RandShiftIntensityd(image, vary.brightness, prob=1.0, channel_wise=True),
            m.RandGaussianNoised(image, prob=chance, std=vary.noise),
        ]
    )


def measure_processes(settings: TrainSettings, source: CaseSource, steps: int) -> list[float]:
    """Seconds of each step, by all processes together; the first ones are left out."""
    with join_world(settings.device, settings.batch) as world:
        run = Run(settings, world, None)
        seconds = []
        with Feeder(source, settings, world) as feeder:
            for step in range(steps):
                world.wait()
                started = time.perf_counter()
                run.advance(feeder.take(step)[0])
                world.wait()
                seconds.append(time.perf_counter() - started)
        return seconds[LEFT_OUT:]


def compare_processes(command: list[str], counts: tuple[int, ...], rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of a step with so many processes, turn about.

    One is started as a user starts it, without torchrun, and takes the threads it likes; several share all cores.
    """
    found: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            launcher, threads = [], {}
            if count > 1:
                launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
                threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count))}
            done = subprocess.run(
                [sys.executable, *launcher, "-m", "ThrombusSegLib.benchmark.feeding", *command],
                env=os.environ | threads,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise MachineError(f"{count} processes failed.", (done.stderr.splitlines() or [""])[-1])
            found[count] += json.loads(done.stdout.strip().splitlines()[-1])
    one = statistics.fmean(found[counts[0]])
    return {
        str(count): {
            "steps": len(seconds),
            "seconds_per_step": round(statistics.median(seconds), 4),
            "steps_per_second": round(1.0 / statistics.fmean(seconds), 4),
            "speed_up": round(one / statistics.fmean(seconds), 3),
        }
        for count, seconds in found.items()
    }


def table(figures: dict[str, Any]) -> str:
    """The figures in Markdown."""
    lines = ["| fed by | seconds a step (median) | steps a second (mean) | waiting |", "|---|---|---|---|"]
    for name, each in figures["feeding"].items():
        cells = f"{each['seconds_per_step']:.2f} | {each['steps_per_second']:.3f} | {each['share_waiting']:.1%}"
        lines.append(f"| {name} | {cells} |")
    lines += [
        "",
        "| processes | seconds a step (median) | steps a second (mean) | speed-up (of means) |",
        "|---|---|---|---|",
    ]
    for count, each in figures["processes"].items():
        cells = f"{each['seconds_per_step']:.2f} | {each['steps_per_second']:.3f} | {each['speed_up']:.2f}"
        lines.append(f"| {count} | {cells} |")
    size = " x ".join(str(count) for count in figures["crop"])
    about = f"{figures['batch']} crops of {size} a step, {figures['cases']} cases, {figures['precision']}"
    where = f"{figures['processor']}, {figures['cores']} cores, torch {figures['torch']}, MONAI {figures['monai']}"
    return "\n".join([*lines, "", f"{about}; {where}. MONAI: CacheDataset and DataLoader, drawn with replacement.", ""])


def measure_feeding(path: Path, out: Path, steps: int = 15, rounds: int = 3, cases: int = 20) -> dict[str, Any]:
    """Everything of the above, with the first cases of a settings file's manifest.

    Args:
        path: a settings file for training.
        out: folder for the prepared cases.
        steps: of each turn. rounds: turns of each. cases: how many, at most.

    Raises:
        InputError: the settings have no manifest, or cannot be used. MachineError: torchrun failed.
    """
    settings, source = _setting(path, out, cases)
    command = [str(path), "--out", str(out), "--steps", str(steps), "--cases", str(cases)]
    counts = (1, 2) if settings.batch % 2 == 0 else (1,)
    import monai

    return {
        "feeding": compare_feeding(settings, source, steps, rounds),
        "processes": compare_processes(command, counts, rounds),
        "crop": [settings.crop.slices, settings.crop.pixels, settings.crop.pixels],
        "batch": settings.batch,
        "cases": len(source.rows),
        "workers": settings.workers,
        "precision": "bfloat16" if uses_bfloat16(settings, torch.device("cpu")) else "float32",
        "cores": os.cpu_count(),
        "monai": monai.__version__,
        **machine(),
    }


def _setting(path: Path, out: Path, cases: int) -> tuple[TrainSettings, CaseSource]:
    """The settings without validation and simulated cases, and the first cases of the manifest, prepared."""
    settings = read_settings(path)
    if not settings.data.manifest:
        raise InputError("data.manifest is missing.", "Both ways of feeding read cases of a manifest.")
    settings = replace(
        settings,
        data=replace(settings.data, phantom_centre="", phantom_share=0.0),
        validation=replace(settings.validation, every=0, manifest=""),
    )
    source, _ = gather(settings, path.parent, out)
    source.rows = source.rows[:cases]
    source.prepare()
    return settings, source


def main(arguments: list[str] | None = None) -> int:
    """One of several processes, or a single one: prints the seconds of each step as JSON."""
    parser = argparse.ArgumentParser(prog="python -m ThrombusSegLib.benchmark.feeding")
    parser.add_argument("settings", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--cases", type=int, required=True)
    chosen = parser.parse_args(arguments)
    try:
        seconds = measure_processes(*_setting(chosen.settings, chosen.out, chosen.cases), chosen.steps)
    except ThrombusSegError as error:
        print(f"{error}", file=sys.stderr)
        return error.exit_status
    if is_first():
        print(json.dumps(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
