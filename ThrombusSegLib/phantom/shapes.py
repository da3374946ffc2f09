"""Fast shapes on the fine grid: smooth random fields, ellipsoids in their own box, tubes painted all at once.

A whole head has a hundred small structures; each is worked out only in the box it lies in.
Frame: LPS mm; arrays (z, y, x).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .space import Floats, Space

Points = NDArray[np.float64]
Triple = tuple[float, float, float]
Box = tuple[slice, slice, slice]
#: Voxels times balls worked on at once, to bound memory.
CHUNK = 400_000
#: Mean of the squared weights of a cubic B-spline along one axis: 151/315, the integral of its square.
SPLINE_VARIANCE = 151.0 / 315.0


def _spline_weights(axis: Floats, scale_mm: float) -> tuple[NDArray[np.intp], Floats]:
    """First node and the four weights (N, 4) of a cubic B-spline at each coordinate; nodes every `scale_mm`."""
    position = (axis - axis[0]) / scale_mm
    first = np.floor(position).astype(np.intp)
    t = (position - first).astype(np.float32)
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    return first, weights.astype(np.float32)


def _along(values: Floats, axis: int, first: NDArray[np.intp], weights: Floats) -> Floats:
    """Weighted sums of neighbouring planes along one axis of a 3D array."""
    shape = [1, 1, 1]
    shape[axis] = len(first)
    taps = (np.take(values, first + tap, axis=axis) * weights[:, tap].reshape(shape) for tap in range(weights.shape[1]))
    total = next(taps)
    for each in taps:
        total += each
    return total


def _stacked(values: Floats, first: NDArray[np.intp], weights: Floats) -> Floats:
    """As `_along` the first axis, plane by plane, so that the planes stay in the processor's cache."""
    out = np.empty((len(first), *values.shape[1:]), dtype=np.float32)
    buffer = np.empty(values.shape[1:], dtype=np.float32)
    for plane, start, row in zip(out, first, weights, strict=True):
        np.multiply(values[start], row[0], out=plane)
        for tap in range(1, len(row)):
            plane += np.multiply(values[start + tap], row[tap], out=buffer)
    return out


def smooth_field(
    axes: tuple[Floats, Floats, Floats], random: np.random.Generator, scale_mm: float, band: bool = False
) -> Floats:
    """A random field of about unit variance that varies over `scale_mm`: cubic B-splines on white noise.

    Args:
        axes: coordinates along x, y, z in mm, of any shape; they are flattened.
        random: source of chance.
        scale_mm: distance of the spline's nodes.
        band: take out what varies over more than about three nodes, so that ridges are evenly spaced.

    Returns:
        (z, y, x) float32.
    """
    splines = [_spline_weights(axis.ravel(), scale_mm) for axis in axes]
    nodes = random.standard_normal([int(first[-1]) + 4 for first, _ in splines[::-1]]).astype(np.float32)
    if band:
        nodes -= _box_mean(nodes)
    nodes /= np.float32(SPLINE_VARIANCE**1.5)
    rows = _along(_along(nodes, 2, *splines[0]), 1, *splines[1])
    return _stacked(rows, *splines[2])


def _box_mean(values: Floats) -> Floats:
    for axis in range(3):
        padded = np.pad(values, [(1, 1) if each == axis else (0, 0) for each in range(3)], mode="edge")
        count = values.shape[axis]
        first, second, third = (np.take(padded, range(k, k + count), axis=axis) for k in range(3))
        values = (first + second + third) / np.float32(3)
    return values


def refine(coarse: Floats, from_axes: tuple[Floats, Floats, Floats], axes: tuple[Floats, Floats, Floats]) -> Floats:
    """Linear interpolation from one regular grid to a finer one, axis by axis; (z, y, x) -> (z, y, x)."""
    steps = []
    for old, new in zip(from_axes, axes, strict=True):
        line = old.ravel()
        position = np.clip((new.ravel() - line[0]) / (line[1] - line[0]), 0.0, len(line) - 1.001)
        first = np.floor(position).astype(np.intp)
        part = (position - first).astype(np.float32)
        steps.append((first, np.stack([1 - part, part], axis=1)))
    return _stacked(_along(_along(coarse, 2, *steps[0]), 1, *steps[1]), *steps[2])


def box_around(space: Space, low: Points, high: Points) -> Box:
    """Slices (z, y, x) of the voxels between two corners, LPS mm."""
    start, spacing, size = (np.array(each) for each in (space.origin, space.spacing, space.size))
    first = np.clip(np.floor((low - start) / spacing), 0, size).astype(int)
    last = np.clip(np.ceil((high - start) / spacing) + 1, 0, size).astype(int)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return z, y, x


def axes_in(space: Space, box: Box) -> tuple[Floats, Floats, Floats]:
    """Coordinates x (1, 1, X), y (1, Y, 1), z (Z, 1, 1) of the voxels in a box, LPS mm."""
    x, y, z = space.axes()
    return x[:, :, box[2]], y[:, box[1]], z[box[0]]


def ellipsoid_in(
    space: Space, centre: Iterable[float], radii: Iterable[float], reach: float = 1.0
) -> tuple[Box, Floats]:
    """The box of an ellipsoid (out to `reach` radii) and the normalised radius there: 1 on the surface; mm."""
    middle, half = np.array(list(centre)), np.array(list(radii))
    box = box_around(space, middle - reach * half, middle + reach * half)
    squares = [((axis - c) / r) ** 2 for axis, c, r in zip(axes_in(space, box), middle, half, strict=True)]
    return box, np.sqrt(squares[0] + squares[1] + squares[2], dtype=np.float32)


def nearest_voxel(space: Space, point: Iterable[float]) -> tuple[int, int, int] | None:
    """Index (z, y, x) of the voxel around a point in LPS mm; None outside the grid."""
    index = np.rint((np.array(list(point)) - space.origin) / space.spacing).astype(int)
    if (index < 0).any() or (index >= space.size).any():
        return None
    x, y, z = (int(each) for each in index)
    return z, y, x


def paint_tubes(
    space: Space,
    tubes: Iterable[tuple[Points, Points | float]],
    stretch: Triple = (1.0, 1.0, 1.0),
    true_volume: bool = False,
) -> Floats:
    """Fraction of each voxel inside any of the tubes, (z, y, x); a voxel with its centre on the wall is half inside.

    Args:
        space: the fine grid.
        tubes: points (N, 3) in LPS mm at most half a millimetre (or a third of the radius) apart, radius in mm for
            each point or for all.
        stretch: a section's half-axes along x, y, z over the radius, for flattened tubes.
        true_volume: thin tubes are scaled down to their true volume; else they appear as wide as a voxel.
    """
    pairs = [(points, np.broadcast_to(np.asarray(radius, float), len(points))) for points, radius in tubes]
    inside: Floats = np.zeros(space.shape, dtype=np.float32)
    if not pairs:
        return inside
    points, radii = np.vstack([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])
    classes = np.ceil(radii * 2.0)
    for each in np.unique(classes):
        chosen = classes == each
        _paint_balls(inside, space, points[chosen], radii[chosen], (np.array(stretch), true_volume))
    return inside


def _true_share(radii: Points, edge: float) -> Points:
    """A tube's section over that of its soft picture, which falls from 1 to 0 over `edge` mm at the wall.

    The picture's section is pi (r^2 + edge^2 / 12), or a cone's, pi (r + edge / 2)^3 / (3 edge), where r < edge / 2.
    """
    wide = radii**2 / (radii**2 + edge**2 / 12.0)
    thin = 3.0 * edge * radii**2 / (radii + edge / 2.0) ** 3
    return np.where(radii >= edge / 2.0, wide, thin)


def _paint_balls(
    inside: Floats, space: Space, points: Points, radii: Points, how: tuple[NDArray[np.float64], bool]
) -> None:
    """Balls of about the same size, through one stencil of voxel offsets."""
    stretch, true_volume = how
    spacing, size, edge = np.array(space.spacing), np.array(space.size), float(np.mean(space.spacing))
    half = np.ceil((radii.max() + 0.5 * edge) * stretch / spacing + 0.5).astype(int)
    stencil = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in half), indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.linalg.norm(np.maximum(np.abs(stencil) - 0.5, 0) * spacing / stretch, axis=1) < radii.max() + 0.5 * edge
    stencil = stencil[near]
    index = np.rint((points - space.origin) / spacing).astype(np.int64)
    rest = ((index * spacing + space.origin - points) / stretch).astype(np.float32)
    offsets = (stencil * spacing / stretch).astype(np.float32)
    full = _true_share(radii, edge).astype(np.float32) if true_volume else None
    flat = inside.reshape(-1)
    inner = ((index >= half) & (index < size - half)).all(axis=1)
    step = max(1, CHUNK // len(stencil))
    for begin in range(0, len(points), step):
        part = slice(begin, begin + step)
        delta = [rest[part, None, k] + offsets[None, :, k] for k in range(3)]
        distance = np.sqrt(delta[0] ** 2 + delta[1] ** 2 + delta[2] ** 2)
        fraction = np.clip(0.5 + (radii[part, None].astype(np.float32) - distance) / np.float32(edge), 0.0, 1.0)
        if full is not None:
            fraction *= full[part, None]
        position = index[part, None, :] + stencil
        good = fraction > 0
        if not inner[part].all():
            good &= ((position >= 0) & (position < size)).all(axis=2)
        x, y, z = (position[..., k][good] for k in range(3))
        np.maximum.at(flat, (z * size[1] + y) * size[0] + x, fraction[good])
