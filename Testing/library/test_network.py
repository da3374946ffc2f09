"""What UpAttLLSTM promises, whatever its weights are."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.network import NetworkSettings, UpAttLLSTM, build_network
from ThrombusSegLib.network.blocks import fold_norms
from ThrombusSegLib.network.gates import AttentionGate
from ThrombusSegLib.network.position import along
from ThrombusSegLib.network.recurrence import BidirectionalConvLSTM
from ThrombusSegLib.training.run import with_position

SMALL = NetworkSettings(widths=(4, 8, 8, 12), attention_heads=2)


@pytest.fixture(scope="module")
def network() -> UpAttLLSTM:
    torch.manual_seed(0)
    network = build_network(SMALL)
    with torch.no_grad():  # statistics as after training, so that normalisation does something
        for _ in range(3):
            network.train()(torch.randn(2, 5, 4, 32, 32), range(5))
    return network.eval()


def run(network: UpAttLLSTM, images: torch.Tensor, ids: list[int], **more: object) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        return network(images, ids, **more)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1::5])
def test_order_of_inputs_changes_nothing(network: UpAttLLSTM, order: tuple[int, ...]) -> None:
    images, ids = torch.randn(1, 4, 3, 32, 32), [0, 2, 3, 4]
    logits, attention = run(network, images, ids)
    again, weights = run(network, images[:, list(order)], [ids[place] for place in order])
    assert torch.equal(logits, again)
    assert torch.equal(attention[:, list(order)], weights)


@pytest.mark.parametrize("filling", [0.0, 1e6, float("nan")])
def test_absent_sequence_has_no_influence(network: UpAttLLSTM, filling: float) -> None:
    images = torch.randn(2, 5, 3, 32, 32)
    present = torch.tensor([[True, False, True, True, False], [False, True, True, False, True]])
    logits, attention = run(network, images, list(range(5)), present=present)
    images[~present] = filling
    again, _ = run(network, images, list(range(5)), present=present)
    assert torch.equal(logits, again)
    assert (attention[~present] == 0).all()
    for row in range(2):
        chosen = present[row].nonzero().flatten().tolist()
        alone, _ = run(network, images[row : row + 1, chosen], chosen)
        torch.testing.assert_close(alone[0], logits[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("subset", [s for n in range(1, 6) for s in itertools.combinations(range(5), n)])
def test_every_subset_runs(network: UpAttLLSTM, subset: tuple[int, ...]) -> None:
    logits, attention = run(network, torch.randn(1, len(subset), 2, 16, 16), list(subset))
    assert logits.shape == (1, 2, 2, 16, 16) and torch.isfinite(logits).all()
    torch.testing.assert_close(attention.sum(1), torch.ones(1, 2, 16, 16))


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 5), st.integers(1, 41), st.integers(1, 41), st.integers(1, 3))
def test_shapes_hold_for_odd_sizes(slices: int, rows: int, columns: int, batch: int) -> None:
    torch.manual_seed(0)
    output = run(build_network(SMALL).eval(), torch.randn(batch, 2, slices, rows, columns), [1, 4])
    assert output[0].shape == (batch, 2, slices, rows, columns)
    assert output[1].shape == (batch, 2, slices, rows, columns)


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    network = build_network(SMALL).train()
    output = network(torch.randn(2, 5, 4, 32, 32), range(5))
    (output.logits * torch.randn_like(output.logits)).sum().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_working_in_parts_changes_nothing(network: UpAttLLSTM, at_once: int) -> None:
    images = torch.randn(1, 3, 7, 32, 32)
    shares: list[float] = []
    whole, _ = run(network, images, [0, 1, 4])
    parts, _ = run(network, images, [0, 1, 4], slices_at_once=at_once, on_slices=shares.append)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)


def test_every_slice_sees_every_other(network: UpAttLLSTM) -> None:
    images = torch.randn(1, 1, 9, 32, 32)
    before, _ = run(network, images, [0])
    images[:, :, 0] += 1.0
    after, _ = run(network, images, [0])
    changed = (before - after).abs().amax(dim=(0, 1, 3, 4))
    assert (changed > 0).all()


def test_without_recurrence_only_neighbours_are_seen() -> None:
    torch.manual_seed(0)
    network = build_network(NetworkSettings(widths=(4, 8), attention_heads=2, recurrent_levels=0)).eval()
    images = torch.randn(1, 1, 9, 16, 16)
    before, _ = run(network, images, [0])
    images[:, :, 0] += 1.0
    after, _ = run(network, images, [0])
    changed = (before - after).abs().amax(dim=(0, 1, 3, 4))
    assert (changed[:2] > 0).all() and (changed[2:] == 0).all()


def test_position_is_where_a_crop_lies_in_the_whole(network: UpAttLLSTM) -> None:
    whole = along(torch.tensor([[-1.0, 1.0]]), 40, 20, 2)
    torch.testing.assert_close(whole[0, [0, -1]], torch.tensor([-0.95, 0.95]))
    part = along(torch.tensor([[-0.5, 0.5]]), 20, 10, 2)
    torch.testing.assert_close(part, whole[:, 5:15])
    images, ids = torch.randn(1, 2, 3, 40, 24), [0, 1]
    logits, _ = run(network, images, ids)
    same, _ = run(network, images, ids, window=torch.tensor([[[-1.0, 1.0]] * 3]))
    torch.testing.assert_close(logits, same)
    elsewhere, _ = run(network, images, ids, window=torch.tensor([[[-1.0, 0.0], [-1.0, 1.0], [-1.0, 1.0]]]))
    assert not torch.allclose(logits, elsewhere)
    mirrored, _ = run(network, images, ids, window=torch.tensor([[[-1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]]]))
    torch.testing.assert_close(logits, mirrored)  # the sides are alike


def test_weights_given_a_position_answer_as_before() -> None:
    torch.manual_seed(0)
    before = build_network(replace(SMALL, position=False)).eval()
    images = torch.randn(1, 2, 3, 32, 32)
    after = with_position(before, SMALL).eval()
    torch.testing.assert_close(run(before, images, [0, 3])[0], run(after, images, [0, 3])[0])


def test_folding_keeps_the_outputs(network: UpAttLLSTM) -> None:
    folded = build_network(SMALL)
    folded.load_state_dict(network.state_dict())
    fold_norms(folded)
    images = torch.randn(1, 2, 3, 32, 32)
    torch.testing.assert_close(run(folded, images, [0, 3])[0], run(network, images, [0, 3])[0], rtol=1e-3, atol=1e-4)


def test_recurrence_of_one_slice_and_both_directions() -> None:
    torch.manual_seed(0)
    cell = BidirectionalConvLSTM(6, 3)
    assert cell(torch.randn(2, 1, 6, 5, 7)).shape == (2, 1, 6, 5, 7)
    features = torch.randn(1, 4, 6, 5, 5)
    swapped = BidirectionalConvLSTM(6, 3)
    swapped.load_state_dict(cell.state_dict())
    with torch.no_grad():  # exchange the two directions' weights: reading backwards then gives the reverse
        swapped.input_to_gates.weight.copy_(cell.input_to_gates.weight.roll(12, 0))
        swapped.input_to_gates.bias.copy_(cell.input_to_gates.bias.roll(12, 0))
        swapped.state_to_gates.weight.copy_(cell.state_to_gates.weight.roll(12, 0))
        swapped.output.weight.copy_(cell.output.weight.roll(3, 1))
    torch.testing.assert_close(swapped(features.flip(1)).flip(1), cell(features))


def test_gate_only_weakens() -> None:
    skip = torch.randn(2, 4, 8, 8)
    gated = AttentionGate(4, 6)(skip, torch.randn(2, 6, 4, 4))
    assert gated.shape == skip.shape and (gated.abs() <= skip.abs()).all()


def test_settings_survive_json() -> None:
    assert NetworkSettings.from_json(SMALL.to_json()) == SMALL


@pytest.mark.parametrize(
    "values",
    [{"widths": ()}, {"widths": (0, 4)}, {"attention_heads": 5}, {"levels_per_sequence": 9}, {"recurrent_levels": 9}],
)
def test_impossible_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        NetworkSettings(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"widths": 3}', '{"widths": [8, 8], "depth": 1}'])
def test_unreadable_settings_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        NetworkSettings.from_json(text)


def test_operations_stay_within_the_budget() -> None:
    slices, rows, columns = 2, 64, 64  # operations grow with the number of voxels, so a small grid tells
    images = torch.randn(1, 4, slices, rows, columns)
    full = build_network().eval()
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        full(images, [0, 1, 2, 4])
    assert counter.get_total_flops() / 1e9 * (32 * 256 * 256) / (slices * rows * columns) < 300
    with torch.inference_mode(), FlopCounterMode(display=False) as fewer:
        full(images, range(4), present=torch.tensor([[True, False, False, False]]))
    assert fewer.get_total_flops() < 0.8 * counter.get_total_flops()  # absent sequences cost nothing
