"""The stroke: a clot in a chosen arterial segment and what it does to the vessels and the tissue beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .anatomy import Head
from .real import RealShapes, real_infarct
from .shapes import smooth_field
from .space import Floats, Space, Tubes, arc_length
from .territory import Territory, find_territory, infarct_of
from .vessels import Artery, downstream

#: Where clots begin. In the MR CLEAN registry, which is about thrombectomy: ICA 22 %, M1 61 %, M2 16 % (n = 934,
#: J Neurointerv Surg 15:e60). Here fewer in ICA and M1, more in M2, and the anterior and posterior arteries that MRI
#: series include (our choice).
SEGMENTS = {
    "ICA": 0.16, "M1": 0.42, "M2 superior": 0.11, "M2 inferior": 0.11,
    "A1": 0.03, "A2": 0.04, "basilar": 0.05, "P1": 0.03, "P2": 0.05,
}  # fmt: skip
#: Share of white clots, without the susceptibility vessel sign: it is seen in 71-96 % (Weisstanner 2014, ASTER 2018).
WITHOUT_SIGN = 0.15
#: Share of clots in more than one piece: 7.4-11.2 % (PMC7965260; Egypt J Radiol Nucl Med 52:270). Some are too short to
#: lie in pieces: of the others so many are (a test counts the share of all).
FRAGMENTED = 0.13
#: Between the ends of two pieces, mm (our choice).
GAP_MM = 3.0
#: Clot length in ICA, M1 and M2: median 16.1 mm, quartiles 7.6 and 25.2 (MR CLEAN, Stroke 2019,
#: 10.1161/STROKEAHA.118.024247); the log-spread follows from the quartiles. Elsewhere a median of 9 mm (our choice).
LENGTH_MEDIAN_MM, DISTAL_MEDIAN_MM, LENGTH_LOG_SPREAD = 16.1, 9.0, 0.89
#: Shortest clot, mm, and longest by the segment it begins in (our choice). None is shorter than it can be wide.
SHORTEST_MM, LONGEST_MM, LONGEST_ELSEWHERE_MM = 3.0, {"ICA": 40.0, "M1": 40.0, "basilar": 30.0}, 25.0
PROXIMAL = ("ICA", "M1", "M2 superior", "M2 inferior")
#: A clot stretches its artery: width over the artery's own, 1 to 1.35 (our choice; the ratio on susceptibility images,
#: median 1.59 in THRACE, contains blooming).
WIDENING = (1.0, 1.35)
#: Fully deoxygenated red cells against tissue, ppm (SI): 4 pi 0.27 (Spees et al., Magn Reson Med 45:533, 2001).
RED_CELLS_PPM = 3.4
#: No clot begins in an artery thinner than this, mm (our choice): a hypoplastic segment carries no emboli.
LEAST_RADIUS_MM = 0.6
#: Hours from onset to the scan: median and log-spread, cut to half an hour to a day (our choice).
HOURS_MEDIAN, HOURS_LOG_SPREAD = 3.5, 0.7

NO_SHAPES = RealShapes()


@dataclass(frozen=True)
class StrokeTruth:
    """Everything drawn for a stroke; goes into the case's JSON."""

    segment: str
    """Where the clot begins."""
    segments: tuple[str, ...]
    """All that it lies in, from proximal to distal."""
    side: str
    """The patient's "left" or "right", or "midline"."""
    start_mm: float
    """Distance from the segment's beginning to the proximal end of the clot, along the centreline."""
    length_mm: float
    """Along the centreline from end to end, fragments and the gaps between them together."""
    width_mm: float
    """Diameter at the proximal end."""
    widening: float
    """That diameter over the artery's own."""
    volume_mm3: float
    """Of the clot itself, before any scanner sees it."""
    fragments: int
    red_share: float
    """Share of packed red cells in the clot, 0..1; the rest is fibrin and platelets."""
    deoxygenation: float
    """Share of their haemoglobin without oxygen, 0..1."""
    susceptibility_ppm: float
    sign_present: bool
    """Whether the clot is red enough for a susceptibility vessel sign."""
    hours_since_onset: float
    collaterals: float
    """0 (none) to 1 (the starved tissue lives on)."""
    starved_ml: float
    """Volume of the tissue that the occluded arteries feed."""
    infarct_ml: float
    infarct_shape: str = "simulated"
    """"simulated", or the file name of the real infarct whose shape it has."""

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Stroke:
    """A clot and its consequences, on the fine grid (z, y, x). Without a clot: a mimic, or nothing at all."""

    clot: Floats
    """Fraction of each voxel inside the clot."""
    infarct: Floats
    """0..1, how far the tissue is changed."""
    no_flow: Floats
    """Fraction of each voxel inside an artery without inflow."""
    starved: Floats
    """0..1, whether the tissue lacks blood."""
    clot_tissue: tissue.Tissue
    hours: float
    truth: StrokeTruth | None
    """None without a clot."""
    mimic: str = ""
    """Without a clot: "nothing", "swelling" or "lacune"."""
    mimic_drawn: Mapping[str, float] = field(default_factory=dict)
    """Of a mimic: hours, and size (mm) and place (LPS mm) of what is changed."""

    @property
    def oedema(self) -> bool:
        """The changed tissue is swollen and not infarcted; it is not labelled."""
        return self.mimic == "swelling"


def draw_stroke(space: Space, head: Head, random: np.random.Generator, shapes: RealShapes = NO_SHAPES) -> Stroke:
    """Choose a segment, place the clot, and let the tissue beyond it suffer."""
    artery = _choose(head.arteries, random)
    path = _path(head.arteries, artery, random)
    clot = draw_clot(space, artery, path, random)
    red_share, deoxygenation = _composition(random)
    substance = clot_tissue(RED_CELLS_PPM * red_share * deoxygenation)
    hours = float(np.clip(random.lognormal(np.log(HOURS_MEDIAN), HOURS_LOG_SPREAD), 0.5, 24.0))
    beyond = downstream(head.arteries, artery)
    territory = find_territory(space, head, [artery, *beyond], random)
    collaterals = float(random.uniform(0.0, 1.0))
    real = real_infarct(space, head, territory, shapes, random)
    infarct, shape = real or (infarct_of(space, head, territory, hours, collaterals), "simulated")
    millilitre = float(np.prod(space.spacing)) / 1000.0
    truth = StrokeTruth(
        segment=artery.segment,
        segments=clot.reached,
        side=artery.side,
        start_mm=clot.start_mm,
        length_mm=clot.length_mm,
        width_mm=2 * clot.widening * artery.radius_mm,
        widening=clot.widening,
        volume_mm3=float(clot.inside.sum()) * millilitre * 1000.0,
        fragments=clot.fragments,
        red_share=red_share,
        deoxygenation=deoxygenation,
        susceptibility_ppm=substance.susceptibility_ppm,
        sign_present=red_share > RED_FROM,
        hours_since_onset=hours,
        collaterals=collaterals,
        starved_ml=territory.millilitres,
        infarct_ml=float(infarct.sum()) * millilitre,
        infarct_shape=shape,
    )
    no_flow = _no_flow(space, artery, clot.start_mm, beyond)
    return Stroke(clot.inside, infarct, no_flow, territory.on_fine_grid(space), substance, hours, truth)


@dataclass(frozen=True)
class _Path:
    """A way along the arteries, from a segment's beginning into its branches."""

    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    segments: list[str]
    """Of every point."""


def _choose(arteries: list[Artery], random: np.random.Generator) -> Artery:
    segment = str(random.choice(list(SEGMENTS), p=np.array(list(SEGMENTS.values())) / sum(SEGMENTS.values())))
    fitting = [artery for artery in arteries if artery.segment == segment]
    fitting = [artery for artery in fitting if artery.radius_mm >= LEAST_RADIUS_MM] or fitting
    return fitting[int(random.integers(len(fitting)))]


def _path(arteries: list[Artery], artery: Artery, random: np.random.Generator) -> _Path:
    """The segment and, since clots reach into branches, one branch after another; the wider is the likelier."""
    way = [artery]
    while True:
        branches = [
            each
            for each in downstream(arteries, way[-1])
            if each.fed_by == way[-1].segment and each.segment in SEGMENTS
        ]
        if not branches:
            break
        chances = np.array([branch.radius_mm**3 for branch in branches])
        way.append(branches[int(random.choice(len(branches), p=chances / chances.sum()))])
    return _Path(
        np.vstack([each.points if number == 0 else each.points[1:] for number, each in enumerate(way)]),
        np.concatenate([each.radii if number == 0 else each.radii[1:] for number, each in enumerate(way)]),
        [each.segment for number, each in enumerate(way) for _ in range(len(each.points) - (number > 0))],
    )


@dataclass(frozen=True)
class Clot:
    """The shape of a clot."""

    inside: Floats
    """Fraction of each voxel."""
    reached: tuple[str, ...]
    """Segments it lies in, from proximal to distal."""
    start_mm: float
    length_mm: float
    fragments: int
    widening: float


def draw_clot(space: Space, artery: Artery, path: _Path, random: np.random.Generator) -> Clot:
    """Draw where along a path a clot begins, how long and wide it is, and in how many pieces."""
    available = float(arc_length(path.points)[-1])
    median = LENGTH_MEDIAN_MM if artery.segment in PROXIMAL else DISTAL_MEDIAN_MM
    longest = min(LONGEST_MM.get(artery.segment, LONGEST_ELSEWHERE_MM), 0.95 * available)
    shortest = max(SHORTEST_MM, 2.0 * WIDENING[1] * artery.radius_mm)
    length = float(np.clip(random.lognormal(np.log(median), LENGTH_LOG_SPREAD), shortest, max(shortest, longest)))
    own = float(arc_length(artery.points)[-1])
    start = float(random.uniform(0.0, max(min(own, available - length), 0.5)))
    several, pieces = random.random() < FRAGMENTED, int(random.integers(2, 4))
    widening = float(random.uniform(*WIDENING))
    fragments = _pieces(length, 2.0 * widening * artery.radius_mm, pieces) if several else 1
    inside, reached = _clot(space, path, (start, length), fragments, widening)
    return Clot(inside, reached, start, length, fragments, widening)


def _clot(
    space: Space, path: _Path, span: tuple[float, float], fragments: int, widening: float
) -> tuple[Floats, tuple[str, ...]]:
    """Fraction of voxels in the clot, and the segments it lies in; the ends of fragments are `GAP_MM` apart."""
    start, length = span
    along = arc_length(path.points)
    piece = (length - GAP_MM * (fragments - 1)) / fragments
    tubes = Tubes(space)
    for number in range(fragments):
        first = start + number * (piece + GAP_MM)
        # A tube's ends are round and stick out by its radius.
        inside = (along >= first + widening * path.radii) & (along <= first + piece - widening * path.radii)
        if not inside.any():
            inside[int(np.argmin(np.abs(along - (first + piece / 2))))] = True
        tubes.draw(path.points[inside], widening * path.radii[inside])
    within = (along >= start) & (along <= start + length)
    reached = [segment for segment, here in zip(path.segments, within, strict=True) if here]
    return tubes.inside, tuple(dict.fromkeys(reached)) or (path.segments[0],)


def _pieces(length: float, width: float, wanted: int) -> int:
    """As many pieces as are wanted, or as fit: none shorter than it is wide, with gaps between them."""
    fitting = int((length + GAP_MM) // (width + GAP_MM))
    return max(1, min(wanted, fitting))


#: From which share of red cells a clot counts as red.
RED_FROM = 0.2


def _composition(random: np.random.Generator) -> tuple[float, float]:
    """Share of red cells in the clot, and how far they are deoxygenated (ranges: our choice)."""
    white = random.random() < WITHOUT_SIGN
    red_share = float(random.uniform(0.0, 0.08) if white else random.uniform(0.3, 0.9))
    return red_share, float(random.uniform(0.35, 0.8))


def clot_tissue(susceptibility_ppm: float) -> tissue.Tissue:
    """A clot as a substance: the more deoxygenated red cells, the faster its signal decays.

    R2* of 15 /s without and 40 /s more for each ppm at 3 T, two thirds of that at 1.5 T: our choice, so that a red clot
    decays within 10 to 25 ms as blood clots do, and a white one like tissue.
    """
    decay = 1000.0 / (15.0 + 40.0 * susceptibility_ppm)
    t2 = 75.0 - 15.0 * min(susceptibility_ppm, 1.5)
    return tissue.Tissue("clot", 0.72, (950.0, 1050.0), t2, (1.5 * decay, decay), 0.85, susceptibility_ppm)


def _no_flow(space: Space, artery: Artery, start: float, beyond: list[Artery]) -> Floats:
    """Arteries without inflow: the occluded segment from the clot on, and all it feeds."""
    tubes = Tubes(space)
    along = arc_length(artery.points)
    tubes.draw(artery.points[along >= start], 1.1 * artery.radii[along >= start])
    for other in beyond:
        tubes.draw(other.points, 1.1 * other.radii)
    return tubes.inside


#: Where small deep infarcts lie: distance from the middle, front and back, and height over the anterior commissure, mm
#: (our choice: nuclei, internal capsule and the white matter above them).
DEEP_ACROSS_MM, DEEP_BACK_MM, DEEP_HEIGHT_MM = (8.0, 32.0), (-20.0, 30.0), (-4.0, 26.0)


def draw_mimic(space: Space, head: Head, random: np.random.Generator) -> Stroke:
    """A patient without a clot: nothing to see, a swelling without restriction, or a small fresh deep infarct."""
    mimic = str(random.choice(["nothing", "swelling", "lacune"], p=[0.5, 0.25, 0.25]))
    empty: Floats = np.zeros(space.shape, dtype=np.float32)
    changed = empty
    hours = float(random.uniform(1.0, 24.0))
    drawn = {"hours": hours}
    if mimic != "nothing":
        kinds = (tissue.GREY, tissue.WHITE) if mimic == "swelling" else (tissue.WHITE, tissue.PALLIDUM, tissue.IRON)
        places = _places(space, head, kinds, deep=mimic == "lacune")
        centre = places[int(random.integers(len(places)))]
        size = float(random.uniform(10.0, 25.0) if mimic == "swelling" else random.uniform(3.0, 7.0))
        radius = space.ellipsoid(tuple(centre), (size, 1.2 * size, size)) + 0.2 * smooth_field(
            space.axes(), random, 9.0
        )
        alive = np.isin(head.labels, [tissue.label_of(each) for each in tissue.BRAIN])
        changed = (np.clip(2.0 * (1.2 - radius), 0.0, 1.0) * alive).astype(np.float32)
        drawn |= {"size_mm": size, **dict(zip(("left_mm", "back_mm", "up_mm"), centre.tolist(), strict=True))}
    return Stroke(empty, changed, empty, empty, clot_tissue(0.0), hours, None, mimic, drawn)


def _places(space: Space, head: Head, kinds: tuple[tissue.Tissue, ...], *, deep: bool) -> NDArray[np.float64]:
    """Points of some tissues, LPS mm, (K, 3); where none is deep, all of them."""
    voxels = np.argwhere(np.isin(head.labels[::4, ::4, ::4], [tissue.label_of(kind) for kind in kinds])) * 4
    places = np.asarray(voxels[:, ::-1] * np.array(space.spacing) + np.array(space.origin))
    limits = (DEEP_ACROSS_MM, DEEP_BACK_MM, DEEP_HEIGHT_MM)
    measures = (np.abs(places[:, 0]), places[:, 1], places[:, 2])
    inside = np.all([(low < m) & (m < high) for m, (low, high) in zip(measures, limits, strict=True)], axis=0)
    return places[inside] if deep and inside.any() else places


__all__ = ["Stroke", "StrokeTruth", "Territory", "clot_tissue", "draw_mimic", "draw_stroke"]
