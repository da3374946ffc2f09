"""From signal on the fine grid to what a scanner delivers: slices, partial volume, motion, noise, distortion, shade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .centres import Acquisition
from .space import Floats, Space

#: Axes of the image (columns: along rows, along columns, along slices) in LPS, for slices without tilt.
ORIENTATIONS = {
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0)),
}
#: Distance of the layers that make up a slice, mm; less than two layers of the fine grid.
SUB_SLICE_MM = 1.5
#: Into how many steps a pixel is cut when signal is moved along the phase-encoding axis.
DISTORTION_STEPS = 3


@dataclass(frozen=True)
class Slab:
    """Where the slices of one sequence lie."""

    image: sitk.Image
    """An empty image with the sequence's geometry."""
    thickness_mm: float
    motion: sitk.Euler3DTransform
    """The patient's displacement during this sequence: scanner coordinates to head coordinates."""


def place_slab(
    acquisition: Acquisition,
    spacing: tuple[float, float],
    tilt: NDArray[np.float64],
    centre_mm: tuple[float, float, float],
    motion: sitk.Euler3DTransform,
) -> Slab:
    """Lay slices through the head.

    Args:
        acquisition: coverage, field of view, orientation and thickness.
        spacing: drawn in-plane and slice spacing, mm.
        tilt: (3, 3) rotation of the slices against the axes.
        centre_mm: middle of the slab, LPS mm.
        motion: displacement of the head in this sequence.
    """
    in_plane, between = spacing
    extent = (*acquisition.field_of_view_mm, acquisition.coverage_mm)
    steps = np.array([in_plane, in_plane, between])
    size = [max(1, round(length / step)) for length, step in zip(extent, steps, strict=True)]
    axes = tilt @ np.array(ORIENTATIONS[acquisition.orientation]).T
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(steps.tolist())
    image.SetDirection(axes.ravel().tolist())
    image.SetOrigin((np.array(centre_mm) - axes @ ((np.array(size) - 1) / 2 * steps)).tolist())
    return Slab(image, acquisition.thickness * between, motion)


def sample(space: Space, values: Floats, slab: Slab, *, thick: bool = True) -> Floats:
    """The fine grid at each pixel of the slices, averaged over their thickness: (S, H, W).

    Args:
        space: the fine grid.
        values: (z, y, x) on it.
        slab: where the slices lie.
        thick: False: only the middle of each slice, for what varies slowly.
    """
    fine = space.image(np.ascontiguousarray(values))
    # Sub-slices stand for the slice profile; each is interpolated linearly, so that no layer is left out.
    count = max(1, round(slab.thickness_mm / SUB_SLICE_MM)) if thick else 1
    normal = np.array(slab.image.GetDirection()).reshape(3, 3)[:, 2]
    total = np.zeros(slab.image.GetSize()[::-1], dtype=np.float32)
    for number in range(count):
        offset = ((number + 0.5) / count - 0.5) * slab.thickness_mm
        origin = (np.array(slab.image.GetOrigin()) + normal * offset).tolist()
        slices = sitk.Resample(
            fine,
            slab.image.GetSize(),
            slab.motion,
            sitk.sitkLinear,
            origin,
            slab.image.GetSpacing(),
            slab.image.GetDirection(),
            0.0,
        )
        total += sitk.GetArrayViewFromImage(slices)  # a view does not keep its image alive: it needs a name
    return np.asarray(total / count, dtype=np.float32)


def shim(shift_hertz: Floats, inside: NDArray[np.bool_]) -> Floats:
    """Take out what a scanner's first-order shim takes out: the straight-line part within the head; (S, H, W).

    Args:
        shift_hertz: shift of the resonance.
        inside: where there is tissue to shim on; at least four voxels.
    """
    where = np.argwhere(inside)
    where = where[:: max(1, len(where) // 20000)]
    shape = [np.ones(len(where)), *where.T.astype(float)]
    fit, *_ = np.linalg.lstsq(np.stack(shape, axis=1), shift_hertz[tuple(where.T)], rcond=None)
    z, y, x = (np.arange(count, dtype=np.float32) for count in shift_hertz.shape)
    plane = fit[0] + fit[1] * z[:, None, None] + fit[2] * y[None, :, None] + fit[3] * x[None, None, :]
    return np.asarray(shift_hertz - plane, dtype=np.float32)


class Distortion:
    """Echo-planar distortion: signal moves along the columns and piles up where the shift falls.

    The sum over a column stays the same, except for what leaves the image (Jezzard and Balaban, Magn Reson Med 34:65,
    1995: displacement = frequency shift times readout time, in pixels along the phase-encoding axis).

    Args:
        shift_pixels: (S, H, W) how far the signal of each pixel moves along H.
    """

    def __init__(self, shift_pixels: Floats) -> None:
        self.shape = slices, rows, columns = shift_pixels.shape
        place = (np.arange(rows * DISTORTION_STEPS, dtype=np.float32) + 0.5) / DISTORTION_STEPS - 0.5
        self._low = np.clip(np.floor(place).astype(int), 0, rows - 1)
        self._high = np.minimum(self._low + 1, rows - 1)
        self._weight = np.clip(place - self._low, 0.0, 1.0).astype(np.float32)[None, :, None]
        # one row of margin on both sides collects what leaves
        target = np.clip(place[None, :, None] + self._between(shift_pixels), -1.0, rows) + np.float32(1.0)
        floor = np.minimum(target.astype(np.int32), rows)
        self._part = (target - floor).ravel()
        base = (np.arange(slices, dtype=np.int32) * (rows + 2))[:, None, None]
        self._flat = ((base + floor) * np.int32(columns) + np.arange(columns, dtype=np.int32)).ravel()

    def _between(self, values: Floats) -> Floats:
        """Values at the finer steps along the columns, by straight line: (S, H, W) -> (S, H * steps, W)."""
        low = values[:, self._low]
        low += self._weight * (values[:, self._high] - low)
        return low

    def apply(self, values: Floats) -> Floats:
        """Move the signal of an image: (S, H, W) -> (S, H, W)."""
        slices, rows, columns = self.shape
        signal = self._between(values).ravel() / np.float32(DISTORTION_STEPS)
        upper = signal * self._part
        length = slices * (rows + 2) * columns
        total = np.bincount(self._flat, signal - upper, length)
        total[columns:] += np.bincount(self._flat, upper, length)[:-columns]
        return total.reshape(slices, rows + 2, columns)[:, 1:-1].astype(np.float32)


#: Terms of the shading, as they stand among what was drawn for an acquisition: along columns, rows and slices, and
#: from the middle of the slices outwards.
SHADING = ("shading_x", "shading_y", "shading_z", "shading_out")


def shading(shape: tuple[int, ...], terms: Sequence[float]) -> Floats:
    """A slow brightness change over an image (receive coils), (S, H, W): exp of the terms of `SHADING`.

    Coils see all images of one acquisition alike, so that what is computed from their ratio, ADC for one, has none.
    """
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    a, b, c, d = terms
    return np.asarray(np.exp(a * x + b * y + c * z + d * (x * x + y * y)), dtype=np.float32)


def add_noise(values: Floats, sigma: float, random: np.random.Generator) -> Floats:
    """Rician noise (Gudbjartsson and Patz, Magn Reson Med 34:910, 1995): the magnitude of a noisy complex signal."""
    real = values + random.standard_normal(values.shape, dtype=np.float32) * np.float32(sigma)
    imaginary = random.standard_normal(values.shape, dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


def add_complex_noise(
    signal: NDArray[np.complexfloating], sigma: float, random: np.random.Generator
) -> NDArray[np.complex64]:
    """Equal noise in both channels, before magnitude and phase are taken: both become noisy."""
    noise = random.standard_normal((2, *signal.shape), dtype=np.float32) * np.float32(sigma)
    return np.asarray(signal + noise[0] + 1j * noise[1], dtype=np.complex64)


def rotation(random: np.random.Generator, degrees: float) -> NDArray[np.float64]:
    """A small random rotation: (3, 3)."""
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.deg2rad(random.normal(0.0, degrees, size=3)).tolist())
    return np.array(transform.GetMatrix()).reshape(3, 3)


def movement(random: np.random.Generator, millimetres: float, degrees: float) -> sitk.Euler3DTransform:
    """A small random rigid displacement about the origin."""
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.deg2rad(random.normal(0.0, degrees, size=3)).tolist())
    transform.SetTranslation(random.normal(0.0, millimetres, size=3).tolist())
    return transform
