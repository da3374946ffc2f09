"""`python -m ThrombusSegLib.check [--device]`: what this Python has, one JSON object a line, for a setup panel.

It runs where nothing is installed yet and in a Python that is too old, so whatever is not in every Python is imported
where it is used. Lines are ASCII. None holds anything of a patient; folders appear only in "weights", as "folder" of
the user's own and "file" of each, because the panel opens them.

Lines, in this order: "ready" (process id), "python" (versions), "packages" (version by name, null where missing),
"weights" (the registry, each file compared with its checksum), and with `--device` "torch" (its build) and one "device"
for each place where the network could run, the preferred one first.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .version import __version__

if TYPE_CHECKING:
    import torch

#: As in pyproject.toml.
MINIMUM_PYTHON = (3, 11)
PACKAGES = ("torch", "safetensors", "SimpleITK", "numpy")


def main(arguments: Sequence[str] | None = None) -> int:
    """Say everything; returns 0, since what is missing is an answer and not an error."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    _say({"event": "ready", "pid": os.getpid()})
    _say({"event": "python", "version": platform.python_version(), "library": __version__, "machine": _machine()})
    _say({"event": "packages", **{name: installed_version(name) for name in PACKAGES}})
    if sys.version_info >= MINIMUM_PYTHON:
        _say(describe_weights())
    if "--device" in words:
        for event in try_devices():
            _say(event)
    return 0


def installed_version(name: str) -> str | None:
    """Version of an installed package, without importing it; "" where it does not tell, None where it is missing."""
    if importlib.util.find_spec(name) is None:
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def describe_weights() -> dict[str, Any]:
    """The registered weights, the name of the default, and of each file whether it is the one that was registered."""
    from .errors import ThrombusSegError
    from .weights import find_weights, list_weights, user_folder, verify

    event: dict[str, Any] = {"event": "weights", "default": "", "entries": [], "folder": str(user_folder())}
    try:
        for entry in list_weights():
            row = {"name": entry.name, "bytes": entry.bytes, "sha256": entry.sha256, "bundled": entry.bundled}
            row |= {"card": entry.card, "trained_on": entry.trained_on, "file": str(entry.path), "fault": ""}
            try:
                verify(entry)
            except ThrombusSegError as error:
                row["fault"] = str(error)
            event["entries"].append(row)
        event["default"] = find_weights("default").name
    except ThrombusSegError as error:
        event["fault"] = str(error)
    return event


def try_devices() -> Iterator[dict[str, Any]]:
    """torch's build, then for each device whether it computes, and how long that took."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a broken installation fails in any way it likes
        yield {"event": "torch", "version": None, "fault": _short(error)}
        return
    nvidia = shutil.which("nvidia-smi") is not None
    yield {"event": "torch", "version": torch.__version__, "build": _build(), "nvidia": nvidia}
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    for name, is_there in there.items():
        if is_there:
            yield _try_device(torch.device(name))


def _build() -> str:
    import torch

    if torch.version.cuda:
        return f"CUDA {torch.version.cuda}"
    if getattr(torch.version, "hip", None):
        return f"ROCm {torch.version.hip}"
    return "Metal" if torch.backends.mps.is_built() else "CPU"


def _try_device(device: torch.device) -> dict[str, Any]:
    """Compute what can be checked on paper, and a recurrent layer, of which only finite numbers are expected."""
    import torch

    event: dict[str, Any] = {"event": "device", "fault": "", **describe_device(device)}
    start = time.perf_counter()
    try:
        with torch.no_grad():
            ones = torch.ones(1, 8, 64, 64, device=device)
            sums = torch.nn.functional.conv2d(ones, torch.ones(8, 8, 3, 3, device=device))
            recurrent = torch.nn.LSTM(8, 8, bidirectional=True).to(device)
            states, _last = recurrent(ones[0, :, 0].T.unsqueeze(1))
            right = bool((sums == 72).all().item()) and bool(torch.isfinite(states).all().item())  # 72 = 3 * 3 * 8
        event["fault"] = "" if right else "It computes wrong numbers."
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the answer
        event["fault"] = _short(error)
    event["seconds"] = round(time.perf_counter() - start, 3)
    return event


def describe_device(device: torch.device) -> dict[str, Any]:
    """Its type, its name for people, and of a graphics card of NVIDIA the free and the whole memory in MiB.

    Never fails: a driver that cannot even name its card has its complaint for a name.
    """
    description: dict[str, Any] = {"device": device.type, "name": _name(device)}
    try:
        return description | _memory(device)
    except Exception:  # noqa: BLE001 - whatever a driver raises; the memory is then not known
        return description


def _name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        try:
            return str(torch.cuda.get_device_name(device))
        except Exception as error:  # noqa: BLE001 - a driver that cannot even name its card
            return _short(error)
    return f"{os.cpu_count()} cores" if device.type == "cpu" else platform.machine()


def _memory(device: torch.device) -> dict[str, int]:
    """Free and whole memory of a graphics card in MiB."""
    import torch

    if device.type != "cuda":
        return {}
    free, total = torch.cuda.mem_get_info(device)
    return {"free_mib": free // 2**20, "total_mib": total // 2**20}


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"


def _short(error: Exception) -> str:
    """The first line of an error, without folders."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return " ".join(word if os.sep not in word else "(file)" for word in text.split())[:300]


def _say(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main())
