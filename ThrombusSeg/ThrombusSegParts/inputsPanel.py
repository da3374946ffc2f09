"""The section of the inputs: one row for each sequence, filled by itself from the scene, never against the user."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from .absenceCost import costText, evaluationOf
from .arrivals import Arrivals
from .inputGuess import Candidate, assign, candidateOf, candidatesIn, differenceOf, rivals, strangers
from .inputState import RowState, differingRows, doubts, faultOf, referenceOf, stateOf
from .panelPart import PanelPart
from .panelTexts import segmentTip
from .parameterNode import ThrombusSegParameterNode, chosenVolumes
from .sequences import SEQUENCES
from .workerPython import chosenWeights

#: After a volume has come: its name and its place in the subject hierarchy come a little later.
_FILL_MILLISECONDS = 300


class InputsPanel(PanelPart):
    """Builds itself from InputsPanel.ui.

    Args:
        parentLayout: of the collapsible section in the main form.
        mainUi: of the main form: its Segment button waits while something is wrong with a row, as is said beneath it.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        isBusy: whether a segmentation runs.
    """

    def __init__(
        self, parentLayout: Any, mainUi: Any, resourcePath: Callable[[str], str], isBusy: Callable[[], bool]
    ) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/InputsPanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        parentLayout.insertWidget(0, self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        self._mainUi, self._isBusy = mainUi, isBusy
        self._written: dict[str, str] = {}
        self._arrivals = Arrivals()
        self._choices: ThrombusSegParameterNode | None = None  # also while another module is open
        self._kept: tuple[dict[str, Any], str, dict[str, str]] | None = None  # while a scene is being added
        self._combined: frozenset[str] = frozenset()
        self._watched: list[tuple[Any, list[int]]] = []
        self._evaluation: tuple[str, dict[str, Any]] | None = None
        self._filling = False
        self._timer = qt.QTimer()
        self._timer.setInterval(_FILL_MILLISECONDS)
        self._timer.connect("timeout()", self.fill)
        self._connect()

    def _connect(self) -> None:
        for upper, lower in pairwise(SEQUENCES):
            button = getattr(self.ui, f"inputSwap{upper}")
            button.connect("clicked(bool)", lambda checked=False, pair=(upper, lower): self.swap(*pair))
        self.ui.inputGuessButton.connect("clicked(bool)", lambda checked=False: self.fillAgain())
        self.ui.inputCombineCheckBox.connect("clicked(bool)", self.onCombine)
        scene, self._observers = slicer.mrmlScene, []
        for event, callback in (
            (scene.NodeAddedEvent, self._onNodeAdded),
            (scene.NodeAboutToBeRemovedEvent, self._onNodeAboutToBeRemoved),
            (scene.StartImportEvent, self._onStartImport),
            (scene.EndImportEvent, self._onEndImport),
            (scene.EndCloseEvent, self._onEndClose),
        ):
            self._observers.append((scene, scene.AddObserver(event, callback)))

    def close(self) -> None:
        """The panel goes."""
        self._timer.stop()
        self._watch([])
        for scene, tag in self._observers:
            scene.RemoveObserver(tag)
        self._observers = []

    def enter(self) -> None:
        """The weights may be others, and volumes may have come."""
        self._evaluation = None
        self.fill()

    def forgetResult(self) -> None:
        """The scene was closed or replaced: what it brings is a choice, and is not overridden."""
        self._written = {}
        self._combined = frozenset()

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices."""
        super().setParameterNode(parameterNode)
        if parameterNode is not None:
            self._choices = parameterNode
            self._restoreRows()
            self.fill()
        else:
            self._watch([])

    def _onStartImport(self, caller: Any, event: str) -> None:
        """A scene that is added brings its own choices, and the one node that holds them is written over."""
        self._arrivals.separate()
        choices = self._choices
        if choices is not None and slicer.mrmlScene.IsNodePresent(choices.parameterNode):
            rows, decided = chosenVolumes(choices), choices.decidedSequences
            isUsed = decided or any(node is not None for node in rows.values())
            self._kept = (rows, decided, dict(self._written)) if isUsed else None

    def _onEndImport(self, caller: Any, event: str) -> None:
        self._arrivals.separate()

    def _onEndClose(self, caller: Any, event: str) -> None:
        self._kept = None

    def _restoreRows(self) -> None:
        """What stood in the rows before a scene was added to this one stays there; what it brought stays out."""
        if self._kept is None or slicer.mrmlScene.IsImporting():
            return
        (rows, decided, self._written), self._kept = self._kept, None
        for sequence, node in rows.items():
            isThere = node is not None and slicer.mrmlScene.IsNodePresent(node)
            setattr(self.parameterNode, f"volume{sequence}", node if isThere else None)
        self.parameterNode.decidedSequences = decided

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAdded(self, caller: Any, event: str, node: Any) -> None:
        if not node.IsA("vtkMRMLScalarVolumeNode"):
            return
        self._arrivals.note(node, bool(slicer.mrmlScene.IsImporting()))
        if self.parameterNode is not None:
            self._timer.start()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeAboutToBeRemoved(self, caller: Any, event: str, node: Any) -> None:
        """Its row becomes empty, where the selector would take another volume by itself."""
        if self.parameterNode is None or slicer.mrmlScene.IsClosing():
            return
        for sequence, chosen in chosenVolumes(self.parameterNode).items():
            if chosen is node:
                self._choose(sequence, None)

    def _watch(self, nodes: list[Any]) -> None:
        """From now on look again when one of these is moved, or otherwise changed."""
        if [node for node, _tags in self._watched] == nodes:
            return
        for node, tags in self._watched:
            for tag in tags:
                node.RemoveObserver(tag)
        events = (vtk.vtkCommand.ModifiedEvent, slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
        self._watched = [(node, [node.AddObserver(event, self._onVolumeChanged) for event in events]) for node in nodes]

    def _onVolumeChanged(self, caller: Any, event: str) -> None:
        if self.parameterNode is not None:
            self._timer.start()

    def _choose(self, sequence: str, node: Any) -> None:
        """A choice of the program; whatever else changes a row is the user's choice, or a script's."""
        self._written[sequence] = "" if node is None else node.GetID()
        setattr(self.parameterNode, f"volume{sequence}", node)

    def decided(self) -> set[str]:
        """The sequences whose rows the user, a script or a saved scene has chosen, "none" included."""
        return set(self.parameterNode.decidedSequences.split())

    def _decide(self, sequences: set[str]) -> None:
        self.parameterNode.decidedSequences = " ".join(each for each in SEQUENCES if each in sequences)

    def _noteChoices(self) -> None:
        decided = self.decided()
        for sequence, node in chosenVolumes(self.parameterNode).items():
            current = "" if node is None else node.GetID()
            if current != self._written.get(sequence, ""):
                decided.add(sequence)
            self._written[sequence] = current
        if decided != self.decided():
            self._decide(decided)

    def fill(self) -> None:
        """Fill the rows that nobody has decided on. Called when volumes have come."""
        if self.parameterNode is not None and (self._isBusy() or slicer.mrmlScene.IsBatchProcessing()):
            self._timer.start()  # it is looked at again a little later
            return
        self._timer.stop()
        if self.parameterNode is None:
            return
        self._noteChoices()
        chosen, decided = chosenVolumes(self.parameterNode), self.decided()
        candidates = self._candidates()
        filled = {sequence: node for sequence, node in chosen.items() if node is not None or sequence in decided}
        for sequence, candidate in assign(candidates, filled if decided else self._home(chosen, candidates)).items():
            if sequence not in decided and chosen[sequence] is not candidate.node:
                self._choose(sequence, candidate.node)
        self.update(False)

    def _candidates(self) -> list[Candidate]:
        return candidatesIn(slicer.mrmlScene, self._arrivals.groups(slicer.mrmlScene))

    @staticmethod
    def _home(chosen: dict[str, Any], candidates: list[Candidate]) -> dict[str, Any]:
        """A row that was filled anchors the others to its patient, unless all of that patient is guessed anew."""
        nodes = {node.GetID() for node in chosen.values() if node is not None}
        origins = {each.origin for each in candidates if each.node.GetID() in nodes}
        everywhere = {each.origin for each in candidates}
        return {} if not nodes or everywhere == origins else {s: n for s, n in chosen.items() if n is not None}

    def fillAgain(self) -> None:
        """Forget all choices and guess anew."""
        if self.parameterNode is None or self._isBusy():
            return
        for sequence in SEQUENCES:
            self._choose(sequence, None)
        self._decide(set())
        self.fill()

    def swap(self, upper: str, lower: str) -> None:
        """Exchange the volumes of two rows; both are then the user's choice."""
        if self.parameterNode is None or self._isBusy():
            return
        first, second = (getattr(self.parameterNode, f"volume{each}") for each in (upper, lower))
        setattr(self.parameterNode, f"volume{upper}", second)
        setattr(self.parameterNode, f"volume{lower}", first)
        self._decide(self.decided() | {upper, lower})

    def onCombine(self, checked: bool) -> None:
        """The deliberate choice to use volumes of several patients or studies together; for these volumes only."""
        chosen = chosenVolumes(self.parameterNode).values() if self.parameterNode is not None else ()
        self._combined = frozenset(node.GetID() for node in chosen if checked and node is not None)
        self.update(self._isBusy())

    def update(self, busy: bool) -> None:
        """A choice has changed, or a segmentation has begun or ended."""
        if self.parameterNode is None or self._filling:
            return
        self._filling = True
        self._noteChoices()
        volumes = {each: node for each, node in chosenVolumes(self.parameterNode).items() if node is not None}
        candidates = {each.node.GetID(): each for each in self._candidates()}
        mine = {each: candidates.get(node.GetID()) or candidateOf(node) for each, node in volumes.items()}
        self._watch(list(dict.fromkeys(volumes.values())))
        problems = [self._showRow(sequence, mine, list(candidates.values())) for sequence in SEQUENCES]
        self._showProblem(mine, next(filter(None, problems), ""), busy)
        self.ui.inputCostLabel.text = costText(self._evaluationInUse(), volumes)
        self._filling = False

    def _evaluationInUse(self) -> dict[str, Any]:
        weights = chosenWeights()
        if self._evaluation is None or self._evaluation[0] != weights:
            self._evaluation = (weights, evaluationOf(weights))
        return self._evaluation[1]

    def _showRow(self, sequence: str, mine: dict[str, Candidate], others: list[Candidate]) -> str:
        """What is to be done about it before anything can be segmented; empty if nothing."""
        candidate = mine.get(sequence)
        state, warnings, reason = RowState("absent", _("No volume is chosen.")), [], ""
        if candidate is None:
            warnings = self._leftOut(sequence, mine, others)
        else:
            state, warnings = self._stateAndWarnings(sequence, mine)
            reason = self._reason(sequence, candidate)
            warnings = [*differingRows(sequence, mine), *warnings, *self._others(sequence, candidate, others)]
        selector = getattr(self.ui, f"selector{sequence}")
        selector.setToolTip("\n".join(filter(None, (getattr(self.ui, f"label{sequence}").toolTip, reason))))
        self._mark(getattr(self.ui, f"inputState{sequence}"), state.key, state.text)
        self._mark(getattr(self.ui, f"inputWarning{sequence}"), "warning" if warnings else "", "\n".join(warnings))
        return state.problem

    def _others(self, sequence: str, candidate: Candidate, others: list[Candidate]) -> list[str]:
        """What else a row that nobody has decided on could hold; of other studies only while no row is decided."""
        if sequence in self.decided():
            return []
        found = [(_("Would fit too: {names}."), rivals(candidate, sequence, others))]
        if not self.decided():
            apart = list(strangers(candidate, sequence, others))
            text = _("Another study in the scene has {names} for this row.")
            found.append((text, [each for each in apart if each.origin.known]))
            text = _("{names} would fit too; nothing says whether it shows the same patient.")
            found.append((text, [each for each in apart if not each.origin.known]))
        named = [(text, ", ".join(each.node.GetName() for each in fitting)) for text, fitting in found]
        return [text.format(names=names) for text, names in named if names]

    def _leftOut(self, sequence: str, mine: dict[str, Candidate], others: list[Candidate]) -> list[str]:
        """What would fit a row that is empty although nobody has decided so: it might be of another patient."""
        if sequence in self.decided() or not mine:
            return []
        rows = {each.node.GetID(): each.origin for each in mine.values()}
        names: dict[bool, list[str]] = {True: [], False: []}
        for each in others:
            if each.sequence == sequence and each.node.GetID() not in rows:
                isOther = any(differenceOf(each.origin, origin) for origin in rows.values())
                names[isOther].append(each.node.GetName())
        texts = {
            True: _("Left empty: {names} belongs to another patient or study."),
            False: _("Left empty: {names} would fit, but nothing says that it shows the same patient."),
        }
        return [texts[isOther].format(names=", ".join(found)) for isOther, found in names.items() if found]

    def _stateAndWarnings(self, sequence: str, mine: dict[str, Candidate]) -> tuple[RowState, list[str]]:
        volumes = {each: candidate.node for each, candidate in mine.items()}
        candidate, name = mine[sequence], referenceOf(volumes)
        fault = faultOf(sequence, volumes)
        if fault is not None:
            return fault, []
        wrong = faultOf(name, volumes)
        if wrong is not None and wrong.key != "twice":
            text = _("Not compared: the volume of {reference} cannot be used.")
            return RowState("absent", text.format(reference=name)), doubts(sequence, candidate)
        origins = (candidate.origin, mine[name].origin)
        return stateOf(sequence, candidate.node, name, mine[name].node, origins), doubts(sequence, candidate)

    def _reason(self, sequence: str, candidate: Candidate) -> str:
        if sequence in self.decided():
            return _("Chosen by you or by a saved scene.")
        return _("Chosen by itself: {reason}.").format(reason=candidate.reason)

    def _mark(self, label: Any, key: str, text: str) -> None:
        label.setPixmap(markIcon(key))
        label.setToolTip(text)

    def _showProblem(self, mine: dict[str, Candidate], problem: str, busy: bool) -> None:
        """Volumes of several patients are combined only after a deliberate choice, made for exactly these.

        What is wrong with a row is said beneath the button, which waits until that is mended.
        """
        origins = [each.origin for each in mine.values()]
        differences = {differenceOf(one, other) for one in origins for other in origins} - {""}
        nodes = frozenset(each.node.GetID() for each in mine.values())
        allowed = bool(differences) and nodes == self._combined
        text = ""
        if differences:
            what = _("different patients") if "patient" in differences else _("different studies")
            text = _("The chosen volumes belong to {what}. Choose others, or none.").format(what=what)
        self.ui.inputProblemLabel.text = text
        self.ui.inputProblemLabel.setVisible(bool(differences))
        self.ui.inputCombineCheckBox.setVisible(bool(differences))
        self.ui.inputCombineCheckBox.checked = allowed
        self._mainUi.problemLabel.text = problem
        self._mainUi.problemLabel.setVisible(bool(problem))
        wrong = problem or ("" if allowed else text)
        if not busy:
            self._mainUi.segmentButton.enabled = bool(mine) and not wrong
            self._mainUi.segmentButton.toolTip = wrong or segmentTip(bool(mine))


def markIcon(key: str) -> Any:
    """A mark of the application's own style, 16 pixels wide; an empty one where there is nothing to tell."""
    marks = {
        "reference": qt.QStyle.SP_DialogApplyButton,
        "same": qt.QStyle.SP_DialogApplyButton,
        "resampled": qt.QStyle.SP_BrowserReload,
        "registered": qt.QStyle.SP_BrowserReload,
        "apart": qt.QStyle.SP_MessageBoxCritical,
        "stranger": qt.QStyle.SP_MessageBoxCritical,
        "twice": qt.QStyle.SP_MessageBoxCritical,
        "bent": qt.QStyle.SP_MessageBoxCritical,
        "unusable": qt.QStyle.SP_MessageBoxCritical,
        "warning": qt.QStyle.SP_MessageBoxWarning,
    }
    return slicer.app.style().standardIcon(marks[key]).pixmap(16, 16) if key in marks else qt.QPixmap()
