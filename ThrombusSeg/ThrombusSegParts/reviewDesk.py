"""What the annotator's sections share: the case on the desk, the worker that measures it, and the time it has taken."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from .candidateTable import candidateTable, describe, fillTable
from .drafts import Draft, Drafts, discard, restore
from .earlierResults import isReviewed
from .errors import SegmentationError
from .mapDisplay import candidatesOf, gridOf, mapsOf, referenceOf
from .nodesToFiles import WrittenVolume, worldMatrix, writeVolume
from .resultToScene import ATTRIBUTE, RESULT_ATTRIBUTE, readOnGrid
from .reviewCase import ReviewCase
from .reviewScores import scoresOf
from .reviewTexts import statusText
from .reviewWorker import OnAnswer, ReviewWorker
from .temporaryFolders import TemporaryFolder
from .voxels import labelsOf, writeLabels

#: After the last stroke; an effect may write several times.
_LOOK_MILLISECONDS = 300


class ReviewDesk:
    """One case at a time. Its listeners are called whenever something on it has changed."""

    def __init__(self) -> None:
        self.worker = ReviewWorker()
        self.case: ReviewCase | None = None
        self.listeners: list[Callable[[], None]] = []
        self.message = ""
        """A sentence for the reader: what went wrong, or what was done."""
        self.editing = False
        """Whether the section Correct is unfolded: its editor then has the undo key."""
        self._observed: list[tuple[Any, int]] = []
        self._folder: TemporaryFolder | None = None
        self._left: list[TemporaryFolder] = []  # of cases that are no longer on the desk
        self.worker.onIdle = self._tidy
        self._written: dict[str, tuple[Any, ...]] = {}
        self.meanings: dict[str, Any] | None = None
        """What each measure means, from the library, with "tooltip"."""
        self.proposedBurden: dict[str, Any] | None = None
        """The worker's proposal of the clot burden score; None where no part is likely."""
        self.isMeasured = False
        """Whether the worker has measured this case."""
        self._measuring = self._again = False
        self._seconds, self._since = 0.0, None
        self._savedState: Any = None
        self.drafts = Drafts()
        self.draft: Draft | None = None
        """What was left unsaved of this case before, until the reader decides on it."""
        self._timer = qt.QTimer()
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._timer.connect("timeout()", self.look)

    def setSegmentation(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        """From now on this one is on the desk; None for nothing."""
        if segmentation is (self.case.segmentation if self.case is not None else None):
            return
        self._clear()
        if segmentation is not None and gridOf(segmentation) is not None:
            try:
                self.case = ReviewCase(segmentation)
            except (ImportError, ValueError) as error:
                self.message = _("The candidates cannot be reviewed: {reason}").format(reason=error)
            else:
                self._observe(segmentation)
                self.resume()
                self._savedState = self.state()
                self.draft = self.drafts.begin(segmentation)
                self._showRows()
        self.notify()

    def resume(self) -> None:
        """The reader is here: time counts."""
        if self.case is not None and self._since is None:
            self._since = time.monotonic()

    def pause(self) -> None:
        """The reader does something else."""
        self._seconds = self.seconds()
        self._since = None

    def seconds(self) -> float:
        """Time spent on this case with the module open."""
        return self._seconds + (time.monotonic() - self._since if self._since is not None else 0.0)

    def restartClock(self) -> None:
        """What comes now belongs to the next version."""
        self._seconds, self._since = 0.0, time.monotonic()

    def markSaved(self, state: Any = None) -> None:
        """What was on the desk in this state, or is now, is on the disk; what was done since is not."""
        self._savedState = self.state() if state is None else state
        self.message = ""
        if self.isUnsaved():
            self.worked()
        else:
            self.abandon()

    def abandon(self) -> None:
        """What is unsaved is not to come back: it is saved, or the reader leaves it."""
        if self.case is not None:
            self.drafts.forget(self.case.segmentation)

    def isUnsaved(self) -> bool:
        """Whether something would be lost if another case came."""
        return self.case is not None and self.state() != self._savedState

    def state(self) -> Any:
        """Of all that is saved: decisions, voxels, scores; another one as soon as one of them is."""
        if self.case is None:
            return None
        labels = labelsOf(self.case.segmentation)
        voxels = zlib.crc32(labels.tobytes()) if labels is not None else 0
        return [each.decision for each in self.case.entries], voxels, scoresOf(self.case.segmentation)

    def close(self) -> None:
        """End the worker, delete its files."""
        self._clear()
        self.worker.close()
        self._tidy()

    def notify(self) -> None:
        """Let every section show what is on the desk."""
        for listener in self.listeners:
            listener()

    def say(self, message: str) -> None:
        """Tell the reader something."""
        self.message = message
        self.notify()

    def fail(self, error: SegmentationError) -> None:
        """Tell the reader what went wrong."""
        self.say(str(error))

    def changed(self) -> None:
        """A decision was made or taken back: the table, the measures."""
        self.message = ""
        self._showRows()
        self.measure()
        self.worked()

    def worked(self) -> None:
        """The reader has done something that would be lost: it is kept until it is saved."""
        if self.isUnsaved():
            try:
                self.drafts.keep(self.case.segmentation)
            except OSError as error:
                text = _("A crash would lose this: unsaved work cannot be kept on the disk ({reason}).")
                self.message = text.format(reason=error.strerror or type(error).__name__)
        else:
            self.abandon()
        self.notify()

    def restoreDraft(self) -> None:
        """Bring back what was left unsaved."""
        draft, case = self.draft, self.case
        if draft is None or case is None:
            return
        if not restore(draft, case.segmentation):
            self.say(_("It does not fit these images: it was made on another grid."))
            return
        try:
            self.case = ReviewCase(case.segmentation)
        except ValueError as error:  # its volumes have left the scene
            self.say(str(error))
            return
        self.draft, self._savedState = None, None
        self.changed()
        if not self.drafts.holds(case.segmentation):  # the disk refused, and said so: the old one is the only one
            return
        discard(draft)
        self.say(_("Corrections of {time} are back, not saved yet.").format(time=draft.time))

    def discardDraft(self) -> None:
        """It is not wanted."""
        if self.draft is not None:
            discard(self.draft)
            self.draft = None
            self.notify()

    def look(self) -> None:
        """Has a hand or a slider changed the mask? Called a little after the last change."""
        self._timer.stop()
        if self.case is None or not slicer.mrmlScene.IsNodePresent(self.case.segmentation):
            return
        replaced = self.case.isReplaced()
        if replaced:
            self.case.restart()
            if not isReviewed(self.case.segmentation):
                self._savedState = self.state()  # a slider's position is no work
        if replaced or self.case.refresh():
            self._showRows()
            self.measure()
            self.worked()

    def measure(self) -> None:
        """Let the worker measure the mask as it is; the table follows."""
        if self._measuring:
            self._again = True
            return
        case = self.case
        values = self._guarded(lambda: {"labels": str(self.labelsFile()), **self.referenceFile()})
        if case is None or values is None:
            return
        self._measuring, self._again = True, False

        def done(result: Mapping[str, Any]) -> None:
            self._measuring = False
            if self.case is case and not self._again:
                case.measured(result["candidates"])
                self.proposedBurden, self.isMeasured = result["clot_burden"], True
                self._showRows()
                self.notify()
            elif self._again:
                self.measure()

        def failed(error: SegmentationError) -> None:
            self._measuring = False
            self.fail(error)

        self.worker.ask("measure", values, done, failed)

    def propose(self, position: tuple[float, float, float], onRow: Callable[[int], None]) -> None:
        """A mask for a thrombus whose center is here (RAS, mm), from the probability; `onRow` gets its row."""
        case = self.case
        values = self._guarded(
            lambda: {
                "probability": str(self.probabilityFile()),
                "point_ras": list(position),
                "out": str(self.folder() / "proposal.nrrd"),
            }
        )
        if case is None or values is None:
            return

        def done(result: Mapping[str, Any]) -> None:
            mask = self._guarded(lambda: self._maskFrom(Path(result["out"])))
            if mask is None or self.case is not case:
                return
            row = case.add(mask)
            self.changed()
            self.message = (
                _("Proposed from the probability: {volume:.0f} mm³. Correct it by hand if need be.")
                if result["from_map"]
                else _("The probability knows nothing here: a ball of {volume:.0f} mm³, to be painted over.")
            ).format(volume=float(result["volume_mm3"]))
            onRow(row)
            self.notify()

        self.worker.ask("propose", values, done, self.fail)

    def ask(self, task: str, values: Mapping[str, Any], onDone: OnAnswer) -> None:
        """Another task of the worker; what goes wrong is told."""
        self.worker.ask(task, values, onDone, self.fail)

    def folder(self) -> Path:
        """A private one for what the worker is given and gives."""
        if self._folder is None:
            self._folder = TemporaryFolder()
        return self._folder.path

    def labelsFile(self) -> Path:
        """The labels as they are."""
        segmentation = self.case.segmentation
        return writeLabels(labelsOf(segmentation), gridOf(segmentation), self.folder() / "labels.nrrd")

    def referenceFile(self) -> dict[str, str]:
        """The reference volume's as the worker's value "reference"; nothing where there is none."""
        volume = referenceOf(self.case.segmentation)
        return {"reference": str(self.volumeFile("reference", volume))} if volume is not None else {}

    def probabilityFile(self) -> Path:
        """That of the network; a map that knows nothing where there is none."""
        segmentation = self.case.segmentation
        probability = mapsOf(segmentation).get("probability")
        if probability is not None:
            return self.volumeFile("probability", probability)
        return writeLabels(0 * self.case.mask, gridOf(segmentation), self.folder() / "unknown.nrrd")

    def volumeFile(self, name: str, volume: slicer.vtkMRMLScalarVolumeNode) -> Path:
        """A volume as a file, written again only where it has changed."""
        state = (volume.GetID(), volume.GetMTime(), volume.GetImageData().GetMTime())
        if self._written.get(name) != state:
            writeVolume(name, volume, self.folder())
            self._written[name] = state
        return self.folder() / f"{name}.nrrd"

    def _guarded(self, make: Callable[[], Any]) -> Any:
        """None where a file cannot be written or read; the reader is told."""
        if self.case is None:
            return None
        try:
            return make()
        except (SegmentationError, OSError, ValueError) as error:
            self.say(str(error))
            return None

    def _maskFrom(self, path: Path) -> Any:
        grid = gridOf(self.case.segmentation)
        size = tuple(grid.GetImageData().GetDimensions())
        volume = readOnGrid(path, WrittenVolume(grid, path, size, worldMatrix(grid)))
        return slicer.util.arrayFromVolume(volume) > 0

    def _showRows(self) -> None:
        case = self.case
        table = candidatesOf(case.segmentation)
        if table is None:
            table = slicer.mrmlScene.AddNode(candidateTable([]))
            table.SetName(slicer.mrmlScene.GenerateUniqueName("Thrombus candidates"))
            table.SetAttribute(RESULT_ATTRIBUTE, "candidates")
            case.segmentation.SetNodeReferenceID(ATTRIBUTE + "candidates", table.GetID())
        fillTable(table, [{**each.measures, "status": statusText(each.decision)} for each in case.entries])
        if self.meanings is not None:
            describe(table, self.meanings)
        elif case.entries and self.worker.isRunning():
            self.worker.ask("definitions", {}, self._onMeanings, lambda error: None)

    def _onMeanings(self, meanings: dict[str, Any]) -> None:
        self.meanings = meanings
        if self.case is not None and candidatesOf(self.case.segmentation) is not None:
            describe(candidatesOf(self.case.segmentation), meanings)
            self.notify()

    def _observe(self, segmentation: slicer.vtkMRMLSegmentationNode) -> None:
        content = segmentation.GetSegmentation()
        events = ("SourceRepresentationModified", "RepresentationModified", "SegmentModified", "SegmentRemoved")
        watched = [(content, getattr(slicer.vtkSegmentation, name)) for name in events]
        for each, event in ((segmentation, vtk.vtkCommand.ModifiedEvent), *watched):
            self._observed.append((each, each.AddObserver(event, lambda caller, name: self._timer.start())))

    def _clear(self) -> None:
        self._timer.stop()
        for each, tag in self._observed:
            with contextlib.suppress(AttributeError):
                each.RemoveObserver(tag)
        self._observed, self.case, self.message, self.draft = [], None, "", None
        self._written, self._again = {}, False
        self.proposedBurden, self.isMeasured = None, False
        self._seconds, self._since = 0.0, None
        if self._folder is not None:
            self._left.append(self._folder)
            self._folder = None
        if not self.worker.isBusy():  # it may still save what lies there
            self._tidy()

    def _tidy(self) -> None:
        """Delete the images of the cases before."""
        while self._left:
            self._left.pop().remove()
