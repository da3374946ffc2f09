"""Corrected cases made by the simulated annotator from the predictions of real weights. Needs torch."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from ..case import ManifestRow, read_case
from ..errors import InputError
from ..inference import Predictor, SegmentSettings, segment_case
from ..preprocess import onto_labels
from ..preprocess.grid import Grid
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .annotator import Corrected, save_corrected


def simulate_corrections(
    rows: list[ManifestRow],
    predictor: Predictor,
    out: Path,
    *,
    settings: SegmentSettings | None = None,
    at_most: int | None = None,
    copy: bool = False,
    progress: Progress = silent,
) -> list[Corrected]:
    """Segment each case, correct the result with its labels, and save it into a folder of corrected cases.

    Args:
        rows: cases with labels.
        predictor: the weights whose errors are corrected.
        out: folder of the corrected cases; cases that are there already get a new version.
        settings: of the segmentation.
        at_most: corrections a case; None: all.
        copy: write the images anew; False: refer to the files of the manifest.
        progress: told after every case.

    Raises:
        InputError: a row without labels, or labels that lie on the grid of none of its sequences.
    """
    done = []
    for number, row in enumerate(rows, 1):
        done.append(_one(row, predictor, out, settings or SegmentSettings(), at_most, copy))
        report(progress, number / len(rows), "correcting")
    return done


def _one(
    row: ManifestRow, predictor: Predictor, out: Path, settings: SegmentSettings, at_most: int | None, copy: bool
) -> Corrected:
    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Fill the manifest's column 'labels'.")
    case = read_case(row.paths, name=row.case, labels=row.labels)
    assert case.labels is not None
    result = segment_case(case, predictor, settings)
    like = case.labels
    on_grid = [each for each in Sequence if each in case.images and _same(case.images[each], like)]
    if not on_grid:
        raise InputError(f"The labels of {row.case} lie on the grid of none of its sequences.", "Resample them.")
    predicted = onto_labels(result.segmentation, case, result.prepared, "nearest")
    about = {"centre": row.centre, "model": predictor.weights.name, "model_sha256": predictor.weights.sha256}
    return save_corrected(
        out,
        row.case,
        predicted,
        like,
        case.images if copy else row.paths,
        reference=on_grid[0],
        about=about,
        at_most=at_most,
    )[1]


def _same(image: sitk.Image, labels: sitk.Image) -> bool:
    return Grid.of(image).same_as(Grid.of(labels), 1e-2)
