"""The form of one head: what is drawn once and then shapes skull, brain and veins alike.

Everything is laid out in average coordinates (LPS mm, origin at the anterior commissure, close to MNI space) and then
scaled along the three axes. All courses and sizes are drawn by hand after textbook anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .space import Floats

Points = NDArray[np.float64]
#: Middle of the brain and its half-axes in average coordinates, mm; the half-axis downwards is that of a flatter shape.
CENTRE, HALF_AXES, DOWN_MM = (0.0, 12.0, 15.0), (67.0, 85.0, 64.0), 72.0
#: Inner surface of the skull's base: lowest points of middle and posterior fossa, sella and petrous ridge, mm.
MIDDLE_FOSSA, POSTERIOR_FOSSA, SELLA, RIDGE = -42.0, -61.0, -25.0, -24.0
#: Space between the brain's outline and the bone, mm.
GAP_MM = 1.0


@dataclass(frozen=True)
class Form:
    """Sizes and proportions of a head."""

    size: Points
    """(3,) over the average along x, y, z."""
    atrophy: float
    """0 (a young brain) to 1: widens sulci, fissures and ventricles together."""
    right_frontal_mm: float
    """How much further the right frontal lobe reaches than the left; negative the other way round (petalia)."""
    left_occipital_mm: float
    """The same of the left occipital lobe."""
    bend_mm: float
    """How far the middle of the interhemispheric fissure lies to the left."""
    ventricle_width: float
    """Over the average."""
    ventricle_left_share: float
    """Width of the left lateral ventricle over the right one."""
    skull_mm: float
    scalp_mm: float
    cortex_mm: float
    """Thickness of the cortex."""
    sulcus_mm: float
    """Usual depth of sulci."""
    gyrus_mm: float
    """Scale of the gyri."""
    fissure_slope: tuple[float, float]
    """Slope of the Sylvian fissure, left and right."""

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        values: dict[str, float] = {
            name: float(value) for name, value in vars(self).items() if isinstance(value, float | int)
        }
        values.update(zip(("size_x", "size_y", "size_z"), self.size.tolist(), strict=True))
        values.update(zip(("fissure_slope_left", "fissure_slope_right"), self.fissure_slope, strict=True))
        return values

    def place(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """A point given in average coordinates, in this head; LPS mm."""
        return float(x * self.size[0]), float(y * self.size[1]), float(z * self.size[2])

    def average(self, axes: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats, Floats]:
        """Axes of this head in average coordinates."""
        x, y, z = (axis / np.float32(scale) for axis, scale in zip(axes, self.size, strict=True))
        return x, y, z

    def radius(self, axes: tuple[Floats, Floats, Floats]) -> Floats:
        """Normalised radius of the brain's outline without the base: 1 on its surface; LPS mm, shapes broadcast."""
        x, y, z = (axis - np.float32(c) for axis, c in zip(self.average(axes), CENTRE, strict=True))
        lean = np.tanh(x / 20.0)
        half = HALF_AXES[1] + 0.5 * np.where(y > 0, self.left_occipital_mm * lean, -self.right_frontal_mm * lean)
        forward = np.clip(-y / HALF_AXES[1], 0.0, 1.0)
        width = HALF_AXES[0] * (1.0 - 0.13 * forward**2)
        flat = ((np.abs(x) / width) ** 2.3 + (np.abs(y) / half) ** 2.3) ** np.float32(2 / 2.3)
        height = np.where(z > 0, (z / HALF_AXES[2]) ** 2, (np.abs(z) / DOWN_MM) ** 5)
        return np.asarray(np.sqrt(flat + height), dtype=np.float32)

    def floor(self, x: Floats, y: Floats) -> Floats:
        """Height of the skull's base in this head, mm; LPS mm, shapes broadcast."""
        x, y = np.abs(x / np.float32(self.size[0])), y / np.float32(self.size[1])
        behind = behind_ridge(x, y)
        middle = np.maximum(MIDDLE_FOSSA, RIDGE + 1.1 * behind)
        rise = 1.1 * np.maximum(np.sqrt(x**2 + (y - 42.0) ** 2) - 33.0, 0.0)
        posterior = np.maximum(POSTERIOR_FOSSA + rise, RIDGE - 3.0 * behind)
        base = np.where(behind > 0, posterior, middle)
        base = np.where((behind < 0) & (y > -22), base + _step(14.0 - x, 1.5) * np.maximum(SELLA - base, 0), base)
        front = -25.0 + 10.0 * np.exp(-(((x - 26.0) / 13.0) ** 2))
        base = base + _step(-21.0 - y, 1.5) * (front - base)
        hole = ((x / 15.0) ** 2 + ((y - 38.0) / 16.0) ** 2) < 1
        return np.asarray(np.where(hole, -200.0, base) * self.size[2], dtype=np.float32)

    def tentorium(self, x: Floats, y: Floats) -> Floats:
        """Height of the tentorium in this head, mm; it means something behind the petrous ridge only."""
        x, y = np.abs(x / np.float32(self.size[0])), y / np.float32(self.size[1])
        low = 0.0085 * x**2 + 0.28 * np.maximum(y - 42.0, 0) + 1.4 * np.maximum(42.0 - y, 0) * _step(x - 12.0, 3.0)
        return np.asarray((3.0 - low) * self.size[2], dtype=np.float32)

    def under_tentorium(self, x: Floats, y: Floats, z: Floats) -> NDArray[np.bool_]:
        """Whether a point belongs to the posterior fossa; LPS mm, shapes broadcast."""
        behind = behind_ridge(np.abs(x / np.float32(self.size[0])), y / np.float32(self.size[1]))
        return np.asarray((behind > 0) & (z < self.tentorium(x, y)))

    def middle(self, y: Floats) -> Floats:
        """Where the interhemispheric fissure lies, x in mm."""
        share = (y - 12.0 * self.size[1]) / (85.0 * self.size[1])
        return np.asarray(self.bend_mm * (1.0 - share**2), dtype=np.float32)

    def fissure_height(self, y: Floats, side: int) -> Floats:
        """Height of the Sylvian fissure along y, mm; `side` 0 left, 1 right."""
        return np.asarray((-14.0 + self.fissure_slope[side] * (y / self.size[1] + 14.0)) * self.size[2], np.float32)

    def surface_points(self, directions: Points, depth_mm: Points | float = 0.0) -> Points:
        """Where rays from the middle leave the brain's outline, `depth_mm` further in; LPS mm, (N, 3) -> (N, 3)."""
        middle = np.array(self.place(*CENTRE))
        away = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        reach = np.full(len(away), 50.0)
        for _ in range(4):  # the outline is no ellipsoid: scale until the points lie on it
            x, y, z = (middle + reach[:, None] * away).astype(np.float32).T
            reach = reach / self.radius((x, y, z))
        return np.asarray(middle + (reach - depth_mm)[:, None] * away)


def behind_ridge(x: Floats, y: Floats) -> Floats:
    """How far a point lies behind the petrous ridge, mm; average coordinates, |x|."""
    return np.asarray(y - 8.0 - 0.5 * np.maximum(x - 8.0, 0.0), dtype=np.float32)


def _step(distance: Floats, soft: float) -> Floats:
    """0 to 1 where `distance` passes zero."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(distance / soft, -30, 30))), dtype=np.float32)


def draw_form(random: np.random.Generator) -> Form:
    """Draw the proportions of a head; ranges are our choice, those of a stroke clinic's mostly elderly patients."""
    atrophy = float(random.beta(1.6, 1.8))
    return Form(
        size=random.uniform(0.94, 1.06, size=3),
        atrophy=atrophy,
        right_frontal_mm=float(random.normal(2.5, 2.0)),
        left_occipital_mm=float(random.normal(3.5, 2.5)),
        bend_mm=float(random.normal(0.0, 0.8)),
        ventricle_width=float((0.75 + 1.0 * atrophy) * random.uniform(0.85, 1.18)),
        ventricle_left_share=float(np.exp(random.normal(0.05, 0.10))),
        skull_mm=float(random.uniform(4.5, 8.0)),
        scalp_mm=float(random.uniform(4.0, 7.5)),
        cortex_mm=float(random.uniform(2.5, 3.1)) - 0.3 * atrophy,
        sulcus_mm=float(random.uniform(16.0, 21.0)),
        gyrus_mm=float(random.uniform(6.4, 7.4)),
        fissure_slope=(float(random.normal(0.50, 0.05)), float(random.normal(0.58, 0.05))),
    )
