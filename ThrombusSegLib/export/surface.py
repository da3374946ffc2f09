"""A surface around a label, as STL. Naive surface nets (Gibson 1998), because no library we need makes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..errors import InputError
from ..files import errors_of_the_disk, unfinished_folder
from .measured import THROMBUS, MeasuredCase

Floats = npt.NDArray[np.float64]
#: Corners of a cell along (z, y, x).
_CORNERS = np.array([(z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1)])
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1]
#: 80 bytes; Slicer reads the coordinate system from it.
_HEADER = b"ThrombusSeg SPACE=LPS"


def write_stl(case: MeasuredCase, path: Path, value: int = THROMBUS) -> Path:
    """Binary STL of a label's surface, LPS mm; all its parts in one file.

    Raises:
        InputError: the label is empty.
    """
    triangles = surface_of(case.labels, value)
    if not len(triangles):
        raise InputError("There is nothing to make a surface of.", "Export another label.")
    edges = np.diff(triangles, axis=1)
    normals = np.cross(edges[:, 0], edges[:, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    kind = np.dtype([("normal", "<3f4"), ("corners", "<9f4"), ("attribute", "<u2")])
    table = np.zeros(len(triangles), dtype=kind)
    table["normal"], table["corners"] = normals, triangles.reshape(-1, 9)
    with errors_of_the_disk(path.name), unfinished_folder(path.parent) as folder:
        draft = folder / "surface.stl"
        draft.write_bytes(_HEADER.ljust(80) + np.uint32(len(triangles)).tobytes() + table.tobytes())
        draft.replace(path)
    return path


def surface_of(labels: sitk.Image, value: int) -> Floats:
    """Triangles (N, 3 corners, 3) in LPS mm, normals outwards, closed; (0, 3, 3) for an empty label.

    Every cell between eight voxel centres of which some are inside has one point, the mean of where its edges pass
    from inside to outside; neighbouring points are joined.
    """
    mask = np.pad(sitk.GetArrayViewFromImage(labels) == value, 2)
    points, numbers = _points(mask)
    triangles = [_triangles(mask, numbers, axis) for axis in range(3)]
    corners = points[np.concatenate(triangles)]
    direction = np.array(labels.GetDirection()).reshape(3, 3)
    index = corners[..., ::-1] - 2.0
    placed = (index * np.array(labels.GetSpacing())) @ direction.T + np.array(labels.GetOrigin())
    mirrored = np.linalg.det(direction) < 0
    return np.asarray(placed[:, ::-1] if mirrored else placed)


def _points(mask: npt.NDArray[np.bool_]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """One point (z, y, x) a mixed cell, and the number of each cell's point, -1 where there is none."""
    size = np.array(mask.shape) - 1
    inside = np.stack(
        [mask[tuple(slice(at, at + count) for at, count in zip(corner, size, strict=True))] for corner in _CORNERS]
    )
    mixed = inside.any(axis=0) & ~inside.all(axis=0)
    cells = np.argwhere(mixed)
    at = inside[:, mixed]
    total, count = np.zeros((len(cells), 3)), np.zeros(len(cells))
    for a, b in _EDGES:
        crossed = at[a] != at[b]
        total[crossed] += (_CORNERS[a] + _CORNERS[b]) / 2
        count += crossed
    numbers = np.full(mixed.shape, -1, dtype=np.int64)
    numbers[mixed] = np.arange(len(cells))
    return cells + total / np.maximum(count, 1)[:, None], numbers


def _triangles(mask: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.int64]:
    """Two triangles for every edge between voxels along an axis that passes the surface: (N, 3) numbers of points."""
    here = np.take(mask, range(mask.shape[axis] - 1), axis=axis)
    there = np.take(mask, range(1, mask.shape[axis]), axis=axis)
    found = []
    second, third = (axis + 1) % 3, (axis + 2) % 3
    for outwards in (True, False):
        edges = np.argwhere((here & ~there) if outwards else (~here & there))
        around = []
        for step in ((0, 0), (-1, 0), (-1, -1), (0, -1)):
            cell = edges.copy()
            cell[:, second] += step[0]
            cell[:, third] += step[1]
            around.append(numbers[tuple(cell.T)])
        a, b, c, d = around
        quads = [(a, b, c), (a, c, d)] if not outwards else [(a, c, b), (a, d, c)]
        found += [np.stack(each, axis=1) for each in quads]
    return np.concatenate(found)
