"""Where in the head a point lies, in the coordinates of an average head, estimated from the outline of the head alone.

Average coordinates are those in which the simulated head and its arteries are laid out (`phantom.form`,
`phantom.vessels`): LPS mm, origin at the anterior commissure, a head of average size. An estimate, not a registration:
the head's nodding is not found, and a skull-stripped image, whose outline is the brain's, is taken for a smaller head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..preprocess.normalise import head_mask
from .midline import Midline, find_midline

Floats = npt.NDArray[np.float64]
#: The average simulated head as this file measures it on SWI: half its width, its length, half its height above the
#: widest level, and how high that level and how far back its middle lie from the anterior commissure, mm. Means of
#: every eighth case of a simulated cohort of six centres (seed 601), on which no weights were trained.
HALF_WIDTH_MM, LENGTH_MM, HEIGHT_MM, WIDEST_MM, MIDDLE_MM = 78.5, 190.3, 77.0, 17.1, 10.1
#: The uppermost layers must be narrower than this share of the widest one: else too little of the vault is shown.
NARROW, TOO_NARROW = 0.86, 0.4
#: Thickness of the layers in which the head is looked at, mm.
LAYER_MM = 5.0
#: So far below the highest layer the widest one is looked for, mm: lower down ears and neck play a part.
VAULT_MM = 75.0
#: The outline is looked for in voxels of about this size, mm: finer ones cost time and say no more.
COARSE_MM = 2.0
#: Points of the head that are looked at, at most.
_POINTS = 60_000


@dataclass(frozen=True)
class HeadFrame:
    """From patient coordinates to those of an average head."""

    midline: Midline
    origin_posterior: float
    """LPS mm of the anterior commissure."""
    origin_superior: float
    scale: tuple[float, float, float]
    """Size of this head over the average along left, posterior and superior."""

    def to_average(self, points_lps: Floats) -> Floats:
        """Points (N, 3) of the patient, LPS mm, in average coordinates."""
        across = points_lps[:, 0] + _middle_right(self.midline, points_lps)
        away = np.stack(
            [across, points_lps[:, 1] - self.origin_posterior, points_lps[:, 2] - self.origin_superior], axis=1
        )
        return np.asarray(away / np.array(self.scale))


def find_head_frame(image: sitk.Image, midline: Midline | None = None) -> HeadFrame | None:
    """The frame of a head from its outline.

    Args:
        image: the reference, float32, three axes.
        midline: of the same image, where it is known already.

    Returns:
        None where the sides or the top of the head are not in the picture: then nothing can be said.
    """
    midline = midline or find_midline(image)
    if midline is None:
        return None
    points = _points(image)
    if len(points) < 100:
        return None
    across = np.abs(points[:, 0] + _middle_right(midline, points))
    heights, widths = _width_profile(points[:, 2], across)
    upper = heights > heights[-1] - VAULT_MM
    widest = float(widths[upper].max())
    wide = widest / HALF_WIDTH_MM
    share = widths / widest
    vault = upper & (share < NARROW) & (share > TOO_NARROW) & (heights > heights[int(np.argmax(widths * upper))])
    if not vault.any():
        return None
    # The vault is half an ellipsoid: its width at a height says how far below the widest level lies.
    levels = heights[vault] - HEIGHT_MM * wide * np.sqrt(1.0 - share[vault] ** 2)
    middle = float(np.median(levels))
    level = np.abs(points[:, 2] - middle) < 2 * LAYER_MM
    if int(level.sum()) < 50:
        return None
    front, back = np.percentile(points[level, 1], (0.3, 99.7))
    long = float(back - front) / LENGTH_MM
    high = (wide + long) / 2
    return HeadFrame(midline, float(front + back) / 2 - MIDDLE_MM * long, middle - WIDEST_MM * high, (wide, long, high))


def _width_profile(heights: Floats, across: Floats) -> tuple[Floats, Floats]:
    """Height of the middle of each layer, from below, and half the head's width there, mm; empty layers left out."""
    layers = np.floor((heights - heights.min()) / LAYER_MM).astype(np.int64)
    found = [
        (heights.min() + (layer + 0.5) * LAYER_MM, np.percentile(across[layers == layer], 99.0))
        for layer in range(int(layers.max()) + 1)
        if int((layers == layer).sum()) >= 20
    ]
    return np.array([each[0] for each in found]), np.array([each[1] for each in found])


def _middle_right(midline: Midline, points_lps: Floats) -> Floats:
    """Right coordinate of the mid plane at each point: what is to be added to a left coordinate."""
    anterior, superior = -points_lps[:, 1], points_lps[:, 2]
    return np.asarray(midline.offset + midline.anterior_slope * anterior + midline.superior_slope * superior)


def _points(image: sitk.Image) -> Floats:
    """Positions of voxels of the head, LPS mm, (N, 3): all of them, or every so many."""
    image = sitk.BinShrink(image, [max(1, int(COARSE_MM / step)) for step in image.GetSpacing()])
    mask = sitk.GetArrayFromImage(head_mask(image)).astype(bool)
    voxels = np.argwhere(mask)[:, ::-1]
    voxels = voxels[:: max(1, len(voxels) // _POINTS)]
    direction = np.array(image.GetDirection()).reshape(3, 3)
    return np.asarray((voxels * np.array(image.GetSpacing())) @ direction.T + np.array(image.GetOrigin()))
