"""Exports that open again: NIfTI, Slicer's NRRD, CSV, STL, a page, a PDF."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from oblique_labels import COLUMNS, ROWS, SLICES, geometry, labels, reviewed

from ThrombusSegLib.case import read_labels
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.export import (
    measure,
    read_measured,
    surface_of,
    write_csv,
    write_nifti,
    write_seg_nrrd,
    write_stl,
)
from ThrombusSegLib.export.page import page_of
from ThrombusSegLib.lesions import SegmentEstimate
from ThrombusSegLib.lesions import write_csv as write_lesions
from ThrombusSegLib.review import save_case
from ThrombusSegLib.sequences import Sequence


def array_of(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


def test_nifti_has_fixed_values_and_the_same_grid(tmp_path: Path):
    path = write_nifti(measure(labels()), tmp_path / "labels.nii.gz")
    back = read_labels(path)
    assert np.array_equal(array_of(back), array_of(labels()))
    assert np.allclose(back.GetDirection(), labels().GetDirection(), atol=1e-5)


def test_nrrd_carries_the_fields_by_which_slicer_knows_segments(tmp_path: Path):
    path = write_seg_nrrd(measure(labels()), tmp_path / "case.seg.nrrd")
    back = sitk.ReadImage(str(path))
    assert np.array_equal(array_of(back), array_of(labels()))
    assert (back.GetMetaData("Segment0_Name"), back.GetMetaData("Segment1_Name")) == ("Thrombus", "Infarct")
    assert back.GetMetaData("Segment0_LabelValue") == "1"
    assert back.GetMetaData("Segment0_Extent") == "5 32 10 30 3 6"
    assert "SCT^396339007^Thrombus" in back.GetMetaData("Segment0_Tags")
    empty = geometry(sitk.GetImageFromArray(np.zeros((SLICES, ROWS, COLUMNS), np.uint8)))
    back = sitk.ReadImage(str(write_seg_nrrd(measure(empty), tmp_path / "empty.seg.nrrd")))
    assert back.GetMetaData("Segment1_Extent") == "0 -1 0 -1 0 -1"


def test_csv_holds_the_measures_and_their_meaning(tmp_path: Path):
    path = write_csv(measure(labels(), name="case-7"), tmp_path / "measures.csv")
    first, second = csv.DictReader(path.open(encoding="utf-8"))
    assert first["case"] == "case-7"
    assert float(first["volume_mm3"]) == pytest.approx(90 * 0.81 * 4, abs=0.01)
    assert float(first["length_centreline_mm"]) == pytest.approx(15 * 0.9, rel=0.1)
    assert float(second["volume_mm3"]) == pytest.approx(3 * 0.81 * 4, abs=0.01)
    assert not any(name.startswith(("probability", "attention")) for name in first)
    meaning = {
        row["column"]: row for row in csv.DictReader((tmp_path / "measures.definitions.csv").open(encoding="utf-8"))
    }
    assert "blooming" in meaning["volume_mm3"]["caution"]
    assert meaning["length_feret_mm"]["unit"] == "mm"
    assert set(first) - set(meaning) == {"case", "candidate"}
    assert (meaning["infarct_ml"]["unit"], meaning["centroid_right_mm"]["caution"]) == ("ml", "Left is negative.")
    assert "counted from 1" in meaning["first_slice"]["method"]


def test_a_page_without_pictures_says_why(tmp_path: Path):
    page = page_of(read_measured(result_folder(tmp_path / "result")))
    assert "<h2>Pictures</h2><p>There are none. The images are not in the folder of the result." in page


def ball(radius: float) -> sitk.Image:
    z, y, x = np.mgrid[0:14, 0:50, 0:50]
    inside = ((x - 25) * 0.9) ** 2 + ((y - 25) * 0.9) ** 2 + ((z - 7) * 3.0) ** 2 <= radius**2
    image = geometry(sitk.GetImageFromArray(inside.astype(np.uint8)))
    image.SetSpacing((0.9, 0.9, 3.0))
    return image


def signed_volume(triangles: np.ndarray) -> float:
    return float(np.einsum("ij,ij->i", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])).sum() / 6)


def test_a_surface_is_closed_points_outwards_and_lies_where_the_voxels_are():
    for image in (ball(12.0), sitk.Flip(ball(12.0), [True, False, False]), labels()):
        triangles = surface_of(image, 1)
        edges = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]).round(6)
        one, other = (sorted(map(tuple, each.reshape(-1, 6))) for each in (edges, edges[:, ::-1]))
        assert one == other  # every edge is passed once in either direction
        voxels = float((array_of(image) == 1).sum()) * float(np.prod(image.GetSpacing()))
        assert 0.55 * voxels < signed_volume(triangles) < 1.02 * voxels
    centre = np.array(ball(12.0).TransformIndexToPhysicalPoint((25, 25, 7)))
    corners = surface_of(ball(12.0), 1).reshape(-1, 3)
    assert np.allclose((corners.min(axis=0) + corners.max(axis=0)) / 2, centre, atol=0.5)
    assert np.linalg.norm(corners - centre, axis=1).max() < 13.5


def test_stl_is_binary_and_in_the_patients_coordinates(tmp_path: Path):
    path = write_stl(measure(ball(12.0)), tmp_path / "thrombus.stl")
    content = path.read_bytes()
    count = int(np.frombuffer(content[80:84], "<u4")[0])
    assert b"SPACE=LPS" in content[:80]
    assert len(content) == 84 + 50 * count
    triangles = np.frombuffer(content[84:], np.dtype([("n", "<3f4"), ("c", "<9f4"), ("a", "<u2")]))
    assert np.allclose(triangles["c"].reshape(-1, 3, 3), surface_of(ball(12.0), 1), atol=1e-3)
    with pytest.raises(InputError, match="nothing"):
        write_stl(measure(ball(12.0)), tmp_path / "x.stl", value=2)
    assert not (tmp_path / "x.stl").exists()


@pytest.fixture
def corrected(tmp_path: Path) -> Path:
    """A saved case."""
    scan = np.random.default_rng(1).integers(0, 900, (SLICES, ROWS, COLUMNS)).astype(np.float32)
    save_case(tmp_path / "corrected", reviewed(), labels(), {Sequence.SWI: geometry(sitk.GetImageFromArray(scan))})
    return tmp_path / "corrected" / "case-7"


def test_a_corrected_case_is_measured_with_who_and_what(corrected: Path):
    case = read_measured(corrected)
    assert (case.name, case.reference, len(case.thrombi)) == ("case-7", "SWI", 2)
    assert case.about["candidates"] == "1 accepted, 1 rejected"
    assert case.infarct_ml == pytest.approx(800 * 0.81 * 4 / 1000)
    with pytest.raises(InputError, match="neither"):
        read_measured(corrected.parent)


def result_folder(folder: Path) -> Path:
    """What `thrombusseg segment` leaves of two candidates, the smaller one first in its table."""
    small, large = (replace(each, side="left") for each in reversed(measure(labels()).thrombi))
    folder.mkdir()
    sitk.WriteImage(labels(), str(folder / "segmentation.nii.gz"))
    found = [
        replace(small, number=1, side="right", segment=SegmentEstimate("M1", 0.62)),
        replace(large, number=2, segment=SegmentEstimate("P1", 0.41)),
    ]
    write_lesions(found, folder / "lesions.csv")
    summary = {
        "case": "case-8", "reference": "SWI", "threshold": 0.4, "created": "2026-11-28T00:00:00+00:00",
        "weights": {"name": "phantom-2", "sha256": "ab"}, "sequences": {"used": {"SWI": {}}},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(summary))
    return folder


def test_a_result_is_exported_with_side_and_artery_of_its_own_table(tmp_path: Path, capsys):
    folder = result_folder(tmp_path / "result")
    assert main(["export", str(folder), "--out", str(tmp_path / "out"), "--csv", "--html"]) == 0
    first, second = csv.DictReader((tmp_path / "out" / "case-8.csv").open(encoding="utf-8"))
    assert (first["side"], first["segment"], first["segment_confidence"]) == ("left", "P1", "0.41")
    assert (second["side"], second["segment"], second["segment_confidence"]) == ("right", "M1", "0.62")
    page = (tmp_path / "out" / "case-8.html").read_text(encoding="utf-8")
    assert "P1, 41%" in page and "M1, 62%" in page and "<td>unknown</td>" not in page


def test_a_part_without_its_row_stays_unknown(tmp_path: Path):
    folder = result_folder(tmp_path / "result")
    edited = array_of(labels())
    edited[6, 30, 32] = 0  # one voxel less: no longer the candidate of the table
    sitk.WriteImage(geometry(sitk.GetImageFromArray(edited)), str(folder / "segmentation.nii.gz"))
    large, small = read_measured(folder).thrombi
    assert (large.side, small.side) == ("left", "unknown") and not (small.segment and small.segment.segment)
    (folder / "lesions.csv").write_text("candidate\n1\n")
    assert [each.side for each in read_measured(folder).thrombi] == ["unknown", "unknown"]
    (folder / "lesions.csv").unlink()
    assert [each.side for each in read_measured(folder).thrombi] == ["unknown", "unknown"]


def test_the_page_says_what_was_measured_and_how_and_fetches_nothing(corrected: Path, tmp_path: Path):
    from ThrombusSegLib.export.page import write_page

    page = write_page(read_measured(corrected), tmp_path / "case.html").read_text(encoding="utf-8")
    assert "annotator-1" in page and "case-7" in page and "phantom-2" in page
    assert "blooming" in page and "maximum Feret" in page
    assert "Doe" not in page and "12345" not in page
    assert "not for diagnosis" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page
    assert page.count("<svg") == 2


def test_the_pdf_has_a_page_of_measures_and_one_of_pictures(corrected: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    from ThrombusSegLib.export.pdf import write_pdf

    content = write_pdf(read_measured(corrected), tmp_path / "case.pdf").read_bytes()
    assert content.startswith(b"%PDF") and content.rstrip().endswith(b"%%EOF")
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 2


def test_exports_come_without_torch():
    code = "import sys; sys.modules['torch'] = None; import ThrombusSegLib.export"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
