"""Which volumes of the scene are one case? A guess, by a rule that the user is told the outcome of.

1. Volumes of one patient and study (from DICOM, or from the folders of the subject hierarchy) are one case.
2. Of volumes without a study, those that a result was made of are one case, and so are those in the input rows.
3. Within a case a sequence is first what the newest result used, then what stands in its input row, then, in a study,
   what is most surely recognised. What is left over belongs to no case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .caseRecord import inputsOf
from .inputGuess import Candidate, assign, candidatesIn
from .nodesToFiles import RESULT_ATTRIBUTE
from .sceneNodes import nodesIn
from .sequences import SEQUENCES


@dataclass
class SceneCase:
    """Volumes that belong together."""

    volumes: dict[str, Any] = field(default_factory=dict)
    """By sequence."""
    result: Any = None
    """The newest segmentation that was made of these volumes, or of some of them; None where there is none."""


@dataclass(frozen=True)
class SceneCases:
    """What the scene holds."""

    cases: list[SceneCase]
    volumes: int
    """All images, also those of no case."""
    unrecognised: int
    """Of those of no case: they fit no sequence."""

    @property
    def spare(self) -> int:
        """Of those of no case: they fit a sequence, and another one was taken or they belong to nothing."""
        return self.volumes - self.unrecognised - sum(len(each.volumes) for each in self.cases)


def casesIn(scene: Any, chosen: Mapping[str, Any]) -> SceneCases:
    """Group the volumes of a scene.

    Args:
        chosen: the input rows.
    """
    candidates = {each.node.GetID(): each for each in candidatesIn(scene)}
    results = list(resultsIn(scene))
    groups: dict[Any, dict[str, Any]] = {}
    for seed in (*(inputsOf(each) for each in results), chosen):
        _add(groups, {key: node for key, node in seed.items() if node is not None}, candidates)
    for origin in dict.fromkeys(each.origin for each in candidates.values() if each.origin.known):
        kept = groups.setdefault(origin, {})
        found = assign([each for each in candidates.values() if each.origin == origin], kept)
        kept |= {sequence: each.node for sequence, each in found.items()}
    cases = [SceneCase(_inOrder(group), _resultOf(group, results)) for group in groups.values() if group]
    cases.sort(key=lambda each: min(list(candidates).index(node.GetID()) for node in each.volumes.values()))
    return _counted(scene, cases, candidates)


def resultsIn(scene: Any) -> Iterator[Any]:
    """All segmentations of ours, the newest first."""
    for node in reversed(nodesIn(scene, "vtkMRMLSegmentationNode")):
        if inputsOf(node):
            yield node


def _add(groups: dict[Any, dict[str, Any]], seed: Mapping[str, Any], candidates: Mapping[str, Candidate]) -> None:
    """To the group of their study, or to that which has one of them; what has a place keeps it."""
    usable = {sequence: node for sequence, node in seed.items() if node.GetID() in candidates}
    places = {node.GetID(): key for key, group in groups.items() for node in group.values()}
    known = [candidates[node.GetID()].origin for node in usable.values()]
    keys = [places[node.GetID()] for node in usable.values() if node.GetID() in places]
    keys += [origin for origin in known if origin.known]
    if not usable:
        return
    group = groups.setdefault(keys[0] if keys else next(iter(usable.values())).GetID(), {})
    for sequence, node in usable.items():
        if node.GetID() not in places:
            group.setdefault(sequence, node)


def _inOrder(group: Mapping[str, Any]) -> dict[str, Any]:
    return {sequence: group[sequence] for sequence in SEQUENCES if sequence in group}


def _resultOf(group: Mapping[str, Any], results: list[Any]) -> Any:
    """A prediction of some of these volumes; each in the row that it has in the case."""
    mine = {(sequence, node.GetID()) for sequence, node in group.items()}
    used = [(each, {(sequence, node.GetID()) for sequence, node in inputsOf(each).items()}) for each in results]
    return next((each for each, inputs in used if inputs <= mine), None)


def _counted(scene: Any, cases: list[SceneCase], candidates: Mapping[str, Candidate]) -> SceneCases:
    images = [node for node in nodesIn(scene, "vtkMRMLScalarVolumeNode") if _isImage(node)]
    placed = {node.GetID() for each in cases for node in each.volumes.values()}
    free = [candidates.get(node.GetID()) for node in images if node.GetID() not in placed]
    return SceneCases(cases, len(images), sum(each is None or not each.sequence for each in free))


def _isImage(node: Any) -> bool:
    """Whether a user would count it as an image, be it of use or not."""
    hidden = node.GetHideFromEditors() or node.GetAttribute(RESULT_ATTRIBUTE)
    return not hidden and not node.IsA("vtkMRMLLabelMapVolumeNode")
