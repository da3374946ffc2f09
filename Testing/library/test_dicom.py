"""DICOM folders, written here with pydicom as a scanner would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from ThrombusSegLib.case import FRAME_TAG, find_case, read_case, read_image
from ThrombusSegLib.case.dicom import find_series
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.sequences import Sequence

ROWS, COLUMNS, SLICES = 12, 10, 4
#: Columns run obliquely towards the patient's left and back.
ACROSS, DOWN = np.array([0.96, 0.28, 0.0]), np.array([-0.28, 0.96, 0.0])
SPACING = (0.9, 0.9, 5.0)


def write_series(
    folder: Path,
    *,
    b_values: tuple[float, ...] = (),
    series: str = "",
    private_b_value: int | None = None,
    bright: int = 0,
    **attributes: object,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    series = series or generate_uid()
    for number, b_value in enumerate(b_values or (None,)):
        for position in range(SLICES):
            one = slice_of(series, "1.2.3", position, number)
            one.PixelData = (pixels(position, number) + np.uint16(bright)).tobytes()
            if b_value is not None:
                one.DiffusionBValue = b_value
            if private_b_value is not None:
                one.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x39, "IS", [private_b_value, 8, 0, 0])
            for keyword, value in attributes.items():
                setattr(one, keyword, value)
            one.save_as(folder / f"{one.SOPInstanceUID[-12:]}-{number}-{position}.dcm", enforce_file_format=True)


def slice_of(series: str, frame: str, position: int, volume: int) -> pydicom.Dataset:
    one = pydicom.Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, generate_uid()
    one.PatientName, one.PatientID, one.Modality = "Doe^Jane", "12345", "MR"
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "1.2", series, frame
    one.InstanceNumber = volume * SLICES + position + 1
    one.ImageOrientationPatient = [*ACROSS.tolist(), *DOWN.tolist()]
    one.ImagePositionPatient = (np.array([-20.0, 30.0, 10.0]) + np.array([0, 0, SPACING[2]]) * position).tolist()
    one.PixelSpacing, one.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
    one.Rows, one.Columns, one.SamplesPerPixel, one.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.PixelData = pixels(position, volume).tobytes()
    return one


def pixels(position: int, volume: int) -> np.ndarray:
    return (np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS) + 1000 * position + 5000 * volume).astype(
        "<u2"
    )


def test_a_series_is_read_in_its_place(tmp_path: Path) -> None:
    write_series(tmp_path / "größe swi", SeriesDescription="SWI")
    image = read_image(tmp_path / "größe swi")
    assert image.GetSize() == (COLUMNS, ROWS, SLICES)
    np.testing.assert_allclose(image.GetSpacing(), SPACING, atol=1e-6)
    np.testing.assert_allclose(image.GetOrigin(), (-20.0, 30.0, 10.0), atol=1e-6)
    np.testing.assert_allclose(np.array(image.GetDirection()).reshape(3, 3)[:, 0], ACROSS, atol=1e-6)
    assert image[2, 3, 1] == pixels(1, 0)[3, 2]
    assert image.GetMetaDataKeys() == (FRAME_TAG,)  # and no name of a patient


def test_the_highest_b_value_is_taken(tmp_path: Path) -> None:
    write_series(tmp_path / "dwi", b_values=(0.0, 1000.0), SeriesDescription="ep2d_diff")
    image = read_image(tmp_path / "dwi")
    assert image.GetSize() == (COLUMNS, ROWS, SLICES)
    assert image[0, 0, 0] == pixels(0, 1)[0, 0]


def test_a_study_is_recognised(tmp_path: Path) -> None:
    write_series(tmp_path / "a", SeriesDescription="SWI", ImageType=["ORIGINAL", "PRIMARY", "P"])
    write_series(tmp_path / "b", SeriesDescription="Ax SWI", ScanningSequence="GR", EchoTime=20.0)
    write_series(tmp_path / "c", b_values=(0.0, 1000.0), SeriesDescription="diffusion")
    write_series(tmp_path / "d", SeriesDescription="diffusion", ImageType=["DERIVED", "PRIMARY", "ADC"])
    write_series(tmp_path / "e", SeriesDescription="localizer")
    found = find_case(tmp_path)
    assert {each.value: path.name for each, (path, _) in found.items()} == {"SWI": "b", "DWI": "c", "ADC": "d"}
    assert all(guess.reason for _, guess in found.values())
    case = read_case({each: path for each, (path, _) in found.items()})
    assert set(case.images) == {Sequence.SWI, Sequence.DWI, Sequence.ADC}


def test_several_series_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    write_series(tmp_path / "all", SeriesDescription="Ax SWI", bright=0)
    write_series(tmp_path / "all", SeriesDescription="FLAIR", bright=10_000)
    write_series(tmp_path / "all", SeriesDescription="localizer")
    with pytest.raises(InputError, match=r"all holds 3 DICOM series \(Ax SWI, FLAIR, localizer\)"):
        read_image(tmp_path / "all")
    with pytest.raises(InputError, match="no single one is TOF"):
        read_image(tmp_path / "all", Sequence.TOF)
    case = read_case({each: path for each, (path, _) in find_case(tmp_path).items()})
    assert {each.value: image[0, 0, 0] for each, image in case.images.items()} == {"SWI": 0, "FLAIR": 10_000}


def test_of_several_echoes_the_longest_magnitude_is_taken(tmp_path: Path) -> None:
    series = generate_uid()
    for echo, kind, bright in ((14.0, "M", 100), (25.0, "M", 200), (25.0, "P", 300)):
        write_series(
            tmp_path,
            series=series,
            EchoTime=echo,
            ScanningSequence="GR",
            ImageType=["ORIGINAL", "PRIMARY", kind],
            bright=bright,
        )
    ((sequence, (path, _)),) = find_case(tmp_path).items()
    assert sequence is Sequence.SWI
    for image in (read_image(path), read_case({sequence: path}).images[sequence]):
        assert image.GetSize() == (COLUMNS, ROWS, SLICES) and image[0, 0, 0] == 200


def test_general_electric_b_values(tmp_path: Path) -> None:
    for b_value, bright in ((0, 0), (1_000_001_000, 7)):
        write_series(tmp_path, series="1.2.3.4", SeriesDescription="DWI", private_b_value=b_value, bright=bright)
    (series,) = find_series(tmp_path)
    assert series.guess is not None and "b-value is 1000 " in series.guess.reason
    assert read_image(tmp_path)[0, 0, 0] == 7


def test_files_in_any_order_without_endings(tmp_path: Path) -> None:
    write_series(tmp_path / "s", SeriesDescription="SWI")
    for number, file in enumerate(sorted((tmp_path / "s").iterdir(), reverse=True)):
        file.rename(tmp_path / "s" / f"IM{number}")
    image = read_image(tmp_path / "s")
    assert [image[0, 0, position] for position in range(SLICES)] == [0, 1000, 2000, 3000]


def test_patients_are_not_mixed(tmp_path: Path) -> None:
    write_series(tmp_path / "a", SeriesDescription="SWI")
    write_series(tmp_path / "b", SeriesDescription="FLAIR", PatientID="other")
    with pytest.raises(InputError, match="of 2 patients") as caught:
        find_case(tmp_path)
    assert "12345" not in str(caught.value)


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [("missing", "Slices are missing"), ("directions", "several directions"), ("frames", "enhanced DICOM"),
     ("repeated", "several images at the same slice positions")],
)  # fmt: skip
def test_slices_that_make_up_no_volume(trouble: str, sentence: str, tmp_path: Path) -> None:
    write_series(tmp_path / "s", series="1.2.3.4", SeriesDescription="DWI")
    second = sorted((tmp_path / "s").iterdir(), key=lambda file: file.name[-5:])[1]  # by position, not by series
    one = pydicom.dcmread(second)
    if trouble == "missing":
        second.unlink()
    elif trouble == "directions":
        one.ImageOrientationPatient = [1, 0, 0, 0, 0, 1]
        one.save_as(second)
    elif trouble == "frames":
        one.NumberOfFrames, one.PixelData = 2, one.PixelData * 2
        one.save_as(second)
    else:
        one.SOPInstanceUID = generate_uid()
        one.save_as(tmp_path / "s" / "again.dcm")
    with pytest.raises(InputError, match=sentence):
        read_image(tmp_path / "s")
