"""Networks for comparison: early fusion, and those of MONAI, behind the interface of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.inference.device import choose_device
from ThrombusSegLib.network import NetworkSettings, build_network
from ThrombusSegLib.network.blocks import make_ready
from ThrombusSegLib.training.baselines import (
    Baseline,
    build_baseline,
    build_for,
    is_baseline,
    load_baseline,
    save_for,
    training_of,
)
from ThrombusSegLib.training.norms import norms_of
from ThrombusSegLib.training.settings import BaselineSettings, DataSettings, TrainSettings
from ThrombusSegLib.weights import WeightsMetadata
from ThrombusSegLib.weights.header import read_header

KINDS = ("unet_2d", "unet_3d", "attention_unet_2d")
WIDTHS = (4, 8, 8, 8, 8)


def tiny(kind: str) -> Baseline:
    torch.manual_seed(2)
    return build_baseline(BaselineSettings(kind, WIDTHS), 5).eval()  # type: ignore[arg-type]


def early() -> torch.nn.Module:
    torch.manual_seed(2)
    sizes = NetworkSettings(widths=(4, 8, 8), attention_heads=2, recurrent_levels=1, fusion="channels")
    return build_network(sizes).eval()


@pytest.fixture(params=[*KINDS, "early"])
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    return early() if request.param == "early" else tiny(request.param)


def test_what_is_absent_is_not_read_and_order_does_not_matter(network: torch.nn.Module) -> None:
    images = torch.randn(2, 3, 5, 20, 27)
    present = torch.tensor([[True, False, True], [True, True, True]])
    with torch.inference_mode():
        first = network(images, [0, 1, 3], present)
        images[0, 1] = torch.nan
        second = network(images[:, [2, 0, 1]], [3, 0, 1], present[:, [2, 0, 1]])
    assert first.logits.shape == (2, 2, 5, 20, 27) and torch.isfinite(first.logits).all()
    torch.testing.assert_close(first.logits, second.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(first.attention.sum(1), torch.ones(2, 5, 20, 27))
    assert (first.attention[0, 1] == 0).all()


def test_which_sequence_it_is_matters(network: torch.nn.Module) -> None:
    images = torch.randn(1, 1, 4, 32, 32)
    with torch.inference_mode():
        assert (network(images, [0]).logits - network(images, [2]).logits).abs().max() > 1e-6


def test_working_in_parts_and_made_ready_it_says_the_same(network: torch.nn.Module) -> None:
    images, told = torch.randn(1, 2, 7, 32, 48), list[float]()
    with torch.inference_mode():
        whole = network(images, [1, 4]).logits
        ready = make_ready(network, choose_device("cpu")[0])
        parts = ready(images, [1, 4], slices_at_once=3, on_slices=told.append).logits
    torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-4)
    assert told and told[-1] == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_learns_and_normalises_over_the_batch(kind: str) -> None:
    network = tiny(kind).train()
    network(torch.randn(2, 5, 4, 32, 32), range(5)).logits.square().sum().backward()
    assert norms_of(network) and all(parameter.grad is not None for parameter in network.parameters())
    assert torch.sigmoid(network(torch.randn(2, 5, 4, 32, 32), range(5)).logits).mean() < 0.2


def test_a_3d_network_sees_neighbouring_slices_and_a_2d_one_does_not() -> None:
    images = torch.randn(1, 5, 8, 32, 32)
    other = images.clone()
    other[:, :, 5] += 3.0
    for kind, sees in (("unet_3d", True), ("unet_2d", False), ("attention_unet_2d", False)):
        with torch.inference_mode():
            change = (tiny(kind)(images, range(5)).logits - tiny(kind)(other, range(5)).logits)[:, :, 4].abs().max()
        assert bool(change > 1e-6) is sees, kind


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_a_baseline_come_back_and_are_refused_as_ours(tmp_path: Path, kind: str) -> None:
    data = DataSettings(phantom_centre="A")
    settings = TrainSettings(data=data, baseline=BaselineSettings(kind, WIDTHS))  # type: ignore[arg-type]
    network, path = build_for(settings).eval(), tmp_path / "weights.safetensors"
    metadata = WeightsMetadata(settings.network, "card", "simulated data", 0.4, 6.0, {"steps": 3})
    sha256 = save_for(settings, network, path, metadata)
    entry, again = load_baseline(path, "plain")
    assert (entry.sha256, entry.name, entry.threshold, entry.minimum_volume_mm3) == (sha256, "plain", 0.4, 6.0)
    assert is_baseline(path) and training_of(path) == {"steps": 3}
    images = torch.randn(1, 5, 2, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(images, range(5)).logits, again(images, range(5)).logits)
    with pytest.raises(InputError, match="does not hold weights of ThrombusSeg"):
        read_header(path)


def test_settings_of_early_fusion_travel_with_the_weights() -> None:
    sizes = NetworkSettings(fusion="channels")
    assert NetworkSettings.from_json(sizes.to_json()) == sizes
    older = json.loads(NetworkSettings().to_json())
    del older["fusion"]
    assert NetworkSettings.from_json(json.dumps(older)).fusion == "attention"
    with pytest.raises(InputError, match="fusion is 'late'"):
        NetworkSettings(fusion="late")  # type: ignore[arg-type]


def test_inference_needs_no_monai() -> None:
    code = "import sys; sys.modules['monai'] = None\nimport ThrombusSegLib.inference, ThrombusSegLib.network"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120).returncode == 0
