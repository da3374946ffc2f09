"""Words on the buttons and in the header of the setup panel."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from slicer.i18n import tr as _

from .setupChecks import deviceName

#: A color that can be read on light and on dark themes.
_LINK = "color: #4a90d9"
REPOSITORY = "https://github.com/ThrombusSeg/SlicerThrombusSeg/blob/main/"


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


def deviceText(warm: Mapping[str, Any]) -> str:
    """Where the worker will compute, and a notice where that is not what was asked for.

    Args:
        warm: the worker's event of that name.
    """
    name = deviceName(warm)
    if not warm.get("warning"):
        return name
    return _("{name}: the chosen device is not there.").format(name=name)


def cardText(entry: Mapping[str, Any] | None) -> str:
    """What is said of the weights, as rich text; the card in the repository becomes a link.

    Args:
        entry: of the registry; None where there are no weights.
    """
    if entry is None:
        return ""
    text = html.escape(str(entry["card"]))
    if not entry["bundled"]:
        return text
    return re.sub(
        r"Resources/ModelCards/[\w.-]+\.md",
        lambda found: f'<a href="{REPOSITORY}{found[0]}" style="{_LINK}">{found[0]}</a>',
        text,
    )
