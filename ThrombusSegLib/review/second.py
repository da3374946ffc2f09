"""A second reading of a list is another person's than the first, or their agreement says nothing."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from .damage import BESIDE, RECORD_FILE, numbers_of, version_folder
from .record import read_record

CASES, CORRECTED, SECOND = "cases.csv", "corrected", "second"


def first_reading_of(folder: Path) -> Path | None:
    """The folder of the first reading, where `folder` is that of a second one (LIST/second/NAME); else None."""
    work = folder.parent.parent
    is_second = folder.parent.name == SECOND and (work / CASES).is_file()
    return work / CORRECTED if is_second else None


def savers_of(case: Path) -> set[str]:
    """Pseudonyms of those who saved a version of a case, or one beside it, in small letters; records that cannot be
    read say nothing."""
    versions = [version_folder(case, number) for number in numbers_of(case)]
    found = set()
    for path in (case / RECORD_FILE, *(each / RECORD_FILE for each in (*versions, *(case / BESIDE).glob("*-*")))):
        try:
            found.add(read_record(path).annotator.lower())
        except InputError:
            continue
    return found


def why_not_second(folder: Path, case: str, *readers: str) -> InputError | None:
    """Why one of these readers cannot read a case in this folder; None where all is well, as in any first reading."""
    first = first_reading_of(folder)
    if first is None:
        return None
    savers = savers_of(first / case)
    same = next((each for each in (*readers, folder.name) if each.lower() in savers), None)
    if same is None:
        return None
    return InputError(
        f"{same} has saved the first reading of {case}, and a second reading must be another person's.",
        "Leave it to somebody else, under their own pseudonym; or correct it in the first reading.",
    )
