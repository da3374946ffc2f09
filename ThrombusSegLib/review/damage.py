"""Records and labels of a corrected case as they can still be read, and a sentence where they cannot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .checksums import LABELS_FILE, digest_of, is_whole
from .record import LaterVersionError, ReviewRecord, read_record

RECORD_FILE = "review.json"
VERSIONS, BESIDE = "versions", "beside"


@dataclass(frozen=True)
class Damage:
    """A record of a case that cannot be read, or labels that do not match theirs."""

    case: str
    sentence: str
    """Which record of which case, and what is shown instead."""
    advice: str
    opens: bool = False
    """Whether the newest version is whole all the same: then opening the case puts it right."""
    lost_labels: bool = False
    """Whether no copy of the newest labels is left."""

    @property
    def text(self) -> str:
        """Both sentences."""
        return f"{self.sentence} {self.advice}"

    @property
    def error(self) -> InputError:
        """For those who cannot go on without the record."""
        return InputError(self.sentence, self.advice)


def numbers_of(case: Path) -> list[int]:
    """Numbers of a case's versions, the newest first."""
    found = (case / VERSIONS).glob("[0-9]*")
    return sorted((int(each.name) for each in found if each.name.isdigit()), reverse=True)


def version_folder(case: Path, number: int) -> Path:
    """Where a version lies."""
    return case / VERSIONS / f"{number:04d}"


def is_case(folder: Path) -> bool:
    """Whether something was saved in a folder, readable or not."""
    return (folder / RECORD_FILE).exists() or bool(numbers_of(folder))


def look_at(case: Path) -> tuple[ReviewRecord | None, Damage | None]:
    """The newest record of a case that can be read, and what is wrong with its records; None and None for no case."""
    shown = _read(case / RECORD_FILE)
    numbers = numbers_of(case)
    if not numbers:
        if isinstance(shown, ReviewRecord) or not is_case(case):
            return (shown if isinstance(shown, ReviewRecord) else None), None
        return None, Damage(case.name, *_none_left(case, shown))
    newest = _read(version_folder(case, numbers[0]) / RECORD_FILE)
    if isinstance(newest, ReviewRecord):
        return newest, _labels(case, numbers, newest) or (
            None if isinstance(shown, ReviewRecord) else _shown_only(case, shown, numbers[0])
        )
    return _without_newest(case, numbers, newest, shown)


def _read(path: Path) -> ReviewRecord | InputError:
    try:
        return read_record(path)
    except InputError as error:
        return error


def _shown_only(case: Path, error: InputError, newest: int) -> Damage:
    place = f"{case.name}/{VERSIONS}/{newest:04d}"
    sentence = f"{_named(error, f'{RECORD_FILE} of {case.name}')}; its version {newest} is whole."
    return Damage(case.name, sentence, f"Open the case, which restores it from {place}.", opens=True)


def _labels(case: Path, numbers: list[int], record: ReviewRecord) -> Damage | None:
    """Labels of the newest version, and those that are shown, against their record."""
    newest, shown = numbers[0], case / LABELS_FILE
    place = f"{case.name}/{VERSIONS}/{newest:04d}"
    if is_whole(version_folder(case, newest) / LABELS_FILE, record):
        if _is_saved(case, shown):
            return None
        sentence = f"{LABELS_FILE} of {case.name} is not what was saved: damaged, or changed by another program."
        advice = f"Open the case, which restores it from {place} and keeps what it held in {case.name}/{BESIDE}."
        return Damage(case.name, sentence, advice, opens=True)
    what = f"The labels of version {newest} of {case.name} do not match their record any more"
    if record.labels_sha256 and is_whole(shown, record):
        sentence = f"{what}; {case.name}/{LABELS_FILE} is a copy of them."
        return Damage(case.name, sentence, "Open the case, which restores them from it.", opens=True)
    advice = f"Restore {place}/{LABELS_FILE}"
    if numbers[1:]:
        advice += f", or move {place} elsewhere: then version {numbers[1]} is the newest"
    return Damage(case.name, f"{what}, so it is left out of the manifest.", f"{advice}.", lost_labels=True)


def _is_saved(case: Path, shown: Path) -> bool:
    """Whether the labels that are shown are those of any version: while one is being saved, of the one before. Versions
    are counted after these were read, so one that has just come is among them."""
    found = digest_of(shown)
    return bool(found) and any(
        digest_of(version_folder(case, each) / LABELS_FILE) == found for each in numbers_of(case)
    )


def _without_newest(
    case: Path, numbers: list[int], error: InputError, shown: ReviewRecord | InputError
) -> tuple[ReviewRecord | None, Damage]:
    """The newest version's own record cannot be read: a copy of it, else that of an earlier version stands in."""
    newest, place = numbers[0], f"{case.name}/{VERSIONS}/{numbers[0]:04d}"
    what = _named(error, f"The record of version {newest} of {case.name}")
    if isinstance(shown, ReviewRecord) and shown.version == newest:
        advice = f"Copy {case.name}/{RECORD_FILE} into {place}, then open the case."
        sentence = f"{what}; {case.name}/{RECORD_FILE} is a copy of it."
        return shown, Damage(case.name, sentence, advice)
    for number in numbers[1:]:
        earlier = _read(version_folder(case, number) / RECORD_FILE)
        if isinstance(earlier, ReviewRecord):
            advice = f"Restore {place}/{RECORD_FILE}, or move {place} elsewhere: then version {number} is the newest."
            return earlier, Damage(case.name, f"{what}; version {number} is listed.", _advice(error, advice))
    return None, Damage(case.name, *_none_left(case, error))


def _none_left(case: Path, error: InputError) -> tuple[str, str]:
    """Nothing says any more who saved the case and on which images."""
    sentence = f"{_named(error, f'What was saved of {case.name}')}, so it is left out of the manifest."
    return sentence, _advice(error, f"Restore {RECORD_FILE} in the newest folder of {case.name}/{VERSIONS}.")


def _named(error: InputError, what: str) -> str:
    later = isinstance(error, LaterVersionError)
    return f"{what} {'was written by a later version' if later else 'cannot be read'}"


def _advice(error: InputError, otherwise: str) -> str:
    return error.advice if isinstance(error, LaterVersionError) else otherwise
