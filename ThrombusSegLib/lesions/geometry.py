"""Lengths of a set of voxels, in millimetres."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def voxel_extent(direction: Floats, spacing: Floats) -> float:
    """How far one voxel reaches along a unit direction, in mm.

    The voxel is taken as the ellipsoid whose axes are its sides: along a side that is the side's length, and where the
    voxel is a cube it is the same in every direction (a box would reach further along its diagonals, which makes thin
    oblique structures look thick).
    """
    return float(1.0 / np.linalg.norm(direction / spacing))


def longest_line(points: Floats) -> tuple[float, Floats]:
    """The largest distance between two of the points (N, D), and its unit direction; (0, zeros) for a single point.

    Exact. Only points that can be an end of a line as long as one already found are compared with each other: seen from
    the middle of the bounding box, everything lies within the radius r, so an end of a line of length L lies at least
    L - r away from the middle.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    away = np.linalg.norm(points - middle, axis=1)
    start = points[int(away.argmax())]
    for _ in range(3):
        start = points[int(np.linalg.norm(points - start, axis=1).argmax())]
    lower = float(np.linalg.norm(points - start, axis=1).max())
    if lower == 0.0:
        return 0.0, np.zeros(points.shape[1])
    ends = points[away >= lower - float(away.max()) - 1e-9]
    longest, line = lower, points[int(np.linalg.norm(points - start, axis=1).argmax())] - start
    for index, point in enumerate(ends):
        differences = ends[index:] - point
        lengths = np.linalg.norm(differences, axis=1)
        if lengths.max() > longest:
            longest, line = float(lengths.max()), differences[int(lengths.argmax())]
    return longest, line / longest


def length_of(voxels: Ints, spacing: Floats) -> tuple[float, Floats]:
    """Feret's maximum diameter of a set of voxels, in mm, and its unit direction along the grid's axes.

    The largest distance between two voxel centres, plus the extent of one voxel in that direction (half a voxel at
    either end). A single voxel is as long as its longest side.

    Args:
        voxels: (N, 3) indices (i, j, k), rows along i together, as `numpy.nonzero` of an array (k, j, i) gives them.
        spacing: (3,) mm.
    """
    outline = _ends_of_rows(voxels)
    length, direction = longest_line(outline * spacing)
    if length == 0.0:
        direction = np.eye(3)[int(spacing.argmax())]
    return length + voxel_extent(direction, spacing), direction


def width_of(voxels: Ints, spacing: Floats, direction: Floats, slice_axis: int) -> float:
    """The largest width across the length axis within one slice, in mm, as one would read it on the pictures.

    Every slice is cut into strips across the in-plane part of `direction`, one voxel thick; in each strip the distance
    between the outermost voxel centres, plus the extent of one voxel, is the width there. The strips keep the bow of a
    curved clot out of its width. Where the length axis is perpendicular to the slices, the width is the largest
    diameter of the cross-section in any slice. The slice thickness never counts as a width: slices of 2 to 6 mm are too
    coarse for that.
    """
    plane = [axis for axis in range(3) if axis != slice_axis]
    along = direction[plane]
    positions = voxels[:, plane] * spacing[plane]
    slices = voxels[:, slice_axis]
    if np.linalg.norm(along) < 1e-3:
        return max(_diameter(positions[slices == each], spacing[plane]) for each in np.unique(slices))
    along = along / np.linalg.norm(along)
    across = np.array([-along[1], along[0]])
    strips = np.rint(positions @ along / voxel_extent(along, spacing[plane])).astype(np.int64)
    offsets = positions @ across
    strips -= strips.min()
    place = (slices - slices.min()) * (strips.max() + 1) + strips
    low = np.full(int(place.max()) + 1, np.inf)
    high = -low  # where there is no voxel, high - low stays minus infinity
    np.minimum.at(low, place, offsets)
    np.maximum.at(high, place, offsets)
    return float((high - low).max()) + voxel_extent(across, spacing[plane])


def _diameter(positions: Floats, spacing: Floats) -> float:
    length, direction = longest_line(positions)
    if length == 0.0:
        direction = np.eye(2)[int(spacing.argmax())]
    return length + voxel_extent(direction, spacing)


def _ends_of_rows(voxels: Ints) -> Ints:
    """First and last voxel of every row along i: the ends of the longest line are among them."""
    new_row = np.any(np.diff(voxels[:, 1:], axis=0) != 0, axis=1)
    first = np.concatenate([[True], new_row])
    last = np.concatenate([new_row, [True]])
    return np.asarray(voxels[first | last], dtype=np.int64)
