"""How long the last run of each kind took, kept in the settings to tell the time that a next one needs."""

from __future__ import annotations

import json
from typing import Any

import qt
import slicer

from .timeLeft import Marks

SETTING = "ThrombusSeg/Pace"


def keptPace(kind: str) -> list[list[float]]:
    """The marks of the last run of this kind (device and number of sequences); empty if there was none."""
    marks = _kept().get(kind, [])
    isUsable = isinstance(marks, list) and all(isinstance(mark, list) and len(mark) == 2 for mark in marks)
    return marks if isUsable else []


def keepPace(kind: str, marks: Marks) -> None:
    """Replace those of an earlier run of this kind."""
    qt.QSettings().setValue(SETTING, json.dumps({**_kept(), kind: marks}))


def _kept() -> dict[str, Any]:
    try:
        kept = json.loads(str(slicer.util.settingsValue(SETTING, "") or "{}"))
    except ValueError:
        kept = {}
    return kept if isinstance(kept, dict) else {}
