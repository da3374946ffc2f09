"""What takes a little longer to say about a candidate: its centreline, the likely artery, the diffusion restriction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from .candidates import Candidate, Candidates
from .centreline import centreline_of
from .head_frame import HeadFrame
from .segments import estimate_segment

#: A voxel this near to the infarct counts as overlapping with it, mm. Our choice: the sequences of a clot and of its
#: infarct are a slice and a registration apart.
NEAR_MM = 5.0


def with_details(
    candidates: Candidates, grid: sitk.Image, *, frame: HeadFrame | None, infarct: sitk.Image | None
) -> Candidates:
    """The candidates with `length_centreline_mm`, `segment` and the measures against the infarct filled in.

    Args:
        candidates: as `find_candidates` gave them.
        grid: any image on the grid of `candidates.labels`.
        frame: of the head; None leaves the segment empty, with its reason.
        infarct: uint8 or bool, not 0 inside, same grid; None, or an empty one, leaves overlap and distance None.
    """
    if not candidates.found:
        return candidates
    distance = None if infarct is None else _distance_to(infarct, grid)
    where = np.nonzero(candidates.labels)
    owners = candidates.labels[where]
    voxels = np.stack([where[2], where[1], where[0]], axis=1)
    points = _positions(voxels, grid)
    away = None if distance is None else distance[where]
    found = []
    for each in candidates.found:
        own = owners == each.number
        line = centreline_of(voxels[own], np.array(grid.GetSpacing()))
        known = replace(each, length_centreline_mm=line.length_mm, segment=estimate_segment(points[own], frame))
        found.append(known if away is None else _against_infarct(known, away[own]))
    return replace(candidates, found=tuple(found))


def _against_infarct(candidate: Candidate, away: npt.NDArray[np.float32]) -> Candidate:
    overlap = float(np.mean(away <= NEAR_MM))
    return replace(candidate, infarct_overlap=overlap, infarct_distance_mm=max(0.0, float(away.min())))


def _positions(voxels: npt.NDArray[np.int64], image: sitk.Image) -> npt.NDArray[np.float64]:
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return np.asarray((voxels * np.array(image.GetSpacing())) @ direction.T + np.array(image.GetOrigin()))


def _distance_to(infarct: sitk.Image, grid: sitk.Image) -> npt.NDArray[np.float32] | None:
    """Distance of every voxel to the nearest infarcted one, mm; None where there is no infarct."""
    mask = sitk.Cast(infarct != 0, sitk.sitkUInt8)
    mask.CopyInformation(grid)
    if not sitk.GetArrayViewFromImage(mask).any():
        return None
    distance = sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    return np.asarray(sitk.GetArrayFromImage(distance), dtype=np.float32)
