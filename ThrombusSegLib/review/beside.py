"""What a second writer saved who had not seen the newest version: to look at, and to make the newest one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..case import read_labels
from ..errors import InputError
from ..preprocess.grid import Grid
from .checksums import LABELS_FILE, check_labels
from .damage import BESIDE, RECORD_FILE, is_case, numbers_of, version_folder
from .record import read_record
from .second import CASES, CORRECTED
from .store import PREDICTED_FILE, Saved, SavedCase, counted, newest_version, open_case, put_next


def is_beside(folder: Path) -> bool:
    """Whether a folder is one of those beside the versions of a case: CASE/beside/NAME."""
    return folder.parent.name == BESIDE and folder.name != ".." and (folder / RECORD_FILE).is_file()


@dataclass(frozen=True)
class Kept:
    """Something beside the versions of a case."""

    name: str
    """Of its folder, or of a file of labels that another program had changed."""
    about: str
    """Who saved it, when, after which version; or what is wrong with it."""
    adopted_as: int | None = None
    """The version it has become; None where it was not adopted."""

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        adopted = f"  version {self.adopted_as} already" if self.adopted_as else ""
        return f"{self.name}  {self.about}{adopted}"


def kept_beside(case: Path) -> list[str]:
    """Names of what was kept beside the versions of a case, in order: what was saved, then what was changed."""
    saved = sorted(each.parent.name for each in (case / BESIDE).glob(f"[0-9]*/{RECORD_FILE}"))
    return [*saved, *sorted(each.name for each in (case / BESIDE).glob(f"edited-*-{LABELS_FILE}"))]


def list_beside(case: Path) -> list[Kept]:
    """What was kept beside the versions of a case; one that cannot be read is told like the others.

    Raises:
        InputError: it is no case, but perhaps a list or a folder of them.
    """
    _check_case(case)
    return [Kept(name, _about(case, name), _adopted_as(case, name)) for name in kept_beside(case)]


def _check_case(case: Path) -> None:
    if is_case(case):
        return
    cases = [*case.glob(f"*/{BESIDE}"), *case.glob(f"{CORRECTED}/*/{BESIDE}")]
    there = ", ".join(sorted(each.parent.name for each in cases if kept_beside(each.parent)))
    found = f"Something lies beside the versions of {there}." if there else "Nothing lies beside any version in it."
    is_many = (case / CASES).is_file() or any(is_case(each) for each in case.glob("*"))
    what = f"{case.name} is no corrected case"
    raise InputError(
        f"{what}, but holds several. {found}" if is_many else f"{what}.",
        f"Give the folder of one case, such as LIST/{CORRECTED}/case-001.",
    )


def _about(case: Path, name: str) -> str:
    if _is_edited(name):
        return "labels as another program had changed them; --by NAME says who"
    try:
        record = read_record(case / BESIDE / name / RECORD_FILE)
    except InputError as error:
        return str(error)
    return f"{record.annotator}  {record.saved}  begun from version {record.based_on}"


def _is_edited(name: str) -> bool:
    return name.startswith("edited-") and name.endswith(LABELS_FILE)


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
        by: pseudonym of who decides so; "" where it is not to be told. Labels that another program had changed have no
            record: they become those of `by`, with the other facts of the newest version.

    Raises:
        InputError: it is no case, nothing of that name is there, it was adopted before, or somebody saved meanwhile.
    """
    _check_case(case)
    is_edited = _is_edited(name) and name in kept_beside(case)
    kept = None if is_edited else open_beside(case / BESIDE / name)
    newest, before = newest_version(case), open_case(case)
    if kept is None:
        kept = _edited(before, name, by)
    if (number := _adopted_as(case, name)) is not None:
        raise InputError(f"{name} is version {number} of {case.name} already.", "Nothing has to be done.")
    if not Grid.of(before.labels).same_as(Grid.of(kept.labels), 1e-2):
        raise InputError(f"{name} does not lie on the grid of {case.name}.", "It cannot be a version of it.")
    record = replace(kept.record, adopted=name, adopted_by=by)
    saved = put_next(case, newest + 1, counted(before, record, kept.labels), kept.labels)
    if saved is None:
        raise InputError(f"Somebody saved {case.name} meanwhile.", "Look at what they saved; then try again.")
    return replace(saved, warnings=(*before.warnings, *saved.warnings))


def _edited(before: SavedCase, name: str, by: str) -> SavedCase:
    """Labels that another program had changed, with the facts of the version that they were changed after."""
    if not by:
        raise InputError(f"{name} does not say who changed it.", "Say it: --by NAME (a pseudonym).")
    record = replace(before.record, annotator=by, based_on=before.record.version, seconds_spent=0.0)
    return replace(before, record=record, labels=read_labels(before.folder / BESIDE / name))


def _adopted_as(case: Path, name: str) -> int | None:
    return next((number for number in numbers_of(case) if _adopted(case, number) == name), None)


def _adopted(case: Path, number: int) -> str:
    """What a version had been in `beside`; "" too where its record cannot be read."""
    try:
        return read_record(version_folder(case, number) / RECORD_FILE).adopted
    except InputError:
        return ""
