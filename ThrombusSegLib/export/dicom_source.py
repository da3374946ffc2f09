"""The DICOM series on which labels were drawn, slice by slice, matched with them by position."""

from __future__ import annotations

import importlib
from collections.abc import Sequence as Ordered
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case.dicom import single_series
from ..case.quiet import quiet
from ..case.slices import check_slices
from ..errors import InputError, MachineError
from ..sequences import Sequence

#: A slice lies where the labels have one when it is nearer than this, as a share of a voxel.
TOLERANCE = 0.05
#: Attributes that must be there, may be empty (type 2), and are left out by some scanners and anonymisers.
_MAY_BE_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyID", "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
#: Without these nobody knows where a slice lies; a picture of the screen, for one, has none of them.
_PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")


def highdicom(part: str = "") -> Any:
    """The library, or a part of it; only exports to DICOM need it.

    Raises:
        MachineError: it is not installed.
    """
    try:
        return importlib.import_module(f"highdicom{part}")
    except ImportError as error:
        raise MachineError(
            "DICOM export needs highdicom.", "Install it: pip install 'ThrombusSegLib[dicom]'."
        ) from error


def read_sources(folder: Path, labels: sitk.Image, sequence: Sequence | None = None) -> list[Any]:
    """The slices of a series (pydicom datasets without voxels), in the order of the labels' slices.

    Args:
        folder: with the DICOM files.
        labels: in the geometry of the series.
        sequence: which to take of several series.

    Raises:
        InputError: no series, several of which none can be chosen, or its slices are not where the labels' are.
    """
    highdicom()
    import pydicom

    with quiet():
        series = single_series(folder, sequence, surely=True)
    check_slices(series.slices, folder.name)
    found: dict[int, Any] = {}
    for file in series.files:
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        for keyword in _MAY_BE_EMPTY:
            if keyword not in dataset:
                setattr(dataset, keyword, None)
        if any(keyword not in dataset for keyword in _PLACE):
            raise InputError(
                f"The DICOM series in {folder.name} does not say where its slices lie.",
                "Give the folder of the images that the labels were drawn on.",
            )
        found[_slice_of(dataset, labels)] = dataset
    if sorted(found) != list(range(labels.GetSize()[2])):
        raise InputError(
            f"The labels have {labels.GetSize()[2]} slices, the DICOM series in {folder.name} {len(found)} of them.",
            "Give the series on which they were drawn.",
        )
    return [found[number] for number in range(labels.GetSize()[2])]


def _slice_of(dataset: Any, labels: sitk.Image) -> int:
    """Which slice of the labels a DICOM slice is; checks that rows and columns lie voxel on voxel."""
    position = np.array(dataset.ImagePositionPatient, dtype=float)
    along = np.array(dataset.ImageOrientationPatient, dtype=float)
    down, across = (float(each) for each in dataset.PixelSpacing)
    last = position + along[:3] * across * (dataset.Columns - 1) + along[3:] * down * (dataset.Rows - 1)
    first = np.array(labels.TransformPhysicalPointToContinuousIndex(position.tolist()))
    other = np.array(labels.TransformPhysicalPointToContinuousIndex(last.tolist()))
    number = round(float(first[2]))
    size = labels.GetSize()
    wanted = ((0, 0, number), (size[0] - 1, size[1] - 1, number))
    near = all(np.abs(found - np.array(at)).max() < TOLERANCE for found, at in zip((first, other), wanted, strict=True))
    if not near or (dataset.Columns, dataset.Rows) != size[:2]:
        raise InputError(
            "The labels do not lie on the grid of the DICOM series.", "Export on the series they were drawn on."
        )
    return number


def check_not_empty(thrombi: Ordered[object], labels: sitk.Image) -> None:
    """A DICOM object of nothing is refused by many archives."""
    if not thrombi and not sitk.GetArrayViewFromImage(labels).any():
        raise InputError("Nothing is labelled, so there is nothing to export.", "Label something first.")
