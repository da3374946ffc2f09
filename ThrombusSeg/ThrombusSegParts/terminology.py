"""What the segments are called: labels of segmentation.nii.gz, names, colors and SNOMED CT codes."""

from __future__ import annotations

from dataclasses import dataclass

_CONTEXT = "Segmentation category and type - 3D Slicer General Anatomy list"
_REGIONS = "Anatomic codes - DICOM master list"
_CATEGORY = ("SCT", "49755003", "Morphologically Altered Structure")
_BRAIN = ("SCT", "12738006", "Brain")


@dataclass(frozen=True)
class SegmentKind:
    """One label of the result."""

    label: int
    """In segmentation.nii.gz."""
    name: str
    """Also the segment's identifier."""
    color: tuple[float, float, float]
    code: str
    """SNOMED CT, a morphologic abnormality."""

    def terminologyEntry(self) -> str:
        """As Slicer writes it into the segment's tag: context, category, type, modifier, then those of the region."""
        kind = "^".join(("SCT", self.code, self.name))
        return "~".join((_CONTEXT, "^".join(_CATEGORY), kind, "^^", _REGIONS, "^".join(_BRAIN), "^^"))


SEGMENTS = (
    SegmentKind(1, "Thrombus", (0.93, 0.20, 0.20), "396339007"),
    SegmentKind(2, "Infarct", (0.25, 0.65, 0.90), "55641003"),
)
