"""Crops of prepared cases, drawn from a seed and a step alone, so that a resumed run sees what an unbroken one sees."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Many
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sequences import Sequence
from .augment import Geometry, apply_appearance, apply_geometry, draw_appearance, draw_geometry
from .cases import TrainingCase, load_cases, make_case, prepare_case
from .curriculum import apply_dropout, draw_dropout
from .difficulty import aimed_at
from .protocol import Protocol, change_contrast, draw_protocol, merge_slices
from .settings import TrainSettings

__all__ = ["Batch", "TrainingCase", "draw_batch", "load_cases", "make_case", "prepare_case"]

Floats = NDArray[np.float32]
Voxel = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """What one optimizer step sees; B crops."""

    images: Floats
    """(B, M, S, H, W)."""
    present: NDArray[np.bool_]
    """(B, M)."""
    targets: Floats
    """(B, 2, S, H, W): thrombus, infarct."""
    windows: Floats
    """(B, 3, 2): where the crops lie in their working grids, see `UpAttLLSTM.forward`."""


def draw_batch(
    cases: Many[TrainingCase], settings: TrainSettings, step: int, places: Iterable[int] | None = None
) -> Batch:
    """The crops of one step; depends on the settings, the cases and the step only.

    Args:
        cases: prepared.
        settings: of the run.
        step: counted from 0.
        places: which of the step's `settings.batch` crops, for one of several processes; None: all. Each crop is the
            same whoever draws it.
    """
    share_done = step / settings.steps
    groups = [_Group(cases, simulated, settings, share_done) for simulated in (False, True)]
    crops = []
    for place in range(settings.batch) if places is None else places:
        random = np.random.default_rng([settings.seed, step, place])
        simulated = random.random() < settings.data.phantom_share
        group = groups[simulated] if groups[simulated].cases else groups[not simulated]
        case, centre = group.aim(settings, random)
        crops.append(_draw_crop(case, centre, settings, share_done, random))
    images, present, targets, windows = (np.stack(part) for part in zip(*crops, strict=True))
    return Batch(images, present, targets, windows)


class _Group:
    """The cases of the manifest, or those made while the training runs; and where their crops are laid."""

    def __init__(self, cases: Many[TrainingCase], simulated: bool, settings: TrainSettings, share_done: float) -> None:
        self.cases = [case for case in cases if case.simulated == simulated]
        # A case made by hand may lack the measures; its number of voxels ranks as well.
        volumes = np.array([case.volume_mm3 or float(len(case.thrombus)) for case in self.cases])
        contrasts = np.array([case.contrast for case in self.cases])
        self.aimed_at = aimed_at(volumes, contrasts, settings.difficulty, share_done)

    def aim(self, settings: TrainSettings, random: np.random.Generator) -> tuple[TrainingCase, Voxel]:
        """A case, and the voxel in the middle of the crop: near a thrombus, near a look-alike, or anywhere."""
        size = np.array([settings.crop.slices, settings.crop.pixels, settings.crop.pixels])
        chance = random.random()
        if chance < settings.crop.with_thrombus and len(self.aimed_at):
            case = self.cases[int(random.choice(self.aimed_at))]
            return case, _near(case, case.thrombus, size, random)
        case = self.cases[int(random.integers(len(self.cases)))]
        if chance < settings.crop.with_thrombus + settings.crop.with_lookalike and len(case.lookalikes):
            return case, _near(case, case.lookalikes, size, random)
        room = np.maximum(np.array(case.labels.shape) - size, 0)
        return case, random.integers(0, room + 1) + size // 2


def _near(case: TrainingCase, voxels: NDArray[np.int32], size: Voxel, random: np.random.Generator) -> Voxel:
    """The middle of a crop in which one of these voxels lies anywhere but in the outermost eighths."""
    voxel = voxels[int(random.integers(len(voxels)))]
    start = voxel - random.integers(size // 8, size - size // 8)
    room = np.maximum(np.array(case.labels.shape) - size, 0)
    return np.asarray(np.clip(start, 0, room) + size // 2, dtype=np.int64)


def _draw_crop(
    case: TrainingCase, centre: Voxel, settings: TrainSettings, share_done: float, random: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_], Floats, Floats]:
    """One crop, varied, sequences dropped: images (M, S, H, W), present (M,), targets (2, S, H, W), window (3, 2).

    Where it lies in its case is told by the window, as `Batch.windows`.
    """
    dropped = draw_dropout(settings.dropout, case.available, share_done, random)
    places = np.flatnonzero(dropped.present)  # what is left out need not be varied either
    geometry, appearance = draw_geometry(settings.augment, random), draw_appearance(settings.augment, random)
    protocol = draw_protocol(settings.augment, random)
    reach = geometry.reach(settings.crop.pixels)
    shown, labels = _acquired(case, places, centre, np.array([settings.crop.slices, reach, reach]), protocol)
    shown, labels = apply_geometry(shown, places, labels, geometry, settings.crop.pixels)
    shown = apply_appearance(shown, places, appearance, random)
    images = np.zeros((len(case.available), *labels.shape), dtype=np.float32)
    images[places] = shown
    targets = np.stack([labels == 1, labels == 2]).astype(np.float32)
    window = _window(case, centre, settings, geometry, protocol)
    return apply_dropout(images, dropped), dropped.present, targets, window


def _acquired(
    case: TrainingCase, places: NDArray[np.int64], centre: Voxel, size: Voxel, protocol: Protocol
) -> tuple[Floats, NDArray[np.uint8]]:
    """A box around a voxel as another protocol shows it: images (K, S, R, R) of these sequences, labels (S, R, R)."""
    whole = size * np.array([protocol.thickness, 1, 1])

    def cut(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.asarray(_cut(array[None], centre - whole // 2, whole)[0])

    shown = np.stack([cut(case.images[place]) for place in places]).astype(np.float32)
    first = list(Sequence).index(Sequence.SWI)
    if protocol.changes_contrast and first in places:
        adc, flair = (
            cut(case.images[place]).astype(np.float32) if case.available[place] else None
            for place in map(list(Sequence).index, (Sequence.ADC, Sequence.FLAIR))
        )
        shown[places == first] = change_contrast(shown[places == first][0], adc, protocol, flair)
    return merge_slices(shown, np.asarray(cut(case.labels), dtype=np.uint8), protocol.thickness)


def _window(
    case: TrainingCase, centre: Voxel, settings: TrainSettings, geometry: Geometry, protocol: Protocol
) -> Floats:
    """Where the outer edges of a crop lie in its case, -1..1: (3, 2). That it is turned a little is left out."""
    size = np.array([settings.crop.slices * protocol.thickness, settings.crop.pixels, settings.crop.pixels])
    extent = size * np.array([1.0, geometry.scale, geometry.scale])
    middle = centre - size // 2 + size / 2
    shape = np.array(case.labels.shape)
    edges = 2.0 * np.stack([middle - extent / 2, middle + extent / 2], axis=1) / shape[:, None] - 1.0
    left_right, up_down = geometry.flip
    if left_right:
        edges[2] = edges[2, ::-1]
    if up_down:
        edges[0] = edges[0, ::-1]
    return np.asarray(edges, dtype=np.float32)


def _cut(array: NDArray[np.generic], start: Voxel, size: Voxel) -> NDArray[np.generic]:
    """A box of (K, S, H, W), filled up with its outermost voxels where it reaches beyond the case."""
    end = start + size
    shape = np.array(array.shape[1:])
    low, high = np.clip(start, 0, shape - 1), np.clip(end, 1, shape)
    crop = np.asarray(array[:, low[0] : high[0], low[1] : high[1], low[2] : high[2]])
    lacking = [(0, 0), *((int(below), int(above)) for below, above in zip(low - start, end - high, strict=True))]
    return np.pad(crop, lacking, mode="edge") if any(sum(pair) for pair in lacking) else crop
