"""Errors a user can act on: one sentence that says what is wrong, one that says what to do.

Everything that can be the fault of an input or of the machine is raised as one of these, so that the command line, the
worker and the Slicer panel show the same words. Anything else that escapes is a defect of ours (exit status 1).
"""

from __future__ import annotations


class ThrombusSegError(Exception):
    """Base of all errors with a sentence for the user.

    Args:
        sentence: which file or value, and what is wrong with it. Never a patient's name or a folder: file names only.
        advice: what to do about it.
    """

    kind = "error"
    exit_status = 1

    def __init__(self, sentence: str, advice: str = "") -> None:
        super().__init__(f"{sentence} {advice}".strip())
        self.sentence = sentence
        self.advice = advice


class InputError(ThrombusSegError):
    """An image, a manifest, a setting or a weights file is at fault (exit status 2)."""

    kind = "input"
    exit_status = 2


class MachineError(ThrombusSegError):
    """Memory, device or disk is at fault (exit status 3)."""

    kind = "machine"
    exit_status = 3


class Cancelled(Exception):  # noqa: N818 - not an error: the caller's wish
    """The caller asked to stop; nothing was written."""
