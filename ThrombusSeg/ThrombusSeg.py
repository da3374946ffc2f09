"""ThrombusSeg: find the thrombus of an ischemic stroke on whatever MRI sequences there are.

This file holds what Slicer looks for in a scripted module; the work is done by the parts in `ThrombusSegParts`. Those
are imported where they are used: Slicer reads this file when it starts, and shall not start later for it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

if TYPE_CHECKING:
    from ThrombusSegParts.errors import SegmentationError
    from ThrombusSegParts.logic import ThrombusSegLogic
    from ThrombusSegParts.panelPart import PanelPart
    from ThrombusSegParts.parameterNode import ThrombusSegParameterNode
    from ThrombusSegParts.resultToScene import SegmentationResult

__all__ = ["ThrombusSeg", "ThrombusSegLogic", "ThrombusSegTest", "ThrombusSegWidget"]


def __getattr__(name: str) -> Any:
    """`from ThrombusSeg import ThrombusSegLogic`, for scripts and other modules."""
    if name == "ThrombusSegLogic":
        from ThrombusSegParts.logic import ThrombusSegLogic

        return ThrombusSegLogic
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class ThrombusSeg(ScriptedLoadableModule):
    """The module: metadata only."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("ThrombusSeg")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["The ThrombusSeg contributors"]
        self.parent.helpText = _(
            "Finds the thrombus of an ischemic stroke, and the infarct, on any subset of the MRI sequences SWI or T2*, "
            "DWI, ADC, FLAIR and TOF, and shows on which sequence the network based its answer. For research only. See "
            '<a href="https://github.com/ThrombusSeg/SlicerThrombusSeg">the description with a tutorial</a>, and the '
            '<a href="https://github.com/ThrombusSeg/SlicerThrombusSeg/tree/main/Resources/ModelCards">model cards</a> '
            "with what the weights were trained on, figures, and known failures."
        )
        self.parent.acknowledgementText = _(
            "The method follows the idea of UpAttLLSTM "
            '(<a href="https://arxiv.org/abs/2604.00817">arXiv 2604.00817</a>). '
            "The weights that come with the module were trained on simulated images."
        )
        slicer.app.connect("startupCompleted()", onStartupCompleted)


def onStartupCompleted() -> None:
    """Called once, when the application has started: the sample case, and what an earlier crash has left."""
    from ThrombusSegParts.sampleData import registerSampleData
    from ThrombusSegParts.temporaryFolders import clearAfterCrash

    registerSampleData()
    clearAfterCrash()


class ThrombusSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: creates its sections and passes on to all of them what happens."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: ThrombusSegLogic | None = None
        self.parts: list[PanelPart] = []
        self._parameterNode: ThrombusSegParameterNode | None = None

    def setup(self) -> None:
        """Called once, when the module is opened for the first time. Starts no process."""
        from ThrombusSegParts.logic import ThrombusSegLogic

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/ThrombusSeg.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = ThrombusSegLogic()
        self._createParts(uiWidget.layout())
        self._connect()
        self.initializeParameterNode()

    def _createParts(self, layout) -> None:
        """The sections, from top to bottom."""
        from ThrombusSegParts.inputsPanel import InputsPanel
        from ThrombusSegParts.resultPanel import ResultPanel
        from ThrombusSegParts.runPanel import RunPanel
        from ThrombusSegParts.setupPanel import SetupPanel

        requirements = Path(self.resourcePath("requirements.txt"))
        self.runPanel = RunPanel(
            self.ui, self.logic, requirements, self._updatePanel, self.onDone, self.onFailed, self.onInstalled
        )
        self.setupPanel = SetupPanel(layout, self.resourcePath, onChanged=self.runPanel.warm)
        self.resultPanel = ResultPanel(self.ui)
        inputsLayout = self.ui.inputsCollapsibleButton.layout()
        self.inputsPanel = InputsPanel(inputsLayout, self.ui, self.resourcePath, self.logic.isBusy)
        self.parts = [self.runPanel, self.inputsPanel, self.resultPanel, *self._annotation(), self.setupPanel]

    def _annotation(self) -> list[PanelPart]:
        """The sections of the annotator: they share what is on the desk."""
        from ThrombusSegParts.correctPanel import CorrectPanel
        from ThrombusSegParts.exportPanel import ExportPanel
        from ThrombusSegParts.reviewDesk import ReviewDesk
        from ThrombusSegParts.reviewPanel import ReviewPanel
        from ThrombusSegParts.savePanel import SavePanel
        from ThrombusSegParts.workListPanel import WorkListPanel

        desk, layout, path = ReviewDesk(), self.ui.annotationWidget.layout(), self.resourcePath
        self.reviewPanel = ReviewPanel(self.ui, path, desk)
        self.correctPanel = CorrectPanel(layout, path, desk)
        self.savePanel = SavePanel(layout, path, desk)
        reader = lambda: self.savePanel.annotator  # noqa: E731
        self.exportPanel = ExportPanel(layout, path, desk, reader)
        self.workListPanel = WorkListPanel(layout, path, desk, reader, self.logic.isBusy)
        self.savePanel.onNext, self.savePanel.onSaved = self.workListPanel.openNext, self.workListPanel.onSaved
        self.workListPanel.onOpened, self.workListPanel.onFollowed = self.onCaseOpened, self.savePanel.follow
        return [self.correctPanel, self.savePanel, self.exportPanel, self.workListPanel, self.reviewPanel]

    def _connect(self) -> None:
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)

    def cleanup(self) -> None:
        """Called when the application closes and the panel is destroyed."""
        self.setParameterNode(None)
        self.removeObservers()
        for part in self.parts:
            part.close()

    def onReload(self) -> None:
        """The developer's Reload button: also the parts, of which Slicer does not know."""
        for name in [name for name in sys.modules if name.split(".")[0] == "ThrombusSegParts"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def enter(self) -> None:
        """Called each time the user opens this module."""
        self.initializeParameterNode()
        for part in self.parts:
            part.enter()

    def exit(self) -> None:
        """Called each time the user opens a different module. A run goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event) -> None:
        """Called just before the scene is closed."""
        self.logic.cancel(_("The scene was closed; the segmentation was stopped."))
        self.setParameterNode(None)
        self.resultPanel.leaveComparison()

    def onSceneEndClose(self, caller, event) -> None:
        """Called just after the scene is closed."""
        self.resultPanel.leaveComparison()
        self._forgetResult()
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller, event) -> None:
        """Called just after a scene was loaded: the panel shows its choices."""
        self._forgetResult()
        self.runPanel.onSceneLoaded()
        if self.parent.isEntered:
            self.setParameterNode(None)
            self.initializeParameterNode()

    def _forgetResult(self) -> None:
        for part in self.parts:
            part.forgetResult()

    def initializeParameterNode(self) -> None:
        """Make sure that the parameter node exists and is observed."""
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """Connect the sections with these choices, and with none that were before."""
        if self._parameterNode is not None:
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._updatePanel)
        self._parameterNode = parameterNode
        for part in self.parts:
            part.setParameterNode(parameterNode)
        if parameterNode is not None:
            self.addObserver(parameterNode, vtk.vtkCommand.ModifiedEvent, self._updatePanel)
            self._updatePanel()

    def _updatePanel(self, caller=None, event=None) -> None:
        """Everything that follows from the choices and from whether a segmentation runs."""
        if slicer.mrmlScene.IsImporting():  # what the choices point to may not be there yet; `onSceneEndImport` follows
            return
        busy = self.logic.isBusy()
        for part in self.parts:
            part.update(busy)
        self.ui.inputsCollapsibleButton.enabled = not busy

    def onDone(self, result: SegmentationResult) -> None:
        """Called when a result is in the scene, perhaps while another module is open."""
        self.resultPanel.show(result)
        if self._parameterNode is None:
            self.reviewPanel.forgetResult()  # it cannot follow from another module, and its case may leave the scene
        parameterNode = self.logic.getParameterNode() if self._parameterNode is None else self._parameterNode
        parameterNode.shownMap = ""
        parameterNode.segmentation = result.segmentation

    def onCaseOpened(self, segmentation: Any) -> None:
        """Called when a case of the work list is in the scene, with what is known of it."""
        self.resultPanel.showCase(segmentation)
        self.reviewPanel.go(0)

    def onFailed(self, error: SegmentationError) -> None:
        """Called when a run gave no result, and nobody had stopped it."""
        self.resultPanel.fail()

    def onInstalled(self, done: bool) -> None:
        """Called when something had to be installed before a run, with whether it was."""
        self.setupPanel.onInstalled(done)


class ThrombusSegTest(ScriptedLoadableModuleTest):
    """Segments the sample case; says, in a sentence, where that is not possible."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Called by "Reload and Test", and by ctest on the build machines."""
        self.setUp()
        self.test_segmentSampleCase()

    def test_segmentSampleCase(self) -> None:
        """Any voxel of the segment Thrombus will do; the library's own tests look closer."""
        from ThrombusSegParts.dependencies import missingPackages
        from ThrombusSegParts.logic import ThrombusSegLogic
        from ThrombusSegParts.sampleData import sampleFolder
        from ThrombusSegParts.sequences import SEQUENCES
        from ThrombusSegParts.workerPython import chosenPython

        folder = sampleFolder()
        if folder is None or (missingPackages() and not chosenPython()):
            self.delayDisplay("Not run: this needs the sample case, and torch.")
            return
        logic = ThrombusSegLogic()
        try:
            inputs = {name: slicer.util.loadVolume(str(folder / f"{name}.nii.gz")) for name in SEQUENCES}
            result = logic.process(inputs)
        finally:
            logic.close()
        reference = result.segmentation.GetNodeReference(result.segmentation.GetReferenceImageGeometryReferenceRole())
        thrombus = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentation, "Thrombus", reference)
        self.assertGreater(int((thrombus > 0).sum()), 0)
        self.assertEqual(set(result.attention), set(SEQUENCES))
        self.delayDisplay("Test passed")
