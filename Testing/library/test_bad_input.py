"""Every bad input is one clear sentence that names the file, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import read_case, read_image, read_labels, read_manifest
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.sequences import Sequence


def made(shape: tuple[int, ...] = (4, 12, 10), seed: int = 0) -> sitk.Image:
    return sitk.GetImageFromArray(np.random.default_rng(seed).random(shape).astype(np.float32))


def written(path: Path, image: sitk.Image) -> Path:
    sitk.WriteImage(image, str(path))
    return path


def with_value(value: float, folder: Path, name: str = "image.nii.gz") -> Path:
    array = np.ones((4, 12, 10), np.float32)
    array[0, 0, 0] = 2
    array[1, 2, 3] = value
    return written(folder / name, sitk.GetImageFromArray(array))


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


def sheared_mha(folder: Path) -> Path:
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nTransformMatrix = 1 0 0 0.5 1 0 0 0 1\n"
        "DimSize = 4 4 4\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    )
    return text(folder, "image.mha", header.encode() + bytes(range(64)))


def cut_off_mha(folder: Path) -> Path:
    path = written(folder / "image.mha", made((20, 40, 40)))
    path.write_bytes(path.read_bytes()[:-2000])
    return path


def compressed_without_saying(folder: Path) -> Path:
    plain = written(folder / "plain.nii", made())
    return text(folder, "image.nii", gzip.compress(plain.read_bytes()))


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
    "shear of an .mha": (sheared_mha, "not at right angles"),
    "cut off .mha": (cut_off_mha, "cannot be read"),
    "complex": (lambda f: written(f / "image.nii", sitk.RealAndImaginaryToComplex(made(), made())), "complex values"),
    "NaN in NRRD": (
        lambda f: with_value(np.nan, f, "image.nrrd"),
        "1 voxels that are not numbers",
    ),
    "compressed without saying so": (compressed_without_saying, "is compressed"),
    "one DICOM file": (lambda f: text(f, "image.dcm", b"hello"), "one DICOM file"),
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
    three = sitk.GetImageFromArray(np.full((2, 3, 4), 3, np.uint8))
    with pytest.raises(InputError, match=r"three\.nii is no label image: it holds the value 3"):
        read_labels(written(tmp_path / "three.nii", three))
    with pytest.raises(InputError, match="no label image"):
        read_labels(written(tmp_path / "labels.nii.gz", made()))
    with pytest.raises(InputError, match="does not exist"):
        read_labels(tmp_path / "nothing.nii.gz")


HEAD = "case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("case,SWI\na,b\n", "lacks the columns centre, split"),
        ("case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\n,A,test,x.nii,,,,,\n", "Line 2 .* no case name"),
        ("case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\na,A,test,,,,,,l.nii\n", "Line 2 .* no sequence"),
        (
            "case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels\na,A,test,x,,,,,\na,A,test,x,,,,,\n",
            "Lines 2 and 3 .* case a twice",
        ),
        ("", "lacks the columns"),
        (HEAD.replace(",", ";"), "lacks the columns case, .* with commas between, not semicolons"),
        (HEAD + "a,A,test,x,,,,,\n\n,A,test,x,,,,,\n", "Line 4 .* no case name"),
        (HEAD + "a,A,test,x,,,,,\n\na,A,test,x,,,,,\n", "Lines 2 and 4 .* case a twice"),
        (HEAD + "a,A,test,x,,,,,,y\n", "Line 2 of m.csv has more cells"),
        (HEAD.replace("ADC", "ADC,SWI"), "m.csv has the column SWI twice"),
        (HEAD + "\u5f71" * 120 + ",A,test,x,,,,,\n", "Line 2 of m.csv: the case's name is too long"),
    ],
)
def test_bad_manifests(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_manifest(tmp_path / "m.csv")
    with pytest.raises(InputError, match="no manifest"):
        read_manifest(tmp_path / "other.csv")
    (tmp_path / "corrected").mkdir()
    with pytest.raises(InputError, match=r"There is no manifest manifest\.csv in corrected"):
        read_manifest(tmp_path / "corrected")


@pytest.mark.parametrize("read", [read_manifest, read_image, read_labels])
def test_what_cannot_be_reached_is_named_without_its_folder(
    read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"x{80}\.\.\. cannot be reached \(File name too long\)") as caught:
        read(tmp_path / ("x" * 5000))
    assert str(tmp_path) not in str(caught.value)

    def closed(self: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(InputError, match=r"SWI\.nii\.gz cannot be reached \(Permission denied\)") as caught:
        read(tmp_path / "SWI.nii.gz")
    assert str(tmp_path) not in str(caught.value)


def test_one_file_for_two_sequences(tmp_path: Path) -> None:
    path = written(tmp_path / "swi.nii.gz", made())
    with pytest.raises(InputError, match=r"swi\.nii\.gz was given as SWI and as DWI"):
        read_case({Sequence.SWI: path, Sequence.DWI: path})


@pytest.mark.parametrize("name", ["../../escape", "a/b", "..", "C:\\\\x", ".hidden"])
def test_a_case_cannot_lead_out_of_its_folder(name: str, tmp_path: Path) -> None:
    header = "case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels"
    (tmp_path / "m.csv").write_text(f"{header}\n{name},A,test,x.nii,,,,,\n")
    with pytest.raises(InputError, match="cannot be the name of a folder"):
        read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_a_nifti_file_must_say_how_large_its_voxels_are(value: float, tmp_path: Path) -> None:
    path = written(tmp_path / "image.nii", made())
    content = bytearray(path.read_bytes())
    content[84:88] = np.array([value], "<f4").tobytes()  # pixdim[2]
    path.write_bytes(content)
    with pytest.raises(InputError, match="how large its voxels are"):
        read_image(path)
