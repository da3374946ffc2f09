"""Labels drawn on a sequence that is registered to the reference: judged as they are learnt from, with its pose."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow, read_case
from ThrombusSegLib.inference import SegmentSettings
from ThrombusSegLib.preprocess import PreprocessSettings, onto_labels, prepare
from ThrombusSegLib.preprocess.prepare import pose_of_labels
from ThrombusSegLib.sequences import Sequence

#: By how much the header of the DWI lies, mm.
SHIFT = (9.0, -6.0, 0.0)
SETTINGS = SegmentSettings(threshold=0.5, minimum_volume_mm3=0.0, registration="always")


def head(seed: int, contrast: float) -> sitk.Image:
    """An ellipsoid with folds and one dark ball, the same in every contrast."""
    axes = [(np.arange(n) - (n - 1) / 2) * h for n, h in zip((72, 80, 40), (2.5, 2.5, 3.0), strict=True)]
    z, y, x = np.meshgrid(*axes[::-1], indexing="ij")
    inside = (x / 70) ** 2 + (y / 85) ** 2 + (z / 50) ** 2 < 1
    folds = np.sin(x / 7) * np.sin(y / 9 + 1) + 0.5 * np.sin(z / 11 + x / 23)
    values = np.where(inside, 100 + contrast * 25 * folds, 0.0)
    values[(x - 30) ** 2 + (y + 10) ** 2 + (z - 10) ** 2 < 150] = 40.0
    image = sitk.GetImageFromArray((values + np.random.default_rng(seed).normal(0, 1, values.shape)).astype(np.float32))
    image.SetSpacing((2.5, 2.5, 3.0))
    image.SetOrigin([float(axis[0]) for axis in axes])
    return image


def marked(like: sitk.Image) -> sitk.Image:
    array = np.zeros(like.GetSize()[::-1], np.uint8)
    array[20:23, 38:40, 44:49] = 1
    labels = sitk.GetImageFromArray(array)
    labels.CopyInformation(like)
    return labels


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ManifestRow:
    """SWI, a DWI whose header lies, and labels drawn on that DWI."""
    folder = tmp_path_factory.mktemp("moved")
    images = {Sequence.SWI: head(0, 1.0), Sequence.DWI: head(3, -0.7)}
    origin = images[Sequence.SWI].GetOrigin()
    images[Sequence.DWI].SetOrigin([place + shift for place, shift in zip(origin, SHIFT, strict=True)])
    paths = {sequence: folder / f"{sequence.value}.nii.gz" for sequence in images}
    for sequence, image in images.items():
        sitk.WriteImage(image, str(paths[sequence]))
    sitk.WriteImage(marked(images[Sequence.DWI]), str(folder / "labels.nii.gz"))
    return ManifestRow("case-1", "A", "test", paths, folder / "labels.nii.gz")


@pytest.fixture(scope="module")
def result(row: ManifestRow) -> SimpleNamespace:
    """A segmentation that found the thrombus exactly where it lies on the reference."""
    case = read_case(row.paths, labels=row.labels)
    prepared = prepare(case, PreprocessSettings(registration="always"))
    assert prepared.registrations[Sequence.DWI].how == "registered"
    found = marked(case.images[Sequence.SWI])
    probability = sitk.Cast(found, sitk.sitkFloat32)
    return SimpleNamespace(
        segmentation=found,
        probability=probability,
        prepared=prepared,
        threshold=0.5,
        minimum_volume_mm3=0.0,
        seconds={},
    )


def test_a_prediction_goes_onto_moved_labels_and_stays_where_nothing_was_moved(row: ManifestRow, result):
    case = read_case(row.paths, labels=row.labels)
    truth = sitk.GetArrayFromImage(case.labels)
    there = sitk.GetArrayFromImage(onto_labels(result.segmentation, case, result.prepared, "nearest"))
    assert (there & truth).sum() > 0.7 * truth.sum()
    plain = sitk.Resample(result.segmentation, case.labels, sitk.Transform(), sitk.sitkNearestNeighbor)
    assert (sitk.GetArrayFromImage(plain) & truth).sum() < 0.3 * truth.sum()
    still = prepare(case, PreprocessSettings(registration="never"))
    assert pose_of_labels(case, still) is None
    unmoved = onto_labels(result.segmentation, case, still, "nearest")
    assert np.array_equal(sitk.GetArrayFromImage(unmoved), sitk.GetArrayFromImage(plain))


def test_before_and_after_of_a_training_are_judged_with_the_pose(row: ManifestRow, result, monkeypatch):
    from ThrombusSegLib.review import learn

    monkeypatch.setattr(learn, "segment_case", lambda *_: result)
    score = learn._score(row, SimpleNamespace(), SETTINGS)
    assert score["detection_rate"] == 1.0 and score["dice_all_cases"] > 0.6
    assert score["false_positives_per_scan"] == 0.0


def test_an_evaluation_judges_with_the_pose(row: ManifestRow, result, monkeypatch):
    import ThrombusSegLib.inference
    from ThrombusSegLib.evaluation.looks import look_at

    monkeypatch.setattr(ThrombusSegLib.inference, "segment_case", lambda *_, **__: result)
    predictor = SimpleNamespace(weights=SimpleNamespace(sha256="ab"))
    (record,) = look_at([row], predictor, settings=SETTINGS)
    assert record.score.detected and record.score.dice > 0.6 and record.score.false_positives == 0


def test_pictures_show_moved_labels_where_they_lie_on_the_reference(row: ManifestRow, result):
    from ThrombusSegLib.evaluation.examples import _as_shown

    case = read_case(row.paths, labels=row.labels)
    shown = sitk.GetArrayFromImage(_as_shown(case.labels, case, result.prepared))
    truth = sitk.GetArrayFromImage(result.segmentation)
    assert (shown & truth).sum() > 0.7 * truth.sum()


def test_simulated_corrections_are_drawn_with_the_pose(row: ManifestRow, result, monkeypatch, tmp_path: Path):
    from ThrombusSegLib.review import open_case, simulate

    monkeypatch.setattr(simulate, "segment_case", lambda *_: result)
    predictor = SimpleNamespace(weights=SimpleNamespace(name="w", sha256="ab"))
    simulate.simulate_corrections([row], predictor, tmp_path, settings=SETTINGS)
    saved = open_case(tmp_path / "case-1")
    before, after = (sitk.GetArrayFromImage(each) for each in (saved.predicted, saved.labels))
    assert (before & after).sum() > 0.7 * after.sum()
    assert saved.record.reference is Sequence.DWI
