"""What Slicer's own Python must have before the worker can run in it, installed only when the user agrees."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from .errors import SegmentationError


def missingPackages() -> list[str]:
    """Of what ThrombusSegLib needs, the packages that Slicer's own Python lacks. Imports none of them."""
    return [name for name in ("torch", "safetensors", "SimpleITK", "numpy") if importlib.util.find_spec(name) is None]


def installPackages(requirements: Path) -> None:
    """Ask, then install: torch through the PyTorch extension, the rest from the requirements file.

    To be called on the main thread, at the click that needs it. Slicer's functions ask the user.

    Raises:
        SegmentationError: the PyTorch extension is missing, or the user declined.
    """
    missing = missingPackages()
    if "torch" in missing:
        _installTorch()
    if any(name != "torch" for name in missing):
        _installRest(requirements)
    importlib.invalidate_caches()
    if missingPackages():
        raise SegmentationError(
            f"Python packages are missing: {', '.join(missingPackages())}.",
            "Press Segment again and agree to the installation.",
            kind="machine",
        )


def _installTorch() -> None:
    try:
        import PyTorchUtils
    except ImportError as error:
        raise SegmentationError(
            "The PyTorch extension is not installed.",
            "Install it with the Extensions Manager, then start Slicer again.",
            kind="machine",
        ) from error
    PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True, torchVersionRequirement=">=2.10")


def _installRest(requirements: Path) -> None:
    try:
        import slicer.packaging as packaging
    except ImportError:  # before Slicer 5.12
        question = _("ThrombusSeg needs the Python package safetensors (less than 1 MB). Install it now?")
        if slicer.util.confirmOkCancelDisplay(question):
            slicer.util.pip_install(["-r", str(requirements)])
        return
    packaging.pip_ensure(packaging.load_requirements(str(requirements)), requester="ThrombusSeg")
