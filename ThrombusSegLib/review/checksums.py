"""Whether a file of labels is still the one that its record was written with."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from .record import ReviewRecord

LABELS_FILE = "labels.nii.gz"


def digest_of(path: Path) -> str:
    """SHA-256 of a file; "" where it cannot be read. A file that has not changed since is not read again."""
    try:
        facts = path.stat()
        return _digest(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)
    except OSError:
        return ""


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, changed: int, number: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_whole(labels: Path, record: ReviewRecord) -> bool:
    """Whether labels match their record; a record without a checksum asks only that there are some."""
    found = digest_of(labels)
    return bool(found) and record.labels_sha256 in ("", found)


def check_labels(labels: Path, record: ReviewRecord, what: str) -> None:
    """Raises `InputError` where labels do not match their record; `what` names version and case."""
    if not is_whole(labels, record):
        raise InputError(f"The labels of {what} do not match their record any more.", f"Restore {LABELS_FILE} there.")
