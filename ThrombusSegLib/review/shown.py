"""The files of a case that a reader looks at: kept those of its newest version, and nothing lost on the way."""

from __future__ import annotations

from pathlib import Path

from ..files import put_copy
from .checksums import LABELS_FILE, check_labels, is_whole
from .damage import BESIDE, RECORD_FILE, VERSIONS, numbers_of, version_folder
from .record import read_record

#: Gives up when that many others were faster, one after another.
TRIES = 50


def refresh(case: Path) -> tuple[str, ...]:
    """Let labels and record of a case be those of its newest version; repeats while others save.

    Returns:
        A sentence for every file that another program had changed, and that lies in `beside` now.

    Raises:
        InputError: the newest version's labels do not match their record, and those of the case do neither.
    """
    kept: list[str] = []
    for _ in range(TRIES):
        newest = numbers_of(case)[0]
        version = version_folder(case, newest)
        kept += _heal(case, newest)
        for name in (LABELS_FILE, RECORD_FILE):
            if not _same(version / name, case / name):
                kept += _keep_foreign(case, name)
                put_copy(version / name, case / name)
        if numbers_of(case)[0] == newest:
            break
    return tuple(kept)


def _heal(case: Path, newest: int) -> list[str]:
    """Labels of a version that do not match their record come back from those of the case, where these do."""
    version, ours = version_folder(case, newest), case / LABELS_FILE
    record = read_record(version / RECORD_FILE)
    if is_whole(version / LABELS_FILE, record):
        return []
    if not record.labels_sha256 or not is_whole(ours, record):
        check_labels(version / LABELS_FILE, record, f"version {newest} of {case.name}")
    kept = _keep(case, version / LABELS_FILE) if (version / LABELS_FILE).exists() else []
    put_copy(ours, version / LABELS_FILE)
    return kept


def _keep_foreign(case: Path, name: str) -> list[str]:
    """What another program wrote over a file of ours is no version of it, and is kept beside before ours returns."""
    file = case / name
    if not file.exists() or any(_same(version / name, file) for version in (case / VERSIONS).glob("[0-9]*")):
        return []
    return _keep(case, file)


def _keep(case: Path, file: Path) -> list[str]:
    """Copy a changed file into `beside`; the sentence that says so."""
    for count in range(1, TRIES):
        kept = case / BESIDE / f"edited-{count}-{file.name}"
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            put_copy(file, kept)
            return [
                f"{file.name} of {case.name} had been changed by another program or by damage: what was saved is back, "
                f"and the changed file is kept as {case.name}/{BESIDE}/{kept.name}."
            ]
    return []


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()
