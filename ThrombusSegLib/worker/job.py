"""One case from files to files: what the command line, the batch and the worker have in common.

torch is imported where it is used, so that `thrombusseg --help` and a worker's first line do not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MachineError
from ..progress import Progress, part, report, silent

if TYPE_CHECKING:
    from ..case import Case
    from ..inference import Predictor, SegmentResult, SegmentSettings
    from ..sequences import Sequence


@dataclass(frozen=True)
class Job:
    """What to segment, how, and where to."""

    inputs: Mapping[Sequence, Path]
    out: Path
    settings: SegmentSettings
    weights: str = "default"
    """A registered name or the path of a .safetensors file."""
    device: str = "auto"
    name: str = "case"
    notes: tuple[str, ...] = field(default=())
    """Put in front of the warnings of the result."""


class Predictors:
    """Keeps the last network in memory: the next case with the same weights and device starts at once."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._predictor: Predictor | None = None

    def get(self, weights: str, device: str) -> Predictor:
        """The predictor for these weights, whose checksum is verified every time, and this device."""
        from ..inference import Predictor
        from ..weights import find_weights

        entry = find_weights(weights)
        key = (entry.sha256, device)
        if self._predictor is None or self._key != key:
            self._predictor = None  # free the old network before the new one is loaded
            self._predictor = Predictor(entry, device)
            self._key = key
        self._predictor.weights = entry
        return self._predictor


def run_job(job: Job, predictors: Predictors, progress: Progress = silent) -> dict[str, Any]:
    """Read, segment, write. Stages reported: reading, registering, normalising, network, candidates, writing.

    Returns:
        The content of result.json.

    Raises:
        InputError, MachineError, Cancelled: as the parts do; then nothing of a result is left behind.
    """
    report(progress, 0.0, "reading")
    from ..case import read_case
    from ..inference import check_output, write_result
    from ..inference.resources import StageClock
    from ..report import report_page

    check_output(job.out)
    clock = StageClock()
    with clock.stage("load"):
        predictors.get(job.weights, job.device)
    report(progress, 0.02, "reading")
    with clock.stage("read"):
        case = read_case(job.inputs, name=job.name)
    report(progress, 0.08, "reading")
    result = _segment(case, job, predictors, part(progress, 0.08, 0.9))
    result = replace(result, seconds={**clock.seconds, **result.seconds}, warnings=(*job.notes, *result.warnings))
    clock = StageClock()
    report(progress, 0.9, "writing")
    with clock.stage("report"):
        page = report_page(result)
    result = replace(result, seconds={**result.seconds, **clock.seconds})
    return write_result(result, job.out, page=page, progress=part(progress, 0.92, 1.0))


def _segment(case: Case, job: Job, predictors: Predictors, progress: Progress) -> SegmentResult:
    """On the job's device; where "auto" chose one whose memory is not enough, again on the processor, and says so."""
    from ..inference import segment_case

    reached = 0.0

    def watched(share: float, stage: str) -> bool:
        nonlocal reached
        reached = share
        return progress(share, stage)

    predictor = predictors.get(job.weights, job.device)
    try:
        return segment_case(case, predictor, job.settings, watched)
    except MachineError:
        if job.device != "auto" or predictor.device.type == "cpu":
            raise
    name = predictor.device.type
    result = segment_case(case, predictors.get(job.weights, "cpu"), job.settings, part(progress, reached, 1.0))
    warning = f"The memory of the device ({name}) was not enough for this case; the processor (cpu) did the work."
    return replace(result, warnings=(warning, *result.warnings))
