"""The manifest of a folder of corrected cases, kept in step with the folder."""

from __future__ import annotations

from pathlib import Path

from ..case import ManifestRow
from ..case.manifest import write_manifest
from ..errors import InputError
from ..sequences import Sequence
from .files import errors_of_the_disk, unfinished_folder
from .record import ReviewRecord, read_record

MANIFEST = "manifest.csv"
_TRIES = 50


def saved_cases(folder: Path) -> dict[str, ReviewRecord]:
    """The newest record of every case in a folder, by name; what cannot be read is left out."""
    found = {}
    for path in sorted(folder.glob("*/review.json")):
        if path.parent.name.startswith("."):
            continue
        try:
            found[path.parent.name] = read_record(path)
        except InputError:
            continue
    return found


def refresh_manifest(folder: Path) -> Path:
    """Write manifest.csv anew from the cases there are, those still in review left out.

    Whoever saves a case writes the manifest, looks again, and writes again where a case came meanwhile: of several
    writers the last one knows all cases, without a lock.
    """
    path = folder / MANIFEST
    rows = _rows(folder)
    for _ in range(_TRIES):
        with errors_of_the_disk(MANIFEST), unfinished_folder(folder) as unfinished:
            # Written as if it lay in the folder itself, since its paths are relative to it.
            draft = folder / f"{unfinished.name}.csv"
            try:
                write_manifest(draft, rows)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        again = _rows(folder)
        if again == rows:
            break
        rows = again
    return path


def _rows(folder: Path) -> list[ManifestRow]:
    return [
        ManifestRow(
            case=name,
            centre=record.centre,
            split=record.split,
            paths={Sequence(sequence): folder / name / file for sequence, file in record.images.items()},
            labels=folder / name / "labels.nii.gz",
        )
        for name, record in saved_cases(folder).items()
        if record.status != "in review"
    ]
