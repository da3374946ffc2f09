"""The sentence of the setup section: beside what was pressed, in view, and gone when something else is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakeWidgets import FakeWidget

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

REFUSED = "The server does not answer."


class FakeScrollArea(FakeWidget):
    """Remembers what was scrolled into view."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.ensureWidgetVisible = self.seen.append

    def inherits(self, name: str) -> bool:
        return name == "QScrollArea"


@pytest.fixture
def setup(panel, monkeypatch):
    """The section where torch and the weights are missing, and nothing can be installed; timers ring at once."""
    from ThrombusSegParts.errors import SegmentationError
    from ThrombusSegParts.setupActions import Doors, SetupActions
    from ThrombusSegParts.setupChecks import State

    def refuse() -> None:
        raise SegmentationError(REFUSED, kind="machine")

    setup = panel.setupPanel
    doors = Doors(confirm=lambda text: True, installTorch=refuse, chooseFile=lambda: "", copyText=lambda text: None)
    setup.actions = SetupActions(setup.actions.requirements, doors)
    found = [State("torch", False, "Missing.", "installTorch"), State("weights", False, "Missing.", "addWeights")]
    monkeypatch.setattr("ThrombusSegParts.setupPanel.allStates", lambda facts: found)
    monkeypatch.setattr("ThrombusSegParts.setupActions.reportText", lambda facts, application: "")
    monkeypatch.setattr(slicer, "app", type("App", (), dict.fromkeys(("applicationName", "applicationVersion"), "")),
                        raising=False)  # fmt: skip
    monkeypatch.setattr("qt.QTimer.singleShot", lambda milliseconds, callback: callback())
    setup._checked = True
    return setup


def press(setup, name: str) -> None:
    getattr(setup.ui, name).connected["clicked(bool)"]()


def said(setup) -> dict[str, str]:
    """By place; all that are seen."""
    labels = {name: label for name, label in vars(setup.ui).items() if name.startswith("setupMessage_")}
    return {name.removeprefix("setupMessage_"): label.text for name, label in labels.items() if label.visible}


def test_a_refusal_stands_under_the_row_whose_button_was_pressed(setup) -> None:
    press(setup, "setupButton_torch")
    assert said(setup) == {"torch": REFUSED} and setup.message.text == REFUSED


def test_it_is_scrolled_into_view(setup) -> None:
    area, between = FakeScrollArea(), FakeWidget()
    setup.ui.setupMessage_torch.within, between.within = between, area
    press(setup, "setupButton_torch")
    assert area.seen == [setup.ui.setupMessage_torch]


def test_it_goes_at_the_next_action(setup) -> None:
    press(setup, "setupButton_torch")
    press(setup, "setupButton_weights")  # the dialog is closed without a choice
    assert said(setup) == {}
    press(setup, "setupButton_torch")
    press(setup, "setupReportButton")
    assert said(setup) == {"buttons": "The report is on the clipboard."}


@pytest.mark.parametrize("again", ["check", "enter", "installed"])
def test_it_goes_at_the_next_check(again, setup, monkeypatch) -> None:
    monkeypatch.setattr(setup, "_start", lambda *arguments: None)
    press(setup, "setupButton_torch")
    {
        "check": lambda: press(setup, "setupCheckButton"),
        "enter": setup.enter,
        "installed": lambda: setup.onInstalled(True),
    }[again]()
    assert said(setup) == {} and setup.message.text == ""


def test_a_file_that_is_not_there_is_said_under_the_field(setup, tmp_path: Path) -> None:
    press(setup, "setupButton_torch")
    setup.onPythonChosen(str(tmp_path / "python3"))
    assert list(said(setup)) == ["choices"] and "no file python3" in setup.message.text
