"""The fine grid on which a head is built, smooth random fields on it, and tubes drawn into it.

Frame: millimetres, LPS (x to the patient's left, y to the back, z up), origin near the anterior commissure. Arrays are
(z, y, x), as SimpleITK gives them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Space:
    """A regular grid without rotation."""

    size: tuple[int, int, int] = (256, 320, 150)
    """Voxels along x, y, z."""
    spacing: tuple[float, float, float] = (0.65, 0.64, 1.0)
    """mm along x, y, z."""
    origin: tuple[float, float, float] = (-83.0, -95.0, -62.0)
    """Centre of the first voxel, LPS mm."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of arrays on this grid: (z, y, x)."""
        return self.size[::-1]

    def axes(self) -> tuple[Floats, Floats, Floats]:
        """Coordinates in mm, shaped to broadcast: x (1, 1, X), y (1, Y, 1), z (Z, 1, 1)."""
        x, y, z = (
            (start + step * np.arange(count)).astype(np.float32)
            for start, step, count in zip(self.origin, self.spacing, self.size, strict=True)
        )
        return x[None, None, :], y[None, :, None], z[:, None, None]

    def image(self, array: NDArray[np.generic]) -> sitk.Image:
        """An array on this grid as an image."""
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        return image

    def ellipsoid(self, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Floats:
        """Normalised radius of every voxel: 1 on the surface of the ellipsoid; centre and radii in mm."""
        parts = [((axis - c) / r) ** 2 for axis, c, r in zip(self.axes(), centre, radii, strict=True)]
        return np.asarray(np.sqrt(parts[0] + parts[1] + parts[2]), dtype=np.float32)


class Tubes:
    """Fractions of voxels that lie inside tubes, drawn ball by ball along their centrelines."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.inside: Floats = np.zeros(space.shape, dtype=np.float32)
        self._axes = [axis.ravel() for axis in space.axes()]
        self._edge = float(np.mean(space.spacing))

    def draw(self, points: NDArray[np.float64], radius_mm: NDArray[np.float64] | float) -> None:
        """Add a tube: points (N, 3) in LPS mm at most half a millimetre apart, radius in mm for each or for all."""
        radii = np.broadcast_to(np.asarray(radius_mm, dtype=np.float64), len(points))
        for point, radius in zip(points, radii, strict=True):
            self._ball(point, float(radius))

    def _ball(self, point: NDArray[np.float64], radius: float) -> None:
        spans = []
        for axis, centre in zip(self._axes, point, strict=True):
            reach = radius + self._edge
            low, high = np.searchsorted(axis, (centre - reach, centre + reach))
            if low == high:
                return
            spans.append(slice(int(low), int(high)))
        x, y, z = (axis[span] - centre for axis, span, centre in zip(self._axes, spans, point, strict=True))
        distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
        # Partial volume: a voxel whose centre lies on the wall is half inside.
        fraction = np.clip(0.5 + (radius - distance) / self._edge, 0.0, 1.0)
        window = self.inside[spans[2], spans[1], spans[0]]
        np.maximum(window, fraction, out=window)


def smooth_path(nodes: NDArray[np.float64], step_mm: float = 0.5) -> NDArray[np.float64]:
    """A curve through the nodes (Catmull-Rom), sampled every `step_mm`: (K, 3) -> (N, 3), mm."""
    padded = np.vstack([2 * nodes[0] - nodes[1], nodes, 2 * nodes[-1] - nodes[-2]])
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        count = max(2, int(np.ceil(np.linalg.norm(p2 - p1) / step_mm)))
        t = (np.arange(count) / count)[:, None]
        pieces.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.vstack([*pieces, nodes[-1:]])


def arc_length(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance along the curve from its start to each point, mm: (N, 3) -> (N,)."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
