"""What can go wrong in a run. The text of each exception is a sentence for the user; no dialog is ever opened here."""

from __future__ import annotations

from slicer.i18n import tr as _


class SegmentationError(RuntimeError):
    """A run did not give a result.

    Args:
        sentence: what happened, for the user.
        advice: what the user can do about it.
        kind: "input" (the data are at fault), "machine" (memory, device, disk, set-up), "defect" (ours), "protocol".
        details: the last lines of the worker's log.
    """

    def __init__(self, sentence: str, advice: str = "", kind: str = "defect", details: str = "") -> None:
        super().__init__(sentence if not advice else f"{sentence} {advice}")
        self.sentence = sentence
        self.advice = advice
        self.kind = kind
        self.details = details


class InputVolumeError(SegmentationError):
    """A chosen volume cannot be used."""

    def __init__(self, sentence: str, advice: str = "") -> None:
        super().__init__(sentence, advice, kind="input")


class SegmentationCancelled(SegmentationError):
    """The user, or a change of the scene, stopped the run. The scene is as it was."""

    def __init__(self, sentence: str = "") -> None:
        super().__init__(sentence or _("The segmentation was canceled."), kind="cancelled")
