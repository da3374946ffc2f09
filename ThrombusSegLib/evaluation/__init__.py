"""How good: matching of tiny lesions, metrics with intervals, tables by centre and subset. Needs no torch."""

from __future__ import annotations

from .matching import CaseScore, score_case
from .metrics import Figure, Figures, summarise

__all__ = ["CaseScore", "Figure", "Figures", "score_case", "summarise"]
