"""The section "Result": what was found, how it is drawn, which map lies over it, and where to set the threshold."""

from __future__ import annotations

import logging
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .camera import lookAtFirst
from .candidateTable import candidatePosition
from .layouts import Overlay, compareSequences, fitViews, isComparing, seenPart, showOverlay
from .mapDisplay import (
    candidatesOf,
    isAnythingShown,
    jumpTo,
    mapsOf,
    referenceOf,
    renewLegends,
    showMap,
    showReference,
)
from .mapTexts import mapText
from .overlay import isIn3D, setOverlay, showIn3D, showInfarct, tellIn3D
from .ownLayout import OwnLayout
from .panelPart import PanelPart
from .panelTexts import relabelText, resultText
from .parameterNode import ThrombusSegParameterNode, chosenVolumes
from .relabel import Relabeler, isCorrected, settingsOf
from .relabelAhead import RelabelAhead
from .resultChoice import ResultChoice, hideOthers
from .resultToScene import ATTRIBUTE, SegmentationResult
from .roomWatch import RoomWatch

#: Of the table, pixels: Qt's own minimum is wider than the candidate's number.
_NARROWEST_COLUMN = 24
_VIEWS_MILLISECONDS = 100
#: Of a segmentation: what was said of it last, so that a scene that is loaded again says it too.
SENTENCE = ATTRIBUTE + "Sentence"


class ResultPanel(PanelPart):
    """Shows the result that the choices point to, also one of an earlier session."""

    def __init__(self, ui: Any) -> None:
        super().__init__(ui, connects=False)  # the run section has the same form
        self._relabeler: Relabeler | None = None
        self._ahead = RelabelAhead((self.readMaps, self.findMidline))
        self._ownLayout = OwnLayout(self._showCompareButton)
        self._compared: list[str] = []  # sequences and volumes that are side by side
        self._room = RoomWatch(self.onRoomChanged)
        self._areNew, self._height = False, 0.0  # of the views side by side: since when; what was fitted, mm
        self._filling = False
        self._said: slicer.vtkMRMLSegmentationNode | None = None  # of which the sentence speaks
        self._isOfScene = True  # what comes next was shown when the scene was saved, and stays as it was saved
        self._choice = ResultChoice(ui, lambda: self.segmentation, self.choose)
        ui.mapComboBox.connect("currentIndexChanged(int)", self.onMapChosen)
        ui.candidatesTable.horizontalHeader().setHighlightSections(False)  # a bold header is a wider one
        ui.candidatesTable.connect("clicked(QModelIndex)", lambda index: self.jumpToRow(index.row()))
        ui.thresholdSlider.connect("valueChanged(double)", lambda value: self.onLabelsWanted())
        ui.minimumVolumeSlider.connect("valueChanged(double)", lambda value: self.onLabelsWanted())
        ui.infarctCheckBox.connect("toggled(bool)", self.onInfarctToggled)
        ui.surfaceCheckBox.connect("toggled(bool)", self.onSurfaceToggled)
        ui.compareButton.connect("clicked(bool)", lambda checked=False: self.onCompare())

    @property
    def segmentation(self) -> slicer.vtkMRMLSegmentationNode | None:
        """Of the result shown."""
        return self.parameterNode.segmentation if self.parameterNode is not None else None

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices."""
        super().setParameterNode(parameterNode)
        if parameterNode is None:
            self._tellOf3D()  # nothing: the view is that of another module

    def show(self, result: SegmentationResult) -> None:
        """A new result: its sentence, the reference volume, and the most suspicious candidate in all views."""
        self._relabeler = None
        self._say(result.segmentation, resultText(result))
        showReference(result.segmentation)
        self._jump(result.candidates, 0)
        self._show3D(result.segmentation)

    def showCase(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """A case of a work list was opened: its reference volume in all views."""
        self._relabeler = None
        self._say(
            segmentation, _("As it was predicted, or saved.") if segmentation is not None else _("No result yet.")
        )
        if segmentation is not None:
            showReference(segmentation)
            slicer.util.resetSliceViews()
            self._show3D(segmentation)

    def fail(self) -> None:
        """A run gave no result; one that is shown stays, and so does what was said of it."""
        if self.segmentation is None:
            self.ui.resultLabel.text = _("No result.")

    def choose(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        """Show another of the results in the scene."""
        if self.parameterNode is not None and segmentation is not None:
            self.parameterNode.segmentation = segmentation

    def forgetResult(self) -> None:
        """The scene was closed or replaced; a result in the new one is told of when it is chosen."""
        self._isOfScene = True
        self._forget()

    def _forget(self) -> None:
        self._relabeler = self._said = None
        self.ui.resultLabel.text = _("No result yet.")

    def _say(self, segmentation: slicer.vtkMRMLSegmentationNode | None, text: str) -> None:
        """Show a sentence on this result, and keep it with it."""
        self._said = segmentation
        self.ui.resultLabel.text = text
        if segmentation is not None and segmentation.GetAttribute(SENTENCE) != text:
            segmentation.SetAttribute(SENTENCE, text)

    def update(self, busy: bool) -> None:
        """Everything that follows from the result that is chosen."""
        if self.parameterNode is None:
            return
        segmentation = self.segmentation
        if self._relabeler is not None and self._relabeler.segmentation is not segmentation:
            self._relabeler = None
        if segmentation is not None and segmentation is not self._said:
            self._change(segmentation)
        elif segmentation is None and self._said is not None:  # it was deleted, or another choice was made
            self._forget()
        self._isOfScene = False
        self._choice.update()
        self._filling = True
        self._updateMaps()
        self._updateSliders(busy)
        for widget in (self.ui.infarctCheckBox, self.ui.surfaceCheckBox, self.ui.fillSlider, self.ui.outlineSlider):
            widget.enabled = segmentation is not None
        self._updateComparison()
        self._tellOf3D()
        self._filling = False
        if busy or (segmentation is not None and self._relabeler is None):
            self._ahead.start()
        if segmentation is not None and segmentation.GetDisplayNode() is not None:
            setOverlay(segmentation.GetDisplayNode(), self.parameterNode.fillOpacity, self.parameterNode.outlineOpacity)

    def _change(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        """Another result, of an earlier session, of a loaded scene, or chosen; no other one lies over it."""
        before = self._said
        self._say(segmentation, segmentation.GetAttribute(SENTENCE) or _("As it was predicted, or saved."))
        hideOthers(segmentation)
        if self._isOfScene:
            qt.QTimer.singleShot(_VIEWS_MILLISECONDS, self.fillViews)
            return
        if segmentation.GetDisplayNode() is not None:
            segmentation.GetDisplayNode().SetVisibility(True)
            showInfarct(segmentation.GetDisplayNode(), bool(self.ui.infarctCheckBox.checked))
        if before is None or referenceOf(before) is not referenceOf(segmentation):
            showReference(segmentation)
            self._jump(candidatesOf(segmentation), 0)
        self._show3D(segmentation)

    def fillViews(self) -> None:
        """A scene that was added to another one may leave all views without a volume: outlines on nothing."""
        if self.segmentation is not None and not isAnythingShown(slicer.mrmlScene):
            showReference(self.segmentation)

    def onMapChosen(self, index: int) -> None:
        """Called when another map is chosen in the list, also by the program."""
        if not self._filling and self.parameterNode is not None:
            self.parameterNode.shownMap = self.ui.mapComboBox.itemData(index) or ""

    def onLabelsWanted(self) -> None:
        """A slider was moved: other labels from the same probability."""
        segmentation = self.segmentation
        if self._filling or segmentation is None:
            return
        threshold, volume = float(self.ui.thresholdSlider.value), float(self.ui.minimumVolumeSlider.value)
        try:
            if self._relabeler is None or not self._relabeler.isCurrent():
                if isCorrected(segmentation):
                    self._updateSliders(False)
                    return
                self._relabeler = self._relabelerOf(segmentation)
                self._relabeler.begin()
            count = self._relabeler.apply(threshold, volume)
        except ImportError as error:
            logging.warning("ThrombusSeg: %s", error)
            self.ui.resultLabel.text = _("The sliders need SimpleITK, which this Slicer lacks.")
            return
        self._say(segmentation, relabelText(count, threshold, volume))
        self._fitColumns()

    def readMaps(self) -> None:
        """Of the result that is shown, before a slider asks for that."""
        if self.segmentation is not None and self.ui.thresholdSlider.enabled:
            self._relabeler = self._relabelerOf(self.segmentation)

    def findMidline(self) -> None:
        """Of its head: the other part that takes long."""
        if self._relabeler is not None:
            self._relabeler.midline  # noqa: B018 - it is kept

    def _relabelerOf(self, segmentation: slicer.vtkMRMLSegmentationNode) -> Relabeler:
        known = self._relabeler is not None and self._relabeler.knows(segmentation)
        return self._relabeler if known else Relabeler(segmentation)

    def onInfarctToggled(self, shown: bool) -> None:
        """Show or hide the infarct."""
        if not self._filling and self.segmentation is not None:
            showInfarct(self.segmentation.GetDisplayNode(), bool(shown))

    def onSurfaceToggled(self, shown: bool) -> None:
        """Surfaces in the 3D view."""
        if not self._filling and self.segmentation is not None:
            showIn3D(self.segmentation, bool(shown))
            if shown:
                lookAtFirst(self.segmentation)
            self._tellOf3D()

    def _tellOf3D(self) -> None:
        """An empty 3D view says how a result is seen in it."""
        isEmpty = self.segmentation is not None and not isIn3D(self.segmentation)
        tellIn3D(_("Check 'In 3D' in the section Result to see the result here.") if isEmpty else "")

    def _show3D(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        """What comes is seen in the 3D view as what was there before."""
        if self.ui.surfaceCheckBox.checked:
            showIn3D(segmentation, True)
        lookAtFirst(segmentation)

    def onCompare(self) -> None:
        """All sequences side by side; pressed again, back to the user's own layout."""
        if isComparing():
            self._ownLayout.restore()
        elif self.parameterNode is not None:
            self._ownLayout.watch()
            self._compare()
        self._showCompareButton()

    def leaveComparison(self) -> None:
        """The scene was closed: nothing is left to be side by side."""
        self._ownLayout.restore()

    def close(self) -> None:
        """The panel goes."""
        self._ahead.stop()
        self._room.stop()
        self._ownLayout.stop()
        self._choice.close()

    def onRoomChanged(self) -> None:
        """Another window: other columns where those are better, and the same slice, whole unless it was zoomed."""
        seen = seenPart()
        if self.parameterNode is not None and self._volumes() and seen is not None:
            self._arrange()
            if seen[0] == self._height:
                qt.QTimer.singleShot(_VIEWS_MILLISECONDS, lambda: self.fitViews(seen[1]))

    def _compare(self) -> None:
        self._compared = self._identifiers()
        self._arrange()
        self._room.start()
        # The new views set themselves up when the application has drawn them, and would forget what they are told now.
        qt.QTimer.singleShot(_VIEWS_MILLISECONDS, self.fitViews)

    def _arrange(self) -> None:
        self._areNew = compareSequences(self._volumes(), self._overlay()) or self._areNew
        if self.segmentation is not None:
            showMap(self.segmentation, self.parameterNode.shownMap, self.parameterNode.mapOpacity)

    def fitViews(self, toward: float | None = None) -> None:
        """The whole head in each view side by side, all at one scale.

        Args:
            toward: how far toward the head's top the slice lies, mm; without it that of the most suspicious candidate.
        """
        volumes = list(self._volumes().values()) if self.parameterNode is not None else []
        if volumes and isComparing():
            overlay = self._overlay()
            position = candidatePosition(candidatesOf(self.segmentation), 0) if overlay is not None else None
            if toward is None and position is not None:
                toward = position[2]
            fitViews(overlay[0] if overlay is not None else volumes[0], toward)
            self._height = (seenPart() or (0.0,))[0]
            if self._areNew and self.segmentation is not None:
                self._areNew = False
                renewLegends(self.segmentation, self.parameterNode.shownMap, self.parameterNode.mapOpacity)

    def _volumes(self) -> dict[str, slicer.vtkMRMLScalarVolumeNode]:
        return {key: node for key, node in chosenVolumes(self.parameterNode).items() if node is not None}

    def _identifiers(self) -> list[str]:
        return [f"{key} {node.GetID()}" for key, node in self._volumes().items()]

    def _overlay(self) -> Overlay | None:
        """Reference and probability of the result shown, where it was made of a chosen volume."""
        reference = referenceOf(self.segmentation) if self.segmentation is not None else None
        probability = mapsOf(self.segmentation).get("probability")
        mine = reference is not None and reference in self._volumes().values()
        return (reference, probability) if mine and probability is not None else None

    def _updateComparison(self) -> None:
        """Other volumes, or another result, may have come while the sequences are side by side."""
        self._ownLayout.watch()
        if isComparing() and self._volumes():
            overlay = self._overlay()
            if self._compared != self._identifiers() or (not showOverlay(overlay) and overlay is not None):
                self._compare()
        self._showCompareButton()

    def _showCompareButton(self) -> None:
        comparing = isComparing()
        self.ui.compareButton.text = _("Back to my layout") if comparing else _("Side by side")
        if self.parameterNode is not None:
            self.ui.compareButton.enabled = comparing or len(self._volumes()) > 1

    def jumpToRow(self, row: int) -> None:
        """Show the candidate of this row of the table in the slice views."""
        if self.segmentation is not None:
            self._jump(candidatesOf(self.segmentation), row)

    def _jump(self, table: slicer.vtkMRMLTableNode | None, row: int) -> None:
        position = candidatePosition(table, row)
        if position is not None:
            jumpTo(slicer.mrmlScene, position)

    def _updateMaps(self) -> None:
        segmentation = self.segmentation
        keys = ["", *mapsOf(segmentation)]
        self.ui.mapComboBox.enabled = self.ui.opacitySlider.enabled = len(keys) > 1
        self.ui.candidatesTable.setMRMLTableNode(candidatesOf(segmentation))
        self._fitColumns()
        if [self.ui.mapComboBox.itemData(index) for index in range(self.ui.mapComboBox.count)] != keys:
            self.ui.mapComboBox.clear()
            for key in keys:
                self.ui.mapComboBox.addItem(mapText(key), key)
        shown = self.parameterNode.shownMap
        self.ui.mapComboBox.currentIndex = keys.index(shown) if shown in keys else 0
        if segmentation is not None:
            showMap(segmentation, shown, self.parameterNode.mapOpacity)

    def _fitColumns(self) -> None:
        """As narrow as their contents; the table node's view has set a minimum of its own."""
        self.ui.candidatesTable.horizontalHeader().setMinimumSectionSize(_NARROWEST_COLUMN)
        self.ui.candidatesTable.resizeColumnsToContents()

    def _updateSliders(self, busy: bool) -> None:
        """They follow the mask; a mask that was corrected by hand is left alone."""
        segmentation = self.segmentation
        settings = settingsOf(segmentation) if segmentation is not None else None
        possible = (
            settings is not None and "probability" in mapsOf(segmentation) and referenceOf(segmentation) is not None
        )
        own = self._relabeler is not None and self._relabeler.isCurrent()
        corrected = possible and not own and isCorrected(segmentation)
        for slider, value in zip((self.ui.thresholdSlider, self.ui.minimumVolumeSlider), settings or (), strict=False):
            if slider.value != value:
                slider.value = value
        for slider in (self.ui.thresholdSlider, self.ui.minimumVolumeSlider):
            slider.enabled = possible and not corrected and not busy
            slider.toolTip = (
                _("The mask was corrected by hand; moving this would overwrite the correction.")
                if corrected
                else _("Labels follow at once, from the stored probability; nothing is computed anew.")
            )
