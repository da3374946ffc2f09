"""Whether a path can be reached, asked so that no system's answer, and no folder, reaches the user."""

from __future__ import annotations

import os
from pathlib import Path

#: So much of a name is shown; nobody reads more.
_SHOWN = 80


def why_missing(path: Path) -> str:
    """What keeps a path from being read, to follow its name in a sentence ("does not exist"); "" where it is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a zero byte in a name is a ValueError
        return "does not exist"
    except OSError as error:
        return f"cannot be reached ({os.strerror(error.errno or 0)})"
    return ""


def short_name(path: Path) -> str:
    """The name of a file, without its folder and never endless."""
    return path.name if len(path.name) <= _SHOWN else f"{path.name[:_SHOWN]}..."
