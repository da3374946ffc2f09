"""The annotator's loop: corrected cases, the list of work, agreement of two readers. Does not import torch."""

from __future__ import annotations

from .agreement import Agreement, compare_readers, compare_with_prediction
from .beside import adopt, kept_beside, open_beside
from .claims import Claim, claim, claim_of, release
from .damage import Damage
from .listing import damaged_cases, refresh_manifest, saved_cases
from .propose import Proposal, ProposalSettings, propose, propose_at
from .record import CandidateReview, ReviewRecord, count_changes, pseudonym_of, read_record
from .store import Saved, SavedCase, open_case, open_version, save_case
from .worklist import Item, WorkList, make_list, rows_of

__all__ = [
    "Agreement",
    "CandidateReview",
    "Claim",
    "Damage",
    "Item",
    "Proposal",
    "ProposalSettings",
    "ReviewRecord",
    "Saved",
    "SavedCase",
    "WorkList",
    "adopt",
    "claim",
    "claim_of",
    "compare_readers",
    "compare_with_prediction",
    "count_changes",
    "damaged_cases",
    "kept_beside",
    "make_list",
    "open_beside",
    "open_case",
    "open_version",
    "propose",
    "propose_at",
    "pseudonym_of",
    "read_record",
    "refresh_manifest",
    "release",
    "rows_of",
    "save_case",
    "saved_cases",
]
