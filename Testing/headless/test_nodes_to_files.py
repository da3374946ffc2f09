"""What the worker is given: the voxels and the geometry of the nodes, and nothing else of them."""

from __future__ import annotations

from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

GRIDS = {
    "oblique": {"angles": (17.0, 38.0)},
    "flipped": {"flips": (-1, 1, -1)},
    "left-handed": {"flips": (-1, 1, 1), "angles": (-8.0, 3.0)},
    "anisotropic": {"spacing": (0.47, 0.513, 3.3), "origin": (12.345678901, -33.1, 7 / 3)},
    "oblique, flipped and anisotropic": {"spacing": (1 / 3, 0.5, 5.5), "angles": (31.0, 111.0), "flips": (1, -1, 1)},
}


@pytest.mark.parametrize("kind", GRIDS)
def test_file_has_the_voxels_and_the_geometry_of_the_node(kind, headless, tools, tmp_path: Path) -> None:
    import numpy as np
    import SimpleITK as sitk
    from ThrombusSegParts.nodesToFiles import writeVolume

    values = np.random.default_rng(1).integers(-900, 3000, (4, 5, 6)).astype(np.int16)
    node = headless.volume(values, tools.grid(**GRIDS[kind]))
    written = writeVolume("SWI", node, tmp_path)
    assert written.size == (6, 5, 4)
    image = sitk.ReadImage(str(written.path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), values)
    assert tools.elements(written.ijkToWorld) == tools.ijkToRas(node)
    for corner in ((0, 0, 0), (5, 0, 0), (0, 4, 0), (0, 0, 3)):
        right, anterior, superior, _one = written.ijkToWorld.MultiplyPoint((*corner, 1))
        assert image.TransformIndexToPhysicalPoint(corner) == pytest.approx((-right, -anterior, superior), abs=1e-9)


def test_no_name_reaches_the_file(headless, tools, tmp_path: Path) -> None:
    from ThrombusSegParts.nodesToFiles import writeVolume

    node = headless.volume(tools.head(1), name="Mustermann_Erika_19700101")
    node.SetAttribute("DICOM.PatientName", "Mustermann_Erika")
    node.SetDescription("Mustermann_Erika")
    written = writeVolume("SWI", node, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["SWI.nrrd"]
    assert b"Mustermann" not in written.path.read_bytes()


def test_linear_transform_moves_the_file_and_leaves_the_node(headless, tools, tmp_path: Path) -> None:
    import vtk
    from ThrombusSegParts.nodesToFiles import readVolume, writeVolume

    node = headless.volume(tools.head(1), tools.grid())
    before = tools.ijkToRas(node)
    transform = headless.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    transform.SetMatrixTransformToParent(tools.grid(spacing=(1, 1, 1), origin=(5, -7, 11), angles=(20, -30)))
    node.SetAndObserveTransformNodeID(transform.GetID())
    written = readVolume(writeVolume("SWI", node, tmp_path).path)
    expected, own = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(own)
    vtk.vtkMatrix4x4.Multiply4x4(transform.GetMatrixTransformToParent(), own, expected)
    assert tools.ijkToRas(written) == pytest.approx(tools.elements(expected), abs=1e-9)
    assert tools.ijkToRas(node) == before


def test_other_transform_is_refused(headless, tools, tmp_path: Path) -> None:
    import vtk
    from ThrombusSegParts.errors import InputVolumeError
    from ThrombusSegParts.nodesToFiles import writeVolume

    node = headless.volume(tools.head(1), tools.grid())
    warp = vtk.vtkThinPlateSplineTransform()
    points = vtk.vtkPoints()
    for point in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 3)):
        points.InsertNextPoint(point)
    warp.SetSourceLandmarks(points)
    warp.SetTargetLandmarks(points)
    transform = headless.scene.AddNewNodeByClass("vtkMRMLTransformNode")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(InputVolumeError, match=r"The volume chosen for DWI is under a transform that is not linear\."):
        writeVolume("DWI", node, tmp_path)


def test_what_cannot_be_used_is_said_in_a_sentence(headless, tools) -> None:
    import vtk
    from ThrombusSegParts.errors import InputVolumeError
    from ThrombusSegParts.nodesToFiles import checkInputs

    good = headless.volume(tools.head(1))
    empty = headless.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    labels = headless.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    labels.SetAndObserveImageData(good.GetImageData())
    colored = headless.scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode")
    image = vtk.vtkImageData()
    image.SetDimensions(2, 2, 2)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    colored.SetAndObserveImageData(image)
    model = headless.scene.AddNewNodeByClass("vtkMRMLModelNode")
    for inputs, sentence in (
        ({}, "No volume is chosen."),
        ({"SWI": None}, "No volume is chosen."),
        ({"T1": good}, "There is no sequence called 'T1'."),
        ({"SWI": empty}, "The volume chosen for SWI has no voxels."),
        ({"DWI": labels}, "What is chosen for DWI is not a grayscale volume."),
        ({"DWI": model}, "What is chosen for DWI is not a grayscale volume."),
        ({"TOF": colored}, "The volume chosen for TOF has 3 values in each voxel, not one."),
        ({"TOF": good, "SWI": good}, "The same volume is chosen for SWI and TOF."),
    ):
        with pytest.raises(InputVolumeError) as raised:
            checkInputs(inputs)
        assert raised.value.sentence == sentence
        assert raised.value.kind == "input" and raised.value.advice
    assert list(checkInputs({"TOF": good, "ADC": None})) == ["TOF"]


def test_the_module_knows_the_same_sequences_as_the_library() -> None:
    from ThrombusSegParts.sequences import SEQUENCES

    from ThrombusSegLib.sequences import Sequence

    assert tuple(sequence.value for sequence in Sequence) == SEQUENCES
