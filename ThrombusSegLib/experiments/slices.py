"""Infarcts on single real slices: what weights say of them that were trained on simulated strokes, and once fine-tuned.

Half of the patients are fine-tuned on, the other half is judged, before and after. The figures are those of lesions as
everywhere; here the lesion is the infarct, and the probability is that of the infarct.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case import Case, ManifestRow, read_manifest, write_manifest
from ..errors import InputError
from ..evaluation.matching import count_case, score_case
from ..evaluation.operating import THRESHOLDS
from ..evaluation.record import Record, RecordFile
from ..evaluation.run import summarise_records
from ..inference import Predictor
from ..inference.result import INFARCT_THRESHOLD
from ..preprocess import prepare, to_reference
from ..progress import Progress, part, report, silent
from ..sequences import Sequence as MRSequence
from ..training.read import read_text
from ..weights import WeightsEntry, find_weights
from ..weights.checksum import sha256_of
from ..weights.header import read_header
from .evaluating import compare, named
from .settings import SlicesExperiment
from .training import Run, build_variant, facts_of, predictor_of, train_one

#: Value of an infarct in label images.
_INFARCT = 2
#: Shares of the progress: judged before, trained, judged after.
_BEFORE, _TUNED = 0.15, 0.85


@dataclass(frozen=True)
class Slices:
    """One slice a patient, 1 mm pixels, LPS: columns run to the patient's left, rows to the back."""

    names: list[str]
    images: NDArray[np.uint8]
    """(N, H, W)."""
    masks: NDArray[np.bool_]
    """(N, H, W), the infarct."""

    def image(self, number: int) -> sitk.Image:
        """One slice as float32 image of three axes."""
        return sitk.GetImageFromArray(self.images[number][None].astype(np.float32))

    def mask(self, number: int, value: int = 1) -> sitk.Image:
        """Its infarct as uint8 image with this value."""
        return sitk.GetImageFromArray((self.masks[number][None] * value).astype(np.uint8))


def read_slices(path: Path) -> Slices:
    """Slices from an .npz file: "ids" (N,), "flair" (N, H, W) uint8, "mask" (N, H, W) as bits along the last axis, and
    "mask_width"; rows run to the back, columns from the patient's left to the right.

    Raises:
        InputError: it is not there, or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path.name} is not there.", "Name the data's folder by --data.")
    try:
        with np.load(path, allow_pickle=False) as content:
            names = [str(number) for number in content["ids"]]
            masks = np.unpackbits(content["mask"], axis=-1)[..., : int(content["mask_width"])].astype(bool)
            images = content["flair"]
    except (KeyError, ValueError, OSError) as error:
        raise InputError(f"{path.name} does not hold slices with masks.", "See docs/evaluation.md.") from error
    if not len(names) == len(images) == len(masks) or images.shape != masks.shape:
        raise InputError(f"The arrays of {path.name} do not fit together.", "See docs/evaluation.md.")
    return Slices(names, images[..., ::-1], masks[..., ::-1])


def halves(count: int, seed: int, at_most: int) -> tuple[list[int], list[int]]:
    """Numbers of the patients that are trained on and of those that are judged, drawn by a seed; at most so many in
    each (0: all)."""
    order = np.random.default_rng(seed).permutation(count).tolist()
    middle = count // 2
    return sorted(order[:middle][: at_most or None]), sorted(order[middle:][: at_most or None])


def run_slices(
    settings: SlicesExperiment,
    folder: Path,
    out: Path,
    *,
    data: Path | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> tuple[dict[str, Any], str]:
    """Judge the weights, fine-tune them, judge again; see `run_experiment` for the arguments.

    Returns:
        "data", "evaluations", "fine_tuning" and "difference" of results.json, and the device in words.
    """
    where = data or (folder / settings.data if settings.data else None)
    if where is None:
        raise InputError("The folder of the data is not known.", "Name it with --data.")
    slices = read_slices(where / settings.file)
    tuned_on, judged_on = halves(len(slices.names), settings.seed, settings.at_most)
    place = folder / settings.weights
    entry = find_weights(place if place.is_file() else settings.weights)
    predictor = Predictor(entry, device)
    before = judge(slices, judged_on, predictor, out / "before", part(progress, 0.0, _BEFORE))
    run = plan_run(settings, entry, folder, out, write_cases(slices, tuned_on, out / "cases"), device)
    train_one(run, folder / settings.base, out / "prepared", part(progress, _BEFORE, _TUNED))
    tuned = predictor_of(run, device)
    after = judge(slices, judged_on, tuned, out / "after", part(progress, _TUNED, 1.0))
    return {
        "data": {
            "sha256": sha256_of(where / settings.file),
            "tuned_on": _counts(slices, tuned_on),
            "judged_on": _counts(slices, judged_on),
        },
        "evaluations": {
            "as shipped": {"weights": entry.name, "sha256": entry.sha256, **summarise_records(before, "prevalence")},
            "fine-tuned": {
                "weights": "fine-tuned",
                "sha256": tuned.weights.sha256,
                **summarise_records(after, "prevalence"),
            },
        },
        "fine_tuning": facts_of(run, tuned),
        "difference": compare(after, before),
    }, predictor.device.type


def plan_run(
    settings: SlicesExperiment, entry: WeightsEntry, folder: Path, out: Path, manifest: Path, device: str
) -> Run:
    """The fine-tuning: the base settings, from the weights, with the network that they are of."""
    values = tomllib.loads(read_text(folder / settings.base))
    values = {**values, "seed": settings.seed, "data": {"manifest": str(manifest.resolve())}}
    built = build_variant("fine-tuned", values, device)
    name = entry.name if entry.bundled else str(entry.path.resolve())
    built = replace(built, initial_weights=name, network=read_header(entry.path).metadata.settings)
    return Run("fine-tuned", settings.seed, built, out / "run")


def write_cases(slices: Slices, numbers: Sequence[int], folder: Path) -> Path:
    """Slices as cases of a manifest, for the training; its path."""
    manifest = folder / "manifest.csv"
    if manifest.exists() and {row.case for row in read_manifest(manifest)} == {_name(slices, each) for each in numbers}:
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in numbers:
        name = _name(slices, number)
        paths = {"image": folder / f"{name}_FLAIR.nii.gz", "labels": folder / f"{name}_labels.nii.gz"}
        sitk.WriteImage(slices.image(number), paths["image"], True)
        sitk.WriteImage(slices.mask(number, _INFARCT), paths["labels"], True)
        rows.append(ManifestRow(name, "real", "train", {MRSequence.FLAIR: paths["image"]}, paths["labels"]))
    write_manifest(manifest, rows)
    return manifest


def judge(slices: Slices, numbers: Sequence[int], predictor: Predictor, keep: Path, progress: Progress) -> list[Record]:
    """A look at each of the slices; looks that `keep` already holds are not done again."""
    file, records = RecordFile(keep), list[Record]()
    for done, number in enumerate(numbers):
        report(named(progress, "looks"), done / len(numbers), f"{done + 1} of {len(numbers)}")
        seen = slices.images[number].tobytes() + slices.masks[number].tobytes()
        key = hashlib.sha256(predictor.weights.sha256.encode() + seen).hexdigest()[:20]
        if key not in file.known:
            file.add(_look(key, slices, number, predictor))
        records.append(file.known[key])
    return records


def _name(slices: Slices, number: int) -> str:
    return f"p{slices.names[number]}"


def _look(key: str, slices: Slices, number: int, predictor: Predictor) -> Record:
    name, truth = slices.names[number], slices.mask(number)
    prepared = prepare(Case(name, {MRSequence.FLAIR: slices.image(number)}))
    probability = to_reference(predictor.predict(prepared).infarct, prepared, "linear")
    probability.CopyInformation(truth)
    found = {each: sitk.Cast(probability >= each, sitk.sitkUInt8) for each in (*THRESHOLDS, INFARCT_THRESHOLD)}
    return Record(
        key=key,
        case=name,
        centre="real",
        sequences=MRSequence.FLAIR.value,
        score=score_case(name, truth, found[INFARCT_THRESHOLD]),
        sweep={f"{each:g}": count_case(truth, found[each]) for each in THRESHOLDS},
    )


def _counts(slices: Slices, numbers: Sequence[int]) -> dict[str, int]:
    return {"patients": len(numbers), "with_infarct": int(slices.masks[list(numbers)].any(axis=(1, 2)).sum())}
