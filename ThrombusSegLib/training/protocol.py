"""Variations of a crop that imitate another centre's protocol: thicker slices, and plain T2* instead of SWI.

They follow from what a case shows, and not from how a simulated case was made, so that real cases can be varied alike.
Values are normalised: 0 is the median of the head, 1 its spread (see `preprocess.normalise`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .augment import AIR, Floats
from .settings import AugmentSettings
from .thin import dim_thin, fill_thin

#: Where a normalised ADC begins to be fluid, and where it is fluid altogether. Measured in the middle of five simulated
#: heads of centre A: the second and third quarter lie between -0.5 and 0.6, the highest tenth about 1.9.
FLUID = (0.8, 1.9)
#: What is drawn where SWI is shown as plain T2*: each from the first to the second. Chosen by comparing varied cases of
#: centre A with the same three development patients at B and E, whose fluid is as bright as brain or brighter.
PLAIN_FLUID = (1.4, 2.2)
PLAIN_FILL = (0.0, 0.5)
PLAIN_INFLOW = (0.5, 1.0)
PLAIN_TISSUE = (0.0, 0.4)
#: How far the brain's own contrast on FLAIR counts, in normalised units; beyond it lie lesions and fluid.
TISSUE_LIMIT = 1.5


@dataclass(frozen=True)
class Protocol:
    """How another centre would have acquired the case; the defaults change nothing."""

    thickness: int = 1
    """How many slices of the case make one of the crop."""
    fluid: float = 1.0
    """What the signal of fluid is multiplied by on the susceptibility sequence: it depends on repetition time, flip
    angle and field strength, and fluid is dark on many an SWI and bright on most T2*."""
    fill: float = 0.0
    """How far what is dark and thin on the susceptibility sequence is filled up, 0..1: T2* lacks the phase mask that
    makes veins and clots darker on SWI, and shorter echo times darken less."""
    inflow: float = 0.0
    """How far what is bright and thin on the susceptibility sequence is dimmed, 0..1: fresh blood shines only where
    pulses follow each other fast, as they do for SWI."""
    tissue: float = 0.0
    """How much of FLAIR's contrast between tissues is added to the susceptibility sequence (no unit): a long
    repetition time shows grey matter brighter than white."""

    @property
    def changes_contrast(self) -> bool:
        """Whether the susceptibility sequence is changed."""
        return self.fluid != 1.0 or self.fill > 0 or self.inflow > 0 or self.tissue > 0


def draw_protocol(settings: AugmentSettings, random: np.random.Generator) -> Protocol:
    """Draw one; nothing is drawn for what is switched off, so that crops of older settings stay the same."""
    thickness, fluid, fill = 1, 1.0, 0.0
    if settings.double_slices and random.random() < settings.double_slices:
        thickness = 2
    if settings.fluid and random.random() < settings.chance:
        fluid = float(np.exp(random.uniform(-1.0, 1.0) * np.log1p(settings.fluid)))
    if settings.fill and random.random() < settings.chance:
        fill = float(random.uniform(0.0, settings.fill))
    if settings.plain and random.random() < settings.plain:
        ranges = (PLAIN_FLUID, PLAIN_FILL, PLAIN_INFLOW, PLAIN_TISSUE)
        return Protocol(thickness, *(float(random.uniform(*limits)) for limits in ranges))
    return Protocol(thickness, fluid, fill)


def change_contrast(
    susceptibility: Floats, adc: Floats | None, protocol: Protocol, flair: Floats | None = None
) -> Floats:
    """What another protocol would make of SWI.

    Args:
        susceptibility: (S, H, W).
        adc: (S, H, W) of the same place, by which fluid is known; None where the case has none: fluid stays.
        protocol: as drawn.
        flair: (S, H, W) of the same place, by which tissues are known; None where the case has none: they stay.

    Returns:
        (S, H, W). Where there is no signal there is none afterwards.
    """
    values = susceptibility
    if protocol.fill > 0:
        values = values + np.float32(protocol.fill) * (fill_thin(values) - values)
    if protocol.inflow > 0:
        values = values + np.float32(protocol.inflow) * (dim_thin(values) - values)
    if protocol.tissue > 0 and flair is not None:
        values = _multiply(values, 1.0 + protocol.tissue / AIR * np.clip(flair, -TISSUE_LIMIT, TISSUE_LIMIT))
    if protocol.fluid != 1.0 and adc is not None:
        share = np.clip((adc - FLUID[0]) / (FLUID[1] - FLUID[0]), 0.0, 1.0)
        values = _multiply(values, 1.0 + (protocol.fluid - 1.0) * share)
    return np.asarray(values, dtype=np.float32)


def _multiply(values: Floats, factors: Floats) -> Floats:
    """The signal, which is zero at -AIR, times these factors."""
    return (values + np.float32(AIR)) * factors - np.float32(AIR)


def merge_slices(images: Floats, labels: NDArray[np.uint8], thickness: int) -> tuple[Floats, NDArray[np.uint8]]:
    """Average so many slices into one: images (K, S * thickness, H, W), labels (S * thickness, H, W).

    Returns:
        Images (K, S, H, W) and labels (S, H, W): what covers half of the new slice, a thrombus before an infarct, as
        `preprocess.prepare_labels` has it.
    """
    if thickness == 1:
        return images, labels
    count, slices, *plane = images.shape
    merged = images.reshape(count, slices // thickness, thickness, *plane).mean(2, dtype=np.float32)
    parts = labels.reshape(slices // thickness, thickness, *plane)
    result = np.zeros(parts[:, 0].shape, dtype=np.uint8)
    for value in (2, 1):
        result[(parts == value).mean(1) >= 0.5] = value
    return merged, result
