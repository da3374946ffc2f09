"""A patient's sequences with their geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from ..sequences import Sequence


@dataclass(frozen=True)
class Case:
    """Any non-empty subset of sequences of one patient."""

    name: str
    images: Mapping[Sequence, sitk.Image]
    """float32, three axes, each in its own geometry (LPS mm)."""
    labels: sitk.Image | None = None
    """uint8: 1 thrombus, 2 infarct; in a geometry of its own."""
    sources: Mapping[Sequence, str] = field(default_factory=dict)
    """File names without folders."""


def read_case(paths: Mapping[Sequence, Path], name: str = "case", labels: Path | None = None) -> Case:
    """Read the sequences of one patient."""
    if not paths:
        raise InputError("No sequence was given.", "Give at least one.")
    images = {s: sitk.ReadImage(str(paths[s]), sitk.sitkFloat32) for s in Sequence if s in paths}
    label_image = None if labels is None else sitk.ReadImage(str(labels), sitk.sitkUInt8)
    return Case(name, images, label_image, {s: paths[s].name for s in images})
