"""`thrombusseg phantom`: a simulated cohort, and on request its statistics."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any

from ..errors import InputError, MachineError
from ..progress import Progress
from .bar import ProgressBar
from .options import add_processes, check_processes, folder


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "phantom",
        help="simulate a cohort of stroke patients",
        description="Simulate a cohort: images, labels, the truth of each case, and a manifest. The same seed gives "
        "the same files. Simulated strokes are no substitute for real ones.",
    )
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the cases")
    _add_patients(parser)
    add_processes(parser, "cases")
    parser.add_argument("--split", default="test", help="what the manifest's column 'split' says (default: test)")
    parser.add_argument(
        "--statistics",
        action="store_true",
        help="also measure contrasts, sizes, what is missing and a trivial detector; draw one case of each centre",
    )
    parser.set_defaults(func=run)


def _add_patients(parser: argparse.ArgumentParser) -> None:
    """Options that say who is simulated."""
    parser.add_argument("--cases", type=int, default=20, metavar="N", help="how many at each centre (default: 20)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the cohort (default: 1)")
    parser.add_argument(
        "--centre",
        default="A",
        metavar="NAME",
        help="simulated hospital, several with commas between them, 'all' of A to F, or a .toml file (default: A)",
    )
    parser.add_argument(
        "--clot-free", type=int, default=0, metavar="K", help="how many of the N have no clot (default: 0)"
    )
    parser.add_argument(
        "--infarcts", type=folder, metavar="DIR", help="take shapes of infarcts from masks in standard space (NIfTI)"
    )
    parser.add_argument(
        "--brains", type=folder, metavar="DIR", help="take tissue from T1-weighted brains in standard space (NIfTI)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate, measure where asked to, and print where it all is."""
    _check_numbers(arguments)
    _check_folder(arguments.out, arguments)
    if arguments.statistics:
        _check_scipy()
    bar = ProgressBar()
    try:
        manifest, seconds = _simulate(arguments, bar)
        if arguments.statistics:
            _write_statistics(arguments, manifest, seconds, bar)
    finally:
        bar.close()
    print(f"Manifest: {manifest}")
    if arguments.statistics:
        print(f"Statistics: {arguments.out / 'statistics.md'}, statistics.json and montage.png beside it")
    return 0


def _simulate(arguments: argparse.Namespace, bar: Progress) -> tuple[Path, list[float]]:
    """The manifest's path, and the seconds between one report and the next."""
    from ..phantom import write_cohort
    from ..phantom.real import find_real_shapes

    shapes = find_real_shapes(arguments.infarcts, arguments.brains)
    clock = _Stopwatch(bar)
    manifest = write_cohort(
        arguments.out,
        centre=arguments.centre,
        cases=arguments.cases,
        seed=arguments.seed,
        processes=arguments.processes,
        split=arguments.split,
        clot_free=arguments.clot_free,
        shapes=shapes,
        progress=clock,
    )
    return manifest, clock.seconds


class _Stopwatch:
    """A progress that notes the time between its calls, of which there is one after every case."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = time.perf_counter()
        self.seconds: list[float] = []

    def __call__(self, share: float, stage: str) -> bool:
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now
        return self._progress(share, stage)


def _check_numbers(arguments: argparse.Namespace) -> None:
    if arguments.cases < 1:
        raise InputError(f"{arguments.cases} cases were asked for.", "Ask for at least one (--cases).")
    if arguments.seed < 0:
        raise InputError(f"The seed is {arguments.seed}.", "Choose 0 or more (--seed).")
    check_processes(arguments)
    if not 0 <= arguments.clot_free <= arguments.cases:
        raise InputError(
            f"{arguments.clot_free} of {arguments.cases} cases cannot be without a clot.",
            "Choose --clot-free from 0 to the number of --cases.",
        )


def _check_scipy() -> None:
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise MachineError("Statistics need scipy.", "Install it: pip install 'ThrombusSegLib[evaluate]'.") from error


def _check_folder(out: Path, arguments: argparse.Namespace) -> None:
    """Refuse a folder with cases of another cohort: the manifest would lose them, or mix what does not belong."""
    from ..case import read_manifest
    from ..phantom.cohort import find_centres

    ours = "|".join(re.escape(centre.name) for centre in find_centres(arguments.centre))
    if out.exists() and not out.is_dir():
        raise InputError(f"The output {out.name} is a file.", "Choose a folder.")
    there = {truth.parent.name.removesuffix(".unfinished") for truth in out.glob("*/truth.json")}
    if (out / "manifest.csv").exists():
        there |= {row.case for row in read_manifest(out / "manifest.csv")}
    for name in sorted(there):
        if not re.fullmatch(rf"(?:{ours})-{arguments.seed}-\d+", name):
            raise InputError(
                f"{out.name} holds the case {name} of another cohort.",
                "Choose an empty folder, or the centres and the seed of the cohort that lies there.",
            )


def _write_statistics(arguments: argparse.Namespace, manifest: Path, seconds: list[float], bar: Progress) -> None:
    from ..case import read_manifest
    from ..difficulty.cohort import measure_cohort, versions
    from ..difficulty.montage import draw_montage
    from ..difficulty.page import write_statistics

    rows = read_manifest(manifest)
    # One after the other, the time between two reports is that of a case; a case that was kept took next to none.
    known = arguments.processes == 1 and len(seconds) == len(rows)
    clock = {row.case: each for row, each in zip(rows, seconds, strict=True) if each > 0.1} if known else {}
    result = measure_cohort(rows, processes=arguments.processes, seconds=clock, progress=bar)
    picture = draw_montage(rows, progress=bar)
    origin = {"command": _command(arguments), "seed": arguments.seed, "versions": versions()}
    write_statistics(arguments.out, result, origin, picture)


def _command(arguments: argparse.Namespace) -> str:
    """What decides the figures, without any folder of the user's."""
    centres = ",".join(Path(name).name for name in arguments.centre.split(","))
    command = f"thrombusseg phantom --centre {centres} --cases {arguments.cases} --seed {arguments.seed}"
    command += f" --clot-free {arguments.clot_free} --split {arguments.split} --statistics"
    for name in ("infarcts", "brains"):
        if getattr(arguments, name):
            command += f" --{name} {getattr(arguments, name).name}"
    return command
