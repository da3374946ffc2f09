"""Where figures come from: command, machine, day, versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def origin_of(command: str, device: str) -> dict[str, Any]:
    """What stands under every measured figure.

    Args:
        command: that repeats it.
        device: what the networks were run on, in words.
    """
    from .inference.result import versions  # its package brings torch, which the name of a processor can do without

    return {
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": processor_name(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "device": device,
        },
        "versions": versions(),
    }


def processor_name() -> str:
    """The model's name where the system tells it."""
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def line_of(origin: Mapping[str, Any]) -> str:
    """The same as a sentence."""
    machine = origin["machine"]
    return (
        f"Measured on {origin['created'][:10]} by `{origin['command']}` on {machine['device']} of a machine with "
        f"{machine['cores']} cores ({machine['processor']}, {machine['system']})."
    )
