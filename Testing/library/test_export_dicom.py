"""Exports into a DICOM study: SEG and SR, and what is said where they cannot be written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from oblique_labels import ACROSS, COLUMNS, DOWN, ROWS, SLICES, geometry, labels, reviewed

from ThrombusSegLib.case import read_image
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.export import (
    measure,
    read_dicom_seg,
    write_dicom_seg,
    write_dicom_sr,
)
from ThrombusSegLib.review import CandidateReview, ReviewRecord, save_case
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.worker.reviewing import run_task


def series(folder: Path, *, backwards: bool = False, description: str = "SWI axial") -> Path:
    """A small MR series as a scanner writes it, oblique, with the slices in any order."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

    folder.mkdir(parents=True)
    study, own, frame = generate_uid(), generate_uid(), generate_uid()
    values = np.random.default_rng(1).integers(0, 900, (SLICES, ROWS, COLUMNS)).astype(np.uint16)
    for number in range(SLICES):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, generate_uid()
        one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Doe^Jane", "12345", "19500101", "F"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, own, frame
        one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20260102", "101112", "1", "A1"
        one.ReferringPhysicianName, one.PositionReferenceIndicator, one.Modality = "", "", "MR"
        one.SeriesNumber, one.InstanceNumber = 4, SLICES - number if backwards else number + 1
        one.SeriesDescription, one.Manufacturer, one.ImageType = description, "Maker", ["ORIGINAL", "PRIMARY"]
        one.ScanningSequence, one.SequenceVariant, one.ScanOptions, one.MRAcquisitionType = "GR", "SP", "", "3D"
        one.ImageOrientationPatient = [*ACROSS.tolist(), *DOWN.tolist()]
        one.ImagePositionPatient = (np.array([-20.0, 30.0, 10.0]) + 4.0 * number * np.cross(ACROSS, DOWN)).tolist()
        one.PixelSpacing, one.SliceThickness = [0.9, 0.9], 4.0
        one.Rows, one.Columns, one.SamplesPerPixel, one.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.PixelData = values[number].tobytes()
        one.save_as(folder / f"{generate_uid()[-9:]}.dcm", enforce_file_format=True)
    return folder


def array_of(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("backwards", [False, True])
def test_dicom_seg_opens_again_at_the_same_voxels(tmp_path: Path, backwards: bool):
    highdicom = pytest.importorskip("highdicom")
    scans = series(tmp_path / "series", backwards=backwards)
    reference = read_image(scans)
    case = measure(labels(), reference)
    made = write_dicom_seg(case, scans, tmp_path / "seg.dcm")
    assert np.array_equal(array_of(read_dicom_seg(tmp_path / "seg.dcm", reference)), array_of(labels()))
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert [seg.get_segment_description(n).segment_label for n in (1, 2, 3)] == ["Thrombus 1", "Thrombus 2", "Infarct"]
    assert (seg.PatientID, seg.StudyInstanceUID) == ("12345", made.StudyInstanceUID)
    assert seg.SeriesInstanceUID != read_uid(scans)
    volume = seg.get_volume(combine_segments=False)  # highdicom's own reader, by affine
    for number in (1, 2, 3):
        mine = case.numbers == number if number < 3 else array_of(labels()) == 2
        assert int(volume.array[..., number - 1].sum()) == int(mine.sum())
        own = np.argwhere(volume.array[..., number - 1]).mean(axis=0)
        place = volume.affine @ [*own, 1]
        k, j, i = np.argwhere(mine).mean(axis=0)
        assert np.allclose(place[:3], labels().TransformContinuousIndexToPhysicalPoint((i, j, k)), atol=0.01)


def read_uid(folder: Path) -> str:
    import pydicom

    return str(pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True).SeriesInstanceUID)


def test_dicom_seg_refuses_what_does_not_fit(tmp_path: Path):
    pytest.importorskip("highdicom")
    scans = series(tmp_path / "series")
    shifted = labels()
    shifted.SetOrigin((-20.0, 30.0, 12.0))
    with pytest.raises(InputError, match="grid of the DICOM series"):
        write_dicom_seg(measure(shifted), scans, tmp_path / "seg.dcm")
    fewer = sitk.Extract(labels(), (COLUMNS, ROWS, 4), (0, 0, 2))
    with pytest.raises(InputError, match=r"grid of the DICOM series|4 slices"):
        write_dicom_seg(measure(fewer), scans, tmp_path / "seg.dcm")
    with pytest.raises(InputError, match="Nothing is labelled"):
        write_dicom_seg(measure(labels() * 0), scans, tmp_path / "seg.dcm")
    assert not (tmp_path / "seg.dcm").exists()


def test_dicom_sr_reports_every_thrombus_with_its_segment(tmp_path: Path):
    highdicom = pytest.importorskip("highdicom")
    scans = series(tmp_path / "series")
    case = measure(labels(), read_image(scans), about={"annotator": "annotator-1"})
    seg = write_dicom_seg(case, scans, tmp_path / "seg.dcm")
    write_dicom_sr(case, seg, scans, tmp_path / "sr.dcm")
    report = highdicom.sr.srread(tmp_path / "sr.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 2
    for group, thrombus in zip(groups, case.thrombi, strict=True):
        found = {each.name.meaning: (each.value, each.unit.value) for each in group.get_measurements()}
        assert found["Volume"] == (pytest.approx(thrombus.volume_mm3, abs=0.01), "mm3")
        assert found["Length, maximum Feret diameter"] == (pytest.approx(thrombus.length_feret_mm, abs=0.01), "mm")
        assert group.tracking_uid == seg.get_segment_description(thrombus.number).tracking_uid
    assert report.StudyInstanceUID == seg.StudyInstanceUID


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian: dicom3tools)")
def test_a_public_validator_finds_no_error_in_seg_and_sr(tmp_path: Path):
    pytest.importorskip("highdicom")
    scans = series(tmp_path / "series")
    case = measure(labels(), read_image(scans), about={"annotator": "annotator-1"})
    seg = write_dicom_seg(case, scans, tmp_path / "seg.dcm")
    write_dicom_sr(case, seg, scans, tmp_path / "sr.dcm")
    write_dicom_sr(measure(labels() * 0), None, scans, tmp_path / "none.dcm")
    for name in ("seg.dcm", "sr.dcm", "none.dcm"):
        done = subprocess.run(
            ["dciodvfy", str(tmp_path / name)], capture_output=True, text=True, check=False, timeout=120
        )
        errors = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("Error")]
        assert errors == [], name


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """A saved case on the grid of a DICOM series."""
    scans = series(tmp_path / "series")
    save_case(tmp_path / "corrected", reviewed(), labels(), {Sequence.SWI: read_image(scans)})
    return tmp_path / "corrected" / "case-7"


def test_the_command_writes_everything_that_is_asked_for(corrected: Path, tmp_path: Path, capsys):
    pytest.importorskip("highdicom")
    out = tmp_path / "out"
    asked = ["--nifti", "--nrrd", "--csv", "--stl", "--html", "--dicom", str(tmp_path / "series")]
    assert main(["export", str(corrected), "--out", str(out), *asked]) == 0
    written = {path.name for path in out.iterdir()}
    assert written == {
        "case-7.nii.gz", "case-7.seg.nrrd", "case-7.csv", "case-7.definitions.csv", "case-7.stl", "case-7.html",
        "case-7.seg.dcm", "case-7.sr.dcm",
    }  # fmt: skip
    assert "case-7.seg.dcm" in capsys.readouterr().out
    assert main(["export", str(corrected), "--out", str(out)]) == 2
    assert main(["export", str(tmp_path / "series"), "--out", str(out), "--csv"]) == 2


def none_left(folder: Path, *, infarct: bool) -> Path:
    """A case whose candidates were all rejected."""
    scans = series(folder / "series")
    array = array_of(labels()) * np.uint8(infarct)
    array[array == 1] = 0
    record = ReviewRecord(
        "case-9", "annotator-1", reference=Sequence.SWI, used=(Sequence.SWI,),
        candidates=(CandidateReview(1, "rejected"),),
    )  # fmt: skip
    marked = geometry(sitk.GetImageFromArray(array))
    save_case(folder / "corrected", record, marked, {Sequence.SWI: read_image(scans)})
    return folder / "corrected" / "case-9"


@pytest.mark.parametrize("infarct", [True, False])
def test_where_no_thrombus_is_labelled_the_sr_says_so_and_the_reader_is_told(tmp_path: Path, capsys, infarct: bool):
    highdicom = pytest.importorskip("highdicom")
    case, out = none_left(tmp_path, infarct=infarct), tmp_path / "out"
    assert main(["export", str(case), "--out", str(out), "--dicom", str(tmp_path / "series")]) == 0
    told = capsys.readouterr().out
    assert ("No thrombus is labelled: the DICOM SEG holds the infarct only, and the SR says so." in told) is infarct
    assert ("Nothing is labelled: there is no DICOM SEG, and the SR says so." in told) is not infarct
    assert {path.name for path in out.iterdir()} == {"case-9.sr.dcm", *(["case-9.seg.dcm"] if infarct else [])}
    report = highdicom.sr.srread(out / "case-9.sr.dcm")
    (group,) = report.content.get_image_measurement_groups()
    (said,) = group.get_qualitative_evaluations()
    assert (said.name.meaning, said.value.meaning) == ("Thrombus labelled", "No")
    assert not report.content.get_volumetric_roi_measurement_groups()
    assert len(report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence) >= 1
    answer = run_task("export", {"case": str(case), "out": str(out), "dicom": str(tmp_path / "series")})
    assert len(answer["notes"]) == 1 and "the SR says so" in answer["notes"][0]


def test_the_folder_of_the_series_is_asked_for_in_clear_words(corrected: Path, tmp_path: Path, capsys):
    pytest.importorskip("highdicom")
    one = tmp_path / "series"

    def refused(folder: Path) -> str:
        out = tmp_path / "refused"
        assert main(["export", str(corrected), "--out", str(out), "--csv", "--dicom", str(folder)]) == 2
        assert list(out.iterdir()) == [], "nothing is written where a part of it cannot be"
        return capsys.readouterr().err

    (tmp_path / "empty").mkdir()
    assert "There is no DICOM series in empty. Give the folder that holds the slices themselves." in refused(
        tmp_path / "empty"
    )
    assert f"There is no DICOM series in {next(one.iterdir()).name}." in refused(next(one.iterdir()))
    several = tmp_path / "several"
    several.mkdir()
    for folder in (one, series(tmp_path / "localizer", description="localizer")):
        for file in folder.iterdir():
            shutil.copyfile(file, several / f"{folder.name}-{file.name}")
    assert main(["export", str(corrected), "--out", str(tmp_path / "out"), "--dicom", str(several)]) == 0, "one is SWI"
    capsys.readouterr()
    for file in several.iterdir():
        describe(file, "unknown" if file.name.startswith("series") else "localizer")
    said = refused(several)
    assert "several holds 2 DICOM series (localizer, unknown), and none or no single one is SWI." in said
    assert "Put each into a folder of its own." in said
    for file in series(tmp_path / "placeless").iterdir():
        describe(file, "SWI", placed=False)
    assert "The DICOM series in placeless does not say where its slices lie." in refused(tmp_path / "placeless")
    next(iter(sorted(one.iterdir(), key=position)[3:4])).unlink()
    assert "Slices are missing" in refused(one)


def describe(file: Path, text: str, *, placed: bool = True) -> None:
    import pydicom

    one = pydicom.dcmread(file)
    one.SeriesDescription, one.ScanningSequence, one.EchoTime = text, "RM", None
    if not placed:
        del one.ImagePositionPatient
    one.save_as(file)


def position(file: Path) -> float:
    import pydicom

    return float(pydicom.dcmread(file).ImagePositionPatient[2])
