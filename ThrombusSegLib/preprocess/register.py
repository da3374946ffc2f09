"""Rigid registration by mutual information, and the gate that decides whether it is needed.

Sequences of one examination usually share the scanner's frame of reference, and then their headers say where they lie;
but patients move. The gate compares the mutual information at the pose of the headers with that after small shifts and
turns: where no change is better, the headers are believed and nothing is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import SimpleITK as sitk

from ..case import FRAME_TAG

#: Spacing at which poses are compared, mm.
COARSE_MM, FINE_MM = 4.0, 3.0
#: The gate's probes: a displacement of more than about half of these is noticed.
SHIFT_MM, TURN_DEGREES = 3.0, 3.0
#: A probe must be better by this share to count: interpolation alone changes mutual information by a little.
MARGIN = 0.02
HISTOGRAM_BINS = 32


@dataclass(frozen=True)
class Pose:
    """How to get from the reference's coordinates to those of another sequence."""

    transform: sitk.Transform
    """Points of the reference (LPS mm) to points of the moving sequence."""
    how: Literal["header", "registered"]
    similarity_before: float
    """Mutual information at the headers' pose, nats; larger is better."""
    similarity_after: float
    rotation_degrees: float = 0.0
    translation_mm: float = 0.0
    """Displacement of the reference's centre."""
    warning: str | None = None


def find_pose(reference: sitk.Image, moving: sitk.Image, mode: Literal["auto", "always", "never"], name: str) -> Pose:
    """Where `moving` lies against `reference`.

    Args:
        reference: float32, three axes.
        moving: float32, three axes, overlapping the reference.
        mode: "never" believes the headers; "always" registers; "auto" registers when the gate says so.
        name: of the moving sequence, for the warning.

    Returns:
        The pose; that of the headers where registration does not improve the similarity.
    """
    identity = sitk.Transform(3, sitk.sitkIdentity)
    if mode == "never":
        return Pose(identity, "header", float("nan"), float("nan"))
    fixed, other = (_coarse(image, COARSE_MM) for image in (reference, moving))
    before = similarity(fixed, other, identity)
    if mode == "auto" and _share_a_frame(reference, moving) and _headers_agree(fixed, other, before):
        return Pose(identity, "header", before, before)
    fixed, other = (_coarse(image, FINE_MM) for image in (reference, moving))
    before = similarity(fixed, other, identity)
    try:
        found = _register(fixed, other)
    except RuntimeError:  # too few voxels overlap for the metric
        found = None
    after = before if found is None else similarity(fixed, other, found)
    rotation, translation = (TURN_DEGREES, SHIFT_MM) if found is None else _size_of(found, reference)
    if found is not None and after > before:
        return Pose(found, "registered", before, after, rotation, translation)
    warning = None
    if rotation >= TURN_DEGREES or translation >= SHIFT_MM:  # otherwise the search confirms the headers
        warning = f"{name} could not be aligned better than its header says; check that it lies on the reference."
    return Pose(identity, "header", before, before, warning=warning)


def similarity(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    """Mutual information (Mattes et al. 2001) at a pose, in nats; larger is better. 0 where too little overlaps."""
    method = _method()
    method.SetInitialTransform(transform)
    try:
        return -float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return 0.0


def _headers_agree(fixed: sitk.Image, moving: sitk.Image, at_headers: float) -> bool:
    return all(similarity(fixed, moving, probe) <= at_headers * (1.0 + MARGIN) for probe in _probes(fixed))


def _probes(fixed: sitk.Image) -> Iterator[sitk.Euler3DTransform]:
    """Small shifts and turns about the centre of the image, both ways, on each axis."""
    for axis in range(3):
        for sign in (-1.0, 1.0):
            shift, turn = np.zeros(3), np.zeros(3)
            shift[axis] = sign * SHIFT_MM
            turn[axis] = sign * np.deg2rad(TURN_DEGREES)
            for angles, offset in ((np.zeros(3), shift), (turn, np.zeros(3))):
                probe = sitk.Euler3DTransform()
                probe.SetCenter(_centre(fixed))
                probe.SetRotation(*angles.tolist())
                probe.SetTranslation(offset.tolist())
                yield probe


def _register(fixed: sitk.Image, moving: sitk.Image) -> sitk.Euler3DTransform:
    """Multi-resolution search from the headers' pose; the same result on any machine and number of threads."""
    start = sitk.Euler3DTransform()
    start.SetCenter(_centre(fixed))
    method = _method()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=80, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([FINE_MM, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, moving)
    # The last digits of a sum depend on the processor; a micrometre does not matter, the same result everywhere does.
    start.SetParameters([round(value, 6) for value in start.GetParameters()])
    return start


def _method() -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
    method.SetMetricSamplingStrategy(method.NONE)  # every voxel: nothing random
    method.SetInterpolator(sitk.sitkLinear)
    method.SetNumberOfThreads(1)  # the order of a sum must not depend on the machine
    return method


def _coarse(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Smoothed and resampled to about `spacing_mm`; axes that are coarser stay as they are."""
    native = np.array(image.GetSpacing())
    wanted = np.maximum(native, spacing_mm)
    smooth = image
    for axis, (step, coarse) in enumerate(zip(native, wanted, strict=True)):
        if coarse > 1.2 * step and image.GetSize()[axis] >= 4:
            smooth = sitk.RecursiveGaussian(smooth, sigma=float(0.4 * coarse), direction=axis)
    size = np.maximum(1, np.floor(np.array(image.GetSize()) * native / wanted)).astype(int)
    grid = sitk.Image(size.tolist(), sitk.sitkFloat32)
    grid.SetSpacing(wanted.tolist())
    grid.SetDirection(image.GetDirection())
    first = (0.5 * wanted / native - 0.5).tolist()
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first))
    return sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0)


def _share_a_frame(first: sitk.Image, second: sitk.Image) -> bool:
    """Whether the headers may speak of the same frame; only DICOM can say that they do not."""
    frames = [image.GetMetaData(FRAME_TAG) for image in (first, second) if image.HasMetaDataKey(FRAME_TAG)]
    return len(frames) < 2 or frames[0] == frames[1]


def _centre(image: sitk.Image) -> tuple[float, ...]:
    middle = [(size - 1) / 2.0 for size in image.GetSize()]
    return tuple(image.TransformContinuousIndexToPhysicalPoint(middle))


def _size_of(transform: sitk.Euler3DTransform, reference: sitk.Image) -> tuple[float, float]:
    """Angle (degrees) of the rotation, and displacement (mm) of the reference's centre."""
    matrix = np.array(transform.GetMatrix()).reshape(3, 3)
    angle = np.degrees(np.arccos(np.clip((np.trace(matrix) - 1.0) / 2.0, -1.0, 1.0)))
    centre = np.array(_centre(reference))
    return float(angle), float(np.linalg.norm(np.array(transform.TransformPoint(centre.tolist())) - centre))
