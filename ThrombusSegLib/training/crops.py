"""Crops of prepared cases, drawn from a seed and a step alone, so that a resumed run sees what an unbroken one sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..case import ManifestRow, read_case
from ..errors import InputError
from ..preprocess import PreprocessSettings, prepare, prepare_labels
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .curriculum import apply_dropout, draw_dropout
from .settings import TrainSettings

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TrainingCase:
    """A prepared case on its working grid."""

    images: NDArray[np.float16]
    """(M, S, H, W), M the length of the vocabulary; zeros where absent."""
    available: NDArray[np.bool_]
    """(M,) which sequences the case has."""
    labels: NDArray[np.uint8]
    """(S, H, W): 1 thrombus, 2 infarct."""
    thrombus: NDArray[np.int32]
    """(K, 3) voxels of the thrombus, for aiming; may be empty."""


@dataclass(frozen=True)
class Batch:
    """What one optimizer step sees; B crops."""

    images: Floats
    """(B, M, S, H, W)."""
    present: NDArray[np.bool_]
    """(B, M)."""
    targets: Floats
    """(B, 2, S, H, W): thrombus, infarct."""


def load_cases(rows: list[ManifestRow], cache: Path, progress: Progress = silent) -> list[TrainingCase]:
    """Prepare every case once; later runs read the prepared arrays from `cache` (memory-mapped).

    Raises:
        InputError: no rows, or a row without labels.
    """
    if not rows:
        raise InputError("The manifest has no cases to train on.", "Add rows.")
    cache.mkdir(parents=True, exist_ok=True)
    cases = []
    for done, row in enumerate(rows, 1):
        stem = cache / row.case
        if not stem.with_suffix(".labels.npy").exists():
            _prepare_into(row, stem)
        cases.append(_open(stem))
        report(progress, done / len(rows), "preparing cases")
    return cases


def _prepare_into(row: ManifestRow, stem: Path) -> None:
    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Fill the manifest's column 'labels'.")
    case = read_case(row.paths, name=row.case, labels=row.labels)
    assert case.labels is not None
    prepared = prepare(case, PreprocessSettings(registration="never"))
    first = next(iter(prepared.images.values()))
    images = np.zeros((len(Sequence), *first.shape), dtype=np.float16)
    for place, sequence in enumerate(Sequence):
        if sequence in prepared.images:
            images[place] = prepared.images[sequence]
    available = np.array([sequence in prepared.images for sequence in Sequence])
    np.save(stem.with_suffix(".available.npy"), available)
    np.save(stem.with_suffix(".images.npy"), images)
    unfinished = stem.with_suffix(".unfinished.npy")
    np.save(unfinished, prepare_labels(case.labels, prepared))
    unfinished.rename(stem.with_suffix(".labels.npy"))  # last: its presence says that the case is whole


def _open(stem: Path) -> TrainingCase:
    images = np.load(stem.with_suffix(".images.npy"), mmap_mode="r", allow_pickle=False)
    labels = np.load(stem.with_suffix(".labels.npy"), allow_pickle=False)
    available = np.load(stem.with_suffix(".available.npy"), allow_pickle=False)
    return TrainingCase(images, available, labels, np.argwhere(labels == 1).astype(np.int32))


def draw_batch(cases: list[TrainingCase], settings: TrainSettings, step: int) -> Batch:
    """The crops of one step; depends on the settings, the cases and the step only."""
    crops = []
    for place in range(settings.batch):
        random = np.random.default_rng([settings.seed, step, place])
        case = cases[int(random.integers(len(cases)))]
        crops.append(_draw_crop(case, settings, step / settings.steps, random))
    images, present, targets = (np.stack(part) for part in zip(*crops, strict=True))
    return Batch(images, present, targets)


def _draw_crop(
    case: TrainingCase, settings: TrainSettings, share_done: float, random: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """One crop, augmented, with sequences dropped: images (M, S, H, W), present (M,), targets (2, S, H, W)."""
    size = np.array([settings.crop.slices, settings.crop.pixels, settings.crop.pixels])
    start = _aim(case, size, settings.crop.with_thrombus, random)
    images = _cut(case.images, start, size).astype(np.float32)
    labels = _cut(case.labels[None], start, size)[0]
    images = _vary(images, random)
    dropped = draw_dropout(settings.dropout, case.available, share_done, random)
    images = apply_dropout(images, dropped)
    if random.random() < 0.5:  # the brain is nearly symmetric; sides are not labels
        images, labels = images[..., ::-1], labels[..., ::-1]
    if random.random() < 0.3:  # the order of slices: up and down
        images, labels = images[:, ::-1], labels[:, ::-1]
    targets = np.stack([labels == 1, labels == 2]).astype(np.float32)
    return np.ascontiguousarray(images), dropped.present, targets


def _aim(
    case: TrainingCase, size: NDArray[np.int64], with_thrombus: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """First voxel of a crop: around a voxel of the thrombus, or anywhere."""
    shape = np.array(case.labels.shape)
    room = np.maximum(shape - size, 0)
    if len(case.thrombus) and random.random() < with_thrombus:
        voxel = case.thrombus[int(random.integers(len(case.thrombus)))]
        return np.asarray(np.clip(voxel - random.integers(size // 8, size - size // 8), 0, room), dtype=np.int64)
    return random.integers(0, room + 1)


def _cut(array: NDArray[np.generic], start: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.generic]:
    """A crop of (K, S, H, W), filled up with its last voxels where the case is smaller than the crop."""
    z, y, x = (int(value) for value in start)
    crop = np.asarray(array[:, z : z + int(size[0]), y : y + int(size[1]), x : x + int(size[2])])
    lacking = [(0, 0), *((0, int(want) - have) for want, have in zip(size, crop.shape[1:], strict=True))]
    return np.pad(crop, lacking, mode="edge") if any(after for _, after in lacking) else crop


def _vary(images: Floats, random: np.random.Generator) -> Floats:
    """Change brightness, contrast and noise of each sequence on its own: what differs between scanners."""
    count = (len(images), 1, 1, 1)
    images = images * random.uniform(0.8, 1.25, size=count).astype(np.float32)
    images = images + random.normal(0.0, 0.15, size=count).astype(np.float32)
    sigma = (random.uniform(0.0, 0.15, size=count) * (random.random(count) < 0.5)).astype(np.float32)
    return images + sigma * random.standard_normal(images.shape, dtype=np.float32)
