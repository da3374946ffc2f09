"""From a case to normalised arrays on one working grid, and back to the reference's own grid."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case import Case
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .grid import Grid, reorient, working_grid
from .normalise import head_mask, normalise, scale_of
from .register import Pose, find_pose

#: The susceptibility sequence shows the thrombus; after it the one that shows the infarct; then what is there.
REFERENCE_ORDER = (Sequence.SWI, Sequence.DWI, Sequence.FLAIR, Sequence.TOF, Sequence.ADC)

#: A sequence is smoothed before resampling along axes on which its voxels are smaller than the grid's by this factor.
FINER = 1.4
#: Labels lie on the grid of a sequence where headers differ by less: programs that draw round, mm.
LABELS_APART_MM = 1e-2
#: Where sequences lie against references, (reference, sequence), of one case.
Poses = dict[tuple[Sequence, Sequence], Pose]


@dataclass(frozen=True)
class PreprocessSettings:
    """How a case is prepared."""

    working_spacing_mm: float = 0.9
    """In-plane spacing of the working grid, mm."""
    registration: Literal["auto", "always", "never"] = "auto"
    """Rigid registration to the reference."""


@dataclass(frozen=True)
class Registration:
    """How a sequence was brought onto the reference."""

    how: Literal["reference", "same grid", "header", "registered"]
    similarity_before: float | None = None
    similarity_after: float | None = None
    rotation_degrees: float = 0.0
    translation_mm: float = 0.0


@dataclass(frozen=True)
class Prepared:
    """What the network takes."""

    images: Mapping[Sequence, NDArray[np.float32]]
    """(S, H, W), normalised, on the working grid."""
    reference: Sequence
    reference_grid: Grid
    working_grid: Grid
    registrations: Mapping[Sequence, Registration]
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    transforms: Mapping[Sequence, sitk.Transform] = field(default_factory=dict)
    """Points of the reference (LPS mm) to points of each sequence that registration has moved."""


def prepare(
    case: Case,
    settings: PreprocessSettings | None = None,
    progress: Progress = silent,
    poses: Poses | None = None,
) -> Prepared:
    """Bring all sequences of a case onto one working grid and normalise them.

    Args:
        case: its sequences.
        settings: working spacing, and whether to register.
        progress: told before every sequence; may raise to stop.
        poses: what was found for other subsets of this case with these settings; what is missing is added. None: all
            is looked for.
    """
    settings = settings or PreprocessSettings()
    known = Poses() if poses is None else poses
    reference = next(sequence for sequence in REFERENCE_ORDER if sequence in case.images)
    oriented = reorient(case.images[reference])
    grid = working_grid(oriented, head_mask(oriented), settings.working_spacing_mm)
    clock = {"register": 0.0, "resample": 0.0, "normalise": 0.0}
    found: dict[Sequence, Pose | None] = {}
    images: dict[Sequence, NDArray[np.float32]] = {}
    for done, sequence in enumerate(present := [s for s in Sequence if s in case.images]):
        image = case.images[sequence]
        report(progress, done / len(present), "registering")
        with _timed(clock, "register"):
            found[sequence] = _pose(sequence, case.images, reference, found, known, settings)
        report(progress, (done + 0.5) / len(present), "normalising")
        with _timed(clock, "resample"):
            pose = found[sequence]
            values = resample_onto(image, grid, sitk.Transform() if pose is None else pose.transform)
        with _timed(clock, "normalise"):
            images[sequence] = normalise(values, scale_of(image))
    report(progress, 1.0, "normalising")
    same = {sequence: _same_grid(case.images, sequence, reference) for sequence in found}
    registrations = {
        sequence: Registration("reference") if sequence is reference else _describe(pose, same[sequence])
        for sequence, pose in found.items()
    }
    warnings = tuple(pose.warning for pose in found.values() if pose is not None and pose.warning)
    moved = {sequence: pose.transform for sequence, pose in found.items() if pose is not None}
    return Prepared(images, reference, Grid.of(case.images[reference]), grid, registrations, warnings, clock, moved)


def _pose(
    sequence: Sequence,
    images: Mapping[Sequence, sitk.Image],
    reference: Sequence,
    found: Mapping[Sequence, Pose | None],
    known: Poses,
    settings: PreprocessSettings,
) -> Pose | None:
    """The pose of a sequence against the reference; None where both lie on one grid."""
    if sequence is reference:
        return None
    # ADC is computed from the diffusion series: what moves the one moves the other.
    if sequence is Sequence.ADC and Sequence.DWI in found and _same_grid(images, sequence, Sequence.DWI):
        pose = found[Sequence.DWI]
        return None if pose is None else replace(pose, warning=None)
    if (reference, sequence) not in known:
        known[reference, sequence] = find_pose(
            images[reference], images[sequence], settings.registration, sequence.value
        )
    return known[reference, sequence]


def _same_grid(images: Mapping[Sequence, sitk.Image], one: Sequence, other: Sequence) -> bool:
    return Grid.of(images[one]).same_as(Grid.of(images[other]))


def _describe(pose: Pose | None, same_grid: bool) -> Registration:
    if pose is None:
        return Registration("same grid")
    before, after = (None if np.isnan(value) else value for value in (pose.similarity_before, pose.similarity_after))
    how = "same grid" if pose.how == "header" and same_grid else pose.how
    return Registration(how, before, after, pose.rotation_degrees, pose.translation_mm)


@contextmanager
def _timed(clock: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    clock[stage] += time.perf_counter() - start


def resample_onto(image: sitk.Image, grid: Grid, transform: sitk.Transform) -> NDArray[np.float32]:
    """Linear interpolation onto a grid; (S, H, W). Smoothed first where the grid is much coarser in plane."""
    background = float(np.min(sitk.GetArrayViewFromImage(image)))
    for axis, step in enumerate(image.GetSpacing()):
        if grid.spacing[0] > FINER * step and image.GetSize()[axis] >= 4:
            # What the coarser grid cannot show is taken out before it folds into what it can.
            sigma = 0.5 * float(np.sqrt(grid.spacing[0] ** 2 - step**2))
            image = sitk.RecursiveGaussian(image, sigma=sigma, direction=axis)
    return sitk.GetArrayFromImage(sitk.Resample(image, grid.empty(), transform, sitk.sitkLinear, background))


def prepare_labels(labels: sitk.Image, prepared: Prepared, drawn_on: Sequence | None = None) -> NDArray[np.uint8]:
    """Labels on the working grid, uint8 (S, H, W): linear per label, and every lesion keeps its best voxel.

    Args:
        labels: 1 thrombus, 2 infarct, on a grid of their own (LPS mm).
        prepared: of their case.
        drawn_on: the sequence they were drawn on, with which they move; None: the reference.
    """
    grid = prepared.working_grid
    identity = sitk.Transform(3, sitk.sitkIdentity)
    pose = identity if drawn_on is None else prepared.transforms.get(drawn_on, identity)
    result = np.zeros(grid.size[::-1], dtype=np.uint8)
    for value in (2, 1):  # the thrombus wins
        result[_share(labels == value, grid, pose) >= 0.5] = value
        _keep_every_lesion(labels == value, value, grid, pose, result)
    return result


def find_drawn_on(case: Case) -> Sequence | None:
    """The sequence on whose grid the labels of a case lie; of several the first of `REFERENCE_ORDER`, None: of none."""
    assert case.labels is not None
    grid = Grid.of(case.labels)
    present = (sequence for sequence in REFERENCE_ORDER if sequence in case.images)
    return next((each for each in present if grid.same_as(Grid.of(case.images[each]), LABELS_APART_MM)), None)


def pose_of_labels(case: Case, prepared: Prepared) -> sitk.Transform | None:
    """Points of the reference (LPS mm) to points of a case's labels: the pose of the sequence they were drawn on.

    None where they lie in the reference's coordinates: that sequence was not moved, or is not among the case's.
    """
    drawn_on = find_drawn_on(case)
    if drawn_on is None or prepared.registrations[drawn_on].how != "registered":
        return None
    return prepared.transforms[drawn_on]


def onto_labels(
    image: sitk.Image,
    case: Case,
    prepared: Prepared,
    interpolation: Literal["linear", "nearest"] = "linear",
    grid: sitk.Image | None = None,
) -> sitk.Image:
    """An image in the reference's coordinates, a prediction for one, on the grid of a case's labels; 0 outside.

    With a `grid` on that, in the labels' coordinates.

    As in training, where `prepare_labels` moves labels with the sequence they were drawn on; here the prediction is
    moved instead, so that what was drawn is judged as it is.
    """
    assert case.labels is not None
    pose = pose_of_labels(case, prepared)
    target = case.labels if grid is None else grid
    if pose is None and Grid.of(image) == Grid.of(target):
        return image  # resampled it would be the same
    back = sitk.Transform() if pose is None else pose.GetInverse()
    kind = sitk.sitkLinear if interpolation == "linear" else sitk.sitkNearestNeighbor
    return sitk.Resample(image, target, back, kind, 0.0)


def _keep_every_lesion(
    mask: sitk.Image, value: int, grid: Grid, pose: sitk.Transform, result: NDArray[np.uint8]
) -> None:
    """Give every connected part of a mask that covers half of no voxel its best one."""
    lesions = sitk.ConnectedComponent(mask, True)
    for number in range(1, int(sitk.GetArrayViewFromImage(lesions).max()) + 1):
        share = _share(lesions == number, grid, pose)
        if share.max() == 0:  # smaller than a voxel of the grid, and between its centres
            share = _nearest(lesions == number, grid, pose)
        if not (result[share > 0] == value).any():
            result[share == share.max()] = value


def _nearest(mask: sitk.Image, grid: Grid, pose: sitk.Transform) -> NDArray[np.float32]:
    """1 at the voxel of a grid nearest to the middle of a mask; (S, H, W)."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask, sitk.sitkUInt8))
    index = grid.empty().TransformPhysicalPointToIndex(pose.GetInverse().TransformPoint(shape.GetCentroid(1)))
    share = np.zeros(grid.size[::-1], dtype=np.float32)
    share[tuple(np.clip(index, 0, np.array(grid.size) - 1)[::-1])] = 1.0
    return share


def _share(mask: sitk.Image, grid: Grid, pose: sitk.Transform) -> NDArray[np.float32]:
    """How much of each voxel of a grid a mask covers, by linear interpolation; (S, H, W), 0..1."""
    share = sitk.Cast(mask, sitk.sitkFloat32)
    return sitk.GetArrayFromImage(sitk.Resample(share, grid.empty(), pose, sitk.sitkLinear, 0.0))


def to_reference(
    array: NDArray[np.float32], prepared: Prepared, interpolation: Literal["linear", "nearest"] = "linear"
) -> sitk.Image:
    """An array on the working grid as an image on exactly the reference's own grid; 0 outside."""
    image = prepared.working_grid.image(array)
    kind = sitk.sitkLinear if interpolation == "linear" else sitk.sitkNearestNeighbor
    return sitk.Resample(image, prepared.reference_grid.empty(image.GetPixelID()), sitk.Transform(), kind, 0.0)
