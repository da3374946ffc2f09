"""Weights files and their registry."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ThrombusSegLib import weights
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError, MachineError
from ThrombusSegLib.network import NetworkSettings, build_network
from ThrombusSegLib.weights import (
    WeightsMetadata,
    add_weights,
    find_weights,
    list_weights,
    load_network,
    register_bundled,
    remove_weights,
    save_network,
    verify,
)
from ThrombusSegLib.weights.header import read_header

SETTINGS = NetworkSettings(widths=(4, 8, 8), attention_heads=2, recurrent_levels=1)


def strings_of(file: Path) -> dict[str, str]:
    with safe_open(file, "pt") as opened:
        return dict(opened.metadata())


def test_half_precision_on_disk_and_single_in_memory(tiny_weights: Path):
    network = load_network(find_weights(tiny_weights))
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
    assert not network.training
    stored = load_file(tiny_weights)
    for name, tensor in network.state_dict().items():
        kind = torch.float16 if tensor.dim() > 1 else tensor.dtype
        assert stored[name].dtype == kind and torch.equal(tensor.to(kind), stored[name])


def test_statistics_may_be_larger_than_half_precision_holds(tmp_path: Path):
    network = build_network(SETTINGS)
    norm = network.encoder.first.norm
    norm.running_var.fill_(1e5)
    save_network(network, tmp_path / "a.safetensors", WeightsMetadata(SETTINGS, "", ""))
    assert bool((load_network(find_weights(tmp_path / "a.safetensors")).encoder.first.norm.running_var == 1e5).all())


def test_a_copy_says_another_threshold_and_keeps_its_numbers(
    tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "chosen.safetensors"
    words = ["weights", "describe", str(tiny_weights), "--out", str(out)]
    assert main([*words, "--threshold", "0.6", "--minimum-volume", "12", "--card", "Chosen."]) == 0
    old, new = read_header(tiny_weights).metadata, read_header(out).metadata
    assert (new.threshold, new.minimum_volume_mm3, new.card) == (0.6, 12.0, "Chosen.")
    assert (new.settings, new.trained_on, new.training) == (old.settings, old.trained_on, old.training)
    one, other = load_file(tiny_weights), load_file(out)
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert find_weights(out).sha256 in capsys.readouterr().out
    assert main(words) == 2 and "is there already" in capsys.readouterr().err
    for option, value in (("--threshold", "0"), ("--threshold", "nan"), ("--minimum-volume", "-1")):
        assert main([*words[:-1], str(tmp_path / "b.safetensors"), option, value]) == 2
    assert main([*words[:-1], str(tmp_path / "b.nii")]) == 2 and not list(tmp_path.glob("b*"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", "NaN"), ("threshold", "7"), ("minimum_volume_mm3", "-1")],
)
def test_a_file_that_says_impossible_thresholds_is_refused(name: str, value: str, tiny_weights: Path, tmp_path: Path):
    file = tmp_path / "wrong.safetensors"
    save_file(load_file(tiny_weights), file, metadata={**strings_of(tiny_weights), name: value})
    with pytest.raises(InputError, match=r"wrong\.safetensors: The (threshold|smallest volume)"):
        find_weights(file)


def test_metadata_comes_back_as_it_was(tiny_weights: Path, tmp_path: Path):
    training = {"seed": 1, "dice": 0.5, "data": "Schädel, simuliert"}
    metadata = WeightsMetadata(SETTINGS, "A card.", "simulated data", 0.35, 6.5, training)
    save_network(build_network(SETTINGS), tmp_path / "a.safetensors", metadata)
    assert read_header(tmp_path / "a.safetensors").metadata == metadata
    entry = find_weights(tmp_path / "a.safetensors")
    assert (entry.name, entry.threshold, entry.minimum_volume_mm3, entry.card) == ("a", 0.35, 6.5, "A card.")


def test_diverged_weights_are_not_saved_and_nothing_is_left(tmp_path: Path):
    network = build_network(SETTINGS)
    with torch.no_grad():
        next(network.parameters()).fill_(1e6)
    with pytest.raises(InputError, match="not finite"):
        save_network(network, tmp_path / "a.safetensors", WeightsMetadata(SETTINGS, "", ""))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_the_old_weights_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    network, path = build_network(SETTINGS), tmp_path / "w.safetensors"
    metadata = WeightsMetadata(SETTINGS, "card", "nothing")
    save_network(network, path, metadata)
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match=r"w\.safetensors cannot be written: No space left on device"):
        save_network(network, path, metadata)
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("ending", [".pt", ".pth", ".pkl", ".zip", ""])
def test_other_formats_are_refused_without_being_opened(tmp_path: Path, ending: str):
    file = tmp_path / f"weights{ending}"
    file.write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(InputError, match="refused"):
        find_weights(file)
    with pytest.raises(InputError, match="refused"):
        add_weights(file)


def test_unknown_weights_name_the_known_ones(tiny_weights: Path):
    add_weights(tiny_weights)
    with pytest.raises(InputError, match=r"no weights called nonsense.*tiny"):
        find_weights("nonsense")
    with pytest.raises(InputError, match=r"no weights called gone\.safetensors"):
        find_weights("/somewhere/gone.safetensors")


def test_add_find_and_remove(tiny_weights: Path, own_registry: Path):
    entry = add_weights(tiny_weights)
    assert entry.path.parent == own_registry
    assert find_weights("tiny") == entry
    assert entry in list_weights()
    assert add_weights(tiny_weights) == entry  # a second time changes nothing
    remove_weights("tiny")
    assert entry not in list_weights()
    assert not entry.path.exists()
    with pytest.raises(InputError, match="no added weights"):
        remove_weights("tiny")


def test_another_file_under_a_taken_name_is_refused(tiny_weights: Path, tmp_path: Path):
    add_weights(tiny_weights)
    save_network(build_network(SETTINGS), tmp_path / "tiny.safetensors", WeightsMetadata(SETTINGS, "", "others"))
    with pytest.raises(InputError, match="other weights called tiny"):
        add_weights(tmp_path / "tiny.safetensors")


def test_a_file_that_changed_is_not_loaded_and_the_advice_says_what_to_do(tiny_weights: Path):
    entry = add_weights(tiny_weights)
    assert verify(entry) is None
    content = bytearray(entry.path.read_bytes())
    content[-1] ^= 1
    entry.path.write_bytes(content)
    for use in (lambda: find_weights("tiny"), lambda: load_network(entry), lambda: verify(entry)):
        with pytest.raises(InputError, match=r"SHA-256 differs.*weights remove tiny"):
            use()
    entry.path.unlink()
    with pytest.raises(InputError, match="missing"):
        find_weights("tiny")


def test_a_network_of_another_shape_is_told_before_it_is_loaded(tiny_weights: Path, tmp_path: Path):
    tensors, strings = load_file(tiny_weights), strings_of(tiny_weights)
    name = max(tensors, key=lambda each: tensors[each].numel())
    wrong = {
        "missing": {key: tensor for key, tensor in tensors.items() if key != name},
        "unknown": {**tensors, "surplus": torch.zeros(2)},
        "is needed": {**tensors, name: tensors[name].flatten()},
        "F64": {**tensors, name: tensors[name].double()},
    }
    for words, content in wrong.items():
        file = tmp_path / "wrong.safetensors"
        save_file(content, file, metadata=strings)
        with pytest.raises(InputError, match=words):
            load_network(find_weights(file))
        with pytest.raises(InputError, match=words):
            add_weights(file)


def test_damaged_files_are_told_as_such(tiny_weights: Path, tmp_path: Path):
    whole = tiny_weights.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    damaged = {
        "empty": b"",
        "cut in the header": whole[: 8 + header // 2],
        "cut in the numbers": whole[:-10],
        "padded": whole + b"\0" * 8,
        "not JSON": whole[:8] + b"x" * header + whole[8 + header :],
        "huge header": (2**40).to_bytes(8, "little") + whole[8:],
        "a list": (2).to_bytes(8, "little") + b"[]",
    }
    for name, content in damaged.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"(?s)safetensors|header|cut off"):
            find_weights(file)


def test_sizes_beyond_reason_are_refused_before_a_network_is_built(tiny_weights: Path, tmp_path: Path):
    strings = strings_of(tiny_weights)
    values = json.loads(strings["settings"])
    strings["settings"] = json.dumps({**values, "widths": [4, 8, 2**30]})
    save_file(load_file(tiny_weights), tmp_path / "huge.safetensors", metadata=strings)
    with pytest.raises(InputError, match="beyond all reason"):
        find_weights(tmp_path / "huge.safetensors")


def test_foreign_safetensors_are_told_as_such(tmp_path: Path):
    save_file({"a": torch.zeros(3)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="does not hold weights of ThrombusSeg"):
        find_weights(tmp_path / "a.safetensors")


def test_registering_bundled_weights_makes_them_the_default(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(weights.registry, "_BUNDLED_FOLDER", tmp_path)
    with pytest.raises(InputError, match="no weights called default"):
        find_weights("default")
    entry = register_bundled(tiny_weights, "first")
    assert entry.bundled
    assert find_weights("default") == find_weights("first") == entry
    save_network(build_network(SETTINGS), tmp_path / "new.safetensors", WeightsMetadata(SETTINGS, "better", "more"))
    assert register_bundled(tmp_path / "new.safetensors", "first").card == "better"
    assert len(list_weights()) == 1
    with pytest.raises(InputError, match="cannot be removed"):
        remove_weights("first")


def test_the_bundled_registry_is_sound():
    for entry in list_weights():
        if entry.bundled:
            verify(entry)
            assert entry.bytes <= 10 * 2**20
            assert "simulated" in entry.trained_on


def test_a_damaged_registry_is_told(own_registry: Path):
    (own_registry / "registry.json").write_text("{")
    with pytest.raises(InputError, match="registry cannot be read"):
        list_weights()
    (own_registry / "registry.json").write_text('{"weights": [{"name": "x"}]}')
    with pytest.raises(InputError, match=r"damaged.*your own weights: remove registry\.json"):
        list_weights()
    assert find_weights("default").bundled, "those that come with the library do without it"


def test_a_registry_cannot_point_outside_its_folder(tiny_weights: Path, own_registry: Path, tmp_path: Path):
    add_weights(tiny_weights)
    shutil.copy(tiny_weights, tmp_path / "outside.safetensors")
    registry = own_registry / "registry.json"
    content = json.loads(registry.read_text())
    content["weights"][0]["file"] = "../../outside.safetensors"
    registry.write_text(json.dumps(content))
    assert list_weights()[-1].path == own_registry / "outside.safetensors"
