"""What one run over one case leaves behind. Does not import torch."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

import SimpleITK as sitk

from ..lesions import Candidates, CandidateSettings, rows
from ..preprocess import Prepared, Registration
from ..sequences import Sequence
from ..version import __version__

if TYPE_CHECKING:
    from ..weights import WeightsEntry
    from .predictor import Prediction

#: Stands in every result and on every report.
NOTICE = "Research software, not a medical device; not for diagnosis or treatment decisions."
LABELS = {"1": "thrombus", "2": "infarct"}
#: An infarct voxel is one with at least this probability; it is not offered as a setting.
INFARCT_THRESHOLD = 0.5


@dataclass(frozen=True)
class SegmentSettings:
    """What a caller may choose for one case."""

    threshold: float | None = None
    """Probability from which a voxel is thrombus, above 0, at most 1. None: that of the weights."""
    minimum_volume_mm3: float | None = None
    """Smaller components are dropped. None: that of the weights."""
    registration: Literal["auto", "always", "never"] = "auto"
    """Whether sequences are registered rigidly to the reference; "auto": only where their headers do not agree."""

    def candidates(self, weights: WeightsEntry) -> CandidateSettings:
        """What counts as a candidate: as chosen here, else as the weights say.

        Raises:
            InputError: a choice is out of range.
        """
        threshold, volume = self.threshold, self.minimum_volume_mm3
        return CandidateSettings(
            threshold=weights.threshold if threshold is None else threshold,
            minimum_volume_mm3=weights.minimum_volume_mm3 if volume is None else volume,
        )


@dataclass(frozen=True)
class SegmentResult:
    """Everything that is written, and what the report needs besides."""

    case: str
    sources: Mapping[Sequence, str]
    """File names of the used sequences, without folders."""
    prepared: Prepared
    prediction: Prediction
    """On the working grid."""
    probability: sitk.Image
    """Thrombus probability, float32, reference grid."""
    segmentation: sitk.Image
    """uint8, reference grid: 1 thrombus, 2 infarct."""
    attention: Mapping[Sequence, sitk.Image]
    """float32, reference grid."""
    candidates: Candidates
    threshold: float
    minimum_volume_mm3: float
    weights: WeightsEntry
    device: str
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    peak_memory_mib: float | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def notice(self) -> str:
        """The line that stands above every result."""
        return f"{NOTICE} Trained on {self.weights.trained_on}."

    def summary(self) -> dict[str, Any]:
        """The content of result.json. Holds file names, but no folder and nothing else from the images' headers."""
        used = {
            sequence.value: {
                "file": self.sources.get(sequence, ""),
                "registration": describe_registration(self.prepared.registrations[sequence]),
            }
            for sequence in Sequence
            if sequence in self.prepared.images
        }
        return {
            "version": __version__,
            "created": self.created,
            "case": self.case,
            "reference": self.prepared.reference.value,
            "sequences": {"used": used, "absent": [each.value for each in Sequence if each.value not in used]},
            "labels": LABELS,
            "weights": {
                "name": self.weights.name,
                "sha256": self.weights.sha256,
                "trained_on": self.weights.trained_on,
            },
            "device": self.device,
            "threshold": self.threshold,
            "minimum_volume_mm3": self.minimum_volume_mm3,
            "thrombus_found": bool(self.candidates.found),
            "candidates": rows(self.candidates.found),
            "seconds": {name: round(value, 4) for name, value in self.seconds.items()},
            "peak_memory_mib": None if self.peak_memory_mib is None else round(self.peak_memory_mib, 1),
            "warnings": list(self.warnings),
            "versions": versions(),
            "notice": self.notice,
        }


def describe_registration(registration: Registration) -> dict[str, Any]:
    """A registration as JSON can hold it."""
    return {
        "how": registration.how,
        "similarity_before": _rounded(registration.similarity_before),
        "similarity_after": _rounded(registration.similarity_after),
        "rotation_degrees": _rounded(registration.rotation_degrees),
        "translation_mm": _rounded(registration.translation_mm),
    }


def versions() -> dict[str, str]:
    """Of everything that can change a result."""
    found = {"thrombusseg": __version__, "python": platform.python_version()}
    found |= {name: metadata.version(name) for name in ("torch", "SimpleITK", "numpy", "safetensors")}
    return {**found, "system": f"{platform.system()} {platform.machine()}"}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
