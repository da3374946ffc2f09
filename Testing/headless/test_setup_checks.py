"""What the setup section says, from facts; and the program that finds the facts, in a real Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

ROOT = Path(__file__).resolve().parents[2]

ENTRY = {
    "name": "phantom-a", "bytes": 4679008, "sha256": "5c3d6456fc8b8bd3", "bundled": True, "card": "A card.",
    "trained_on": "simulated data", "file": "/somewhere/phantom-a.safetensors", "fault": "",
}  # fmt: skip


def events(**changes: dict) -> list[dict]:
    """What the check says where all is well; each keyword changes fields of the event of that name."""
    said: list[dict] = [
        {"event": "python", "version": "3.12.10", "library": "0.1.0", "machine": "Linux x86_64"},
        {"event": "packages", "torch": "2.13.0+cu126", "safetensors": "0.8.0", "SimpleITK": "2.5", "numpy": "2.4"},
        {"event": "weights", "default": "phantom-a", "entries": [dict(ENTRY)], "folder": "/somewhere"},
        {"event": "torch", "version": "2.13.0+cu126", "build": "CUDA 12.6", "nvidia": True},
        {"event": "device", "device": "cuda", "name": "NVIDIA A100", "fault": "", "seconds": 0.42,
         "free_mib": 71680, "total_mib": 81920},
        {"event": "device", "device": "cpu", "name": "8 cores", "fault": "", "seconds": 0.01},
    ]  # fmt: skip
    for name, values in changes.items():
        next(event for event in said if event["event"] == name).update(values)
    return said


def facts(chosen: str = "", extension: bool = True, said: list[dict] | None = None, **rest) -> object:
    from ThrombusSegParts.setupChecks import Facts

    return Facts(chosen, extension, tuple(events() if said is None else said), **rest)


def rows(known: object) -> dict:
    from ThrombusSegParts.setupChecks import allStates

    return {state.name: state for state in allStates(known)}


def test_all_green_says_what_is_there() -> None:
    from ThrombusSegParts.setupChecks import ROWS, allGreen, toDo

    states = rows(facts())
    assert tuple(states) == ROWS
    assert allGreen(states.values()) and toDo(states.values()) == 0
    assert states["python"].detail == "Slicer's own, Python 3.12.10."
    assert states["torch"].detail == "Version 2.13.0+cu126, built for CUDA 12.6."
    assert states["device"].detail == "NVIDIA A100 (70.0 of 80.0 GB free): test passed in 0.4 s."
    assert states["weights"].detail == "phantom-a, 4.7 MB, SHA-256 5c3d6456fc8b..., as registered."


def test_fresh_slicer_leads_from_the_extension_to_torch() -> None:
    """Without the extension only that can be installed; with it, torch; the device waits for torch."""
    bare = events(packages={"torch": None, "safetensors": None})[:3]
    states = rows(facts(extension=False, said=bare))
    assert (states["extension"].ok, states["extension"].action) == (False, "installExtension")
    assert (states["torch"].ok, states["torch"].action) == (False, "")
    assert states["device"] == type(states["device"])("device", None, "Needs torch.")
    assert states["packages"].detail == "Missing: safetensors. Less than 1 MB."
    assert states["packages"].action == "installRest"
    assert states["weights"].action == "", "an added file could not be checked without torch"
    states = rows(facts(extension=True, said=bare))
    assert (states["torch"].ok, states["torch"].action) == (False, "installTorch")
    assert "MB" in states["torch"].detail and "GB" in states["torch"].detail, "says how large the download is"


def test_nothing_is_installed_into_another_python() -> None:
    """The hospital's environment is not ours to change: every sentence says so, no button offers it."""
    bare = events(packages={"torch": None, "safetensors": None})[:3]
    states = rows(facts(chosen="/opt/env/bin/python", extension=True, said=bare))
    assert states["python"].detail == "Chosen: python, Python 3.12.10."
    assert states["python"].action == "useSlicersPython"
    assert {states[name].action for name in ("extension", "torch", "packages")} == {""}
    assert "Install it there" in states["torch"].detail and "Install them there" in states["packages"].detail


@pytest.mark.parametrize(
    ("row", "changes", "words"),
    [
        ("python", {"python": {"version": "3.9.10"}}, "3.9.10 is too old; 3.11"),
        ("torch", {"packages": {"torch": "2.2.2"}}, "2.2.2 is too old; 2.10"),
        ("torch", {"torch": {"fault": "libcudart.so.12: cannot open"}}, "cannot be loaded: libcudart.so.12"),
        ("device", {"device": {"fault": "no kernel image is available"}}, "fails: no kernel image is available"),
        ("packages", {"packages": {"SimpleITK": None}}, "SimpleITK. Every released Slicer has them"),
        ("weights", {"weights": {"entries": [], "fault": "The registry is damaged."}}, "The registry is damaged."),
        ("weights", {"weights": {"entries": [{**ENTRY, "fault": "its SHA-256 differs"}]}}, "its SHA-256 differs"),
    ],
)
def test_what_is_wrong_is_said_in_its_own_row_only(row, changes, words) -> None:
    states = rows(facts(said=events(**changes)))
    assert states[row].ok is False and words in states[row].detail
    assert [name for name, state in states.items() if state.ok is False] == [row]


def test_a_failing_card_names_the_way_out() -> None:
    states = rows(facts(said=events(device={"fault": "no kernel image"})))
    assert states["device"].detail.endswith("Choose CPU as the device.")


def test_processor_build_beside_a_graphics_card_is_told() -> None:
    said = events(torch={"build": "CPU"}, packages={"torch": "2.13.0+cpu"})
    said = [event for event in said if event.get("device") != "cuda"]
    state = rows(facts(said=said))["device"]
    assert state.ok is True
    assert "Processor (8 cores)" in state.detail and "graphics card of NVIDIA" in state.detail


def test_card_that_torch_cannot_use_is_told() -> None:
    said = [event for event in events() if event.get("device") != "cuda"]
    assert "its driver may be too old" in rows(facts(said=said))["device"].detail


def test_intel_mac_is_told_before_an_installation_fails() -> None:
    bare = events(packages={"torch": None}, python={"machine": "Darwin x86_64"})[:3]
    state = rows(facts(said=bare))["torch"]
    assert (state.ok, state.action) == (False, "") and "Intel" in state.detail


def test_chosen_weights_that_are_gone_are_said() -> None:
    state = rows(facts(weights="mine"))["weights"]
    assert state.ok is False and "no weights called mine" in state.detail


def test_before_the_check_nothing_is_red() -> None:
    from ThrombusSegParts.setupChecks import Facts, allGreen, toDo

    for checking, words in ((True, "Checking..."), (False, "Not checked yet.")):
        states = rows(Facts(checking=checking))
        assert toDo(states.values()) == 0 and not allGreen(states.values())
        assert states["torch"].detail == words


def test_report_holds_versions_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    from ThrombusSegParts.setupChecks import reportText

    home = Path.home()
    known = facts(
        chosen=f"{home}/Jane Doe/env/bin/python",
        said=events(torch={"fault": f"cannot open {home}/Jane/lib/libtorch.so or C:\\Users\\Doe\\torch.dll"}),
    )
    text = reportText(known, "Slicer 5.12.3")
    assert "Slicer 5.12.3" in text and "2.13.0+cu126" in text and ENTRY["sha256"] in text
    assert "libtorch.so" in text and "torch.dll" in text
    for secret in (str(home), "Jane", "Doe", "/", "\\"):
        assert secret not in text, secret


def test_card_of_our_weights_is_a_link_and_that_of_others_is_harmless() -> None:
    from ThrombusSegParts.setupTexts import cardText

    card = "Simulated strokes; figures & failures: Resources/ModelCards/phantom-a.md."
    text = cardText({**ENTRY, "card": card})
    assert text.startswith("Simulated strokes; figures &amp; failures: <a href=") and text.endswith("phantom-a.md</a>.")
    assert cardText({**ENTRY, "card": "<b>mine</b>", "bundled": False}) == "&lt;b&gt;mine&lt;/b&gt;"
    assert cardText(None) == ""


def test_device_key_changes_with_what_matters() -> None:
    from ThrombusSegParts.setupChecks import deviceKey

    keys = {
        deviceKey(facts()),
        deviceKey(facts(chosen="/opt/python")),
        deviceKey(facts(said=events(packages={"torch": "2.14.0"}))),
        deviceKey(facts(said=events(python={"library": "0.2.0"}))),
    }
    assert len(keys) == 4
    assert deviceKey(facts()) == deviceKey(facts(weights="mine"))


def check(*arguments: str, **environment: str) -> list[dict]:
    import os

    command = [sys.executable, "-m", "ThrombusSegLib.check", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_check_in_this_python_is_all_green(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    said = check("--device", THROMBUSSEG_WEIGHTS=str(tmp_path))
    assert said[0]["event"] == "ready" and isinstance(said[0]["pid"], int)
    states = rows(facts(said=said))
    assert {name: state.ok for name, state in states.items()} == dict.fromkeys(states, True), states
    tried = [event for event in said if event["event"] == "device"]
    assert tried[-1]["device"] == "cpu" and tried[-1]["seconds"] < 30


def test_the_check_without_device_is_quick_and_loads_no_torch(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')")
    said = check(PYTHONPATH=str(tmp_path))
    assert [event["event"] for event in said] == ["ready", "python", "packages", "weights"]
    assert said[2]["torch"] is not None, "it is there, though not imported"


def test_the_check_says_when_torch_is_broken(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise OSError('/opt/lib/libtorch.so: cannot open shared object')")
    torch = check("--device", PYTHONPATH=str(tmp_path))[-1]
    assert torch == {"event": "torch", "version": None, "fault": "(file) cannot open shared object"}
