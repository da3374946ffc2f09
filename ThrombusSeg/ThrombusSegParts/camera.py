"""Where the 3D view looks when a result is shown for the first time; afterwards it is the user's."""

from __future__ import annotations

import json
from typing import Any

import slicer

from .candidateTable import candidatePosition
from .mapDisplay import candidatesOf, referenceOf
from .resultToScene import ATTRIBUTE
from .sceneNodes import nodesIn

#: Of a camera: at which result it was pointed, on which volume that lies, and its pose then; JSON.
LOOK = ATTRIBUTE + "Look"
#: From the thrombus, mm: with Slicer's angle of 30 degrees a head fills the view.
_DISTANCE = 400.0
#: Toward the camera, RAS: from the front, 30 degrees above the axial slice, which then does not hide the artery.
_DIRECTION = (0.0, 0.866, 0.5)


def lookAtFirst(segmentation: slicer.vtkMRMLSegmentationNode) -> None:
    """Point the camera of the first 3D view at the thrombus, once for each result.

    Another result on the same volume does not turn a camera that the user has turned meanwhile.
    """
    camera, center = _firstCamera(segmentation.GetScene()), _centerOf(segmentation)
    if camera is None or center is None:
        return
    known = json.loads(camera.GetAttribute(LOOK) or "{}")
    role = segmentation.GetReferenceImageGeometryReferenceRole()
    here = {"result": segmentation.GetID(), "reference": segmentation.GetNodeReferenceID(role) or ""}
    turned = known.get("reference") == here["reference"] and known.get("pose") != _pose(camera)
    if turned or known.get("result") == here["result"]:
        return
    camera.SetFocalPoint(*center)
    camera.SetPosition(*(place + _DISTANCE * along for place, along in zip(center, _DIRECTION, strict=True)))
    camera.SetViewUp(0.0, 0.0, 1.0)
    camera.ResetClippingRange()
    camera.SetAttribute(LOOK, json.dumps({**here, "pose": _pose(camera)}))


def _pose(camera: slicer.vtkMRMLCameraNode) -> list[float]:
    return [round(value, 2) for value in (*camera.GetPosition(), *camera.GetFocalPoint(), *camera.GetViewUp())]


def _firstCamera(scene: slicer.vtkMRMLScene) -> slicer.vtkMRMLCameraNode | None:
    """That of the first 3D view."""
    view = scene.GetFirstNodeByClass("vtkMRMLViewNode")
    cameras = nodesIn(scene, "vtkMRMLCameraNode")
    mine = [each for each in cameras if view is not None and each.GetLayoutName() == view.GetLayoutName()]
    return next(iter((*mine, *cameras)), None)


def _centerOf(segmentation: slicer.vtkMRMLSegmentationNode) -> Any:
    """The most suspicious candidate, RAS in mm; without one the middle of the volume."""
    candidate = candidatePosition(candidatesOf(segmentation), 0)
    reference = referenceOf(segmentation)
    if candidate is not None or reference is None:
        return candidate
    bounds = [0.0] * 6
    reference.GetRASBounds(bounds)
    return [(low + high) / 2 for low, high in zip(bounds[::2], bounds[1::2], strict=True)]
