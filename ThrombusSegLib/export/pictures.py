"""The slices that show a labelled thrombus best, for the page and the PDF."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..preprocess.grid import reorient, slice_axis
from ..report.figures import Frame, letters
from .measured import INFARCT, MeasuredCase

#: At most so many thrombi are shown; further ones are in the table.
MOST = 6
#: Side of the part that is shown, and room around the thrombus, mm.
SIDE_MM, ROOM_MM = 70.0, 12.0


@dataclass(frozen=True)
class Picture:
    """One slice around one thrombus, as radiologists look at it."""

    number: int
    slice_number: int
    """Of the reference, counted from 1."""
    grey: npt.NDArray[np.uint8]
    """(H, W) of the whole slice."""
    thrombus: npt.NDArray[np.float32]
    """(H, W), 1 inside."""
    infarct: npt.NDArray[np.float32]
    rows: slice
    columns: slice
    frame: Frame


def pictures_of(case: MeasuredCase) -> list[Picture]:
    """One for each of the largest thrombi; none where the reference image is not there."""
    if case.image is None:
        return []
    axis = slice_axis(case.image)
    image = sitk.GetArrayFromImage(reorient(case.image))
    numbers = sitk.GetImageFromArray(case.numbers.astype(np.int32))
    labels = sitk.GetArrayFromImage(_oriented(case.labels, case.image))
    numbers.CopyInformation(case.image)
    owners = sitk.GetArrayFromImage(reorient(numbers))
    flipped = _flipped(case.image, axis)
    low, high = np.percentile(image, (1.0, 99.7))
    window = (float(low), max(float(high), float(low) + 1e-6))
    found = []
    for thrombus in case.thrombi[:MOST]:
        mask = owners == thrombus.number
        best = int(mask.sum(axis=(1, 2)).argmax())
        frame = _frame(reorient(case.image))
        rows, columns = _square(mask, frame.spacing)
        number = (len(image) - best) if flipped else best + 1
        grey = np.clip((image[best] - window[0]) / (window[1] - window[0]), 0, 1)
        found.append(
            Picture(
                thrombus.number,
                number,
                np.asarray(np.rint(grey * 255), dtype=np.uint8),
                (labels[best] == 1).astype(np.float32),
                (labels[best] == INFARCT).astype(np.float32),
                rows,
                columns,
                frame,
            )
        )
    return found


def _oriented(labels: sitk.Image, image: sitk.Image) -> sitk.Image:
    """Labels turned as the image is; headers that differ in the last digits must not turn them otherwise."""
    placed = sitk.Image(labels)
    placed.CopyInformation(image)
    return reorient(placed)


def _flipped(image: sitk.Image, axis: int) -> bool:
    """Whether `reorient` turns the order of the slices round."""
    direction = np.array(image.GetDirection()).reshape(3, 3)[:, axis]
    return bool(direction[int(np.argmax(np.abs(direction)))] < 0)


def _frame(oriented: sitk.Image) -> Frame:
    spacing, direction = oriented.GetSpacing(), oriented.GetDirection()
    left, right = letters((direction[0], direction[3], direction[6]))
    return Frame(spacing=(spacing[1], spacing[0]), left=left, right=right)


def _square(mask: npt.NDArray[np.bool_], spacing: tuple[float, float]) -> tuple[slice, slice]:
    _, rows, columns = np.nonzero(mask)
    spans = []
    reach = max((np.ptp(rows) + 1) * spacing[0], (np.ptp(columns) + 1) * spacing[1]) + 2 * ROOM_MM
    for places, step, size in ((rows, spacing[0], mask.shape[1]), (columns, spacing[1], mask.shape[2])):
        length = min(size, round(max(SIDE_MM, float(reach)) / step))
        start = min(max(0, round(float(places.min() + places.max()) / 2 - length / 2)), size - length)
        spans.append(slice(start, start + length))
    return spans[0], spans[1]
