"""What stands beside seconds."""

from __future__ import annotations

import platform

import torch

from ..origin import processor_name


def machine() -> dict[str, str]:
    """The processor by its name, torch, and the system."""
    return {"processor": processor_name(), "torch": torch.__version__, "system": platform.system()}
