"""The cases of the scene into a folder that can become a work list. One file at a time; whole or not at all.

::

    FOLDER/scene-review/images/case-001/SWI.nii        voxels and geometry; no name of a patient, a node or a file
    FOLDER/scene-review/results/case-001/...           what was predicted in the scene, as `thrombusseg segment` has it
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .errors import SegmentationError
from .nodesToFiles import writeVolume
from .predictionToFiles import canBeKept, writePrediction
from .sceneCases import SceneCase
from .steps import Steps

IMAGES = "images"
_NAME, _UNFINISHED = "scene-review", ".unfinished"


class SceneListWriter:
    """Writes while the window stays free.

    Args:
        onDone: given the folder, and of how many cases the prediction was kept.
        onProgress: given a sentence now and then.
        onError: given a sentence; nothing is left on the disk.
    """

    def __init__(
        self,
        onDone: Callable[[Path, int], None],
        onProgress: Callable[[str], None],
        onError: Callable[[str], None],
    ) -> None:
        self._onDone, self._onProgress, self._onError = onDone, onProgress, onError
        self._steps = Steps(self._fail, (OSError, SegmentationError, ValueError))
        self.step = self._steps.step
        self._unfinished: Path | None = None

    def isBusy(self) -> bool:
        """Whether cases are being written."""
        return self._steps.isBusy()

    def start(self, cases: list[SceneCase], parent: Path) -> None:
        """Begin; `onDone` or `onError` follows, unless it is closed before."""
        self.close()
        self._steps.start(self._write(cases, _freeName(parent)))

    def _fail(self, error: Exception) -> None:
        self.close()
        isOfDisk = isinstance(error, OSError)
        text = _("The cases could not be written: {reason}").format(reason=getattr(error, "strerror", None) or error)
        self._onError(text if isOfDisk else str(error))

    def close(self) -> None:
        """Write no further; what is unfinished goes."""
        self._steps.stop()
        if self._unfinished is not None:
            shutil.rmtree(self._unfinished, ignore_errors=True)
            self._unfinished = None

    def _write(self, cases: list[SceneCase], target: Path) -> Iterator[None]:
        self._unfinished = folder = target.with_name(target.name + _UNFINISHED)
        folder.mkdir()
        kept = 0
        for number, each in enumerate(cases, 1):
            name = f"case-{number:03d}"
            yield from self._writeImages(each.volumes, folder / IMAGES / name, f"{number}/{len(cases)}")
            if each.result is not None and canBeKept(each.result):
                yield from writePrediction(each.result, name, folder / "results" / name)
                kept += 1
        folder.rename(target)
        self._unfinished = None
        self._steps.stop()
        self._onDone(target, kept)

    def _writeImages(self, volumes: Mapping[str, Any], folder: Path, place: str) -> Iterator[None]:
        folder.mkdir(parents=True)
        for sequence, node in volumes.items():
            self._onProgress(_("Writing case {place}: {sequence}...").format(place=place, sequence=sequence))
            yield
            writeVolume(sequence, node, folder, ".nii")


def chooseFolder() -> str:
    """Where the cases go; empty if the user closes the dialog."""
    title = _("A folder for the cases of the scene")
    return str(qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title, "") or "")


def _freeName(parent: Path) -> Path:
    number = 1
    while True:
        path = parent / (_NAME if number == 1 else f"{_NAME}-{number}")
        if not path.exists() and not path.with_name(path.name + _UNFINISHED).exists():
            return path
        number += 1
