"""Sentences of the panel."""

from __future__ import annotations

from slicer.i18n import tr as _

from .resultToScene import SegmentationResult


def stageText(stage: str) -> str:
    """What the worker's stage is called on the panel."""
    texts = {
        "starting": _("Starting"),
        "reading": _("Reading the volumes"),
        "registering": _("Aligning the sequences"),
        "normalising": _("Preparing the voxels"),
        "network": _("Looking for the thrombus"),
        "candidates": _("Measuring candidates"),
        "writing": _("Writing the result"),
        "loading": _("Loading the result"),
    }
    return texts.get(stage, stage)


def segmentTip(isChosen: bool) -> str:
    """Of the button Segment while nothing is wrong with the rows."""
    if isChosen:
        return _("Find the thrombus on the chosen sequences")
    return _("Choose a volume for at least one sequence")


def resultText(result: SegmentationResult) -> str:
    """One or two sentences: what was found, with which sequences."""
    used = ", ".join(result.summary["sequences"]["used"])
    if not result.thrombusFound:
        sentence = _("No thrombus found in {sequences}. This does not mean that no artery is occluded.")
        return _withWarnings(sentence.format(sequences=used), result)
    candidates = result.summary["candidates"]
    first = candidates[0]
    several = _("{count} candidates").format(count=len(candidates))
    sentence = _(
        "{count} in {sequences}. Most suspicious: {volume:.0f} mm³, side {side}, probability {probability:.2f}."
    )
    text = sentence.format(
        count=_("1 candidate") if len(candidates) == 1 else several,
        sequences=used,
        volume=float(first["volume_mm3"]),
        side=first.get("side") or _("unknown"),
        probability=float(first["probability_max"]),
    )
    return _withWarnings(text, result)


def relabelText(count: int, threshold: float, minimumVolume: float) -> str:
    """What a slider gave."""
    settings = _("threshold {threshold:.2f}, at least {volume:.0f} mm³").format(
        threshold=threshold, volume=minimumVolume
    )
    if count == 0:
        return _("No thrombus found at {settings}. This does not mean that no artery is occluded.").format(
            settings=settings
        )
    found = _("1 candidate") if count == 1 else _("{count} candidates").format(count=count)
    return _("{found} at {settings}. The weights' own settings return with the next run.").format(
        found=found, settings=settings
    )


def _withWarnings(text: str, result: SegmentationResult) -> str:
    """A warning belongs where the answer is read."""
    return "\n".join([text, *result.summary.get("warnings", ()), *_keptText(result)])


def _keptText(result: SegmentationResult) -> list[str]:
    if not result.keptEarlier:
        return []
    text = _("The earlier result is kept, as it was reviewed, changed or saved; this one is called {name}.")
    return [text.format(name=result.segmentation.GetName())]


def detailsText(result: SegmentationResult) -> str:
    """How the result was made."""
    summary = result.summary
    lines = []
    lines.append(_("Weights: {name}, SHA-256 {sha256}").format(**summary["weights"]))
    lines.append(
        _("Computed on {device} in {seconds:.1f} s").format(
            device=summary["device"], seconds=float(summary["seconds"]["total"])
        )
    )
    if summary.get("notice"):
        lines.append(summary["notice"])
    return "\n".join(lines)
