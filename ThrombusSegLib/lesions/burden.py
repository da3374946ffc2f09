"""The T2* clot burden score with its parts, and the overestimation ratio. Figures to read, never a verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..errors import InputError
from .candidates import Candidate
from .geometry import length_of, voxel_extent
from .midline import Midline

#: Part -> points taken off where it holds thrombus (T2* score, PubMed 23704103); two M2 branches count at most.
PARTS = {
    "ICA supraclinoid": 3,
    "M1 proximal": 2,
    "M1 distal": 2,
    "M2 superior": 1,
    "M2 inferior": 1,
    "A1": 1,
}
FULL_SCORE = 10
#: A part is proposed where it is the nearest to at least this share of a candidate and this length of it, mm (our
#: choice).
LEAST_SHARE, LEAST_MM = 0.2, 3.0
#: How far around the mirrored place the opposite artery is looked for, mm (our choice).
SEARCH_MM = 12.0
#: An artery on TOF is at least this part of the brightest voxel of the neighbourhood above its median: half height.
HALF = 0.5


@dataclass(frozen=True)
class BurdenPart:
    """One part of the score."""

    part: str
    points: int
    """What it takes off where it holds thrombus."""
    touched: bool
    confidence: float | None = None
    """How surely the candidate lies there (`SegmentEstimate.parts`), 0..1; None where a reader decided."""
    candidates: tuple[int, ...] = ()


@dataclass(frozen=True)
class ClotBurden:
    """The score of one side."""

    score: int
    parts: tuple[BurdenPart, ...]
    estimated: bool
    """Whether the parts are the program's proposal; False once a reader has ticked them."""


def clot_burden_score(touched: Collection[str]) -> ClotBurden:
    """The score from the parts a reader ticked (names of `PARTS`).

    Raises:
        InputError: a name that is no part of the score.
    """
    unknown = set(touched) - set(PARTS)
    if unknown:
        raise InputError(f"{', '.join(sorted(unknown))} is no part of the score.", f"Parts: {', '.join(PARTS)}.")
    parts = tuple(BurdenPart(name, points, name in touched) for name, points in PARTS.items())
    return ClotBurden(_score(parts), parts, estimated=False)


def propose_clot_burden(candidates: Iterable[Candidate]) -> ClotBurden | None:
    """A proposal from the likely segments of candidates of one side, to be ticked right by a reader.

    Returns:
        None where no candidate lies in the anterior circulation, or where nothing is known about their segments.
    """
    shares: dict[str, list[tuple[float, int]]] = {name: [] for name in PARTS}
    for candidate in candidates:
        length = candidate.length_centreline_mm or candidate.length_feret_mm
        if candidate.segment is None:
            continue
        for name, share in candidate.segment.nearest.items():
            if name in PARTS and share >= LEAST_SHARE and share * length >= LEAST_MM:
                shares[name].append((candidate.segment.parts[name], candidate.number))
    if not any(shares.values()):
        return None
    parts = tuple(
        BurdenPart(
            name,
            points,
            bool(shares[name]),
            round(max((share for share, _ in shares[name]), default=0.0), 4),
            tuple(number for _, number in shares[name]),
        )
        for name, points in PARTS.items()
    )
    return ClotBurden(_score(parts), parts, estimated=True)


def _score(parts: Iterable[BurdenPart]) -> int:
    return FULL_SCORE - sum(part.points for part in parts if part.touched)


def overestimation_ratio(sign_width_mm: float, artery_width_mm: float) -> float:
    """Width of the susceptibility sign over that of the artery, measured with a ruler or by `opposite_width`."""
    if not 0.0 < artery_width_mm < 30.0 or not 0.0 < sign_width_mm < 60.0:
        raise InputError(
            f"The widths are {sign_width_mm:g} mm and {artery_width_mm:g} mm.", "Measure both in mm, above 0."
        )
    return sign_width_mm / artery_width_mm


def opposite_width(tof: sitk.Image, centroid_ras: tuple[float, float, float], midline: Midline) -> float | None:
    """Diameter in mm of the artery on the other side, from TOF; None where none stands out there.

    The thrombus' middle (RAS mm) is mirrored at the mid plane. Of what is brighter than half way between the median of
    the neighbourhood and its brightest voxel, the part nearest to the mirrored point is taken for the artery; its
    diameter is that of a cylinder of the same volume and length (our choice: steadier on voxels of 0.5 to 1 mm than a
    count across).
    """
    left, posterior, superior = _mirrored(centroid_ras, midline)
    try:
        centre = tof.TransformPhysicalPointToIndex((left, posterior, superior))
    except RuntimeError:
        return None
    box, low = _neighbourhood(tof, centre)
    if box.size < 27:
        return None
    median, brightest = float(np.median(box)), float(np.percentile(box, 99.8))
    spread = float(np.percentile(box, 75) - np.percentile(box, 25))
    if brightest - median < 4.0 * max(spread, 1e-6):
        return None  # nothing stands out
    parts = sitk.GetArrayFromImage(
        sitk.ConnectedComponent(sitk.GetImageFromArray((box > median + HALF * (brightest - median)).astype(np.uint8)))
    )
    voxels = np.argwhere(parts > 0)[:, ::-1]
    spacing = np.array(tof.GetSpacing())
    away = np.linalg.norm((voxels + low - np.array(centre)) * spacing, axis=1)
    nearest = parts[tuple(voxels[int(away.argmin())][::-1])]
    return _cylinder(np.argwhere(parts == nearest)[:, ::-1].astype(np.int64), spacing)


def _mirrored(centroid_ras: tuple[float, float, float], midline: Midline) -> tuple[float, float, float]:
    right, anterior, superior = centroid_ras
    middle = midline.offset + midline.anterior_slope * anterior + midline.superior_slope * superior
    return -(2 * middle - right), -anterior, superior


def _neighbourhood(image: sitk.Image, centre: tuple[int, ...]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The voxels around a place, (Z, Y, X), and the index (i, j, k) of the first."""
    reach = np.ceil(SEARCH_MM / np.array(image.GetSpacing())).astype(np.int64)
    low = np.maximum(np.array(centre) - reach, 0)
    high = np.maximum(np.minimum(np.array(centre) + reach + 1, image.GetSize()), low)
    array = sitk.GetArrayViewFromImage(image)
    box = array[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    return np.array(box, dtype=np.float32), low


def _cylinder(voxels: npt.NDArray[np.int64], spacing: npt.NDArray[np.float64]) -> float | None:
    if len(voxels) < 3:
        return None
    order = np.lexsort((voxels[:, 0], voxels[:, 1], voxels[:, 2]))
    length, direction = length_of(voxels[order], spacing)
    length = max(length, voxel_extent(direction, spacing))
    return float(np.sqrt(4 * len(voxels) * float(np.prod(spacing)) / (np.pi * length)))
