"""What the setup panel says: from facts to rows, without Qt, without MRML, without asking anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from .dependencies import NEEDED, TORCH_REQUIREMENT
from .workerPython import MINIMUM_PYTHON

#: Rows of the panel, from top to bottom.
ROWS = ("python", "extension", "torch", "device", "packages", "weights")


@dataclass(frozen=True)
class State:
    """One row: whether it is as it should be, in words, and what its button does."""

    name: str
    ok: bool | None
    """None: not known, because it is being looked at or because something before it is missing."""
    detail: str
    action: str = ""
    """Of `setupActions`; empty where there is nothing to do."""


@dataclass(frozen=True)
class Facts:
    """What is known at one moment."""

    chosen: str = ""
    """Path of the Python that was chosen for the worker; empty for Slicer's own."""
    extension: bool = False
    """Whether this Slicer has the PyTorch extension."""
    events: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """What `ThrombusSegLib.check` said."""
    checking: bool = False
    fault: str = ""
    """Why it could not be asked."""
    weights: str = "default"
    """The weights that the user chose."""

    def event(self, name: str) -> Mapping[str, Any]:
        """The last event of this name; empty if there is none."""
        found: Mapping[str, Any] = {}
        for event in self.events:
            if event.get("event") == name:
                found = event
        return found

    def devices(self) -> list[Mapping[str, Any]]:
        """The devices that were tried, the preferred one first."""
        return [event for event in self.events if event.get("event") == "device"]


def allStates(facts: Facts) -> list[State]:
    """The rows in the order of `ROWS`."""
    checks = (pythonState, extensionState, torchState, deviceState, packagesState, weightsState)
    return [check(facts) for check in checks]


def toDo(states: Iterable[State]) -> int:
    """How many rows are not as they should be."""
    return sum(state.ok is False for state in states)


def allGreen(states: Iterable[State]) -> bool:
    """Whether everything is known, and as it should be."""
    return all(state.ok is True for state in states)


def pythonState(facts: Facts) -> State:
    """The worker's interpreter: there, new enough, and with a ThrombusSegLib that fits."""
    action = "useSlicersPython" if facts.chosen else ""
    if facts.fault:
        return State("python", False, facts.fault, action)
    version = facts.event("python").get("version")
    if not version:
        return State("python", None, _waiting(facts), action)
    if versionNumbers(version) < MINIMUM_PYTHON:
        text = _("Python {version} is too old; {needed} or newer is needed.")
        return State("python", False, text.format(version=version, needed=_dotted(MINIMUM_PYTHON)), action)
    text = _("Chosen: {name}, Python {version}.") if facts.chosen else _("Slicer's own, Python {version}.")
    return State("python", True, text.format(name=Path(facts.chosen).name, version=version), action)


def extensionState(facts: Facts) -> State:
    """It installs torch; nobody needs it where torch is there."""
    if facts.extension:
        return State("extension", True, _("Installed."))
    if facts.chosen:
        return State("extension", True, _("Not needed: another Python does the computation."))
    packages = facts.event("packages")
    if packages.get("torch") is not None:
        return State("extension", True, _("Not installed, and not needed: torch is there."))
    if not packages:
        return State("extension", None, _waiting(facts))
    return State("extension", False, _("Missing. It installs torch. Less than 1 MB."), "installExtension")


def torchState(facts: Facts) -> State:
    """Its version and its build."""
    packages, torch = facts.event("packages"), facts.event("torch")
    if not packages:
        return State("torch", None, _waiting(facts))
    version = packages.get("torch")
    action = "installTorch" if facts.extension and not facts.chosen else ""
    if version is None:
        if facts.chosen:
            return State("torch", False, _("Missing in the chosen Python. Install it there, then check again."))
        if facts.event("python").get("machine") == "Darwin x86_64":
            text = _(
                "There is no torch for a Slicer built for Intel Macs. Use another Slicer, or another Python below."
            )
            return State("torch", False, text)
        text = _("Missing. About 200 MB; 2 to 4 GB with a graphics card of NVIDIA.")
        return State("torch", False, text if action else _("Missing. Needs the PyTorch extension first."), action)
    if versionNumbers(version) < versionNumbers(TORCH_REQUIREMENT):
        text = _("Version {version} is too old; {needed} or newer is needed.")
        return State("torch", False, text.format(version=version, needed=TORCH_REQUIREMENT.lstrip(">=")), action)
    if torch.get("fault"):
        return State("torch", False, _("It cannot be loaded: {reason}").format(reason=torch["fault"]))
    return State("torch", True, _("Version {version}, built for {build}.").format(version=version, build=build(facts)))


def build(facts: Facts) -> str:
    """What torch was built for; before it was loaded, as its version tells."""
    known = facts.event("torch").get("build")
    if known:
        return str(known)
    tag = str(facts.event("packages").get("torch") or "").partition("+")[2]
    match = re.fullmatch(r"cu(\d+)(\d)", tag)
    return f"CUDA {match[1]}.{match[2]}" if match else tag.upper() or _("this computer")


def deviceState(facts: Facts) -> State:
    """Whether the network's kind of work gives right numbers there."""
    if facts.event("packages") and facts.event("packages").get("torch") is None:
        return State("device", None, _("Needs torch."))
    devices, torch = facts.devices(), facts.event("torch")
    if not devices:
        if torch.get("fault"):
            return State("device", None, _("Needs torch."))
        return State("device", None, _waiting(facts), "" if facts.checking else "checkAgain")
    first, wrong = devices[0], [device for device in devices if device.get("fault")]
    if wrong:
        text = _("{device} fails: {reason}")
        detail = text.format(device=deviceName(wrong[0]), reason=wrong[0]["fault"])
        if len(wrong) < len(devices):
            detail += " " + _("Choose CPU as the device.")
        return State("device", False, detail, "checkAgain")
    detail = _("{device}: test passed in {seconds:.1f} s.").format(
        device=deviceName(first), seconds=float(first["seconds"])
    )
    if torch.get("nvidia") and first.get("device") == "cpu":
        isForProcessor = build(facts) == "CPU"
        detail += " " + (
            _("There is a graphics card of NVIDIA, but this torch was built for the processor.")
            if isForProcessor
            else _("There is a graphics card of NVIDIA, but torch cannot use it; its driver may be too old.")
        )
    return State("device", True, detail, "checkAgain")


def deviceName(device: Mapping[str, Any]) -> str:
    """For example "NVIDIA A100 (70 of 80 GB free)", "Processor (8 cores)"."""
    name = str(device.get("name", ""))
    if device.get("device") == "cpu":
        return _("Processor ({name})").format(name=name)
    if device.get("device") == "mps":
        return _("Apple graphics ({name})").format(name=name)
    if "free_mib" not in device:
        return name
    free, total = float(device["free_mib"]) / 1024, float(device["total_mib"]) / 1024
    return _("{name} ({free:.1f} of {total:.1f} GB free)").format(name=name, free=free, total=total)


def packagesState(facts: Facts) -> State:
    """safetensors, and what Slicer itself brings."""
    packages = facts.event("packages")
    if not packages:
        return State("packages", None, _waiting(facts))
    names = [name for name in NEEDED if name != "torch"]
    missing = [name for name in names if packages.get(name) is None]
    if not missing:
        return State("packages", True, ", ".join(f"{name} {packages[name]}".strip() for name in names) + ".")
    listed = ", ".join(missing)
    if facts.chosen:
        text = _("Missing in the chosen Python: {names}. Install them there, then check again.")
        return State("packages", False, text.format(names=listed))
    if "safetensors" in missing:
        text = _("Missing: {names}. Less than 1 MB.") if missing == ["safetensors"] else _("Missing: {names}.")
        return State("packages", False, text.format(names=listed), "installRest")
    return State("packages", False, _("Missing: {names}. Every released Slicer has them.").format(names=listed))


def weightsState(facts: Facts) -> State:
    """The weights in use: name, size, hash, and whether the file is the registered one."""
    event, entry = facts.event("weights"), weightsInUse(facts)
    action = "addWeights" if facts.event("packages").get("torch") is not None else ""  # torch checks an added file
    if not event:
        return State("weights", None, _waiting(facts))
    if entry is None:
        fault = event.get("fault") or _("There are no weights called {name}.").format(name=facts.weights)
        return State("weights", False, fault, action)
    if entry.get("fault"):
        return State("weights", False, entry["fault"], action)
    text = _("{name}, {size:.1f} MB, SHA-256 {hash}..., as registered.")
    detail = text.format(name=entry["name"], size=entry["bytes"] / 1e6, hash=entry["sha256"][:12])
    return State("weights", True, detail, action)


def weightsInUse(facts: Facts) -> Mapping[str, Any] | None:
    """The entry of the weights that a run would take; None where there is none."""
    event = facts.event("weights")
    name = event.get("default") if facts.weights == "default" else facts.weights
    return next((entry for entry in event.get("entries", ()) if entry["name"] == name), None)


def deviceKey(facts: Facts) -> str:
    """As long as this stays the same, a device that worked need not be tried again."""
    python, packages = facts.event("python"), facts.event("packages")
    return "|".join([facts.chosen, str(python.get("version")), str(packages.get("torch")), str(python.get("library"))])


def reportText(facts: Facts, application: str) -> str:
    """For a question to the developers: versions and states. No folder, no user's name, nothing of a patient."""
    python = facts.event("python")
    lines = [
        f"ThrombusSeg {python.get('library', '?')}, {application}, {python.get('machine', '?')}",
        *(f"{_mark(state.ok)} {state.name}: {state.detail}" for state in allStates(facts)),
    ]
    versions = {name: version for name, version in facts.event("packages").items() if name != "event"}
    lines.append("   packages " + ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items()))
    entries = facts.event("weights").get("entries", ())
    lines += [f"   weights {entry['name']}: SHA-256 {entry['sha256']}" for entry in entries]
    lines += [f"   device {each['device']}: {deviceName(each)} {each['fault']}".rstrip() for each in facts.devices()]
    return withoutFolders("\n".join(lines))


def withoutFolders(text: str) -> str:
    """The text with the home folder taken out, and of every other absolute path only the name at its end."""
    text = text.replace(str(Path.home()), "~")
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:|~)?[\\/](?:[^\s\\/]+[\\/])*", "", text)


def versionNumbers(version: str) -> tuple[int, ...]:
    """The first two numbers of a version or requirement, such as (2, 10) of ">=2.10"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _dotted(numbers: Iterable[int]) -> str:
    return ".".join(str(number) for number in numbers)


def _waiting(facts: Facts) -> str:
    return _("Checking...") if facts.checking else _("Not checked yet.")


def _mark(ok: bool | None) -> str:
    return {True: "[ok]", False: "[!!]", None: "[??]"}[ok]
