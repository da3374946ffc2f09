"""The section "Review": from candidate to candidate, a decision with one key each, and what the network missed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .candidateFigures import positionOf
from .keys import Keys
from .mapDisplay import jumpTo, zoomTo
from .missedThrombus import MissedThrombus
from .panelPart import PanelPart
from .parameterNode import ThrombusSegParameterNode
from .reviewDesk import ReviewDesk
from .reviewScoresPanel import ReviewScoresPanel
from .reviewTexts import draftText, placeText

#: What the shorter side of a slice view shows of a candidate's surroundings, mm; our choice.
_ZOOM_MM = 70.0
_UNDO = "Ctrl+Z"


class ReviewPanel(PanelPart):
    """Builds itself from ReviewPanel.ui, below the table of candidates in the section Result.

    Args:
        mainUi: of the main form, which holds the table.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        desk: what is reviewed.
    """

    def __init__(self, mainUi: Any, resourcePath: Callable[[str], str], desk: ReviewDesk) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/ReviewPanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        mainUi.resultCollapsibleButton.layout().insertRow(3, self.widget)
        self.desk = desk
        self.row, self._number = -1, 0
        self._table = mainUi.candidatesTable
        self._case: Any = None
        self.missed = MissedThrombus(self.onMissed, self._show)
        self.scores = ReviewScoresPanel(self.ui, desk, lambda: self.row)
        desk.listeners.append(self._show)
        self._connect()

    def _connect(self) -> None:
        actions: dict[str, tuple[str, Callable[[], None]]] = {
            "previousButton": ("P", lambda: self.step(-1)),
            "nextButton": ("N", lambda: self.step(1)),
            "acceptButton": ("A", lambda: self.decide("accepted")),
            "rejectButton": ("R", lambda: self.decide("rejected")),
            "unsureButton": ("U", lambda: self.decide("unsure")),
            "undoButton": (_UNDO, self.undo),
            "missedButton": ("M", self.addMissed),
        }
        for name, (_key, action) in actions.items():
            getattr(self.ui, name).connect("clicked(bool)", lambda checked=False, action=action: action())
        self.ui.draftRestoreButton.connect("clicked(bool)", lambda checked=False: self.desk.restoreDraft())
        self.ui.draftDiscardButton.connect("clicked(bool)", lambda checked=False: self.desk.discardDraft())
        self.keys = Keys(self.widget, dict(actions.values()))
        self.ui.reviewCollapsibleButton.connect("contentsCollapsed(bool)", lambda folded: self._onFolded())
        self._table.connect("clicked(QModelIndex)", lambda index: self.go(index.row()))

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices; None while the module is not open."""
        super().setParameterNode(parameterNode)
        if parameterNode is None:
            self.desk.pause()
            self.missed.stop()
        else:
            self._choose(parameterNode.segmentation)
            self.desk.resume()
        self._enableKeys()

    def update(self, busy: bool) -> None:
        """Another result may be chosen."""
        if self.parameterNode is not None:
            self._choose(self.parameterNode.segmentation)

    def _choose(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        before = self.desk.case
        self.desk.setSegmentation(segmentation)
        if self.desk.case is not None and self.desk.case is not before:
            qt.QTimer.singleShot(0, self.measureMissing)  # the panel is drawn first

    def measureMissing(self) -> None:
        """A scene may have been saved before the worker had measured what a slider made."""
        case = self.desk.case
        if case is not None and not self.desk.isMeasured and case.lacksMeasures():
            self.desk.measure()

    def forgetResult(self) -> None:
        """The scene was closed or replaced."""
        self.missed.stop()
        self.desk.setSegmentation(None)

    def close(self) -> None:
        """The panel goes."""
        self.missed.stop()
        self.desk.close()

    def go(self, row: int) -> None:
        """Look at the candidate in a row of the table: all views go there."""
        case = self.desk.case
        if case is None or not 0 <= row < len(case.entries):
            return
        self.row, self._number = row, case.entries[row].number
        measures = case.entries[row].measures
        if "centroid_right_mm" in measures:
            if self.ui.zoomCheckBox.checked:
                zoomTo(slicer.mrmlScene, _ZOOM_MM)
            jumpTo(slicer.mrmlScene, positionOf(measures))
        self._show()

    def step(self, by: int) -> None:
        """The next candidate, or the one before; after the last comes the first."""
        case = self.desk.case
        if case is not None and case.entries:
            start = self.row if self.row >= 0 or by < 0 else -1
            self.go((start + by) % len(case.entries))

    def decide(self, decision: str) -> None:
        """On the candidate that is looked at; then on to the next one without a decision."""
        case = self.desk.case
        if case is None or not 0 <= self.row < len(case.entries):
            return
        place, before = self.row, len(case.entries)
        if case.decide(place, decision):
            self.desk.changed()
        count = len(case.entries)
        following = [(place + by) % count for by in range(int(count == before), count)]
        left = [row for row in following if case.entries[row].decision == "undecided"]
        if left:
            self.go(left[0])

    def undo(self) -> None:
        """Take the last decision back, and look at what it was made on."""
        case = self.desk.case
        if case is None:
            return
        before = {each.number: each.decision for each in case.entries}
        if case.undo():
            self.desk.changed()
            different = [row for row, each in enumerate(case.entries) if before.get(each.number) != each.decision]
            self.go(different[0] if different else self.row)

    def addMissed(self) -> None:
        """Wait for a click on a thrombus that is not in the table; pressed again, wait no longer."""
        if self.missed.isWaiting():
            self.missed.stop()
        elif self.desk.case is not None:
            self.missed.start()
            self.desk.say(_("Click the center of the missed thrombus in a slice view; Esc to stop."))

    def onMissed(self, position: tuple[float, float, float]) -> None:
        """The center of a missed thrombus was clicked."""
        self.desk.say(_("Looking for its mask..."))
        self.desk.propose(position, self.go)

    def _onFolded(self) -> None:
        self.missed.stop()
        self._enableKeys()

    def _enableKeys(self) -> None:
        alive = self.parameterNode is not None and not self.ui.reviewCollapsibleButton.collapsed
        # The editor's own undo has the same key while it is unfolded.
        self.keys.enable(alive, without=(_UNDO,) if self.desk.editing else ())

    def _show(self) -> None:
        case = self.desk.case
        if case is not self._case:
            self._case, self._number = case, case.entries[0].number if case is not None and case.entries else 0
        self.row = case.rowOf(self._number) if case is not None else -1  # rows before it may have gone
        draft, decisions = self.desk.draft, [each.decision for each in case.entries] if case is not None else []
        self.ui.draftWidget.visible = draft is not None
        self.ui.draftLabel.text = draftText(draft.time) if draft is not None else ""
        self.ui.reviewLabel.text = placeText(self.row, decisions) if case is not None else _("Nothing to review yet.")
        self.ui.reviewMessageLabel.text = self.desk.message or _("The keys work while this section is unfolded.")
        chosen = 0 <= self.row < len(decisions)
        for name in ("previousButton", "nextButton", "acceptButton", "rejectButton", "unsureButton"):
            getattr(self.ui, name).enabled = chosen
        self.ui.missedButton.enabled = case is not None
        self.ui.missedButton.checked = self.missed.isWaiting()
        self.ui.undoButton.enabled = case is not None and case.canUndo()
        if case is not None:
            self._table.resizeColumnsToContents()
        if chosen:
            self._table.selectRow(self.row)
        self._enableKeys()
        self.scores.show()
