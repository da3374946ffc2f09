"""Veins and dural sinuses: dark on a susceptibility sequence, and so the chief look-alikes of a clot.

Courses in average coordinates (LPS mm) are drawn by hand after textbook anatomy; how many there are and how wide is our
choice. Deep middle cerebral and Sylvian veins run beside M1 and M2, as long and nearly as wide as clots in them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .form import Form
from .shapes import paint_tubes
from .space import Floats, Space, smooth_path

Points = NDArray[np.float64]
Tube = tuple[Points, Points | float]
Nodes = list[tuple[float, float, float]]
#: Deep veins and sinuses of one side: name -> (nodes on the LEFT, least and largest radius in mm, share of sides).
PAIRED: dict[str, tuple[Nodes, tuple[float, float], float]] = {
    "internal cerebral": ([(4, -4, 13), (3, 6, 16), (3, 18, 16), (3, 30, 12), (1, 38, 9)], (0.7, 1.2), 1.0),
    "basal": ([(13, -2, -15), (16, 8, -14), (18, 20, -10), (15, 30, -3), (7, 37, 4), (1, 41, 8)], (0.6, 1.2), 0.95),
    "thalamostriate": ([(20, 22, 22), (16, 10, 22), (11, 0, 18), (4, -4, 13)], (0.4, 0.9), 0.95),
    "septal": ([(9, -28, 8), (4, -20, 12), (2, -10, 14), (4, -4, 13)], (0.35, 0.8), 0.95),
    "atrial": ([(28, 46, 12), (20, 40, 15), (10, 36, 14), (3, 32, 12)], (0.35, 0.8), 0.8),
    "superficial Sylvian": ([(60, 26, 14), (59, 12, 4), (57, 0, -6), (52, -12, -14), (42, -18, -22),
                             (32, -16, -26), (22, -8, -27)], (0.7, 1.6), 0.9),
    "deep Sylvian": ([(38, 18, 8), (37, 8, 0), (35, 2, -10), (30, 2, -16), (22, 1, -17), (14, 0, -16)],
                     (0.6, 1.35), 0.85),
    "anterior cerebral": ([(4, -26, -6), (5, -20, -14), (8, -10, -18), (13, -2, -15)], (0.3, 0.7), 0.7),
    "Labbe": ([(58, 8, -2), (60, 22, -8), (56, 38, -14), (48, 52, -19)], (0.6, 1.6), 0.75),
    "Trolard": ([(60, 16, 16), (60, 22, 34), (50, 26, 54), (28, 28, 70), (3, 32, 76)], (0.7, 1.7), 0.7),
    "cavernous": ([(11, -14, -30), (13, -6, -31), (14, 2, -32), (16, 8, -33)], (2.0, 3.2), 1.0),
    "superior petrosal": ([(16, 8, -30), (28, 17, -25), (44, 27, -25), (54, 36, -27)], (0.6, 1.2), 0.8),
}  # fmt: skip
#: From the confluence to the jugular bulb; the right one is the wider in most people (our share: two thirds).
TRANSVERSE: Nodes = [
    (2, 93, -6),
    (20, 90, -12),
    (40, 72, -18),
    (54, 50, -24),
    (55, 40, -34),
    (44, 34, -48),
    (30, 28, -56),
]
#: Nodes (y, z) of sinuses in the midline.
STRAIGHT, GALEN = [(45, 8), (62, 4), (80, -2), (93, -6)], [(38, 9), (44, 12), (47, 9)]
RIGHT_WIDER = 2.0 / 3.0
#: Standard deviation of the nodes, mm.
WANDER_MM = 1.3


def draw_veins(
    space: Space, random: np.random.Generator, form: Form, arterial: Floats
) -> tuple[Floats, dict[str, float]]:
    """Fraction of each voxel inside a vein or a sinus, (z, y, x), and what was drawn.

    Args:
        space: the fine grid.
        random: source of chance.
        form: of the head.
        arterial: (z, y, x) fraction inside an artery; veins keep out of arteries.
    """
    drawn: dict[str, float] = {}
    tubes = _paired(random, form, drawn) + _sinuses(random, form, drawn)
    tubes += _cortical(random, form, drawn) + _insular(random, form, drawn) + _medullary(random, form, drawn)
    venous = paint_tubes(space, tubes, true_volume=True)
    np.minimum(venous, 1.0 - arterial, out=venous)
    venous[arterial >= 0.5] = 0.0
    return venous, drawn


def _shaken(random: np.random.Generator, nodes: Nodes, scale: Points, wander: float = WANDER_MM) -> Points:
    course = np.array(nodes, dtype=np.float64) * scale
    return smooth_path(course + random.normal(0.0, wander, size=course.shape))


def _growing(random: np.random.Generator, count: int, radius: float) -> Points:
    """Radii that grow towards the end of a vein, unevenly."""
    along = np.linspace(0.0, 1.0, count)
    wave = 0.12 * np.sin(2 * np.pi * (random.uniform(0.5, 2.5) * along + random.random()))
    return np.asarray(radius * (0.65 + 0.35 * along + wave))


def _paired(random: np.random.Generator, form: Form, drawn: dict[str, float]) -> list[Tube]:
    tubes: list[Tube] = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for name, (nodes, (least, most), share) in PAIRED.items():
            there, radius = random.random() < share, float(random.uniform(least, most))
            path = _shaken(random, nodes, form.size * (sign, 1.0, 1.0))
            drawn[f"{name.replace(' ', '_').lower()}_vein_{side}_mm"] = radius if there else 0.0
            if there:
                tubes.append((path, _growing(random, len(path), radius)))
    return tubes


def _sinuses(random: np.random.Generator, form: Form, drawn: dict[str, float]) -> list[Tube]:
    """Superior sagittal, straight, transverse and sigmoid sinus, and the great vein."""
    right = bool(random.random() < RIGHT_WIDER)
    tubes: list[Tube] = []
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wide = (side == "right") == right
        radius = float(random.uniform(2.8, 3.8) if wide else random.uniform(1.2, 3.0))
        tubes.append((_shaken(random, TRANSVERSE, form.size * (sign, 1.0, 1.0)), radius))
        drawn[f"transverse_sinus_{side}_mm"] = radius
    for name, yz, radius in (("straight", STRAIGHT, 1.8), ("galen", GALEN, 1.6)):
        width = radius * float(random.uniform(0.8, 1.25))
        tubes.append((_shaken(random, [(0, y, z) for y, z in yz], form.size, 0.6), width))
        drawn[f"{name}_mm"] = width
    angles = np.linspace(-0.05, 0.97, 26) * np.pi  # from the forehead over the top to the confluence
    rays = np.stack([0 * angles, -np.cos(angles), np.sin(angles)], axis=1)
    arch = form.surface_points(rays, -0.6)
    arch = arch[arch[:, 2] > -8.0 * form.size[2]]
    arch[:, 0] = form.middle(arch[:, 1].astype(np.float32)) * 0.5
    width = float(random.uniform(2.4, 3.8))
    path = smooth_path(arch)
    tubes.append((path, width * np.linspace(0.45, 1.0, len(path))))
    drawn["superior_sagittal_sinus_mm"] = width
    return tubes


def _cortical(random: np.random.Generator, form: Form, drawn: dict[str, float]) -> list[Tube]:
    """Veins on the convexity that climb to the superior sagittal sinus, and short ones anywhere on the surface."""
    tubes: list[Tube] = []
    climbing, short = int(random.integers(16, 34)), int(random.integers(30, 80))
    for _ in range(climbing):
        sign, azimuth = random.choice([-1.0, 1.0]), random.uniform(-0.75, 0.8) * np.pi / 2
        heights = np.linspace(random.uniform(0.05, 0.7), 1.5, 7)
        turn = azimuth + np.cumsum(random.normal(0.03, 0.07, size=7))
        rays = np.stack(
            [sign * np.cos(heights) * np.cos(turn), np.sin(turn) * np.cos(heights), np.sin(heights)], axis=1
        )
        rays[:, 1] = np.sin(turn) * (0.35 + 0.65 * np.cos(heights))
        path = smooth_path(form.surface_points(rays, random.uniform(0.2, 1.8, size=7)))
        tubes.append((path, _growing(random, len(path), float(random.uniform(0.5, 1.35)))))
    for _ in range(short):
        ray = random.normal(size=3)
        ray[2] = abs(ray[2]) - 0.35
        turn3 = random.normal(size=3) * 0.12
        along = ray / np.linalg.norm(ray) + turn3 * np.arange(4)[:, None]
        path = smooth_path(form.surface_points(along, random.uniform(0.5, 13.0, size=4)))
        tubes.append((path, _growing(random, len(path), float(random.uniform(0.35, 0.95)))))
    drawn.update(climbing_veins=climbing, short_cortical_veins=short)
    return tubes


def _insular(random: np.random.Generator, form: Form, drawn: dict[str, float]) -> list[Tube]:
    """Veins over the insula, beside the M2 branches."""
    count = int(random.integers(2, 8))
    tubes: list[Tube] = []
    for _ in range(count):
        side = int(random.integers(2))
        y = np.linspace(random.uniform(-10, 8), random.uniform(12, 36), 4)
        height = form.fissure_height((y * form.size[1]).astype(np.float32), side) + random.uniform(-9.0, 11.0)
        x = (1.0 - 2.0 * side) * (39.5 + random.normal(0.0, 0.8, size=4)) * form.size[0]
        path = smooth_path(np.stack([x, y * form.size[1], height + random.normal(0.0, 1.5, size=4)], axis=1))
        tubes.append((path, _growing(random, len(path), float(random.uniform(0.4, 1.1)))))
    drawn["insular_veins"] = count
    return tubes


def _medullary(random: np.random.Generator, form: Form, drawn: dict[str, float]) -> list[Tube]:
    """Fine veins of the white matter, which run from beside the ventricle straight outwards."""
    tubes: list[Tube] = []
    count = int(random.integers(16, 70))
    for _ in range(count):
        sign, back = random.choice([-1.0, 1.0]), random.uniform(-26, 46)
        start = np.array([sign * (13.0 + 0.12 * max(back, 0.0)), back, 22.0 - 0.1 * abs(back - 5)])
        step = np.array([sign * random.uniform(3, 7), random.normal(0, 2) + 0.05 * back, random.uniform(1, 6)])
        nodes = (start + step * np.arange(4)[:, None])[::-1] * form.size
        path = smooth_path(nodes + random.normal(0.0, 0.4, size=nodes.shape))
        tubes.append((path, _growing(random, len(path), float(random.uniform(0.3, 0.7)))))
    drawn["medullary_veins"] = count
    return tubes
