"""Arteries as centrelines with radii: the circle of Willis, what feeds it, and its first branches, varied per head.

Courses follow an average adult circle of Willis relative to the anterior commissure, drawn by hand and varied per case;
radii are means of anatomical textbooks (ICA 4 mm, M1 2.7 mm, A1 2.3 mm, basilar 3.2 mm in diameter), varied by 15 %.
Frame: LPS mm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .shapes import paint_tubes
from .space import Space, smooth_path

Points = NDArray[np.float64]
Nodes = list[tuple[float, float, float]]
SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True)
class Artery:
    """One segment of the arterial tree."""

    segment: str
    """A name of `COURSES` or `BRANCHES`, "PCom" or "ACom"."""
    side: str
    """The patient's "right", "left" or "midline"."""
    points: Points
    """Centreline from proximal to distal, (N, 3), LPS mm."""
    radius_mm: float
    """At the proximal end."""
    fed_by: str | None
    """The segment upstream, on the same side unless `fed_from` says otherwise; None: fed from outside, or from both
    sides."""
    taper: float = 0.8
    """Radius at the distal end over that at the proximal end."""
    fed_from: str = ""
    """Side of the segment upstream, where it is not the artery's own."""

    @property
    def radii(self) -> Points:
        """Radius in mm at each point, (N,)."""
        return self.radius_mm * np.linspace(1.0, self.taper, len(self.points))


#: The carotid in neck and skull base, then all arteries in which a clot may begin: segment -> (upstream segment, mean
#: radius in mm, nodes on the LEFT side, LPS mm).
COURSES: dict[str, tuple[str | None, float, Nodes]] = {
    "ICA cervical": (None, 2.2, [(24, 17, -60), (24, 12, -51), (19, 5, -44), (13, 2, -40)]),
    "ICA": ("ICA cervical", 2.0, [
        (13, 2, -40), (12, 2, -34), (12, -7, -32), (12, -11, -27), (12, -8, -22), (11, -3, -18),
    ]),
    "M1": ("ICA", 1.35, [(11, -3, -18), (17, -4, -19), (24, -3, -20), (31, -1, -18)]),
    "M2 superior": ("M1", 1.0, [(31, -1, -18), (36, -4, -10), (39, -6, 2), (40, 2, 16), (44, 14, 26), (52, 22, 32)]),
    "M2 inferior": ("M1", 1.0, [(31, -1, -18), (37, 6, -14), (40, 18, -4), (42, 30, 6), (48, 40, 12), (54, 48, 14)]),
    "A1": ("ICA", 1.1, [(11, -3, -18), (7, -9, -17), (3, -14, -15)]),
    "A2": ("A1", 0.95, [(3, -14, -15), (2, -26, -8), (2, -36, 6), (2, -28, 24), (2, -8, 34), (2, 18, 36)]),
    "basilar": (None, 1.6, [(1, 26, -51), (-1, 20, -42), (1, 15, -33), (0, 14, -24)]),
    "P1": ("basilar", 1.1, [(0, 14, -24), (5, 13, -22), (10, 17, -20)]),
    "P2": ("P1", 1.0, [(10, 17, -20), (18, 26, -17), (22, 38, -12), (19, 52, -6), (14, 66, 0)]),
}  # fmt: skip
#: Arteries without clots of their own: segment -> (upstream, share of its length at which they leave it, mean radius,
#: further nodes on the LEFT side).
BRANCHES: dict[str, tuple[str, float, float, Nodes]] = {
    "M3 superior anterior": ("M2 superior", 0.30, 0.65, [(45, -14, 12), (53, -19, 20), (58, -18, 30)]),
    "M3 superior middle": ("M2 superior", 0.65, 0.65, [(48, 4, 30), (54, 4, 38), (57, 6, 48)]),
    "M3 superior posterior": ("M2 superior", 1.0, 0.7, [(57, 30, 38), (56, 40, 46)]),
    "M3 inferior anterior": ("M2 inferior", 0.25, 0.6, [(46, 8, -10), (56, 8, -10), (62, 12, -16)]),
    "M3 inferior middle": ("M2 inferior", 0.65, 0.6, [(50, 34, 2), (59, 36, -4), (62, 42, -8)]),
    "M3 inferior posterior": ("M2 inferior", 1.0, 0.7, [(56, 58, 20), (52, 67, 26)]),
}
#: On each side, from the neck to the beginning of the basilar artery; mean radius in mm and nodes on the LEFT side.
VERTEBRAL: tuple[float, Nodes] = (1.4, [(12, 44, -72), (11, 40, -62), (6, 32, -56)])
MIDLINE = ("basilar",)
#: Shares of heads, or of sides, with a variant. The circle of Willis is incomplete or lopsided in half of all people;
#: textbooks give about a tenth each for a thin A1, a posterior artery fed by the carotid (on each side) and a thin
#: vertebral artery. The figures are our choice within what they give.
THIN_A1, FETAL_POSTERIOR, THIN_VERTEBRAL = 0.10, 0.12, 0.12
#: Radius of a thin segment over its usual one.
THIN = (0.25, 0.5)
#: Standard deviation of the nodes, mm: of a calm and of a tortuous tree.
WANDER_MM = (0.8, 2.0)


@dataclass(frozen=True)
class Variants:
    """What is unusual about a tree."""

    thin_a1: str = ""
    """Side of a thin A1; the other one feeds both A2. "" for none."""
    fetal: tuple[str, ...] = ()
    """Sides whose posterior cerebral artery is fed by the carotid."""
    thin_vertebral: str = ""
    wander_mm: float = 1.2

    def as_dict(self) -> dict[str, float | str]:
        """Plain values for JSON."""
        return {
            "thin_a1": self.thin_a1,
            "fetal_posterior": "+".join(self.fetal),
            "thin_vertebral": self.thin_vertebral,
            "artery_wander_mm": self.wander_mm,
        }


def draw_arteries(random: np.random.Generator, size: Points | None = None) -> list[Artery]:
    """A varied arterial tree: every segment on both sides, the basilar and the anterior communicating artery once."""
    return draw_tree(random, size)[0]


def draw_tree(random: np.random.Generator, size: Points | None = None) -> tuple[list[Artery], Variants]:
    """As `draw_arteries`, with its variants.

    Args:
        random: source of chance.
        size: (3,) size of the head over the average along x, y, z; drawn when None.
    """
    if size is None:
        size = random.uniform(0.94, 1.06, size=3)
    variants = _draw_variants(random)
    arteries: list[Artery] = []
    for side, sign in SIDES:
        arteries += _main(random, size, variants, side, sign, arteries)
    arteries.append(_anterior_communicating(random, arteries, variants))
    for side, sign in SIDES:
        own = {each.segment: each for each in arteries if each.side == side}
        joined = next(each for each in arteries if each.segment == "basilar").points[0]
        arteries.append(_vertebral(random, size, side, sign, joined, variants))
        arteries.append(_posterior_communicating(random, own, side, variants))
        arteries += [_branch(random, size, own, name, side, sign) for name in BRANCHES]
    return arteries, variants


def _draw_variants(random: np.random.Generator) -> Variants:
    chances, which = random.random(4), random.integers(2, size=2)
    return Variants(
        thin_a1=SIDES[which[0]][0] if chances[0] < THIN_A1 else "",
        fetal=tuple(side for (side, _), chance in zip(SIDES, chances[1:3], strict=True) if chance < FETAL_POSTERIOR),
        thin_vertebral=SIDES[which[1]][0] if chances[3] < THIN_VERTEBRAL else "",
        wander_mm=float(random.uniform(*WANDER_MM)),
    )


def _main(
    random: np.random.Generator, size: Points, variants: Variants, side: str, sign: float, before: list[Artery]
) -> list[Artery]:
    """The segments of `COURSES` on one side; the midline ones with the first side."""
    drawn: dict[str, Artery] = {each.segment: each for each in before if each.segment in MIDLINE}
    found = []
    for segment, (upstream, radius, nodes) in COURSES.items():
        if segment in drawn:
            continue
        start = drawn[upstream].points[-1] if upstream else None
        points = _course(random, nodes, (size * (sign, 1.0, 1.0), variants.wander_mm), start)
        if segment == "A2":
            points[:, 0] = sign * np.maximum(sign * points[:, 0], 0.8)
            points[0] = drawn["A1"].points[-1]
        label = "midline" if segment in MIDLINE else side
        width = _width(random, radius) * _thinned(random, variants, segment, side)
        fed_by = _fed_by(segment, upstream, side, variants)
        drawn[segment] = Artery(segment, label, points, width, fed_by, float(random.uniform(0.68, 0.9)))
        found.append(drawn[segment])
    return found


def _fed_by(segment: str, usual: str | None, side: str, variants: Variants) -> str | None:
    if segment == "A2" and side == variants.thin_a1:
        return "ACom"
    return "PCom" if segment == "P2" and side in variants.fetal else usual


def _thinned(random: np.random.Generator, variants: Variants, segment: str, side: str) -> float:
    thin = (segment == "A1" and side == variants.thin_a1) or (segment == "P1" and side in variants.fetal)
    return float(random.uniform(*THIN)) if thin else 1.0


def _width(random: np.random.Generator, radius: float) -> float:
    return radius * float(np.clip(random.normal(1.0, 0.15), 0.7, 1.4))


def _course(
    random: np.random.Generator, nodes: Nodes, shape: tuple[Points, float], start: Points | None = None
) -> Points:
    """A smooth path through the nodes, scaled and shaken; `start` replaces the first node."""
    scale, wander = shape
    course = np.array(nodes, dtype=np.float64) * scale
    shake = random.normal(0.0, wander, size=course[1:].shape)
    course[1:] += np.clip(shake, -1.6 * wander, 1.6 * wander)
    if start is not None:
        course[0] = start
    return smooth_path(course)


def _branch(
    random: np.random.Generator, size: Points, own: dict[str, Artery], name: str, side: str, sign: float
) -> Artery:
    """A branch of the middle cerebral artery, from a point of its parent to the brain's surface."""
    upstream, share, radius, nodes = BRANCHES[name]
    parent = own[upstream]
    start = parent.points[round(share * (len(parent.points) - 1))]
    points = _course(random, [(0.0, 0.0, 0.0), *nodes], (size * (sign, 1.0, 1.0), 1.5), start)
    return Artery(name, side, points, min(_width(random, radius), 0.9 * parent.radius_mm), upstream, 0.6)


def _vertebral(
    random: np.random.Generator, size: Points, side: str, sign: float, end: Points, variants: Variants
) -> Artery:
    """Both vertebral arteries feed the basilar, so that neither alone is upstream of it."""
    radius, nodes = VERTEBRAL
    course = np.array(nodes) * size * (sign, 1.0, 1.0) + random.normal(0.0, variants.wander_mm, size=(len(nodes), 3))
    thin = random.uniform(*THIN) if side == variants.thin_vertebral else 1.0
    width = _width(random, radius) * float(thin)
    return Artery("vertebral", side, smooth_path(np.vstack([course, end])), width, None, 0.95)


def _posterior_communicating(
    random: np.random.Generator, own: dict[str, Artery], side: str, variants: Variants
) -> Artery:
    """From the carotid's end to where P1 becomes P2: thin, or wide enough to feed P2."""
    carotid, first = own["ICA"].points, own["P1"].points
    start = carotid[round(0.88 * (len(carotid) - 1))]
    bend = 0.5 * (start + first[-1]) + random.normal(0.0, 0.8, size=3)
    radius = own["P2"].radius_mm if side in variants.fetal else random.uniform(0.3, 0.6)
    return Artery("PCom", side, smooth_path(np.array([start, bend, first[-1]])), float(radius), "ICA", 0.95)


def _anterior_communicating(random: np.random.Generator, arteries: list[Artery], variants: Variants) -> Artery:
    """Between the two A1; where one of them is thin, it carries the other's blood across."""
    left, right = (
        next(each.points[-1] for each in arteries if (each.segment, each.side) == ("A1", side)) for side, _ in SIDES
    )
    middle = 0.5 * (left + right) + (0.0, -1.0, 0.0)
    radius = float(random.uniform(0.7, 0.9) if variants.thin_a1 else random.uniform(0.3, 0.7))
    acom = Artery("ACom", "midline", smooth_path(np.array([left, middle, right])), radius, None, 1.0)
    if not variants.thin_a1:
        return acom
    feeding = "right" if variants.thin_a1 == "left" else "left"
    points = acom.points if feeding == "left" else acom.points[::-1]
    return replace(acom, points=points, fed_by="A1", fed_from=feeding)


def downstream(arteries: list[Artery], source: Artery) -> list[Artery]:
    """All segments fed through `source`, itself not included."""
    found = []
    for artery in arteries:
        reached = source.side in (artery.fed_from or artery.side, "midline")
        if reached and artery.fed_by == source.segment:
            found += [artery, *downstream(arteries, artery)]
    return found


def draw_tubes(space: Space, arteries: list[Artery]) -> NDArray[np.float32]:
    """Fraction of each voxel inside an artery, tapering towards the end: (z, y, x)."""
    return paint_tubes(space, [(artery.points, artery.radii) for artery in arteries])
