"""Which artery a candidate probably lies in: an estimate from an average arterial tree, never a statement of fact.

The tree is the centreline tree of the simulated head without its chance (`phantom.vessels`: drawn by hand after
textbook anatomy), laid into the patient's head by its outline (`head_frame`). Arteries vary from person to person, and
the outline places them to about a centimetre: the confidence says how much of the candidate lies near that segment
rather than another or none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from .head_frame import HeadFrame

Floats = npt.NDArray[np.float64]
#: How far an artery may lie from its average place, mm (standard deviation). Our choice: what the outline of the head
#: misses along z (9 mm, in simulated heads) and what trees differ in.
SPREAD_MM = 8.0
#: Farther than this from every artery a voxel counts as "none": a vein, a deep vessel, a calcification. Our choice.
NONE_MM = 16.0
#: Height above which the carotid counts as supraclinoid, and where M1 begins its distal half, average mm. The carotid
#: leaves the cavernous sinus in its last bend; M1's halves are equal. Our choice.
SUPRACLINOID_MM, DISTAL_M1_MM = -25.0, 21.0
#: At most so many voxels of a candidate are looked at.
_VOXELS = 400
#: What is told apart inside, and what is said outside.
_SHOWN = {"ICA supraclinoid": "ICA", "M1 proximal": "M1", "M1 distal": "M1"}


@dataclass(frozen=True)
class SegmentEstimate:
    """Where a candidate probably lies."""

    segment: str
    """ICA, M1, "M2 superior", "M2 inferior", M3, A1, A2, basilar, P1, P2, vertebral, PCom, ACom; "" where nothing can
    be said."""
    confidence: float
    """0..1: the mean share of its voxels that this segment explains; not a calibrated probability."""
    parts: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """The same share for every part of the tree, "M1 proximal" and so on, and for "none"."""
    nearest: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Share of its voxels to which this part is nearer than any other."""
    reason: str = ""
    """Why nothing can be said, where that is so."""


@dataclass(frozen=True)
class _Tree:
    points: Floats
    """(N, 3) left-handed average tree, both sides, LPS mm."""
    owners: npt.NDArray[np.int64]
    """(N,) place of each point's part in `parts`."""
    parts: tuple[str, ...]


def estimate_segment(points_lps: Floats, frame: HeadFrame | None) -> SegmentEstimate:
    """The likely segment of a candidate.

    Args:
        points_lps: (N, 3) positions of its voxels, LPS mm.
        frame: of the head; None gives an empty estimate with its reason.
    """
    if frame is None:
        return SegmentEstimate("", 0.0, reason="The sides or the top of the head are not in the picture.")
    points = frame.to_average(points_lps[:: max(1, len(points_lps) // _VOXELS)])
    tree = _average_tree()
    squares = ((points[:, None, :] - tree.points[None]) ** 2).sum(axis=2)
    nearest = np.full((len(points), len(tree.parts) + 1), NONE_MM**2)
    for part in range(len(tree.parts)):
        nearest[:, part] = squares[:, tree.owners == part].min(axis=1)
    weights = np.exp(-nearest / (2 * SPREAD_MM**2))
    shares = (weights / weights.sum(axis=1, keepdims=True)).mean(axis=0)
    parts = {name: float(share) for name, share in zip((*tree.parts, "none"), shares, strict=True)}
    first = np.bincount(nearest.argmin(axis=1), minlength=len(tree.parts) + 1) / len(points)
    closest = {name: float(share) for name, share in zip((*tree.parts, "none"), first, strict=True)}
    shown: dict[str, float] = {}
    for name, share in parts.items():
        shown[_SHOWN.get(name, name)] = shown.get(_SHOWN.get(name, name), 0.0) + share
    best = max(shown, key=lambda name: shown[name])
    segment = "" if best == "none" else best
    reason = "It lies far from the usual courses of the arteries." if best == "none" else ""
    return SegmentEstimate(segment, round(shown[best], 4), MappingProxyType(parts), MappingProxyType(closest), reason)


@lru_cache(maxsize=1)
def _average_tree() -> _Tree:
    """The tree without chance, both sides, one point a millimetre."""
    points, names = [], []
    for segment, path in _left_courses().items():
        for sign in (1.0, -1.0):
            for point in path[::2] * (sign, 1.0, 1.0):
                points.append(point)
                names.append(_part(segment, point))
    parts = tuple(dict.fromkeys(names))
    return _Tree(np.array(points), np.array([parts.index(name) for name in names]), parts)


def _left_courses() -> dict[str, Floats]:
    from ..phantom.space import smooth_path
    from ..phantom.vessels import BRANCHES, COURSES, VERTEBRAL

    paths = {name: smooth_path(np.array(nodes, dtype=float)) for name, (_, _, nodes) in COURSES.items()}
    for name, (parent, share, _, nodes) in BRANCHES.items():
        start = paths[parent][round(share * (len(paths[parent]) - 1))]
        paths[name] = smooth_path(np.vstack([start, np.array(nodes, dtype=float)]))
    paths["vertebral"] = smooth_path(np.vstack([np.array(VERTEBRAL[1], dtype=float), paths["basilar"][0]]))
    paths["PCom"] = smooth_path(np.vstack([paths["ICA"][-6], paths["P1"][-1]]))
    return paths


def _part(segment: str, point: Floats) -> str:
    if segment == "ICA cervical" or (segment == "ICA" and point[2] < SUPRACLINOID_MM):
        return "ICA"
    if segment == "ICA":
        return "ICA supraclinoid"
    if segment == "M1":
        return "M1 distal" if abs(point[0]) > DISTAL_M1_MM else "M1 proximal"
    return "M3" if segment.startswith("M3") else segment
