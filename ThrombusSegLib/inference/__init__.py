"""From a case to a result: the predictor, the way through all stages, and the files."""

from __future__ import annotations

from .device import choose_device
from .predictor import Prediction, Predictor
from .result import NOTICE, SegmentResult, SegmentSettings
from .segment import segment_case
from .write import check_output, write_result

__all__ = [
    "NOTICE",
    "Prediction",
    "Predictor",
    "SegmentResult",
    "SegmentSettings",
    "check_output",
    "choose_device",
    "segment_case",
    "write_result",
]
