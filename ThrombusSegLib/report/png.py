"""PNG pictures as data URIs, with the standard library and numpy."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """(H, W) grey or (H, W, 3) red-green-blue -> "data:image/png;base64,..."."""
    return "data:image/png;base64," + base64.b64encode(encode(pixels)).decode("ascii")


def encode(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file (RFC 2083): 8 bits a channel, no filter but the difference to the left neighbour."""
    rows, columns = pixels.shape[:2]
    samples = pixels.reshape(rows, columns, -1)
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]  # filter type 1 (Sub), modulo 256 as unsigned bytes wrap
    lines = np.concatenate([np.ones((rows, 1), np.uint8), differences.reshape(rows, -1)], axis=1)
    colour_type = 2 if samples.shape[2] == 3 else 0
    header = struct.pack(">IIBBBBB", columns, rows, 8, colour_type, 0, 0, 0)
    compressed = zlib.compress(lines.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", compressed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
