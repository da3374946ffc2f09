"""What differs between hospitals: field strength, echo times, spacing, noise. One frozen record per named centre."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..errors import InputError
from ..sequences import Sequence

Range = tuple[float, float]


@dataclass(frozen=True)
class Acquisition:
    """How one sequence is measured at a centre. Ranges are drawn from uniformly, once per case."""

    in_plane_mm: Range
    """Pixel spacing in both in-plane directions, mm."""
    slice_mm: Range
    """Distance between slice centres, mm."""
    echo_time_ms: Range
    """Echo time, ms."""
    noise: Range
    """Standard deviation of the noise in each channel, as a share of the signal of white matter."""
    coverage_mm: float = 132.0
    """Extent covered along the slices, mm."""
    thickness: float = 0.9
    """Slice thickness as a share of the distance between slices; the rest is gap."""


@dataclass(frozen=True)
class Centre:
    """A simulated hospital."""

    name: str
    field_tesla: float
    """Field strength, tesla; decides relaxation times and how strongly susceptibility blooms."""
    acquisitions: dict[Sequence, Acquisition] = field(default_factory=dict)
    """The sequences this centre measures, and how."""
    motion_mm: float = 1.0
    """Standard deviation of the patient's shift between two sequences, along each axis, mm."""
    motion_degrees: float = 0.7
    """Standard deviation of the patient's rotation between two sequences, around each axis, degrees."""
    tilt_degrees: float = 8.0
    """Standard deviation of the head's tilt against the slices, around each axis, degrees."""


#: Centre A, the training centre: a 3 T scanner. Spacings and echo times are common clinical settings (our choice).
CENTRE_A = Centre(
    name="A",
    field_tesla=3.0,
    acquisitions={
        Sequence.SWI: Acquisition((0.75, 0.95), (2.5, 4.0), (18.0, 28.0), (0.02, 0.06)),
        Sequence.DWI: Acquisition((1.3, 1.8), (4.0, 5.5), (70.0, 90.0), (0.03, 0.07)),
        Sequence.ADC: Acquisition((1.3, 1.8), (4.0, 5.5), (70.0, 90.0), (0.03, 0.07)),
        Sequence.FLAIR: Acquisition((0.85, 1.05), (4.0, 5.5), (90.0, 130.0), (0.02, 0.06)),
        Sequence.TOF: Acquisition((0.6, 0.85), (1.2, 1.8), (3.4, 7.0), (0.03, 0.07), coverage_mm=75.0, thickness=1.0),
    },
)

#: The bundled sample case: as centre A, with larger voxels so that the files are small. Never trained on.
CENTRE_SAMPLE = replace(
    CENTRE_A,
    name="sample",
    acquisitions={
        Sequence.SWI: Acquisition((0.9, 0.95), (3.8, 4.0), (20.0, 24.0), (0.02, 0.03)),
        Sequence.DWI: Acquisition((1.7, 1.8), (5.0, 5.5), (70.0, 80.0), (0.03, 0.05)),
        Sequence.ADC: Acquisition((1.7, 1.8), (5.0, 5.5), (70.0, 80.0), (0.03, 0.05)),
        Sequence.FLAIR: Acquisition((1.0, 1.05), (5.0, 5.5), (100.0, 120.0), (0.02, 0.04)),
        Sequence.TOF: Acquisition((0.85, 0.9), (2.4, 2.6), (3.4, 5.0), (0.03, 0.04), coverage_mm=60.0, thickness=1.0),
    },
)

CENTRES = {centre.name: centre for centre in (CENTRE_A, CENTRE_SAMPLE)}


def find_centre(name: str) -> Centre:
    """The centre of that name; `InputError` names the known ones."""
    if name not in CENTRES:
        raise InputError(f"There is no simulated centre '{name}'.", f"Known: {', '.join(CENTRES)}.")
    return CENTRES[name]
