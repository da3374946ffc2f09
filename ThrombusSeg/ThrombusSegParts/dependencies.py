"""What Slicer's own Python must have before the worker can run in it, installed only when the user agrees.

torch is never imported in Slicer's process: its libraries would stay loaded there, next to Slicer's own, until Slicer
is closed. Whether it is there is read from the metadata of the installed packages.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from .errors import SegmentationError

#: Of ThrombusSegLib; SimpleITK and numpy come with Slicer.
NEEDED = ("torch", "safetensors", "SimpleITK", "numpy")
#: As ThrombusSegLib's own requirement.
TORCH_REQUIREMENT = ">=2.10"
EXTENSION = "PyTorch"


def missingPackages() -> list[str]:
    """Of what ThrombusSegLib needs, the packages that Slicer's own Python lacks. Imports none of them."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def extensionInstalled() -> bool:
    """Whether the PyTorch extension is there and loaded. Imports nothing."""
    return importlib.util.find_spec("PyTorchUtils") is not None


def installPackages(requirements: Path) -> None:
    """Ask, then install: torch through the PyTorch extension, the rest from the requirements file.

    To be called on the main thread, at the click that needs it.

    Raises:
        SegmentationError: the PyTorch extension is missing, the user declined, or the installation failed.
    """
    missing = missingPackages()
    if "torch" in missing and slicer.util.confirmOkCancelDisplay(torchQuestion()):
        installTorch()
    if any(name != "torch" for name in missing):
        installRest(requirements)
    importlib.invalidate_caches()
    if missingPackages():
        raise SegmentationError(
            _("Python packages are missing: {names}.").format(names=", ".join(missingPackages())),
            _("Install them under Setup."),
            kind="machine",
        )


def torchQuestion() -> str:
    """What the user is asked before torch is installed."""
    return _(
        "PyTorch will be downloaded and installed into Slicer: about 200 MB for the processor, 2 to 4 GB where "
        "there is a graphics card of NVIDIA. Slicer does not respond meanwhile; it can take some minutes. Install now?"
    )


def installTorch() -> None:
    """Install torch as the PyTorch extension does, for the graphics card of this computer. The caller has asked.

    Raises:
        SegmentationError: the PyTorch extension is missing, or torch is not there afterward.
    """
    try:
        import PyTorchUtils
    except ImportError as error:
        raise SegmentationError(
            _("The PyTorch extension is not installed."),
            _("Install it with the Extensions Manager, then start Slicer again."),
            kind="machine",
        ) from error
    with _refusals(), keepTorchOut():
        PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=False, torchVersionRequirement=TORCH_REQUIREMENT)
    importlib.invalidate_caches()
    if importlib.util.find_spec("torch") is None:
        raise SegmentationError(_("torch was not installed."), _("Slicer's log may tell why."), kind="machine")


def installRest(requirements: Path) -> None:
    """Ask, then install what the requirements file names.

    Raises:
        SegmentationError: the user declined, or the installation failed.
    """
    try:
        import slicer.packaging as packaging
    except ImportError:  # before Slicer 5.12
        question = _("ThrombusSeg needs the Python package safetensors (less than 1 MB). Download and install it now?")
        if slicer.util.confirmOkCancelDisplay(question):
            with _refusals():
                slicer.util.pip_install(["-r", str(requirements)])
    else:
        with _refusals():
            packaging.pip_ensure(packaging.load_requirements(str(requirements)), requester="ThrombusSeg")
    importlib.invalidate_caches()


def installExtension() -> None:
    """Install the PyTorch extension from Slicer's server. The caller has asked; Slicer must be started again.

    Raises:
        SegmentationError: this Slicer has no extensions manager, or it did not succeed.
    """
    manager = getattr(slicer.app, "extensionsManagerModel", None)
    if manager is None:
        raise SegmentationError(
            _("This Slicer was built without its Extensions Manager."),
            _("Choose another Python below."),
            kind="machine",
        )
    model = manager()
    interactive, model.interactive = model.interactive, False  # no further questions
    try:
        done = model.installExtensionFromServer(EXTENSION, False)  # False: the user decides when to start again
    finally:
        model.interactive = interactive
    if not done:
        raise SegmentationError(
            _("The PyTorch extension could not be installed."),
            _("Look into the Extensions Manager; is there a connection to the network?"),
            kind="machine",
        )


@contextlib.contextmanager
def keepTorchOut() -> Iterator[None]:
    """While this lasts, `import torch` gives an empty stand-in.

    The function of the PyTorch extension that installs torch imports it at its end, to return it and to log its
    version; nobody here needs either.
    """
    if "torch" in sys.modules:  # another extension has imported it: nothing of ours to keep out
        yield
        return
    standIn = types.ModuleType("torch", "Stands for torch, which stays out of Slicer's process.")
    standIn.__version__ = "(not imported)"
    sys.modules["torch"] = standIn
    try:
        yield
    except AttributeError as error:
        if error.obj is not standIn:  # else only the report after the installation, about the device for example
            raise
    finally:
        if sys.modules.get("torch") is standIn:
            del sys.modules["torch"]


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Both ways in which Slicer's functions end without an installation become a sentence."""
    try:
        yield
    except subprocess.CalledProcessError as error:
        raise SegmentationError(
            _("The installation failed."),
            _("Is there a connection to the network? Slicer's log tells more."),
            kind="machine",
            details=str(error.output or error.stderr or ""),
        ) from error
    except RuntimeError as error:  # pip_ensure: the user declined
        raise SegmentationError(_("Nothing was installed."), str(error), kind="machine") from error
