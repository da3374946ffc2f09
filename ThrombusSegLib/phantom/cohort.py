"""A cohort on disk: images, labels, truth, and a manifest. Each case is written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import SimpleITK as sitk

from ..case import ManifestRow, write_manifest
from ..errors import InputError
from ..progress import Progress, report, silent
from .centres import Centre, find_centre
from .simulate import SimulatedCase, simulate_case


def write_cohort(
    out: Path,
    *,
    centre: str,
    cases: int,
    seed: int,
    processes: int = 1,
    split: str = "test",
    progress: Progress = silent,
) -> Path:
    """Simulate cases 0 to `cases` - 1 of a cohort; cases that are already there are kept.

    Args:
        out: folder for the cases and `manifest.csv`; made when absent.
        centre: name of the simulated centre.
        cases: how many.
        seed: of the cohort; the same seed gives the same files on any number of processes.
        processes: how many cases are simulated side by side.
        split: what stands in the manifest's column `split`.
        progress: told after every case.

    Returns:
        The path of the manifest.

    Raises:
        InputError: unknown centre, or a number of cases below one.
    """
    settings = find_centre(centre)
    if cases < 1:
        raise InputError(f"{cases} cases were asked for.", "Ask for at least one.")
    out.mkdir(parents=True, exist_ok=True)
    names = [f"{centre}-{seed}-{number:04d}" for number in range(cases)]
    for done, _ in enumerate(_written(out, names, settings, seed, processes), 1):
        report(progress, done / cases, "simulating")
    manifest = out / "manifest.csv"
    write_manifest(manifest, [_row(out, name, settings, split) for name in names])
    return manifest


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


def _written(out: Path, names: list[str], centre: Centre, seed: int, processes: int) -> Iterator[str]:
    """Names of the cases as they are finished."""
    work = partial(_simulate_and_write, out, names, centre, seed)
    if processes == 1:
        yield from map(work, range(len(names)))
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(work, range(len(names)))


def _simulate_and_write(out: Path, names: list[str], centre: Centre, seed: int, number: int) -> str:
    folder = out / names[number]
    if not folder.exists():
        write_case(folder, simulate_case(centre, seed, number))
    return names[number]


def _row(out: Path, name: str, centre: Centre, split: str) -> ManifestRow:
    paths = {sequence: out / name / f"{sequence.value}.nii.gz" for sequence in centre.acquisitions}
    return ManifestRow(case=name, centre=centre.name, split=split, paths=paths, labels=out / name / "labels.nii.gz")
