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
from .dicom import Series, choose, find_series
from .quiet import quiet
from .read import is_image_file, read_file, read_image
from .there import short_name, why_missing

#: Where BIDS keeps the images of one session.
BIDS_FOLDERS = ("anat", "dwi", "swi")


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
    _check_distinct(paths)
    images = {sequence: read_image(paths[sequence], sequence) for sequence in Sequence if sequence in paths}
    check_overlap({f"{sequence.value} ({paths[sequence].name})": image for sequence, image in images.items()})
    sources = {sequence: paths[sequence].name for sequence in images}
    return Case(name, images, None if labels is None else read_labels(labels), sources)


def _check_distinct(paths: Mapping[Sequence, Path]) -> None:
    """One file cannot be two sequences; one DICOM folder may hold several."""
    taken: dict[Path, Sequence] = {}
    for sequence, path in paths.items():
        other = taken.setdefault(path.resolve(), sequence)
        if other is not sequence and path.is_file():
            raise InputError(
                f"{path.name} was given as {other.value} and as {sequence.value}.", "Give it as one sequence only."
            )


def read_labels(path: Path) -> sitk.Image:
    """A label image as uint8: 0 background, 1 thrombus, 2 infarct; it may be empty."""
    if wrong := why_missing(path):
        raise InputError(f"{short_name(path)} {wrong}.", "Check the path.")
    with quiet():
        image = read_file(path)
    values = np.unique(sitk.GetArrayViewFromImage(image))
    others = values[~np.isin(values, (0, 1, 2))]
    if len(others):
        raise InputError(
            f"{path.name} is no label image: it holds the value {others[0]:g}.",
            "Labels have three axes and the values 0, 1 and 2.",
        )
    labels: sitk.Image = sitk.Cast(image, sitk.sitkUInt8)
    return labels


def find_case(folder: Path) -> dict[Sequence, tuple[Path, Guess]]:
    """The sequences of a study, recognised.

    Args:
        folder: holds image files, or DICOM series (each in a folder of its own or not), or both. Image files are also
            taken from BIDS's folders anat, dwi and swi.

    Returns:
        For each recognised sequence its path and the guess; of two that fit, the surer, and the reason says so. For a
        DICOM series the path is its folder, from which `read_case` takes the series of that sequence.

    Raises:
        InputError: no folder, or DICOM series of several patients or studies.
    """
    if not folder.is_dir():
        raise InputError("What was given as the case is no folder.", "Give the folder of one patient's study.")
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
    return path, _mentioning(guess, [other.name for other, _ in others])


def _mentioning(guess: Guess, others: list[str]) -> Guess:
    if not others:
        return guess
    return replace(guess, reason=f"{guess.reason}; {', '.join(others)} would fit too")


def _guessed_files(folder: Path) -> list[tuple[Path, Guess | None]]:
    places = [folder, *(folder / name for name in BIDS_FOLDERS if (folder / name).is_dir())]
    files = [path for place in places for path in sorted(place.iterdir()) if path.is_file() and is_image_file(path)]
    return [(path, recognise_name(path.name)) for path in files]


def _guessed_folders(folder: Path) -> list[tuple[Path, Guess | None]]:
    """Each folder with DICOM series in it, once for every sequence among them."""
    guessed: list[tuple[Path, Guess | None]] = []
    used: list[Series] = []
    for place in (folder, *sorted(path for path in folder.rglob("*") if path.is_dir())):
        series = find_series(place)
        if len(series) == 1:
            guess = series[0].guess or recognise_name(place.name)
            guessed.append((place, guess))
            used += series if guess is not None and guess.sequence is not None else []
            continue
        for sequence in Sequence:
            one = choose(series, sequence)
            if one is not None and one.guess is not None:
                others = [each.description for each in series if each is not one and _is(each, sequence)]
                guessed.append((place, _mentioning(one.guess, others)))
                used.append(one)
    _check_one_patient(folder, used)
    return guessed


def _is(series: Series, sequence: Sequence) -> bool:
    return series.guess is not None and series.guess.sequence is sequence


def _check_one_patient(folder: Path, used: list[Series]) -> None:
    for keyword, what in (("PatientID", "patients"), ("StudyInstanceUID", "studies")):
        values = {series.tags[keyword] for series in used if keyword in series.tags}
        if len(values) > 1:
            raise InputError(
                f"The folder holds DICOM series of {len(values)} {what}.",
                "Give the folder of one study, or name the sequences one by one.",
            )
