"""Real lesions of a few patients: each patient is judged by networks that were trained on the others.

The vocabulary of the network has five places; the sequences of other data take some of them, which one is of no account
to a network that is trained from scratch. The lesions stand where thrombi stand otherwise.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..case import ManifestRow, read_manifest, write_manifest
from ..case.case import read_labels
from ..errors import InputError
from ..evaluation.looks import look_at
from ..evaluation.matching import lesions_of
from ..evaluation.metrics import dice_of
from ..evaluation.record import Record
from ..progress import Progress, part, silent
from ..sequences import Sequence as MRSequence
from ..training.read import read_text
from .evaluating import named
from .names import folder_of, without_folders
from .settings import LeaveOneOutExperiment
from .training import TRAINED, Run, build_variant, facts_of, merge, predictor_of, train_one


@dataclass(frozen=True)
class Fold:
    """One training: a variant and a seed, and the patient it never sees."""

    run: Run
    patient: str
    rows: list[ManifestRow]
    """Of this patient."""


def run_leaving_out(
    settings: LeaveOneOutExperiment,
    folder: Path,
    out: Path,
    *,
    data: Path | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> tuple[dict[str, Any], str]:
    """Train every variant without each of the patients, and judge it on that patient with every subset of sequences.

    Args:
        settings: of the experiment.
        folder: what paths in the settings are relative to.
        out: folder of the experiment: manifests, trainings, looks.
        data: folder of the data; None: that of the settings.
        device: "auto", "cpu" or "cuda", for training and evaluation.
        progress: told throughout; may cancel, and what is done is not done again.

    Returns:
        "patients" and "variants" of results.json, and the device in words.

    Raises:
        InputError: the data are not there, or settings do not fit together.
    """
    where = data or (folder / settings.data if settings.data else None)
    if where is None:
        raise InputError("The folder of the data is not known.", "Name it with --data.")
    folds = plan_folds(settings, _rows(settings, where), folder, out, device)
    looks: dict[str, list[Record]] = {name: [] for name in settings.variants}
    trained: dict[str, list[dict[str, Any]]] = {name: [] for name in settings.variants}
    used = "cpu"
    for number, fold in enumerate(folds):
        told = part(progress, number / len(folds), (number + 1) / len(folds))
        train_one(fold.run, folder / settings.base, out / "runs" / "prepared", told)
        predictor = predictor_of(fold.run, device)
        used = predictor.device.type
        trained[fold.run.variant].append({"without": fold.patient, **facts_of(fold.run, predictor)})
        judged = named(part(told, TRAINED, 1.0), fold.run.name)
        looks[fold.run.variant] += look_at(fold.rows, predictor, subsets="all", progress=judged, keep=fold.run.out)
    sizes = {fold.patient: _sizes(fold.rows[0]) for fold in folds}
    return {
        "patients": {name: _described(each, settings.sizes_mm3) for name, each in sizes.items()},
        "variants": {
            name: {
                "differs": without_folders(settings.variants[name]),
                "trainings": trained[name],
                **figures_of(records, sizes, settings),
            }
            for name, records in looks.items()
        },
    }, used


def _rows(settings: LeaveOneOutExperiment, data: Path) -> list[ManifestRow]:
    """A row for each patient, split "train"; all files are there."""
    rows = []
    for patient in settings.patients:
        paths = {
            MRSequence(place): data / settings.images.format(patient=patient, sequence=name)
            for place, name in settings.sequences.items()
        }
        labels = data / settings.labels.format(patient=patient)
        for path in (*paths.values(), labels):
            if not path.is_file():
                raise InputError(f"{path.name} of patient {patient} is not there.", "Name the data's folder by --data.")
        rows.append(ManifestRow(patient, "real", "train", paths, labels))
    return rows


def plan_folds(
    settings: LeaveOneOutExperiment, rows: list[ManifestRow], folder: Path, out: Path, device: str
) -> list[Fold]:
    """All trainings, and a manifest for each patient that is left out."""
    values = tomllib.loads(read_text(folder / settings.base))
    folds = []
    for left in rows:
        manifest = out / "folds" / f"without-{left.case}" / "manifest.csv"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        others = [row for row in rows if row is not left]
        write_manifest(manifest, [*others, ManifestRow(left.case, left.centre, "test", left.paths, left.labels)])
        judged = [row for row in read_manifest(manifest) if row.split == "test"]
        for variant, differing in settings.variants.items():
            for seed in settings.seeds:
                merged = merge(values, {**differing, "seed": seed, "data": {"manifest": str(manifest.resolve())}})
                place = out / "runs" / f"{folder_of(variant, seed)}-without-{left.case}"
                folds.append(Fold(Run(variant, seed, build_variant(variant, merged, device), place), left.case, judged))
    return folds


def _sizes(row: ManifestRow) -> list[float]:
    """Volume of every true lesion of a patient, mm3, as the matching sees them."""
    assert row.labels is not None
    labels = read_labels(row.labels)
    return [float(count) * float(np.prod(labels.GetSpacing())) for count in lesions_of(labels).voxels]


def _described(sizes: Sequence[float], limits: Sequence[float]) -> dict[str, Any]:
    return {
        "lesions": len(sizes),
        "total_mm3": round(sum(sizes), 1),
        "median_mm3": round(float(np.median(sizes)), 1) if sizes else None,
        "by_size": _counted(sizes, limits),
    }


def _counted(sizes: Sequence[float], limits: Sequence[float]) -> list[int]:
    """How many lesions there are below the first limit, up to the second, and so on."""
    return [int(count) for count in np.bincount(np.digitize(sizes, limits), minlength=len(limits) + 1)]


def figures_of(
    records: list[Record], sizes: Mapping[str, list[float]], settings: LeaveOneOutExperiment
) -> dict[str, Any]:
    """Figures of a variant, for every subset and with and without the sequence that matters, pooled over patients."""
    groups: dict[str, list[Record]] = {f"with {settings.without}": [], f"without {settings.without}": []}
    for record in records:
        names = [settings.sequences[place] for place in record.sequences.split("+")]
        groups[f"with{'out' * (settings.without not in names)} {settings.without}"].append(record)
        groups.setdefault("+".join(names), []).append(record)
    return {"subsets": {name: _pooled(group, sizes, settings.sizes_mm3) for name, group in groups.items() if group}}


def _pooled(records: Sequence[Record], sizes: Mapping[str, list[float]], limits: Sequence[float]) -> dict[str, Any]:
    """Lesions of all looks counted together; Dice as a mean over the looks."""
    true = np.sum([_counted(sizes[record.case], limits) for record in records], axis=0)
    found = np.sum([_counted([pair.true_mm3 for pair in each.score.pairs], limits) for each in records], axis=0)
    return {
        "looks": len(records),
        **_lesion_wise(records),
        "sensitivity_by_size": [_share(int(hit), int(all_)) for hit, all_ in zip(found, true, strict=True)],
        "by_patient": {
            case: _lesion_wise([record for record in records if record.case == case])
            for case in dict.fromkeys(record.case for record in records)
        },
    }


def _lesion_wise(records: Sequence[Record]) -> dict[str, Any]:
    """F1 = 2 TP / (2 TP + FP + FN), sensitivity and false positives of lesions; Dice of voxels, a miss counting 0."""
    hits, true, false = (
        sum(getattr(record.score, name) for record in records)
        for name in ("detected_lesions", "true_lesions", "false_positives")
    )
    return {
        "lesion_f1": _share(2 * hits, hits + true + false),
        "lesion_sensitivity": _share(hits, true),
        "false_positives_per_scan": round(false / len(records), 3),
        "dice": round(float(np.nanmean([dice_of(record.score) for record in records])), 4),
    }


def _share(part_of: int, whole: int) -> float | None:
    return round(part_of / whole, 4) if whole else None
