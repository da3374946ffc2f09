"""What a slice view shows of a result, rendered without a window and looked at pixel by pixel.

The pictures go to the test's temporary folder, and to $THROMBUSSEG_PICTURES where that is set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)
pytest.importorskip("trame_slicer", reason="needs trame-slicer (the extra 'slicer')", exc_type=ImportError)

ROOT = Path(__file__).resolve().parents[2]
SIZE = 500


@pytest.fixture(scope="module", autouse=True)
def canRender() -> None:
    """Without libX11 and an OpenGL library (OSMesa or EGL) VTK ends the process, so another process tries first."""
    code = "import vtk; w = vtk.vtkRenderWindow(); w.SetOffScreenRendering(1); w.SetSize(8, 8); w.Render()"
    tried = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    if tried.returncode != 0 or "ERR|" in tried.stderr:
        pytest.skip(f"VTK cannot render here (Debian: libx11-6 and libosmesa6): {tried.stderr.strip()[-200:]}")


class Viewer:
    """A scene with one axial slice view."""

    def __init__(self) -> None:
        from trame_slicer.core import SlicerApp
        from trame_slicer.views import DirectRendering, SliceView

        self.application = SlicerApp()
        self.scene = slicer.mrmlScene = self.application.scene
        logic = self.application.segmentations_logic
        slicer.modules = types.SimpleNamespace(segmentations=types.SimpleNamespace(logic=lambda: logic))
        self.view = SliceView(
            self.scene, self.application.app_logic, "Red", scheduled_render_strategy=DirectRendering()
        )
        self.view.render_window().SetSize(SIZE, SIZE)
        self.view.set_orientation("Axial")

    def pixels(self, path: Path) -> object:
        """(row from the bottom, column, RGB), also written as PNG."""
        import vtk
        from vtkmodules.util.numpy_support import vtk_to_numpy

        self.view.render()
        self.view.render_window().Render()
        grabber = vtk.vtkWindowToImageFilter()
        grabber.SetInput(self.view.render_window())
        grabber.ReadFrontBufferOff()
        grabber.Update()
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(str(path))
        writer.SetInputData(grabber.GetOutput())
        writer.Write()
        if os.environ.get("THROMBUSSEG_PICTURES"):
            Path(os.environ["THROMBUSSEG_PICTURES"]).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, os.environ["THROMBUSSEG_PICTURES"])
        width, height, _depth = grabber.GetOutput().GetDimensions()
        return vtk_to_numpy(grabber.GetOutput().GetPointData().GetScalars()).reshape(height, width, -1)[..., :3]

    def pixelOf(self, ras: tuple[float, float, float]) -> tuple[int, int]:
        """Row from the bottom and column of a point in this slice."""
        import vtk

        inverse = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.view._view_node.GetXYToRAS(), inverse)
        x, y, _z, _one = inverse.MultiplyPoint((*ras, 1.0))
        return round(y), round(x)


def load(path: Path) -> object:
    """A volume node in the scene."""
    from ThrombusSegParts.nodesToFiles import readVolume

    node = readVolume(path)
    node.SetName(path.name)
    slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    return node


@pytest.fixture
def viewer() -> object:
    viewer = Viewer()
    yield viewer
    composite = viewer.view._logic.GetSliceCompositeNode()
    composite.SetBackgroundVolumeID(None)
    composite.SetForegroundVolumeID(None)
    viewer.view.set_render_blocked(True)
    viewer.view.finalize()
    slicer.mrmlScene = None


@pytest.fixture
def inputs(viewer, tmp_path: Path) -> dict[str, object]:
    """Two sequences of the bundled sample case, else a head of our own."""
    sample = (ROOT / "Resources" / "SampleCase").glob("*.nii.gz")
    files = {path.name.split(".")[0].upper(): path for path in sample}
    if {"SWI", "DWI"} <= set(files):
        return {name: load(files[name]) for name in ("SWI", "DWI")}
    sitk = pytest.importorskip("SimpleITK")
    import numpy as np

    k, j, i = np.mgrid[0:16, 0:90, 0:80]
    inside = ((i - 40) / 34) ** 2 + ((j - 45) / 40) ** 2 + ((k - 8) / 12) ** 2 < 1
    values = inside * (200 + 40 * np.sin(i / 6) * np.cos(j / 7)) + np.random.default_rng(1).uniform(0, 3, k.shape)
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.SetSpacing((2.0, 2.0, 4.0))
    sitk.WriteImage(image, str(tmp_path / "head.nrrd"))
    return {"SWI": load(tmp_path / "head.nrrd")}


def segment(logic, inputs, tools, tinyWeights) -> object:
    """With the bundled weights where there are any and they find something; else a random network that does."""
    import numpy as np

    quick = {"registration": "never"}
    if tools.hasDefaultWeights():
        result = logic.process(inputs, "cpu", options=quick)
        if result.thrombusFound:
            return result
    values = slicer.util.arrayFromVolume(logic.process(inputs, "cpu", str(tinyWeights), quick).probability)
    threshold = float(np.quantile(values, 0.995))
    return logic.process(inputs, "cpu", str(tinyWeights), {**quick, "threshold": threshold})


def center(result, name: str, reference) -> tuple[tuple[float, float, float], object]:
    """A point well inside the segment, RAS in mm, and the segment's voxels."""
    import numpy as np
    import vtk

    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentation, name, reference) > 0
    crowd = sum(np.roll(voxels, shift, axis).astype(int) for axis in (1, 2) for shift in (-2, -1, 1, 2)) * voxels
    k, j, i = np.unravel_index(int(crowd.argmax()), crowd.shape)
    matrix = vtk.vtkMatrix4x4()
    reference.GetIJKToRASMatrix(matrix)
    return matrix.MultiplyPoint((float(i), float(j), float(k), 1.0))[:3], voxels


def test_slice_view_shows_the_thrombus_and_the_map_that_is_chosen(
    viewer, inputs, tools, warmWorker, tinyWeights, tmp_path: Path
) -> None:
    import numpy as np
    from ThrombusSegParts.logic import ThrombusSegLogic
    from ThrombusSegParts.mapDisplay import jumpTo, mapsOf, showMap, showReference
    from ThrombusSegParts.overlay import setOverlay

    logic = ThrombusSegLogic(temporaryFolder=str(tmp_path))
    logic._worker, logic._workerPythonInUse = warmWorker, ""
    result = segment(logic, inputs, tools, tinyWeights)
    reference = inputs[result.summary["reference"]]
    point, _voxels = center(result, "Thrombus", reference)

    composite = viewer.view._logic.GetSliceCompositeNode()
    maps = mapsOf(result.segmentation)
    assert composite.GetForegroundVolumeID() not in {volume.GetID() for volume in maps.values()}
    showReference(result.segmentation)
    viewer.view._logic.ResizeSliceNode(SIZE, SIZE)
    viewer.view.fit_view_to_content()
    jumpTo(viewer.scene, point)
    result.segmentation.SetDisplayVisibility(False)
    plain = viewer.pixels(tmp_path / "plain.png").astype(int)
    result.segmentation.SetDisplayVisibility(True)
    faint = viewer.pixels(tmp_path / "faint.png").astype(int)
    setOverlay(result.segmentation.GetDisplayNode(), 0.8, 1.0)
    shown = viewer.pixels(tmp_path / "thrombus.png").astype(int)

    row, column = viewer.pixelOf(point)
    assert abs(row - SIZE / 2) < 3 and abs(column - SIZE / 2) < 3, "the view is centered on the thrombus"
    red, green, blue = shown[row, column]
    assert red > green + 30 and red > blue + 30
    strength = np.abs(faint - plain).max(axis=-1)
    within = strength[row - 5 : row + 6, column - 5 : column + 6]  # a voxel or two of the thrombus
    assert strength.max() > 100 and within.min() < 60, "as delivered: an outline, and a hint of filling"
    gray = plain[row - 2 : row + 3, column - 2 : column + 3]
    assert np.ptp(gray, axis=-1).max() < 8, "without the segmentation the slice is gray"
    changed = (np.abs(shown - plain).max(axis=-1) > 20).mean()
    assert 0.00002 < changed < 0.5, "color is where the segments are, not everywhere"

    showMap(result.segmentation, "probability", 0.6)
    viewer.pixels(tmp_path / "probability.png")
    assert composite.GetForegroundVolumeID() == maps["probability"].GetID()
    assert composite.GetForegroundOpacity() == pytest.approx(0.6)
    sequence = next(iter(result.attention))
    showMap(result.segmentation, sequence, 0.5)
    attention = viewer.pixels(tmp_path / "attention.png").astype(int)
    assert composite.GetForegroundVolumeID() == maps[sequence].GetID()
    assert np.abs(attention - shown).max() > 20
    showMap(result.segmentation, "", 0.5)
    again = viewer.pixels(tmp_path / "again.png").astype(int)
    assert composite.GetForegroundVolumeID() is None
    assert np.abs(again - shown).max() < 3
    logic._worker = None
