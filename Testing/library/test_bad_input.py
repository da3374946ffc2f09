"""Every bad input is one clear sentence that names the file, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Callable
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


def with_value(value: float, folder: Path) -> Path:
    array = np.ones((4, 12, 10), np.float32)
    array[0, 0, 0] = 2
    array[1, 2, 3] = value
    return written(folder / "image.nii.gz", sitk.GetImageFromArray(array))


def cut_off(folder: Path) -> Path:
    path = written(folder / "image.nii.gz", made((20, 40, 40)))
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def sheared(folder: Path) -> Path:
    path = written(folder / "image.nii", made())
    content = bytearray(path.read_bytes())
    content[252:256] = np.array([0, 1], "<i2").tobytes()  # qform_code, sform_code
    content[280:328] = np.array([1, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], "<f4").tobytes()
    path.write_bytes(content)
    return path


def bomb(folder: Path) -> Path:
    path = written(folder / "image.nii", made())
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([4000, 4000, 4000], "<i2").tobytes()  # dim[1..3]
    path.write_bytes(content)
    return path


def text(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "image.nii.gz", "does not exist"),
    "four volumes": (lambda f: written(f / "image.nii.gz", sitk.JoinSeries([made(), made(), made()])), "3 volumes"),
    "colours": (lambda f: written(f / "image.nrrd", sitk.Compose(made(), made(), made())), "3 values per voxel"),
    "NaN": (lambda f: with_value(np.nan, f), "1 voxels that are not numbers"),
    "infinite": (lambda f: with_value(np.inf, f), "1 voxels that are not numbers"),
    "all zero": (lambda f: written(f / "image.nii.gz", made() * 0), "are zero"),
    "constant": (lambda f: written(f / "image.nii.gz", made() * 0 + 7), "are 7"),
    "empty": (lambda f: text(f, "image.nii.gz", b""), "is empty"),
    "empty gzip": (lambda f: text(f, "image.nii.gz", gzip.compress(b"")), "cannot be read"),
    "no gzip": (lambda f: text(f, "image.nii.gz", b"hello"), "damaged"),
    "cut off": (cut_off, "cut off or damaged"),
    "damaged": (lambda f: text(f, "image.mha", b"ObjectType = Image\nNDims = 3\n"), "cannot be read"),
    "shear": (sheared, "not at right angles"),
    "too large": (bomb, "more than any head scan"),
    "not an image": (lambda f: text(f, "image.txt", b"hello"), "no image that can be read"),
    "folder without DICOM": (lambda f: f, "no DICOM series"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_images(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make, sentence = CASES[name]
    folder = tmp_path / "Jürgen Ünï cödé"
    folder.mkdir()
    path = make(folder)
    with pytest.raises(InputError, match=sentence) as caught:
        read_image(path)
    assert path.name in caught.value.sentence and caught.value.advice
    assert str(tmp_path) not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_uncompressed_file_that_is_too_short(tmp_path: Path) -> None:
    path = written(tmp_path / "image.nii", made((20, 40, 40)))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"image\.nii"):
        read_image(path)


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


def test_no_sequence() -> None:
    with pytest.raises(InputError, match="No sequence"):
        read_case({})


def test_volumes_that_do_not_overlap(tmp_path: Path) -> None:
    far = made(seed=1)
    far.SetOrigin((500.0, 0.0, 0.0))
    paths = {
        Sequence.SWI: written(tmp_path / "swi.nii.gz", made()),
        Sequence.DWI: written(tmp_path / "dwi.nii.gz", far),
    }
    with pytest.raises(InputError, match=r"SWI \(swi\.nii\.gz\) and DWI \(dwi\.nii\.gz\) do not overlap"):
        read_case(paths)


def test_labels_must_be_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label image"):
        read_labels(written(tmp_path / "labels.nii.gz", made()))
    with pytest.raises(InputError, match="does not exist"):
        read_labels(tmp_path / "nothing.nii.gz")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("case,SWI\na,b\n", "lacks the columns centre, split"),
        ("case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\n,A,test,x.nii,,,,,\n", "Line 2 .* no case name"),
        ("case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\na,A,test,,,,,,l.nii\n", "Line 2 .* no sequence"),
        ("case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\na,A,test,x,,,,,\na,A,test,x,,,,,\n", "case a twice"),
        ("", "lacks the columns"),
    ],
)
def test_bad_manifests(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_manifest(tmp_path / "m.csv")
    with pytest.raises(InputError, match="no manifest"):
        read_manifest(tmp_path / "other.csv")


def test_manifest_round_trip(tmp_path: Path) -> None:
    rows = [ManifestRow("a", "A", "train", {Sequence.SWI: tmp_path / "größe" / "s.nii"}, tmp_path / "l.nii")]
    rows.append(ManifestRow("b", "B", "test", {Sequence.ADC: tmp_path / "a.nii"}, None))
    write_manifest(tmp_path / "m.csv", rows)
    assert read_manifest(tmp_path / "m.csv") == rows


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
