"""A list of cases to work through: what there is to do is read from the folder each time, so a restart loses nothing.

::

    LIST/cases.csv              a manifest: `thrombusseg batch LIST/cases.csv --out LIST/results` predicts them all
    LIST/results/CASE/          what `thrombusseg segment` wrote
    LIST/corrected/CASE/        saved cases; the folder is a training set (see `store`)
    LIST/second/NAME/CASE/      what a second reader saved, who does not see the first one's
    LIST/claims/CASE.json       who has it open

cases.csv is the key between pseudonyms and files. It stays where the images are; `corrected` can be passed on.
"""

from __future__ import annotations

from collections.abc import Sequence as Ordered
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from ..case import ManifestRow, find_case, read_manifest
from ..case.manifest import write_manifest
from ..errors import InputError
from ..files import errors_of_the_disk
from .claims import Claim, claim, claim_of
from .damage import Damage, look_at
from .listing import damaged_cases, look_through
from .record import ReviewRecord, check_pseudonym
from .second import CASES, CORRECTED, SECOND, why_not_second

RESULTS, CLAIMS = "results", "claims"
ItemStatus = Literal["new", "predicted", "in review", "corrected", "checked", "unreadable"]
#: What still has to be looked at.
UNREVIEWED: tuple[ItemStatus, ...] = ("new", "predicted", "in review")


@dataclass(frozen=True)
class Item:
    """One case of a list."""

    row: ManifestRow
    status: ItemStatus
    annotator: str = ""
    """Who saved it last, or has it open."""
    version: int = 0
    seconds_spent: float = 0.0
    """By this reader, over all versions."""
    open_by: str = ""
    """Who has it open right now; "" for nobody."""
    trouble: str = ""
    """What is wrong with it, and what to do; "" where all is well."""
    opens: bool = True
    """Whether this reader can open it."""

    @property
    def case(self) -> str:
        """Its name."""
        return self.row.case


@dataclass(frozen=True)
class WorkList:
    """A list, as one reader sees it."""

    folder: Path
    second_reader: str = ""
    """Pseudonym of a second reader, who works in a folder of their own; "" for the first reading."""

    def __post_init__(self) -> None:
        if self.second_reader:
            check_pseudonym(self.second_reader, "second reader")
        if not (self.folder / CASES).is_file():
            raise InputError(f"{self.folder.name} is no work list.", "Make one: thrombusseg review new LIST --from ...")

    @property
    def saved(self) -> Path:
        """The folder in which this reader saves."""
        return self.folder / SECOND / self.second_reader if self.second_reader else self.folder / CORRECTED

    @property
    def claims(self) -> Path:
        """The folder of this reading's claims."""
        return self.folder / CLAIMS / self.second_reader if self.second_reader else self.folder / CLAIMS

    def result_of(self, case: str) -> Path:
        """Where the prediction of a case lies, or will."""
        return self.folder / RESULTS / case

    def items(self, status: ItemStatus | None = None, text: str = "") -> list[Item]:
        """All cases in order, or those of a status and with a text in their name or centre."""
        saved, damages = look_through(self.saved)
        others = _second_readers(self.folder)
        found = []
        for row in read_manifest(self.folder / CASES):
            record, held = saved.get(row.case), claim_of(self.claims, row.case)
            damage = damages.get(row.case)
            state = self._state(row.case, record, held is not None, others.get(row.case, set()))
            if record is None and damage is not None:
                state = "unreadable"
            item = _item(row, state, record, held.annotator if held else "", damage)
            refusal = why_not_second(self.saved, row.case)
            found.append(item if refusal is None else replace(item, trouble=str(refusal), opens=False))
        wanted = text.lower()
        return [
            each
            for each in found
            if status in (None, each.status) and wanted in f"{each.case} {each.row.centre}".lower()
        ]

    def claim(self, case: str, annotator: str) -> Claim:
        """Claim a case before it is opened, or learn who has it: see `claims.claim`.

        Raises:
            InputError: it was saved, and what was saved cannot be opened; or this is the second reading, and they have
                saved the first one of this case.
        """
        if refusal := why_not_second(self.saved, case, annotator):
            raise refusal
        damage = look_at(self.saved / case)[1]
        if damage is not None and not damage.opens:
            raise damage.error
        return claim(self.claims, case, annotator)

    def damages(self) -> list[Damage]:
        """The saved cases with a record that cannot be read, of this reading."""
        return list(damaged_cases(self.saved).values())

    def _state(self, case: str, record: ReviewRecord | None, is_held: bool, others: set[str]) -> ItemStatus:
        if record is not None and record.status != "in review":
            second = bool(others - {record.annotator.lower()}) and not self.second_reader
            return "checked" if record.status == "checked" or second else "corrected"
        if is_held or record is not None:
            return "in review"
        return "predicted" if (self.result_of(case) / "result.json").is_file() else "new"

    def next_unreviewed(self, after: str = "", annotator: str = "") -> Item | None:
        """The next case to look at, after a given one and then from the start; not one that somebody else has open, nor
        one that this reader cannot open."""
        items = self.items()
        names = [each.case for each in items]
        start = names.index(after) + 1 if after in names else 0
        for each in items[start:] + items[:start]:
            free = each.opens and each.open_by in ("", annotator)
            if free and each.status in UNREVIEWED and each.case != after:
                return each
        return None

    def progress(self) -> dict[str, int]:
        """Cases by status, every status named, and "all" and "done" (corrected or checked)."""
        items = self.items()
        counts = {status: sum(each.status == status for each in items) for status in get_args(ItemStatus)}
        return {**counts, "all": len(items), "done": counts["corrected"] + counts["checked"]}


def _second_readers(folder: Path) -> dict[str, set[str]]:
    """Who has read which case of a list a second time, in small letters."""
    found: dict[str, set[str]] = {}
    for path in folder.glob(f"{SECOND}/*/*/review.json"):
        found.setdefault(path.parent.name, set()).add(path.parent.parent.name.lower())
    return found


def _item(
    row: ManifestRow, state: ItemStatus, record: ReviewRecord | None, open_by: str, damage: Damage | None
) -> Item:
    item = Item(row, state, open_by, open_by=open_by)
    if record is not None:
        spent = record.seconds_spent + record.seconds_spent_before
        item = Item(row, state, open_by or record.annotator, record.version, spent, open_by)
    return item if damage is None else replace(item, trouble=damage.text, opens=damage.opens)


def make_list(folder: Path, rows: Ordered[ManifestRow], *, pseudonymous: bool = True) -> WorkList:
    """Make a list, or add to one: cases whose files are in it already keep their names.

    Args:
        folder: of the list.
        rows: the cases.
        pseudonymous: name them case-001, case-002 ... instead of what they are called.
    """
    if not rows:
        raise InputError("There are no cases for the list.", "Choose another folder or manifest.")
    path = folder / CASES
    known = read_manifest(path) if path.is_file() else []
    files = {_key(row) for row in known}
    names = {row.case for row in known}
    for row in rows:
        if _key(row) in files:
            continue
        name = _new_name(names) if pseudonymous else row.case
        check_pseudonym(name, "case")
        if name in names:
            raise InputError(f"There is another case called {name} in the list.", "Rename it, or use pseudonyms.")
        names.add(name)
        files.add(_key(row))
        known.append(ManifestRow(name, row.centre, row.split or "train", row.paths, row.labels))
    with errors_of_the_disk(CASES):
        folder.mkdir(parents=True, exist_ok=True)
        write_manifest(path, known)
    return WorkList(folder)


def rows_of(source: Path, *, keep_names: bool = False) -> list[ManifestRow]:
    """Cases of a manifest, of a folder with a manifest.csv, or of a folder with one folder a patient.

    Args:
        source: manifest or folder.
        keep_names: call the cases of folders as their folders are called, instead of numbering them.

    Raises:
        InputError: nothing is there, or a folder whose name is to be kept is not called by a pseudonym.
    """
    if source.is_file() or (source / "manifest.csv").is_file():
        return read_manifest(source)
    if not source.is_dir():
        raise InputError(f"{source.name} does not exist.", "Give a manifest, or a folder with a folder per case.")
    rows = []
    for number, each in enumerate(sorted(path for path in source.iterdir() if path.is_dir()), 1):
        paths = {sequence: path for sequence, (path, _) in find_case(each).items()}
        if paths:
            name = _folder_name(each) if keep_names else f"case-{number:03d}"
            rows.append(ManifestRow(name, "", "train", paths, None))
    return rows


def _folder_name(folder: Path) -> str:
    try:
        check_pseudonym(folder.name, "folder")
    except InputError as error:
        raise InputError(error.sentence, f"{error.advice} Rename the folder, or let the cases be numbered.") from None
    return folder.name


def _key(row: ManifestRow) -> frozenset[tuple[str, Path]]:
    return frozenset((sequence.value, path.resolve()) for sequence, path in row.paths.items())


def _new_name(taken: set[str]) -> str:
    number = len(taken) + 1
    while f"case-{number:03d}" in taken:
        number += 1
    return f"case-{number:03d}"
