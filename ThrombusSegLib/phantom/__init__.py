"""Simulated strokes. Nothing here needs torch."""

from __future__ import annotations

from .centres import CENTRES, Centre, find_centre
from .cohort import write_case, write_cohort
from .simulate import SimulatedCase, simulate_case

__all__ = ["CENTRES", "Centre", "SimulatedCase", "find_centre", "simulate_case", "write_case", "write_cohort"]
