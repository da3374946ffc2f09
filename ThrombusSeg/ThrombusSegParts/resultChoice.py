"""Which result is shown where the scene holds several: a list of them, and the others out of sight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from .caseRecord import inputsOf
from .nodesToFiles import RESULT_ATTRIBUTE
from .resultToScene import ATTRIBUTE
from .sceneNodes import nodesIn


class ResultChoice:
    """The list "Result" of the main form, which is there only where there is another result than the one shown.

    Args:
        ui: of the panel's main form.
        shown: the segmentation of the result that is shown; None where there is none.
        choose: given the segmentation that the user has chosen.
    """

    def __init__(self, ui: Any, shown: Callable[[], Any], choose: Callable[[Any], None]) -> None:
        self._label, self._list = ui.resultChoiceLabel, ui.resultComboBox
        self._shown, self._choose = shown, choose
        self._items: list[tuple[str, str]] = []
        self._filling = False
        self._list.connect("currentIndexChanged(int)", self._onChosen)
        scene = slicer.mrmlScene
        events = (scene.NodeAddedEvent, scene.NodeRemovedEvent)
        self._observers = [(scene, scene.AddObserver(event, self._onNode)) for event in events]

    def close(self) -> None:
        """The panel goes."""
        for scene, tag in self._observers:
            scene.RemoveObserver(tag)
        self._observers = []

    def update(self) -> None:
        """Results may have come or gone, or another one is shown."""
        shown, results = self._shown(), resultsIn(slicer.mrmlScene)
        isChoice = any(each is not shown for each in results)
        self._label.setVisible(isChoice)
        self._list.setVisible(isChoice)
        items = list(zip(textsOf(results), [each.GetID() for each in results], strict=True))
        self._filling = True
        if items != self._items:
            self._list.clear()
            for text, identifier in items:
                self._list.addItem(text, identifier)
            self._items = items
        self._list.currentIndex = results.index(shown) if shown in results else -1
        self._filling = False

    def _onChosen(self, index: int) -> None:
        if not self._filling and 0 <= index < len(self._items):
            self._choose(slicer.mrmlScene.GetNodeByID(self._items[index][1]))

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNode(self, caller: Any, event: str, node: Any) -> None:
        scene = slicer.mrmlScene
        if node.IsA("vtkMRMLSegmentationNode") and not scene.IsImporting() and not scene.IsClosing():
            self.update()


def resultsIn(scene: Any) -> list[Any]:
    """The segmentations of all results, the newest first; also of those whose volumes are gone."""
    nodes = reversed(nodesIn(scene, "vtkMRMLSegmentationNode"))
    return [node for node in nodes if node.GetAttribute(RESULT_ATTRIBUTE) or inputsOf(node)]


def textsOf(results: list[Any]) -> list[str]:
    """Their names; where two are called alike, as after a scene was added, with the time at which each was made."""
    count = Counter(node.GetName() for node in results)
    text = _("{name}, {time}")
    return [
        node.GetName() if count[node.GetName()] == 1 else text.format(name=node.GetName(), time=_timeOf(node))
        for node in results
    ]


def _timeOf(node: Any) -> str:
    return (node.GetAttribute(ATTRIBUTE + "Created") or node.GetID())[:19].replace("T", " ")


def hideOthers(shown: Any) -> None:
    """Two results in the same colors cannot be told apart."""
    for node in resultsIn(shown.GetScene()):
        if node is not shown and node.GetDisplayNode() is not None:
            node.GetDisplayNode().SetVisibility(False)
