"""The section "Setup" of the panel: what is there, what is missing, and a button for each.

Nothing is downloaded or installed without a click and a yes. What the worker's Python has is asked of that Python
itself, in a process of its own that a timer watches; Slicer's own process never imports torch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .dependencies import extensionInstalled
from .errors import SegmentationError
from .panelPart import PanelPart
from .parameterNode import ThrombusSegParameterNode
from .setupActions import SetupActions, Step, saveSetting
from .setupChecks import ROWS, Facts, State, allGreen, allStates, deviceKey, toDo, weightsInUse
from .setupMessage import BUTTONS, CHOICES, SetupMessage
from .setupProcess import CHECK, CHECK_DEVICE, Outcome, SetupProcess
from .setupTexts import buttonText, cardText, defaultWeightsText, headerText
from .workerPython import SETTING, chosenPython, chosenWeights

#: Keeps how the device test ended, so that torch is not loaded for it each time Slicer is started.
DEVICE_SETTING = "ThrombusSeg/DeviceTest"
_POLL_MILLISECONDS = 100
#: Of `setupActions`, by the buttons that belong to no row.
_ACTIONS = {
    "setupCheckButton": "checkAgain",
    "setupReportButton": "copyReport",
    "setupFolderButton": "showFolder",
    "setupRemoveButton": "removeWeights",
}


class SetupPanel(PanelPart):
    """Builds itself from SetupPanel.ui. It comes last while all is well, and first while there is something to do.

    Args:
        parentLayout: a QVBoxLayout of the panel, with a spacer at its end.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        onChanged: called when the worker would now start differently: another Python, new packages, other weights.
        actions: what the buttons do.
    """

    def __init__(
        self,
        parentLayout: Any,
        resourcePath: Callable[[str], str],
        onChanged: Callable[[], None] | None = None,
        actions: SetupActions | None = None,
    ) -> None:
        self.onChanged = onChanged
        self.actions = actions or SetupActions(Path(resourcePath("requirements.txt")))
        self.widget = slicer.util.loadUI(resourcePath("UI/SetupPanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        self.message = SetupMessage(self.ui)
        self._parentLayout = parentLayout
        self._place(first=False)
        self._events: list[dict[str, Any]] = []
        self._fault = ""
        self._candidate: str | None = None
        self._process: SetupProcess | None = None
        self._onEnd: Callable[[Outcome], None] | None = None
        self._checked = self._busy = self._filling = False
        self._verdict: bool | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(_POLL_MILLISECONDS)
        self._timer.connect("timeout()", self.poll)
        self._connect()
        self._show()

    def _connect(self) -> None:
        for name in ROWS:
            button = getattr(self.ui, f"setupButton_{name}")
            button.connect(
                "clicked(bool)", lambda checked=False, name=name: self._press(self._state(name).action, name)
            )
        for name, action in _ACTIONS.items():
            button = getattr(self.ui, name)
            button.connect("clicked(bool)", lambda checked=False, action=action: self._press(action, BUTTONS))
        self.ui.setupPythonEdit.connect("currentPathChanged(QString)", self.onPythonChosen)
        self.ui.setupWeightsComboBox.connect("currentIndexChanged(int)", self.onWeightsChosen)

    def _place(self, first: bool) -> None:
        self._parentLayout.removeWidget(self.widget)
        self._parentLayout.insertWidget(0 if first else self._parentLayout.count() - 1, self.widget)

    def enter(self) -> None:
        """The user opened the module."""
        self.refresh()

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """Nothing here belongs to a scene: what is installed is a matter of the computer."""

    def update(self, busy: bool) -> None:
        """While a segmentation runs nothing may be installed or changed."""
        if busy is not self._busy:
            self._busy = busy
            self._show()

    def refresh(self) -> None:
        """Look at everything, once in a session; later only show it."""
        if self._process is None:
            self.message.start(BUTTONS)
            if not self._checked:
                self._check(CHECK)
        self._show()

    def unfold(self) -> None:
        """Something is to be done here."""
        self.ui.setupCollapsibleButton.collapsed = False

    def onInstalled(self, done: bool) -> None:
        """Something had to be installed elsewhere: look again, or show where it can be done."""
        if done and not self.isChecking():
            self.message.start(BUTTONS)
            self._check(CHECK)
        if not done:
            self.unfold()

    def isChecking(self) -> bool:
        """Whether a process is being waited for."""
        return self._process is not None

    def facts(self) -> Facts:
        """All that is known now."""
        chosen = self._candidate if self._candidate is not None else chosenPython()
        return Facts(chosen, extensionInstalled(), tuple(self._events), self.isChecking(), self._fault, chosenWeights())

    def close(self) -> None:
        """End what runs; for the end of the module or of the application."""
        self._timer.stop()
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def poll(self) -> None:
        """Take note of what the process said since the last call."""
        if self._process is None:
            self._timer.stop()
            return
        outcome = self._process.poll()
        if outcome is None:
            return
        self._timer.stop()
        onEnd, self._process, self._onEnd = self._onEnd, None, None
        onEnd(outcome)
        self._show()
        self.message.show()

    def onPythonChosen(self, path: str) -> None:
        """Another Python: it is checked, and kept only if it can do the computation."""
        path = path.strip()
        if self._filling or path == chosenPython():
            return
        self.message.start(CHOICES)
        if not path:
            self._press("useSlicersPython", CHOICES)
        elif Path(path).is_file():
            self.close()
            self._candidate = path
            self._check(CHECK_DEVICE)
        else:
            text = _("There is no file {name}: choose the program of a Python, such as python3 in its folder bin.")
            self.message.tell(text.format(name=Path(path).name or path))

    def onWeightsChosen(self, index: int) -> None:
        """Called when other weights are chosen in the list, also by the program."""
        if not self._filling and index >= 0:
            self.message.start(CHOICES)
            self._take(self.actions.chooseWeights(self.ui.setupWeightsComboBox.itemData(index)))
            self._changed()

    def _press(self, action: str, place: str) -> None:
        if not action or self.isChecking() or self._busy:
            return
        self.message.start(place)
        try:
            self._take(getattr(self.actions, action)(self.facts()))
        except SegmentationError as error:
            logging.warning("Setup: %s %s", error, error.details)
            self.message.tell(str(error))

    def _take(self, step: Step) -> None:
        self.message.tell(step.message)
        if step.command:
            self._start(step.command, lambda outcome: self._onCommandEnded(outcome, step.weights))
        elif step.check:
            self._fill()
            self._check(CHECK_DEVICE)
        self._show()

    def _check(self, arguments: Sequence[str]) -> None:
        self._fault = ""
        self._events = []
        self._start(arguments, self._onChecked)

    def _start(self, arguments: Sequence[str], onEnd: Callable[[Outcome], None]) -> None:
        try:
            self._process = SetupProcess(arguments, self.facts().chosen)
        except (SegmentationError, OSError, ImportError) as error:
            isOurs = not isinstance(error, OSError)
            self._fault = str(error) if isOurs else _("It cannot be started: {reason}.").format(reason=error.strerror)
            self._checked = True
            if self._candidate is not None:
                self._decideOnCandidate()
            self._show()
            return
        self._onEnd = onEnd
        self._timer.start()
        self._show()

    def _onChecked(self, outcome: Outcome) -> None:
        self._checked = True
        self._events = list(outcome.events)
        if outcome.timedOut:
            self._fault = _("It did not answer in time.")
        elif not self.facts().event("python"):
            self._fault = outcome.lastLine() or _("It is no Python that can be used.")
        tested = bool(self.facts().event("torch"))
        if tested:
            self._keepDeviceTest()
        if self._candidate is not None:
            self._decideOnCandidate()
        elif not tested and not self._fault and self.facts().event("packages").get("torch") is not None:
            self._recallDeviceTest()
        if tested:
            self._changed()

    def _decideOnCandidate(self) -> None:
        wrong = [state for state in allStates(self.facts()) if state.ok is False]
        name, self._candidate, candidate = Path(self._candidate or "").name, None, self._candidate
        if wrong:
            title = str(getattr(self.ui, f"setupTitle_{wrong[0].name}").text).rstrip(":")
            text = _("{name} is not used. {what}: {reason}")
            self.message.tell(text.format(name=name, what=title, reason=wrong[0].detail))
            self._checked = False
            self._fill()
            self._check(CHECK)
        else:
            saveSetting(SETTING, candidate or "")
            self.message.tell(_("{path} will do the computation.").format(path=candidate))

    def _keepDeviceTest(self) -> None:
        events = [event for event in self._events if event.get("event") in ("torch", "device")]
        if not any(event.get("fault") for event in events):
            saveSetting(DEVICE_SETTING, json.dumps({"key": deviceKey(self.facts()), "events": events}))

    def _recallDeviceTest(self) -> None:
        """As it ended before, if nothing has changed since; else it is done now."""
        try:
            kept = json.loads(str(slicer.util.settingsValue(DEVICE_SETTING, "") or "{}"))
        except ValueError:
            kept = {}
        if kept.get("key") == deviceKey(self.facts()):
            self._events += kept["events"]
        else:
            self._start(CHECK_DEVICE, self._onChecked)

    def _onCommandEnded(self, outcome: Outcome, weights: str) -> None:
        if outcome.status == 0:
            self.actions.chooseWeights(weights)
            self.message.tell(_("Done."))
            self._check(CHECK)
            self._changed()
        else:
            self.message.tell(outcome.lastLine() or _("That did not succeed."))

    def _changed(self) -> None:
        if self.onChanged is not None:
            self.onChanged()

    def _state(self, name: str) -> State:
        return next(state for state in allStates(self.facts()) if state.name == name)

    def _show(self) -> None:
        """Everything that follows from the facts."""
        facts = self.facts()
        states = allStates(facts)
        free = not (facts.checking or self._busy)
        for state in states:
            self._showRow(state, free)
        self._fill()
        for widget in (self.ui.setupCheckButton, self.ui.setupPythonEdit, self.ui.setupWeightsComboBox):
            widget.enabled = free
        entry = weightsInUse(facts)
        self.ui.setupRemoveButton.enabled = free and entry is not None and not entry["bundled"]
        self.ui.setupFolderButton.enabled = bool(facts.event("weights"))
        self.ui.setupCardLabel.text = cardText(entry)
        self.ui.setupCollapsibleButton.text = headerText(facts.checking, allGreen(states), toDo(states))
        self._fold(facts, states)

    def _showRow(self, state: State, free: bool) -> None:
        getattr(self.ui, f"setupDetail_{state.name}").setText(state.detail)
        getattr(self.ui, f"setupIcon_{state.name}").setPixmap(stateIcon(state.ok).pixmap(16, 16))
        button = getattr(self.ui, f"setupButton_{state.name}")
        button.setVisible(bool(state.action))
        button.setEnabled(free)
        button.setText(buttonText(state.action))

    def _fold(self, facts: Facts, states: Sequence[State]) -> None:
        """Once, when it becomes green or ceases to be: otherwise it is the user who folds."""
        green = toDo(states) == 0
        if not facts.checking and self._checked and green is not self._verdict:
            self.ui.setupCollapsibleButton.collapsed = green
            self._verdict = green
            self._place(first=not green)

    def _fill(self) -> None:
        """The fields that can be edited, without taking that for a choice of the user."""
        self._filling = True
        facts, combo = self.facts(), self.ui.setupWeightsComboBox
        if self._candidate is None and self.ui.setupPythonEdit.currentPath != facts.chosen:
            self.ui.setupPythonEdit.currentPath = facts.chosen
        event = facts.event("weights")
        names = ["default", *(entry["name"] for entry in event.get("entries", ()) if entry["name"] != event["default"])]
        if event and [combo.itemData(index) for index in range(combo.count)] != names:
            combo.clear()
            for name in names:
                combo.addItem(defaultWeightsText(event["default"]) if name == "default" else name, name)
        wanted = names.index(facts.weights) if facts.weights in names else 0
        if combo.count and combo.currentIndex != wanted:
            combo.currentIndex = wanted
        self._filling = False


def stateIcon(ok: bool | None) -> Any:
    """A mark of the application's own style, for light and dark themes."""
    pixmaps = {True: qt.QStyle.SP_DialogApplyButton, False: qt.QStyle.SP_MessageBoxWarning}
    return slicer.app.style().standardIcon(pixmaps.get(ok, qt.QStyle.SP_MessageBoxInformation))
