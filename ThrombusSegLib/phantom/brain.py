"""The brain inside its outline: folded cortex, fissures, cerebellum, brainstem, ventricles and deep nuclei."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import tissue
from .form import GAP_MM, Form, behind_ridge
from .shapes import Box, Triple, axes_in, box_around, ellipsoid_in, paint_tubes, refine, smooth_field
from .space import Floats, Space, smooth_path

Labels = NDArray[np.uint8]
Tubes = list[tuple[NDArray[np.float64], NDArray[np.float64] | float]]
#: Step of the grid on which the course of the sulci is worked out, mm.
COARSE_MM = 2.0
#: How far sulci wander from a straight course, mm.
WARP_MM = 3.0
#: Corners of the box of the cerebrum, mm.
LOW, HIGH = np.array([-76.0, -86.0, -52.0]), np.array([76.0, 108.0, 86.0])
#: The middle structures that the interhemispheric fissure does not cut: centre (y, z) and half-axes, average mm.
INNER, INNER_AXES = (4.0, 2.0), (37.0, 26.0)
#: Lateral ventricle of the left side: nodes and radius in mm; from frontal horn to temporal horn, and occipital horn.
HORNS = (
    ([(12, -31, 4), (9, -22, 9), (6, -10, 14), (8, 4, 20), (12, 20, 21), (20, 34, 15), (26, 40, 5), (30, 32, -6),
      (32, 16, -15), (29, 0, -19)], [2.0, 3.6, 4.2, 4.0, 4.4, 6.0, 5.6, 3.0, 2.2, 1.6]),
    ([(22, 38, 11), (23, 52, 8), (20, 64, 6), (16, 72, 5)], [6.0, 4.6, 2.8, 1.2]),
)  # fmt: skip
BRAINSTEM = [(0, 23, -4), (0, 27, -13), (0, 29, -24), (0, 31, -34), (0, 35, -46), (0, 40, -56), (0, 42, -72)]
BRAINSTEM_RADII = [9.0, 9.0, 11.0, 11.5, 8.0, 6.5, 5.5]
#: Grey nuclei of the left side: name -> (nodes, radii in mm).
NUCLEI: dict[str, tuple[list[Triple], list[float]]] = {
    "caudate": ([(13, -20, 2), (13, -12, 10), (14, -2, 17), (17, 12, 22), (20, 24, 21)], [4.0, 4.8, 3.8, 2.4, 1.5]),
    "putamen": ([(21, -14, 0), (26, -6, 2), (28, 4, 3), (29, 13, 4)], [4.0, 5.0, 4.4, 2.5]),
    "thalamus": ([(8, 8, 6), (10, 16, 8), (14, 25, 8)], [4.5, 7.0, 5.5]),
    "hippocampus": ([(24, 6, -20), (26, 16, -17), (27, 26, -11), (24, 34, -3)], [5.5, 4.2, 3.6, 2.4]),
    "claustrum": ([(33, -10, 2), (34, 2, 4), (34, 12, 6)], [0.9, 1.0, 0.9]),
}


def paint_cerebrum(labels: Labels, depth: Floats, space: Space, form: Form, random: np.random.Generator) -> None:
    """Cortex and white matter in place, by the distance to the nearest surface: outer, of a sulcus, or of a fissure."""
    box = box_around(space, LOW * form.size, HIGH * form.size)
    axes = axes_in(space, box)
    inner = depth[box]
    medial, deep = _medial(axes, form)
    surface = _distance_to_sulci(inner, deep, axes, form, random)
    np.minimum(surface, medial, out=surface)
    for side in (0, 1):
        _sylvian(surface, axes, space, box, form, side)
    part = labels[box]
    skull = inner < -GAP_MM
    layers = np.array([tissue.label_of(each) for each in (tissue.CSF, tissue.GREY, tissue.WHITE)], dtype=np.uint8)
    index = (surface > 0).view(np.uint8) + (surface > np.float32(form.cortex_mm)).view(np.uint8)
    painted = np.take(layers, index)
    np.copyto(part, painted, where=~skull)


def _distance_to_sulci(
    inner: Floats, deep: Floats, axes: tuple[Floats, Floats, Floats], form: Form, random: np.random.Generator
) -> Floats:
    """Distance in mm to the outer surface or the nearest sulcus; negative in the CSF.

    Sulci are sheets, nearly at right angles to the surface, on which a band of noise passes zero.
    """
    signed, bottom = (refine(each, _coarse(axes), axes) for each in _sulci(axes, form, random))
    width = np.float32(0.2 + 0.7 * form.atrophy)
    opening = np.float32(0.05 + 0.11 * form.atrophy) * np.clip(10.0 - inner, 0.0, 10.0)
    apart = np.abs(signed)
    apart -= width
    apart -= opening
    np.maximum(
        np.minimum(inner, deep) - bottom, apart, out=bottom
    )  # beyond the bottom of a sulcus: at least as far as that
    nearest: Floats = np.minimum(bottom, inner - np.float32(0.2 + 1.3 * form.atrophy), out=bottom)
    return nearest


def _coarse(axes: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats, Floats]:
    x, y, z = (np.arange(axis.min(), axis.max() + COARSE_MM, COARSE_MM, dtype=np.float32) for axis in axes)
    return x[None, None, :], y[None, :, None], z[:, None, None]


def _sulci(axes: tuple[Floats, Floats, Floats], form: Form, random: np.random.Generator) -> tuple[Floats, Floats]:
    """On the coarse grid: distance to the nearest sulcus's sheet (signed, mm), and how deep the sulci are (mm).

    The noise is looked up mostly at the surface point above a voxel, which stands the sheets upright.
    """
    x, y, z = _coarse(axes)
    noise = smooth_field((x, y, z), random, form.gyrus_mm, band=True)
    middle = form.place(0.0, 12.0, 15.0)
    outwards = 0.45 + 0.55 / np.maximum(form.radius((x, y, z)), 0.35)
    bent = [np.float32(WARP_MM) * smooth_field((x, y, z), random, 14.0) for _ in range(3)]
    at = [np.float32(m) + (axis - m) * outwards + by for m, axis, by in zip(middle, (x, y, z), bent, strict=True)]
    values = _looked_up(noise, at, (x, y, z))
    slopes = np.gradient(values, COARSE_MM)
    steep = np.sqrt(slopes[0] ** 2 + slopes[1] ** 2 + slopes[2] ** 2) + np.float32(0.02)
    depth = form.sulcus_mm * (1.0 + 0.3 * smooth_field((x, y, z), random, 22.0))
    return np.clip(values / steep, -9.0, 9.0), np.clip(depth, 5.0, 27.0).astype(np.float32)


def _looked_up(values: Floats, at: list[Floats], axes: tuple[Floats, Floats, Floats]) -> Floats:
    """Linear interpolation of values on the coarse grid at positions x, y, z (each (Z, Y, X), mm)."""
    first, part = [], []
    for position, axis in zip(at, axes, strict=True):
        steps = np.clip((position - axis.ravel()[0]) / np.float32(COARSE_MM), 0.0, axis.size - 1.01)
        first.append(steps.astype(np.int32))
        part.append((steps - first[-1]).astype(np.float32))
    (i, j, k), (u, v, w) = first, part
    flat, row, plane = values.ravel(), values.shape[2], values.shape[1] * values.shape[2]
    base = k * plane + j * row + i
    total = np.zeros(values.shape, dtype=np.float32)
    for corner in range(8):
        a, b, c = corner & 1, corner >> 1 & 1, corner >> 2
        weight = (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w)
        total += weight * np.take(flat, base + (a + b * row + c * plane))
    return total


def _medial(axes: tuple[Floats, Floats, Floats], form: Form) -> tuple[Floats, Floats]:
    """Distance in mm to the fissure between the hemispheres, which reaches down to the corpus callosum.

    The second array grows faster, so that sulci of the medial wall are shallow, and those above the callosum shallower.
    """
    x, y, z = axes
    apart = np.abs(x - form.middle(y)) - np.float32(0.5 + 1.3 * form.atrophy)
    inner = ((y / form.size[1] - INNER[0]) / INNER_AXES[0]) ** 2 + ((z / form.size[2] - INNER[1]) / INNER_AXES[1]) ** 2
    within = (1.0 - np.sqrt(inner)) * INNER_AXES[1]
    medial = np.maximum(apart, within.astype(np.float32))
    return medial, medial + np.float32(6.0) + 2.0 * np.maximum(within + np.float32(6.0), 0.0).astype(np.float32)


def _sylvian(
    surface: Floats, axes: tuple[Floats, Floats, Floats], space: Space, box: Box, form: Form, side: int
) -> None:
    """The Sylvian fissure from the temporal pole backwards, and the space over the insula."""
    sign = 1.0 - 2.0 * side
    low, high = np.array([30.0, -26.0, -34.0]) * form.size, np.array([72.0, 52.0, 36.0]) * form.size
    corners = np.sort(np.array([[sign * low[0], low[1], low[2]], [sign * high[0], high[1], high[2]]]), axis=0)
    inner = box_around(space, corners[0], corners[1])
    z, y, x = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, box, strict=True))
    part = surface[z, y, x]
    across, back, up = axes_in(space, inner)
    across = np.abs(across) / form.size[0]
    height = up - form.fissure_height(back, side) - 2.0 * np.sin(across / 7.0 + side)
    insula = ((back - 8.0 * form.size[1]) / 27.0) ** 2 + ((height - 1.0) / 14.0) ** 2
    width = np.float32(0.7 + 1.6 * form.atrophy)
    ends = np.maximum(np.abs(back - 10.0) - 34.0, 38.0 - across)
    cleft = np.maximum(np.abs(height) - width, ends)
    edge = (np.sqrt(insula) - 1.0) * 14.0
    curved = 38.5 - 2.0 * insula
    over = np.maximum(np.abs(across - curved) - width, edge)
    np.minimum(part, np.minimum(cleft, over), out=part)


def paint_middle(labels: Labels, space: Space, form: Form) -> None:
    """Corpus callosum and the white matter around the basal cisterns, which no sulcus cuts."""
    of = tissue.label_of
    box = box_around(space, form.size * (-9.0, -36.0, -26.0), form.size * (9.0, 44.0, 32.0))
    _, y, z = form.average(axes_in(space, box))
    inner = np.sqrt(((y - INNER[0]) / INNER_AXES[0]) ** 2 + ((z - INNER[1]) / INNER_AXES[1]) ** 2)
    arch = (inner < 1.0) & (inner > 0.80 + 0.05 * form.atrophy) & (z > -4.0 + 0.2 * y)
    part = labels[box]
    part[np.broadcast_to(arch, part.shape)] = of(tissue.WHITE)
    for centre, radii in (
        ((0.0, 3.0, -18.0), (13.0, 11.0, 8.0)),
        ((0.0, 42.0, 3.0), (11.0, 6.5, 7.0)),
        ((0.0, -16.0, -22.0), (5.0, 14.0, 5.0)),
    ):
        where, radius = ellipsoid_in(space, form.place(*centre), radii * form.size)
        part = labels[where]
        part[(radius < 1.0) & ((part == of(tissue.GREY)) | (part == of(tissue.WHITE)))] = of(tissue.CSF)


def paint_hindbrain(labels: Labels, depth: Floats, space: Space, form: Form, random: np.random.Generator) -> None:
    """Cerebellum with its folia, brainstem, fourth ventricle, and the cisterns around them."""
    of = tissue.label_of
    box = box_around(space, form.size * (-62.0, 6.0, -80.0), form.size * (62.0, 108.0, 10.0))
    axes = axes_in(space, box)
    x, y, z = form.average(axes)
    part = labels[box]
    under = (form.tentorium(*axes[:2]) - axes[2]) * np.float32(0.9)
    behind = behind_ridge(np.abs(x), y)
    stem = np.array(BRAINSTEM, dtype=float) * form.size
    radii = np.interp(np.linspace(0, 1, 61), np.linspace(0, 1, len(BRAINSTEM_RADII)), BRAINSTEM_RADII)
    path = _along(stem, 61)
    around, core = (
        paint_tubes(space, [(path, radii + more)], (1.2, 1.0, 1.0))[box] > 0.5 for more in (3.5 + form.atrophy, 0.0)
    )
    around &= (z < -7.0) & ((z > -17.0) | (y < 33.0))  # behind it, the fourth ventricle and the peduncles
    fossa = (under > -0.4) & (behind > 0) & (depth[box] > -GAP_MM)
    free = (part != of(tissue.AIR)) & (part != of(tissue.BONE)) | (core | around) & (z < -50)
    part[(fossa | around) & free] = of(tissue.CSF)
    inside = np.minimum(np.minimum(depth[box] - 1.0, under - 0.7), y - 22.0 - 0.1 * np.abs(x)) - form.atrophy
    inside = np.where(fossa & ~around, inside, -1.0).astype(np.float32)
    _folia(part, inside, (x, y, z), smooth_field(axes, random, 12.0))
    part[core & free] = of(tissue.WHITE)
    _peduncles(labels, space, form)
    wide = 0.8 + 0.5 * form.ventricle_width
    where, radius = ellipsoid_in(space, form.place(0.0, 42.5, -32.0), (7.0 * wide, 4.0 * wide, 11.0))
    labels[where][radius < 1.0] = of(tissue.CSF)


def _folia(part: Labels, inside: Floats, axes: tuple[Floats, Floats, Floats], noise: Floats) -> None:
    """Grey folia that fan out from the fourth ventricle around a white core."""
    of = tissue.label_of
    x, y, z = axes
    angle = np.arctan2(z + 34.0, y - 36.0 + 0.004 * x * x)
    phase = np.sin(21.0 * angle + 0.5 * noise)
    branch = np.sin(10.5 * angle + 0.25 * noise + 0.8)
    cleft = np.minimum(inside, (np.abs(phase) - 0.12) * 12.0)
    part[inside > 0] = of(tissue.GREY)
    part[(inside > 0) & (cleft < 0) & (inside < 5.0)] = of(tissue.CSF)
    vermis = np.clip(7.0 - np.abs(x), 0.0, 7.0)
    part[inside - vermis > 15.0 - 10.0 * np.abs(branch) ** 4] = of(tissue.WHITE)


def _peduncles(labels: Labels, space: Space, form: Form) -> None:
    """The white bridges from the pons to both halves of the cerebellum, and from the midbrain to the cerebrum."""
    ways = [[(s * 9, 31, -31), (s * 17, 38, -33), (s * 24, 48, -36)] for s in (-1.0, 1.0)]
    ways += [[(s * 15, 11, 1), (s * 11, 16, -9), (s * 5, 21, -20)] for s in (-1.0, 1.0)]
    tubes: Tubes = [(_along(np.array(way) * form.size, 15), 5.5) for way in ways]
    inside = paint_tubes(space, tubes) > 0.5
    labels[inside & (labels >= tissue.label_of(tissue.CSF))] = tissue.label_of(tissue.WHITE)


def _along(nodes: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """`count` points evenly spread over a smooth path."""
    path = smooth_path(nodes)
    return np.asarray(path[np.linspace(0, len(path) - 1, count).round().astype(int)])


def horn_tubes(form: Form, grown_mm: float = 0.0, ends_mm: float = 0.0) -> Tubes:
    """The lateral ventricles as tubes; `grown_mm` wider everywhere, and `ends_mm` more at the horns (caps)."""
    tubes: Tubes = []
    for sign, share in ((1.0, form.ventricle_left_share**0.5), (-1.0, form.ventricle_left_share**-0.5)):
        for nodes, widths in HORNS:
            path = _along(np.array(nodes, dtype=float) * form.size * (sign, 1.0, 1.0), 60)
            radii = np.interp(np.linspace(0, 1, 60), np.linspace(0, 1, len(widths)), widths)
            # A wider ventricle keeps to its own side of the septum.
            path[:, 0] = sign * np.maximum(sign * path[:, 0], 0.85 * radii * form.ventricle_width * share)
            caps = ends_mm * np.exp(-np.minimum(np.arange(60), np.arange(60)[::-1]) / 6.0)
            tubes.append((path, radii * form.ventricle_width * share + grown_mm + caps))
    return tubes


def paint_ventricles(labels: Labels, space: Space, form: Form) -> None:
    """Lateral ventricles, the third ventricle and the aqueduct."""
    of = tissue.label_of
    horns = paint_tubes(space, horn_tubes(form), (0.85, 1.0, 1.15)) > 0.5
    wide = form.ventricle_width
    labels[horns] = of(tissue.CSF)
    # The septum between the frontal horns.
    box = box_around(space, form.size * (-1.0, -26.0, 6.0), form.size * (1.0, 12.0, 26.0))
    part = labels[box]
    part[horns[box] & (np.abs(axes_in(space, box)[0]) < 0.9)] = of(tissue.WHITE)
    where, radius = ellipsoid_in(space, form.place(0.0, 12.0, 1.0), (1.1 + 1.6 * (wide - 0.6), 14.0, 11.0))
    labels[where][radius < 1.0] = of(tissue.CSF)
    aqueduct = smooth_path(np.array([form.place(0.0, *yz) for yz in ((24, 0), (31, -10), (37, -20), (41, -28))]))
    labels[paint_tubes(space, [(aqueduct, 0.9)]) > 0.5] = of(tissue.CSF)


def paint_nuclei(labels: Labels, space: Space, form: Form) -> None:
    """Deep grey nuclei in white matter; pallidum, red nucleus, substantia nigra and dentate nucleus with their iron."""
    of = tissue.label_of
    grey: Tubes = []
    for sign in (-1.0, 1.0):
        for name, (nodes, radii) in NUCLEI.items():
            moved = np.array(nodes, dtype=float)
            moved[:, 0] += 1.6 * (form.ventricle_width - 1.0) * (name == "caudate")
            path = _along(moved * form.size * (sign, 1.0, 1.0), 40)
            grey.append((path, np.interp(np.linspace(0, 1, 40), np.linspace(0, 1, len(radii)), radii)))
    nuclei = (paint_tubes(space, grey, (0.9, 1.0, 1.25)) > 0.5) & (labels == of(tissue.WHITE))
    labels[nuclei] = of(tissue.GREY)
    for sign in (-1.0, 1.0):
        for centre, half in (
            ((19.0, -1.0, 0.0), (3.6, 8.0, 5.5)),
            ((5.0, 21.0, -9.0), (2.6, 2.8, 3.2)),
            ((9.5, 17.0, -11.0), (4.0, 2.4, 3.0)),
            ((14.0, 55.0, -37.0), (4.5, 6.0, 3.5)),
        ):
            where, radius = ellipsoid_in(space, form.place(sign * centre[0], *centre[1:]), half)
            part = labels[where]
            brain = (part == of(tissue.WHITE)) | (part == of(tissue.GREY))
            part[(radius < 1.0) & brain] = of(tissue.PALLIDUM)
