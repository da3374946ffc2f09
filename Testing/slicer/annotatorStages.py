"""The stages of the annotator's sections: review, correction, work list. Part of `drive.py`."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import qt
import slicer


def stage_review(driver: Any) -> None:
    """From candidate to candidate with the keys, a missed one clicked; what the table says of them."""
    review = driver.panel.reviewPanel
    section = review.ui.reviewCollapsibleButton
    answered = lambda: not review.desk.worker.isBusy()  # noqa: E731
    press_key(driver, "R")
    driver.report["decidedWhileFolded"] = decisions(review)
    section.collapsed = False
    driver.settle()
    for key in ("N", "P", "A"):
        press_key(driver, key)
    driver.wait(answered)
    driver.report["decided"] = decisions(review)
    driver.album("review", section)
    press_key(driver, "R")
    driver.report["rejected"] = [decisions(review), review.desk.case.voxelsChanged()]
    press_key(driver, "Ctrl+Z")
    driver.report["undone"] = [decisions(review), review.desk.case.voxelsChanged()]
    driver.press(review.ui.missedButton)
    click_in_view(driver, "Red", 0.62, 0.55)
    driver.wait(lambda: answered() and not review.missed.isWaiting(), 60)
    driver.report["missed"] = [decisions(review), review.ui.reviewMessageLabel.text]
    driver.album("review-missed", section)
    press_key(driver, "Ctrl+Z")
    section.collapsed = True
    driver.report["missedUndone"] = decisions(review)


def stage_correct(driver: Any) -> None:
    """Paint with the embedded editor, and take it back: counted, measured; its keys go with the section."""
    correct, review = driver.panel.correctPanel, driver.panel.reviewPanel
    section = correct.ui.correctCollapsibleButton
    driver.ui.resultCollapsibleButton.collapsed = True
    section.collapsed = False
    review.go(0)
    correct.editor.setActiveEffectByName("Paint")
    driver.settle()
    volume = review.desk.case.entries[0].measures["volume_mm3"]
    drag_in_view(driver, "Red", (0.5, 0.45), (0.6, 0.5))
    driver.settle(1.0)
    driver.wait(lambda: not review.desk.worker.isBusy())
    measured = review.desk.case.entries[0].measures
    driver.report["painted"] = [volume, measured["volume_mm3"], correct.ui.correctChangesLabel.text]
    driver.album("correct", section)
    correct.editor.undo()
    driver.settle(1.0)
    driver.report["unpainted"] = [review.desk.case.entries[0].measures["volume_mm3"], review.desk.case.voxelsChanged()]
    section.collapsed = True
    driver.ui.resultCollapsibleButton.collapsed = False
    driver.report["effectLeft"] = correct.editor.activeEffect() is not None


def stage_scenelist(driver: Any) -> None:
    """What is in the scene becomes a list, with its prediction; the folder is chosen as a user would in the dialog."""
    from ThrombusSegParts import workListPanel

    section, review = driver.panel.workListPanel, driver.panel.reviewPanel
    folder = driver.folder / "of-the-scene"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ask, workListPanel.chooseFolder = workListPanel.chooseFolder, lambda: str(folder)
    section.ui.listCollapsibleButton.collapsed = False
    driver.press(section.ui.listSceneButton)
    driver.wait(lambda: not section.writer.isBusy() and not review.desk.worker.isBusy())
    workListPanel.chooseFolder = ask
    driver.settle()
    driver.report["sceneList"] = [section.ui.listLabel.text, section.ui.listProgressBar.format]
    driver.album("scene-list", section.ui.listCollapsibleButton)
    section.ui.listCollapsibleButton.collapsed = True


def stage_worklist(driver: Any) -> None:
    """Two patients become a list; the first one is opened, predicted, saved; the key leads to the next."""
    section, save, review = driver.panel.workListPanel, driver.panel.savePanel, driver.panel.reviewPanel
    settled = lambda: not review.desk.worker.isBusy() and not section.loader.isBusy()  # noqa: E731
    save.ui.annotatorEdit.text = "reader-1"
    driver.ui.resultCollapsibleButton.collapsed = True
    section.ui.listCollapsibleButton.collapsed = False
    section.ui.listPathEdit.currentPath = str(two_patients(driver.folder / "studies"))
    driver.settle()
    driver.press(section.ui.listMakeButton)
    driver.wait(settled)
    driver.report["list"] = [section.ui.listLabel.text, section.ui.listProgressBar.format]
    review.desk.markSaved()  # what the stages before have left is not to be kept
    driver.size("1920")
    driver.photograph("worklist-new")
    press_key(driver, "J")
    driver.report["openedByKey"] = section.ui.listLabel.text.startswith("Opening") or not settled()
    if not driver.report["openedByKey"]:
        driver.press(section.ui.listNextButton)
    driver.wait(settled)
    driver.report["opened"] = [section.ui.listLabel.text, scene_names()]
    driver.press(driver.ui.segmentButton)
    driver.idle()
    save.ui.saveCollapsibleButton.collapsed = False
    driver.settle(1.0)
    driver.wait(settled)
    driver.press(save.ui.saveButton)
    driver.wait(settled)
    driver.report["saved"] = save.ui.saveLabel.text
    driver.album("save", save.ui.saveCollapsibleButton)
    photograph_folder(driver, Path(section.ui.listPathEdit.currentPath), "saved-folder")
    export = driver.panel.exportPanel
    export.ui.exportCollapsibleButton.collapsed = False
    export.ui.exportPathEdit.currentPath = str(driver.folder / "exported")
    driver.press(export.ui.exportButton)
    driver.wait(settled)
    driver.report["exported"] = export.ui.exportLabel.text
    driver.album("export", export.ui.exportCollapsibleButton)
    export.ui.exportCollapsibleButton.collapsed = save.ui.saveCollapsibleButton.collapsed = True
    driver.album("worklist", section.ui.listCollapsibleButton)
    press_key(driver, "J")
    driver.wait(settled)
    driver.report["openedNext"] = [section.ui.listLabel.text, scene_names()]
    section.ui.listCollapsibleButton.collapsed = True
    driver.ui.resultCollapsibleButton.collapsed = False


def photograph_folder(driver: Any, folder: Path, name: str) -> None:
    """What lies in a folder, as a file browser would show it."""
    paths = sorted(folder.rglob("*"))
    tree = qt.QTreeWidget()
    tree.setHeaderLabels([folder.name, "bytes"])
    items = {folder: tree.invisibleRootItem()}
    for path in paths:
        item = items[path] = qt.QTreeWidgetItem()
        item.setText(0, path.name)
        item.setText(1, "" if path.is_dir() else str(path.stat().st_size))
        items[path.parent].addChild(item)
    tree.expandAll()
    tree.setColumnWidth(0, 380)
    tree.resize(520, 22 * len(paths) + 40)
    tree.show()
    driver.settle()
    tree.grab().save(str(driver.folder / f"{name}.png"))
    tree.hide()
    driver.report["savedFiles"] = [path.relative_to(folder).as_posix() for path in paths if path.is_file()]


def two_patients(folder: Path) -> Path:
    """SWI and DWI of the sample case, twice."""
    from ThrombusSegParts.sampleData import sampleFolder

    for name in ("Meier", "Weber"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for sequence in ("SWI", "DWI"):
            shutil.copy(sampleFolder() / f"{sequence}.nii.gz", folder / name)
    shutil.rmtree(folder.with_name("studies-review"), ignore_errors=True)
    return folder


def scene_names() -> list[str]:
    """Of the volumes and segmentations in the scene."""
    kinds = ("vtkMRMLScalarVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTableNode")
    return [node.GetName() for kind in kinds for node in slicer.util.getNodesByClass(kind)]


def decisions(review: object) -> list[str]:
    """On each candidate."""
    return [entry.decision for entry in review.desk.case.entries]


def press_key(driver: Any, key: str) -> None:
    """As the keyboard does, with the mouse over the red slice view."""
    view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
    driver.window.activateWindow()
    view.setFocus()
    driver.settle(0.2)  # an application that is not active yet passes keys by its shortcuts
    qt_test_key(view, key)
    driver.settle(0.2)


def qt_test_key(widget: object, key: str) -> None:
    """Events of a key, with those that Qt asks first for shortcuts: PythonQt has no QTest."""
    letter = key.split("+")[-1]
    modifiers = qt.Qt.ControlModifier if "+" in key else qt.Qt.NoModifier
    code = getattr(qt.Qt, f"Key_{letter}")
    text = letter.lower() if modifiers == qt.Qt.NoModifier else ""
    for kind in (qt.QEvent.ShortcutOverride, qt.QEvent.KeyPress, qt.QEvent.KeyRelease):
        qt.QApplication.sendEvent(widget, qt.QKeyEvent(kind, code, modifiers, text))


def click_in_view(driver: Any, name: str, across: float, down: float) -> None:
    """Press and release the left button at a place of a slice view, in shares of its size."""
    interactor = slicer.app.layoutManager().sliceWidget(name).sliceView().interactor()
    width, height = interactor.GetSize()
    interactor.SetEventInformation(int(width * across), int(height * (1 - down)), 0, 0)
    for event in ("EnterEvent", "MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent"):
        interactor.InvokeEvent(event)
        driver.settle(0.1)


def drag_in_view(driver: Any, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A stroke of the left button from one place of a slice view to another, in shares of its size."""
    interactor = slicer.app.layoutManager().sliceWidget(name).sliceView().interactor()
    width, height = interactor.GetSize()
    strokes = [
        "EnterEvent",
        "MouseMoveEvent",
        "LeftButtonPressEvent",
        *["MouseMoveEvent"] * 8,
        "LeftButtonReleaseEvent",
    ]
    for step, event in enumerate(strokes):
        share = min(max(step - 2, 0) / 8, 1.0)
        across, down = (one + share * (other - one) for one, other in zip(start, end, strict=True))
        interactor.SetEventInformation(int(width * across), int(height * (1 - down)), 0, 0)
        interactor.InvokeEvent(event)
        driver.settle(0.05)


def stage_crash(driver: Any) -> None:
    """A candidate is rejected, and the application is killed before anything is saved; only when it is asked for."""
    driver.panel.reviewPanel.ui.reviewCollapsibleButton.collapsed = False
    driver.settle()
    press_key(driver, "R")
    driver.wait(lambda: not driver.panel.reviewPanel.desk.worker.isBusy())
    driver.report["changedBefore"] = driver.panel.reviewPanel.desk.case.voxelsChanged()
    (driver.folder / "report.json").write_text(json.dumps(driver.report), encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


def stage_offered(driver: Any) -> None:
    """The next session segments the same case: what was not saved is offered, and comes back; after `crash` only."""
    review = driver.panel.reviewPanel
    review.ui.reviewCollapsibleButton.collapsed = False
    driver.report["offered"] = [bool(review.ui.draftWidget.visible), review.ui.draftLabel.text]
    driver.album("unsaved", review.ui.reviewCollapsibleButton)
    driver.press(review.ui.draftRestoreButton)
    driver.wait(lambda: not review.desk.worker.isBusy())
    driver.report["restored"] = [decisions(review), review.desk.case.voxelsChanged()]
    driver.report["offeredAgain"] = bool(review.ui.draftWidget.visible)


ON_DEMAND = {"crash": stage_crash, "offered": stage_offered}
STAGES = {
    "review": stage_review,
    "correct": stage_correct,
    "scenelist": stage_scenelist,
    "worklist": stage_worklist,
}
