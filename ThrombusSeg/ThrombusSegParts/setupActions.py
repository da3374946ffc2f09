"""What the buttons of the setup panel do. Each asks before it changes or downloads anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from . import dependencies
from .setupChecks import Facts, reportText, weightsInUse
from .setupProcess import WEIGHTS
from .workerPython import SETTING, WEIGHTS_SETTING


@dataclass(frozen=True)
class Step:
    """What the panel does next."""

    message: str = ""
    check: bool = False
    """Look at everything again."""
    command: tuple[str, ...] = ()
    """To be run in the worker's Python first."""
    weights: str = ""
    """To be chosen when the command has succeeded."""


def confirm(text: str) -> bool:
    """A question; False in automated tests, so that nothing is ever installed there."""
    return not slicer.app.testingEnabled() and bool(slicer.util.confirmYesNoDisplay(text, windowTitle="ThrombusSeg"))


def chooseFile() -> str:
    """The path of a weights file; empty if the user closes the dialog."""
    import qt

    title, kind = _("Choose weights for ThrombusSeg"), _("Weights (*.safetensors)")
    return str(qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), title, "", kind) or "")


def openFolder(folder: str) -> bool:
    """Show a folder in the system's file manager; False where there is none."""
    import qt

    return bool(qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(folder)))


def copyText(text: str) -> None:
    """Put a text on the clipboard."""
    import qt

    qt.QApplication.clipboard().setText(text)


def saveSetting(key: str, value: str) -> None:
    """Keep a choice in the application's settings."""
    import qt

    qt.QSettings().setValue(key, value)


def restart() -> None:
    """Start Slicer again."""
    slicer.util.restart()


@dataclass(frozen=True)
class Doors:
    """All that leads out of this file; a test puts its own in."""

    confirm: Callable[[str], bool] = confirm
    chooseFile: Callable[[], str] = chooseFile
    openFolder: Callable[[str], bool] = openFolder
    copyText: Callable[[str], None] = copyText
    saveSetting: Callable[[str, str], None] = saveSetting
    restart: Callable[[], None] = restart
    installExtension: Callable[[], None] = dependencies.installExtension
    installTorch: Callable[[], None] = dependencies.installTorch
    installRest: Callable[[Path], None] = dependencies.installRest


@dataclass(frozen=True)
class SetupActions:
    """One method for each `State.action` and each other button. They raise SegmentationError with a sentence.

    Args:
        requirements: the requirements file of the module.
    """

    requirements: Path
    doors: Doors = field(default_factory=Doors)

    def installExtension(self, facts: Facts) -> Step:
        """The PyTorch extension, from Slicer's server."""
        question = _("The PyTorch extension (less than 1 MB) will be downloaded from Slicer's server. Install it now?")
        if not self.doors.confirm(question):
            return _declined()
        self.doors.installExtension()
        question = _("The extension is installed. Slicer must be started again to use it. Start it again now?")
        if self.doors.confirm(question):
            self.doors.restart()
        return Step(_("Installed. Please start Slicer again, then come back here."))

    def installTorch(self, facts: Facts) -> Step:
        """torch, through the PyTorch extension."""
        if not self.doors.confirm(dependencies.torchQuestion()):
            return _declined()
        self.doors.installTorch()
        return Step(_("torch is installed."), check=True)

    def installRest(self, facts: Facts) -> Step:
        """The small packages; Slicer's own function asks."""
        self.doors.installRest(self.requirements)
        return Step("", check=True)

    def useSlicersPython(self, facts: Facts) -> Step:
        """No other Python any more."""
        self.doors.saveSetting(SETTING, "")
        return Step(_("Slicer's own Python will do the computation."), check=True)

    def checkAgain(self, facts: Facts) -> Step:
        """Everything, the device too."""
        return Step("", check=True)

    def addWeights(self, facts: Facts) -> Step:
        """A file that the user already has: copied into the user's registry, and chosen."""
        path = self.doors.chooseFile()
        if not path:
            return Step()
        message = _("Adding {name}...").format(name=Path(path).name)
        return Step(message, True, (*WEIGHTS, "add", path), Path(path).stem)

    def removeWeights(self, facts: Facts) -> Step:
        """Weights that the user added; those of ThrombusSeg stay."""
        entry = weightsInUse(facts)
        if entry is None:
            return Step()
        if entry["bundled"]:
            return Step(_("The weights {name} come with ThrombusSeg and stay.").format(name=entry["name"]))
        question = _("Remove the weights {name} ({size:.1f} MB) from this computer?")
        if not self.doors.confirm(question.format(name=entry["name"], size=entry["bytes"] / 1e6)):
            return _declined()
        message = _("Removing {name}...").format(name=entry["name"])
        return Step(message, True, (*WEIGHTS, "remove", str(entry["name"])), "default")

    def showFolder(self, facts: Facts) -> Step:
        """The folder in which the weights in use lie."""
        entry = weightsInUse(facts)
        folder = str(Path(entry["file"]).parent) if entry is not None else facts.event("weights").get("folder", "")
        if not folder or not self.doors.openFolder(folder):
            return Step(_("The folder could not be shown."))
        return Step()

    def chooseWeights(self, name: str) -> Step:
        """Other weights for the next run."""
        self.doors.saveSetting(WEIGHTS_SETTING, "" if name == "default" else name)
        return Step()

    def copyReport(self, facts: Facts) -> Step:
        """Versions and states onto the clipboard."""
        application = f"{slicer.app.applicationName} {slicer.app.applicationVersion}"
        self.doors.copyText(reportText(facts, application))
        return Step(_("The report is on the clipboard."))


def _declined() -> Step:
    return Step(_("Nothing was installed or removed."))
