"""What SimpleITK does not say about a NIfTI file: that it is cut off, or that it holds NaN (it reads them as zeros)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import InputError

#: NIfTI's codes for floating point voxels.
FLOATS = {16: "f4", 64: "f8"}
_CHUNK = 2**22
_DAMAGED = "Copy or export it again."


@dataclass(frozen=True)
class _Header:
    order: str
    """Byte order, "<" or ">"."""
    voxels: int
    kind: int
    bytes_per_voxel: int
    offset: int
    """Where the voxels begin, bytes."""
    spacing: tuple[float, ...]
    """Along the axes there are, three at most, mm."""


def check_nifti(path: Path) -> None:
    """Read the file to its end.

    Raises:
        InputError: empty, damaged, shorter than its header says, or with voxels that are NaN or infinite.
    """
    compressed = check_start(path)
    try:
        with gzip.open(path) if compressed else path.open("rb") as stream:
            header = _read_header(stream)
            if header is None:
                raise InputError(f"{path.name} cannot be read; it is no NIfTI file.", "Export it again.")
            _check_spacing(header, path.name)
            read, bad = _read_voxels(stream, header)
            while stream.read(_CHUNK):  # to the end, where gzip keeps its checksum
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise InputError(f"{path.name} is cut off or damaged.", _DAMAGED) from error
    if read < header.voxels * header.bytes_per_voxel:
        raise InputError(f"{path.name} is cut off or damaged.", _DAMAGED)
    if bad:
        raise InputError(f"{path.name} holds {bad} voxels that are not numbers (NaN or infinite).", "Export it again.")


def _check_spacing(header: _Header, name: str) -> None:
    """SimpleITK would take 1 mm for what is missing."""
    if not all(np.isfinite(step) and step != 0.0 for step in header.spacing):
        raise InputError(
            f"{name} does not say how large its voxels are (its pixdim is zero or NaN).", "Export it again."
        )


def check_start(path: Path) -> bool:
    """Whether the file is compressed: by content, because some programs write plain files that end in .nii.gz.

    Raises:
        InputError: empty, or compressed without a name that says so.
    """
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        raise InputError(f"{path.name} is empty.", "Export it again.")
    compressed = start == b"\x1f\x8b"
    if compressed and path.suffix.lower() != ".gz":
        raise InputError(f"{path.name} is compressed although its name does not say so.", "Let it end in .nii.gz.")
    return compressed


def _read_header(stream: BinaryIO | gzip.GzipFile) -> _Header | None:
    """NIfTI-1 (348 bytes) or NIfTI-2 (540 bytes), either byte order; None when it is neither."""
    start = stream.read(348)
    if len(start) < 348:
        return None
    for order in "<>":
        (size,) = struct.unpack_from(f"{order}i", start)
        if size == 348:
            dimensions = struct.unpack_from(f"{order}8h", start, 40)
            kind, bits = struct.unpack_from(f"{order}2h", start, 70)
            spacing = struct.unpack_from(f"{order}3f", start, 80)
            start_at = struct.unpack_from(f"{order}f", start, 108)[0]
            offset = int(start_at) if math.isfinite(start_at) else 348
            return _skipped(
                stream, _Header(order, _product(dimensions), kind, bits // 8, max(offset, 348), spacing), 348
            )
        if size == 540:
            kind, bits = struct.unpack_from(f"{order}2h", start, 12)
            dimensions = struct.unpack_from(f"{order}8q", start, 16)
            spacing = struct.unpack_from(f"{order}3d", start, 112)
            (offset,) = struct.unpack_from(f"{order}q", start, 168)
            return _skipped(
                stream, _Header(order, _product(dimensions), kind, bits // 8, max(offset, 540), spacing), 348
            )
    return None


def _skipped(stream: BinaryIO | gzip.GzipFile, header: _Header, position: int) -> _Header:
    stream.read(min(header.offset - position, _CHUNK))
    return header


def _product(dimensions: tuple[int, ...]) -> int:
    product = 1
    for size in dimensions[1 : 1 + max(0, min(7, dimensions[0]))]:
        product *= max(1, size)
    return product


def _read_voxels(stream: BinaryIO | gzip.GzipFile, header: _Header) -> tuple[int, int]:
    """Bytes of voxels that are there, and how many voxels are not finite."""
    remaining, bad, step = header.voxels * header.bytes_per_voxel, 0, max(1, header.bytes_per_voxel)
    read = 0
    while remaining > 0:
        chunk = stream.read(min(_CHUNK - _CHUNK % step, remaining))
        if not chunk:
            break
        read, remaining = read + len(chunk), remaining - len(chunk)
        if header.kind in FLOATS:
            whole = len(chunk) - len(chunk) % step
            bad += int((~np.isfinite(np.frombuffer(chunk[:whole], header.order + FLOATS[header.kind]))).sum())
    return read, bad
