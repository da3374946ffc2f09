"""The module's logic on Slicer's real libraries (PyPI: slicer-core), without the application and without a window.

slicer-core lacks Qt and what is built on it. The few pieces that the parts of the module ask for are replaced here by
the smallest shells that will do; all of MRML is real.
"""

from __future__ import annotations

import contextlib
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakeWidgets import FakeIcon, FakeSettings, FakeShortcut, FakeWidget

try:
    import slicer
    import vtk
except ImportError as error:  # every test module of this folder then skips itself with importorskip
    slicer, vtk, collect_ignore_glob = None, None, []
    print(f"The headless tests are skipped: {error}", file=sys.stderr)

ROOT = Path(__file__).resolve().parents[2]


class FakeTimer:
    """What the logic uses of qt.QTimer; nothing calls back by itself here, tests poll."""

    def __init__(self) -> None:
        self.isActive = False

    def setInterval(self, milliseconds: int) -> None:
        self.interval = milliseconds

    def connect(self, signature: str, callback: Callable[[], None]) -> None:
        assert signature == "timeout()"

    def start(self) -> None:
        self.isActive = True

    @staticmethod
    def singleShot(milliseconds: int, callback: Callable[[], None]) -> None:
        """Never: there are no events."""

    def stop(self) -> None:
        self.isActive = False


class FakeModuleLogic:
    """What the logic inherits of ScriptedLoadableModuleLogic: a parameter node in the scene."""

    def __init__(self, parent: object = None) -> None:
        pass

    def getParameterNode(self) -> object:
        return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "ThrombusSeg")


class FakeModuleWidget:
    """What the panel inherits of ScriptedLoadableModuleWidget."""

    def __init__(self, parent: object = None) -> None:
        self.parent = parent
        self.layout = types.SimpleNamespace(addWidget=lambda widget: None)

    def setup(self) -> None:
        pass

    def resourcePath(self, name: str) -> str:
        return str(ROOT / "ThrombusSeg" / "Resources" / name)


def _wrap(parameters: type) -> type:
    """Stand-in for parameterNodeWrapper: fields are attributes with defaults; nothing is stored in the node."""

    def initialize(self: object, node: object) -> None:
        object.__setattr__(self, "parameterNode", node)
        for name in parameters.__annotations__:
            object.__setattr__(self, name, getattr(parameters, name, None))

    def change(self: object, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if name != "parameterNode":
            self.parameterNode.Modified()

    parameters.__init__, parameters.__setattr__ = initialize, change
    parameters.connectGui = lambda self, ui: 1
    parameters.disconnectGui = lambda self, tag: None
    parameters.AddObserver = lambda self, *arguments: self.parameterNode.AddObserver(*arguments)
    parameters.RemoveObserver = lambda self, *arguments: self.parameterNode.RemoveObserver(*arguments)
    return parameters


def _install_shells() -> None:
    def module(name: str, **content: object) -> None:
        shell = types.ModuleType(name)
        shell.__dict__.update(content)
        sys.modules[name] = shell

    module("qt", QTimer=FakeTimer, QShortcut=FakeShortcut, QKeySequence=str, QTableWidgetItem=str)
    module("slicer.i18n", tr=lambda text: text, translate=lambda _context, text: text)
    module(
        "slicer.ScriptedLoadableModule",
        ScriptedLoadableModule=type("ScriptedLoadableModule", (), {}),
        ScriptedLoadableModuleLogic=FakeModuleLogic,
        ScriptedLoadableModuleTest=type("ScriptedLoadableModuleTest", (), {}),
        ScriptedLoadableModuleWidget=FakeModuleWidget,
    )
    module("slicer.parameterNodeWrapper", parameterNodeWrapper=_wrap, WithinRange=lambda low, high: (low, high))
    sys.path.insert(0, str(ROOT / "ThrombusSeg"))


if slicer is not None:
    _install_shells()


class Headless:
    """A scene with the logics that register nodes and colors."""

    def __init__(self) -> None:
        self.scene = slicer.vtkMRMLScene()
        self.application = slicer.vtkMRMLApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        self.scene.RegisterNodeClass(slicer.vtkMRMLColorLegendDisplayNode())  # the application's color module does it
        segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
        colors = slicer.vtkMRMLColorLogic()
        others = slicer.vtkSlicerSubjectHierarchyModuleLogic(), slicer.vtkSlicerVolumesLogic()
        self._logics = [segmentations, colors, *others]
        for logic in self._logics:
            logic.SetMRMLScene(self.scene)
        colors.AddDefaultColorNodes()
        slicer.mrmlScene = self.scene
        # slicer.util looks there for the logic that exports a segment to voxels
        slicer.modules = types.SimpleNamespace(segmentations=types.SimpleNamespace(logic=lambda: segmentations))

    def ids(self) -> set[str]:
        """Of the nodes a user could see, and of the items of the subject hierarchy."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        items = vtk.vtkIdList()
        hierarchy.GetItemChildren(hierarchy.GetSceneItemID(), items, True)
        names = {f"item {hierarchy.GetItemName(items.GetId(index))}" for index in range(items.GetNumberOfIds())}
        nodes = [self.scene.GetNthNode(index) for index in range(self.scene.GetNumberOfNodes())]
        return names | {node.GetID() for node in nodes}

    def volume(
        self, values: object, matrix: vtk.vtkMatrix4x4 | None = None, name: str = "Doe^Jane"
    ) -> slicer.vtkMRMLScalarVolumeNode:
        """A volume node in the scene, values (K, J, I)."""
        import numpy as np
        from vtkmodules.util.numpy_support import get_vtk_array_type

        values = np.ascontiguousarray(values)
        image = vtk.vtkImageData()
        image.SetDimensions(*values.shape[::-1])
        image.AllocateScalars(get_vtk_array_type(values.dtype), 1)
        node = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetAndObserveImageData(image)
        slicer.util.arrayFromVolume(node)[:] = values
        if matrix is not None:
            node.SetIJKToRASMatrix(matrix)
        return node


@pytest.fixture
def headless(capfd: pytest.CaptureFixture[str]) -> Iterator[Headless]:
    """A fresh scene. An error that VTK or MRML reports fails the test."""
    output = vtk.vtkStringOutputWindow()
    vtk.vtkOutputWindow.SetInstance(output)
    one = Headless()
    yield one
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(one.scene)
    if hierarchy is not None:
        hierarchy.RemoveAllItems(False)  # a cache of nodes outlives the scene, and finds others at the same address
    slicer.mrmlScene = None
    vtk.vtkOutputWindow.SetInstance(None)
    assert "ERROR" not in output.GetOutput().upper().replace("ERRORS", ""), output.GetOutput()


def grid(
    spacing: tuple[float, float, float] = (2.0, 2.0, 4.0),
    origin: tuple[float, float, float] = (-36.0, -40.0, -20.0),
    angles: tuple[float, float] = (0.0, 0.0),
    flips: tuple[int, int, int] = (1, 1, 1),
) -> vtk.vtkMatrix4x4:
    """IJKToRAS of a grid turned about S, then about R (degrees); flips give axes another sense."""
    first, second = vtk.vtkTransform(), vtk.vtkMatrix4x4()
    first.Translate(*origin)
    first.RotateX(angles[1])
    first.RotateZ(angles[0])
    first.Scale(*(size * flip for size, flip in zip(spacing, flips, strict=True)))
    second.DeepCopy(first.GetMatrix())
    return second


def elements(matrix: vtk.vtkMatrix4x4) -> list[float]:
    """The sixteen numbers, by rows."""
    return [matrix.GetElement(row, column) for row in range(4) for column in range(4)]


def ijkToRas(node: slicer.vtkMRMLVolumeNode) -> list[float]:
    """The sixteen numbers of a volume's geometry."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return elements(matrix)


def head(number: int, shape: tuple[int, int, int] = (12, 40, 36)) -> object:
    """Something with the form of a head, a texture of its own for each number, and no symmetry."""
    import numpy as np

    random = np.random.default_rng(number)
    depth, height, width = shape
    k, j, i = np.mgrid[0:depth, 0:height, 0:width]
    distance = ((i - width / 2) / (0.42 * width)) ** 2 + ((j - height / 2) / (0.45 * height)) ** 2
    inside = distance + ((k - depth / 2) / (0.7 * depth)) ** 2 < 1
    texture = np.sin(i / 4 + number) * np.cos(j / 5) + 0.5 * np.sin((i + 2 * j + 3 * k) / 6)
    values = inside * (200 + 40 * texture + random.normal(0, 4, (depth, height, width)))
    return (values + random.uniform(0, 3, (depth, height, width))).astype(np.float32)


def wait(logic: object, seconds: float = 60.0, until: Callable[[], bool] | None = None) -> None:
    """Poll as the timer does in Slicer."""
    deadline = time.monotonic() + seconds
    while logic.isBusy() if until is None else not until():
        assert time.monotonic() < deadline, "the worker did not answer in time"
        logic.poll()
        time.sleep(0.01)


def has_default_weights() -> bool:
    """Whether weights are bundled, so that the real ones can be tried."""
    from ThrombusSegLib.errors import InputError
    from ThrombusSegLib.weights import find_weights

    try:
        find_weights("default")
    except InputError:
        return False
    return True


@pytest.fixture(scope="session")
def tools() -> types.SimpleNamespace:
    """The functions above; a conftest cannot be imported."""
    return types.SimpleNamespace(
        grid=grid, elements=elements, ijkToRas=ijkToRas, head=head, wait=wait, hasDefaultWeights=has_default_weights
    )


@pytest.fixture(scope="session")
def tinyWeights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a random network that is small and quick, for the real worker."""
    torch = pytest.importorskip("torch")
    from ThrombusSegLib.network import NetworkSettings, build_network
    from ThrombusSegLib.weights import WeightsMetadata, save_network

    settings = NetworkSettings(widths=(4, 8, 8), attention_heads=2, recurrent_levels=1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build_network(settings)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_network(network, path, WeightsMetadata(settings, "Random numbers, for tests.", "nothing at all"))
    return path


@pytest.fixture(scope="session")
def warmWorker() -> Iterator[object]:
    """One real worker for all tests, as in Slicer, where it stays between runs; tests borrow it through `realLogic`."""
    pytest.importorskip("slicer")
    from ThrombusSegParts.workerProcess import WorkerProcess
    from ThrombusSegParts.workerPython import workerStart

    command, environment, folder = workerStart(sys.executable)
    worker = WorkerProcess(command, {**environment, "OMP_NUM_THREADS": "1"}, folder)
    yield worker
    worker.close()


@pytest.fixture
def realLogic(
    headless: Headless, warmWorker: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[object]:
    """The logic with the real worker, its temporary folder and the copy of each result in `tmp_path`."""
    import shutil

    from ThrombusSegParts import logic as module

    temporary = tmp_path / "Ünï cödé temporary"
    temporary.mkdir()
    logic = module.ThrombusSegLogic(temporaryFolder=str(temporary))
    logic._worker, logic._workerPythonInUse = warmWorker, ""
    read = module.ResultFiles

    def copyThenRead(folder: Path, *rest: object) -> object:
        shutil.copytree(folder, tmp_path / "result", dirs_exist_ok=True)
        return read(folder, *rest)

    monkeypatch.setattr(module, "ResultFiles", copyThenRead)
    yield logic
    assert list(temporary.iterdir()) == [], "a run left its folder behind"
    logic._worker = None  # stays for the next test
    logic.close()


@pytest.fixture
def panel(headless, realLogic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A panel that was entered, with the real worker behind its logic; unsaved work lies in `tmp_path / "unsaved"`."""
    import ThrombusSeg as module

    monkeypatch.setattr("ThrombusSegParts.drafts.draftsFolder", lambda: tmp_path / "unsaved")
    monkeypatch.setattr(slicer.util, "loadUI", FakeWidget.load, raising=False)
    monkeypatch.setattr(slicer.util, "childWidgetVariables", lambda widget: widget.form, raising=False)
    monkeypatch.setattr(slicer.util, "resetSliceViews", lambda: None, raising=False)
    monkeypatch.setattr(slicer.util, "WaitCursor", contextlib.nullcontext, raising=False)
    monkeypatch.setattr("ThrombusSegParts.logic.ThrombusSegLogic", lambda: realLogic)
    settings: dict[str, str] = {}
    monkeypatch.setattr(slicer.util, "settingsValue", settings.get, raising=False)
    monkeypatch.setattr("ThrombusSegParts.pace.qt.QSettings", lambda: FakeSettings(settings), raising=False)
    monkeypatch.setattr("ThrombusSegParts.runPanel.missingPackages", list)
    monkeypatch.setattr("ThrombusSegParts.setupPanel.stateIcon", lambda ok: FakeIcon())
    monkeypatch.setattr("ThrombusSegParts.inputsPanel.markIcon", str)
    node = headless.scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "ThrombusSeg")
    monkeypatch.setattr("ThrombusSegParts.logic.ScriptedLoadableModuleLogic.getParameterNode", lambda self: node)
    panel = module.ThrombusSegWidget(types.SimpleNamespace(isEntered=True))
    panel.setup()
    yield panel
    panel.inputsPanel.close()
    panel.resultPanel.close()
    panel.reviewPanel.close()
    panel.removeObservers()


@pytest.fixture
def reviewed(panel: object, headless: Headless, tools: types.SimpleNamespace, tinyWeights: Path) -> object:
    """A panel with a result of three known candidates (32, 4 and 1 voxels of 16 mm3), the section unfolded."""
    from ThrombusSegParts.relabel import Relabeler

    inputs = {"SWI": headless.volume(tools.head(1), tools.grid()), "TOF": headless.volume(tools.head(4), tools.grid())}
    options = {"registration": "never", "threshold": 0.999999}
    result = panel.logic.process(inputs, "cpu", str(tinyWeights), options)
    values = slicer.util.arrayFromVolume(result.probability)
    values[:] = 0.0
    values[3:5, 10:14, 8:12], values[6, 20:22, 20:22], values[8, 30, 30] = 0.95, 0.9, 0.6
    result.probability.Modified()
    Relabeler(result.segmentation).apply(0.5, 0.0)
    panel.ui.resultCollapsibleButton.collapsed = False
    panel.reviewPanel.ui.reviewCollapsibleButton.collapsed = False
    panel.reviewPanel.ui.zoomCheckBox.checked = True
    panel._parameterNode.segmentation = result.segmentation
    return panel
