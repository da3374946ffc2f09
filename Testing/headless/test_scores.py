"""Scores of the section Review: clot burden with its parts, overestimation ratio; estimates that are saved."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


def answered(panel) -> None:
    worker = panel.reviewPanel.desk.worker
    deadline = time.monotonic() + 120
    while worker.isBusy():
        assert time.monotonic() < deadline, "the worker did not answer in time"
        worker.poll()
        time.sleep(0.01)


@pytest.fixture
def scoring(reviewed):
    """The part is unfolded, and the worker has measured the case."""
    section = reviewed.reviewPanel.ui.scoresCollapsibleButton
    section.collapsed = False
    section.connected["contentsCollapsed(bool)"](False)
    answered(reviewed)
    return reviewed


def tick(panel, *names: str) -> None:
    from ThrombusSegParts.reviewScoresPanel import PARTS

    ui = panel.reviewPanel.ui
    for name, part in PARTS.items():
        getattr(ui, name).checked = part in names
    ui.burdenDistalCheckBox.connected["clicked(bool)"](True)
    answered(panel)


def type_artery(panel, width: float) -> None:
    spin = panel.reviewPanel.ui.arteryWidthSpinBox
    spin.value = width
    spin.connected["valueChanged(double)"](width)
    answered(panel)


def saved(panel, folder: Path) -> dict:
    """Press Save; what review.json says then."""
    panel.savePanel.ui.annotatorEdit.text = "reader-1"
    panel.savePanel.ui.savePathEdit.currentPath = str(folder)
    panel.savePanel.ui.saveButton.connected["clicked(bool)"]()
    answered(panel)
    (path,) = folder.glob("case-*/review.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_boxes_are_the_parts_of_the_library_s_score() -> None:
    from ThrombusSegParts.reviewScoresPanel import PARTS

    from ThrombusSegLib.lesions.burden import PARTS as KNOWN

    assert sorted(PARTS.values()) == sorted(KNOWN)


def test_a_proposal_is_shown_until_a_reader_ticks(scoring) -> None:
    review = scoring.reviewPanel
    parts = [{"part": "M1 distal", "points": 2, "touched": True}, {"part": "A1", "points": 1, "touched": False}]
    review.desk.proposedBurden = {"score": 8, "parts": parts}
    review.desk.notify()
    assert review.ui.burdenDistalCheckBox.checked and not review.ui.burdenAnteriorCheckBox.checked
    assert "8 of 10, an estimate" in review.ui.burdenLabel.text and not review.desk.isUnsaved()
    assert "PubMed 23704103" in review.ui.burdenLabel.toolTip
    tick(scoring, "M1 distal", "M1 proximal", "ICA supraclinoid")
    assert review.ui.burdenLabel.text == "T2* clot burden score: 3 of 10, parts ticked by you."
    assert review.desk.isUnsaved()
    review.desk.changed()
    answered(scoring)
    assert review.ui.burdenProximalCheckBox.checked, "another measure does not untick"
    review.ui.burdenProposalButton.connected["clicked(bool)"]()
    assert not review.ui.burdenProximalCheckBox.checked and "ticked by you" not in review.ui.burdenLabel.text


def test_the_ratio_follows_the_typed_width(scoring) -> None:
    ui = scoring.reviewPanel.ui
    assert ui.signWidthSpinBox.value == pytest.approx(8.0, abs=2.5), "the candidate's own width"
    assert ui.ratioLabel.text == "Overestimation ratio: measure the artery, or type its width."
    ui.signWidthSpinBox.value = 6.0
    type_artery(scoring, 3.0)
    assert ui.ratioLabel.text.startswith(
        "Overestimation ratio of candidate 1: 2.00, an estimate (artery 3.0 mm, typed)"
    )
    assert "PubMed 28536172" in ui.ratioLabel.toolTip
    scoring.reviewPanel.go(1)
    assert ui.arteryWidthSpinBox.value == 0.0 and "candidate 1" in ui.ratioLabel.text
    scoring.reviewPanel.go(0)
    assert (ui.signWidthSpinBox.value, ui.arteryWidthSpinBox.value) == (6.0, 3.0)
    type_artery(scoring, 0.0)
    assert ui.ratioLabel.text == "Overestimation ratio: measure the artery, or type its width."


def test_a_ruler_gives_the_width_and_can_be_moved(scoring, headless) -> None:
    headless.scene.AddNewNodeByClass("vtkMRMLSelectionNode")
    interaction = headless.scene.AddNewNodeByClass("vtkMRMLInteractionNode")
    ui = scoring.reviewPanel.ui
    ui.rulerButton.connected["clicked(bool)"]()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    line = headless.scene.GetFirstNodeByClass("vtkMRMLMarkupsLineNode")
    line.AddControlPoint(0.0, 0.0, 0.0), line.AddControlPoint(0.0, 2.5, 0.0)
    answered(scoring)
    assert ui.arteryWidthSpinBox.value == 2.5 and "artery 2.5 mm, by ruler" in ui.ratioLabel.text
    line.SetNthControlPointPosition(1, 0.0, 4.0, 0.0)
    answered(scoring)
    assert ui.arteryWidthSpinBox.value == 4.0
    scoring.reviewPanel.go(1)
    assert headless.scene.GetFirstNodeByClass("vtkMRMLMarkupsLineNode") is None, "it was the other candidate's"


def test_the_opposite_artery_is_asked_of_the_worker_and_may_not_stand_out(scoring) -> None:
    ui = scoring.reviewPanel.ui
    assert ui.oppositeButton.enabled
    ui.oppositeButton.connected["clicked(bool)"]()
    answered(scoring)
    assert ui.ratioLabel.text == "No artery stands out on the other side: measure it with the ruler."
    assert not scoring.reviewPanel.desk.message


def test_the_opposite_artery_on_tof_gives_a_ratio(scoring) -> None:
    """A bright tube at the mirrored place of a head that is made symmetric."""
    import numpy as np

    case = scoring.reviewPanel.desk.case
    tof = case.segmentation.GetNodeReference("ThrombusSeg.InputTOF")
    values = slicer.util.arrayFromVolume(tof)
    values[:] = np.random.default_rng(0).normal(100, 2, values.shape)
    values[3:6, 8:16, 22:24] = 900.0
    tof.GetImageData().Modified()
    swi = case.segmentation.GetNodeReference("ThrombusSeg.InputSWI")
    half = slicer.util.arrayFromVolume(swi)
    half[:, :, 18:] = half[:, :, 17::-1]
    swi.GetImageData().Modified()
    ui = scoring.reviewPanel.ui
    ui.oppositeButton.connected["clicked(bool)"]()
    answered(scoring)
    assert "opposite artery on TOF" in ui.ratioLabel.text
    assert 2.0 < ui.arteryWidthSpinBox.value < 12.0


def test_both_are_saved_reopened_and_in_the_report(scoring, tmp_path: Path) -> None:
    from ThrombusSegParts.reviewScores import noteScores, scoresOf, takeSavedScores

    from ThrombusSegLib.export import read_measured
    from ThrombusSegLib.export.facts import lines_of

    tick(scoring, "M1 distal")
    scoring.reviewPanel.ui.signWidthSpinBox.value = 6.0
    type_artery(scoring, 4.0)
    record = saved(scoring, tmp_path)
    assert record["clot_burden_parts"] == ["M1 distal"] and record["clot_burden_score"] == 8
    expected = {"ratio": 1.5, "sign_width_mm": 6.0, "artery_width_mm": 4.0, "how": "typed", "candidate": 1}
    assert record["overestimation"] == expected
    facts = dict(lines_of(read_measured(tmp_path / record["case"])))
    assert facts["T2* clot burden score"] == "8 of 10 (ticked by a reader): M1 distal −2"
    assert facts["Overestimation ratio"] == "1.50 (estimate: sign 6.0 mm, artery 4.0 mm, typed)"
    segmentation = scoring.reviewPanel.desk.case.segmentation
    before = scoresOf(segmentation)
    noteScores(segmentation, parts=None, score=None, overestimation=None)
    assert scoresOf(segmentation) == {}
    takeSavedScores(segmentation, record)
    assert scoresOf(segmentation) == before


def test_what_nobody_ticked_is_not_saved(scoring, tmp_path: Path) -> None:
    record = saved(scoring, tmp_path)
    assert record["clot_burden_parts"] is None and record["clot_burden_score"] is None
    assert record["overestimation"] is None
