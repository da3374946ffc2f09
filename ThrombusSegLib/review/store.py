"""Corrected cases on disk: one folder each, all versions kept, written whole or not at all.

::

    FOLDER/manifest.csv                    a manifest as `thrombusseg train` and `evaluate` read it
    FOLDER/CASE/SWI.nii.gz ...             the images (or the manifest refers to them elsewhere)
    FOLDER/CASE/predicted.nii.gz           what the network said, before any correction
    FOLDER/CASE/labels.nii.gz              the newest labels: 1 thrombus, 2 infarct, on the reference's grid
    FOLDER/CASE/review.json                who, when, what (`record.ReviewRecord`)
    FOLDER/CASE/versions/0001/...          labels and record of every version, the newest too
    FOLDER/CASE/beside/0001-NAME-1/...     what a second writer saved who had not seen the newest version

The rename of a complete folder to its version's number is the moment of saving. Whatever happens before leaves the
version before; whatever happens after is made good by the next one who opens the folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..case import read_labels
from ..errors import InputError
from ..files import claim_name, unfinished_folder, write_image
from ..preprocess.grid import Grid
from ..sequences import Sequence
from .checksums import LABELS_FILE, check_labels
from .damage import BESIDE, RECORD_FILE, VERSIONS, look_at, numbers_of, version_folder
from .listing import refresh_manifest
from .record import LABELS, ReviewRecord, check_pseudonym, count_changes, read_record, stamped
from .second import why_not_second
from .shown import TRIES, refresh

PREDICTED_FILE = "predicted.nii.gz"


@dataclass(frozen=True)
class Saved:
    """What came of saving."""

    record: ReviewRecord
    folder: Path
    """Where labels and record of this version lie."""
    conflict: str = ""
    """A sentence where another version had been saved meanwhile; this one then lies beside it. "" = all is well."""
    warnings: tuple[str, ...] = ()
    """Files of the case that another program had changed; cases of the folder that are damaged, and what to do: see
    `listing.damaged_cases`."""


@dataclass(frozen=True)
class SavedCase:
    """A corrected case, opened."""

    folder: Path
    record: ReviewRecord
    labels: sitk.Image
    predicted: sitk.Image | None
    warnings: tuple[str, ...] = ()
    """What opening it has put right and kept beside: files that another program had changed."""

    @property
    def images(self) -> dict[Sequence, Path]:
        """Paths of its sequences."""
        return {Sequence(name): self.folder / path for name, path in self.record.images.items()}


def save_case(
    folder: Path,
    record: ReviewRecord,
    labels: sitk.Image,
    images: Mapping[Sequence, sitk.Image | Path],
    *,
    predicted: sitk.Image | None = None,
) -> Saved:
    """Save a new case or a new version of one, and keep the manifest in step.

    Args:
        folder: of all corrected cases; the case gets `folder / record.case`.
        record: `record.based_on` says which version the annotator had opened (0: none).
        labels: uint8, 0, 1 and 2, on the grid of the reference.
        images: of a new case; an image is written with its geometry only (no name of a patient), a path is referred to.
            Of a case that is there already they are not looked at.
        predicted: labels before the correction; what is changed is counted against them.

    Raises:
        InputError: labels with other values or on another grid, or a second reading by somebody who has saved the first
            one of this case (`second`). MachineError: the disk is full or refuses.
    """
    check_pseudonym(record.case, "case")
    if refusal := why_not_second(folder, record.case, record.annotator):
        raise refusal
    labels = _checked(labels)
    case = folder / record.case
    if not case.exists():
        first = _first_version(case, record, labels, images, predicted)
        if first is not None:
            return _listed(first, folder)
    return _next_version(case, record, labels)


def _listed(saved: Saved, folder: Path) -> Saved:
    """Keep the manifest in step; tells of the cases that are damaged."""
    return replace(saved, warnings=(*saved.warnings, *(each.text for each in refresh_manifest(folder))))


def open_case(case: Path) -> SavedCase:
    """The newest version of a case; puts right what a killed program left half done.

    Raises:
        InputError: it is no case, or the newest version's record or labels are damaged; nothing is changed then.
    """
    number = newest_version(case)
    if number == 0:
        raise InputError(f"{case.name} is no corrected case.", f"It must hold {RECORD_FILE} and {LABELS_FILE}.")
    damage = look_at(case)[1]
    if damage is not None and not damage.opens:
        raise damage.error
    warnings = refresh(case)
    version = version_folder(case, newest_version(case))
    predicted = case / PREDICTED_FILE
    return SavedCase(
        case,
        read_record(version / RECORD_FILE),
        read_labels(version / LABELS_FILE),
        read_labels(predicted) if predicted.exists() else None,
        warnings,
    )


def newest_version(case: Path) -> int:
    """Number of the newest version; 0 where there is none."""
    return next(iter(numbers_of(case)), 0)


def open_version(case: Path, number: int) -> tuple[ReviewRecord, sitk.Image]:
    """Record and labels of an earlier version."""
    version = version_folder(case, number)
    if not version.is_dir():
        raise InputError(f"{case.name} has no version {number}.", f"The newest is {newest_version(case)}.")
    record = read_record(version / RECORD_FILE)
    check_labels(version / LABELS_FILE, record, f"version {number} of {case.name}")
    return record, read_labels(version / LABELS_FILE)


def _first_version(
    case: Path,
    record: ReviewRecord,
    labels: sitk.Image,
    images: Mapping[Sequence, sitk.Image | Path],
    predicted: sitk.Image | None,
) -> Saved | None:
    """A whole new case; None where somebody else has made it meanwhile."""
    _check_grid(labels, images, record)
    with unfinished_folder(case.parent) as unfinished:
        files = {each.value: _put_image(images[each], each, unfinished) for each in Sequence if each in images}
        if predicted is not None:
            write_image(_checked(predicted), unfinished / PREDICTED_FILE)
        changes = count_changes(predicted, labels)
        record = replace(record, images=files, voxels_changed=changes, voxels_changed_since_last=changes)
        record = _write_version(version_folder(unfinished, 1), replace(record, version=1), labels)
        refresh(unfinished)
        return Saved(record, version_folder(case, 1)) if claim_name(unfinished, case) else None


def _next_version(case: Path, record: ReviewRecord, labels: sitk.Image) -> Saved:
    newest = newest_version(case)
    before = open_case(case)
    if not Grid.of(before.labels).same_as(Grid.of(labels), 1e-2):
        raise InputError("The labels do not lie on the grid of the saved ones.", "Resample them, nearest neighbour.")
    record = counted(before, record, labels)
    if record.based_on == newest or (record.based_on == 0 and before.record.annotator == record.annotator):
        # The same annotator who begins again from the images goes on from where he was.
        saved = put_next(case, newest + 1, record, labels)
        if saved is not None:
            return replace(saved, warnings=(*before.warnings, *saved.warnings))
    return replace(_put_beside(case, record, labels), warnings=before.warnings)


def counted(before: SavedCase, record: ReviewRecord, labels: sitk.Image) -> ReviewRecord:
    """The record with its images, changed voxels and time, as they are after the newest version `before`."""
    return replace(
        record,
        images=before.record.images,
        voxels_changed=count_changes(before.predicted, labels),
        voxels_changed_since_last=count_changes(before.labels, labels),
        seconds_spent_before=before.record.seconds_spent + before.record.seconds_spent_before,
    )


def put_next(case: Path, number: int, record: ReviewRecord, labels: sitk.Image) -> Saved | None:
    """Write a version; None where somebody else has just taken its number."""
    wanted = version_folder(case, number)
    with unfinished_folder(case / VERSIONS) as unfinished:
        written = _write_version(unfinished, replace(record, version=number), labels)
        if not claim_name(unfinished, wanted):
            return None
    return _listed(Saved(written, wanted, warnings=refresh(case)), case.parent)


def _put_beside(case: Path, record: ReviewRecord, labels: sitk.Image) -> Saved:
    """Keep a version that was begun before the newest was saved, without touching that one."""
    newest = newest_version(case)
    theirs = read_record(version_folder(case, newest) / RECORD_FILE)
    for count in range(1, TRIES):
        wanted = case / BESIDE / f"{record.based_on:04d}-{record.annotator}-{count}"
        with unfinished_folder(case / BESIDE) as unfinished:
            written = _write_version(unfinished, replace(record, version=0), labels)
            if claim_name(unfinished, wanted):
                sentence = (
                    f"{theirs.annotator} saved version {newest} of {case.name} while you had version "
                    f"{record.based_on} open; yours was kept beside it as {wanted.name}, and theirs was not changed."
                )
                return Saved(written, wanted, sentence)
    raise InputError(f"{case.name} is being saved by too many at once.", "Try again.")


def _write_version(folder: Path, record: ReviewRecord, labels: sitk.Image) -> ReviewRecord:
    folder.mkdir(parents=True, exist_ok=True)
    write_image(labels, folder / LABELS_FILE)
    digest = hashlib.sha256((folder / LABELS_FILE).read_bytes()).hexdigest()
    record = stamped(record, labels_sha256=digest)
    (folder / RECORD_FILE).write_text(record.as_json(), encoding="utf-8", newline="\n")
    return record


def _put_image(image: sitk.Image | Path, sequence: Sequence, case: Path) -> str:
    """Write an image into the folder of a case, or find out how to refer to it from there."""
    if isinstance(image, Path):
        if not image.exists():
            raise InputError(f"{image.name} does not exist.", "Check the path.")
        return Path(os.path.relpath(image.resolve(), case.resolve())).as_posix()
    write_image(image, case / f"{sequence.value}.nii.gz")
    return f"{sequence.value}.nii.gz"


def _checked(labels: sitk.Image) -> sitk.Image:
    known = (0, *(int(value) for value in LABELS))
    if not np.isin(np.unique(sitk.GetArrayViewFromImage(labels)), known).all():
        raise InputError("The labels hold other values than 0, 1 and 2.", "1 is thrombus, 2 infarct, 0 neither.")
    checked: sitk.Image = sitk.Cast(labels, sitk.sitkUInt8)
    return checked


def _check_grid(labels: sitk.Image, images: Mapping[Sequence, sitk.Image | Path], record: ReviewRecord) -> None:
    """Training asks for labels on the grid of one of the sequences: better said now than then."""
    missing = [each.value for each in record.used if each not in images]
    if missing:
        raise InputError(f"The images of {', '.join(missing)} are missing.", "Give every sequence that was used.")
    image = images[record.reference]
    if isinstance(image, Path):
        return
    if not Grid.of(image).same_as(Grid.of(labels), 1e-2):
        raise InputError(
            f"The labels do not lie on the grid of {record.reference.value}.", "Resample them, nearest neighbour."
        )
