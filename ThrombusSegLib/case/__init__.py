"""Cases and manifests: reading, checking, recognising."""

from __future__ import annotations

from .case import Case, find_case, read_case, read_labels
from .dicom import FRAME_TAG
from .manifest import ManifestRow, read_manifest, write_manifest
from .read import read_image

__all__ = [
    "FRAME_TAG",
    "Case",
    "ManifestRow",
    "find_case",
    "read_case",
    "read_image",
    "read_labels",
    "read_manifest",
    "write_manifest",
]
