"""The first move of a slider finds ready what it needs; every move is told once."""

from __future__ import annotations

import sys

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of the volumes that are read for labels, as they are read."""
    from ThrombusSegParts import relabel

    names: list[str] = []
    imageOf = relabel.imageOf
    monkeypatch.setattr(relabel, "imageOf", lambda volume: names.append(volume.GetName()) or imageOf(volume))
    return names


def ring(panel) -> None:
    """Let the timer run out."""
    panel.resultPanel._ahead.start()
    while panel.resultPanel._ahead.steps.isBusy():
        panel.resultPanel._ahead.steps.step()


def move(panel, threshold: float) -> None:
    panel.ui.thresholdSlider.value = threshold
    panel.ui.thresholdSlider.connected["valueChanged(double)"](threshold)


def test_maps_are_read_before_a_slider_moves(reviewed, read) -> None:
    assert reviewed.resultPanel._ahead.steps.isBusy(), "it begins with the result that is shown"
    ring(reviewed)
    assert len(read) == 4 and "SimpleITK" in sys.modules, "probability, two of attention, and the reference"
    move(reviewed, 0.7)
    assert len(read) == 4 and reviewed.ui.resultLabel.text.startswith("2 candidates at threshold 0.70")


def test_a_run_loads_the_packages_while_the_worker_computes(panel, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("ThrombusSegParts.relabelAhead.importLibrary", asked.append)
    panel.resultPanel.update(busy=False)
    assert not panel.resultPanel._ahead.steps.isBusy(), "not before somebody segments"
    panel.resultPanel.update(busy=True)
    assert panel.resultPanel._ahead.steps.isBusy()
    ring(panel)
    assert (
        "SimpleITK" in asked and "ThrombusSegLib.lesions" in asked and not [name for name in asked if "torch" in name]
    )


def test_without_simpleitk_nothing_is_said_until_a_slider_moves(reviewed, monkeypatch) -> None:
    def fail(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("ThrombusSegParts.relabelAhead.importLibrary", fail)
    before = reviewed.ui.resultLabel.text
    ring(reviewed)
    assert reviewed.ui.resultLabel.text == before


def test_a_map_that_has_changed_since_is_read_again(reviewed, read) -> None:
    from ThrombusSegParts.mapDisplay import mapsOf

    ring(reviewed)
    probability = mapsOf(reviewed.resultPanel.segmentation)["probability"]
    slicer.util.arrayFromVolume(probability)[:] = 0.0
    probability.GetImageData().Modified()
    move(reviewed, 0.7)
    assert len(read) == 8 and reviewed.ui.resultLabel.text.startswith("No thrombus found")


def test_what_was_corrected_after_the_maps_were_read_stays(reviewed, read) -> None:
    from ThrombusSegParts.voxels import maskOf, writeSegment

    ring(reviewed)
    segmentation = reviewed.resultPanel.segmentation
    writeSegment(segmentation, "Infarct", 0 * maskOf(segmentation, "Infarct"))
    move(reviewed, 0.7)
    assert maskOf(segmentation, "Infarct").sum() == 0, "the infarct as it is now, not as it was"
    mask = maskOf(segmentation, "Thrombus")
    mask[0, 0, 0] = 1
    writeSegment(segmentation, "Thrombus", mask)
    move(reviewed, 0.5)
    assert maskOf(segmentation, "Thrombus")[0, 0, 0] == 1, "a correction is not overwritten"


def test_one_move_is_told_once(reviewed) -> None:
    from ThrombusSegParts.relabel import Relabeler

    relabeler = Relabeler(reviewed.resultPanel.segmentation)
    relabeler.apply(0.5, 0.0)
    told: list[str] = []
    relabeler.segmentation.AddObserver("ModifiedEvent", lambda caller, event: told.append(event))
    relabeler.apply(0.7, 0.0)
    assert len(told) == 1, "each change of an attribute would have Slicer show the segmentation anew"
