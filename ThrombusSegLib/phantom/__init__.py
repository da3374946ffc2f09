"""Simulated strokes. Nothing here needs torch."""

from __future__ import annotations

from .centres import Centre, centre_names, find_centre
from .cohort import write_case, write_cohort
from .simulate import SimulatedCase, simulate_case

__all__ = ["Centre", "SimulatedCase", "centre_names", "find_centre", "simulate_case", "write_case", "write_cohort"]
