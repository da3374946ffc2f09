"""Who has which case open: a note for the others, not a lock. What keeps them apart when saving is in `store`."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..files import errors_of_the_disk
from .record import check_pseudonym, now

#: A claim nobody has renewed for this long is void: the annotator has gone home, or the computer was switched off.
VOID_AFTER_SECONDS = 8 * 3600.0


@dataclass(frozen=True)
class Claim:
    """An open case."""

    case: str
    annotator: str
    since: str
    """UTC, ISO 8601."""

    @property
    def sentence(self) -> str:
        """For another annotator."""
        return f"{self.annotator} has {self.case} open since {self.since.replace('T', ' ').replace('+00:00', ' UTC')}."


def claim(folder: Path, case: str, annotator: str) -> Claim:
    """Claim a case, or learn who has it. Renews a claim of one's own.

    Args:
        folder: of the claims.

    Returns:
        The claim that holds: compare its annotator with your own.
    """
    check_pseudonym(annotator, "annotator")
    with errors_of_the_disk(folder.name):
        folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, case)
    mine = Claim(case, annotator, now())
    held = claim_of(folder, case)
    if held is not None and held.annotator == annotator:
        with suppress(OSError):
            os.utime(path)
        return held
    if held is not None:
        return held
    with suppress(OSError):
        path.unlink()  # void or damaged
    with errors_of_the_disk(path.name):
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return claim_of(folder, case) or mine
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"annotator": annotator, "since": mine.since}, file)
    return mine


def claim_of(folder: Path, case: str) -> Claim | None:
    """The claim on a case; None where there is none, or a void one."""
    path = _path(folder, case)
    try:
        if time.time() - path.stat().st_mtime > VOID_AFTER_SECONDS:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return Claim(case, str(content["annotator"]), str(content["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def release(folder: Path, case: str, annotator: str) -> None:
    """Give a case back; somebody else's claim stays."""
    held = claim_of(folder, case)
    if held is not None and held.annotator == annotator:
        _path(folder, case).unlink(missing_ok=True)


def _path(folder: Path, case: str) -> Path:
    return folder / f"{case}.json"
