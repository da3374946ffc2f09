"""What is written beside a corrected label image: who decided what, when, on which sequences, after which weights."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..lesions.burden import clot_burden_score
from ..sequences import Sequence

#: Version of the format of review.json; a reader refuses a later one.
SCHEMA = 1
#: Values of a label image, the same everywhere in this project.
THROMBUS, INFARCT = 1, 2
LABELS = {"1": "thrombus", "2": "infarct"}
Decision = Literal["accepted", "rejected", "unsure", "added", "undecided"]
Status = Literal["in review", "corrected", "checked"]
#: A pseudonym: short, no spaces, so that nobody writes a whole name there by accident.
_PSEUDONYM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class LaterVersionError(InputError):
    """A file that only a later version of this program can read."""


@dataclass(frozen=True)
class CandidateReview:
    """What became of one candidate."""

    candidate: int
    """Its number in the table; an added one goes on counting."""
    decision: Decision
    measures: Mapping[str, Any] = field(default_factory=dict)
    """A row of the table of candidates (`lesions.rows`), as it was when it was saved."""

    def __post_init__(self) -> None:
        if self.decision not in get_args(Decision):
            raise InputError(
                f"Candidate {self.candidate} is {self.decision!r}.", f"Use one of {', '.join(get_args(Decision))}."
            )


@dataclass(frozen=True)
class ReviewRecord:
    """The content of review.json. Holds no name of a patient, no date of birth, no original file name and no path."""

    case: str
    annotator: str
    """A pseudonym."""
    reference: Sequence
    """On whose grid the labels lie."""
    used: tuple[Sequence, ...]
    candidates: tuple[CandidateReview, ...] = ()
    seconds_spent: float = 0.0
    """Since the case was opened, for this version."""
    status: Status = "corrected"
    model: str = ""
    """Name of the weights whose result was corrected; "" where there was none."""
    model_sha256: str = ""
    threshold: float | None = None
    """Probability from which a voxel was thrombus in what was corrected."""
    clot_burden_parts: tuple[str, ...] | None = None
    """Parts of the T2* clot burden score that the reader ticked (`lesions.burden.PARTS`); None where nobody did."""
    overestimation: Mapping[str, Any] | None = None
    """`ratio`, `sign_width_mm`, `artery_width_mm`, and `how` the artery was measured; None where it was not."""
    centre: str = ""
    split: str = "train"
    version: int = 0
    """1 for the first saved; given by `store.save_case`."""
    based_on: int = 0
    """The version that was open when the correction began; 0 = none."""
    adopted: str = ""
    """Of a version that had lain in `beside`: the name of its folder there; see `beside.adopt`."""
    adopted_by: str = ""
    """Who made it the newest, where they said so: a pseudonym."""
    saved: str = ""
    """UTC, ISO 8601; given by `store.save_case`."""
    seconds_spent_before: float = 0.0
    """Of all earlier versions together."""
    voxels_changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Per label, "added" and "removed" voxels against the prediction."""
    voxels_changed_since_last: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The same against the version before."""
    labels_sha256: str = ""
    """Of labels.nii.gz as it was written with this record."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Sequence -> file, relative to the folder of the case."""

    def __post_init__(self) -> None:
        check_pseudonym(self.annotator, "annotator")
        if self.adopted_by:
            check_pseudonym(self.adopted_by, "adopter")
        if self.status not in get_args(Status):
            raise InputError(f"The status is {self.status!r}.", f"Use one of {', '.join(get_args(Status))}.")
        if self.reference not in self.used:
            raise InputError(f"The reference {self.reference.value} is not among the sequences.", "Name it too.")
        if not self.seconds_spent >= 0:
            raise InputError(f"The time spent is {self.seconds_spent} s.", "It must be 0 or more.")
        if self.clot_burden_parts is not None:
            clot_burden_score(self.clot_burden_parts)  # raises where a part is unknown

    def as_json(self) -> str:
        """Text of review.json."""
        content = asdict(self)
        content["reference"] = self.reference.value
        content["used"] = [each.value for each in self.used]
        content["absent"] = [each.value for each in Sequence if each not in self.used]
        parts = self.clot_burden_parts
        score = None if parts is None else clot_burden_score(parts).score
        content |= {"clot_burden_score": score, "schema": SCHEMA, "labels": LABELS}
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_record(path: Path) -> ReviewRecord:
    """A review.json.

    Raises:
        InputError: it is missing or damaged. LaterVersionError: a later version of this program wrote it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] > SCHEMA:
            raise LaterVersionError(f"{path.name} was written by a later version.", "Install the newest ThrombusSeg.")
        known = {each.name for each in fields(ReviewRecord)}
        values = {name: value for name, value in content.items() if name in known}
        values["reference"] = Sequence(content["reference"])
        values["used"] = tuple(Sequence(each) for each in content["used"])
        values["candidates"] = tuple(CandidateReview(**each) for each in content["candidates"])
        if content.get("clot_burden_parts") is not None:
            values["clot_burden_parts"] = tuple(content["clot_burden_parts"])
        return ReviewRecord(**values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name} of {path.parent.name} cannot be read.", "Restore an earlier version.") from error


def check_pseudonym(name: str, what: str) -> None:
    """Raises `InputError` where a pseudonym is no short word."""
    if not _PSEUDONYM.fullmatch(name):
        raise InputError(
            f"The {what} {name!r} is no pseudonym.",
            "Use up to 32 letters, digits, points, lines; not a person's name.",
        )


def pseudonym_of(image: sitk.Image) -> str:
    """A name for a case that tells nothing about the patient and is the same whenever the same image is opened.

    The first ten hexadecimal digits of the SHA-256 of size, spacing and voxels: a name, a date or a file name plays no
    part in it. Two cases out of a million share a name with a chance of one in two.
    """
    array = np.ascontiguousarray(sitk.GetArrayViewFromImage(image), dtype=np.float32)
    digest = hashlib.sha256(repr((image.GetSize(), [round(each, 4) for each in image.GetSpacing()])).encode())
    digest.update(array.tobytes())
    return f"case-{digest.hexdigest()[:10]}"


def count_changes(before: sitk.Image | None, after: sitk.Image) -> dict[str, dict[str, int]]:
    """Voxels that came to a label and voxels that left it, per label; `before` None counts as empty."""
    new = sitk.GetArrayViewFromImage(after)
    old = np.zeros_like(new) if before is None else sitk.GetArrayViewFromImage(before)
    if old.shape != new.shape:
        raise InputError("The labels before and after lie on different grids.", "Resample one onto the other.")
    return {
        name: {
            "added": int(((new == int(value)) & (old != int(value))).sum()),
            "removed": int(((old == int(value)) & (new != int(value))).sum()),
        }
        for value, name in LABELS.items()
    }


def now() -> str:
    """UTC in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def stamped(record: ReviewRecord, **values: Any) -> ReviewRecord:
    """The record with what only the act of saving knows."""
    return replace(record, saved=now(), **values)
