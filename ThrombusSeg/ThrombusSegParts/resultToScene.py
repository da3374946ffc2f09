"""From the worker's files to nodes: all of them in one folder of the subject hierarchy, or none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import slicer
import vtk

from .candidateTable import candidateTable
from .mapColors import createMapColors, findMapColors
from .nodesToFiles import RESULT_ATTRIBUTE, WrittenVolume, readVolume
from .overlay import styleOverlay
from .sceneNodes import nodesIn, removeNodes
from .sequences import SEQUENCES
from .terminology import SEGMENTS

#: Prefix of the attributes that tell what a node is; they are saved with the scene.
ATTRIBUTE = "ThrombusSeg."
#: The rows of the table of candidates with all their digits, JSON.
CANDIDATES = ATTRIBUTE + "Candidates"
#: Prefix of the references from a result to the volumes it was made of, by sequence.
INPUT = ATTRIBUTE + "Input"

#: What the segmentation of a result is called.
TITLE = "Thrombus segmentation"
_TABLE_TITLE = "Thrombus candidates"

#: Where a grid of a result and its reference volume may differ, in mm: NIfTI keeps the geometry in single precision.
_GRID_TOLERANCE_MM = 1e-2


#: A lower probability of a thrombus is not drawn, so that the image below stays as it is where there is nothing.
_DRAWN_FROM = 0.05


@dataclass(frozen=True)
class SegmentationResult:
    """What a run put into the scene."""

    name: str
    segmentation: slicer.vtkMRMLSegmentationNode
    probability: slicer.vtkMRMLScalarVolumeNode
    attention: Mapping[str, slicer.vtkMRMLScalarVolumeNode]
    """By sequence; those that were absent have none."""
    candidates: slicer.vtkMRMLTableNode
    folderItem: int
    """Of the subject hierarchy."""
    summary: Mapping[str, Any] = field(repr=False)
    """The content of result.json."""
    keptEarlier: bool = False
    """An earlier result of the panel on the same volumes is still there, as somebody has worked on it."""

    @property
    def thrombusFound(self) -> bool:
        """False means: there is no candidate."""
        return bool(self.summary["thrombus_found"])


class ResultFiles:
    """The images of a result, read one at a time so that the application stays responsive between them.

    Args:
        folder: where the worker wrote.
        summary: the content of result.json.
        volumes: what the worker was given, by sequence.
    """

    def __init__(self, folder: Path, summary: Mapping[str, Any], volumes: Mapping[str, WrittenVolume]) -> None:
        self.summary = summary
        self.volumes = volumes
        self.reference = volumes[summary["reference"]]
        self.images: dict[str, slicer.vtkMRMLScalarVolumeNode] = {}
        """In no scene yet: "segmentation", "probability", then by sequence."""
        used = [sequence for sequence in SEQUENCES if sequence in summary["sequences"]["used"]]
        self._todo = {"segmentation": folder / "segmentation.nii.gz"}
        self._todo["probability"] = folder / "probability_thrombus.nii.gz"
        self._todo.update({sequence: folder / f"attention_{sequence}.nii.gz" for sequence in used})

    def readNext(self) -> bool:
        """Read one more file. Returns False when there was none left.

        Raises:
            OSError, ValueError: a file is missing or does not fit.
        """
        key = next((key for key in self._todo if key not in self.images), None)
        if key is None:
            return False
        self.images[key] = readOnGrid(self._todo[key], self.reference)
        return True


def placeResult(
    scene: slicer.vtkMRMLScene, files: ResultFiles, name: str, leaving: Sequence[slicer.vtkMRMLNode] = ()
) -> SegmentationResult:
    """Add the nodes of a result to the scene; where names are taken, all of them end alike: "run 2".

    Args:
        files: all of them read.
        name: of the folder.
        leaving: nodes that are about to leave the scene, whose names are free.

    Raises:
        KeyError, ValueError: something does not fit; the scene is as it was.
    """
    maps = {key: volume for key, volume in files.images.items() if key != "segmentation"}
    segmentation = _segmentation(files.images["segmentation"], files.reference)
    table = candidateTable(files.summary["candidates"])
    placed = _Placed(scene, name, files.reference.node, _ending(scene, leaving))
    try:
        result = placed.all(segmentation, maps, table, files.summary)
    except BaseException:
        placed.undo()
        raise
    for sequence, volume in files.volumes.items():
        segmentation.SetNodeReferenceID(INPUT + sequence, volume.node.GetID())
    segmentation.SetAttribute(CANDIDATES, json.dumps(list(files.summary["candidates"])))
    return result


def readOnGrid(path: Path, reference: WrittenVolume) -> slicer.vtkMRMLScalarVolumeNode:
    """The volume with exactly the geometry of the reference, from which the file may differ by rounding only.

    Slicer's reader turns a left-handed grid into a right-handed one by reversing the slices; that is undone here.
    """
    volume = readVolume(path)
    found, turned = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(found)
    turned.SetElement(2, 2, -1.0)
    turned.SetElement(2, 3, reference.size[2] - 1.0)
    vtk.vtkMatrix4x4.Multiply4x4(found, turned, turned)
    if tuple(volume.GetImageData().GetDimensions()) == reference.size:
        if _isSameGrid(found, reference):
            volume.SetIJKToRASMatrix(reference.ijkToWorld)
            return volume
        if _isSameGrid(turned, reference):
            volume.SetAndObserveImageData(_slicesReversed(volume.GetImageData()))
            volume.SetIJKToRASMatrix(reference.ijkToWorld)
            return volume
    raise ValueError(f"The file {path.name} of the result does not lie on the grid of the reference volume.")


def _isSameGrid(ijkToRas: vtk.vtkMatrix4x4, reference: WrittenVolume) -> bool:
    """Whether four corners of the volume lie where the reference has them."""
    i, j, k = (size - 1.0 for size in reference.size)
    corners = ((0.0, 0.0, 0.0, 1.0), (i, 0.0, 0.0, 1.0), (0.0, j, 0.0, 1.0), (0.0, 0.0, k, 1.0))
    pairs = [(ijkToRas.MultiplyPoint(corner), reference.ijkToWorld.MultiplyPoint(corner)) for corner in corners]
    return all(math.dist(found, expected) < _GRID_TOLERANCE_MM for found, expected in pairs)


def _slicesReversed(image: vtk.vtkImageData) -> vtk.vtkImageData:
    flip = vtk.vtkImageFlip()
    flip.SetFilteredAxis(2)
    flip.SetInputData(image)
    flip.Update()
    return flip.GetOutput()


def _segmentation(labels: slicer.vtkMRMLScalarVolumeNode, reference: WrittenVolume) -> slicer.vtkMRMLSegmentationNode:
    """Two segments that share one labelmap, as the Segment Editor likes it; an empty one is there all the same."""
    labelmap = slicer.vtkOrientedImageData()
    labelmap.ShallowCopy(labels.GetImageData())
    labelmap.SetImageToWorldMatrix(reference.ijkToWorld)
    node = slicer.vtkMRMLSegmentationNode()
    segmentation = slicer.vtkSegmentation()
    binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation.SetSourceRepresentationName(binary)
    for kind in SEGMENTS:
        segment = slicer.vtkSegment()
        segment.SetName(kind.name)
        segment.SetColor(*kind.color)
        segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), kind.terminologyEntry())
        segment.SetLabelValue(kind.label)
        segment.AddRepresentation(binary, labelmap)
        segmentation.AddSegment(segment, kind.name)
    node.SetAndObserveSegmentation(segmentation)
    return node


class _Placed:
    """Adds nodes to the scene and can take all of them back."""

    def __init__(
        self, scene: slicer.vtkMRMLScene, name: str, reference: slicer.vtkMRMLScalarVolumeNode, ending: str
    ) -> None:
        self._scene = scene
        self._ending = ending
        self._name = name
        self._reference = reference
        self._nodes: list[slicer.vtkMRMLNode] = []
        self._hidden: list[slicer.vtkMRMLDisplayNode] = []
        self._hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        self._folder = self._createFolder()

    def all(
        self,
        segmentation: slicer.vtkMRMLSegmentationNode,
        maps: Mapping[str, slicer.vtkMRMLScalarVolumeNode],
        table: slicer.vtkMRMLTableNode,
        summary: Mapping[str, Any],
    ) -> SegmentationResult:
        """Place everything."""
        self._hideEarlier()
        # before the segmentation: the subject hierarchy asks for the display of its segments as soon as it is there
        display = self._scene.AddNewNodeByClass("vtkMRMLSegmentationDisplayNode")
        self._nodes.append(display)
        styleOverlay(display)
        segmentation.SetAndObserveDisplayNodeID(display.GetID())
        self._add(segmentation, TITLE, "segmentation")
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self._reference)
        for key, value in _facts(summary).items():
            segmentation.SetAttribute(ATTRIBUTE + key, value)
        for key, volume in maps.items():
            self._add(volume, _titleOf(key), key)
            self._display(volume, key)
            segmentation.SetNodeReferenceID(ATTRIBUTE + key, volume.GetID())
        self._add(table, _TABLE_TITLE, "candidates")
        segmentation.SetNodeReferenceID(ATTRIBUTE + "candidates", table.GetID())
        attention = {key: volume for key, volume in maps.items() if key != "probability"}
        return SegmentationResult(
            self._name, segmentation, maps["probability"], attention, table, self._folder, summary
        )

    def _hideEarlier(self) -> None:
        """Two results in the same colors cannot be told apart: those of earlier runs stay in the scene, unseen."""
        for node in nodesIn(self._scene, "vtkMRMLSegmentationNode"):
            display = node.GetDisplayNode()
            if node.GetAttribute(RESULT_ATTRIBUTE) and display is not None and display.GetVisibility():
                display.SetVisibility(False)
                self._hidden.append(display)

    def undo(self) -> None:
        """Remove what was added, and show again what was hidden."""
        for display in self._hidden:
            display.SetVisibility(True)
        removeNodes(self._scene, reversed(self._nodes))
        self._hierarchy.RemoveItem(self._folder)

    def _createFolder(self) -> int:
        """Beside the reference volume, so that a DICOM study keeps together what belongs to it."""
        parent = self._hierarchy.GetSceneItemID()
        item = self._hierarchy.GetItemByDataNode(self._reference)
        if item != self._hierarchy.GetInvalidItemID():
            parent = self._hierarchy.GetItemParent(item) or parent
        return self._hierarchy.CreateFolderItem(parent, self._name)

    def _add(self, node: slicer.vtkMRMLNode, title: str, role: str) -> None:
        node.SetName(title + self._ending)
        node.SetAttribute(RESULT_ATTRIBUTE, role)
        self._scene.AddNode(node)
        self._nodes.append(node)
        item = self._hierarchy.GetItemByDataNode(node)
        if item == self._hierarchy.GetInvalidItemID():
            self._hierarchy.CreateItem(self._folder, node)
        else:
            self._hierarchy.SetItemParent(item, self._folder)

    def _mapColors(self) -> slicer.vtkMRMLColorTableNode:
        node = findMapColors(self._scene)
        if node is None:
            node = self._scene.AddNode(createMapColors())
            self._nodes.append(node)
        return node

    def _display(self, volume: slicer.vtkMRMLScalarVolumeNode, key: str) -> None:
        """Window 0 to 1 and our color scale. No slice view shows the volume until it is chosen."""
        _tellUnits(volume, key)
        volume.CreateDefaultDisplayNodes()
        display = volume.GetDisplayNode()
        display.SetAndObserveColorNodeID(self._mapColors().GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(0.0, 1.0)
        if key == "probability":
            display.AutoThresholdOff()
            display.ApplyThresholdOn()
            display.SetThreshold(_DRAWN_FROM, 1.0)


def _tellUnits(volume: slicer.vtkMRMLScalarVolumeNode, key: str) -> None:
    """Shares from 0 to 1, without a unit; DICOM has no code for these quantities, hence a private one."""
    quantity = "Probability" if key == "probability" else "Attention"
    codes = ((quantity.upper(), "99THROMBUSSEG", quantity), ("1", "UCUM", "no units"))
    for tell, (value, scheme, meaning) in zip(
        (volume.SetVoxelValueQuantity, volume.SetVoxelValueUnits), codes, strict=True
    ):
        entry = slicer.vtkCodedEntry()
        entry.SetValueSchemeMeaning(value, scheme, meaning)
        tell(entry)


def _titleOf(key: str) -> str:
    return "Thrombus probability" if key == "probability" else f"Attention {key}"


def _ending(scene: slicer.vtkMRMLScene, leaving: Sequence[slicer.vtkMRMLNode]) -> str:
    """What tells the nodes of this result from those of others; nothing for the first one."""
    gone = {node.GetID() for node in leaving}
    nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
    taken = {node.GetName() for node in nodes if node.GetID() not in gone}
    titles = (TITLE, _TABLE_TITLE, *(_titleOf(key) for key in ("probability", *SEQUENCES)))
    endings = ("" if number == 1 else f" run {number}" for number in count(1))
    return next(ending for ending in endings if not taken & {title + ending for title in titles})


def _facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """What a saved scene should still tell about the result."""
    facts = {
        "Version": summary.get("version"),
        "Created": summary.get("created"),
        "Reference": summary.get("reference"),
        "Weights": summary.get("weights", {}).get("name"),
        "WeightsSHA256": summary.get("weights", {}).get("sha256"),
        "Device": summary.get("device"),
        "Threshold": summary.get("threshold"),
        "MinimumVolume": summary.get("minimum_volume_mm3"),
        "ThrombusFound": summary.get("thrombus_found"),
        "Notice": summary.get("notice"),
    }
    return {key: str(value) for key, value in facts.items() if value is not None}
