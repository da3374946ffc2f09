"""The sequences ThrombusSeg knows, in the order used everywhere."""

from __future__ import annotations

from enum import StrEnum


class Sequence(StrEnum):
    """An MRI sequence. The value is the name in file names, manifests and results."""

    SWI = "SWI"
    """Susceptibility: SWI, SWAN, their minimum intensity projection, or T2* gradient echo."""
    DWI = "DWI"
    """Diffusion, trace image of the highest b-value."""
    ADC = "ADC"
    """Apparent diffusion coefficient."""
    FLAIR = "FLAIR"
    """Fluid-attenuated inversion recovery."""
    TOF = "TOF"
    """Time-of-flight angiography."""
