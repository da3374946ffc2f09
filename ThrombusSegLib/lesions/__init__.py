"""Candidates of a thrombus in a probability image, and their measures. This package does not import torch."""

from __future__ import annotations

from .burden import ClotBurden, clot_burden_score, opposite_width, overestimation_ratio, propose_clot_burden
from .candidates import Candidate, Candidates, CandidateSettings, find_candidates
from .definitions import DEFINITIONS, Definition
from .details import with_details
from .head_frame import HeadFrame, find_head_frame
from .midline import Midline, find_midline
from .segments import SegmentEstimate, estimate_segment
from .table import columns, rows, write_csv

__all__ = [
    "DEFINITIONS",
    "Candidate",
    "CandidateSettings",
    "Candidates",
    "ClotBurden",
    "Definition",
    "HeadFrame",
    "Midline",
    "SegmentEstimate",
    "clot_burden_score",
    "columns",
    "estimate_segment",
    "find_candidates",
    "find_head_frame",
    "find_midline",
    "opposite_width",
    "overestimation_ratio",
    "propose_clot_burden",
    "rows",
    "with_details",
    "write_csv",
]
