"""What a crop shows: modality dropout of every kind, progressive difficulty, and their picture."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ThrombusSegLib.training.curriculum import (
    apply_dropout,
    count_chances,
    draw_dropout,
    rare_subsets,
    stage_at,
    strength_at,
)
from ThrombusSegLib.training.difficulty import aimed_at, measure_contrast, share_at
from ThrombusSegLib.training.schedule_plot import draw_schedule, main
from ThrombusSegLib.training.settings import DataSettings, DifficultySettings, DropoutSettings, TrainSettings

ALL = np.ones(5, dtype=bool)
PREVALENCE = {"SWI": 1.0, "DWI+ADC": 2.0, "SWI+DWI+ADC": 3.0, "SWI+DWI+ADC+FLAIR+TOF": 4.0}
KINDS = [
    DropoutSettings(kind="none"),
    DropoutSettings(kind="constant"),
    DropoutSettings(kind="gradual"),
    DropoutSettings(kind="gradual", absence_kind="independent", absence_from=0.75),
    DropoutSettings(kind="gradual_floor", floor=0.02),
    DropoutSettings(kind="prevalence", prevalence=PREVALENCE),
]


def presences(
    settings: DropoutSettings, share_done: float, available: np.ndarray = ALL, count: int = 4000
) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.array([draw_dropout(settings, available, share_done, random).present for _ in range(count)])


@hypothesis_settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.booleans(), min_size=5, max_size=5).filter(any),
    st.floats(0, 1),
    st.integers(0, 2**31),
)
def test_at_least_one_available_sequence_stays_untouched(
    settings: DropoutSettings, available: list[bool], done: float, seed: int
) -> None:
    there = np.array(available)
    drawn = draw_dropout(settings, there, done, np.random.default_rng(seed))
    assert not (drawn.present & ~there).any()
    assert (drawn.present & (drawn.factors == 1.0)).any()
    if settings.kind == "gradual" and done < settings.absence_from:
        assert (drawn.present == there).all()
    if not drawn.present[there].all():
        assert (drawn.factors == 1.0).all()


@pytest.mark.parametrize("settings", KINDS, ids=lambda each: f"{each.kind}-{each.absence_kind}")
@pytest.mark.parametrize("done", [0.0, 0.3, 0.6, 0.99])
def test_crops_show_as_many_sequences_as_the_schedule_says(settings: DropoutSettings, done: float) -> None:
    expected = count_chances(settings, 5, done)
    counted = np.bincount(presences(settings, done).sum(1), minlength=6) / 4000
    assert expected.sum() == pytest.approx(1.0)
    assert np.abs(counted - expected).max() < 0.03


def test_single_sequences_are_met_often_once_absence_is_full() -> None:
    shown = presences(DropoutSettings(), 0.8)
    alone = shown[shown.sum(1) == 1]
    assert len(alone) / len(shown) == pytest.approx(0.2, abs=0.03)
    assert np.allclose(alone.mean(0), 0.2, atol=0.05)


def test_absence_begins_gently() -> None:
    assert [round(stage_at(DropoutSettings(), done).absence, 3) for done in (0.0, 0.499, 0.5, 0.625, 0.75, 1.0)] == [
        0.0, 0.0, 0.0, 0.5, 1.0, 1.0,
    ]  # fmt: skip


def test_independent_absence_is_as_frequent_as_asked() -> None:
    absent = ~presences(DropoutSettings(probability=0.3, absence_kind="independent"), 0.9)
    assert np.allclose(absent.mean(0), 0.3, atol=0.03)
    assert np.abs(np.corrcoef(absent.T) - np.eye(5)).max() < 0.06


def test_the_floor_holds_for_every_rare_subset_from_the_first_step() -> None:
    shown = presences(DropoutSettings(kind="gradual_floor", floor=0.04), 0.0, count=6000)
    rare = rare_subsets(ALL)
    assert len(rare) == 15
    for subset in rare:
        assert (shown == subset).all(1).mean() > 0.025
    assert [len(rare_subsets(np.array([True] * count + [False] * (5 - count)))) for count in range(1, 6)] == [
        0, 2, 6, 10, 15,
    ]  # fmt: skip


def test_sets_are_as_frequent_as_their_prevalence_among_those_a_case_has() -> None:
    settings = DropoutSettings(kind="prevalence", prevalence=PREVALENCE)
    three = np.array([True, True, True, False, False])
    shown = presences(settings, 0.0, three)
    found = {tuple(row): float((shown == row).all(1).mean()) for row in np.unique(shown, axis=0)}
    assert found == {
        (True, False, False, False, False): pytest.approx(1 / 6, abs=0.03),
        (False, True, True, False, False): pytest.approx(2 / 6, abs=0.03),
        (True, True, True, False, False): pytest.approx(3 / 6, abs=0.03),
    }
    flair = np.array([False, False, False, True, False])
    assert (presences(settings, 0.0, flair, 20) == flair).all()


def test_strength_rises_in_four_stages() -> None:
    assert [strength_at(DropoutSettings(), share) for share in (0.0, 0.24, 0.26, 0.5, 0.74, 0.76, 1.0)] == [
        0.25, 0.25, 0.5, 0.75, 0.75, 1.0, 1.0,
    ]  # fmt: skip


def test_weakened_sequences_follow_the_factor() -> None:
    images = np.ones((5, 1, 2, 2), np.float32)
    drawn = draw_dropout(DropoutSettings(probability=1.0, noise=0.0), ALL, 0.3, np.random.default_rng(1))
    values = apply_dropout(images, drawn)[:, 0, 0, 0]
    assert sorted(values.tolist()) == [0.5, 0.5, 0.5, 0.5, 1.0]


def test_weakening_is_drawn_for_each_sequence_on_its_own() -> None:
    random = np.random.default_rng(3)
    settings = DropoutSettings(probability=0.3)
    weakened = np.array([draw_dropout(settings, ALL, 0.1, random).factors != 1.0 for _ in range(4000)])
    assert np.allclose(weakened.mean(0), 0.3, atol=0.03)
    assert np.abs(np.corrcoef(weakened.T) - np.eye(5)).max() < 0.06


def test_large_clots_of_high_contrast_come_first() -> None:
    volumes = np.array([0.0, 5.0, 50.0, 500.0, 400.0, 8.0])
    contrasts = np.array([0.0, 0.1, 2.0, 3.0, 0.3, 0.2])
    settings = DifficultySettings(easy_until=0.2, easy_share=0.4, all_from=0.6)
    chosen = [aimed_at(volumes, contrasts, settings, done).tolist() for done in (0.0, 0.19, 0.4, 0.6, 1.0)]
    assert chosen == [[2, 3], [2, 3], [2, 3, 4, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert share_at(settings, 0.4) == pytest.approx(0.7)
    assert aimed_at(volumes, contrasts, DifficultySettings(), 0.0).tolist() == [1, 2, 3, 4, 5]
    assert aimed_at(np.zeros(3), np.zeros(3), settings, 0.0).tolist() == []


def test_contrast_is_measured_against_the_ring_around_the_clot() -> None:
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[1, 9:11, 9:11] = 1
    images = np.zeros((5, 3, 20, 20), np.float16)
    images[0], images[4] = 0.5, -1.0  # SWI, TOF
    images[0][labels == 1] = -2.0
    images[4][labels == 1] = 3.0
    images[0, :, :3] = -9.0  # far from it: no matter
    swi, tof = np.array([1, 0, 0, 0, 1], bool), np.array([0, 0, 0, 0, 1], bool)
    assert measure_contrast(images, swi, labels) == pytest.approx(2.5)
    assert measure_contrast(images, tof, labels) == pytest.approx(4.0)
    assert measure_contrast(images, swi, np.zeros_like(labels)) == 0.0


def test_the_schedule_can_be_drawn(tmp_path: Path) -> None:
    plain = TrainSettings(DataSettings("m"))
    hard = TrainSettings(DataSettings("m"), difficulty=DifficultySettings(easy_until=0.2))
    pictures = [ElementTree.fromstring(draw_schedule(settings)) for settings in (plain, hard)]
    lines = [len(picture.findall(".//{http://www.w3.org/2000/svg}polyline")) for picture in pictures]
    assert lines == [2, 3]
    assert "20 percent of the crops show one sequence" in pictures[0].attrib["aria-label"]
    assert main([str(tmp_path / "schedule.svg")]) == 0
    assert (tmp_path / "schedule.svg").read_text(encoding="utf-8") == draw_schedule(plain)
    assert main([str(tmp_path / "other.svg"), str(tmp_path / "absent.toml")]) == 2


def test_the_picture_in_the_documentation_is_that_of_the_defaults() -> None:
    documentation = Path(__file__).resolve().parents[2] / "docs" / "schedule.svg"
    assert documentation.read_text(encoding="utf-8") == draw_schedule(TrainSettings(DataSettings("m")))
