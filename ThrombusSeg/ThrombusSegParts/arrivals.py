"""Volumes of which only names are known: which of them a result was made of, and which came together."""

from __future__ import annotations

import math
import time
from typing import Any

import slicer

from .resultToScene import INPUT
from .sceneNodes import nodesIn
from .sequences import SEQUENCES

#: Volumes that come one after the other with no longer pause are of one load (our choice).
_PAUSE_SECONDS = 5.0


class Arrivals:
    """Remembers which volumes came together; of those that were there before, nobody knows."""

    def __init__(self) -> None:
        self._batches: dict[str, int] = {}
        self._loads: set[int] = set()
        self._batch, self._last = 0, -math.inf

    def note(self, node: Any, isOfScene: bool) -> None:
        """A volume has come, alone or with others, or as part of a scene that is being added."""
        now = time.monotonic()
        if not isOfScene and now - self._last > _PAUSE_SECONDS:
            self._batch += 1
        if not isOfScene:
            self._loads.add(self._batch)
        self._batches[node.GetID()], self._last = self._batch, now

    def separate(self) -> None:
        """What comes from now on does not belong to what came before: a scene begins, or ends."""
        self._batch, self._last = self._batch + 1, time.monotonic()

    def groups(self, scene: Any) -> dict[str, str]:
        """By identifier of each volume, a word that it shares with those that it belongs to.

        Inputs of one result belong together, and nothing is added to them, save what was loaded along with them.
        """
        nodes = [node.GetID() for node in nodesIn(scene, "vtkMRMLScalarVolumeNode")]
        used = {each: f"result {number}" for number, one in enumerate(_inputSets(scene)) for each in one}
        batches = {each: self._batches.get(each, 0) for each in nodes}
        results: dict[int, set[str]] = {}
        for each in nodes:
            if each in used:
                results.setdefault(batches[each], set()).add(used[each])
        found = {}
        for each in nodes:
            beside = results.get(batches[each], set()) if batches[each] in self._loads else set()
            found[each] = used.get(each) or (next(iter(beside)) if len(beside) == 1 else f"batch {batches[each]}")
        return found


def _inputSets(scene: slicer.vtkMRMLScene) -> list[set[str]]:
    """The identifiers of the volumes of each result; of results that share a volume, all in one set."""
    sets: list[set[str]] = []
    for node in nodesIn(scene, "vtkMRMLSegmentationNode"):
        mine = {node.GetNodeReferenceID(INPUT + sequence) for sequence in SEQUENCES} - {None}
        for other in [each for each in sets if each & mine]:
            mine |= other
            sets.remove(other)
        if mine:
            sets.append(mine)
    return sets
