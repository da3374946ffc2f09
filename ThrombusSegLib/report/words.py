"""The sentences of a report."""

from __future__ import annotations

from ..inference.result import SegmentResult
from ..lesions import Candidate
from ..sequences import Sequence


def answer(result: SegmentResult) -> str:
    """The result in one or two sentences."""
    found = result.candidates.found
    if not found:
        return "No thrombus found."
    first = found[0]
    where = f"{_side(first)}, {_slices(first)} of {result.prepared.reference.value}"
    size = f"{first.length_feret_mm:.1f} mm long, {first.volume_mm3:.0f} mm³"
    if len(found) == 1:
        return f"One candidate for a thrombus: {where}; {size}, probability {first.probability_max:.2f}."
    return (
        f"{len(found)} candidates for a thrombus. The most suspicious: {where}; {size}, "
        f"probability {first.probability_max:.2f}."
    )


def sequences_line(result: SegmentResult) -> str:
    """Which sequences were used and which were absent."""
    used = [each.value for each in Sequence if each in result.prepared.images]
    absent = [each.value for each in Sequence if each not in result.prepared.images]
    reference = f", reference {result.prepared.reference.value}" if len(used) > 1 else ""
    return f"Used: {', '.join(used)}{reference}. " + (f"Absent: {', '.join(absent)}." if absent else "None absent.")


def candidate_line(candidate: Candidate) -> str:
    """What stands beside a candidate's heading."""
    return (
        f"{_side(candidate)}, {_slices(candidate)} · probability {candidate.probability_max:.2f} · "
        f"{candidate.length_feret_mm:.1f} × {candidate.width_mm:.1f} mm · {candidate.volume_mm3:.0f} mm³"
    )


def no_thrombus(result: SegmentResult) -> list[str]:
    """What an empty result means and what it does not."""
    volume = f" over at least {result.minimum_volume_mm3:g} mm³" if result.minimum_volume_mm3 else ""
    return [
        f"No place reaches a probability of {result.threshold:g}{volume}; that is all this result says.",
        "It does not mean that no artery is occluded. A clot shows on MRI only where it darkens the susceptibility "
        "sequence: published series saw that sign in 71 % (T2* gradient echo) to 96 % (SWI) of patients. Small, distal "
        "and vertebrobasilar clots are missed more often, and the network has been trained on "
        f"{result.weights.trained_on}.",
    ]


def _side(candidate: Candidate) -> str:
    return {"left": "patient’s left", "right": "patient’s right", "midline": "midline"}.get(
        candidate.side, "side unknown"
    )


def _slices(candidate: Candidate) -> str:
    if candidate.first_slice == candidate.last_slice:
        return f"slice {candidate.first_slice}"
    return f"slices {candidate.first_slice} to {candidate.last_slice}"
