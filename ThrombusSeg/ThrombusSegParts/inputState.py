"""How a chosen volume lies to the reference, and whether it looks like its sequence. Only what is quickly seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from .inputGuess import Candidate, Origin, differenceOf, tagsOf
from .nodesToFiles import whyUnusable, worldMatrix

#: The first of these that is present is the reference, as in ThrombusSegLib.preprocess.prepare (a test compares them).
REFERENCE_ORDER = ("SWI", "DWI", "FLAIR", "TOF", "ADC")
#: Headers that differ by no more than this, mm, describe one grid (as ThrombusSegLib.preprocess.grid).
SAME_GRID_MM = 1e-3
#: Recognised as something else with at least this confidence: a warning (our choice).
SURE = 0.6
#: The largest of the common values of an ADC map, in the units that scanners use: a brain with its fluid reaches about
#: 3000 in 10^-6 mm2/s (our choice of limits, wide).
ADC_LIMITS = ((800.0, 8000.0), (80.0, 799.0), (0.8, 8.0), (0.0008, 0.008))
#: Slices of a time-of-flight angiogram are thinner than this, mm, and more than this many (our choice).
TOF_THICKEST_MM, TOF_FEWEST = 3.0, 20
#: A volume of a head has at least so many slices (our choice).
FEWEST_SLICES = 5


@dataclass(frozen=True)
class RowState:
    """What the icon of a row tells."""

    key: str
    """absent, reference, same, resampled, registered, apart, stranger, twice, bent, unusable."""
    text: str
    problem: str = ""
    """What to do, naming the row, where nothing can be segmented with it."""


def referenceOf(volumes: Mapping[str, Any]) -> str:
    """The sequence on whose grid the result will lie; empty if nothing is chosen."""
    return next((sequence for sequence in REFERENCE_ORDER if volumes.get(sequence) is not None), "")


def faultOf(sequence: str, volumes: Mapping[str, Any]) -> RowState | None:
    """Why the volume of a row cannot be an input, whatever the reference is; None if it can."""
    node, name = volumes[sequence], {"sequence": sequence}
    reason = whyUnusable(node)
    if reason:
        advice = _("Choose another volume for {sequence}, or none: this one cannot be used.")
        return RowState("unusable", reason.format(**name), advice.format(**name))
    same = [each for each, other in volumes.items() if other is node]
    if len(same) > 1:
        advice = _("Choose another volume for {rows}, or none: the same one is chosen for each of them.")
        text = _("The same volume is chosen for {rows}.").format(rows=_(" and ").join(same))
        return RowState("twice", text, advice.format(rows=_(" or ").join(same)))
    if worldMatrix(node) is None:
        advice = _("Harden the transform of the volume of {sequence}, or choose another: it is not linear.")
        text = _("It is under a transform that is not linear. Harden the transform.")
        return RowState("bent", text, advice.format(**name))
    return None


def stateOf(sequence: str, node: Any, reference: str, referenceNode: Any, origins: tuple[Origin, Origin]) -> RowState:
    """How a volume lies to the reference.

    Args:
        sequence: of the row; `node` is its volume.
        reference: the sequence of the reference; `referenceNode` is its volume.
        origins: of the volume and of the reference; `faultOf` has found nothing in either.
    """
    if sequence == reference:
        return RowState("reference", _("The result will lie on the grid of this volume."))
    difference = differenceOf(*origins)
    if difference == "patient":
        return RowState("stranger", _("Belongs to another patient than {reference}.").format(reference=reference))
    if difference == "study":
        return RowState("stranger", _("Belongs to another study than {reference}.").format(reference=reference))
    return _geometry(sequence, node, reference, referenceNode)


def _geometry(sequence: str, node: Any, reference: str, referenceNode: Any) -> RowState:
    one, other = worldMatrix(node), worldMatrix(referenceNode)
    if not _overlap(bounds(node, one), bounds(referenceNode, other)):
        text = _("Does not overlap {reference} in space: it cannot be used together with it.")
        advice = _("Choose another volume for {sequence}, or none: it does not overlap {reference} in space.")
        advice = advice.format(sequence=sequence, reference=reference)
        return RowState("apart", text.format(reference=reference), advice)
    frames = {tagsOf(each).get("FrameOfReferenceUID", "") for each in (node, referenceNode)} - {""}
    if len(frames) > 1:
        text = _("Will be registered to {reference}: the scanner's coordinates are not the same.")
        return RowState("registered", text.format(reference=reference))
    if node.GetImageData().GetDimensions() == referenceNode.GetImageData().GetDimensions() and _close(one, other):
        return RowState("same", _("Same grid as {reference}.").format(reference=reference))
    text = _("Will be resampled onto the grid of {reference}, and registered first if the images do not fit.")
    return RowState("resampled", text.format(reference=reference))


def _close(one: vtk.vtkMatrix4x4, other: vtk.vtkMatrix4x4) -> bool:
    cells = ((row, column) for row in range(3) for column in range(4))
    return all(abs(one.GetElement(*cell) - other.GetElement(*cell)) <= SAME_GRID_MM for cell in cells)


def bounds(node: Any, ijkToWorld: vtk.vtkMatrix4x4) -> list[tuple[float, float]]:
    """Lowest and highest R, A and S (mm) of a volume, outer edges of its voxels included."""
    size = node.GetImageData().GetDimensions()
    corners = [
        ijkToWorld.MultiplyPoint([(count - 0.5 if bit else -0.5) for count, bit in zip(size, bits, strict=True)] + [1])
        for bits in ((i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1))
    ]
    return [(min(corner[axis] for corner in corners), max(corner[axis] for corner in corners)) for axis in range(3)]


def _overlap(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> bool:
    return all(max(a[0], b[0]) < min(a[1], b[1]) for a, b in zip(one, other, strict=True))


def differingRows(sequence: str, mine: Mapping[str, Candidate]) -> list[str]:
    """Sentences on rows whose volume is known to belong to another patient or study than that of this row."""
    origin, found = mine[sequence].origin, []
    texts = {
        "patient": _("Belongs to another patient than the volume of {rows}."),
        "study": _("Belongs to another study than the volume of {rows}."),
    }
    for difference, text in texts.items():
        rows = [each for each, other in mine.items() if differenceOf(origin, other.origin) == difference]
        found += [text.format(rows=", ".join(rows))] if rows else []
    return found


def doubts(sequence: str, candidate: Candidate) -> list[str]:
    """Sentences on why a volume looks unlike its sequence; none if it does not."""
    found = []
    if candidate.kind and candidate.sequence != sequence and candidate.confidence >= SURE:
        text = _("This looks like another image ({kind}): {reason}.")
        found.append(text.format(kind=candidate.kind, reason=candidate.reason))
    elif candidate.isProjection:
        text = _("A projection ({kind}): {reason}. The slices that it was made of are the better input.")
        found.append(text.format(kind=candidate.kind, reason=candidate.reason))
    highest = highValue(candidate.node)
    if highest is None:
        found.append(_("All its voxels are the same."))
    elif sequence == "ADC" and not any(low <= highest <= high for low, high in ADC_LIMITS):
        text = _("Its values (up to about {value:g}) are not those of an ADC map in 10^-6 or 10^-3 mm2/s.")
        found.append(text.format(value=float(f"{highest:.2g}")))
    if candidate.contradiction:
        text = _("Perhaps not {sequence}: its name also contains '{part}'.")
        found.append(text.format(sequence=sequence, part=candidate.contradiction))
    return found + (_doubtsOnTof(candidate.node) if sequence == "TOF" else _doubtsOnSlices(candidate.node))


def _doubtsOnSlices(node: Any) -> list[str]:
    count = min(node.GetImageData().GetDimensions())
    if count >= FEWEST_SLICES:
        return []
    text = _("It has only {count} slices: it looks unlike a volume of a head.")
    return [_("It has only 1 slice: it looks unlike a volume of a head.") if count == 1 else text.format(count=count)]


def _doubtsOnTof(node: Any) -> list[str]:
    spacing, size = node.GetSpacing(), node.GetImageData().GetDimensions()
    if max(spacing) > TOF_THICKEST_MM:
        text = _("Its slices are {spacing:.1f} mm apart; those of an angiogram are thinner.")
        return [text.format(spacing=max(spacing))]
    if min(size) < TOF_FEWEST:
        return [_("It has only {count} slices: perhaps a projection and not the angiogram.").format(count=min(size))]
    return []


def highValue(node: Any) -> float | None:
    """The value that 5 percent of the voxels above zero exceed, of about 20 000 voxels; None if all are the same."""
    array = slicer.util.arrayFromVolume(node)
    step = max(1, round((array.size / 20000) ** (1 / 3)))
    sample = array[::step, ::step, ::step].ravel()
    if float(sample.min()) == float(sample.max()) and float(array.min()) == float(array.max()):
        return None
    positive = sample[sample > 0]
    if positive.size == 0:
        return 0.0
    ordered = positive.copy()
    ordered.sort()
    return float(ordered[int(0.95 * (ordered.size - 1))])
