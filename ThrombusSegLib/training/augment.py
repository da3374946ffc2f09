"""Variations of a crop: first draw, then apply. They imitate what separates hospitals and leaves the truth as it is.

Geometry moves images and labels alike; misregistration moves one sequence alone; resolution, contrast and noise change
each sequence on its own. Values are normalised: 0 is the median of the head, 1 its spread (see `preprocess.normalise`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..preprocess.normalise import LIMIT
from ..sequences import Sequence
from .settings import AugmentSettings

Floats = NDArray[np.float32]

#: Air lies about this far below the median of the head: where the signal is zero, and a coil's sensitivity no matter.
#: Measured on 20 simulated cases of centre A: 1st percentile of SWI -3.2 to -4.2.
AIR = 3.3
#: In-plane spacing of the working grid, mm (`PreprocessSettings.working_spacing_mm`).
PIXEL_MM = 0.9


@dataclass(frozen=True)
class Geometry:
    """How a crop is turned, and how each sequence lies in it."""

    angle: float
    """Rotation in plane, radians."""
    scale: float
    """How many pixels of the case one pixel of the crop spans; 1 = as it is."""
    shifts: Floats
    """(M, 2) shift of each sequence against the labels along columns and rows, pixels."""
    flip: tuple[bool, bool]
    """Whether left and right, and the order of the slices, are turned round."""

    def reach(self, pixels: int) -> int:
        """Width of the square of the case from which a crop of so many pixels is taken."""
        if not self.interpolates:
            return pixels
        turned = pixels * self.scale * (abs(np.cos(self.angle)) + abs(np.sin(self.angle)))
        return int(np.ceil(turned + 2 * np.abs(self.shifts).max())) + 2

    @property
    def interpolates(self) -> bool:
        """Whether anything lies between the pixels."""
        return self.angle != 0.0 or self.scale != 1.0 or bool(self.shifts.any())


@dataclass(frozen=True)
class Appearance:
    """How the values of each sequence change; every array has one entry a sequence, (M,)."""

    blur: Floats
    """Standard deviation of the blur in plane, pixels."""
    thick: Floats
    """Weight of each neighbouring slice, 0..1/3."""
    bias: Floats
    """(M, 3) change of the signal from the middle to the end along slices, rows and columns, as a share."""
    gamma: Floats
    """Exponent of the grey values."""
    factor: Floats
    """What the values are multiplied by."""
    offset: Floats
    """What is added."""
    noise: Floats
    """Standard deviation of the noise."""


def draw_geometry(settings: AugmentSettings, random: np.random.Generator) -> Geometry:
    """Draw how a crop is turned."""
    count = len(Sequence)
    turns, moves = random.random(2) < settings.chance
    angle = np.radians(random.uniform(-settings.rotation_degrees, settings.rotation_degrees)) if turns else 0.0
    scale = random.uniform(1.0 - settings.scaling, 1.0 + settings.scaling) if turns else 1.0
    limit = settings.misregistration_mm / PIXEL_MM if moves else 0.0
    shifts = random.uniform(-limit, limit, size=(count, 2)).astype(np.float32)
    shifts[list(Sequence).index(Sequence.SWI)] = 0.0  # the labels were drawn on it
    # The brain is nearly symmetric, and sides are no labels.
    left_right, up_down = random.random() < 0.5, random.random() < 0.3
    return Geometry(float(angle), float(scale), shifts, (bool(left_right), bool(up_down)))


def draw_appearance(settings: AugmentSettings, random: np.random.Generator) -> Appearance:
    """Draw how the values change; independent for each sequence."""
    count = len(Sequence)

    def sometimes(values: NDArray[np.float64], neutral: float) -> Floats:
        used = random.random(count) < settings.chance
        return np.where(used.reshape(-1, *[1] * (values.ndim - 1)), values, neutral).astype(np.float32)

    def factors(limit: float) -> NDArray[np.float64]:
        return np.asarray(np.exp(random.uniform(-1.0, 1.0, count) * np.log1p(limit)))

    bias = random.uniform(-1.0, 1.0, (count, 3)) * settings.bias / 2.0
    bias[list(Sequence).index(Sequence.ADC)] = 0.0  # a ratio: the coil cancels
    thick = (random.random(count) < settings.thick_slices) * random.uniform(0.1, 1.0 / 3.0, count)
    return Appearance(
        blur=sometimes(random.uniform(0.3, 1.0, count) * settings.blur_mm / PIXEL_MM, 0.0),
        thick=thick.astype(np.float32),
        bias=sometimes(bias, 0.0),
        gamma=sometimes(factors(settings.gamma), 1.0),
        factor=factors(settings.contrast).astype(np.float32),
        offset=random.uniform(-settings.brightness, settings.brightness, count).astype(np.float32),
        noise=sometimes(random.uniform(0.0, settings.noise, count), 0.0),
    )


def apply_geometry(
    images: Floats, places: NDArray[np.int64], labels: NDArray[np.uint8], geometry: Geometry, pixels: int
) -> tuple[Floats, NDArray[np.uint8]]:
    """Turn a crop that was cut with `geometry.reach`.

    Args:
        images: (K, S, R, R), the sequences that are shown.
        places: (K,) their places in the vocabulary.
        labels: (S, R, R).
        geometry: as drawn.
        pixels: width of the result.

    Returns:
        Images (K, S, pixels, pixels), linear, and labels (S, pixels, pixels), nearest.
    """
    if geometry.interpolates:
        width = labels.shape[-1]
        moved = _grids(geometry, geometry.shifts[places], pixels, width)
        still = _grids(geometry, np.zeros((1, 2), np.float32), pixels, width)
        images = _sample(torch.from_numpy(images), moved, "bilinear")
        labels = _sample(torch.from_numpy(labels[None].astype(np.float32)), still, "nearest")[0].astype(np.uint8)
    if geometry.flip[0]:
        images, labels = images[..., ::-1], labels[..., ::-1]
    if geometry.flip[1]:
        images, labels = images[:, ::-1], labels[::-1]
    return np.ascontiguousarray(images), np.ascontiguousarray(labels)


def _grids(geometry: Geometry, shifts: Floats, pixels: int, width: int) -> torch.Tensor:
    """Where each pixel of the result lies in the input, -1..1 between the outer edges: (K, pixels, pixels, 2)."""
    axis = torch.arange(pixels, dtype=torch.float32) - (pixels - 1) / 2
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    cos, sin = np.cos(geometry.angle) * geometry.scale, np.sin(geometry.angle) * geometry.scale
    places = torch.stack([cos * columns - sin * rows, sin * columns + cos * rows], dim=-1)
    return (places[None] + torch.from_numpy(shifts)[:, None, None, :]) * (2.0 / width)


def _sample(images: torch.Tensor, grids: torch.Tensor, mode: str) -> Floats:
    """(K, S, R, R) at (K, P, P, 2) -> (K, S, P, P)."""
    sampled = torch.nn.functional.grid_sample(images, grids, mode=mode, padding_mode="border", align_corners=False)
    return np.asarray(sampled.numpy(), dtype=np.float32)


def apply_appearance(
    images: Floats, places: NDArray[np.int64], appearance: Appearance, random: np.random.Generator
) -> Floats:
    """Change the values of (K, S, H, W), the sequences at these places of the vocabulary; `random` gives the noise."""
    result = np.empty_like(images)
    for row, place in enumerate(places):
        values = images[row]
        if appearance.blur[place] > 0:
            values = _blur(values, float(appearance.blur[place]))
        if appearance.thick[place] > 0 and len(values) > 1:
            values = _thicken(values, appearance.thick[place])
        if appearance.bias[place].any():
            values = (values + np.float32(AIR)) * _ramp(values.shape, appearance.bias[place]) - np.float32(AIR)
        if appearance.gamma[place] != 1.0:
            values = _bend(values, float(appearance.gamma[place]))
        values = values * appearance.factor[place] + appearance.offset[place]
        if appearance.noise[place] > 0:
            values = values + appearance.noise[place] * random.standard_normal(values.shape, dtype=np.float32)
        np.clip(values, -LIMIT, LIMIT, out=result[row])  # as `normalise` does
    return result


def _blur(values: Floats, sigma: float) -> Floats:
    """Gaussian in plane, (S, H, W), cut off at two deviations."""
    once = gaussian_filter1d(values, sigma, axis=-1, mode="nearest", truncate=2.0)
    return np.asarray(gaussian_filter1d(once, sigma, axis=-2, mode="nearest", truncate=2.0), dtype=np.float32)


def _thicken(values: Floats, weight: np.float32) -> Floats:
    """Mix each slice with its neighbours, (S, H, W); the outermost with themselves."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    mixed: Floats = (1.0 - 2.0 * weight) * values + weight * (padded[:-2] + padded[2:])
    return mixed


def _ramp(shape: tuple[int, ...], bias: Floats) -> Floats:
    """1 in the middle, changing linearly along each axis of (S, H, W)."""
    slices, rows, columns = (
        bias[axis] * np.linspace(-1.0, 1.0, shape[axis], dtype=np.float32) for axis in range(len(shape))
    )
    return np.asarray(1.0 + slices[:, None, None] + rows[:, None] + columns, dtype=np.float32)


def _bend(values: Floats, exponent: float) -> Floats:
    """Raise the grey values to a power, so that the median (0) and the slope there stay as they are."""
    share = np.clip((values + LIMIT) / (2.0 * LIMIT), 1e-4, 1.0)
    slope = exponent * 0.5 ** (exponent - 1.0)
    return np.asarray(2.0 * LIMIT / slope * (share ** np.float32(exponent) - 0.5**exponent), dtype=np.float32)
