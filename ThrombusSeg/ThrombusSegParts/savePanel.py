"""The section "Save": one button writes the corrected case, whole or not at all; the next one follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .caseRecord import valuesToSave
from .errors import SegmentationError
from .panelPart import PanelPart
from .reviewDesk import ReviewDesk
from .reviewTexts import savedText
from .savedFacts import noteSaved, savedOf

ANNOTATOR_SETTING = "ThrombusSeg/Annotator"
FOLDER_SETTING = "ThrombusSeg/CorrectedFolder"


class SavePanel(PanelPart):
    """Builds itself from SavePanel.ui.

    Args:
        layout: where the section goes.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        desk: what is saved.
    """

    def __init__(self, layout: Any, resourcePath: Callable[[str], str], desk: ReviewDesk) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/SavePanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        layout.addWidget(self.widget)
        self.desk = desk
        self.onNext: Callable[[str], None] | None = None
        """Called for the next case, where there is a list, with a sentence on what was saved."""
        self.onSaved: Callable[[], None] | None = None
        """Called when a case was saved."""
        self._saving = self._isSaved = False  # being saved; said to be saved
        self._said = ""
        self._case: Any = None
        self.ui.annotatorEdit.text = _setting(ANNOTATOR_SETTING)
        self.ui.savePathEdit.currentPath = _setting(FOLDER_SETTING)
        for text, status in (
            (_("Finished"), "corrected"),
            (_("To be continued"), "in review"),
            (_("Checked, second look"), "checked"),
        ):
            self.ui.saveStatusComboBox.addItem(text, status)
        self.ui.saveStatusComboBox.currentIndex = 0
        self.ui.saveButton.connect("clicked(bool)", lambda checked=False: self.save(False))
        self.ui.saveNextButton.connect("clicked(bool)", lambda checked=False: self.save(True))
        desk.listeners.append(self._show)
        self._show()

    @property
    def annotator(self) -> str:
        """The pseudonym in the field."""
        return str(self.ui.annotatorEdit.text).strip()

    def save(self, thenNext: bool) -> None:
        """Ask the worker to save; the window stays free meanwhile."""
        if self._saving:
            return
        try:
            values = valuesToSave(self.desk, self._folder(), self._annotator(), self._status())
        except (SegmentationError, OSError) as error:
            self._say(str(error))
            return
        self._remember(values)
        self._saving, case, state = True, self.desk.case, self.desk.state()
        self._say(_("Saving..."))

        def done(result: Mapping[str, Any]) -> None:
            self._saving = False
            self._noteSaved(case, state, values, result)
            text = savedText(result, values)
            self._say(text)
            self._isSaved = not result["conflict"]
            if self.onSaved is not None:
                self.onSaved()
            if thenNext and self.onNext is not None and not result["conflict"]:
                self.onNext(text)

        def failed(error: SegmentationError) -> None:
            self._saving = False
            self._say(str(error))

        self.desk.worker.ask("save", values, done, failed)

    def follow(self, text: str) -> None:
        """The next case is open: what was saved before it, and which one it is."""
        self._say(text)

    def _noteSaved(self, case: Any, state: Any, values: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        if result["conflict"]:  # the next one would lie beside the other reader's too: nothing is to be forgotten
            return
        noteSaved(case.segmentation, case=result["case"], folder=values["folder"], version=result["version"])
        if self.desk.case is case:
            self.desk.restartClock()
            self.desk.markSaved(state)

    def _annotator(self) -> str:
        if not self.annotator:
            raise SegmentationError(
                _("Who are you?"), _("Give a pseudonym, such as reader-1: letters, digits, lines; no spaces."), "input"
            )
        return self.annotator

    def _folder(self) -> str:
        known = savedOf(self.desk.case.segmentation) if self.desk.case is not None else {}
        folder = known.get("listFolder") or str(self.ui.savePathEdit.currentPath)
        if not folder:
            raise SegmentationError(
                _("No folder is chosen."), _("Choose one for all corrected cases; it is remembered."), "input"
            )
        return folder

    def _status(self) -> str:
        return str(self.ui.saveStatusComboBox.itemData(max(0, self.ui.saveStatusComboBox.currentIndex)))

    def _remember(self, values: Mapping[str, Any]) -> None:
        settings = qt.QSettings()
        settings.setValue(ANNOTATOR_SETTING, values["annotator"])
        if str(self.ui.savePathEdit.currentPath) == values["folder"]:
            settings.setValue(FOLDER_SETTING, values["folder"])

    def _say(self, text: str) -> None:
        self._said, self._isSaved = text, False
        self._show()

    def _show(self) -> None:
        case = self.desk.case
        if case is not self._case:
            self._case, self._said = case, "" if case is not None else self._said
        listed = case is not None and "listFolder" in savedOf(case.segmentation)
        self.ui.saveButton.enabled = case is not None and not self._saving
        self.ui.saveNextButton.enabled = self.ui.saveButton.enabled and self.onNext is not None and listed
        self.ui.savePathEdit.enabled = not listed
        self.ui.savePathEdit.toolTip = (
            _("This case belongs to a work list, and is saved in the list's folder")
            if listed
            else _("The folder of all corrected cases: a training set as it is. Chosen once, and remembered")
        )
        self.ui.saveNextButton.toolTip = (
            _("Save, then open the next case of the work list that nobody has finished or has open")
            if listed
            else _("Only for a case that was opened in the section Work list")
        )
        since = _("Changed since then, and not saved yet.") if self._isSaved and self.desk.isUnsaved() else ""
        self.ui.saveLabel.text = f"{self._said} {since}".strip() or self._idle()

    def _idle(self) -> str:
        if self.desk.case is None:
            return _("Nothing to save yet.")
        known = savedOf(self.desk.case.segmentation)
        if known.get("version"):
            return _("{case}, begun from version {version}.").format(case=known["case"], version=known["version"])
        return _("{case} is not saved yet.").format(case=known["case"]) if known.get("case") else _("Not saved yet.")


def _setting(key: str) -> str:
    return str(slicer.util.settingsValue(key, "") or "")
