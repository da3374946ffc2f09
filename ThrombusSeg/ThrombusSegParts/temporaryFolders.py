"""Private folders for the images of a run, and the removal of those that a crash left behind."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import slicer

PREFIX = "thrombusseg-"
_LOCK = "in-use"
#: A folder without a lock file may be one that another Slicer is just making; after so long it is not (our choice).
_MAKING_SECONDS = 60.0


class TemporaryFolder:
    """A new folder that only this user can read. As long as this process lives, no other one removes it.

    Args:
        parent: where to make it; by default Slicer's own temporary folder.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, parent: str | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent or applicationFolder()))
        self._lock = (self.path / _LOCK).open("wb")
        _lock(self._lock)

    def remove(self) -> None:
        """With all that is in it."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def applicationFolder() -> str:
    """Slicer's folder for temporary files; that of the system where there is none."""
    application = getattr(slicer, "app", None)
    folder = getattr(application, "temporaryPath", "") or ""
    return folder if folder and Path(folder).is_dir() else tempfile.gettempdir()


def clearAfterCrash(parent: str | None = None) -> None:
    """At the start of the application, and once more.

    A session that was killed while it made a folder has left one that looks as if it were being made still, and its
    worker, which works on for a moment, may write anew where this one has just cleared up.
    """
    import qt

    removeStaleFolders(parent)
    qt.QTimer.singleShot(int(1500 * _MAKING_SECONDS), lambda: removeStaleFolders(parent))


def removeStaleFolders(parent: str | None = None) -> int:
    """Delete what sessions that crashed, or were killed, have left: it may hold images of patients.

    Folders that another running Slicer uses stay, and so do those of other users.

    Returns:
        How many were deleted.
    """
    count = 0
    for folder in Path(parent or applicationFolder()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if not folder.is_symlink() and folder.is_dir() and not _isInUse(folder):
                shutil.rmtree(folder, ignore_errors=True)
                count += not folder.exists()
    return count


def _isInUse(folder: Path) -> bool:
    lock = folder / _LOCK
    if not lock.is_file():
        return time.time() - folder.stat().st_mtime < _MAKING_SECONDS
    with lock.open("r+b") as file:
        try:
            _lock(file)
        except OSError:
            return True
    return False


def _lock(file: IO[bytes]) -> None:
    """Raises OSError where another holds it. The system lets go of it when the file is closed or the process ends."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
