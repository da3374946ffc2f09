"""The stroke: a clot in a chosen arterial segment, and the infarct of the territory beyond it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .anatomy import Head
from .space import Floats, Space, Tubes, arc_length
from .vessels import Artery, downstream

#: Where clots lie: MR CLEAN registry (ICA 22 %, M1 61 %, M2 16 %; n = 934, J Neurointerv Surg 15:e60), thinned to make
#: room for the more distal, anterior and posterior clots that MRI series include (our choice).
SEGMENTS = {
    "ICA": 0.16, "M1": 0.42, "M2 superior": 0.11, "M2 inferior": 0.11,
    "A1": 0.03, "A2": 0.04, "basilar": 0.05, "P1": 0.03, "P2": 0.05,
}  # fmt: skip
#: Share of clots without the susceptibility vessel sign: it is seen in 71-96 % (Weisstanner 2014, ASTER 2018).
WITHOUT_SIGN = 0.15
#: Share of clots in more than one piece: 7.4-11.2 % (PMC7965260; Egypt J Radiol Nucl Med 52:270).
FRAGMENTED = 0.09
#: Clot length, mm: median and log-spread after MR CLEAN (median 16.1, quartiles 7.6 and 25.2), cut to what fits.
LENGTH_MEDIAN_MM, LENGTH_LOG_SPREAD = 12.0, 0.6


@dataclass(frozen=True)
class StrokeTruth:
    """Everything drawn for a stroke; goes into the case's JSON."""

    segment: str
    side: str
    start_mm: float
    """Distance from the segment's beginning to the proximal end of the clot, along the centreline."""
    length_mm: float
    """Along the centreline, fragments and the gaps between them together."""
    width_mm: float
    fragments: int
    susceptibility_ppm: float
    sign_present: bool
    hours_since_onset: float
    infarct_ml: float

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Stroke:
    """A clot and its consequences, on the fine grid (z, y, x)."""

    clot: Floats
    """Fraction of each voxel inside the clot."""
    infarct: Floats
    """0..1, how far the tissue is infarcted."""
    no_flow: Floats
    """Fraction of each voxel inside an artery without inflow."""
    clot_tissue: tissue.Tissue
    truth: StrokeTruth


def draw_stroke(space: Space, head: Head, random: np.random.Generator) -> Stroke:
    """Choose a segment, place the clot, and let the tissue beyond it suffer."""
    artery = _choose(head.arteries, random)
    length_along = float(arc_length(artery.points)[-1])
    length = float(np.clip(random.lognormal(np.log(LENGTH_MEDIAN_MM), LENGTH_LOG_SPREAD), 3.5, 40.0))
    length = min(length, 0.95 * length_along)
    start = float(random.uniform(0.0, max(length_along - length, 0.5)))
    fragments = int(random.integers(2, 4)) if random.random() < FRAGMENTED and length > 8.0 else 1
    radius = artery.radius_mm * float(random.uniform(1.0, 1.35))
    clot = _clot(space, artery, (start, length), fragments, radius)
    sign = bool(random.random() >= WITHOUT_SIGN)
    substance = _clot_tissue(sign, random)
    beyond = downstream(head.arteries, artery)
    infarct = _infarct(space, head, artery, start, beyond, random)
    millilitres = float(infarct.sum() * np.prod(space.spacing) / 1000.0)
    hours = float(random.uniform(0.5, 8.0))
    truth = StrokeTruth(
        artery.segment,
        artery.side,
        start,
        length,
        2 * radius,
        fragments,
        substance.susceptibility_ppm,
        sign,
        hours,
        millilitres,
    )
    return Stroke(clot, infarct, _no_flow(space, artery, start, beyond), substance, truth)


def _choose(arteries: list[Artery], random: np.random.Generator) -> Artery:
    segment = str(random.choice(list(SEGMENTS), p=np.array(list(SEGMENTS.values())) / sum(SEGMENTS.values())))
    fitting = [artery for artery in arteries if artery.segment == segment]
    return fitting[int(random.integers(len(fitting)))]


def _clot(space: Space, artery: Artery, span: tuple[float, float], fragments: int, radius: float) -> Floats:
    """Fraction of voxels in the clot; fragments are separated by gaps of at least 3 mm."""
    start, length = span
    along = arc_length(artery.points)
    gap = 3.0 if fragments > 1 else 0.0
    piece = (length - gap * (fragments - 1)) / fragments
    tubes = Tubes(space)
    for number in range(fragments):
        first = start + number * (piece + gap)
        tubes.draw(artery.points[(along >= first) & (along <= first + max(piece, 1.0))], radius)
    return tubes.inside


def _clot_tissue(sign: bool, random: np.random.Generator) -> tissue.Tissue:
    """Red clots (deoxygenated red cells) bloom; white ones (fibrin, platelets) hardly differ from tissue."""
    if not sign:
        return tissue.Tissue(
            "white clot", 0.75, (1000.0, 1100.0), 75.0, (60.0, 48.0), 0.9, float(random.uniform(0.0, 0.1))
        )
    susceptibility = float(random.uniform(0.6, 2.2))
    decay = float(random.uniform(8.0, 20.0))
    return tissue.Tissue("red clot", 0.7, (900.0, 1000.0), 55.0, (1.5 * decay, decay), 0.8, susceptibility)


def _no_flow(space: Space, artery: Artery, start: float, beyond: list[Artery]) -> Floats:
    """Arteries without inflow: the occluded segment from the clot on, and all it feeds."""
    tubes = Tubes(space)
    along = arc_length(artery.points)
    tubes.draw(artery.points[along >= start], artery.radius_mm * 1.1)
    for other in beyond:
        tubes.draw(other.points, other.radius_mm * 1.1)
    return tubes.inside


def _infarct(
    space: Space,
    head: Head,
    artery: Artery,
    start: float,
    beyond: list[Artery],
    random: np.random.Generator,
) -> Floats:
    """A part of the tissue near the starved arteries, with an irregular border; more or less of it is lost (0..1)."""
    along = arc_length(artery.points)
    starved = np.vstack([artery.points[along >= start], *(other.points for other in beyond)])
    seeds = starved[random.integers(len(starved), size=int(random.integers(2, 7)))]
    reach = float(random.uniform(7.0, 26.0)) if beyond else float(random.uniform(6.0, 16.0))
    border = 0.35 * space.smooth_noise(random, 9.0)
    region: NDArray[np.float32] = np.zeros(space.shape, dtype=np.float32)
    for seed in seeds:
        away = np.sign(seed[0]) * random.uniform(0.0, 10.0)
        size = reach * random.uniform(0.6, 1.2)
        centre = (float(seed[0] + away), float(seed[1] + random.normal(0, 6)), float(seed[2] + random.uniform(0, 14)))
        region = np.maximum(
            region, np.clip(4.0 * (1.0 + border - space.ellipsoid(centre, (size, size, size))), 0.0, 1.0)
        )
    tissue_alive = np.isin(head.labels, [tissue.label_of(t) for t in (tissue.GREY, tissue.WHITE, tissue.PALLIDUM)])
    x, _, _ = space.axes()
    if artery.side != "midline":  # an infarct keeps to the side of its artery
        tissue_alive = tissue_alive & ((x > 0) == (artery.side == "left"))
    return (region * tissue_alive).astype(np.float32)
