"""The cases of an experiment: simulated where they are not there yet, and what is to be said of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..case import ManifestRow, read_manifest
from ..case.manifest import splits_of
from ..errors import InputError
from ..evaluation.rows import check_rows, has_thrombus
from ..phantom import write_cohort
from ..phantom.cohort import find_centres
from ..progress import Progress, silent
from ..weights.checksum import sha256_of
from .settings import CohortSettings


@dataclass(frozen=True)
class CohortFacts:
    """What stands beside every figure from these cases."""

    centres: tuple[str, ...]
    cases: int
    seeds: tuple[int, ...]
    """Of the simulated patients; empty where they are not simulated."""
    clot_free: int
    """Cases without a clot: by the simulator's truth, of others by their labels."""
    simulated: bool
    """Whether all of them are."""
    split: str
    manifest_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @property
    def words(self) -> str:
        """Such as "200 simulated cases of centre A (seed 2003)"."""
        where = f"centre{'s' * (len(self.centres) > 1)} {', '.join(self.centres)}"
        seeds = f" (seed {', '.join(map(str, self.seeds))})" if self.seeds else ""
        return f"{self.cases} {'simulated ' * self.simulated}cases of {where}{seeds}"


@dataclass(frozen=True)
class Cohort:
    """Cases that are there."""

    manifest: Path
    rows: list[ManifestRow]
    facts: CohortFacts


def make_cohort(
    name: str,
    settings: CohortSettings,
    folder: Path,
    out: Path,
    *,
    processes: int = 1,
    progress: Progress = silent,
) -> Cohort:
    """Simulate the cohort unless it is there, and see that all its files are.

    Args:
        name: of the cohort in the experiment.
        settings: of the cohort.
        folder: what `settings.cohort` and files of centres are relative to.
        out: of the experiment; cases without a folder of their own go to `out`/cohorts/NAME.
        processes: how many cases are simulated side by side.
        progress: told after every case.

    Raises:
        InputError: the folder holds other cases than those that are asked for, or none; a file is missing.
    """
    place = folder / settings.cohort if settings.cohort else out / "cohorts" / name
    manifest = place if place.suffix == ".csv" else place / "manifest.csv"
    if place.suffix != ".csv" and place.is_file():
        raise InputError(f"Cohort {name}: {place.name} is a file.", "Name a folder, or a manifest (.csv).")
    centres = [str(folder / each) if each.endswith(".toml") else each for each in settings.centres]
    if settings.cases and not manifest.exists():
        write_cohort(
            manifest.parent,
            centre=centres,
            cases=settings.cases,
            seed=settings.seed,
            clot_free=settings.clot_free,
            processes=processes,
            split=settings.split,
            progress=progress,
        )
    every = read_manifest(manifest)
    rows = [row for row in every if row.split == settings.split]
    if not rows:
        raise InputError(
            f"Cohort {name}: the manifest has no rows of split '{settings.split}'.", f"It has {splits_of(every)}."
        )
    rows = _chosen(name, settings, centres, rows)
    check_rows(rows)
    return Cohort(manifest, rows, _facts(rows, settings.split, manifest))


def _chosen(name: str, settings: CohortSettings, centres: list[str], rows: list[ManifestRow]) -> list[ManifestRow]:
    """The rows that the settings describe; a folder may hold more cases of the same cohort."""
    if not settings.cases:
        return rows
    wanted = {
        f"{centre.name}-{settings.seed}-{number:04d}"
        for centre in find_centres(centres)
        for number in range(settings.cases)
    }
    lacking = sorted(wanted - {row.case for row in rows})
    if lacking:
        raise InputError(
            f"Cohort {name}: the folder holds other cases than are asked for; {lacking[0]} is not there.",
            "Mend centres, cases or seed, or choose another folder.",
        )
    chosen = [row for row in rows if row.case in wanted]
    clot_free = sum(_truth(row).get("clot") is False for row in chosen)
    if clot_free != settings.clot_free * len(settings.centres):
        raise InputError(
            f"Cohort {name}: {clot_free} of its cases have no clot, not {settings.clot_free} at each centre.",
            "Mend clot_free, or choose another folder.",
        )
    return chosen


def _facts(rows: list[ManifestRow], split: str, manifest: Path) -> CohortFacts:
    truths = [_truth(row) for row in rows]
    return CohortFacts(
        centres=tuple(dict.fromkeys(row.centre for row in rows)),
        cases=len(rows),
        seeds=tuple(sorted({truth["seed"] for truth in truths if "seed" in truth})),
        clot_free=sum(not _has_clot(row, truth) for row, truth in zip(rows, truths, strict=True)),
        simulated=all(truths),
        split=split,
        manifest_sha256=sha256_of(manifest),
    )


def _has_clot(row: ManifestRow, truth: dict[str, Any]) -> bool:
    clot = truth.get("clot")
    return clot if isinstance(clot, bool) else has_thrombus(row)


def _truth(row: ManifestRow) -> dict[str, Any]:
    """What the simulator left beside the images; empty for other cases."""
    path = next(iter(row.paths.values())).parent / "truth.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
