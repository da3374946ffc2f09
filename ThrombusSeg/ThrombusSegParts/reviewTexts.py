"""Words of the annotator's sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slicer.i18n import tr as _


def statusText(decision: str) -> str:
    """A decision in the table."""
    texts = {
        "undecided": _("to review"),
        "accepted": _("✓ accepted"),
        "rejected": _("✗ rejected"),
        "unsure": _("? unsure"),
        "added": _("+ added"),
    }
    return texts.get(decision, decision)


def placeText(row: int, decisions: Sequence[str]) -> str:
    """Which candidate is looked at, and how far the review is."""
    if not decisions:
        return _("No candidates. Add what was missed, or save the case as it is.")
    done = sum(each != "undecided" for each in decisions)
    if not 0 <= row < len(decisions):
        text = _("{count} candidates, {done} decided.")
        return text.format(count=len(decisions), done=done)
    text = _("Candidate {number} of {count}: {status}. {done} decided.")
    return text.format(number=row + 1, count=len(decisions), status=statusText(decisions[row]), done=done)


def draftText(time: str) -> str:
    """What was left unsaved, by a crash or a scene that was closed."""
    return _("Corrections of this case from {time} were not saved.").format(time=time)


def changesText(changes: Mapping[str, Mapping[str, int]] | None) -> str:
    """Every voxel that was changed."""
    if changes is None:
        return _("The network's own mask is not known: changes are not counted.")
    if not any(count for each in changes.values() for count in each.values()):
        return _("No voxel was changed against the network's mask.")
    words = {"thrombus": _("Thrombus"), "infarct": _("infarct")}
    parts = [
        _("{label}: {added} voxels added, {removed} removed").format(label=words[name], **each)
        for name, each in changes.items()
        if any(each.values())
    ]
    return _("Against the network's mask: {changes}.").format(changes="; ".join(parts))


def burdenText(known: Mapping[str, Any], proposed: Mapping[str, Any] | None, isMeasured: bool) -> str:
    """The clot burden score: as ticked ("parts", "score"), else as the worker proposed it."""
    if "parts" in known:
        score = known.get("score", "...")
        return _("T2* clot burden score: {score} of 10, parts ticked by you.").format(score=score)
    if proposed is not None:
        text = _("T2* clot burden score: {score} of 10, an estimate. Proposed from the likely artery: tick what is so.")
        return text.format(score=proposed["score"])
    if not isMeasured:
        return _("T2* clot burden score: looking for the likely artery...")
    return _("T2* clot burden score: no part is proposed. Tick those that hold thrombus.")


def ratioText(found: Mapping[str, Any] | None) -> str:
    """The overestimation ratio with what it was made of."""
    if found is None:
        return _("Overestimation ratio: measure the artery, or type its width.")
    ways = {"ruler": _("by ruler"), "typed": _("typed"), "opposite artery on TOF": _("opposite artery on TOF")}
    text = _("Overestimation ratio of candidate {candidate}: {ratio:.2f}, an estimate (artery {width:.1f} mm, {how}).")
    how = ways.get(found["how"], found["how"])
    return text.format(candidate=found["candidate"], ratio=found["ratio"], width=found["artery_width_mm"], how=how)


def savedText(result: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """What came of saving these values: the worker's answer to `save`."""
    if result["conflict"]:
        return str(result["conflict"])
    changed = sum(count for label in result["voxels_changed"].values() for count in label.values())
    text = _("Saved as {case}, version {version}: {voxels} voxels changed, {time}.")
    time = durationText(values["seconds_spent"])
    text = text.format(case=result["case"], version=result["version"], voxels=changed, time=time)
    undecided = sum(each["decision"] == "undecided" for each in values["candidates"])
    left = [_("Candidates still to review: {count}.").format(count=undecided)] if undecided else []
    return " ".join([text, *left, *result["warnings"]])


def durationText(seconds: float) -> str:
    """Minutes and seconds spent."""
    return _("{minutes} min {seconds} s").format(minutes=int(seconds) // 60, seconds=int(seconds) % 60)


def itemStatusText(status: str) -> str:
    """The state of a case in a list."""
    texts = {
        "new": _("new"),
        "predicted": _("predicted"),
        "in review": _("in review"),
        "corrected": _("corrected"),
        "checked": _("checked"),
        "unreadable": _("unreadable"),
    }
    return texts.get(status, status)


def sceneListText(cases: int, volumes: int, unrecognised: int, spare: int, results: int, kept: int) -> str:
    """What became of the volumes of the scene.

    Args:
        unrecognised: volumes that fit no sequence.
        spare: volumes that fit one, and belong to no case.
        results: cases with a result in the scene; of `kept` the prediction is in the list.
    """
    several = _("{cases} cases from {volumes} volumes; which belong together is a guess.")
    sentences = [_("1 case from {volumes} volumes.") if cases == 1 else several]
    if unrecognised:
        more = _("{unrecognised} volumes fit no sequence and were left out.")
        sentences.append(_("1 volume fits no sequence and was left out.") if unrecognised == 1 else more)
    if spare:
        sentences.append(_("Left out, as it belongs to no study or another fits better: {spare} of them."))
    if results:
        sentences.append(_("Predictions kept: {kept} of {results}; corrections by hand stay in the scene."))
    numbers = {"cases": cases, "volumes": volumes, "unrecognised": unrecognised, "spare": spare}
    return " ".join(sentences).format(**numbers, results=results, kept=kept)


def agreementText(result: Mapping[str, Any]) -> str:
    """How far two readers agree: the worker's answer to `agreement`."""
    dice = result["dice"]
    one, several = _("Of the one case read by both"), _("Over {count} cases read by both")
    parts = [one if result["cases"] == 1 else several.format(count=result["cases"])]
    if dice.get("value") is not None:
        parts.append(
            _("Dice {value:.2f} (95 %: {low:.2f} to {high:.2f})").format(
                value=dice["value"], low=dice["low"], high=dice["high"]
            )
            if dice.get("low") is not None and result["cases"] > 1
            else _("Dice {value:.2f}").format(value=dice["value"])
        )
    if result["detection"] is not None:
        text = _("both marked {both} of {first} and {second} clots (agreement {detection:.2f})")
        lesions = {key: result[f"lesions_{key}"] for key in ("both", "first", "second")}
        parts.append(text.format(detection=result["detection"], **lesions))
    parts.append(_("same answer on whether there is one: {share:.0%}").format(share=result["presence"]))
    return "; ".join(parts) + "."
