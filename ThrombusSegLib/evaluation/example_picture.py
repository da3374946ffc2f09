"""One finding as a picture: every sequence around it, what the network attended to, and how sure it was.

Drawn with matplotlib (the extra `pdf`); windows, colours, outlines and the part that is shown are those of the report.
"""

from __future__ import annotations

import importlib
import io
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from ..errors import MachineError
from ..inference.result import SegmentResult
from ..preprocess.grid import Grid
from ..report import colours, contour
from ..report.figures import grey_slice
from ..report.pictures import frame_of
from ..report.regions import Region, region_around, slice_number
from ..sequences import Sequence

Volume = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
#: Inches: side of a tile, room beside and above it, a line of the legend; pixels of an inch.
TILE, GAP, HEAD, LINE, DPI = 2.0, 0.07, 0.27, 0.28, 110
#: As in the reports: orange is what was found, blue is the truth.
TRUE, FOUND, INK, SOFT = "#3fc1f7", "#ffab2e", "#22252a", "#5d636b"
#: How much of a tile's colour is that of the attention; the rest is the image below it (our choice).
OVERLAY = 0.65
#: The square that is shown is at least so wide, mm: smaller than in the reports, where it stands beside more tiles.
LEAST_MM = 32.0
#: Outlines follow the voxels that were judged, not those of the working grid: on so many points a working voxel's side.
FINE = 4


@dataclass(frozen=True)
class Example:
    """What is drawn."""

    title: str
    facts: str
    """What there is to know about the case, a sentence or two."""
    rule: str
    """How it was chosen."""
    result: SegmentResult
    place: npt.NDArray[np.bool_]
    """(S, H, W), working grid: the clot, or the false alarm, around which the picture is cropped."""
    truth: sitk.Image
    """uint8, 1 where there is true thrombus, in the coordinates of the reference."""
    found: sitk.Image
    """uint8, 1 where thrombus was predicted; the same grid as `truth`."""


def need_matplotlib() -> None:
    """Raises MachineError where matplotlib is missing, before anything takes time."""
    try:
        importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise MachineError("Pictures need matplotlib.", "Install it: pip install 'ThrombusSegLib[pdf]'.") from error


def mean_attention(example: Example) -> dict[Sequence, float]:
    """Mean attention to each present sequence inside the place, 0..1; they add up to 1."""
    attention = example.result.prediction.attention
    return {name: float(attention[name][example.place].mean()) for name in Sequence if name in attention}


def draw_example(example: Example) -> bytes:
    """The picture as the bytes of a PNG file.

    Raises:
        MachineError: matplotlib is missing.
    """
    need_matplotlib()
    page = _Page(example)
    for column, (sequence, share) in enumerate(mean_attention(example).items()):
        page.image(column, sequence)
        if len(page.sequences) > 1:
            page.attention(column, sequence, share)
    page.probability(len(page.sequences))
    page.whole(len(page.sequences))
    page.words()
    page.legend()
    return page.png()


class _Page:
    """A figure with two rows of square tiles; places in inches from its upper left corner."""

    def __init__(self, example: Example) -> None:
        self.example, self.result = example, example.result
        self.sequences = [each for each in Sequence if each in self.result.prepared.images]
        self.frame = frame_of(self.result)
        weights = np.ones(example.place.shape, np.float32)
        self.region: Region = region_around(example.place, weights, self.frame.spacing, LEAST_MM)
        columns = max(3, len(self.sequences) + 1)
        self.width = columns * TILE + (columns + 1) * GAP
        shown = [self._cut(self.result.prediction.attention[each]) for each in self.sequences]
        #: One scale for all sequences, up to the next tenth.
        self.most = min(1.0, math.ceil(10 * max(float(each.max()) for each in shown) - 1e-6) / 10)
        self.lines = self._lines()
        self.title = textwrap.wrap(example.title, int(self.width * 7.0))
        self.top = 0.27 + 0.29 * len(self.title) + 0.21 * len(self.lines)
        self.keys = self._keys()
        self.places = _flow([width for _, width in self.keys], self.width - GAP)
        several = (
            f"Attention: how the network weighs the sequences, voxel by voxel; all {len(self.sequences)} add up to 1. "
        )
        said = several + "The number above a map is its mean in the outlined lesion." if len(self.sequences) > 1 else ""
        self.note = textwrap.wrap(said, int(self.width * 13.0))
        self.height = self.top + 2 * (TILE + HEAD) + 0.12 + LINE * (self.places[-1][0] + 1 + len(self.note))
        self.figure: Any = importlib.import_module("matplotlib.figure").Figure(figsize=(self.width, self.height))

    def image(self, column: int, sequence: Sequence) -> None:
        """A sequence with both outlines."""
        self._zoomed(0, column, sequence.value, _coloured(self._grey(sequence)))

    def attention(self, column: int, sequence: Sequence, share: float) -> None:
        """The attention to a sequence, as colours over it; its share at the place stands above."""
        values = self.result.prediction.attention[sequence][self.region.best] / self.most
        mixed = _mixed(_coloured(self._grey(sequence)), colours.attention_colours(values.astype(np.float32)))
        self._zoomed(1, column, f"attention {100 * share:.0f} %", mixed, thin=True)

    def probability(self, column: int) -> None:
        """How sure the network was, with both outlines."""
        values = self.result.prediction.thrombus[self.region.best]
        self._zoomed(0, column, "probability", colours.attention_colours(values), thin=True)

    def whole(self, column: int) -> None:
        """The whole slice of the reference, with a box around what the other tiles show."""
        reference, region, (down, across) = self.result.prepared.reference, self.region, self.frame.spacing
        pixels = self._grey(reference)
        title = f"{reference.value}, slice {slice_number(self.result, region.best)}"
        axes = self._tile(1, column, title)
        height, width = pixels.shape[0] * down, pixels.shape[1] * across
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=(0.0, width, height, 0.0), interpolation="bilinear")
        axes.set_adjustable("datalim")  # black beside a slice that is not square
        top, left = region.rows.start * down, region.columns.start * across
        bottom, right = region.rows.stop * down, region.columns.stop * across
        axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="white", linewidth=1.2)
        self._marks(axes, width, height, 50)

    def words(self) -> None:
        """Title, facts and rule above the tiles."""
        for number, line in enumerate(self.title):
            self._text(GAP, 0.30 + 0.29 * number, line, size=17, color=INK, weight="bold")
        below = 0.30 + 0.29 * len(self.title)
        for number, (line, size, colour) in enumerate(self.lines):
            self._text(GAP, below + 0.21 * number, line, size=size, color=colour)

    def legend(self) -> None:
        """What outlines and colours mean, below the tiles; as many lines as the width asks for."""
        below = self.top + 2 * (TILE + HEAD) + 0.26
        for (draw, _), (line, x) in zip(self.keys, self.places, strict=True):
            draw(x, below + LINE * line)
        for number, words in enumerate(self.note):
            self._text(GAP, below + LINE * (self.places[-1][0] + 1 + number), words, 10, SOFT)

    def _keys(self) -> list[tuple[Callable[[float, float], None], float]]:
        """What draws each part of the legend at a place, and how wide it is."""
        marked = f"predicted (from {self.result.threshold:g})"
        keys: list[tuple[Callable[[float, float], None], float]] = [
            (partial(self._line, TRUE, "true outline"), 1.6),
            (partial(self._line, FOUND, marked), 2.2),
        ]
        if len(self.sequences) > 1:
            equal = f"share of attention (equal: {1 / len(self.sequences):.2f})"
            keys.append((partial(self._scale, self.most, equal, np.full((1, 120, 3), 128, np.uint8)), 4.6))
        return [*keys, (partial(self._scale, 1.0, "probability of thrombus", None), 3.6)]

    def _line(self, colour: str, words: str, x: float, y: float) -> None:
        axes = self._axes(x, y - 0.09, 0.3, 0.08)
        axes.plot([0, 1], [0.5, 0.5], color=colour, linewidth=3.5)
        axes.set_axis_off()
        self._text(x + 0.38, y, words, size=10.5, color=INK)

    def _scale(self, most: float, words: str, below: Bytes | None, x: float, y: float) -> None:
        axes = self._axes(x + 0.15, y - 0.12, 1.1, 0.13)
        bar = colours.attention_colours(np.linspace(0, 1, 120, dtype=np.float32)[None])
        axes.imshow(bar if below is None else _mixed(below, bar), aspect="auto")
        axes.set_axis_off()
        self._text(x + 0.1, y, "0", 10.5, INK, ha="right")
        self._text(x + 1.3, y, f"{most:g}  {words}", 10.5, INK)

    def png(self) -> bytes:
        """With six of eight bits a channel, which nobody sees and which makes the file a third smaller."""
        file, small = io.BytesIO(), io.BytesIO()
        self.figure.savefig(file, format="png", dpi=DPI, facecolor="white")
        pillow: Any = importlib.import_module("PIL.Image")  # comes with matplotlib
        pixels = np.asarray(pillow.open(file).convert("RGB")).astype(np.int16)
        rounded = np.minimum(255, (pixels + 2) // 4 * 4).astype(np.uint8)
        pillow.fromarray(rounded).save(small, "png", optimize=True)
        return small.getvalue()

    def _lines(self) -> list[tuple[str, float, str]]:
        """Facts and rule in lines that fit: words, size, colour."""
        rule = f"Chosen by rule: {self.example.rule}."
        return [
            (line, size, colour)
            for words, size, colour, letters in ((self.example.facts, 11.5, INK, 11.2), (rule, 10, SOFT, 13.0))
            for line in textwrap.wrap(words, int(self.width * letters))
        ]

    def _zoomed(self, row: int, column: int, title: str, pixels: Bytes, *, thin: bool = False) -> None:
        collection = importlib.import_module("matplotlib.collections").LineCollection
        axes = self._tile(row, column, title)
        part = pixels[self.region.rows, self.region.columns]
        height, width = part.shape[0] * self.frame.spacing[0], part.shape[1] * self.frame.spacing[1]
        axes.imshow(part, extent=(0.0, width, height, 0.0), interpolation="bilinear")
        scale = np.array((self.frame.spacing[1], self.frame.spacing[0])) / FINE
        for mask, colour, points in ((self.example.truth, TRUE, 2.3), (self.example.found, FOUND, 1.2)):
            lines = contour.outline(self._fine(mask), 0.5) * scale
            look = {"colors": colour, "linewidths": 0.7 * points if thin else points, "capstyle": "round"}
            axes.add_collection(collection(lines, **look))
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        self._marks(axes, width, height, 10)

    def _marks(self, axes: Any, width: float, height: float, scale_mm: int) -> None:
        unit = max(width, height) / 100
        rim = importlib.import_module("matplotlib.patheffects").withStroke(linewidth=2, foreground="black", alpha=0.6)
        look = {"color": "white", "path_effects": [rim]}
        axes.text(2 * unit, height / 2, self.frame.left, fontsize=9, va="center", **look)
        axes.text(width - 2 * unit, height / 2, self.frame.right, fontsize=9, va="center", ha="right", **look)
        right, low = width - 4 * unit, height - 4 * unit
        axes.plot([right - scale_mm, right], [low, low], linewidth=1.8, solid_capstyle="butt", **look)
        axes.text(right - scale_mm / 2, low - 2.5 * unit, f"{scale_mm} mm", fontsize=8, ha="center", **look)

    def _tile(self, row: int, column: int, title: str) -> Any:
        left, top = GAP + column * (TILE + GAP), self.top + HEAD + row * (TILE + HEAD)
        axes = self._axes(left, top, TILE, TILE)
        axes.set_facecolor("black")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        self._text(left + 0.02, top - 0.07, title, size=12, color=INK)
        return axes

    def _axes(self, left: float, top: float, width: float, height: float) -> Any:
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place)

    def _text(self, left: float, base: float, words: str, size: float, color: str, **more: Any) -> None:
        """A line of words that stands on `base`."""
        self.figure.text(left / self.width, 1 - base / self.height, words, fontsize=size, color=color, **more)

    def _cut(self, values: Volume) -> Volume:
        return np.asarray(values[self.region.best, self.region.rows, self.region.columns], dtype=np.float32)

    def _fine(self, mask: sitk.Image) -> Volume:
        """What the tiles show of a mask, `FINE` times as fine as the working grid."""
        grid, region = self.result.prepared.working_grid, self.region
        first = 0.5 / FINE - 0.5
        corner = (region.columns.start + first, region.rows.start + first, float(region.best))
        fine = Grid(
            size=(
                (region.columns.stop - region.columns.start) * FINE,
                (region.rows.stop - region.rows.start) * FINE,
                1,
            ),
            spacing=(grid.spacing[0] / FINE, grid.spacing[1] / FINE, grid.spacing[2]),
            origin=grid.empty().TransformContinuousIndexToPhysicalPoint(corner),
            direction=grid.direction,
        )
        cut = sitk.Resample(mask, fine.empty(sitk.sitkUInt8), sitk.Transform(), sitk.sitkNearestNeighbor)
        return np.asarray(sitk.GetArrayFromImage(cut)[0], dtype=np.float32)

    def _grey(self, sequence: Sequence) -> Bytes:
        volume = self.result.prepared.images[sequence]
        return grey_slice(volume, self.region.best, colours.window_of(volume))


def _flow(widths: list[float], most: float) -> list[tuple[int, float]]:
    """Line and left edge of things that stand in a row, broken where it is full."""
    places: list[tuple[int, float]] = []
    line, x = 0, GAP
    for width in widths:
        if places and x + width > most:
            line, x = line + 1, GAP
        places.append((line, x))
        x += width
    return places


def _coloured(grey: Bytes) -> Bytes:
    return np.repeat(grey[:, :, None], 3, axis=2)


def _mixed(below: Bytes, over: Bytes) -> Bytes:
    """Colours over an image, both (H, W, 3)."""
    mixed = (1 - OVERLAY) * below.astype(np.float32) + OVERLAY * over.astype(np.float32)
    return np.asarray(np.rint(mixed), dtype=np.uint8)
