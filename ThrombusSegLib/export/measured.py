"""A labelled case ready to be exported: labels, measures of what is labelled, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..case import read_image, read_labels
from ..errors import InputError
from ..lesions import (
    Candidate,
    CandidateSettings,
    ClotBurden,
    clot_burden_score,
    find_candidates,
    find_head_frame,
    find_midline,
    propose_clot_burden,
    with_details,
)
from ..preprocess.grid import Grid
from ..review import SavedCase, open_case, open_version
from ..review.beside import is_beside, open_beside
from ..review.damage import VERSIONS
from ..review.store import newest_version
from ..sequences import Sequence
from .result_table import with_table

THROMBUS, INFARCT = 1, 2
NAMES = {THROMBUS: "Thrombus", INFARCT: "Infarct"}
#: SNOMED CT codes of the labels, morphologic abnormalities, the same as in the Slicer module.
CODES = {THROMBUS: "396339007", INFARCT: "55641003"}
#: Red, green, blue, 0..1, the same as in the Slicer module.
COLOURS = {THROMBUS: (0.93, 0.20, 0.20), INFARCT: (0.25, 0.65, 0.90)}


@dataclass(frozen=True)
class MeasuredCase:
    """What the writers of this package take."""

    name: str
    labels: sitk.Image
    """uint8: 1 thrombus, 2 infarct."""
    thrombi: tuple[Candidate, ...]
    """The connected parts of label 1, measured, the largest first; probabilities are 1."""
    numbers: npt.NDArray[np.int32]
    """(Z, Y, X) which voxel belongs to which of them; 0 outside."""
    image: sitk.Image | None = None
    """The reference, for pictures."""
    reference: str = ""
    burden: ClotBurden | None = None
    """As a reader ticked it, else proposed from the likely segments; None without either."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Facts for the report: annotator, saved, model, decisions ... No name of a patient."""
    overestimation: Mapping[str, Any] | None = None
    """`ReviewRecord.overestimation`."""
    why_no_image: str = "No image was given."
    """Said where there is no `image`."""
    warnings: tuple[str, ...] = ()
    """What opening the case has put right: see `SavedCase.warnings`."""

    @property
    def infarct_ml(self) -> float:
        """Volume of label 2."""
        array = sitk.GetArrayViewFromImage(self.labels)
        return float((array == INFARCT).sum()) * float(np.prod(self.labels.GetSpacing())) / 1000.0


def measure(
    labels: sitk.Image,
    image: sitk.Image | None = None,
    *,
    name: str = "case",
    reference: str = "",
    about: Mapping[str, Any] | None = None,
) -> MeasuredCase:
    """Measure what is labelled, with the methods of `lesions`.

    Args:
        labels: uint8: 1 thrombus, 2 infarct.
        image: of the same grid, for side and likely artery; None leaves both unknown.
        name: a pseudonym.
        reference: the image's sequence.
        about: see `MeasuredCase`.

    Raises:
        InputError: image and labels lie on different grids.
    """
    if image is not None and not Grid.of(image).same_as(Grid.of(labels), 1e-2):
        raise InputError("Labels and image lie on different grids.", "Resample the labels, nearest neighbour.")
    likely = sitk.Cast(labels == THROMBUS, sitk.sitkFloat32)
    midline = None if image is None else find_midline(image)
    found = find_candidates(likely, CandidateSettings(0.5), midline=midline)
    frame = None if image is None or not found.found else find_head_frame(image, midline)
    found = with_details(found, labels, frame=frame, infarct=labels == INFARCT)
    burden = propose_clot_burden(found.found)
    return MeasuredCase(name, labels, found.found, found.labels, image, reference, burden, about or {})


def read_measured(folder: Path) -> MeasuredCase:
    """A corrected case, one of its `versions` or kept in its `beside`, or a folder of results of `thrombusseg segment`.

    Raises:
        InputError: it is neither.
    """
    if is_beside(folder):
        kept = open_beside(folder)
        name = f"{kept.record.case}-{folder.name}"
        return _measure_corrected(kept, name, f"beside the others, begun from {kept.record.based_on}")
    if folder.parent.name == VERSIONS and folder.name.isdigit():
        return _read_version(folder.parent.parent, int(folder.name))
    if (folder / "review.json").is_file() or (folder / "versions").is_dir():
        case = open_case(folder)
        return _measure_corrected(case, case.record.case, str(case.record.version))
    if (folder / "result.json").is_file():
        return _read_result(folder)
    raise InputError(f"{folder.name} is neither a corrected case nor a result.", "Give a folder with review.json.")


def _read_version(case: Path, number: int) -> MeasuredCase:
    """A version as it was saved, under a name of its own; the case is left as it is."""
    record, labels = open_version(case, number)
    newest = newest_version(case)
    told = str(number) if number == newest else f"{number}, not the newest, which is {newest}"
    return _measure_corrected(SavedCase(case, record, labels, None), f"{record.case}-version-{number:04d}", told)


def _read_result(folder: Path) -> MeasuredCase:
    """No image is at hand: side and likely artery are those of the result's own table."""
    summary = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    about = {
        "model": summary["weights"]["name"],
        "model SHA-256": summary["weights"]["sha256"],
        "threshold": summary["threshold"],
        "sequences": ", ".join(summary["sequences"]["used"]),
        "created": summary["created"],
    }
    labels = read_labels(folder / "segmentation.nii.gz")
    case = measure(labels, name=summary["case"], reference=summary["reference"], about=about)
    why = "The images are not in the folder of the result. A corrected case has them: save this one, and export that."
    return replace(case, thrombi=with_table(case.thrombi, folder / "lesions.csv"), why_no_image=why)


def _measure_corrected(case: SavedCase, name: str, version: str) -> MeasuredCase:
    record = case.record
    counts = {
        decision: sum(each.decision == decision for each in record.candidates)
        for decision in ("accepted", "added", "unsure", "rejected")
    }
    changes = record.voxels_changed.get("thrombus", {"added": 0, "removed": 0})
    about = {
        "annotator": record.annotator,
        "saved": record.saved,
        "version": version,
        "status": record.status,
        "candidates": ", ".join(f"{count} {decision}" for decision, count in counts.items() if count) or "none",
        "voxels changed": f"{changes['added']} added, {changes['removed']} removed (thrombus)",
        "model": record.model or "none",
        "model SHA-256": record.model_sha256 or "none",
        "threshold": "none" if record.threshold is None else record.threshold,
        "sequences": ", ".join(each.value for each in record.used),
    }
    image = _reference(case.images.get(record.reference), record.reference)
    measured = measure(case.labels, image, name=name, reference=record.reference.value, about=about)
    ticked = record.clot_burden_parts
    burden = measured.burden if ticked is None else clot_burden_score(ticked)
    return replace(
        measured,
        burden=burden,
        overestimation=record.overestimation,
        why_no_image=f"The image ({record.reference.value}) is not where this case refers to.",
        warnings=case.warnings,
    )


def _reference(path: Path | None, sequence: Sequence) -> sitk.Image | None:
    """The reference image, where its file is still there: measures that need it are unknown without."""
    return read_image(path, sequence) if path is not None and path.exists() else None
