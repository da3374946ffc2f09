"""The section "Export": the case as it is, for other programs, written by the worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from .caseLoader import SERIES_FOLDER
from .caseRecord import inputsOf, valuesToSave
from .errors import SegmentationError
from .mapDisplay import referenceOf
from .panelPart import PanelPart
from .reviewDesk import ReviewDesk
from .savedFacts import savedOf

FOLDER_SETTING = "ThrombusSeg/ExportFolder"
#: By check box, what the worker calls it.
KINDS = {
    "exportNiftiCheckBox": "nifti",
    "exportNrrdCheckBox": "nrrd",
    "exportCsvCheckBox": "csv",
    "exportStlCheckBox": "stl",
    "exportHtmlCheckBox": "html",
    "exportPdfCheckBox": "pdf",
}
#: Under this name a case is exported whose reader gave none.
_UNNAMED = "reader"


class ExportPanel(PanelPart):
    """Builds itself from ExportPanel.ui.

    Args:
        layout: where the section goes.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        desk: what is exported.
        annotator: the reader's pseudonym.
    """

    def __init__(
        self, layout: Any, resourcePath: Callable[[str], str], desk: ReviewDesk, annotator: Callable[[], str]
    ) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/ExportPanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        layout.addWidget(self.widget)
        self.desk, self._annotator = desk, annotator
        self._exporting = False
        self._case: Any = None
        self._said = self._withheld = ""
        self.ui.exportPathEdit.currentPath = str(slicer.util.settingsValue(FOLDER_SETTING, "") or "")
        self.ui.exportButton.connect("clicked(bool)", lambda checked=False: self.export())
        desk.listeners.append(self._show)
        self._show()

    def export(self) -> None:
        """Write what is ticked; the window stays free. Where DICOM cannot be written, the others still are."""
        kinds = [kind for name, kind in KINDS.items() if getattr(self.ui, name).checked]
        out = str(self.ui.exportPathEdit.currentPath)
        try:
            self._check(kinds, out)
            series, self._withheld = self._seriesOrWhy(kinds)
            values = valuesToSave(self.desk, str(self._draft()), self._annotator() or _UNNAMED, "corrected")
        except (SegmentationError, OSError) as error:
            self._say(str(error))
            return
        values["based_on"] = 0
        qt.QSettings().setValue(FOLDER_SETTING, out)
        self._exporting = True
        self._say(_("Writing..."))

        def saved(result: Mapping[str, Any]) -> None:
            case = str(Path(values["folder"]) / result["case"])
            tasks = [{"case": case, "out": out, "kinds": kinds, "dicom": ""}] if kinds else []
            tasks += [{"case": case, "out": out, "kinds": [], "dicom": series}] if series else []
            self._write(tasks, [], [])

        self.desk.worker.ask("save", values, saved, self._failed)

    def _write(self, tasks: list[dict[str, Any]], files: list[str], notes: list[str]) -> None:
        """One task after the other; the last one is DICOM if there are two."""
        if not tasks:
            self._exporting = False
            names = ", ".join(Path(each).name for each in files)
            said = [_("Written: {names}.").format(names=names), *notes, *filter(None, [self._withheld])]
            self._say(" ".join(said))
            return

        def failed(error: SegmentationError) -> None:
            if not files:
                self._failed(error)
                return
            self._withheld = _("DICOM was not written: {reason}").format(reason=error)
            self._write([], files, notes)

        def done(result: Mapping[str, Any]) -> None:
            self._write(tasks[1:], [*files, *result["files"]], [*notes, *result["notes"]])

        self.desk.worker.ask("export", tasks[0], done, failed)

    def _failed(self, error: SegmentationError) -> None:
        self._exporting = False
        self._say(str(error))

    def _seriesOrWhy(self, kinds: list[str]) -> tuple[str, str]:
        """The folder of the series, "" for no DICOM; and why there is none although it is ticked.

        Raises:
            SegmentationError, OSError: the same reason, where nothing else is ticked.
        """
        if not self.ui.exportDicomCheckBox.checked:
            return "", ""
        try:
            return self._series(), ""
        except (SegmentationError, OSError) as error:
            if not kinds:
                raise
            reason = getattr(error, "strerror", None) or error
            return "", _("DICOM was not written: {reason}").format(reason=reason)

    def _check(self, kinds: list[str], out: str) -> None:
        if self._exporting:
            raise SegmentationError(_("The last export is still being written."), kind="input")
        if not out:
            raise SegmentationError(_("No folder is chosen."), _("Choose where the files go."), "input")
        if not kinds and not self.ui.exportDicomCheckBox.checked:
            raise SegmentationError(_("Nothing is ticked."), _("Choose at least one kind of file."), "input")

    def _series(self) -> str:
        """A folder with the series; with its files alone where Slicer's database knows them, since others may lie
        beside them there."""
        chosen = str(self.ui.exportSeriesEdit.currentPath)
        if not chosen:
            raise SegmentationError(
                _("This case was not loaded from Slicer's DICOM database, so its series is not known."),
                _("Choose the folder of the series that the mask was drawn on."),
                "input",
            )
        case = self.desk.case
        if case is None or chosen != seriesFolderOf(case.segmentation):
            return chosen
        files = seriesFilesOf(case.segmentation)
        if not all(file.is_file() for file in files):
            text = _("The DICOM files of this case are no longer where Slicer's database looks for them.")
            raise SegmentationError(text, _("Choose the folder where they are now."), "input")
        folder = self._draft("series")
        for number, file in enumerate(files):
            shutil.copyfile(file, folder / f"{number:05d}.dcm")
        return str(folder) if files else chosen

    def _draft(self, kind: str = "export") -> Path:
        """A new folder for the case as it is: an export saves nothing in the reader's own folder."""
        count = 1
        while (folder := self.desk.folder() / f"{kind}-{count}").exists():
            count += 1
        folder.mkdir()
        return folder

    def _say(self, text: str) -> None:
        self._said = text
        self._show()

    def _show(self) -> None:
        case = self.desk.case
        if case is not self._case:
            self._case, self._said = case, ""
            self.ui.exportSeriesEdit.currentPath = seriesFolderOf(case.segmentation) if case is not None else ""
        self.ui.exportButton.enabled = case is not None and not self._exporting
        self.ui.exportLabel.text = self._said or (_("Nothing to export yet.") if case is None else self._idle())

    def _idle(self) -> str:
        name = savedOf(self.desk.case.segmentation).get("case")
        return _("Files are called {name}.").format(name=name) if name else _("Files are called by a pseudonym.")


def seriesFolderOf(segmentation: slicer.vtkMRMLSegmentationNode) -> str:
    """The folder of the DICOM series that the reference was loaded from, by Slicer's database or by the work list; ""
    if it was loaded from something else."""
    files = seriesFilesOf(segmentation)
    if files:
        return str(files[0].parent)
    reference = _reference(segmentation)
    return str(reference.GetAttribute(SERIES_FOLDER) or "") if reference is not None else ""


def seriesFilesOf(segmentation: slicer.vtkMRMLSegmentationNode) -> list[Path]:
    """The files of that series, as Slicer's database knows them; none if it does not."""
    reference = _reference(segmentation)
    identifiers = (reference.GetAttribute("DICOM.instanceUIDs") or "").split() if reference is not None else []
    database = getattr(slicer, "dicomDatabase", None)
    paths = [str(database.fileForInstance(each)) for each in identifiers] if database is not None else []
    return [Path(path) for path in paths if path]


def _reference(segmentation: slicer.vtkMRMLSegmentationNode) -> Any:
    """The volume the mask lies on; another input where that has left the scene."""
    nodes = (referenceOf(segmentation), *inputsOf(segmentation).values())
    return next((node for node in nodes if node is not None), None)
