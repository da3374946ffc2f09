"""Where ThrombusSegLib lies, and how its torch-free parts are imported when they are needed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any


def folderOfLibrary() -> Path:
    """The folder that holds the package ThrombusSegLib.

    Installed, it is a sibling of this module and on Slicer's path already. In a source checkout Slicer knows only the
    folder of the module, so the root of the repository is appended, and only if the package is not found without it.

    Raises:
        ImportError: it is in neither place.
    """
    spec = importlib.util.find_spec("ThrombusSegLib")
    if spec is None:
        root = Path(__file__).resolve().parents[2]
        if (root / "ThrombusSegLib" / "__init__.py").is_file():
            sys.path.append(str(root))
            importlib.invalidate_caches()
            spec = importlib.util.find_spec("ThrombusSegLib")
    if spec is None or spec.origin is None:
        raise ImportError("ThrombusSegLib was not found. Please install the ThrombusSeg extension again.")
    return Path(spec.origin).resolve().parents[1]


def importLibrary(name: str) -> Any:
    """A torch-free part of ThrombusSegLib, or SimpleITK, imported at the moment it is needed and not before.

    Raises:
        ImportError: ThrombusSegLib or a package that it needs is not there.
    """
    folderOfLibrary()
    return importlib.import_module(name)
