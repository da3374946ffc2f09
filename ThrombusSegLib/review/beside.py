"""What a second writer saved who had not seen the newest version: to look at, and to make the newest one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..case import read_labels
from ..errors import InputError
from ..preprocess.grid import Grid
from .checksums import LABELS_FILE, check_labels
from .damage import BESIDE, RECORD_FILE, numbers_of, version_folder
from .record import ReviewRecord, read_record
from .store import PREDICTED_FILE, Saved, SavedCase, counted, newest_version, open_case, put_next


def is_beside(folder: Path) -> bool:
    """Whether a folder is one of those beside the versions of a case: CASE/beside/NAME."""
    return folder.parent.name == BESIDE and folder.name != ".." and (folder / RECORD_FILE).is_file()


def kept_beside(case: Path) -> list[str]:
    """Names of what was kept beside the versions of a case, in order."""
    return sorted(each.parent.name for each in (case / BESIDE).glob(f"[0-9]*/{RECORD_FILE}"))


def open_beside(folder: Path) -> SavedCase:
    """What was kept in CASE/beside/NAME, with the prediction and the images of its case.

    Raises:
        InputError: nothing was kept there, or it cannot be read.
    """
    case = folder.parent.parent
    if not is_beside(folder):
        names = ", ".join(kept_beside(case)) or "nothing"
        raise InputError(f"There is no {folder.name} beside the versions of {case.name}.", f"There is: {names}.")
    predicted = case / PREDICTED_FILE
    record = read_record(folder / RECORD_FILE)
    check_labels(folder / LABELS_FILE, record, f"{folder.name} beside the versions of {case.name}")
    return SavedCase(
        case,
        record,
        read_labels(folder / LABELS_FILE),
        read_labels(predicted) if predicted.exists() else None,
    )


def adopt(case: Path, name: str, by: str = "") -> Saved:
    """Make what was kept beside the versions of a case its newest version. Nothing is overwritten or taken away.

    The new version's record is that of its writer: `based_on` says which version they had open, `adopted` where it lay.

    Args:
        case: folder of a corrected case.
        name: of the folder in its `beside`.
        by: pseudonym of who decides so; "" where it is not to be told.

    Raises:
        InputError: there is no such folder, it was adopted before, or somebody saved a version meanwhile.
    """
    kept, newest = open_beside(case / BESIDE / name), newest_version(case)
    before = open_case(case)
    if (number := _adopted_as(case, name)) is not None:
        raise InputError(f"{name} is version {number} of {case.name} already.", "Nothing has to be done.")
    if not Grid.of(before.labels).same_as(Grid.of(kept.labels), 1e-2):
        raise InputError(f"{name} does not lie on the grid of {case.name}.", "It cannot be a version of it.")
    record = replace(kept.record, adopted=name, adopted_by=by)
    saved = put_next(case, newest + 1, counted(before, record, kept.labels), kept.labels)
    if saved is None:
        raise InputError(f"Somebody saved {case.name} meanwhile.", "Look at what they saved; then try again.")
    return saved


def _adopted_as(case: Path, name: str) -> int | None:
    return next((number for number in numbers_of(case) if _record(case, number).adopted == name), None)


def _record(case: Path, number: int) -> ReviewRecord:
    return read_record(version_folder(case, number) / RECORD_FILE)
