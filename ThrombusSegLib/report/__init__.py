"""report.html: one self-contained page about one result. Does not import torch."""

from __future__ import annotations

from .page import report_page

__all__ = ["report_page"]
