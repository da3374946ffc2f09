"""Arteries as centrelines with radii, both sides, and veins: the chief look-alikes on a susceptibility sequence.

Courses follow an average adult circle of Willis relative to the anterior commissure, drawn by hand and varied per case;
radii are means of anatomical textbooks (ICA 4 mm, M1 2.7 mm, A1 2.3 mm, basilar 3.2 mm in diameter), varied by 15 %.
Frame: LPS mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .space import Space, Tubes, smooth_path

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Artery:
    """One segment of the arterial tree."""

    segment: str
    """ICA, M1, M2 superior, M2 inferior, A1, A2, basilar, P1, P2."""
    side: str
    """The patient's "right", "left" or "midline"."""
    points: Points
    """Centreline from proximal to distal, (N, 3), LPS mm."""
    radius_mm: float
    fed_by: str | None
    """The segment upstream, on the same side."""


#: segment -> (upstream segment, mean radius in mm, nodes on the LEFT side in LPS mm)
COURSES: dict[str, tuple[str | None, float, list[tuple[float, float, float]]]] = {
    "ICA": (None, 2.0, [(17, 6, -60), (18, 2, -46), (14, 2, -36), (13, -9, -31), (12, -8, -24), (11, -3, -18)]),
    "M1": ("ICA", 1.35, [(11, -3, -18), (17, -4, -19), (24, -3, -20), (31, -1, -18)]),
    "M2 superior": ("M1", 1.0, [(31, -1, -18), (36, -4, -10), (39, -6, 2), (40, 2, 16), (44, 14, 26), (52, 22, 32)]),
    "M2 inferior": ("M1", 1.0, [(31, -1, -18), (37, 6, -14), (40, 18, -4), (42, 30, 6), (48, 40, 12), (54, 48, 14)]),
    "A1": ("ICA", 1.1, [(11, -3, -18), (7, -9, -17), (3, -14, -15)]),
    "A2": ("A1", 0.95, [(3, -14, -15), (2, -26, -8), (2, -36, 6), (2, -28, 24), (2, -8, 34), (2, 18, 36)]),
    "basilar": (None, 1.6, [(1, 18, -60), (-1, 17, -48), (1, 15, -36), (0, 13, -24)]),
    "P1": ("basilar", 1.1, [(0, 13, -24), (5, 13, -23), (10, 17, -21)]),
    "P2": ("P1", 1.0, [(10, 17, -21), (18, 26, -18), (22, 38, -12), (19, 52, -6), (14, 66, 0)]),
}
MIDLINE = ("basilar",)


def draw_arteries(random: np.random.Generator) -> list[Artery]:
    """A varied arterial tree: every segment on both sides, the basilar once."""
    scale = random.uniform(0.93, 1.07, size=3)
    arteries: list[Artery] = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        ends: dict[str, Points] = {}
        for segment, (upstream, radius, nodes) in COURSES.items():
            if segment in MIDLINE and side == "right":
                ends[segment] = next(a.points[-1] for a in arteries if a.segment == segment)
                continue
            course = np.array(nodes, dtype=np.float64) * scale * (sign, 1.0, 1.0)
            course[1:] += random.normal(0.0, 1.2, size=course[1:].shape)
            if upstream is not None:
                course[0] = ends[upstream]
            points = smooth_path(course)
            ends[segment] = points[-1]
            label = "midline" if segment in MIDLINE else side
            varied = radius * float(np.clip(random.normal(1.0, 0.15), 0.7, 1.4))
            arteries.append(Artery(segment, label, points, varied, upstream))
    return arteries


def downstream(arteries: list[Artery], source: Artery) -> list[Artery]:
    """All segments fed through `source`, itself not included."""
    found = []
    for artery in arteries:
        same_side = source.side in (artery.side, "midline")
        if same_side and artery.fed_by == source.segment:
            found += [artery, *downstream(arteries, artery)]
    return found


def draw_tubes(space: Space, arteries: list[Artery]) -> NDArray[np.float32]:
    """Fraction of each voxel inside an artery, tapering towards the end: (z, y, x)."""
    tubes = Tubes(space)
    for artery in arteries:
        tubes.draw(artery.points, np.linspace(artery.radius_mm, 0.8 * artery.radius_mm, len(artery.points)))
    return tubes.inside


def draw_veins(space: Space, random: np.random.Generator, surface: tuple[Points, Points]) -> NDArray[np.float32]:
    """Fraction of each voxel inside a vein or a dural sinus: (z, y, x).

    Args:
        space: the fine grid.
        random: source of chance.
        surface: centre and semi-axes (mm) of the brain's ellipsoid, on which cortical veins run.
    """
    tubes = Tubes(space)
    centre, radii = surface
    for _ in range(random.integers(24, 44)):
        tubes.draw(smooth_path(_cortical_course(random, centre, radii)), random.uniform(0.5, 1.2))
    for side in (-1.0, 1.0):
        for nodes, radius in _deep_courses(side):
            course = np.array(nodes) + random.normal(0.0, 1.0, size=(len(nodes), 3))
            tubes.draw(smooth_path(course), radius * random.uniform(0.8, 1.2))
        for _ in range(random.integers(3, 9)):
            tubes.draw(smooth_path(_medullary_course(random, side)), random.uniform(0.35, 0.7))
    angles = np.linspace(-0.35 * np.pi, 0.95 * np.pi, 24)
    arch = np.stack([0 * angles, -np.cos(angles) * radii[1], np.sin(angles) * radii[2]], axis=1) * 1.01 + centre
    arch[:, 0] = 0.0
    tubes.draw(smooth_path(arch[angles > 0.1]), random.uniform(2.5, 4.0))
    return tubes.inside


def _cortical_course(random: np.random.Generator, centre: Points, radii: Points) -> Points:
    """A curve of 2 to 5 cm on the brain's surface, mostly above the base."""
    direction = random.normal(size=3)
    direction[2] = abs(direction[2]) - 0.5
    turn = random.normal(size=3) * 0.16
    nodes = []
    for _ in range(random.integers(4, 7)):
        direction = direction / np.linalg.norm(direction)
        nodes.append(centre + direction * radii * random.uniform(0.94, 0.99))
        turn += random.normal(size=3) * 0.06
        direction = direction + turn
    return np.array(nodes)


def _deep_courses(side: float) -> list[tuple[list[tuple[float, float, float]], float]]:
    """Internal cerebral vein, basal vein (of Rosenthal), transverse sinus; radii in mm."""
    return [
        ([(side * 3, 2, 14), (side * 3, 16, 16), (side * 2, 30, 14), (0, 40, 10)], 1.0),
        ([(side * 14, -2, -15), (side * 17, 10, -13), (side * 16, 24, -6), (side * 6, 36, 4), (0, 42, 9)], 0.9),
        ([(side * 2, 92, -8), (side * 28, 82, -16), (side * 50, 55, -24), (side * 54, 38, -32)], 3.0),
        ([(0, 42, 9), (0, 62, 8), (0, 84, 2)], 2.0),
    ]


def _medullary_course(random: np.random.Generator, side: float) -> Points:
    """A fine vein of the white matter, from beside the ventricle outwards."""
    start = np.array([side * random.uniform(14, 20), random.uniform(-30, 45), random.uniform(18, 30)])
    step = np.array([side * random.uniform(4, 8), random.normal(0, 3), random.uniform(1, 5)])
    return start + step * np.arange(3)[:, None]
