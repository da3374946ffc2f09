"""The part "Scores" of the section Review: clot burden score with its parts, overestimation ratio; estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slicer.i18n import tr as _

from .candidateFigures import positionOf
from .caseRecord import inputsOf
from .reviewDesk import ReviewDesk
from .reviewRuler import ReviewRuler
from .reviewScores import noteScores, ratioOf, scoresOf
from .reviewTexts import burdenText, ratioText

#: Check boxes of the form, and the part of the score that each stands for.
PARTS = {
    "burdenCarotidCheckBox": "ICA supraclinoid",
    "burdenProximalCheckBox": "M1 proximal",
    "burdenDistalCheckBox": "M1 distal",
    "burdenSuperiorCheckBox": "M2 superior",
    "burdenInferiorCheckBox": "M2 inferior",
    "burdenAnteriorCheckBox": "A1",
}
TYPED, RULER, OPPOSITE = "typed", "ruler", "opposite artery on TOF"


class ReviewScoresPanel:
    """Part of the form of the section Review; works only while it is unfolded.

    Args:
        ui: widgets of that form.
        desk: what is reviewed.
        row: of the candidate that is looked at, -1 for none.
    """

    def __init__(self, ui: Any, desk: ReviewDesk, row: Callable[[], int]) -> None:
        self.ui, self.desk, self._row = ui, desk, row
        self.ruler = ReviewRuler(lambda length: self._onArtery(length, RULER))
        self._filling = False
        self._shownFor: Any = None
        self._message = ""
        for name in PARTS:
            getattr(ui, name).connect("clicked(bool)", lambda checked=False: self.tick())
        ui.burdenProposalButton.connect("clicked(bool)", lambda checked=False: self.useProposal())
        for name in ("signWidthSpinBox", "arteryWidthSpinBox"):
            sign = name == "signWidthSpinBox"
            getattr(ui, name).connect("valueChanged(double)", lambda value, sign=sign: self._onTyped(sign))
        ui.rulerButton.connect("clicked(bool)", lambda checked=False: self.ruler.start())
        ui.oppositeButton.connect("clicked(bool)", lambda checked=False: self.askOpposite())
        ui.scoresCollapsibleButton.connect("contentsCollapsed(bool)", lambda folded: self.show())

    def tick(self) -> None:
        """The reader says which parts hold thrombus: from now on the proposal plays no part."""
        case = self.desk.case
        if case is None:
            return
        parts = [part for name, part in PARTS.items() if getattr(self.ui, name).checked]
        noteScores(case.segmentation, parts=parts, score=None)

        def done(result: Mapping[str, Any]) -> None:
            if scoresOf(case.segmentation).get("parts") == parts:
                noteScores(case.segmentation, score=result["score"])
                self.desk.worked()

        self.desk.ask("clot_burden", {"parts": parts}, done)
        self.desk.worked()

    def useProposal(self) -> None:
        """Forget what was ticked."""
        if self.desk.case is not None:
            noteScores(self.desk.case.segmentation, parts=None, score=None)
            self.desk.worked()

    def askOpposite(self) -> None:
        """Take the width of the artery on the other side from TOF."""
        case, entry = self.desk.case, self._entry()
        tof = inputsOf(case.segmentation).get("TOF") if case is not None else None
        if entry is None or tof is None:
            return
        where = {"centroid_ras": list(positionOf(entry.measures)), "tof": str(self.desk.volumeFile("TOF", tof))}
        self._ask({**where, **self.desk.referenceFile()}, OPPOSITE)

    def show(self) -> None:
        """Called whenever something on the desk has changed."""
        case = self.desk.case
        if case is None:
            self.ruler.remove()
        self.ui.scoresCollapsibleButton.enabled = case is not None
        if case is None or self.ui.scoresCollapsibleButton.collapsed:
            return
        if not self.desk.isMeasured:
            self.desk.measure()
        known = scoresOf(case.segmentation)
        self._showBurden(known)
        self._showRatio(known.get("overestimation"))
        self._explain()

    def _showBurden(self, known: Mapping[str, Any]) -> None:
        ticked, proposed = known.get("parts"), self.desk.proposedBurden or {}
        parts = [each["part"] for each in proposed.get("parts", ()) if each["touched"]] if ticked is None else ticked
        for name, part in PARTS.items():
            getattr(self.ui, name).checked = part in parts
        self.ui.burdenProposalButton.enabled = ticked is not None
        self.ui.burdenLabel.text = burdenText(known, self.desk.proposedBurden, self.desk.isMeasured)

    def _showRatio(self, found: Mapping[str, Any] | None) -> None:
        entry, case = self._entry(), self.desk.case
        place = (case, entry.number if entry is not None else 0)
        if place != self._shownFor:
            self._message = ""
            self.ruler.remove()
        own = found if found is not None and found["candidate"] == place[1] else None
        self._filling = True
        if own is not None:
            self.ui.signWidthSpinBox.value = own["sign_width_mm"]
            self.ui.arteryWidthSpinBox.value = own["artery_width_mm"]
        elif entry is not None:
            self.ui.signWidthSpinBox.value = float(entry.measures.get("width_mm") or 0.0)
            if place != self._shownFor:
                self.ui.arteryWidthSpinBox.value = 0.0
        self._filling, self._shownFor = False, place
        for name in ("signWidthSpinBox", "arteryWidthSpinBox", "rulerButton"):
            getattr(self.ui, name).enabled = entry is not None
        self.ui.oppositeButton.enabled = entry is not None and "TOF" in inputsOf(case.segmentation)
        self.ui.ratioLabel.text = self._message or ratioText(found)

    def _onTyped(self, sign: bool) -> None:
        """A width was typed; that of the sign leaves how the artery was measured."""
        if not self._filling:
            known = scoresOf(self.desk.case.segmentation).get("overestimation") if self.desk.case is not None else None
            self._onArtery(float(self.ui.arteryWidthSpinBox.value), known["how"] if sign and known else TYPED)

    def _onArtery(self, width: float, how: str) -> None:
        """Another width of the artery; without one, or without that of the sign, there is no ratio."""
        case = self.desk.case
        if case is None or self._entry() is None:
            return
        if width <= 0 or self.ui.signWidthSpinBox.value <= 0:
            noteScores(case.segmentation, overestimation=None)
            self.desk.worked()
        else:
            self._ask({"artery_width_mm": round(width, 2)}, how)

    def _ask(self, values: Mapping[str, Any], how: str) -> None:
        case, entry = self.desk.case, self._entry()
        sign = float(self.ui.signWidthSpinBox.value)
        if sign <= 0:
            self._say(_("The candidate's width is not known: type it under Sign."))
            return

        def done(result: Mapping[str, Any]) -> None:
            found = ratioOf(result, sign, how, entry.number)
            noteScores(case.segmentation, overestimation=found)
            self._message = "" if found else _("No artery stands out on the other side: measure it with the ruler.")
            self.desk.worked()

        self.desk.ask("overestimation", {"sign_width_mm": sign, **values}, done)

    def _say(self, message: str) -> None:
        self._message = message
        self.show()

    def _entry(self) -> Any:
        case, row = self.desk.case, self._row()
        return case.entries[row] if case is not None and 0 <= row < len(case.entries) else None

    def _explain(self) -> None:
        """Definition and source from the library."""
        for name, widget in (("clot_burden_score", self.ui.burdenLabel), ("overestimation_ratio", self.ui.ratioLabel)):
            if self.desk.meanings is not None and name in self.desk.meanings:
                widget.toolTip = str(self.desk.meanings[name]["tooltip"])
