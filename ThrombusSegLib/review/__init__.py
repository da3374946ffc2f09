"""The annotator's loop: corrected cases, the list of work, agreement of two readers. Does not import torch."""

from __future__ import annotations

from .listing import refresh_manifest, saved_cases
from .record import CandidateReview, ReviewRecord, count_changes, pseudonym_of, read_record
from .store import Saved, SavedCase, open_case, open_version, save_case

__all__ = [
    "CandidateReview",
    "ReviewRecord",
    "Saved",
    "SavedCase",
    "count_changes",
    "open_case",
    "open_version",
    "pseudonym_of",
    "read_record",
    "refresh_manifest",
    "save_case",
    "saved_cases",
]
