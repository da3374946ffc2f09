"""A patient's sequences with their geometry, from named files or from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..sequences import Guess, Sequence, recognise_name
from .checks import check_overlap
from .dicom import find_series
from .quiet import quiet
from .read import is_image_file, read_image


@dataclass(frozen=True)
class Case:
    """Any non-empty subset of sequences of one patient."""

    name: str
    images: Mapping[Sequence, sitk.Image]
    """float32, three axes, each in its own geometry (LPS mm)."""
    labels: sitk.Image | None = None
    """uint8: 1 thrombus, 2 infarct; in a geometry of its own."""
    sources: Mapping[Sequence, str] = field(default_factory=dict)
    """File names without folders."""


def read_case(paths: Mapping[Sequence, Path], name: str = "case", labels: Path | None = None) -> Case:
    """Read the sequences of one patient.

    Raises:
        InputError: no sequence, what `read_image` raises, sequences that do not overlap, labels that are no labels.
    """
    if not paths:
        raise InputError("No sequence was given.", "Give at least one.")
    images = {sequence: read_image(paths[sequence]) for sequence in Sequence if sequence in paths}
    check_overlap({f"{sequence.value} ({paths[sequence].name})": image for sequence, image in images.items()})
    sources = {sequence: paths[sequence].name for sequence in images}
    return Case(name, images, None if labels is None else read_labels(labels), sources)


def read_labels(path: Path) -> sitk.Image:
    """A label image as uint8: 0 background, 1 thrombus, 2 infarct; it may be empty."""
    if not path.exists():
        raise InputError(f"{path.name} does not exist.", "Check the path.")
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"The labels {path.name} cannot be read.", "Export them again.") from error
    values = np.unique(sitk.GetArrayViewFromImage(image))
    if image.GetDimension() != 3 or not np.isin(values, (0, 1, 2)).all():
        raise InputError(f"{path.name} is no label image.", "Labels have three axes and the values 0, 1 and 2.")
    labels: sitk.Image = sitk.Cast(image, sitk.sitkUInt8)
    return labels


def find_case(folder: Path) -> dict[Sequence, tuple[Path, Guess]]:
    """The sequences of a study, recognised.

    Args:
        folder: holds image files, or one folder with a DICOM series for each sequence, or both.

    Returns:
        For each recognised sequence its path and the guess; of two that fit, the surer, and the reason says so.

    Raises:
        InputError: no folder, or several DICOM series side by side in one folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder.name} is no folder.", "Give the folder of one patient's study.")
    fitting: dict[Sequence, list[tuple[Path, Guess]]] = {}
    with quiet():
        guessed = [*_guessed_files(folder), *_guessed_folders(folder)]
    for path, guess in guessed:
        if guess is not None and guess.sequence is not None:
            fitting.setdefault(guess.sequence, []).append((path, guess))
    return {sequence: _surest(fitting[sequence]) for sequence in Sequence if sequence in fitting}


def _surest(fitting: list[tuple[Path, Guess]]) -> tuple[Path, Guess]:
    """The guess of the highest confidence (the first by name among equals); its reason names the others."""
    (path, guess), *others = sorted(fitting, key=lambda each: -each[1].confidence)
    if not others:
        return path, guess
    names = ", ".join(other.name for other, _ in others)
    return path, replace(guess, reason=f"{guess.reason}; {names} would fit too")


def _guessed_files(folder: Path) -> list[tuple[Path, Guess | None]]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and is_image_file(path))
    return [(path, recognise_name(path.name)) for path in files]


def _guessed_folders(folder: Path) -> list[tuple[Path, Guess | None]]:
    """Each sub-folder with one DICOM series, and the folder itself if it holds one."""
    guessed: list[tuple[Path, Guess | None]] = []
    for place in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        series = find_series(place)
        if len(series) > 1:
            raise InputError(f"{place.name} holds {len(series)} DICOM series.", "Put each into a folder of its own.")
        if series:
            guessed.append((place, series[0].guess or recognise_name(place.name)))
    return guessed
