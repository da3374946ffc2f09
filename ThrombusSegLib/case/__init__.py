"""Cases and manifests."""

from __future__ import annotations

from .case import Case, read_case
from .manifest import ManifestRow, read_manifest, write_manifest

__all__ = ["Case", "ManifestRow", "read_case", "read_manifest", "write_manifest"]
