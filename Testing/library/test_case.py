"""Image files, folders of them, and manifests that are as they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import (
    ManifestRow,
    find_case,
    read_case,
    read_image,
    read_labels,
    read_manifest,
    write_manifest,
)
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.sequences import Sequence


def made(shape: tuple[int, ...] = (4, 12, 10), seed: int = 0) -> sitk.Image:
    return sitk.GetImageFromArray(np.random.default_rng(seed).random(shape).astype(np.float32))


def written(path: Path, image: sitk.Image) -> Path:
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_every_format_gives_the_same_image(ending: str, tmp_path: Path) -> None:
    image = made()
    image.SetSpacing((0.9, 0.9, 4.0))
    image.SetOrigin((-11.0, 7.5, 3.0))
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.1, -0.2, 0.3).GetMatrix())
    read = read_image(written(tmp_path / f"größe 1{ending}", image))
    assert read.GetPixelID() == sitk.sitkFloat32 and read.GetSize() == image.GetSize()
    np.testing.assert_allclose(read.GetOrigin(), image.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(read.GetDirection(), image.GetDirection(), atol=1e-5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(image))


def test_one_slice_and_a_fourth_axis_of_one_are_taken(tmp_path: Path) -> None:
    flat = sitk.GetImageFromArray(np.random.default_rng(0).random((12, 10)).astype(np.float32))
    assert read_image(written(tmp_path / "flat.nii.gz", flat)).GetSize() == (10, 12, 1)
    assert read_image(written(tmp_path / "four.nii.gz", sitk.JoinSeries([made()]))).GetSize() == (10, 12, 4)


def test_integers_become_floating_point(tmp_path: Path) -> None:
    counts = sitk.Cast(made() * 1000, sitk.sitkInt16)
    read = read_image(written(tmp_path / "counts.nii.gz", counts))
    assert read.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(counts))


def test_a_plain_file_that_ends_in_gz_is_read(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain.nii", made())
    assert read_image(plain.rename(tmp_path / "plain.nii.gz")).GetSize() == (10, 12, 4)


def test_a_case_keeps_the_order_of_sequences_and_file_names(tmp_path: Path) -> None:
    paths = {Sequence.TOF: written(tmp_path / "t.nii", made()), Sequence.SWI: written(tmp_path / "s.mha", made())}
    labels = written(tmp_path / "labels.nii.gz", made() * 0)
    case = read_case(paths, name="größe", labels=labels)
    assert list(case.images) == [Sequence.SWI, Sequence.TOF]
    assert case.sources == {Sequence.SWI: "s.mha", Sequence.TOF: "t.nii"}
    assert case.labels is not None and case.labels.GetPixelID() == sitk.sitkUInt8


def test_labels_stored_as_floating_point_are_taken(tmp_path: Path) -> None:
    labels = read_labels(written(tmp_path / "labels.nii.gz", sitk.Round(made() * 2)))
    assert set(np.unique(sitk.GetArrayFromImage(labels))) == {0, 1, 2}


def test_bids_folders_are_looked_into(tmp_path: Path) -> None:
    for name in ("anat/sub-01_T2starw.nii.gz", "anat/sub-01_FLAIR.nii.gz", "anat/sub-01_T1w.nii.gz",
                 "dwi/sub-01_dwi.nii.gz", "derivatives/sub-01_adc.nii.gz"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(find_case(tmp_path)) == [Sequence.SWI, Sequence.DWI, Sequence.FLAIR]


def test_manifest_round_trip(tmp_path: Path) -> None:
    rows = [ManifestRow("a", "A", "train", {Sequence.SWI: tmp_path / "größe" / "s.nii"}, tmp_path / "l.nii")]
    rows.append(ManifestRow("b", "B", "test", {Sequence.ADC: tmp_path / "a.nii"}, None))
    write_manifest(tmp_path / "m.csv", rows)
    assert read_manifest(tmp_path / "m.csv") == rows
    assert "patient" not in (tmp_path / "m.csv").read_text()
    rows[1] = replace(rows[1], patient="P7")
    write_manifest(tmp_path / "m.csv", rows)
    assert read_manifest(tmp_path / "m.csv") == rows


def test_scans_of_one_patient_in_two_splits_are_refused(tmp_path: Path) -> None:
    scan = {Sequence.SWI: tmp_path / "s.nii"}
    rows = [ManifestRow(str(number), "A", "train", scan, None, "P7") for number in range(2)]
    rows.append(ManifestRow("later", "A", "", scan, None, "P7"))
    write_manifest(tmp_path / "m.csv", rows)
    assert len(read_manifest(tmp_path / "m.csv")) == 3
    write_manifest(tmp_path / "m.csv", [*rows, ManifestRow("last", "A", "test", scan, None, "P7")])
    with pytest.raises(InputError, match=r"Lines 2 and 5 of m\.csv put one patient in two splits, train and test"):
        read_manifest(tmp_path / "m.csv")


def test_a_folder_of_files_is_recognised(tmp_path: Path) -> None:
    for name in ("swi.nii.gz", "DWI_b1000.nii.gz", "trace.nii.gz", "adc.nrrd", "t1.nii", "mask.nii.gz", "notes.txt"):
        (tmp_path / name).touch()
    found = find_case(tmp_path)
    assert {sequence.value: path.name for sequence, (path, _) in found.items()} == {
        "SWI": "swi.nii.gz", "DWI": "DWI_b1000.nii.gz", "ADC": "adc.nrrd",
    }  # fmt: skip
    assert "trace.nii.gz would fit too" in found[Sequence.DWI][1].reason
    with pytest.raises(InputError, match="no folder"):
        find_case(tmp_path / "swi.nii.gz")
