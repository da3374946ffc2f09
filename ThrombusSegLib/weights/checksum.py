"""SHA-256 of files, remembered within a process as long as the file is unchanged."""

from __future__ import annotations

import hashlib
from pathlib import Path

_known: dict[tuple[str, int, int], str] = {}


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256. Computed again when size or modification time have changed."""
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _known:
        with path.open("rb") as file:
            _known[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _known[key]
