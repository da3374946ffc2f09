"""A simulated annotator, who knows the truth and takes the errors of a prediction away one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..sequences import Sequence
from .record import INFARCT, THROMBUS, CandidateReview, Decision, ReviewRecord
from .store import Saved, save_case

Mask = npt.NDArray[np.bool_]
#: Pseudonym under which simulated corrections are saved.
ANNOTATOR = "simulated"


@dataclass(frozen=True)
class Correction:
    """One error taken away."""

    kind: str
    """"reject" a false candidate, "reshape" a right one, "add" a missed one, or "infarct" for the second label."""
    voxels: int
    """How many were changed."""
    labels: sitk.Image
    """After this and all earlier corrections."""


@dataclass(frozen=True)
class Corrected:
    """What comes of a simulated session."""

    labels: sitk.Image
    corrections: tuple[Correction, ...]
    candidates: tuple[CandidateReview, ...]
    """A decision for every predicted candidate, the largest first, then the added ones."""


def correct(predicted: sitk.Image, truth: sitk.Image, *, at_most: int | None = None) -> Corrected:
    """Take errors away in the order in which an annotator meets them, largest first: false candidates, the outline of
    right ones, missed thrombi, then the infarct.

    Args:
        predicted: uint8, 1 thrombus, 2 infarct.
        truth: the same, same grid.
        at_most: stop after so many corrections (an annotator in a hurry); None: until nothing is wrong.
    """
    done: list[Correction] = []
    labels = sitk.GetArrayFromImage(predicted)
    for kind, where, value in _errors(labels.copy(), sitk.GetArrayFromImage(truth)):
        if at_most is not None and len(done) >= at_most:
            break
        changed = int((labels[where] != value[where]).sum())
        labels[where] = value[where]
        done.append(Correction(kind, changed, _image(labels, predicted)))
    reviews = _decisions(predicted, truth, {each.kind for each in done})
    return Corrected(_image(labels, predicted), tuple(done), reviews)


def save_corrected(
    folder: Path,
    name: str,
    predicted: sitk.Image,
    truth: sitk.Image,
    images: Mapping[Sequence, sitk.Image | Path],
    *,
    reference: Sequence,
    about: Mapping[str, str] | None = None,
    at_most: int | None = None,
) -> tuple[Saved, Corrected]:
    """Correct one case and save it as an annotator's session would be.

    Args:
        folder: of the corrected cases.
        name: of the case. predicted, truth, at_most: see `correct`.
        images: of the case, copied; or paths, which are referred to.
        reference: on whose grid the labels lie.
        about: further fields of the record: "centre", "split", "model", "model_sha256".
    """
    corrected = correct(predicted, truth, at_most=at_most)
    record = ReviewRecord(
        case=name,
        annotator=ANNOTATOR,
        reference=reference,
        used=tuple(each for each in Sequence if each in images),
        candidates=corrected.candidates,
        **dict(about or {}),  # type: ignore[arg-type]
    )
    return save_case(folder, record, corrected.labels, images, predicted=predicted), corrected


def _errors(labels: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> Iterator[tuple[str, Mask, np.ndarray]]:
    """Kind, where, and the values to put there."""
    told = truth == THROMBUS
    false: list[Mask] = []
    right: list[Mask] = []
    for part in _parts(labels == THROMBUS):
        (right if (part & told).any() else false).append(part)
    for part in false:
        yield "reject", part, np.where(truth == INFARCT, INFARCT, 0).astype(np.uint8)
    for lesion in _parts(told):
        touching = [part for part in right if (part & lesion).any()]
        if not touching:
            yield "add", lesion, truth
            continue
        where = np.logical_or.reduce([lesion, *touching])
        if (where != lesion).any() or not np.logical_or.reduce(touching)[lesion].all():
            yield "reshape", where, np.where(told, THROMBUS, np.where(truth == INFARCT, INFARCT, 0)).astype(np.uint8)
    rest = (labels != truth) & (labels != THROMBUS) & ~told
    if rest.any():
        yield "infarct", rest, truth


def _decisions(predicted: sitk.Image, truth: sitk.Image, done: set[str]) -> tuple[CandidateReview, ...]:
    told = sitk.GetArrayFromImage(truth) == THROMBUS
    found = _parts(sitk.GetArrayFromImage(predicted) == THROMBUS)
    decisions: list[Decision] = []
    for part in found:
        right = bool((part & told).any())
        decisions.append("accepted" if right else "rejected" if "reject" in done else "undecided")
    union = np.logical_or.reduce(found) if found else np.zeros_like(told)
    missed = [lesion for lesion in _parts(told) if not (lesion & union).any()]
    decisions += ["added" for _ in missed if "add" in done]
    return tuple(CandidateReview(number, decision) for number, decision in enumerate(decisions, 1))


def _parts(mask: Mask) -> list[Mask]:
    """Connected components (26 neighbours), the largest first."""
    numbers = sitk.GetArrayFromImage(
        sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), True))
    )
    return [numbers == number for number in range(1, int(numbers.max()) + 1)]


def _image(labels: npt.NDArray[np.uint8], like: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.CopyInformation(like)
    return image
