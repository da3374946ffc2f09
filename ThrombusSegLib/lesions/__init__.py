"""Candidates of a thrombus in a probability image, and their measures. This package does not import torch."""

from __future__ import annotations

from .candidates import Candidate, Candidates, CandidateSettings, find_candidates
from .midline import Midline, find_midline
from .table import columns, rows, write_csv

__all__ = [
    "Candidate",
    "CandidateSettings",
    "Candidates",
    "Midline",
    "columns",
    "find_candidates",
    "find_midline",
    "rows",
    "write_csv",
]
