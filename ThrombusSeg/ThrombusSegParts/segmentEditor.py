"""Slicer's own Segment Editor, embedded and prepared for targets of a few millimeters."""

from __future__ import annotations

from typing import Any

import slicer

from .mapDisplay import referenceOf
from .relabel import THROMBUS
from .sceneNodes import nodesIn

EFFECTS = ("Paint", "Erase", "Scissors", "Threshold", "Islands")
_TAG = "ThrombusSeg"
#: The brush is a disk within the slice, in mm: clots are one to three slices thick and about as wide as this.
_BRUSH = {"BrushSphere": "0", "BrushDiameterIsRelative": "0", "BrushAbsoluteDiameter": "2", "BrushPixelMode": "0"}
_DIAMETER = "BrushAbsoluteDiameter"
#: The reader's own diameter, for the next case.
_KEPT = "ThrombusSeg.BrushDiameter"
_UNDO_STATES = 30


def createEditor() -> Any:
    """The widget, in no layout yet; what the panel decides is not offered."""
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMaximumNumberOfUndoStates(_UNDO_STATES)
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setEffectNameOrder(list(EFFECTS))
    editor.unorderedEffectsVisible = False
    editor.setSegmentationNodeSelectorVisible(False)
    editor.setSourceVolumeNodeSelectorVisible(False)
    editor.setSwitchToSegmentationsButtonVisible(False)
    editor.setAddRemoveSegmentButtonsVisible(False)
    return editor


def editorNode() -> slicer.vtkMRMLSegmentEditorNode:
    """The editor's choices: ours alone, and kept out of other modules' editors."""
    node = slicer.mrmlScene.GetSingletonNode(_TAG, "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag(_TAG)
        node = slicer.mrmlScene.AddNode(node)
    node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
    return node


def attach(editor: Any, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
    """Edit the thrombus of this segmentation, on its reference volume."""
    node = editorNode()
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setMRMLSegmentEditorNode(node)
    editor.setSegmentationNode(segmentation)
    editor.setSourceVolumeNode(referenceOf(segmentation))
    node.SetOverwriteMode(slicer.vtkMRMLSegmentEditorNode.OverwriteNone)
    # Only now: for each new volume the editor chooses a brush by itself, far too wide for a clot.
    for name, value in _BRUSH.items():
        node.SetAttribute(name, node.GetAttribute(_KEPT) or value if name == _DIAMETER else value)
    editor.setCurrentSegmentID(THROMBUS)
    editor.setupViewObservations()
    editor.installKeyboardShortcuts()


def detach(editor: Any) -> None:
    """No effect, no keys, no eyes on the views."""
    node = slicer.mrmlScene.GetSingletonNode(_TAG, "vtkMRMLSegmentEditorNode")
    if node is not None and node.GetAttribute(_DIAMETER):
        node.SetAttribute(_KEPT, node.GetAttribute(_DIAMETER))
    editor.setActiveEffect(None)
    editor.uninstallKeyboardShortcuts()
    editor.removeViewObservations()


def showIntersections(shown: bool) -> None:
    """Where each slice view cuts the others, as lines."""
    for display in nodesIn(slicer.mrmlScene, "vtkMRMLSliceDisplayNode"):
        display.SetIntersectingSlicesVisibility(shown)
