"""A process that stays: jobs in as JSON lines on stdin, events out as JSON lines on stdout. See `protocol`."""

from __future__ import annotations

from .job import Job, Predictors, run_job
from .loop import run_worker

__all__ = ["Job", "Predictors", "run_job", "run_worker"]
