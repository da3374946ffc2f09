"""The losses: they prefer the truth, and crops without anything in them do no harm."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ThrombusSegLib.training.losses import StrokeLoss
from ThrombusSegLib.training.settings import LossSettings

KINDS = [LossSettings(kind=kind) for kind in ("tversky", "dice_ce", "dice_focal")]
each_kind = pytest.mark.parametrize("settings", KINDS, ids=lambda each: each.kind)


def made_targets() -> torch.Tensor:
    targets = torch.zeros(2, 2, 3, 8, 8)
    targets[0, 0, 1, 2:4, 2:4] = targets[0, 1, 0, 4:7, 4:7] = 1
    return targets


@each_kind
def test_loss_prefers_the_truth(settings: LossSettings) -> None:
    targets = made_targets()
    loss = StrokeLoss(settings)
    right, undecided, wrong = (loss(logits, targets) for logits in (20 * targets - 10, 0 * targets, 10 - 20 * targets))
    assert right < 0.1 < undecided < wrong


@each_kind
@pytest.mark.parametrize("size", [0.0, 1.0, 30.0])
def test_gradients_are_finite_and_push_down_where_nothing_is(settings: LossSettings, size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (size * torch.randn(2, 2, 3, 8, 8, generator=generator)).requires_grad_()
    loss = StrokeLoss(settings)(logits, torch.zeros_like(logits))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss) and torch.isfinite(gradient).all()
    assert (gradient >= 0).all() and gradient.sum() > 0


@each_kind
def test_a_missed_voxel_costs_more_the_larger_its_weight(settings: LossSettings) -> None:
    targets = made_targets()
    logits = torch.full_like(targets, -3.0)
    light, heavy = (StrokeLoss(replace(settings, thrombus_weight=weight))(logits, targets) for weight in (1.0, 30.0))
    assert heavy > light + 0.01


def test_a_higher_beta_makes_misses_dearer_than_false_alarms() -> None:
    targets = made_targets()
    misses, alarms = 20 * targets - 10, 20 * targets - 10
    misses[0, 0, 1, 2, 2] = -10
    alarms[0, 0, 1, 4, 4] = 10

    def difference(beta: float) -> float:
        loss = StrokeLoss(LossSettings(beta=beta, thrombus_weight=1.0))
        return float(loss(misses, targets) - loss(alarms, targets))

    assert difference(0.9) > difference(0.5) > difference(0.1)


def test_the_infarct_counts_as_much_as_asked() -> None:
    targets = made_targets()
    logits = 20 * targets - 10
    logits[:, 1] = 0.0
    none, some, all_of_it = (
        float(StrokeLoss(LossSettings(infarct_share=share))(logits, targets)) for share in (0, 0.3, 1)
    )
    assert some - none == pytest.approx(0.3 * (all_of_it - none))


def by_hand(settings: LossSettings, probability: float, targets: torch.Tensor) -> float:
    """The thrombus' loss where every voxel has the same probability, from the formulas, without MONAI.

    Tversky: 1 - TP / (TP + (1 - beta) FP + beta FN); Dice: 1 - 2 TP / (P + T); entropy: the mean over voxels, those of
    the thrombus times their weight; focal: each voxel's entropy times (1 - its probability of being right)^gamma.
    """
    count, true = targets[:, 0].numel(), float(targets[:, 0].sum())
    weight, miss, alarm = settings.thrombus_weight, -math.log(probability), -math.log(1.0 - probability)
    hit = probability * true
    dice = 1.0 - 2.0 * hit / (probability * count + true)
    entropy = (weight * true * miss + (count - true) * alarm) / count
    if settings.kind == "tversky":
        false, missed = probability * (count - true), (1.0 - probability) * true
        return 1.0 - hit / (hit + (1.0 - settings.beta) * false + settings.beta * missed) + entropy
    if settings.kind == "dice_ce":
        return dice + entropy
    focal = weight * true * miss * (1.0 - probability) ** settings.gamma
    return dice + (focal + (count - true) * alarm * probability**settings.gamma) / count


@each_kind
@pytest.mark.parametrize("probability", [0.02, 0.4, 0.9])
def test_each_loss_is_its_formula(settings: LossSettings, probability: float) -> None:
    targets = made_targets()
    settings = replace(settings, infarct_share=0.0, thrombus_weight=7.0)
    logits = torch.full_like(targets, math.log(probability / (1.0 - probability)))
    assert float(StrokeLoss(settings)(logits, targets)) == pytest.approx(
        by_hand(settings, probability, targets), rel=1e-3
    )


@each_kind
def test_half_precision_logits_give_a_float32_loss(settings: LossSettings) -> None:
    targets = made_targets()
    loss = StrokeLoss(settings)((8 * targets - 4).bfloat16(), targets)
    assert loss.dtype == torch.float32 and torch.isfinite(loss)


def test_the_cost_of_a_training_step_is_measured_both_ways() -> None:
    from ThrombusSegLib.benchmark.step import measure_step, sentence

    figures = measure_step(1, size=(2, 32, 32))
    plain, laid = figures["seconds_of_processor_time"].values()
    assert plain > 0 and laid > 0 and figures["ratio"] == pytest.approx(laid / plain, rel=0.05)
    assert "3 crops of 2 x 32 x 32 voxels" in sentence(figures)
