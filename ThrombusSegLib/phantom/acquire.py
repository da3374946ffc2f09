"""From signal on the fine grid to what a scanner delivers: slices, partial volume, motion, noise, shading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from .centres import Acquisition
from .space import Floats, Space


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
        acquisition: coverage and thickness.
        spacing: drawn in-plane and slice spacing, mm.
        tilt: (3, 3) rotation of the slices against the axes.
        centre_mm: middle of the slab, LPS mm.
        motion: displacement of the head in this sequence.
    """
    in_plane, between = spacing
    size = [round(172.0 / in_plane), round(206.0 / in_plane), max(1, round(acquisition.coverage_mm / between))]
    steps = np.array([in_plane, in_plane, between])
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(steps.tolist())
    image.SetDirection(tilt.ravel().tolist())
    image.SetOrigin((np.array(centre_mm) - tilt @ ((np.array(size) - 1) / 2 * steps)).tolist())
    return Slab(image, acquisition.thickness * between, motion)


def sample(space: Space, values: Floats, slab: Slab) -> Floats:
    """Average the fine grid over each slice's thickness at each pixel: (S, H, W)."""
    fine = space.image(values)
    # Sub-slices about 1 mm apart stand for the slice profile; each is interpolated linearly in plane.
    count = max(1, round(slab.thickness_mm / 1.0))
    normal = np.array(slab.image.GetDirection()).reshape(3, 3)[:, 2]
    total = np.zeros(slab.image.GetSize()[::-1], dtype=np.float32)
    for number in range(count):
        offset = ((number + 0.5) / count - 0.5) * slab.thickness_mm
        shifted = sitk.Image(slab.image.GetSize(), sitk.sitkUInt8)
        shifted.CopyInformation(slab.image)
        shifted.SetOrigin((np.array(slab.image.GetOrigin()) + normal * offset).tolist())
        slices = sitk.Resample(fine, shifted, slab.motion, sitk.sitkLinear, 0.0)
        total += sitk.GetArrayViewFromImage(slices)  # a view does not keep its image alive: it needs a name
    return np.asarray(total / count, dtype=np.float32)


def shade(values: Floats, random: np.random.Generator) -> Floats:
    """A slow brightness change over the image (receive coils): up to about 20 %."""
    slices, rows, columns = values.shape
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in (slices, rows, columns)), indexing="ij", sparse=True)
    a, b, c, d = random.normal(0.0, 0.08, size=4)
    return np.asarray(values * np.exp(a * x + b * y + c * z + d * (x * x + y * y)), dtype=np.float32)


def add_noise(values: Floats, sigma: float, random: np.random.Generator) -> Floats:
    """Rician noise (Gudbjartsson and Patz, Magn Reson Med 34:910, 1995): the magnitude of a noisy complex signal."""
    real = values + random.standard_normal(values.shape, dtype=np.float32) * np.float32(sigma)
    imaginary = random.standard_normal(values.shape, dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


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
