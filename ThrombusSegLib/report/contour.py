"""Outlines of a probability map at a level, by marching squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: For each of the 16 patterns of a cell (bit 0 top left, 1 top right, 2 bottom right, 3 bottom left is inside):
#: pairs of edges (0 top, 1 right, 2 bottom, 3 left) that a line joins. The two saddles are cut apart.
_LINES: tuple[tuple[tuple[int, int], ...], ...] = (
    (), ((3, 0),), ((0, 1),), ((3, 1),), ((1, 2),), ((3, 0), (1, 2)), ((0, 2),), ((3, 2),),
    ((2, 3),), ((2, 0),), ((0, 1), (2, 3)), ((2, 1),), ((1, 3),), ((1, 0),), ((0, 3),), (),
)  # fmt: skip


def outline(values: npt.NDArray[np.float32], level: float) -> npt.NDArray[np.float64]:
    """Line segments around everything at or above `level`.

    Args:
        values: (H, W). What lies beyond the border counts as below the level, so outlines are closed.

    Returns:
        (N, 2, 2): segments, ends, (x, y) in pixels; the centre of pixel (row 0, column 0) is at (0.5, 0.5).
    """
    padded = np.pad(values.astype(np.float64), 1, constant_values=min(level - 1.0, float(values.min())))
    inside = padded >= level
    pattern = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    segments = []
    for number, lines in enumerate(_LINES):
        rows, columns = np.nonzero(pattern == number)
        for start, end in lines:
            ends = [_crossing(padded, level, rows, columns, edge) for edge in (start, end)]
            segments.append(np.stack(ends, axis=1))
    found = np.concatenate(segments) if segments else np.zeros((0, 2, 2))
    height, width = values.shape
    return np.asarray(np.clip(found - 0.5, 0.0, (width, height)))


def svg_path(segments: npt.NDArray[np.float64], scale: tuple[float, float]) -> str:
    """The `d` of an SVG path: segments in pixels times millimetres per pixel (x, y)."""
    mm = segments * np.array(scale)
    return "".join(f"M{x0:.2f} {y0:.2f}L{x1:.2f} {y1:.2f}" for (x0, y0), (x1, y1) in mm)


def _crossing(
    values: npt.NDArray[np.float64],
    level: float,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    edge: int,
) -> npt.NDArray[np.float64]:
    """(N, 2) points (x, y) on an edge of the cells where the level is crossed, linear in between."""
    (row_a, column_a), (row_b, column_b) = (((0, 0), (0, 1)), ((0, 1), (1, 1)), ((1, 0), (1, 1)), ((0, 0), (1, 0)))[
        edge
    ]
    a = values[rows + row_a, columns + column_a]
    b = values[rows + row_b, columns + column_b]
    share = np.where(a == b, 0.5, (level - a) / np.where(a == b, 1.0, b - a))
    x = columns + column_a + share * (column_b - column_a)
    y = rows + row_a + share * (row_b - row_a)
    return np.stack([x, y], axis=1)
