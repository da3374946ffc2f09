"""One picture of one slice of one sequence, as SVG in millimetres around a PNG of the bare voxels.

The browser enlarges the voxels; contours, marks and scale bars are lines and text, sharp at every size and in print.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from . import colours, contour, png


@dataclass(frozen=True)
class Frame:
    """What the axes of a picture mean: the same for all pictures of a report."""

    spacing: tuple[float, float]
    """Millimetres per row and per column."""
    left: str
    """The letter at the picture's left edge: the patient's R(ight) on axial slices, as radiologists look at them."""
    right: str


@dataclass(frozen=True)
class Outline:
    """A contour to draw on pictures."""

    values: npt.NDArray[np.float32]
    """(H, W) of the whole slice."""
    level: float
    style: str
    """Its CSS class."""


def letters(direction_lps: tuple[float, float, float]) -> tuple[str, str]:
    """The letters at the start and at the end of an axis that points along `direction_lps`."""
    axis = max(range(3), key=lambda each: abs(direction_lps[each]))
    start, end = ("RL", "AP", "IS")[axis]
    return (start, end) if direction_lps[axis] > 0 else (end, start)


def picture(
    pixels: npt.NDArray[np.uint8],
    frame: Frame,
    *,
    rows: slice,
    columns: slice,
    outlines: tuple[Outline, ...] = (),
    box: tuple[slice, slice] | None = None,
    label: str = "",
    scale_mm: int = 10,
) -> str:
    """SVG of a part of a slice.

    Args:
        pixels: (H, W) or (H, W, 3) of the whole slice.
        rows, columns: the part that is shown.
        box: rows and columns of a rectangle to mark.
        label: what a reader who cannot see the picture is told.
        scale_mm: length of the scale bar.
    """
    height, width = (rows.stop - rows.start) * frame.spacing[0], (columns.stop - columns.start) * frame.spacing[1]
    unit = max(height, width) / 100  # so that text has the same size on every picture
    inside = [
        f'<image href="{png.data_uri(pixels[rows, columns])}" width="{width:.2f}" height="{height:.2f}" '
        'preserveAspectRatio="none"/>'
    ]
    scale = (frame.spacing[1], frame.spacing[0])
    for each in outlines:
        path = contour.svg_path(contour.outline(each.values[rows, columns], each.level), scale)
        if path:
            inside.append(f'<path class="contour {each.style}" d="{path}"/>')
    if box:
        inside.append(_box(box, rows, columns, frame))
    if np.ptp(pixels[rows, columns]) == 0 and pixels.ndim == 2:
        place = f'x="{width / 2:.2f}" y="{height / 4:.2f}" text-anchor="middle"'
        inside.append(f'<text class="small faint" {place}>not covered</text>')
    inside += _marks(frame, width, height, unit, scale_mm)
    size = f'viewBox="0 0 {width:.2f} {height:.2f}"'
    return f'<svg {size} role="img" aria-label="{escape(label)}" style="--u:{unit:.3f}px">{"".join(inside)}</svg>'


def _box(box: tuple[slice, slice], rows: slice, columns: slice, frame: Frame) -> str:
    x, y = (box[1].start - columns.start) * frame.spacing[1], (box[0].start - rows.start) * frame.spacing[0]
    width, height = (box[1].stop - box[1].start) * frame.spacing[1], (box[0].stop - box[0].start) * frame.spacing[0]
    return f'<rect class="box" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'


def _marks(frame: Frame, width: float, height: float, unit: float, scale_mm: int) -> list[str]:
    middle = height / 2 + 2 * unit
    right, low = width - 4 * unit, height - 4 * unit
    return [
        f'<text x="{2.5 * unit:.2f}" y="{middle:.2f}">{frame.left}</text>',
        f'<text x="{width - 2.5 * unit:.2f}" y="{middle:.2f}" text-anchor="end">{frame.right}</text>',
        f'<path class="scale" d="M{right - scale_mm:.2f} {low:.2f}H{right:.2f}"/>',
        f'<text class="small" x="{right - scale_mm / 2:.2f}" y="{low - 2 * unit:.2f}" text-anchor="middle">'
        f"{scale_mm} mm</text>",
    ]


def grey_slice(volume: npt.NDArray[np.float32], slice_: int, window: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """(S, H, W) -> (H, W) grey values of a slice."""
    return colours.grey(volume[slice_], *window)
