"""Where the cases of a run come from: manifests read and checked, and no image opened yet."""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import Path

from ..case import ManifestRow, read_manifest
from ..case.there import short_name, why_missing
from ..errors import InputError
from ..phantom import find_centre
from .settings import DropoutSettings, TrainSettings
from .simulated import SimulatedPool
from .sources import CaseSource
from .validate import Validator

#: The splits that are read; rows of any other are left out.
SPLITS = ("train", "validation")
#: What others call them. A row that was meant must not be left out for its spelling.
_MEANT = {"tr": "train", "val": "validation", "valid": "validation", "dev": "validation"}


def gather(
    settings: TrainSettings, folder: Path, out: Path, prepared: Path | None = None
) -> tuple[CaseSource, list[ManifestRow]]:
    """Where crops come from, and the rows to validate on. Reads manifests, and no image.

    Args:
        settings: of the run.
        folder: what paths in the settings are relative to.
        out: folder of the run.
        prepared: folder of prepared cases; None: one in `out`.

    Raises:
        InputError: a manifest is at fault, a row's files are missing, or the rows do not fit the settings.
    """
    data, every = settings.data, _read_all(settings, folder)
    rows = [row for row in every if row.split == "train"]
    if data.manifest and not rows:
        raise InputError(f"{Path(data.manifest).name} has no rows of split 'train'.", "Fill the column 'split'.")
    judged = _judged(settings, folder, every)
    _check_names(rows)
    _check_names(judged)
    check_files([*rows, *judged])
    _check_apart(rows, judged)
    pool = _pool(settings, folder, out)
    _check_prevalence(settings.dropout, rows, pool)
    if settings.validation.patience and not judged and pool is None:
        raise InputError(
            "validation.patience is set, and there are no cases to validate on.",
            "Give rows of the manifest the split 'validation', or set validation.patience = 0.",
        )
    return CaseSource(rows, prepared or out / "prepared", data.registration, pool), judged


def judged_on(settings: TrainSettings, source: CaseSource, rows: list[ManifestRow]) -> str:
    """What chooses the weights that are kept, in words, at the start of a run."""
    if not settings.validation.every:
        return "no validation is asked for: the last weights are kept"
    if rows:
        return f"validation on {len(rows)} cases of the manifest"
    if source.pool is not None:
        return f"no rows of split 'validation': validation on {settings.validation.cases} simulated cases"
    return "no rows of split 'validation': nothing is validated, and the last weights are kept"


def remarks(settings: TrainSettings, folder: Path, source: CaseSource, validator: Validator | None) -> list[str]:
    """What is no error and yet is easily not meant, a sentence each; cases are prepared by now."""
    found = []
    left_out = Counter(row.split or "none" for row in _read_all(settings, folder) if row.split not in SPLITS)
    if left_out:
        counts = ", ".join(f"{count} of split '{split}'" for split, count in sorted(left_out.items()))
        found.append(f"rows left out: {counts}")
    if source.pool is None and not any(len(case.thrombus) for case in source.cases_at(0)):
        found.append("no case to train on has a thrombus: only silence can be learnt")
    if validator and not any(len(look.case.thrombus) for look in validator.looks):
        found.append("no validation case has a thrombus: false positives alone choose the weights")
    return found


def check_files(rows: list[ManifestRow]) -> None:
    """All files of all rows, before the first case is prepared: that may take hours."""
    for row in rows:
        files = {sequence.value: path for sequence, path in row.paths.items()}
        if row.labels is None:
            raise InputError(f"Case {row.case}: there are no labels.", "Fill the manifest's column 'labels'.")
        for column, path in {**files, "labels": row.labels}.items():
            if wrong := why_missing(path):
                raise InputError(
                    f"Case {row.case}: {short_name(path)} {wrong}.", f"Check the manifest's column '{column}'."
                )


def _read_all(settings: TrainSettings, folder: Path) -> list[ManifestRow]:
    """The rows of all manifests to train on."""
    data = settings.data
    names = (data.manifest, *data.more_manifests) if data.manifest else ()
    return [row for name in names for row in _read(folder / name)]


def _read(path: Path) -> list[ManifestRow]:
    """The rows of a manifest whose splits are spelled as they are read."""
    rows = read_manifest(path)
    for row in rows:
        word = row.split.casefold()
        near = _MEANT.get(word) or next(iter(difflib.get_close_matches(word, SPLITS, 1, 0.75)), "")
        if near and row.split not in SPLITS:
            raise InputError(
                f"{path.name}: case {row.case} has the split '{row.split[:40]}', which is not read.",
                f"Write '{near}', or another word to leave it out, such as 'test'.",
            )
    return rows


def _judged(settings: TrainSettings, folder: Path, every: list[ManifestRow]) -> list[ManifestRow]:
    """The rows to validate on."""
    validation = settings.validation
    if not validation.every:
        return []
    if not validation.manifest:
        return [row for row in every if row.split == "validation"][: validation.cases]
    judged = [row for row in _read(folder / validation.manifest) if row.split == "validation"]
    if not judged:
        name = Path(validation.manifest).name
        raise InputError(f"validation.manifest: {name} has no rows of split 'validation'.", "Fill the column 'split'.")
    return judged[: validation.cases]


def _pool(settings: TrainSettings, folder: Path, out: Path) -> SimulatedPool | None:
    """The simulated cases; None where none are asked for."""
    data = settings.data
    if not data.phantom_centre:
        return None
    beside = folder / data.phantom_centre
    centre = find_centre(str(beside) if data.phantom_centre.endswith(".toml") else data.phantom_centre)
    return SimulatedPool(centre, data.phantom_seed, data.phantom_pool, out / "simulated")


def _check_names(rows: list[ManifestRow]) -> None:
    """One name is one case, in several manifests too: prepared files carry it."""
    seen = set[str]()
    for row in rows:
        if row.case in seen:
            raise InputError(f"Case {row.case} stands in two manifests.", "Rename one of the two, or take it out.")
        seen.add(row.case)


def _check_apart(rows: list[ManifestRow], judged: list[ManifestRow]) -> None:
    """Nothing is trained on and validated on; and one name is one case, as its prepared files carry it."""
    trained_on = {row.case for row in rows}
    for row in judged:
        if row.case in trained_on:
            raise InputError(
                f"Case {row.case} is trained on and validated on.", "Take it out of one of the two, or rename it."
            )


def _check_prevalence(dropout: DropoutSettings, rows: list[ManifestRow], pool: SimulatedPool | None) -> None:
    """Some set of sequences fits some case; otherwise every crop would show all its case has."""
    if dropout.kind != "prevalence":
        return
    had = [{sequence.value for sequence in row.paths} for row in rows]
    if pool is not None:
        had.append({sequence.value for sequence in pool.centre.acquisitions})
    wanted = [set(name.split("+")) for name, weight in dropout.prevalence.items() if weight > 0]
    if not any(each <= one for each in wanted for one in had):
        raise InputError(
            f"dropout.prevalence: no case has the sequences of {' or '.join(dropout.prevalence)}.",
            "Name sets of sequences that the cases have.",
        )
