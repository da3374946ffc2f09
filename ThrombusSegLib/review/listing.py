"""The manifest of a folder of corrected cases, kept in step with the folder."""

from __future__ import annotations

from pathlib import Path

from ..case import ManifestRow
from ..case.manifest import write_manifest
from ..files import errors_of_the_disk, unfinished_folder
from ..sequences import Sequence
from .checksums import LABELS_FILE
from .damage import Damage, is_case, look_at
from .record import ReviewRecord

MANIFEST = "manifest.csv"
_TRIES = 50


def saved_cases(folder: Path) -> dict[str, ReviewRecord]:
    """The newest record of every case in a folder that can be read, by name; `damaged_cases` names the others."""
    return look_through(folder)[0]


def damaged_cases(folder: Path) -> dict[str, Damage]:
    """The cases in a folder with a record that cannot be read, or labels that do not match it, by name."""
    return look_through(folder)[1]


def look_through(folder: Path) -> tuple[dict[str, ReviewRecord], dict[str, Damage]]:
    """`saved_cases` and `damaged_cases` at one look: a case may be in both."""
    records, damages = {}, {}
    for case in sorted(folder.glob("*")):
        if case.name.startswith(".") or not is_case(case):
            continue
        record, damage = look_at(case)
        if record is not None:
            records[case.name] = record
        if damage is not None:
            damages[case.name] = damage
    return records, damages


def refresh_manifest(folder: Path) -> list[Damage]:
    """Write manifest.csv anew from the cases there are, those still in review left out.

    Whoever saves a case writes the manifest, looks again, and writes again where a case came meanwhile: of several
    writers the last one knows all cases, without a lock.

    Returns:
        What is damaged. A case of which no record can be read is not in the manifest (its images and its state are not
        known), nor is one whose newest labels are lost.
    """
    rows, damages = _rows(folder)
    for _ in range(_TRIES):
        with errors_of_the_disk(MANIFEST), unfinished_folder(folder) as unfinished:
            # Written as if it lay in the folder itself, since its paths are relative to it.
            draft = folder / f"{unfinished.name}.csv"
            try:
                write_manifest(draft, rows)
                draft.replace(folder / MANIFEST)
            finally:
                draft.unlink(missing_ok=True)
        again, damages = _rows(folder)
        if again == rows:
            break
        rows = again
    return damages


def _rows(folder: Path) -> tuple[list[ManifestRow], list[Damage]]:
    records, damages = look_through(folder)
    rows = [
        ManifestRow(
            case=name,
            centre=record.centre,
            split=record.split,
            paths={Sequence(sequence): folder / name / file for sequence, file in record.images.items()},
            labels=folder / name / LABELS_FILE,
        )
        for name, record in records.items()
        if record.status != "in review" and not (name in damages and damages[name].lost_labels)
    ]
    return rows, list(damages.values())
