"""Corrections that are not saved yet, kept on disk after every stroke: a crash, or a power cut, loses none.

A draft holds labels and decisions, and no image, name or path. It lies in the user's own folder of settings, is called
after a checksum of the reference volume, and goes when the case is saved.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from .mapDisplay import gridOf, referenceOf
from .nodesToFiles import worldMatrix
from .relabel import rememberMask
from .resultToScene import ATTRIBUTE
from .reviewCase import MODEL_LABELS, REVIEW
from .reviewScores import SCORES
from .savedFacts import noteSaved, savedOf
from .voxels import labelsOf, packed, unpacked, writeSegments

#: What is kept of the segmentation node, beside its voxels.
_ATTRIBUTES = (REVIEW, SCORES, MODEL_LABELS, ATTRIBUTE + "Threshold", ATTRIBUTE + "MinimumVolume")
#: Nobody comes back to a draft that is older; our choice.
_DAYS_KEPT = 30
_FORMAT = 1


@dataclass(frozen=True)
class Draft:
    """What was left unsaved."""

    path: Path
    content: dict[str, Any]

    @property
    def time(self) -> str:
        """When the last stroke was kept: day and time of this machine."""
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(float(self.content["time"])))


class Drafts:
    """What is kept of the case on the desk, and what was left of it before: by a crash, or a scene that was closed.

    Args:
        folder: where they lie; by default beside the application's settings.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or draftsFolder()
        self._sitting = ""
        self._lastKey: tuple[Any, str] = (None, "")

    def keep(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        """Write what is on the desk, whole or not at all.

        Raises:
            OSError: the disk refuses.
        """
        path = self._own(segmentation)
        content = {
            "format": _FORMAT,
            "time": time.time(),
            "version": savedOf(segmentation).get("version", 0),
            "labels": packed(labelsOf(segmentation)),
            "attributes": {name: segmentation.GetAttribute(name) for name in _ATTRIBUTES},
        }
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        try:
            unfinished.write_text(json.dumps(content), encoding="ascii")
            unfinished.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def holds(self, segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
        """Whether this sitting has kept what is on the desk."""
        return self._own(segmentation).is_file()

    def forget(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        """What is on the desk is saved, or was left on purpose."""
        with contextlib.suppress(OSError):
            self._own(segmentation).unlink(missing_ok=True)

    def begin(self, segmentation: slicer.vtkMRMLSegmentationNode) -> Draft | None:
        """A case comes to the desk: the newest draft of it that was left before, which this sitting does not touch."""
        self._sitting = uuid.uuid4().hex[:8]
        self._removeOld()
        if not any(self.folder.glob("*.json")):
            return None  # spares the checksum
        own = self._own(segmentation)
        found = [_read(path) for path in self.folder.glob(f"{own.stem.split('-')[0]}-*.json") if path != own]
        return max((draft for draft in found if draft), key=lambda draft: draft.content["time"], default=None)

    def _own(self, segmentation: slicer.vtkMRMLSegmentationNode) -> Path:
        """Tells one case, of one work list, from all others: a second reader never meets the first one's draft."""
        volume = referenceOf(segmentation) or gridOf(segmentation)
        folder = savedOf(segmentation).get("listFolder", "")
        state = (volume.GetID(), volume.GetMTime(), volume.GetImageData().GetMTime(), folder)
        if self._lastKey[0] != state:
            self._lastKey = (state, _keyOf(volume, folder))
        return self.folder / f"{self._lastKey[1]}-{self._sitting}.json"

    def _removeOld(self) -> None:
        for path in self.folder.glob("*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _DAYS_KEPT * 86400:
                    path.unlink()


def restore(draft: Draft, segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Put labels and decisions back; False, and nothing changed, where they do not fit this segmentation."""
    attributes, like = draft.content["attributes"], labelsOf(segmentation)
    labels = unpacked(draft.content["labels"], like)
    if labels is None:
        return False
    model = unpacked(attributes.get(MODEL_LABELS) or "", like)
    if model is not None:  # only what differs from the network's mask is a correction
        writeSegments(segmentation, model)
        rememberMask(segmentation)
    writeSegments(segmentation, labels)
    for name, value in attributes.items():
        if value is not None:
            segmentation.SetAttribute(name, value)
    if savedOf(segmentation).get("version", 0) > draft.content["version"]:
        noteSaved(segmentation, version=draft.content["version"])  # what was saved since is not to be overwritten
    return True


def discard(draft: Draft) -> None:
    """It is not wanted any more."""
    with contextlib.suppress(OSError):
        draft.path.unlink(missing_ok=True)


def draftsFolder() -> Path:
    """Beside the application's settings; in the system's temporary folder where there is no application."""
    settings = getattr(getattr(slicer, "app", None), "slicerUserSettingsFilePath", "")
    return (Path(settings).parent if settings else Path(tempfile.gettempdir())) / "ThrombusSeg-unsaved"


def _keyOf(volume: slicer.vtkMRMLScalarVolumeNode, listFolder: str) -> str:
    matrix = worldMatrix(volume)
    place = [round(matrix.GetElement(row, column), 3) for row in range(3) for column in range(4)]
    digest = hashlib.sha256(slicer.util.arrayFromVolume(volume).tobytes())
    digest.update(json.dumps([place, listFolder]).encode())
    return digest.hexdigest()[:24]


def _read(path: Path) -> Draft | None:
    """None where it is damaged, or of a later version of the module."""
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        known = content["format"] == _FORMAT and isinstance(content["attributes"], dict)
        return Draft(path, content) if known and float(content["time"]) > 0 and content["labels"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
