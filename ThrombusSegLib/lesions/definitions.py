"""What each measure means, in which unit, by which method and after whom: shown as tooltips and in reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: Stands beside the measures of a susceptibility sequence.
BLOOMING = (
    "Measured on a susceptibility sequence it includes blooming: larger than the clot, and not comparable with CT."
)
_CENTROID = "mean position of its voxels in the patient's coordinates (RAS, as 3D Slicer shows them)."
_SLICES = "counted from 1 along the slice axis of the reference, in the order of its file."


@dataclass(frozen=True)
class Definition:
    """One measure."""

    name: str
    """The column of the table of candidates."""
    title: str
    unit: str
    """"" for a share, a word or a count."""
    method: str
    source: str
    """Where it comes from; "our choice" where it is one."""
    caution: str = ""

    @property
    def tooltip(self) -> str:
        """All of it in a few sentences."""
        unit = f" ({self.unit})" if self.unit else ""
        return " ".join(part for part in (f"{self.title}{unit}: {self.method}", self.caution, f"{self.source}") if part)


_ALL = (
    Definition(
        "probability_max", "Probability", "", "highest output of the network inside.", "Our choice.",
        "Not calibrated: read it as a rank.",
    ),
    Definition(
        "volume_mm3", "Volume", "mm³", "number of voxels times the volume of a voxel.",
        "Measured on SWI by Kang et al. (PMC5436734).", BLOOMING,
    ),
    Definition(
        "length_centreline_mm", "Length, centreline", "mm",
        "length of the line through the middles of layers of equal distance from one end, to the surface at both ends.",
        "Our choice; papers differ (www.j-stroke.org/journal/view.php?number=165).", BLOOMING,
    ),
    Definition(
        "length_feret_mm", "Length, maximum Feret", "mm",
        "largest distance between two points of the candidate, a straight line.",
        "European Stroke Journal 2025 (HAL hal-05185399): length = maximum Feret diameter.",
        "A bent clot is longer along its vessel. " + BLOOMING,
    ),
    Definition(
        "width_mm", "Width", "mm", "largest diameter across the length within one slice.",
        "Diameter of the susceptibility vessel sign, Kang et al. (PMC5436734).", BLOOMING,
    ),
    Definition(
        "side", "Side", "", "the patient's, of the centroid against the mid plane of the head.",
        "Our choice: within 4 mm of the plane it is called midline.",
    ),
    Definition(
        "centroid_right_mm", "Centroid, right", "mm", _CENTROID, "Our choice.",
        "Left is negative.",
    ),
    Definition(
        "centroid_anterior_mm", "Centroid, anterior", "mm", _CENTROID, "Our choice.",
        "Posterior is negative.",
    ),
    Definition(
        "centroid_superior_mm", "Centroid, superior", "mm", _CENTROID, "Our choice.",
        "Inferior is negative.",
    ),
    Definition(
        "first_slice", "First slice", "", "first slice that holds a voxel of it, " + _SLICES, "Our choice.",
    ),
    Definition(
        "last_slice", "Last slice", "", "last slice that holds a voxel of it, " + _SLICES, "Our choice.",
    ),
    Definition(
        "segment", "Likely artery (estimate)", "",
        "the segment of an average arterial tree, laid into the head by its outline, nearest to most voxels.",
        "Tree of the simulated head of this project, drawn after textbook anatomy.",
        "An estimate: arteries vary, and the outline places them to about a centimetre. Check it on TOF.",
    ),
    Definition(
        "segment_confidence", "Confidence of the artery", "",
        "mean share of the voxels that this segment explains, against all others and none.", "Our choice.",
        "Not a calibrated probability.",
    ),
    Definition(
        "attention_on", "Rested on", "", "the sequence with the largest mean attention inside the candidate.",
        "Attention of the network's fusion; the sequences add up to 1.", "It says where the network looked, not why.",
    ),
    Definition(
        "infarct_overlap", "Overlap with diffusion restriction", "",
        "share of the candidate's voxels within 5 mm of the infarct's mask.",
        "Our choice: a clot lies at the edge of its infarct or upstream of it.",
        "Little overlap speaks neither for nor against a clot in a large artery.",
    ),
    Definition(
        "infarct_distance_mm", "Distance to diffusion restriction", "mm",
        "smallest distance from a voxel of the candidate to the infarct's mask.", "Our choice.",
    ),
    Definition(
        "infarct_ml", "Infarct", "ml", "number of voxels of the infarct's mask times the volume of a voxel.",
        "Our choice.", "Of the whole case: the same in every row.",
    ),
    Definition(
        "overestimation_ratio", "Overestimation ratio", "",
        "width of the susceptibility sign over the width of the artery, by ruler or of the opposite artery on TOF.",
        "THRACE, 258 patients: median 1.59, interquartile range 1.30-1.86 (PubMed 28536172).",
        "Depends on echo time and field strength.",
    ),
    Definition(
        "clot_burden_score", "T2* clot burden score", "points",
        "10, less 3 for the supraclinoid carotid, 2 for the proximal and 2 for the distal half of M1, 1 for each of "
        "two M2 branches and 1 for A1, where they hold thrombus.",
        "PubMed 23704103 (T2*, 184 patients), after the score on CT angiography, 10.1111/j.1747-4949.2008.00221.x.",
        "Anterior circulation only. The parts are an estimate until they are ticked by a reader.",
    ),
)  # fmt: skip
DEFINITIONS: Mapping[str, Definition] = MappingProxyType({each.name: each for each in _ALL})
"""By the column of the table of candidates (`lesions.columns`), or by the name of a figure of the whole case."""
