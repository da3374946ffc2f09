"""The pictures of a report: for each candidate, its slices on every sequence with attention beside them."""

from __future__ import annotations

from html import escape

import numpy as np
import numpy.typing as npt

from ..inference.result import INFARCT_THRESHOLD, SegmentResult
from ..sequences import Sequence
from . import colours
from .figures import Frame, Outline, grey_slice, letters, picture
from .regions import Region, candidate_mask, region_around, slice_number

#: Candidates shown in pictures; further ones are in the table.
MOST_CANDIDATES = 5


def candidate_pictures(result: SegmentResult, number: int) -> str:
    """Rows: sequences. Columns: the whole slice, the zoomed neighbours, the attention of the middle one."""
    frame = frame_of(result)
    region = region_around(candidate_mask(result, number), result.prediction.thrombus, frame.spacing)
    sequences = [each for each in Sequence if each in result.prepared.images]
    attention = len(sequences) > 1
    columns = 1 + len(region.slices) + attention
    cells = [
        f'<div class="grid" style="grid-template-columns:64px repeat({columns},minmax(0,1fr))">',
        _heads(result, region),
    ]
    cells += [_row(result, region, frame, sequence, attention=attention) for sequence in sequences]
    return "".join([*cells, "</div>"])


def highest_place(result: SegmentResult) -> str:
    """For a result without candidates: the slice with the highest probability anywhere, on every sequence."""
    frame = frame_of(result)
    place = np.unravel_index(int(result.prediction.thrombus.argmax()), result.prediction.thrombus.shape)
    mask = np.zeros(result.prediction.thrombus.shape, dtype=bool)
    mask[place] = True
    region = region_around(mask, np.ones(mask.shape, np.float32), frame.spacing)
    sequences = [each for each in Sequence if each in result.prepared.images]
    cells = [f'<div class="grid" style="grid-template-columns:repeat({max(3, len(sequences))},minmax(0,1fr))">']
    cells += [f'<div class="head">{each.value}, slice {slice_number(result, region.best)}</div>' for each in sequences]
    cells += ["<div></div>" for _ in range(3 - len(sequences))]
    cells += [_whole(result, region, frame, each) for each in sequences]
    return "".join([*cells, "</div>"])


def frame_of(result: SegmentResult) -> Frame:
    """Spacing and orientation letters of the working grid's slices."""
    grid = result.prepared.working_grid
    left, right = letters((grid.direction[0], grid.direction[3], grid.direction[6]))
    return Frame(spacing=(grid.spacing[1], grid.spacing[0]), left=left, right=right)


def _heads(result: SegmentResult, region: Region) -> str:
    texts = ["", f"Slice {slice_number(result, region.best)}, whole"]
    texts += [f"Slice {slice_number(result, each)}" for each in region.slices]
    if len(result.prepared.images) > 1:
        texts.append(f"Attention, slice {slice_number(result, region.best)}")
    return "".join(f'<div class="head">{escape(text)}</div>' for text in texts)


def _row(result: SegmentResult, region: Region, frame: Frame, sequence: Sequence, *, attention: bool) -> str:
    volume = result.prepared.images[sequence]
    window = colours.window_of(volume)
    role = "<small>reference</small>" if sequence is result.prepared.reference else ""
    cells = [f'<div class="name">{sequence.value}{role}</div>', _whole(result, region, frame, sequence)]
    for slice_ in region.slices:
        label = f"{sequence.value}, slice {slice_number(result, slice_)}, zoomed"
        pixels = grey_slice(volume, slice_, window)
        cells.append(_zoomed(result, region, frame, slice_, pixels, label))
    if attention:
        label = f"Attention to {sequence.value}, slice {slice_number(result, region.best)}"
        pixels = colours.attention_colours(result.prediction.attention[sequence][region.best])
        cells.append(_zoomed(result, region, frame, region.best, pixels, label))
    return "".join(cells)


def _whole(result: SegmentResult, region: Region, frame: Frame, sequence: Sequence) -> str:
    volume = result.prepared.images[sequence]
    pixels = grey_slice(volume, region.best, colours.window_of(volume))
    return (
        "<figure>"
        + picture(
            pixels,
            frame,
            rows=slice(0, volume.shape[1]),
            columns=slice(0, volume.shape[2]),
            outlines=_outlines(result, region.best),
            box=(region.rows, region.columns),
            label=f"{sequence.value}, slice {slice_number(result, region.best)}, whole",
            scale_mm=50,
        )
        + "</figure>"
    )


def _zoomed(
    result: SegmentResult, region: Region, frame: Frame, slice_: int, pixels: npt.NDArray[np.uint8], label: str
) -> str:
    outlines = _outlines(result, slice_)
    svg = picture(pixels, frame, rows=region.rows, columns=region.columns, outlines=outlines, label=label)
    return f"<figure>{svg}</figure>"


def _outlines(result: SegmentResult, slice_: int) -> tuple[Outline, ...]:
    return (
        Outline(result.prediction.infarct[slice_], INFARCT_THRESHOLD, "infarct"),
        Outline(result.prediction.thrombus[slice_], result.threshold, "thrombus"),
    )
