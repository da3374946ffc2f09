"""Rows of a manifest before they are looked at: their files are there, and the labels lie on the images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import SimpleITK as sitk

from ..case import Case, ManifestRow, read_case, read_image, read_labels
from ..case.checks import do_overlap
from ..case.quiet import quiet
from ..case.there import short_name, why_missing
from ..errors import InputError
from ..preprocess.grid import Grid
from ..sequences import Sequence as MRSequence


def check_rows(rows: Iterable[ManifestRow]) -> None:
    """All files of all rows are there, before hours are spent on the first ones. Nothing is opened.

    Raises:
        InputError: naming the case and the sequence.
    """
    for row in rows:
        files = {sequence.value: path for sequence, path in row.paths.items()}
        for column, path in {**files, "labels": _labels_of(row)}.items():
            if wrong := why_missing(path):
                raise InputError(
                    f"Case {row.case}: {column} ({short_name(path)}) {wrong}.",
                    f"Check the manifest's column '{column}'.",
                )


@contextmanager
def named_after(case: str) -> Iterator[None]:
    """Whatever is wrong with the input is said with the name of the case."""
    try:
        yield
    except InputError as error:
        if error.sentence.startswith(f"Case {case}"):
            raise
        raise InputError(f"Case {case}: {error.sentence}", error.advice) from error
    except OSError as error:
        name = f"{Path(str(error.filename)).name} cannot be read" if error.filename else "A file cannot be read"
        raise InputError(f"Case {case}: {name}.", "Check that it is there, and that you may read it.") from error


def read_row(row: ManifestRow, sequences: Iterable[MRSequence]) -> Case:
    """Some sequences of a case, and its labels.

    Raises:
        InputError: what `read_case` raises; labels that are missing, have two axes, lie on no image of the case, or
            lost their geometry.
    """
    path = _labels_of(row)
    case = read_case({sequence: row.paths[sequence] for sequence in sequences}, name=row.case, labels=path)
    _check_axes(path)
    _check_place(row, path, case)
    _check_geometry(path, case)
    return case


def has_thrombus(row: ManifestRow) -> bool:
    """Whether the labels of a case hold a thrombus."""
    with named_after(row.case):
        return bool((sitk.GetArrayViewFromImage(read_labels(_labels_of(row))) == 1).any())


def _labels_of(row: ManifestRow) -> Path:
    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Fill the manifest's column 'labels'.")
    return row.labels


def _check_axes(labels: Path) -> None:
    """A picture of two axes has no place in space."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(labels))
    with quiet():
        reader.ReadImageInformation()
    if reader.GetDimension() < 3:
        raise InputError(f"The labels {short_name(labels)} have two axes only.", "Give labels with three axes.")


def _check_place(row: ManifestRow, labels: Path, case: Case) -> None:
    """The labels share some space with an image of the case, if not with those at hand then with another."""
    assert case.labels is not None
    others: Mapping[MRSequence, Path] = {each: path for each, path in row.paths.items() if each not in case.images}
    if any(do_overlap(case.labels, image) for image in case.images.values()):
        return
    if any(do_overlap(case.labels, read_image(path, each)) for each, path in others.items()):
        return
    raise InputError(
        f"The labels {short_name(labels)} overlap none of the case's images in space.",
        "Check that they were drawn on this case, and saved with its geometry.",
    )


def _check_geometry(labels: Path, case: Case) -> None:
    """Labels with the voxels of an image, and a header that says nothing: they would lie beside it, and be missed."""
    assert case.labels is not None
    grid = Grid.of(case.labels)
    if any(grid.origin) or set(grid.spacing) != {1.0}:
        return
    alike = {each: Grid.of(image) for each, image in case.images.items() if image.GetSize() == grid.size}
    if alike and not any(each.same_as(grid) for each in alike.values()):
        raise InputError(
            f"The labels {short_name(labels)} have the voxels of {next(iter(alike)).value}, and no geometry "
            "(spacing 1 mm, origin 0): it was lost when they were saved.",
            "Save them with the geometry of the image they were drawn on.",
        )
