"""Files that appear whole or not at all, also when several programs write into one folder."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import SimpleITK as sitk

from .errors import MachineError

#: What a killed program left behind is cleared away after this long, seconds.
STALE_SECONDS = 24 * 3600.0
UNFINISHED = ".unfinished-"


def write_text(path: Path, text: str) -> None:
    """Write a text file under a name of its own first, then move it into place (atomic on one disk)."""
    with errors_of_the_disk(path.name):
        handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            unfinished.chmod(0o644)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def put_copy(source: Path, target: Path) -> None:
    """Let `target` be a copy of `source`, at once. No hard link: a program that writes into one would change both."""
    with errors_of_the_disk(target.name), unfinished_folder(target.parent) as folder:
        copy = folder / target.name
        shutil.copyfile(source, copy)
        copy.replace(target)


def write_image(image: sitk.Image, path: Path) -> None:
    """Write an image, compressed, with its geometry and nothing else from its header."""
    clean = sitk.Image(image)
    for key in clean.GetMetaDataKeys():
        clean.EraseMetaData(key)
    with errors_of_the_disk(path.name):
        sitk.WriteImage(clean, str(path), True)


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """A folder beside what it will become; gone afterwards unless it was renamed. Clears away stale ones."""
    with errors_of_the_disk(parent.name):
        parent.mkdir(parents=True, exist_ok=True)
    for stale in parent.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - stale.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(stale)
    with errors_of_the_disk(parent.name):
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
        folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def claim_name(unfinished: Path, wanted: Path) -> bool:
    """Rename a complete folder to its name; False where somebody else has just taken that name.

    The rename is atomic, and a folder that is there and not empty is never replaced: of two who want one name exactly
    one gets it, on a network drive too. That is all the locking there is, so no lock can be left behind.
    """
    if wanted.exists():
        return False
    try:
        unfinished.rename(wanted)
    except OSError:
        if wanted.exists():
            return False
        raise
    return True


@contextmanager
def errors_of_the_disk(name: str) -> Iterator[None]:
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise MachineError(f"{name} cannot be written: {reason}.", "Check the disk and the folder's rights.") from error
    except RuntimeError as error:
        if "WriteImage" not in str(error) and "itk" not in str(error).lower():
            raise
        raise MachineError(f"{name} cannot be written.", "Check that the disk is not full.") from error
