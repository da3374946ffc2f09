"""Training: settings, the curriculum, crops, and a run that resumes as if it had never been interrupted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ThrombusSegLib.errors import Cancelled, InputError
from ThrombusSegLib.network import NetworkSettings
from ThrombusSegLib.training import TrainSettings, read_settings
from ThrombusSegLib.training.crops import TrainingCase, draw_batch
from ThrombusSegLib.training.curriculum import apply_dropout, draw_dropout, strength_at
from ThrombusSegLib.training.loop import learning_rate_at, train
from ThrombusSegLib.training.losses import StrokeLoss
from ThrombusSegLib.training.settings import CropSettings, DropoutSettings

SMALL = TrainSettings(
    manifest=Path("manifest.csv"),
    steps=6,
    batch=2,
    warmup_steps=2,
    checkpoint_every=2,
    precision="float32",
    crop=CropSettings(slices=3, pixels=16),
    network=NetworkSettings(widths=(4, 8), attention_heads=2),
)


def made_case(seed: int) -> TrainingCase:
    random = np.random.default_rng(seed)
    images = random.standard_normal((5, 6, 24, 20)).astype(np.float16)
    labels = np.zeros((6, 24, 20), dtype=np.uint8)
    labels[2:4, 10:13, 8:12] = 1
    labels[4, :8, :8] = 2
    images[0][labels == 1] -= 3
    return TrainingCase(images, np.array([1, 1, 1, 1, 0], bool), labels, np.argwhere(labels == 1).astype(np.int32))


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    st.lists(st.booleans(), min_size=5, max_size=5).filter(any),
    st.floats(0, 0.999),
    st.integers(0, 2**31),
    st.floats(0, 1),
)
def test_dropout_keeps_at_least_one_sequence(available: list[bool], done: float, seed: int, probability: float) -> None:
    there = np.array(available)
    drawn = draw_dropout(DropoutSettings(probability=probability), there, done, np.random.default_rng(seed))
    assert not (drawn.present & ~there).any()
    assert (drawn.present & (drawn.factors == 1.0)).any()
    if done < 0.75:
        assert (drawn.present == there).all()


def test_dropout_is_independent_per_sequence_and_as_frequent_as_asked() -> None:
    settings = DropoutSettings(probability=0.3)
    random = np.random.default_rng(0)
    absent = np.array([~draw_dropout(settings, np.ones(5, bool), 0.9, random).present for _ in range(4000)])
    assert np.allclose(absent.mean(0), 0.3, atol=0.03)
    assert np.abs(np.corrcoef(absent.T) - np.eye(5)).max() < 0.06


def test_strength_rises_in_four_stages() -> None:
    settings = DropoutSettings()
    assert [strength_at(settings, share) for share in (0.0, 0.24, 0.26, 0.5, 0.74, 0.76, 1.0)] == [
        0.25, 0.25, 0.5, 0.75, 0.75, 1.0, 1.0,
    ]  # fmt: skip


def test_weakened_sequences_follow_the_factor() -> None:
    images = np.ones((5, 1, 2, 2), np.float32)
    drawn = draw_dropout(DropoutSettings(probability=1.0, noise=0.0), np.ones(5, bool), 0.3, np.random.default_rng(1))
    values = apply_dropout(images, drawn)[:, 0, 0, 0]
    assert sorted(values.tolist()) == [0.5, 0.5, 0.5, 0.5, 1.0]


def test_crops_depend_on_seed_and_step_alone() -> None:
    cases = [made_case(1), made_case(2)]
    one, two = draw_batch(cases, SMALL, 4), draw_batch(cases, SMALL, 4)
    assert np.array_equal(one.images, two.images) and np.array_equal(one.targets, two.targets)
    assert one.images.shape == (2, 5, 3, 16, 16) and one.targets.shape == (2, 2, 3, 16, 16)
    assert not np.array_equal(one.images, draw_batch(cases, SMALL, 5).images)


def test_small_cases_are_filled_up() -> None:
    settings = replace(SMALL, crop=CropSettings(slices=9, pixels=40))
    batch = draw_batch([made_case(1)], settings, 0)
    assert batch.images.shape == (2, 5, 9, 40, 40) and np.isfinite(batch.images).all()


def test_crops_hold_the_thrombus_as_often_as_asked() -> None:
    settings = replace(SMALL, crop=CropSettings(slices=3, pixels=16, with_thrombus=1.0))
    assert all(draw_batch([made_case(3)], settings, step).targets[:, 0].any(axis=(1, 2, 3)).all() for step in range(6))


def test_loss_prefers_the_truth() -> None:
    targets = torch.zeros(2, 2, 3, 8, 8)
    targets[0, 0, 1, 2:4, 2:4] = targets[0, 1, 0, 4:7, 4:7] = 1
    loss = StrokeLoss(30.0, 0.3)
    assert (
        loss(20 * targets - 10, targets)
        < 0.1
        < loss(torch.zeros_like(targets), targets)
        < loss(10 - 20 * targets, targets)
    )


def test_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate_at(SMALL, step) for step in range(SMALL.steps)]
    assert (
        rates[0] == pytest.approx(SMALL.learning_rate / 2)
        and rates.index(max(rates)) in (1, 2)
        and rates[-1] < rates[2]
    )


def test_resumed_run_equals_an_unbroken_one(tmp_path: Path) -> None:
    cases = [made_case(1), made_case(2)]
    unbroken = train(SMALL, cases, tmp_path / "unbroken")
    calls = 0

    def stop_after_five(_share: float, _stage: str) -> bool:
        nonlocal calls
        calls += 1
        return calls < 5  # between two checkpoints

    with pytest.raises(Cancelled):
        train(SMALL, cases, tmp_path / "broken", progress=stop_after_five)
    resumed = train(SMALL, cases, tmp_path / "broken", resume=True)
    for (name, one), two in zip(unbroken.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, two), name


def test_a_run_is_not_overwritten_nor_continued_with_other_settings(tmp_path: Path) -> None:
    train(SMALL, [made_case(1)], tmp_path)
    with pytest.raises(InputError, match="already holds"):
        train(SMALL, [made_case(1)], tmp_path)
    with pytest.raises(InputError, match="other settings"):
        train(replace(SMALL, learning_rate=1.0), [made_case(1)], tmp_path, resume=True)


def test_the_log_says_what_each_step_cost(tmp_path: Path) -> None:
    train(SMALL, [made_case(1)], tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(6)) and all(
        line["seconds"] >= line["waited"] for line in lines
    )


def test_settings_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('manifest = "m.csv"\nsteps = 500\n[network]\nwidths = [8, 16]\n[dropout]\nprobability = 1\n')
    settings = read_settings(path)
    assert settings.network.widths == (8, 16) and settings.steps == 500 and settings.dropout.probability == 1.0


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("steps = 5", "manifest"),
        ('manifest = "m"\nstep = 5', "'step'"),
        ('manifest = "m"\nsteps = "many"', "'steps'"),
        ('manifest = "m"\n[crop]\npixels = 2', "crop"),
        ('manifest = "m"\nprecision = "half"', "precision"),
        ('manifest = "m"\nsteps = 50', "warmup_steps"),
        ("manifest = ", "TOML"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_settings(path)
    with pytest.raises(InputError, match=r"nothing\.toml"):
        read_settings(tmp_path / "nothing.toml")
