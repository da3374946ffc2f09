"""What a reader has decided on the candidates of one segmentation. Kept in the segmentation node, so a scene keeps it.

A rejected candidate's voxels leave the mask and are remembered; every other decision leaves the mask as it is.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import slicer
from slicer.i18n import tr as _

from .candidateFigures import centroidOf, figuresOf, positionOf, voxelVolumeOf
from .library import importLibrary
from .relabel import CHECKSUM, INFARCT, THROMBUS, isCorrected, rememberMask
from .resultToScene import ATTRIBUTE, CANDIDATES
from .voxels import groups, labelsOf, maskOf, packed, parts, unpacked, writeSegment

REVIEW = ATTRIBUTE + "Review"
MODEL_LABELS = ATTRIBUTE + "ModelLabels"
#: What the worker's record knows.
DECISIONS = ("undecided", "accepted", "rejected", "unsure", "added")
#: A candidate that is measured again, with other voxels, is the same one if its center has moved by less, mm.
_SAME_MM = 5.0


@dataclass
class Entry:
    """One candidate."""

    number: int
    decision: str = "undecided"
    measures: dict[str, Any] = field(default_factory=dict)
    """A row of the table as the library gives it."""
    added: bool = False
    """Not the network's, but a reader's."""
    voxels: str = ""
    """What left the mask when it was rejected: indices into the flat grid, packed; "" where nothing did."""


@dataclass(frozen=True)
class _Step:
    """What an undo brings back."""

    entries: str
    mask: Any = None


class ReviewCase:
    """The candidates of a segmentation and what became of them.

    Args:
        segmentation: with a grid: a probability, or a reference volume.
    """

    def __init__(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        self.segmentation = segmentation
        self.entries: list[Entry] = []
        self._history: list[_Step] = []
        self._begin()

    def _begin(self) -> None:
        """From what the node tells: decisions of an earlier session, or the rows of a run or a slider."""
        segmentation = self.segmentation
        if labelsOf(segmentation) is None:
            raise ValueError(_("the scene holds neither its probability nor its reference volume."))
        self.checksum = segmentation.GetAttribute(CHECKSUM)
        earlier = _entries(segmentation.GetAttribute(REVIEW) or "[]")
        if earlier and (isCorrected(segmentation) or not segmentation.GetAttribute(CANDIDATES)):
            self.entries = earlier
        else:
            rows = json.loads(segmentation.GetAttribute(CANDIDATES) or "[]")
            self.entries = _carriedOver(rows, self.entries or earlier)
        if self.checksum is None:
            rememberMask(segmentation)
            self.checksum = segmentation.GetAttribute(CHECKSUM)
        self.mask, self._infarct = self._maskNow(), self._infarctNow()
        self._where: dict[int, Any] = {}  # where each candidate was seen last: indices into the flat grid
        self.parts = self._numbered(parts(self.mask), {})
        if not isCorrected(segmentation):
            segmentation.SetAttribute(MODEL_LABELS, packed(labelsOf(segmentation)))
        self._keep()

    def isReplaced(self) -> bool:
        """Whether a slider, or a run, has written another mask since."""
        return self.checksum != self.segmentation.GetAttribute(CHECKSUM) and not isCorrected(self.segmentation)

    def restart(self) -> None:
        """Another mask of the network: its candidates, with the decisions on those that are still there."""
        self._history = []
        self._begin()

    def refresh(self) -> bool:
        """Look at the mask again; True where a hand, or an undo of the editor, has changed it."""
        if labelsOf(self.segmentation) is None:  # the volume on whose grid it lies was deleted
            return False
        mask, infarct = self._maskNow(), self._infarctNow()
        if (mask == self.mask).all():
            different, self._infarct = infarct != self._infarct, infarct
            return different
        self._infarct, self.mask = infarct, mask
        self._numberAgain()
        return True

    def decide(self, row: int, decision: str) -> bool:
        """Accept, reject ... the candidate in a row; False where it is so already."""
        entry = self.entries[row]
        wanted = "added" if entry.added and decision == "accepted" else decision
        if entry.decision == wanted:
            return False
        changes = "rejected" in (wanted, entry.decision)
        self._remember(changes)
        if wanted == "rejected":
            self._takeOut(entry)
        elif entry.decision == "rejected":
            self._putBack(entry)
        entry.decision = wanted
        self._forgetGhosts()
        self._keep()
        return True

    def add(self, mask: Any) -> int:
        """Put a mask (K, J, I) in; the row of the new candidate, or of the one that it touches."""
        self._remember(True)
        self._write(self.mask | (mask > 0))
        self._numberAgain()
        numbers = self.parts[mask > 0]
        number = int(numbers.max()) if numbers.size else 0
        return self.rowOf(number)

    def canUndo(self) -> bool:
        """Whether there is a decision to take back."""
        return bool(self._history)

    def undo(self) -> bool:
        """Take the last decision back, with the voxels it had changed and no others."""
        if not self._history:
            return False
        step = self._history.pop()
        self.entries = _entries(step.entries)
        if step.mask is not None:
            put, taken = step.mask
            mask = self.mask.copy()
            mask.ravel()[put] = 0
            mask.ravel()[taken] = 1
            self._write(mask)
        self._numberAgain()  # the editor may have painted and erased since
        return True

    def measured(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take over the worker's measures of the mask as it is, each by its nearest part."""
        figures = figuresOf(self.segmentation, self.parts)
        for row in rows:
            near = [(math.dist(positionOf(row), each["center"]), number) for number, each in figures.items()]
            distance, number = min(near, default=(math.inf, 0))
            index = self.rowOf(number)
            if distance < _SAME_MM and index >= 0:
                own = {key: value for key, value in figures[number].items() if key != "center"}
                self.entries[index].measures = {**self.entries[index].measures, **row, **own, "candidate": number}
        self._storeMeasures()
        self._keep()

    def _storeMeasures(self) -> None:
        """The rows that a run or a slider has left are those that a scene that is loaded again begins with."""
        if isCorrected(self.segmentation) or self.isReplaced():
            return
        known = {each.number: each.measures for each in self.entries}
        rows = json.loads(self.segmentation.GetAttribute(CANDIDATES) or "[]")
        rows = [{**row, **known.get(int(row.get("candidate") or place), {})} for place, row in enumerate(rows, 1)]
        if rows:
            self.segmentation.SetAttribute(CANDIDATES, json.dumps(rows))

    def rowOf(self, number: int) -> int:
        """Of a candidate; -1 where there is none."""
        return next((row for row, entry in enumerate(self.entries) if entry.number == number), -1)

    def voxelsChanged(self) -> dict[str, dict[str, int]] | None:
        """Per segment, voxels added to and removed from the network's labels; None where those are not known."""
        now, before = labelsOf(self.segmentation), self.modelLabels()
        if before is None:
            return None
        return {
            name: {
                "added": int(((now == label) & (before != label)).sum()),
                "removed": int(((before == label) & (now != label)).sum()),
            }
            for label, name in ((1, "thrombus"), (2, "infarct"))
        }

    def modelLabels(self) -> Any:
        """(K, J, I) uint8 as the network gave them with the threshold in use; None where they are not known."""
        text = self.segmentation.GetAttribute(MODEL_LABELS)
        return unpacked(text, self.mask) if text else None

    def lacksMeasures(self) -> bool:
        """Whether a candidate was not measured since a slider made it."""
        return any(
            each.measures.get("length_centreline_mm") is None for each in self.entries if each.decision != "rejected"
        )

    def record(self) -> list[dict[str, Any]]:
        """The candidates as the worker's `save` takes them."""
        return [
            {"candidate": each.number, "decision": each.decision, "measures": each.measures} for each in self.entries
        ]

    def _maskNow(self) -> Any:
        mask = maskOf(self.segmentation, THROMBUS)
        return mask if mask is not None else 0 * labelsOf(self.segmentation)

    def _infarctNow(self) -> int:
        """A checksum of it: measures against it follow a correction of it."""
        mask = maskOf(self.segmentation, INFARCT)
        return 0 if mask is None else zlib.crc32(mask.tobytes())

    def _numberAgain(self) -> None:
        """The mask has changed: every part is the candidate that it was before."""
        components = parts(self.mask)
        self.parts = self._numbered(components, _overlaps(components, self.parts))
        self._keep()

    def _numbered(self, components: Any, owners: Mapping[int, int]) -> Any:
        """Parts of the mask by the number of their candidate; parts without one become candidates that were added."""
        numpy = importLibrary("numpy")
        result = numpy.zeros(components.shape, "int32")
        taken: set[int] = set()
        for label, own in groups(components).items():
            entry = self._entryOf(own, owners.get(label, 0), taken, set(owners.values()))
            if entry.decision == "rejected":  # somebody has brought it back
                entry.decision, entry.voxels = ("added" if entry.added else "undecided"), ""
            taken.add(entry.number)
            result[own] = entry.number
            self._where[entry.number] = numpy.ravel_multi_index(own, components.shape)
            volume = len(own[0]) * voxelVolumeOf(self.segmentation)
            entry.measures["volume_mm3"] = round(volume, 2)
        if isCorrected(self.segmentation):
            self._noteErased(taken, set(owners.values()))
        self._forgetGhosts(taken)
        return result

    def _entryOf(self, own: Any, owner: int, taken: set[int], owners: set[int]) -> Entry:
        """The candidate that a part is: what it was before, else what was there last, else the nearest, else a new one.

        Args:
            owner: its number before; 0 for none.
            taken: numbers that have a part already; those of `owners` have or will get one.
        """
        number = owner or self._lastThere(own, taken | owners) or self._nearest(own, taken | owners)
        row = self.rowOf(number)
        return self.entries[row] if row >= 0 and number not in taken else self._newEntry(own, owner)

    def _lastThere(self, own: Any, taken: set[int]) -> int:
        """Of the candidates without a part, the one that shares most voxels with this one; 0 where none does."""
        numpy = importLibrary("numpy")
        flat = numpy.ravel_multi_index(own, self.mask.shape)
        free = [each.number for each in self.entries if each.number not in taken and each.number in self._where]
        shared = [(int(numpy.isin(self._where[number], flat).sum()), number) for number in free]
        count, number = max(shared, default=(0, 0))
        return number if count else 0

    def _noteErased(self, present: set[int], touched: set[int]) -> None:
        """A candidate without a voxel left was rejected by the eraser; one that became part of another was not."""
        for entry in self.entries:
            if entry.number not in present | touched and entry.decision != "rejected":
                entry.decision, entry.voxels = "rejected", ""

    def _forgetGhosts(self, present: set[int] | None = None) -> None:
        """What a reader has added is a candidate as long as it has voxels; an undo brings it back with them."""
        numbers = set(groups(self.parts)) if present is None else present
        self.entries = [each for each in self.entries if not each.added or each.number in numbers]

    def _nearest(self, own: Any, taken: set[int]) -> int:
        center = centroidOf(self.segmentation, own)
        free = [each for each in self.entries if each.number not in taken and "centroid_right_mm" in each.measures]
        near = [(math.dist(positionOf(each.measures), center), each.number) for each in free]
        distance, number = min(near, default=(math.inf, 0))
        return number if distance < _SAME_MM else 0

    def _newEntry(self, own: Any, number: int = 0) -> Entry:
        """With the number that the part had before if that is free, else one that nothing has had."""
        if not number or self.rowOf(number) >= 0:
            number = max((*self._where, *(each.number for each in self.entries)), default=0) + 1
        right, anterior, superior = centroidOf(self.segmentation, own)
        place = {"centroid_right_mm": right, "centroid_anterior_mm": anterior, "centroid_superior_mm": superior}
        added = isCorrected(self.segmentation)
        entry = Entry(number, "added" if added else "undecided", {"candidate": number, **place}, added=added)
        self.entries.append(entry)
        return entry

    def _takeOut(self, entry: Entry) -> None:
        own = self.parts == entry.number
        entry.voxels = packed(importLibrary("numpy").flatnonzero(own).astype("int32"))
        self._write(self.mask * ~own)
        self.parts[own] = 0

    def _putBack(self, entry: Entry) -> None:
        voxels = _indices(entry.voxels) if entry.voxels else self._modelVoxels(entry)
        mask = self.mask.copy()
        mask.ravel()[voxels] = 1
        self._write(mask)
        self.parts.ravel()[voxels] = entry.number
        entry.voxels = ""

    def _modelVoxels(self, entry: Entry) -> Any:
        """Of a candidate that was rejected in an earlier version: where the network had it."""
        numpy, model = importLibrary("numpy"), self.modelLabels()
        for own in groups(parts(model == 1)).values() if model is not None else ():
            if math.dist(centroidOf(self.segmentation, own), positionOf(entry.measures)) < _SAME_MM:
                return numpy.ravel_multi_index(own, model.shape)
        return _indices("")

    def _write(self, mask: Any) -> None:
        """The segment, and which voxels an undo has to bring back."""
        numpy = importLibrary("numpy")
        mask = mask.astype("uint8")
        writeSegment(self.segmentation, THROMBUS, mask)
        if self._history and self._history[-1].mask == ():
            put, taken = numpy.flatnonzero(mask & ~self.mask), numpy.flatnonzero(self.mask & ~mask)
            self._history[-1] = _Step(self._history[-1].entries, (put, taken))
        self.mask = mask

    def _remember(self, changesVoxels: bool) -> None:
        self._history.append(_Step(_text(self.entries), () if changesVoxels else None))

    def _keep(self) -> None:
        text = _text(self.entries)
        if self.segmentation.GetAttribute(REVIEW) != text:
            self.segmentation.SetAttribute(REVIEW, text)


def entriesOf(candidates: Sequence[Mapping[str, Any]]) -> str:
    """The candidates of a saved record, as the node keeps them."""
    entries = []
    for each in candidates:
        added = each["decision"] == "added"
        entries.append(Entry(int(each["candidate"]), str(each["decision"]), dict(each["measures"]), added))
    return _text(entries)


def _text(entries: Sequence[Entry]) -> str:
    return json.dumps([asdict(each) for each in entries])


def _entries(text: str) -> list[Entry]:
    return [Entry(**each) for each in json.loads(text)]


def _indices(text: str) -> Any:
    numpy = importLibrary("numpy")
    return numpy.frombuffer(zlib.decompress(base64.b64decode(text)), "int32") if text else numpy.zeros(0, "int32")


def _overlaps(components: Any, before: Any) -> dict[int, int]:
    """Which candidate each part was before: the one with most voxels in common; the larger part keeps the number."""
    numpy = importLibrary("numpy")
    both = (components > 0) & (before > 0)
    pairs, counts = numpy.unique(numpy.stack([components[both], before[both]]), axis=1, return_counts=True)
    owners: dict[int, int] = {}
    for place in numpy.argsort(-counts):
        label, number = (int(each) for each in pairs[:, place])
        if label not in owners and number not in owners.values():
            owners[label] = number
    return owners


def _carriedOver(rows: Sequence[Mapping[str, Any]], before: Sequence[Entry]) -> list[Entry]:
    """Entries of these rows, with the decisions on the same places."""
    entries = []
    for place, row in enumerate(rows, 1):
        entry = Entry(int(row.get("candidate") or place), measures=dict(row))
        for each in before:
            known = "centroid_right_mm" in each.measures and each.decision != "rejected"
            if known and math.dist(positionOf(each.measures), positionOf(row)) < _SAME_MM:
                entry.decision = "accepted" if each.decision == "added" else each.decision
        entries.append(entry)
    return entries
