"""One picture of a simulated cohort: a row for each centre, a column for each sequence, at the level of the clot.

Words are drawn with a small alphabet of our own: the library depends on nothing that draws text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case import ManifestRow, read_image
from ..case.case import read_labels
from ..errors import InputError
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .cohort import read_truth

Bytes = NDArray[np.uint8]
Point = tuple[float, float, float]

TITLE = "SIMULATED PATIENTS, ONE A CENTRE. THROMBUS RED, INFARCT BLUE."
PIXEL_MM = 0.9
TILE = (240, 200)
"""Rows and columns of a tile, pixels."""
LOOKED_AT = 20
"""So many cases of each centre are looked at for one to show."""
SHOWN_HOURS, SHOWN_SEGMENTS, SHOWN_INFARCT_ML = (3.0, 10.0), ("M1", "M2 superior", "M2 inferior"), 15.0
"""A patient is shown who has something to see on every sequence, so many hours after onset: most have less."""
LEFT, TOP, GAP, LETTER = 44, 40, 4, 2
WHITE = {Sequence.SWI: 1.6, Sequence.DWI: 2.2, Sequence.FLAIR: 2.0, Sequence.TOF: 2.2}
"""What is shown white, as a multiple of the median brightness of the head."""
ABSENT, INK = 96, 235
COLOURS = {1: (255, 70, 60), 2: (90, 150, 255)}

#: Five columns of seven dots for each letter, lowest bit on top.
_LETTERS = {
    " ": "0000000000", "-": "0808080808", ".": "0060600000", ",": "0050300000", ":": "0036360000", "*": "2A1C7F1C2A",
    "0": "3E5149453E", "1": "00427F4000", "2": "4261514946", "3": "2141454B31", "4": "1814127F10", "5": "2745454539",
    "6": "3C4A494930", "7": "0171090503", "8": "3649494936", "9": "064949291E", "A": "7E1111117E", "B": "7F49494936",
    "C": "3E41414122", "D": "7F4141221C", "E": "7F49494941", "F": "7F09090901", "G": "3E4149497A", "H": "7F0808087F",
    "I": "00417F4100", "J": "2040413F01", "K": "7F08142241", "L": "7F40404040", "M": "7F020C027F", "N": "7F0408107F",
    "O": "3E4141413E", "P": "7F09090906", "Q": "3E4151215E", "R": "7F09192946", "S": "4649494931", "T": "01017F0101",
    "U": "3F4040403F", "V": "1F2040201F", "W": "3F4038403F", "X": "6314081463", "Y": "0708700807", "Z": "6151494543",
}  # fmt: skip


@dataclass(frozen=True)
class _View:
    """A slice, as it is looked at: first axis to the right, second downwards, LPS mm."""

    centre: Point
    right: Point
    down: Point

    def grid(self) -> sitk.Image:
        """An image of one slice with the tile's pixels."""
        rows, columns = TILE
        across, below = np.array(self.right), np.array(self.down)
        corner = np.array(self.centre) - PIXEL_MM * (across * (columns - 1) + below * (rows - 1)) / 2
        grid = sitk.Image(columns, rows, 1, sitk.sitkUInt8)
        grid.SetSpacing([PIXEL_MM] * 3)
        grid.SetOrigin(corner.tolist())
        grid.SetDirection(np.stack([across, below, np.cross(across, below)], axis=1).ravel().tolist())
        return grid


def draw_montage(rows: list[ManifestRow], progress: Progress = silent) -> Bytes:
    """The picture, (H, W, 3), 8 bits a colour.

    Args:
        rows: a cohort's manifest; of each centre's first cases one is shown, as far as possible the same patient
            everywhere: an occluded middle cerebral artery some hours old, or else a thrombus of middling size.
        progress: told after every centre.

    Raises:
        InputError: no rows, or an image that cannot be read.
    """
    if not rows:
        raise InputError("The manifest has no cases.", "Add rows.")
    centres = list(dict.fromkeys(row.centre for row in rows))
    members = [[row for row in rows if row.centre == centre] for centre in centres]
    number_shown = _telling(members[0])
    height, width = TILE[0] + GAP, TILE[1] + GAP
    canvas = np.zeros((TOP + height * len(centres), LEFT + width * len(Sequence), 3), dtype=np.uint8)
    write(canvas, TITLE + _onset(_shown(members[0], number_shown)), 4, LEFT)
    for column, sequence in enumerate(Sequence):
        write(canvas, sequence.value, 22, LEFT + width * column + 4)
    for number, centre in enumerate(centres):
        top = TOP + height * number
        write(canvas, centre[:3], top + TILE[0] // 2 - 14, 4)
        for column, tile in enumerate(_tiles(_shown(members[number], number_shown))):
            left = LEFT + width * column
            canvas[top : top + TILE[0], left : left + TILE[1]] = tile
        report(progress, (number + 1) / len(centres), "drawing")
    return canvas


def write(canvas: Bytes, text: str, top: int, left: int) -> None:
    """Write a text into (H, W, 3), capitals only, clipped at the border; what has no letter stays blank."""
    for place, character in enumerate(text.upper()):
        columns = np.frombuffer(bytes.fromhex(_LETTERS.get(character, _LETTERS[" "])), dtype=np.uint8)
        dots = (columns[None, :] >> np.arange(7, dtype=np.uint8)[:, None]) & 1
        dots = np.kron(dots, np.ones((LETTER, LETTER), dtype=np.uint8)).astype(bool)
        start = left + place * 6 * LETTER
        window = canvas[top : top + dots.shape[0], start : start + dots.shape[1]]
        window[dots[: window.shape[0], : window.shape[1]]] = INK


def _shown(rows: list[ManifestRow], number: int) -> ManifestRow:
    """The case in this place, where it has a thrombus: simulated with one seed, it is the same patient everywhere."""
    same = rows[number] if number < len(rows) else rows[0]
    return same if _thrombus_mm3(same) > 0 else rows[_middling(rows)]


def _telling(rows: list[ManifestRow]) -> int:
    """Place of the first patient with `SHOWN_SEGMENTS`, `SHOWN_HOURS` and `SHOWN_INFARCT_ML`; else `_middling`."""
    for number, row in enumerate(rows[:LOOKED_AT]):
        stroke = _stroke(row)
        low, high = SHOWN_HOURS
        fits = stroke.get("segment") in SHOWN_SEGMENTS and low <= stroke.get("hours_since_onset", 0.0) <= high
        if fits and stroke.get("infarct_ml", 0.0) >= SHOWN_INFARCT_ML and stroke.get("sign_present"):
            return number
    return _middling(rows)


def _onset(row: ManifestRow) -> str:
    hours = _stroke(row).get("hours_since_onset")
    return f" {hours:.1f} H OLD." if hours is not None else ""


def _stroke(row: ManifestRow) -> dict[str, Any]:
    """What the simulator says of the stroke; empty where there is no truth.json beside the labels."""
    try:
        truth = read_truth(row.labels.parent) if row.labels is not None else {}
    except InputError:
        truth = {}
    return dict(truth.get("stroke") or {})


def _middling(rows: list[ManifestRow]) -> int:
    """Place of the first cases' thrombus of middling size; 0 where there is none."""
    sizes = [(_thrombus_mm3(row), number) for number, row in enumerate(rows[:LOOKED_AT])]
    clots = sorted(each for each in sizes if each[0] > 0)
    return clots[len(clots) // 2][1] if clots else 0


def _thrombus_mm3(row: ManifestRow) -> float:
    if row.labels is None:
        return 0.0
    labels = read_labels(row.labels)
    return int((sitk.GetArrayViewFromImage(labels) == 1).sum()) * float(np.prod(labels.GetSpacing()))


def _tiles(row: ManifestRow) -> list[Bytes]:
    """A tile (H, W, 3) for each sequence of the vocabulary."""
    labels = None if row.labels is None else read_labels(row.labels)
    middle = _level(labels)
    return [
        _tile(read_image(row.paths[sequence]), sequence, labels, middle) if sequence in row.paths else _absent()
        for sequence in Sequence
    ]


def _level(labels: sitk.Image | None) -> Point:
    """Where the clot is largest: middle of its outline on that slice, LPS mm; the origin without a clot."""
    if labels is None:
        return (0.0, 0.0, 0.0)
    clot = sitk.GetArrayViewFromImage(labels) == 1
    if not clot.any():
        return (0.0, 0.0, 0.0)
    slice_ = int(clot.sum(axis=(1, 2)).argmax())
    row, column = np.argwhere(clot[slice_]).mean(axis=0)
    x, y, z = labels.TransformContinuousIndexToPhysicalPoint([float(column), float(row), float(slice_)])
    return (x, y, z)


def _tile(image: sitk.Image, sequence: Sequence, labels: sitk.Image | None, middle: Point) -> Bytes:
    """The image's own slice next to `middle`, whole, with thin outlines of the labels."""
    grid = _view(image, middle).grid()
    values = sitk.GetArrayFromImage(sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0))[0]
    low, high = _window(sitk.GetArrayViewFromImage(image), sequence)
    grey = np.rint(255.0 * np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0)).astype(np.uint8)
    pixels = np.repeat(grey[:, :, None], 3, axis=2)
    if labels is not None:
        for value in (2, 1):
            share = sitk.Resample(sitk.Cast(labels == value, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear)
            pixels[_rim(sitk.GetArrayFromImage(share)[0] >= 0.5)] = COLOURS[value]
    return pixels


def _view(image: sitk.Image, middle: Point) -> _View:
    """The slice (third axis) that holds `middle`, turned as radiologists look at it: front or top of the head up."""
    size = image.GetSize()
    index = list(image.TransformPhysicalPointToContinuousIndex(middle))
    place = [(size[0] - 1) / 2, (size[1] - 1) / 2, float(np.clip(round(index[2]), 0, size[2] - 1))]
    x, y, z = image.TransformContinuousIndexToPhysicalPoint(place)
    axes = np.array(image.GetDirection()).reshape(3, 3).T[:2]
    upright = int(np.argmax(np.abs(axes[:, 2])))  # coronal and sagittal: the axis nearest to the body's own
    if abs(axes[upright, 2]) < 0.7:  # axial
        upright = int(np.argmax(np.abs(axes[:, 1])))
        down = axes[upright] * np.sign(axes[upright, 1])
    else:
        down = -axes[upright] * np.sign(axes[upright, 2])
    across = axes[1 - upright]
    across = across * np.sign(across[int(np.argmax(np.abs(across)))])
    return _View((x, y, z), tuple(across.tolist()), tuple(down.tolist()))


def _window(values: NDArray[np.float32], sequence: Sequence) -> tuple[float, float]:
    """Grey window: ADC in its own units (1e-6 mm2/s), all others from 0 to a multiple of the head's median."""
    if sequence is Sequence.ADC:
        return 0.0, 2600.0
    bright = values[values > 0.2 * float(np.percentile(values, 99.0))]
    return 0.0, WHITE[sequence] * float(np.median(bright)) if bright.size else 1.0


def _rim(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels just outside the mask, so that what is outlined stays to be seen."""
    padded = np.pad(mask, 1)
    grown = padded[2:, 1:-1] | padded[:-2, 1:-1] | padded[1:-1, 2:] | padded[1:-1, :-2]
    return np.asarray(grown & ~mask)


def _absent() -> Bytes:
    tile = np.full((*TILE, 3), ABSENT, dtype=np.uint8)
    write(tile, "ABSENT", TILE[0] // 2 - 7, TILE[1] // 2 - 36)
    return tile
