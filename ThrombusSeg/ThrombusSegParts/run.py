"""One run: its inputs as files, whom to tell, and its private folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slicer

from .errors import SegmentationError
from .nodesToFiles import WrittenVolume, checkInputs, writeVolume
from .resultToScene import ResultFiles, SegmentationResult
from .temporaryFolders import TemporaryFolder

OnProgress = Callable[[float, str], None]
"""Share done, 0 to 1, and the name of the stage."""
OnDone = Callable[[SegmentationResult], None]
OnError = Callable[[SegmentationError], None]


@dataclass
class Run:
    """What the logic keeps while the worker works."""

    identifier: str
    name: str
    folder: TemporaryFolder
    volumes: Mapping[str, WrittenVolume]
    onProgress: OnProgress | None = None
    onDone: OnDone | None = None
    onError: OnError | None = None
    deadline: float | None = None
    """Set by a cancel: when time.monotonic() passes it, the worker is ended by force."""
    files: ResultFiles | None = None
    """Set when the worker has done its part."""
    replacesEarlier: bool = False
    """Whether an earlier result on the same volumes, which nobody has worked on, leaves when this one is there."""
    stoppedBecause: str = ""
    """Why a run ends early; empty when the user asked for it."""

    @property
    def out(self) -> Path:
        """Where the worker writes the result."""
        return self.folder.path / "result"

    def command(self, weights: str, device: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent to the worker."""
        return {
            "command": "segment",
            "id": self.identifier,
            "inputs": {sequence: str(volume.path) for sequence, volume in self.volumes.items()},
            "out": str(self.out),
            "weights": weights,
            "device": device,
            "options": dict(options),
        }

    def removedInput(self, scene: slicer.vtkMRMLScene) -> str:
        """The sequence of an input that is no longer in the scene; empty if all are."""
        for sequence, volume in self.volumes.items():
            if not scene.IsNodePresent(volume.node):
                return sequence
        return ""

    def clean(self) -> None:
        """Delete the private folder."""
        self.folder.remove()


def prepareRun(
    identifier: str,
    name: str,
    inputs: Mapping[str, slicer.vtkMRMLScalarVolumeNode | None],
    temporaryFolder: str | None = None,
) -> Run:
    """Check the inputs and write them into a new folder that only this user can read.

    Raises:
        InputVolumeError: an input cannot be used. OSError: the disk is full or not writable. No folder is left behind.
    """
    chosen = checkInputs(inputs)
    folder = TemporaryFolder(temporaryFolder)
    try:
        volumes = {sequence: writeVolume(sequence, node, folder.path) for sequence, node in chosen.items()}
    except BaseException:
        folder.remove()
        raise
    return Run(identifier, name, folder, volumes)
