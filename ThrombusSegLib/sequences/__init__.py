"""The vocabulary of sequences, and recognising them."""

from __future__ import annotations

from .recognise import Guess, recognise_dicom, recognise_name
from .vocabulary import Sequence

__all__ = ["Guess", "Sequence", "recognise_dicom", "recognise_name"]
