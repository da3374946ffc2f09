"""A cohort on disk: images, labels, truth, and a manifest. Each case is written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from ..case import ManifestRow, write_manifest
from ..errors import InputError
from ..processes import start_processes
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .centres import Centre, centre_names, find_centre
from .real import RealShapes
from .simulate import SimulatedCase, simulate_case
from .stroke import NO_SHAPES

#: What `centre="all"` means: every bundled centre but the one of the sample case.
SAMPLE = "sample"


@dataclass(frozen=True)
class _Order:
    """One case to be simulated."""

    folder: Path
    centre: Centre
    seed: int
    number: int
    clot: bool
    shapes: RealShapes


def write_cohort(
    out: Path,
    *,
    centre: str | Iterable[str],
    cases: int,
    seed: int,
    clot_free: int = 0,
    shapes: RealShapes = NO_SHAPES,
    processes: int = 1,
    split: str = "test",
    progress: Progress = silent,
) -> Path:
    """Simulate cases 0 to `cases` - 1 of a cohort at each centre; cases that are already there are kept.

    Args:
        out: folder for the cases and `manifest.csv`; made when absent.
        centre: as `find_centres` takes it.
        cases: how many at each centre.
        seed: of the cohort; the same seed gives the same files on any number of processes, and the same patients at
            every centre.
        clot_free: how many of the cases, the last ones, have no clot.
        shapes: real infarcts and brains to take shapes from (`real.find_real_shapes`).
        processes: how many cases are simulated side by side.
        split: what stands in the manifest's column `split`.
        progress: told after every case.

    Returns:
        The path of the manifest.

    Raises:
        InputError: unknown centre, a number of cases below one, or more clot-free cases than cases.
    """
    centres = find_centres(centre)
    if cases < 1:
        raise InputError(f"{cases} cases were asked for.", "Ask for at least one.")
    if not 0 <= clot_free <= cases:
        raise InputError(f"{clot_free} of {cases} cases were to be clot-free.", f"Choose 0 to {cases}.")
    if seed < 0 or processes < 1:
        raise InputError("The seed or the number of processes is too small.", "Choose a seed from 0, processes from 1.")
    out.mkdir(parents=True, exist_ok=True)
    orders = [
        _Order(out / f"{each.name}-{seed}-{number:04d}", each, seed, number, number < cases - clot_free, shapes)
        for each in centres
        for number in range(cases)
    ]
    for done, _ in enumerate(_written(orders, processes), 1):
        report(progress, done / len(orders), "simulating")
    manifest = out / "manifest.csv"
    write_manifest(manifest, [_row(order, split) for order in orders])
    return manifest


def find_centres(names: str | Iterable[str]) -> list[Centre]:
    """Centres by their names or settings files (.toml): a list of them, or joined by commas; "all" is every bundled one
    but that of the sample case."""
    if names == "all":
        wanted: Iterable[str] = [name for name in centre_names() if name != SAMPLE]
    else:
        wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else names
    return [find_centre(name) for name in dict.fromkeys(wanted)]


def write_case(folder: Path, case: SimulatedCase) -> None:
    """Write one case: <SEQUENCE>.nii.gz (int16), labels.nii.gz (uint8), truth.json. Replaces what was there."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for sequence, image in case.images.items():
        sitk.WriteImage(sitk.Cast(image, sitk.sitkInt16), unfinished / f"{sequence.value}.nii.gz", True)
    sitk.WriteImage(case.labels, unfinished / "labels.nii.gz", True)
    (unfinished / "truth.json").write_text(json.dumps(case.truth, indent=1), encoding="ascii")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _written(orders: list[_Order], processes: int) -> Iterator[None]:
    """One None for each case as it is finished."""
    if processes == 1:
        yield from map(_simulate_and_write, orders)
        return
    pool = start_processes(processes)
    try:
        yield from pool.map(_simulate_and_write, orders)
    finally:
        pool.shutdown(cancel_futures=True)


def _simulate_and_write(order: _Order) -> None:
    if order.folder.exists():
        _check_same(order)
        return
    write_case(
        order.folder, simulate_case(order.centre, order.seed, order.number, clot=order.clot, shapes=order.shapes)
    )


def _check_same(order: _Order) -> None:
    """A case that is already there must be the one asked for."""
    try:
        clot = json.loads((order.folder / "truth.json").read_text(encoding="ascii"))["clot"]
    except (OSError, ValueError, KeyError):
        clot = None
    if clot is not order.clot:
        raise InputError(
            f"The case {order.folder.name} in the output folder belongs to another cohort.",
            "Choose another folder, or remove the case.",
        )


def _row(order: _Order, split: str) -> ManifestRow:
    paths = {sequence: order.folder / f"{sequence.value}.nii.gz" for sequence in Sequence}
    there = {sequence: path for sequence, path in paths.items() if path.exists()}
    labels = order.folder / "labels.nii.gz"
    return ManifestRow(case=order.folder.name, centre=order.centre.name, split=split, paths=there, labels=labels)
