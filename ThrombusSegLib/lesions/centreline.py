"""The length of a candidate along its own middle, in mm, however it is bent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from .geometry import Floats, Ints, length_of, voxel_extent

#: Thickness of the layers whose middles make the line, mm, but never less than the longest side of a voxel (our
#: choice: thinner ones follow the steps of the voxels, thicker ones cut corners of a carotid siphon).
LAYER_MM = 2.0
#: Voxels of air around the box, so that the front does not meet a wall of the image.
_ROOM = 1


@dataclass(frozen=True)
class Centreline:
    """From one end of a candidate to the other."""

    length_mm: float
    points_mm: Floats
    """(N, 3) middles of the layers, index times spacing (not a position in the patient); one point for a blob."""


def centreline_of(voxels: Ints, spacing: Floats) -> Centreline:
    """The line through the middles of layers of equal distance from one end, the distance taken inside the candidate.

    The two ends are the voxels farthest apart for a front that runs inside the candidate only (fast marching, Sethian
    1996, as in SimpleITK). Where the candidate forks, the line follows the branch that reaches farthest. The line is
    led on to the surface at both ends, as Feret's diameter is. A candidate too short for three layers is as long as
    Feret's diameter.

    Args:
        voxels: (N, 3) indices (i, j, k) of one connected component, order as `geometry.length_of` takes it.
        spacing: (3,) mm.
    """
    straight, _ = length_of(voxels, spacing)
    if straight < 2 * max(LAYER_MM, float(spacing.max())):
        return Centreline(straight, voxels.mean(axis=0, keepdims=True) * spacing)
    mask, corner = _box_of(voxels)
    first = _farthest(_distances(mask, spacing, voxels[0] - corner), mask)
    distance = _distances(mask, spacing, first)
    last = _farthest(distance, mask)
    layer = max(LAYER_MM, float(spacing.max()))
    count = int(distance[tuple(last[::-1])] // layer) + 1
    middles = _middles(distance, mask, spacing, (last, layer, count))
    if count < 3 or len(middles) < 3:
        return Centreline(straight, middles[:1] + corner * spacing)
    inside = np.linalg.norm(np.diff(middles, axis=0), axis=1).sum()
    ends = _beyond(middles, mask, spacing, at_start=True) + _beyond(middles, mask, spacing, at_start=False)
    return Centreline(float(inside) + ends, middles + corner * spacing)


def _box_of(voxels: Ints) -> tuple[npt.NDArray[np.bool_], Ints]:
    """The candidate in a box of its own, (Z, Y, X), and the index (i, j, k) of the box's first voxel."""
    low, high = voxels.min(axis=0) - _ROOM, voxels.max(axis=0) + _ROOM + 1
    mask = np.zeros(tuple((high - low)[::-1]), dtype=bool)
    places = voxels - low
    mask[places[:, 2], places[:, 1], places[:, 0]] = True
    return mask, low


def _distances(mask: npt.NDArray[np.bool_], spacing: Floats, start: Ints) -> npt.NDArray[np.float64]:
    """Distance inside the mask from a voxel (i, j, k), mm, (Z, Y, X); outside it is not a number of use.

    Beyond the mask the front runs at a twentieth of its speed: it steps through where voxels touch at a corner only.
    """
    speed = sitk.GetImageFromArray(np.where(mask, 1.0, 0.05).astype(np.float32))
    speed.SetSpacing(spacing.tolist())
    marching = sitk.FastMarchingImageFilter()
    marching.SetTrialPoints([[int(each) for each in start]])
    marching.SetStoppingValue(1e9)
    return np.asarray(sitk.GetArrayFromImage(marching.Execute(speed)), dtype=np.float64)


def _farthest(distance: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_]) -> Ints:
    """Index (i, j, k) of the voxel of the mask with the largest distance."""
    place = np.unravel_index(int(np.where(mask, distance, -1.0).argmax()), mask.shape)
    return np.array(place[::-1], dtype=np.int64)


def _middles(
    distance: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_], spacing: Floats, far: tuple[Ints, float, int]
) -> Floats:
    """Middles of the layers from the far end back to the start, of several parts of a layer the nearest; start first.

    Args:
        far: index of the far end, thickness of a layer in mm, number of layers.
    """
    last, layer, count = far
    layers = np.where(mask, np.minimum((distance // layer).astype(np.int64), count - 1), -1)
    here: Floats = last * spacing
    found: list[Floats] = []
    for number in range(count - 1, -1, -1):
        parts = sitk.GetArrayFromImage(sitk.ConnectedComponent(_as_image(layers == number), True))
        middles = [_mean(parts == each, spacing) for each in range(1, int(parts.max()) + 1)]
        if middles:
            here = min(middles, key=lambda middle: float(np.linalg.norm(middle - here)))
            found.append(here)
    return np.array(found[::-1])


def _as_image(mask: npt.NDArray[np.bool_]) -> sitk.Image:
    return sitk.GetImageFromArray(mask.astype(np.uint8))


def _mean(mask: npt.NDArray[np.bool_], spacing: Floats) -> Floats:
    return np.asarray(np.argwhere(mask)[:, ::-1].mean(axis=0) * spacing)


def _beyond(middles: Floats, mask: npt.NDArray[np.bool_], spacing: Floats, *, at_start: bool) -> float:
    """How far the candidate reaches beyond the first or last middle, along the line's direction there, mm."""
    end, before = (middles[0], middles[1]) if at_start else (middles[-1], middles[-2])
    direction = (end - before) / max(float(np.linalg.norm(end - before)), 1e-9)
    away = np.argwhere(mask)[:, ::-1] * spacing - end
    near = np.linalg.norm(away, axis=1) <= 2.0 * max(float(np.linalg.norm(end - before)), LAYER_MM)
    reach = float((away[near] @ direction).max()) if near.any() else 0.0
    return max(reach, 0.0) + voxel_extent(direction, spacing) / 2
