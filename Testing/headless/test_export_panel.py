"""The section Export: each kind of file through the worker, of the case as it is now."""

from __future__ import annotations

import csv
import shutil
import subprocess
import time
import types
from pathlib import Path

import pytest
from fakeWidgets import FakeShortcut

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def export(panel, out: Path | None, *names: str) -> str:
    """Tick these, press Export; what the section says then."""
    from ThrombusSegParts.exportPanel import KINDS

    ui, worker = panel.exportPanel.ui, panel.reviewPanel.desk.worker
    for name, kind in KINDS.items():
        getattr(ui, name).checked = kind in names
    ui.exportDicomCheckBox.checked = "dicom" in names
    ui.exportPathEdit.currentPath = str(out) if out is not None else ""
    ui.exportButton.connected["clicked(bool)"]()
    deadline = time.monotonic() + 120
    while worker.isBusy():
        assert time.monotonic() < deadline, "the worker did not answer in time"
        worker.poll()
        time.sleep(0.01)
    return str(ui.exportLabel.text)


def test_files_hold_the_mask_as_it_is_now(reviewed, tmp_path: Path) -> None:
    import SimpleITK as sitk

    FakeShortcut.press("R")
    said = export(reviewed, tmp_path, "nifti", "nrrd", "csv", "html")
    files = {path.name: path for path in tmp_path.glob("case-*")}
    (labels,) = tmp_path.glob("case-*[0-9a-f].nii.gz")
    assert labels.name in said and said.startswith("Written: ")
    assert int((sitk.GetArrayFromImage(sitk.ReadImage(str(labels))) == 1).sum()) == 5
    assert any(name.endswith(".seg.nrrd") for name in files) and any(name.endswith(".html") for name in files)
    table = tmp_path / labels.name.replace(".nii.gz", ".csv")
    with table.open(encoding="utf-8") as file:
        assert [float(row["volume_mm3"]) for row in csv.DictReader(file)] == [64.0, 16.0]
    assert reviewed.reviewPanel.desk.isUnsaved(), "an export saves nothing"
    assert export(reviewed, tmp_path / "again", "nifti").startswith("Written: ")


def test_what_is_missing_is_a_sentence(reviewed, tmp_path: Path) -> None:
    assert export(reviewed, tmp_path) == "Nothing is ticked. Choose at least one kind of file."
    assert export(reviewed, None, "csv") == "No folder is chosen. Choose where the files go."
    said = export(reviewed, tmp_path, "dicom")
    assert said.startswith("This case was not loaded from Slicer's DICOM database") and "Choose the folder" in said
    reviewed.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path)
    said = export(reviewed, tmp_path, "dicom")
    assert said and not said.startswith("Written") and "Traceback" not in said
    assert reviewed.exportPanel.ui.exportButton.enabled


def test_dicom_without_a_series_keeps_nothing_else_from_being_written(reviewed, tmp_path: Path) -> None:
    said = export(reviewed, tmp_path, "nifti", "csv", "dicom")
    assert said.startswith("Written: case-") and list(tmp_path.glob("case-*.nii.gz")) and list(tmp_path.glob("*.csv"))
    assert said.endswith(
        " DICOM was not written: This case was not loaded from Slicer's DICOM database, so its series is not known. "
        "Choose the folder of the series that the mask was drawn on."
    )
    (tmp_path / "no series").mkdir()
    reviewed.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path / "no series")
    said = export(reviewed, tmp_path / "again", "nifti", "dicom")
    assert said.startswith("Written: case-") and ". DICOM was not written: " in said and len(said) > 60
    assert reviewed.exportPanel.ui.exportButton.enabled and not list(tmp_path.rglob("*.dcm"))
    assert "DICOM" not in export(reviewed, tmp_path / "third", "nifti"), "it is not said of the next export"


def test_the_series_is_found_in_slicer_s_database(reviewed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ThrombusSegParts.exportPanel import seriesFolderOf

    segmentation = reviewed.reviewPanel.desk.case.segmentation
    assert seriesFolderOf(segmentation) == ""
    database = type("Database", (), {"fileForInstance": lambda self, uid: str(tmp_path / f"{uid}.dcm")})()
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    segmentation.GetNodeReference("ThrombusSeg.InputSWI").SetAttribute("DICOM.instanceUIDs", "1.2 1.3")
    assert seriesFolderOf(segmentation) == str(tmp_path)
    reviewed.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path)
    said = export(reviewed, tmp_path / "out", "dicom")
    assert said.startswith("The DICOM files of this case are no longer where Slicer's database looks for them.")
    assert reviewed.exportPanel.ui.exportButton.enabled


SAMPLE = Path(__file__).resolve().parents[2] / "Resources" / "SampleCase"


def text_of(number: float) -> str:
    """A decimal string has sixteen characters at most."""
    return f"{number:.11f}"[:16]


def write_series(image, folder: Path, series: str, description: str) -> list[Path]:
    """A volume as a scanner's series, one file per slice; of patient Doe^Jane."""
    import numpy as np
    import pydicom
    import SimpleITK as sitk
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    folder.mkdir(parents=True, exist_ok=True)
    values, matrix = sitk.GetArrayFromImage(image), np.array(image.GetDirection()).reshape(3, 3)
    paths = []
    for number in range(image.GetSize()[2]):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, f"{series}.{number + 1}"
        one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "Doe^Jane", "12345", "19500101", "F"
        one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = "1.2.826.7", series, "1.2.826.8"
        one.StudyDate, one.StudyTime, one.StudyID, one.AccessionNumber = "20260102", "101112", "1", "A1"
        one.ReferringPhysicianName, one.PositionReferenceIndicator, one.Modality = "", "", "MR"
        one.SeriesNumber, one.InstanceNumber, one.SeriesDescription = 4, number + 1, description
        one.Manufacturer, one.ImageType = "Maker", ["ORIGINAL", "PRIMARY"]
        one.ScanningSequence, one.SequenceVariant, one.ScanOptions, one.MRAcquisitionType = "GR", "SP", "", "3D"
        one.ImageOrientationPatient = [text_of(each) for each in (*matrix[:, 0], *matrix[:, 1])]
        place = image.TransformIndexToPhysicalPoint((0, 0, number))
        one.ImagePositionPatient = [text_of(each) for each in place]
        one.PixelSpacing = [text_of(image.GetSpacing()[1]), text_of(image.GetSpacing()[0])]
        one.SliceThickness = text_of(image.GetSpacing()[2])
        one.Columns, one.Rows, _slices = image.GetSize()
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 1
        one.PixelData = np.ascontiguousarray(values[number], "int16").tobytes()
        paths.append(folder / f"{series}.{number}.dcm")
        one.save_as(paths[-1], enforce_file_format=True)
    return paths


@pytest.fixture
def fromDicom(panel, headless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The sample case's SWI, read from a DICOM series that lies in Slicer's database beside another one, with its
    labels as a segmentation; the files by their identifier."""
    pytest.importorskip("highdicom")
    import SimpleITK as sitk
    import vtk
    from ThrombusSegParts.caseLoader import _emptySegmentation
    from ThrombusSegParts.nodesToFiles import WrittenVolume
    from ThrombusSegParts.voxels import writeSegment

    swi = sitk.ReadImage(str(SAMPLE / "SWI.nii.gz"))
    files = write_series(swi, tmp_path / "database", "1.2.826.1", "Ax SWI")
    write_series(swi, tmp_path / "database", "1.2.826.2", "Ax SWI again")
    image = sitk.ReadImage([str(path) for path in files])
    matrix, direction = vtk.vtkMatrix4x4(), image.GetDirection()
    for row, sign in enumerate((-1.0, -1.0, 1.0)):
        for column in range(3):
            matrix.SetElement(row, column, sign * direction[3 * row + column] * image.GetSpacing()[column])
        matrix.SetElement(row, 3, sign * image.GetOrigin()[row])
    node = headless.volume(sitk.GetArrayFromImage(image), matrix)
    node.SetAttribute("DICOM.instanceUIDs", " ".join(f"1.2.826.1.{number + 1}" for number in range(len(files))))
    known = {f"1.2.826.1.{number + 1}": str(path) for number, path in enumerate(files)}
    database = types.SimpleNamespace(
        isOpen=True, fileForInstance=lambda uid: known.get(uid, ""), instanceValue=lambda uid, tag: ""
    )
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    volume = WrittenVolume(node, files[0], tuple(node.GetImageData().GetDimensions()), matrix)
    segmentation = _emptySegmentation(volume, {"SWI": volume})
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(SAMPLE / "labels.nii.gz")))
    for name, label in (("Thrombus", 1), ("Infarct", 2)):
        writeSegment(segmentation, name, (labels == label).astype("uint8"))
    panel._parameterNode.segmentation = segmentation
    return panel, labels, image


def test_dicom_objects_go_into_the_study_the_case_was_loaded_from(fromDicom, tmp_path: Path) -> None:
    """SEG and SR through the panel's own path, read back at the same voxels; the validator finds no error."""
    import pydicom
    import SimpleITK as sitk

    from ThrombusSegLib.export.dicom_seg import read_dicom_seg

    panel, labels, image = fromDicom
    assert panel.exportPanel.ui.exportSeriesEdit.currentPath == str(tmp_path / "database")
    said = export(panel, tmp_path / "out", "dicom")
    assert said.startswith("Written: case-"), said
    (seg,), (report,) = (tmp_path / "out").glob("*.seg.dcm"), (tmp_path / "out").glob("*.sr.dcm")
    assert (labels == 1).any() and (labels == 2).any()
    assert (sitk.GetArrayFromImage(read_dicom_seg(seg, image)) == labels).all()
    for path in (seg, report):
        written = pydicom.dcmread(path)
        assert (written.PatientID, written.StudyInstanceUID) == ("12345", "1.2.826.7")
        assert written.SeriesInstanceUID not in ("1.2.826.1", "1.2.826.2")
        assert "Doe" not in path.name and errors_in(path) == []
    referred = {each.ReferencedSOPInstanceUID for each in pydicom.dcmread(seg).SourceImageSequence}
    assert referred and all(uid.startswith("1.2.826.1.") for uid in referred), "not the series beside it"


def test_where_no_thrombus_is_left_the_answer_says_so(fromDicom, tmp_path: Path) -> None:
    from ThrombusSegParts.voxels import writeSegment

    panel, labels, _image = fromDicom
    writeSegment(panel._parameterNode.segmentation, "Thrombus", (labels * 0).astype("uint8"))
    said = export(panel, tmp_path / "out", "dicom")
    assert said.endswith("No thrombus is labelled: the DICOM SEG holds the infarct only, and the SR says so."), said
    (report,) = (tmp_path / "out").glob("*.sr.dcm")
    assert errors_in(report) == []


def errors_in(path: Path) -> list[str]:
    """What dciodvfy (Debian: dicom3tools) calls an error; nothing where it is not installed."""
    if shutil.which("dciodvfy") is None:
        return []
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False, timeout=120)
    return [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("Error")]


def test_another_series_is_refused_in_a_sentence(fromDicom, tmp_path: Path) -> None:
    """The right patient, but another grid; and a folder with several series that cannot be told apart."""
    import SimpleITK as sitk

    panel, _labels, image = fromDicom
    moved = sitk.Image(image)
    moved.SetOrigin([each + 3.0 for each in image.GetOrigin()])
    write_series(moved, tmp_path / "moved", "1.2.826.3", "Ax SWI")
    panel.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path / "moved")
    said = export(panel, tmp_path / "out", "dicom")
    assert said.startswith("The labels do not lie on the grid of the DICOM series.") and str(tmp_path) not in said
    (tmp_path / "nothing").mkdir()
    panel.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path / "nothing")
    assert "There is no DICOM series in nothing." in export(panel, tmp_path / "out", "dicom")
    write_series(image, tmp_path / "several", "1.2.826.4", "Ax SWI")
    write_series(image, tmp_path / "several", "1.2.826.5", "Ax SWI again")
    panel.exportPanel.ui.exportSeriesEdit.currentPath = str(tmp_path / "several")
    said = export(panel, tmp_path / "out", "dicom")
    assert "several holds 2 DICOM series that may be the one (Ax SWI, Ax SWI again)." in said
    assert not list((tmp_path / "out").glob("*.dcm"))
