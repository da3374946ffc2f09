"""Which volume of the scene is which sequence? From its name and from what DICOM says; every guess has a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import slicer

from .library import importLibrary
from .nodesToFiles import RESULT_ATTRIBUTE, whyUnusable
from .sceneNodes import nodesIn
from .sequences import SEQUENCES

#: DICOM attributes that tell sequences, patients and coordinates apart; the tags are those of the DICOM standard.
DICOM_TAGS = {
    "SeriesDescription": "0008,103E",
    "ProtocolName": "0018,1030",
    "SequenceName": "0018,0024",
    "ImageType": "0008,0008",
    "ScanningSequence": "0018,0020",
    "AngioFlag": "0018,0025",
    "EchoTime": "0018,0081",
    "InversionTime": "0018,0082",
    "DiffusionBValue": "0018,9087",
    "FrameOfReferenceUID": "0020,0052",
    "PatientID": "0010,0020",
    "StudyInstanceUID": "0020,000D",
}


#: What the library calls projections, and the sequence that each can stand in for; it counts less than a source volume
#: (our choice).
_PROJECTIONS = {"projection of an angiogram": "TOF", "minIP SWI": "SWI"}
_PROJECTION_SHARE = 0.5
#: Volumes whose strengths differ by no more are offered as equals (our choice).
_EQUAL = 0.06


@dataclass(frozen=True)
class Origin:
    """Whose image it is; empty where nobody knows. Compared and never shown."""

    patient: str = ""
    study: str = ""
    group: str = ""
    """Where neither is known: shared by the volumes that came together, or that a result was made of."""

    @property
    def known(self) -> bool:
        """Whether the scene or DICOM says anything."""
        return bool(self.patient or self.study)


@dataclass(frozen=True)
class Candidate:
    """A volume of the scene and what it probably is."""

    node: Any
    sequence: str
    """Empty: none of ours, or not recognised."""
    kind: str
    """What exactly, such as "T2*" or "phase"; empty where it was not recognised."""
    reason: str
    confidence: float
    """0..1."""
    origin: Origin
    isProjection: bool = False
    """Made of the slices of another volume, which is to be preferred."""
    contradiction: str = ""
    """A part of its name that tells of another image."""

    @property
    def strength(self) -> float:
        """How much speaks for it, 0..1, where several volumes are offered."""
        return self.confidence * (_PROJECTION_SHARE if self.isProjection else 1.0)


def candidatesIn(scene: Any, groups: Mapping[str, str] | None = None) -> list[Candidate]:
    """All volumes that could be an input, in the order in which they came; `groups` as `Arrivals` tells them."""
    groups = groups or {}
    nodes = [node for node in nodesIn(scene, "vtkMRMLScalarVolumeNode") if isOffered(node)]
    return [candidateOf(node, groups.get(node.GetID(), "")) for node in nodes]


def isOffered(node: Any) -> bool:
    """Whether a volume is a plain gray image with voxels, and no result of ours; hidden ones do not count."""
    return not (node.GetHideFromEditors() or node.GetAttribute(RESULT_ATTRIBUTE) or whyUnusable(node))


def candidateOf(node: Any, group: str = "") -> Candidate:
    """What a volume probably is."""
    tags = tagsOf(node)
    origin = originOf(node, tags)
    origin = origin if origin.known else Origin(group=group)
    named = {**tags, "SeriesDescription": f"{tags.get('SeriesDescription', '')} {node.GetName() or ''}".strip()}
    try:
        guess = importLibrary("ThrombusSegLib.sequences").recognise_dicom(named)
    except ImportError:  # the section "Setup" says what is missing
        guess = None
    if guess is None:
        return Candidate(node, "", "", "", 0.0, origin)
    sequence = guess.sequence.value if guess.sequence is not None else _PROJECTIONS.get(guess.kind, "")
    known = (sequence, guess.kind, guess.reason, float(guess.confidence), origin)
    return Candidate(node, *known, isProjection=guess.kind in _PROJECTIONS, contradiction=guess.contradiction)


def tagsOf(node: Any) -> dict[str, str]:
    """What DICOM says of a volume: the database, then the subject hierarchy and the node itself."""
    hierarchy, item = _itemOf(node)
    found = {}
    for keyword in DICOM_TAGS:
        value = node.GetAttribute(f"DICOM.{keyword}") or ""
        if not value and item:
            value = hierarchy.GetItemAttribute(item, f"DICOM.{keyword}")
        if value:
            found[keyword] = value
    return {**found, **_databaseTags(node)}


def _databaseTags(node: Any) -> dict[str, str]:
    """From the first slice in Slicer's DICOM database; nothing where there is none."""
    database = getattr(slicer, "dicomDatabase", None)
    instances = _instancesOf(node)
    if database is None or not instances or not database.isOpen:
        return {}
    values = {keyword: database.instanceValue(instances[0], tag) for keyword, tag in DICOM_TAGS.items()}
    return {keyword: str(value) for keyword, value in values.items() if value}


def _instancesOf(node: Any) -> list[str]:
    """The node tells which files it was read from; where it does not, its place in the subject hierarchy."""
    hierarchy, item = _itemOf(node)
    name = slicer.vtkMRMLSubjectHierarchyConstants.GetDICOMInstanceUIDName()
    known = node.GetAttribute("DICOM.instanceUIDs") or (hierarchy.GetItemUID(item, name) if item else "")
    return str(known or "").split()


def originOf(node: Any, tags: Mapping[str, str]) -> Origin:
    """Patient and study, from DICOM, or else from the folders in the subject hierarchy."""
    hierarchy, item = _itemOf(node)
    names = {}
    for level in ("Patient", "Study"):
        above = hierarchy.GetItemAncestorAtLevel(item, level) if item else 0
        names[level] = (hierarchy.GetItemUID(above, "DICOM") or f"item {above}") if above else ""
    # One source for both volumes of a comparison: the hierarchy's own identifiers differ from DICOM's.
    return Origin(names["Patient"] or tags.get("PatientID", ""), names["Study"] or tags.get("StudyInstanceUID", ""))


def differenceOf(one: Origin, other: Origin) -> str:
    """ "patient" or "study" where two volumes are known to differ in it; empty where they do not, or nobody knows."""
    if one.patient and other.patient and one.patient != other.patient:
        return "patient"
    if one.study and other.study and one.study != other.study:
        return "study"
    return ""


def _itemOf(node: Any) -> tuple[Any, int]:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(node.GetScene())
    return (hierarchy, int(hierarchy.GetItemByDataNode(node))) if hierarchy is not None else (None, 0)


def assign(candidates: Iterable[Candidate], kept: Mapping[str, Any]) -> dict[str, Candidate]:
    """For each sequence that has no volume yet the surest that fits.

    Volumes of several patients or studies are never mixed: all come from the one to which the kept volumes belong, or,
    where nothing is kept, from the one with the most recognised sequences (of equals the one loaded last). Where nobody
    knows the patient, volumes that came together count as one study, and what is kept belongs together.

    Args:
        candidates: all volumes of the scene.
        kept: by sequence, the volume that stays; None where the row shall stay empty.
    """
    everything = list(candidates)
    nodes = {node.GetID() for node in kept.values() if node is not None}
    home = {each.origin for each in everything if each.node.GetID() in nodes}
    free = [each for each in everything if each.sequence and each.node.GetID() not in nodes]
    if any(differenceOf(one, other) for one in home for other in home):
        return {}
    home = home or {_richest(free)}
    chosen: dict[str, Candidate] = {}
    for sequence in SEQUENCES:
        fitting = [each for each in free if each.sequence == sequence and each.origin in home]
        if fitting and sequence not in kept:
            chosen[sequence] = max(fitting, key=lambda each: each.strength)
    return chosen


def _richest(candidates: list[Candidate]) -> Origin:
    groups: dict[Origin, set[str]] = {}
    for each in candidates:
        groups.setdefault(each.origin, set()).add(each.sequence)
    best = Origin()
    for origin, found in groups.items():
        if len(found) >= len(groups.get(best, ())):
            best = origin
    return best


def strangers(chosen: Candidate, sequence: str, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Of each other study, or patient, the volume that fits this sequence best."""
    best: dict[Origin, Candidate] = {}
    for each in candidates:
        known = best.get(each.origin)
        if each.sequence == sequence and each.origin != chosen.origin and (not known or each.strength > known.strength):
            best[each.origin] = each
    yield from best.values()


def rivals(chosen: Candidate, sequence: str, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Other volumes of the same patient and study that fit this sequence about as well, or better."""
    for each in candidates:
        other = each.node.GetID() != chosen.node.GetID() and each.strength >= chosen.strength - _EQUAL
        if other and each.sequence == sequence and each.origin == chosen.origin:
            yield each
