"""Variations that imitate another centre's protocol: each does what its sentence says, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.training import TrainSettings
from ThrombusSegLib.training.augment import AIR
from ThrombusSegLib.training.cases import TrainingCase, make_case
from ThrombusSegLib.training.crops import draw_batch
from ThrombusSegLib.training.protocol import (
    PLAIN_FILL,
    PLAIN_FLUID,
    PLAIN_INFLOW,
    PLAIN_TISSUE,
    TISSUE_LIMIT,
    Protocol,
    change_contrast,
    draw_protocol,
    merge_slices,
)
from ThrombusSegLib.training.settings import AugmentSettings, CropSettings, DataSettings, DropoutSettings
from ThrombusSegLib.training.thin import BRIGHTER

#: Only what imitates a protocol.
ONLY = AugmentSettings(
    chance=0.0, thick_slices=0.0, contrast=0.0, brightness=0.0, double_slices=1.0, fluid=0.0, fill=0.0
)
SETTINGS = TrainSettings(
    data=DataSettings(manifest="manifest.csv"),
    batch=6,
    crop=CropSettings(slices=4, pixels=16),
    dropout=DropoutSettings(kind="none"),
    augment=ONLY,
)


def made_case(available: tuple[int, ...] = (1, 1, 1, 1, 0)) -> TrainingCase:
    random = np.random.default_rng(3)
    images = random.uniform(-1, 1, (5, 12, 24, 20)).astype(np.float16)
    labels = np.zeros((12, 24, 20), dtype=np.uint8)
    labels[5, 10:13, 8:12] = 1
    labels[6:8, 10:13, 8:12] = 2
    return make_case(images, np.array(available, bool), labels, 2.4)


def test_nothing_is_drawn_for_what_is_off() -> None:
    """So that runs of older settings see the crops that they saw."""
    random = np.random.default_rng(0)
    assert draw_protocol(AugmentSettings(), random) == Protocol()
    assert random.random() == np.random.default_rng(0).random()


def test_protocols_are_drawn_as_often_and_as_far_as_asked() -> None:
    settings, random = AugmentSettings(chance=0.5, double_slices=0.3, fluid=1.5, fill=0.6), np.random.default_rng(0)
    drawn = [draw_protocol(settings, random) for _ in range(2000)]
    assert np.mean([each.thickness == 2 for each in drawn]) == pytest.approx(0.3, abs=0.04)
    factors = np.array([each.fluid for each in drawn])
    assert np.mean(factors != 1.0) == pytest.approx(0.5, abs=0.04) and 0.4 <= factors.min() < factors.max() <= 2.5
    assert np.median(np.log(factors[factors != 1.0])) == pytest.approx(0.0, abs=0.1)
    fills = np.array([each.fill for each in drawn])
    assert np.mean(fills > 0) == pytest.approx(0.5, abs=0.04) and 0.55 < fills.max() <= 0.6


def test_fluid_changes_where_the_adc_shows_it_and_signal_free_places_stay_so() -> None:
    swi = np.full((2, 8, 8), -1.0, np.float32)
    swi[:, 2, 2] = -AIR
    adc = np.zeros_like(swi)
    adc[:, :4] = 3.0
    changed = change_contrast(swi, adc, Protocol(fluid=2.0))
    assert np.allclose(changed[:, 4:], -1.0) and np.allclose(changed[:, 2, 2], -AIR)
    assert np.allclose(changed[:, 0], 2.0 * (AIR - 1.0) - AIR)
    assert np.array_equal(change_contrast(swi, None, Protocol(fluid=2.0)), swi)


def test_dark_thin_things_are_filled_up_and_wide_ones_stay() -> None:
    swi = np.zeros((1, 30, 30), np.float32)
    swi[0, :, 5:7] = -3.0
    swi[0, :, 15:25] = -3.0
    changed = change_contrast(swi, None, Protocol(fill=0.5))
    assert np.allclose(changed[0, 15, 5:7], -1.5) and np.allclose(changed[0, 15, 15:25], -3.0)
    assert np.allclose(changed[0, 15, 10], 0.0)


def test_plain_t2_star_is_drawn_as_often_as_asked_and_within_its_ranges() -> None:
    settings, random = AugmentSettings(chance=0.5, double_slices=0.3, fluid=1.0, plain=0.4), np.random.default_rng(0)
    drawn = [draw_protocol(settings, random) for _ in range(2000)]
    plain = [each for each in drawn if each.inflow > 0]
    assert len(plain) / len(drawn) == pytest.approx(0.4, abs=0.04)
    ranges = {"fluid": PLAIN_FLUID, "fill": PLAIN_FILL, "inflow": PLAIN_INFLOW, "tissue": PLAIN_TISSUE}
    for name, (low, high) in ranges.items():
        values = [getattr(each, name) for each in plain]
        assert low <= min(values) < max(values) <= high
    assert np.mean([each.thickness == 2 for each in plain]) == pytest.approx(0.3, abs=0.06)


def test_bright_arteries_are_dimmed_and_texture_and_wide_things_stay() -> None:
    swi = np.zeros((1, 30, 30), np.float32)
    swi[0, :, 5:7] = 3.0
    swi[0, :, 10] = 0.5
    swi[0, :, 15:25] = 3.0
    changed = change_contrast(swi, None, Protocol(inflow=1.0))
    assert np.allclose(changed[0, 15, 5:7], BRIGHTER) and np.allclose(changed[0, 15, 10], 0.5)
    assert np.allclose(changed[0, 15, 15:25], 3.0) and np.allclose(changed[0, 15, 0], 0.0)


def test_tissues_take_the_contrast_of_flair_within_limits_and_signal_free_places_stay_so() -> None:
    swi = np.zeros((1, 8, 8), np.float32)
    swi[0, 0] = -AIR
    flair = np.full_like(swi, 1.0)
    flair[0, :, 4:] = 5.0
    changed = change_contrast(swi, None, Protocol(tissue=0.4), flair)
    assert np.allclose(changed[0, 0], -AIR)
    assert np.allclose(changed[0, 1:, :4], 0.4) and np.allclose(changed[0, 1:, 4:], 0.4 * TISSUE_LIMIT)
    assert np.array_equal(change_contrast(swi, None, Protocol(tissue=0.4)), swi)


@pytest.mark.parametrize("fluid", [1.0, 2.0])
def test_noise_below_no_signal_is_not_cut(fluid: float) -> None:
    """So that runs of settings without `plain` see the crops that they saw."""
    swi = np.full((1, 8, 8), -AIR - 0.5, np.float32)
    changed = change_contrast(swi, np.full_like(swi, 3.0), Protocol(fluid=fluid, fill=0.5))
    assert np.allclose(changed, -AIR - 0.5 * fluid)


def test_merged_slices_are_means_and_labels_what_covers_half() -> None:
    images = np.arange(4, dtype=np.float32).reshape(1, 4, 1, 1).repeat(2, 0)
    labels = np.array([1, 2, 0, 2], np.uint8).reshape(4, 1, 1)
    merged, found = merge_slices(images, labels, 2)
    assert merged[0].ravel().tolist() == [0.5, 2.5] and found.ravel().tolist() == [1, 2]
    assert merge_slices(images, labels, 1)[0] is images


def test_thick_slices_show_twice_as_much_of_the_case_and_say_where() -> None:
    case = made_case()
    thick = draw_batch([case], SETTINGS, 0)
    thin = draw_batch([case], replace(SETTINGS, augment=replace(ONLY, double_slices=0.0)), 0)
    assert thick.images.shape == thin.images.shape
    for crop, window in zip(thick.images, thick.windows, strict=True):
        edges = np.rint((np.sort(window, axis=1) + 1.0) / 2.0 * np.array(case.labels.shape)[:, None]).astype(int)
        assert edges[0, 1] - edges[0, 0] == 8
        if edges[0, 0] < 0 or edges[0, 1] > 12:
            continue  # filled up at the end of the case
        ours = np.asarray(case.images[0][tuple(slice(low, high) for low, high in edges)], dtype=np.float32)
        turned = ours[tuple(slice(None, None, -1 if low > high else 1) for low, high in window)]
        assert np.allclose(crop[0], turned.reshape(4, 2, 16, 16).mean(1), atol=1e-3)


def test_only_the_susceptibility_sequence_changes_its_contrast() -> None:
    both = replace(SETTINGS, augment=replace(ONLY, chance=1.0, double_slices=0.0, fluid=1.5, fill=0.6))
    still = {"rotation_degrees": 0.0, "scaling": 0.0, "misregistration_mm": 0.0, "blur_mm": 0.0, "gamma": 0.0}
    both = replace(both, augment=replace(both.augment, **still, bias=0.0, noise=0.0))
    plain = replace(both, augment=replace(both.augment, fluid=0.0, fill=0.0))
    place = list(Sequence).index(Sequence.SWI)
    changed, before = draw_batch([made_case()], both, 0).images, draw_batch([made_case()], plain, 0).images
    assert not np.allclose(changed[:, place], before[:, place], atol=0.05)
    assert np.array_equal(np.delete(changed, place, 1), np.delete(before, place, 1))
    assert draw_batch([made_case((0, 1, 0, 1, 0))], both, 0).images.shape == changed.shape  # neither is needed
