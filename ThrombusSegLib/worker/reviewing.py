"""What the worker does for the annotator's panel: files and plain values in and out. Does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..case import read_image, read_labels
from ..errors import InputError
from ..files import write_image
from ..lesions import (
    DEFINITIONS,
    ClotBurden,
    clot_burden_score,
    find_midline,
    opposite_width,
    overestimation_ratio,
    rows,
)
from ..review import (
    CandidateReview,
    ReviewRecord,
    WorkList,
    compare_readers,
    make_list,
    open_case,
    propose_at,
    pseudonym_of,
    release,
    rows_of,
    save_case,
)
from ..sequences import Sequence

Values = Mapping[str, Any]
#: Fields of a record that the panel gives as they are.
_PLAIN = (
    "annotator", "seconds_spent", "status", "model", "model_sha256", "threshold", "centre", "split", "based_on",
    "overestimation",
)  # fmt: skip


def run_task(task: str, values: Values) -> dict[str, Any]:
    """Do one of `TASKS`.

    Raises:
        InputError: an unknown task, a missing or wrong value, or what the task raises.
    """
    if task not in TASKS:
        raise InputError(f"There is no task {task!r}.", f"Tasks are {', '.join(TASKS)}.")
    try:
        return TASKS[task](values)
    except KeyError as error:
        raise InputError(f"The task {task} needs {error}.", "Give it.") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"A value of the task {task} is wrong: {error}.", "Give it as the protocol says.") from error


def _propose(values: Values) -> dict[str, Any]:
    """probability (file), point_ras [mm] -> writes the mask to out; threshold, volume_mm3, peak, from_map."""
    path = Path(values["probability"])
    if not path.is_file():
        raise InputError(f"{path.name} does not exist.", "Segment the case first.")
    right, anterior, superior = (float(each) for each in values["point_ras"])
    found = propose_at(_probability(str(path), path.stat().st_mtime_ns), (right, anterior, superior))
    out = Path(values["out"])
    write_image(found.mask, out)
    return {
        "out": str(out),
        "threshold": found.threshold,
        "volume_mm3": round(found.volume_mm3, 2),
        "peak": round(found.peak, 4),
        "from_map": found.from_map,
    }


@lru_cache(maxsize=1)
def _probability(path: str, _changed: int) -> sitk.Image:
    """The map of the case at hand stays in memory: the next click answers at once."""
    return read_image(Path(path))


def _measure(values: Values) -> dict[str, Any]:
    """labels (file), reference (file, may be absent) -> rows of the table, clot burden, infarct in ml."""
    from ..export.measured import measure

    image = read_image(Path(values["reference"])) if values.get("reference") else None
    case = measure(read_labels(Path(values["labels"])), image)
    return {
        "candidates": rows(case.thrombi),
        "infarct_ml": round(case.infarct_ml, 3),
        "clot_burden": None if case.burden is None else _burden(case.burden),
    }


def _burden(burden: ClotBurden) -> dict[str, Any]:
    return asdict(burden)


def _score(values: Values) -> dict[str, Any]:
    """parts [names] that a reader ticked -> score and parts."""
    return _burden(clot_burden_score([str(each) for each in values["parts"]]))


def _overestimation(values: Values) -> dict[str, Any]:
    """sign_width_mm, and artery_width_mm, or tof (file) with reference (file) and centroid_ras -> ratio."""
    width = values.get("artery_width_mm")
    how = "ruler"
    if width is None:
        width, how = _opposite(values), "opposite artery on TOF"
    if width is None:
        return {"ratio": None, "artery_width_mm": None, "how": "no artery stands out on the other side"}
    ratio = overestimation_ratio(float(values["sign_width_mm"]), float(width))
    return {"ratio": round(ratio, 2), "artery_width_mm": round(float(width), 2), "how": how}


def _opposite(values: Values) -> float | None:
    midline = find_midline(read_image(Path(values["reference"])))
    right, anterior, superior = (float(each) for each in values["centroid_ras"])
    if midline is None:
        return None
    return opposite_width(read_image(Path(values["tof"])), (right, anterior, superior), midline)


def _definitions(_: Values) -> dict[str, Any]:
    """Nothing -> title, unit, method, source, caution and tooltip of every measure."""
    return {name: {**asdict(each), "tooltip": each.tooltip} for name, each in DEFINITIONS.items()}


def _save(values: Values) -> dict[str, Any]:
    """folder, labels, images {sequence: file}, reference, annotator, ... -> case, version, conflict, changes,
    and warnings: sentences on cases of the folder with a record that cannot be read."""
    sequences = {Sequence(name): Path(path) for name, path in values["images"].items()}
    images = {sequence: read_image(path, sequence) for sequence, path in sequences.items()}
    reference = Sequence(values["reference"])
    if reference not in images:
        raise InputError(f"The image of {reference.value} is missing.", "Give the reference, too.")
    ticked = values.get("clot_burden_parts")
    record = ReviewRecord(
        case=str(values.get("case") or pseudonym_of(images[reference])),
        reference=reference,
        used=tuple(each for each in Sequence if each in images),
        candidates=tuple(CandidateReview(**each) for each in values.get("candidates", ())),
        clot_burden_parts=None if ticked is None else tuple(str(each) for each in ticked),
        **{name: values[name] for name in _PLAIN if name in values},
    )
    before = values.get("predicted")
    predicted = read_labels(Path(before)) if before else None
    saved = save_case(Path(values["folder"]), record, read_labels(Path(values["labels"])), images, predicted=predicted)
    return {
        "case": record.case,
        "version": saved.record.version,
        "conflict": saved.conflict,
        "warnings": list(saved.warnings),
        "voxels_changed": saved.record.voxels_changed,
        "folder": str(saved.folder),
    }


def _open(values: Values) -> dict[str, Any]:
    """folder of a case -> the content of review.json, where labels, prediction and images lie, and warnings: what
    opening it has put right."""
    import json

    folder = Path(values["folder"])
    case = open_case(folder)
    predicted = folder / "predicted.nii.gz"
    return {
        "record": json.loads(case.record.as_json()),
        "labels": str(folder / "labels.nii.gz"),
        "predicted": str(predicted) if predicted.exists() else None,
        "images": {sequence.value: str(path) for sequence, path in case.images.items()},
        "warnings": list(case.warnings),
    }


def _images(values: Values) -> dict[str, Any]:
    """images {sequence: file or DICOM folder}, out (folder) -> files {sequence: path} that any viewer opens.

    They hold voxels and geometry, and nothing else of a header.
    """
    out = Path(values["out"])
    out.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, path in values["images"].items():
        sequence = Sequence(name)
        files[name] = str(out / f"{sequence.value}.nii.gz")
        write_image(read_image(Path(path), sequence), Path(files[name]))
    return {"files": files}


def _make_list(values: Values) -> dict[str, Any]:
    """list (folder), source (folder or manifest), keep_names -> the list."""
    keep_names = bool(values.get("keep_names", False))
    rows = rows_of(Path(values["source"]), keep_names=keep_names)
    make_list(Path(values["list"]), rows, pseudonymous=not keep_names)
    return _list(values)


def _list(values: Values) -> dict[str, Any]:
    """list (folder), second, status, text, after, annotator -> items, progress, next, and warnings: sentences on saved
    cases with a record that cannot be read."""
    work = WorkList(Path(values["list"]), str(values.get("second") or ""))
    following = work.next_unreviewed(str(values.get("after") or ""), str(values.get("annotator") or ""))
    items = work.items(values.get("status") or None, str(values.get("text") or ""))
    return {
        "saved": str(work.saved),
        "progress": work.progress(),
        "next": following.case if following else None,
        "warnings": [each.text for each in work.damages()],
        "items": [
            {
                "case": each.case,
                "centre": each.row.centre,
                "status": each.status,
                "annotator": each.annotator,
                "version": each.version,
                "seconds_spent": each.seconds_spent,
                "open_by": each.open_by,
                "trouble": each.trouble,
                "images": {sequence.value: str(path) for sequence, path in each.row.paths.items()},
                "result": str(work.result_of(each.case)),
            }
            for each in items
        ],
    }


def _claim(values: Values) -> dict[str, Any]:
    """list, case, annotator, second -> whether it is mine now, and a sentence where it is not; an error where it cannot
    be opened."""
    work = WorkList(Path(values["list"]), str(values.get("second") or ""))
    held = work.claim(str(values["case"]), str(values["annotator"]))
    mine = held.annotator == values["annotator"]
    return {"mine": mine, "annotator": held.annotator, "sentence": "" if mine else held.sentence}


def _release(values: Values) -> dict[str, Any]:
    """list, case, annotator, second -> nothing."""
    work = WorkList(Path(values["list"]), str(values.get("second") or ""))
    release(work.claims, str(values["case"]), str(values["annotator"]))
    return {}


def _agreement(values: Values) -> dict[str, Any]:
    """list, second -> Dice, detection, presence (`review.agreement.Agreement`)."""
    first = WorkList(Path(values["list"])).saved
    return compare_readers(first, WorkList(Path(values["list"]), str(values["second"])).saved).as_dict()


def _export(values: Values) -> dict[str, Any]:
    """case (folder), out (folder), kinds [nifti, nrrd, csv, stl, html, pdf], dicom (series folder) -> files,
    and notes: sentences on what is not in them."""
    from ..cli.export import export_case

    series = Path(values["dicom"]) if values.get("dicom") else None
    written = export_case(Path(values["case"]), Path(values["out"]), list(values.get("kinds", ())), series)
    return {"files": [str(path) for path in written.files], "notes": written.notes}


TASKS: dict[str, Callable[[Values], dict[str, Any]]] = {
    "propose": _propose,
    "measure": _measure,
    "clot_burden": _score,
    "overestimation": _overestimation,
    "definitions": _definitions,
    "save": _save,
    "open": _open,
    "images": _images,
    "make_list": _make_list,
    "list": _list,
    "claim": _claim,
    "release": _release,
    "agreement": _agreement,
    "export": _export,
}
"""What can be asked for, by name; what each takes and gives stands in its function."""
