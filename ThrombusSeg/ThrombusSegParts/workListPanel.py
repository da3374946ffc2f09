"""The section "Work list": cases with their state, one after the other into the scene, and two readers compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .caseLoader import CaseLoader, note
from .caseRecord import inputsOf
from .caseViews import showInItsPlane
from .errors import SegmentationError
from .keys import Keys
from .panelPart import PanelPart
from .parameterNode import ThrombusSegParameterNode, chosenVolumes
from .reviewDesk import ReviewDesk
from .reviewTexts import agreementText, durationText, itemStatusText, sceneListText
from .savedFacts import savedOf
from .sceneCases import SceneCases, casesIn
from .sceneListWriter import IMAGES, SceneListWriter, chooseFolder
from .sequences import SEQUENCES

LIST_SETTING = "ThrombusSeg/WorkList"
STATES = ("new", "predicted", "in review", "corrected", "checked", "unreadable")


class WorkListPanel(PanelPart):
    """Builds itself from WorkListPanel.ui.

    Args:
        layout: where the section goes.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        desk: where cases go.
        annotator: the reader's pseudonym.
        isBusy: whether a segmentation runs.
    """

    def __init__(
        self,
        layout: Any,
        resourcePath: Callable[[str], str],
        desk: ReviewDesk,
        annotator: Callable[[], str],
        isBusy: Callable[[], bool],
    ) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/WorkListPanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        layout.addWidget(self.widget)
        self.desk, self._annotator, self._isBusy = desk, annotator, isBusy
        self.onOpened: Callable[[Any], None] | None = None
        """Called with the segmentation of a case that is in the scene now, or None."""
        self.onFollowed: Callable[[str], None] | None = None
        """Called with a sentence when a case is open after another one was saved."""
        self.items: list[dict[str, Any]] = []
        self.current: dict[str, Any] | None = None
        self._saved = self._before = self._warned = ""
        self._leaving: Any = None  # for which case, in which state, the reader was told that something would be lost
        self._claim: dict[str, Any] | None = None  # of the open case: the list, who, as which reader
        self._news = ("", "")  # of which list, and what is said of it until a case is opened
        self._found: SceneCases | None = None
        self._shown: list[dict[str, Any]] = []
        self._volumes: dict[str, Any] = {}
        self.loader = CaseLoader(desk, self._onLoaded, self._say)
        self.writer = SceneListWriter(self._onWritten, self._say, self._say)
        self._fillStates()
        self.ui.listPathEdit.currentPath = str(slicer.util.settingsValue(LIST_SETTING, "") or "")
        self._connect()

    def _fillStates(self) -> None:
        self.ui.listStatusComboBox.addItem(_("All states"), "")
        for state in STATES:
            self.ui.listStatusComboBox.addItem(itemStatusText(state), state)
        self.ui.listStatusComboBox.currentIndex = 0

    def _connect(self) -> None:
        ui = self.ui
        ui.listPathEdit.connect("currentPathChanged(QString)", lambda path: self.refresh())
        ui.listMakeButton.connect("clicked(bool)", lambda checked=False: self.make())
        ui.listSceneButton.connect("clicked(bool)", lambda checked=False: self.makeFromScene())
        ui.listSecondCheckBox.connect("toggled(bool)", lambda checked: self.refresh())
        ui.listStatusComboBox.connect("currentIndexChanged(int)", lambda index: self._showItems())
        ui.listFilterEdit.connect("textChanged(QString)", lambda text: self._showItems())
        ui.listTable.connect("doubleClicked(QModelIndex)", lambda index: self.openRow(index.row()))
        ui.listOpenButton.connect("clicked(bool)", lambda checked=False: self.openRow(int(ui.listTable.currentRow())))
        ui.listNextButton.connect("clicked(bool)", lambda checked=False: self.openNext())
        ui.listAgreementButton.connect("clicked(bool)", lambda checked=False: self.compare())
        ui.listCollapsibleButton.connect("contentsCollapsed(bool)", lambda folded: self._onFolded())
        self.keys = Keys(self.widget, {"J": self.openNext})

    @property
    def second(self) -> str:
        """The pseudonym of a second reader; empty for the first reading."""
        return self._annotator() if self.ui.listSecondCheckBox.checked else ""

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices; None while the module is not open."""
        super().setParameterNode(parameterNode)
        if parameterNode is None:
            self._stopWriting()
        self._onFolded()

    def update(self, busy: bool) -> None:
        """A result of a case of the list may have come: it belongs to that case."""
        if self.parameterNode is None or self.current is None:
            return
        segmentation = self.parameterNode.segmentation
        if segmentation is None or savedOf(segmentation):
            return
        mine = {node.GetID() for node in self._volumes.values()}
        if mine & {node.GetID() for node in inputsOf(segmentation).values()}:
            note(segmentation, self.current, self._saved)
            self.desk.notify()

    def forgetResult(self) -> None:
        """The scene was closed or replaced."""
        self._release()
        self._stopWriting()
        self.loader.close()
        self.current, self._volumes = None, {}

    def close(self) -> None:
        """The panel goes."""
        self.writer.close()
        self._release()
        self.loader.close()

    def refresh(self) -> None:
        """Read the list again; a folder that is none can become one."""
        path = str(self.ui.listPathEdit.currentPath)
        is_list = bool(path) and (Path(path) / "cases.csv").is_file()
        self.ui.listMakeButton.enabled = bool(path) and not is_list and Path(path).exists()
        if not is_list:
            self.items = []
            self._showItems()
            self._say(_noListText(path))
            return
        if self.ui.listSecondCheckBox.checked and not self.second:
            self._say(_("A second reader needs a pseudonym of their own: give it in the section Save."))
            return
        qt.QSettings().setValue(LIST_SETTING, path)
        self._ask("list", {}, self._onList)

    def make(self) -> None:
        """A list of the cases in a folder, or of a manifest."""
        source = Path(str(self.ui.listPathEdit.currentPath))
        self._say(_("Looking for cases..."))
        self._make(source, _listFor(str(source)))

    def makeFromScene(self) -> None:
        """A list of what is loaded, written into a folder that the user chooses; pressed again, it stops."""
        if self.writer.isBusy():
            self._stopWriting()
            return
        if self.parameterNode is None or self.loader.isBusy():
            return
        found = casesIn(slicer.mrmlScene, chosenVolumes(self.parameterNode))
        if not found.cases:
            self._say(_("No volume of the scene is known to be one of the sequences: choose some under Inputs first."))
            return
        folder = chooseFolder()
        if folder:
            self._found = found
            self.ui.listSceneButton.text = _("Stop writing")
            self.writer.start(found.cases, Path(folder))

    def _onWritten(self, folder: Path, kept: int) -> None:
        found = self._found
        self.ui.listSceneButton.text = _("Cases in the scene")
        results = sum(each.result is not None for each in found.cases)
        counts = (len(found.cases), found.volumes, found.unrecognised, found.spare)
        self._news = (str(folder), sceneListText(*counts, results, kept))
        self._make(folder / IMAGES, folder)

    def _stopWriting(self) -> None:
        if self.writer.isBusy():
            self.writer.close()
            self._say(_("Stopped: no list was made of the scene, and nothing was left in the folder."))
        self.ui.listSceneButton.text = _("Cases in the scene")

    def _make(self, source: Path, target: Path) -> None:
        def done(result: Mapping[str, Any]) -> None:
            self.ui.listPathEdit.currentPath = str(target)
            self.refresh()

        values = {"list": str(target), "source": str(source)}
        self.desk.worker.ask("make_list", values, done, self._fail)

    def openNext(self, before: str = "") -> None:
        """The next case that nobody has finished or has open.

        Args:
            before: what became of the case that is open; it stands in front of what is said now.
        """

        def done(result: Mapping[str, Any]) -> None:
            self._onList(result)
            self._before = before
            if result["next"] is None:
                text = f"{before} {_('Every case of the list has been looked at.')}".strip()
                self._say(_withWarnings(text, result))
            else:
                self._open(next(each for each in self.items if each["case"] == result["next"]))

        if self.items:
            self._ask("list", {"after": self.current["case"] if self.current else ""}, done)

    def openRow(self, row: int) -> None:
        """The case in a row of the table."""
        self._before = ""
        if 0 <= row < len(self._shown):
            self._open(self._shown[row])

    def compare(self) -> None:
        """The agreement of the two readings, over the cases that both have finished."""
        reader = self.second or self._otherReader()
        if not reader:
            self._say(_("There is no second reading yet."))
            return
        self._ask("agreement", {"second": reader}, lambda result: self._say(agreementText(result)))

    def onSaved(self) -> None:
        """A case was saved: the list shows it."""
        if self.items:
            self._release()
            self._ask("list", {}, self._onList)

    def _open(self, item: dict[str, Any]) -> None:
        """Claim it; then load it. What would be lost, or is somebody else's, needs a second press."""
        if self._isBusy() or self.loader.isBusy() or self.writer.isBusy():
            self._say(_("Wait until what goes on is done: a segmentation, a case that opens, a list that is written."))
            return
        leaving = (item["case"], self.desk.state())
        if self.desk.isUnsaved() and self._leaving != leaving:
            self._leaving = leaving
            self._say(_("The open case has changes that are not saved. Save it, or press again to leave them."))
            return
        if not self._annotator():
            self._say(_("Give a pseudonym in the section Save first: the others see who has a case open."))
            return

        claim = {**self._known(), "case": item["case"]}

        def done(result: Mapping[str, Any]) -> None:
            if result["mine"] or self._warned == f"{item['case']} {result['annotator']}":
                self._load(item, claim)
            else:
                self._warned = f"{item['case']} {result['annotator']}"
                self._say(_("{sentence} Press again to open it all the same.").format(sentence=result["sentence"]))

        self.desk.worker.ask("claim", claim, done, self._fail)

    def _load(self, item: dict[str, Any], claim: dict[str, Any]) -> None:
        self.desk.abandon()  # the reader was asked
        if self.current is not None and self.current["case"] != item["case"]:
            self._release()
        self._ask("list", {}, self._takeItems)  # whose it is now
        self._warned, self._leaving, self._claim = "", None, claim
        self._news, self.current = ("", ""), item
        self._say(_("Opening {case}...").format(case=item["case"]))
        if self.parameterNode is not None:
            self.parameterNode.segmentation = None
        self.loader.start(item, self._saved)

    def _onLoaded(self, volumes: dict[str, Any], segmentation: Any) -> None:
        self._volumes = volumes
        parameters = self.parameterNode
        if parameters is None or self.current is None:
            return
        parameters.decidedSequences = " ".join(SEQUENCES)  # nothing else of the scene belongs to this case
        for sequence in SEQUENCES:
            setattr(parameters, f"volume{sequence}", volumes.get(sequence))
        parameters.shownMap = ""
        parameters.segmentation = segmentation
        showInItsPlane(volumes, segmentation)
        case = self.current["case"]
        self._showItems()
        text = _("{case} is open.") if segmentation is not None else _("{case} is open. Press Segment to predict it.")
        before, self._before = self._before, ""
        self._say(" ".join(filter(None, [before, text.format(case=case), *self.loader.warnings])))
        if self.onOpened is not None:
            self.onOpened(segmentation)
        if before and self.onFollowed is not None:
            self.onFollowed(str(self.ui.listLabel.text))

    def _ask(self, task: str, values: Mapping[str, Any], onDone: Callable[[dict[str, Any]], None]) -> None:
        self.desk.worker.ask(task, {**self._known(), **values}, onDone, self._fail)

    def _known(self) -> dict[str, Any]:
        return {"list": str(self.ui.listPathEdit.currentPath), "second": self.second, "annotator": self._annotator()}

    def _fail(self, error: SegmentationError) -> None:
        self._say(str(error))

    def _release(self) -> None:
        """Nobody has the case open any more: by the list and the name under which it was claimed."""
        claim, self._claim = self._claim, None
        if claim is not None and self.desk.worker.isRunning():
            self.desk.worker.ask("release", claim, lambda result: None, self._fail)

    def _otherReader(self) -> str:
        folder = Path(str(self.ui.listPathEdit.currentPath)) / "second"
        return next((path.name for path in sorted(folder.glob("*")) if path.is_dir()), "")

    def _takeItems(self, result: Mapping[str, Any]) -> None:
        self.items, self._saved = list(result["items"]), str(result["saved"])
        progress = result["progress"]
        self.ui.listProgressBar.maximum = max(1, progress["all"])
        self.ui.listProgressBar.value = progress["done"]
        self.ui.listProgressBar.format = _("{done} of {all} cases done").format(**progress)
        self._showItems()

    def _onList(self, result: Mapping[str, Any]) -> None:
        self._takeItems(result)
        progress = result["progress"]
        counts = [f"{progress[state]} {itemStatusText(state)}" for state in STATES if progress[state]]
        text = _withWarnings(", ".join(counts) + "." if counts else _("The list is empty."), result)
        path, news = self._news
        self._say(f"{news} {text}" if path and path == str(self.ui.listPathEdit.currentPath) else text)
        if progress["all"] and progress["done"] == progress["all"] and self.second:
            self.compare()

    def _showItems(self) -> None:
        status = self.ui.listStatusComboBox.itemData(max(0, self.ui.listStatusComboBox.currentIndex)) or ""
        wanted = str(self.ui.listFilterEdit.text).lower()
        self._shown = [
            each
            for each in self.items
            if status in ("", each["status"]) and wanted in f"{each['case']} {each['centre']}".lower()
        ]
        table = self.ui.listTable
        table.setRowCount(len(self._shown))
        for row, each in enumerate(self._shown):
            time = durationText(each["seconds_spent"]) if each["seconds_spent"] else ""
            texts = (each["case"], itemStatusText(each["status"]), each["annotator"], time)
            for column, text in enumerate(texts):
                table.setItem(row, column, qt.QTableWidgetItem(text))
            if self.current is not None and each["case"] == self.current["case"]:
                table.selectRow(row)
        for button in (self.ui.listOpenButton, self.ui.listNextButton, self.ui.listAgreementButton):
            button.enabled = bool(self.items)

    def _onFolded(self) -> None:
        unfolded = self.parameterNode is not None and not self.ui.listCollapsibleButton.collapsed
        self.keys.enable(unfolded)
        if unfolded and not self.items:
            self.refresh()

    def _say(self, text: str) -> None:
        self.ui.listLabel.text = text


def _noListText(path: str) -> str:
    """What can be done where no list is chosen."""
    if not path:
        return _("Choose a list, or a folder of patients to make one of; or make one of the cases in the scene.")
    if not Path(path).exists():
        return _("There is nothing of this name any more. Choose another folder.")
    text = _("This is no list yet. Make a list puts one beside these cases, called {name}.")
    return text.format(name=_listFor(path).name)


def _withWarnings(text: str, result: Mapping[str, Any]) -> str:
    """A text, and the worker's sentences on saved cases that cannot be read."""
    return " ".join([text, *result["warnings"]])


def _listFor(source: str) -> Path:
    """The folder of a list of these cases: beside them, so that a result is never taken for a patient."""
    path = Path(source)
    return path.with_name(f"{path.stem}-review")
