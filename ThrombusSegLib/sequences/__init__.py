"""The vocabulary of sequences, and recognising them."""

from __future__ import annotations

from .vocabulary import Sequence

__all__ = ["Sequence"]
