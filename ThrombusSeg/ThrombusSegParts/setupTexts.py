"""Words on the buttons and in the header of the setup panel."""

from __future__ import annotations

from slicer.i18n import tr as _


def buttonText(action: str) -> str:
    """What the button of a row says."""
    texts = {
        "installExtension": _("Install..."),
        "installTorch": _("Install..."),
        "installRest": _("Install..."),
        "useSlicersPython": _("Use Slicer's"),
        "checkAgain": _("Test"),
        "addWeights": _("Use a file..."),
    }
    return texts.get(action, action)


def headerText(checking: bool, green: bool, toDo: int) -> str:
    """Readable while the section is folded."""
    if checking:
        return _("Setup: checking...")
    if toDo == 1:
        return _("Setup: 1 thing to do")
    if toDo:
        return _("Setup: {count} things to do").format(count=toDo)
    return _("Setup: everything is there") if green else _("Setup")


def defaultWeightsText(name: str) -> str:
    """The weights that a run takes if none are chosen."""
    return _("Default ({name})").format(name=name)
