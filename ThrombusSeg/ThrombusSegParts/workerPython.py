"""Which Python runs the worker, and what it needs from its surroundings."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from .errors import SegmentationError
from .library import folderOfLibrary
from .workerProcess import workerEnvironment

SETTING = "ThrombusSeg/WorkerPython"
WEIGHTS_SETTING = "ThrombusSeg/Weights"

_SLICERS_OWN = {"PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE"}

#: What ThrombusSegLib asks for.
MINIMUM_PYTHON = (3, 11)


def slicerPython() -> str:
    """The program that runs Python as Slicer has it: the launcher PythonSlicer, which Slicer puts on the PATH.

    Outside the application (slicer-core, PythonSlicer itself) it is the running interpreter.
    """
    if getattr(slicer, "app", None) is not None:
        launcher = shutil.which("PythonSlicer")
        if launcher:
            return launcher
    return sys.executable


def chosenPython() -> str:
    """The path in the application's settings; empty where Slicer's own Python is to be used."""
    return _setting(SETTING)


def chosenWeights() -> str:
    """The name of the weights in the application's settings, or "default"."""
    return _setting(WEIGHTS_SETTING) or "default"


def workerStart(chosen: str = "") -> tuple[list[str], dict[str, str], Path]:
    """Command, environment and working folder of the worker; as `interpreterStart`."""
    return interpreterStart(["-m", "ThrombusSegLib", "worker"], chosen)


def interpreterStart(arguments: Sequence[str], chosen: str = "") -> tuple[list[str], dict[str, str], Path]:
    """Command, environment and working folder of a Python that finds ThrombusSegLib.

    Args:
        arguments: of Python.
        chosen: path of another Python; empty for Slicer's own.

    Raises:
        SegmentationError: that Python is not there, or Slicer's own is too old. ImportError: no ThrombusSegLib.
    """
    library = folderOfLibrary()
    if chosen:
        if not Path(chosen).is_file():
            raise SegmentationError(
                _("The Python chosen for the worker does not exist."),
                _("Choose another one under Setup, or leave the field empty."),
                kind="machine",
            )
        return [chosen, *arguments], workerEnvironment(_environmentOutsideSlicer(), library), library
    if sys.version_info < MINIMUM_PYTHON:
        sentence = _("ThrombusSeg needs Python {needed} or newer; this Slicer has {version}.")
        needed, version = (".".join(map(str, numbers)) for numbers in (MINIMUM_PYTHON, sys.version_info[:2]))
        raise SegmentationError(
            sentence.format(needed=needed, version=version),
            _("Install Slicer 5.12 or newer, or choose another Python under Setup."),
            kind="machine",
        )
    return [slicerPython(), *arguments], workerEnvironment(os.environ, library), library


def _setting(key: str) -> str:
    if getattr(slicer, "app", None) is None:
        return ""
    return str(slicer.util.settingsValue(key, "") or "")


def _environmentOutsideSlicer() -> Mapping[str, str]:
    """Another Python must meet neither the packages nor the libraries of Slicer's.

    Slicer knows the environment it was started from; what a start without its launcher leaves behind is taken out, too.
    """
    if getattr(slicer, "app", None) is None:
        return os.environ
    environment = {key: value for key, value in slicer.util.startupEnvironment().items() if key not in _SLICERS_OWN}
    home = str(slicer.app.slicerHome)
    for key in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        if key in environment:
            paths = environment[key].split(os.pathsep)
            environment[key] = os.pathsep.join(path for path in paths if not path.startswith(home))
    return environment
