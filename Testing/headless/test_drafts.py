"""Unsaved corrections outlive a crash: kept after every stroke and decision, offered again, gone when saved."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from fakeWidgets import FakeShortcut

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def paint(desk) -> object:
    """A stroke of three voxels, and what the editor's events lead to a little later; the labels then."""
    from ThrombusSegParts.relabel import THROMBUS
    from ThrombusSegParts.voxels import labelsOf, maskOf, writeSegment

    segmentation = desk.case.segmentation
    mask = maskOf(segmentation, THROMBUS)
    mask[3, 10:13, 12] = 1
    writeSegment(segmentation, THROMBUS, mask)
    desk.look()
    return labelsOf(segmentation)


def crash(desk) -> object:
    """Another session comes to the same network's result; returns the segmentation, on the desk again."""
    from ThrombusSegParts.drafts import Drafts
    from ThrombusSegParts.relabel import Relabeler
    from ThrombusSegParts.reviewCase import REVIEW

    segmentation = desk.case.segmentation
    desk.setSegmentation(None)
    segmentation.RemoveAttribute(REVIEW)
    Relabeler(segmentation).apply(0.5, 0.0)
    desk.drafts = Drafts(desk.drafts.folder)
    desk.setSegmentation(segmentation)
    return segmentation


def test_a_stroke_and_a_decision_come_back_after_a_crash(reviewed) -> None:
    from ThrombusSegParts.voxels import labelsOf

    panel, desk = reviewed.reviewPanel, reviewed.reviewPanel.desk
    assert not panel.ui.draftWidget.visible
    FakeShortcut.press("A")
    FakeShortcut.press("R")
    labels = paint(desk)
    segmentation = crash(desk)
    assert (labelsOf(segmentation) != labels).any()
    assert panel.ui.draftWidget.visible and "were not saved" in panel.ui.draftLabel.text
    panel.ui.draftRestoreButton.connected["clicked(bool)"]()
    assert (labelsOf(segmentation) == labels).all()
    assert [each.decision for each in desk.case.entries] == ["accepted", "rejected", "undecided"]
    assert desk.case.voxelsChanged()["thrombus"] == {"added": 3, "removed": 4}
    assert desk.isUnsaved() and not panel.ui.draftWidget.visible and "not saved yet" in desk.message
    assert len(list(desk.drafts.folder.iterdir())) == 1, "kept anew by this session, the old one is gone"


def test_a_scene_that_was_closed_in_the_same_session_loses_nothing_either(reviewed) -> None:
    desk = reviewed.reviewPanel.desk
    FakeShortcut.press("R")
    segmentation = desk.case.segmentation
    desk.setSegmentation(None)
    desk.setSegmentation(segmentation)
    assert desk.draft is not None
    FakeShortcut.press("A")
    assert len(list(desk.drafts.folder.iterdir())) == 2, "what is done before the reader decides does not touch it"


def test_saving_leaves_no_draft_and_undoing_all_neither(reviewed, tmp_path: Path) -> None:
    from ThrombusSegParts.caseRecord import valuesToSave

    desk, folder = reviewed.reviewPanel.desk, tmp_path / "unsaved"
    FakeShortcut.press("A")
    assert len(list(folder.iterdir())) == 1
    FakeShortcut.press("Ctrl+Z")
    assert list(folder.iterdir()) == []
    FakeShortcut.press("R")
    assert len(list(folder.iterdir())) == 1 and valuesToSave(desk, "f", "r", "corrected")
    desk.markSaved()
    assert list(folder.iterdir()) == []


def test_a_draft_that_is_not_wanted_goes(reviewed, tmp_path: Path) -> None:
    panel, desk = reviewed.reviewPanel, reviewed.reviewPanel.desk
    FakeShortcut.press("R")
    crash(desk)
    panel.ui.draftDiscardButton.connected["clicked(bool)"]()
    assert not panel.ui.draftWidget.visible and list((tmp_path / "unsaved").iterdir()) == []
    assert [each.decision for each in desk.case.entries] == ["undecided"] * 3


def test_a_draft_names_nobody_and_holds_no_image(reviewed, tmp_path: Path) -> None:
    FakeShortcut.press("R")
    (file,) = (tmp_path / "unsaved").iterdir()
    text = file.read_text()
    assert "Doe" not in text + file.name and str(tmp_path) not in text
    assert set(json.loads(text)) == {"format", "time", "version", "labels", "attributes"}
    if os.name == "posix":
        assert file.parent.stat().st_mode & 0o077 == 0


def test_other_images_other_lists_and_damaged_files_bring_nothing_back(reviewed, tmp_path: Path) -> None:
    from ThrombusSegParts.savedFacts import noteSaved

    desk, folder = reviewed.reviewPanel.desk, tmp_path / "unsaved"
    FakeShortcut.press("R")
    (file,) = folder.iterdir()
    text = file.read_text()
    file.write_text(text[:-40])
    segmentation = crash(desk)
    assert desk.draft is None
    file.write_text(text)
    noteSaved(segmentation, listFolder="second/reader-2")
    crash(desk)
    assert desk.draft is None, "a second reader does not see the first one's work"
    noteSaved(segmentation, listFolder="")
    crash(desk)
    assert desk.draft is not None
    values = slicer.util.arrayFromVolume(segmentation.GetNodeReference("ThrombusSeg.InputSWI"))
    values[0, 0, 0] += 1
    segmentation.GetNodeReference("ThrombusSeg.InputSWI").GetImageData().Modified()
    crash(desk)
    assert desk.draft is None


def test_what_was_saved_since_is_not_overwritten(reviewed) -> None:
    from ThrombusSegParts.savedFacts import noteSaved, savedOf

    desk = reviewed.reviewPanel.desk
    FakeShortcut.press("R")
    segmentation = crash(desk)
    noteSaved(segmentation, case="case-001", version=2)
    desk.restoreDraft()
    assert savedOf(segmentation)["version"] == 0, "saved now, it goes beside version 2"


def test_old_drafts_go_by_themselves(reviewed, tmp_path: Path) -> None:
    desk, folder = reviewed.reviewPanel.desk, tmp_path / "unsaved"
    FakeShortcut.press("R")
    (file,) = folder.iterdir()
    os.utime(file, (time.time() - 31 * 86400,) * 2)
    crash(desk)
    assert desk.draft is None and list(folder.iterdir()) == []


def test_a_disk_that_refuses_is_said_and_work_goes_on(reviewed, tmp_path: Path) -> None:
    (tmp_path / "unsaved").write_text("in the way")
    FakeShortcut.press("R")
    desk = reviewed.reviewPanel.desk
    assert desk.message.startswith("A crash would lose this") and str(tmp_path) not in desk.message
    assert [each.decision for each in desk.case.entries] == ["rejected", "undecided", "undecided"]


def test_a_draft_stays_where_the_disk_refuses_to_keep_it_anew(reviewed, monkeypatch) -> None:
    desk = reviewed.reviewPanel.desk
    FakeShortcut.press("R")
    crash(desk)
    draft = desk.draft

    def refuse(segmentation: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.drafts, "keep", refuse)
    desk.restoreDraft()
    assert draft.path.is_file() and desk.message.startswith("A crash would lose this")
