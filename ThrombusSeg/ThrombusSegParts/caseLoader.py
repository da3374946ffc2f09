"""A case of a work list into the scene: its images, its prediction, and what was saved of it. One file at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from .earlierResults import removeResult
from .errors import SegmentationError
from .nodesToFiles import WrittenVolume, readVolume, worldMatrix
from .overlay import styleOverlay
from .relabel import rememberMask
from .resultToScene import ATTRIBUTE, INPUT, TITLE, ResultFiles, placeResult, readOnGrid
from .reviewCase import MODEL_LABELS, REVIEW, entriesOf
from .reviewDesk import ReviewDesk
from .reviewScores import takeSavedScores
from .savedFacts import noteSaved
from .sceneNodes import nodesIn
from .sequences import SEQUENCES
from .steps import Steps
from .voxels import labelsOf, packed, writeSegments

#: Of a volume that was read from a folder of DICOM files: that folder.
SERIES_FOLDER = ATTRIBUTE + "SeriesFolder"


class CaseLoader:
    """Loads one case after the other; the nodes of the one before leave the scene.

    Args:
        desk: its worker reads the images, whatever their format.
        onLoaded: given the volumes by sequence and the segmentation, None where there is neither prediction nor mask.
        onError: given a sentence.
    """

    def __init__(
        self,
        desk: ReviewDesk,
        onLoaded: Callable[[dict[str, Any], Any], None],
        onError: Callable[[str], None],
    ) -> None:
        self._desk, self._onLoaded, self._onError = desk, onLoaded, onError
        self._isAsking = False  # whether the worker reads the images
        self._steps = Steps(self._fail, (OSError, ValueError, KeyError, TypeError, SegmentationError))
        self.step = self._steps.step
        self._volumes: dict[str, Any] = {}
        self.warnings: list[str] = []
        """Of the case that was loaded last: what opening it has put right, or set aside."""

    def isBusy(self) -> bool:
        """Whether a case is being loaded."""
        return self._isAsking or self._steps.isBusy()

    def start(self, item: Mapping[str, Any], saved: str) -> None:
        """Begin; `onLoaded` or `onError` follows.

        Args:
            item: of the worker's list.
            saved: the folder in which this reader's cases are saved.
        """
        folder = self._desk.folder() / "images"
        values = {"images": item["images"], "out": str(folder)}

        def done(result: Mapping[str, Any]) -> None:
            case = Path(saved) / str(item["case"])
            if item["version"]:
                self._desk.worker.ask("open", {"folder": str(case)}, lambda found: begin(result, found), failed)
            else:
                begin(result, {})

        def begin(result: Mapping[str, Any], found: Mapping[str, Any]) -> None:
            self.warnings = [str(each) for each in found.get("warnings", ())]
            self._isAsking = False
            self._steps.start(self._load(item, saved, result["files"], found))

        def failed(error: SegmentationError) -> None:
            self._isAsking = False
            self._onError(str(error))

        self._isAsking = True
        self._desk.worker.ask("images", values, done, failed)

    def close(self) -> None:
        """Load no further."""
        self._isAsking = False
        self._steps.stop()

    def _fail(self, error: Exception) -> None:
        self._onError(_("The case could not be loaded: {reason}").format(reason=error))

    def _load(self, item: Mapping[str, Any], saved: str, files: Mapping[str, str], found: Mapping[str, Any]) -> Any:
        """A generator: something has been done each time it gives way."""
        self._removeCase()
        volumes: dict[str, WrittenVolume] = {}
        for sequence in (each for each in SEQUENCES if each in files):
            volumes[sequence] = self._addVolume(str(item["case"]), sequence, Path(files[sequence]))
            source = Path(str(item["images"].get(sequence, "")))
            if source.is_dir():
                volumes[sequence].node.SetAttribute(SERIES_FOLDER, str(source))
            yield
        self._volumes = {sequence: volume.node for sequence, volume in volumes.items()}
        segmentation = None
        summary = Path(item["result"]) / "result.json"
        if summary.is_file():
            result = ResultFiles(summary.parent, json.loads(summary.read_text(encoding="utf-8")), volumes)
            while result.readNext():
                yield
            segmentation = placeResult(slicer.mrmlScene, result, str(item["case"])).segmentation
            rememberMask(segmentation)
        if found:
            yield
            segmentation = self._addSaved(segmentation, volumes, found)
        if segmentation is not None:
            note(segmentation, item, saved)
        self._steps.stop()
        self._onLoaded(dict(self._volumes), segmentation)

    def _addVolume(self, case: str, sequence: str, path: Path) -> WrittenVolume:
        node = readVolume(path)
        node.SetName(f"{case} {sequence}")
        slicer.mrmlScene.AddNode(node)
        node.CreateDefaultDisplayNodes()
        return WrittenVolume(node, path, tuple(node.GetImageData().GetDimensions()), worldMatrix(node))

    def _addSaved(
        self, segmentation: Any, volumes: Mapping[str, WrittenVolume], found: Mapping[str, Any]
    ) -> slicer.vtkMRMLSegmentationNode:
        """The labels of the newest version over those of the network, with its decisions."""
        reference = volumes[found["record"]["reference"]]
        if segmentation is None:
            segmentation = _emptySegmentation(reference, volumes)
            if found["predicted"]:
                _writeLabels(segmentation, Path(found["predicted"]), reference)
            rememberMask(segmentation)
        segmentation.SetAttribute(MODEL_LABELS, packed(labelsOf(segmentation)))
        _writeLabels(segmentation, Path(found["labels"]), reference)
        segmentation.SetAttribute(REVIEW, entriesOf(found["record"]["candidates"]))
        takeSavedScores(segmentation, found["record"])
        return segmentation

    def _removeCase(self) -> None:
        """The nodes of the case before, and every result made of its volumes."""
        scene = slicer.mrmlScene
        mine = {node.GetID() for node in self._volumes.values() if scene.IsNodePresent(node)}
        for node in nodesIn(scene, "vtkMRMLSegmentationNode"):
            if mine & {node.GetNodeReferenceID(INPUT + sequence) for sequence in SEQUENCES}:
                removeResult(node)
        for identifier in mine:
            scene.RemoveNode(scene.GetNodeByID(identifier))
        self._volumes = {}


def note(segmentation: slicer.vtkMRMLSegmentationNode, item: Mapping[str, Any], saved: str) -> None:
    """Which case of which list a segmentation is."""
    noteSaved(
        segmentation,
        case=item["case"],
        folder=saved,
        listFolder=saved,
        version=item["version"],
        centre=item["centre"],
    )


def _emptySegmentation(
    reference: WrittenVolume, volumes: Mapping[str, WrittenVolume]
) -> slicer.vtkMRMLSegmentationNode:
    scene = slicer.mrmlScene
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(TITLE))
    segmentation.CreateDefaultDisplayNodes()
    styleOverlay(segmentation.GetDisplayNode())
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(reference.node)
    for sequence, volume in volumes.items():
        segmentation.SetNodeReferenceID(INPUT + sequence, volume.node.GetID())
    return segmentation


def _writeLabels(segmentation: slicer.vtkMRMLSegmentationNode, path: Path, reference: WrittenVolume) -> None:
    writeSegments(segmentation, slicer.util.arrayFromVolume(readOnGrid(path, reference)))
