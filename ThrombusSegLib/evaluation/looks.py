"""The network over the cases of a manifest: a look for each case and subset, kept as soon as it is known."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Container, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..case import Case, ManifestRow
from ..case.checks import corners_of
from ..errors import InputError
from ..inference.result import SegmentResult, SegmentSettings
from ..lesions import CandidateSettings, find_candidates
from ..preprocess import Poses, onto_labels
from ..preprocess.prepare import pose_of_labels
from ..processes import start_processes
from ..progress import Progress, report, silent
from ..sequences import Sequence as MRSequence
from .matching import count_case, score_case
from .operating import THRESHOLDS, reliability_of
from .record import Record, RecordFile, facts_of, is_simulated, key_of
from .rows import check_rows, named_after, read_row

if TYPE_CHECKING:
    from ..inference import Predictor

Subset = tuple[MRSequence, ...]


@dataclass(frozen=True)
class Look:
    """A case with some of its sequences, segmented."""

    case: Case
    """With labels."""
    labels: sitk.Image
    """As they were drawn, with empty voxels around where the result reaches further: what is found there is false."""
    result: SegmentResult
    probability: sitk.Image
    """Of thrombus, on the grid that the labels were drawn on, each voxel as the nearest of the result: that is where it
    is judged, whatever the reference. Where the sequence they were drawn on was registered to the reference, it has
    gone back with that pose."""
    simulated: bool
    """Whether the simulator's truth lies beside the labels."""

    def mask_at(self, threshold: float) -> sitk.Image:
        """uint8, 1 in every candidate from this threshold, on the labels' grid.

        Candidates are made on the result's own grid, as they are delivered, and then brought over: interpolated before,
        what a coarse reference shows in a voxel or two would be flattened on a finer grid of labels.
        """
        wanted = CandidateSettings(threshold=threshold, minimum_volume_mm3=self.result.minimum_volume_mm3)
        found = (find_candidates(self.result.probability, wanted).labels > 0).astype("uint8")
        mask = sitk.GetImageFromArray(found)
        mask.CopyInformation(self.result.probability)
        return onto_labels(mask, self.case, self.result.prepared, "nearest", self.labels)


def look_at(
    rows: list[ManifestRow],
    predictor: Predictor,
    *,
    subsets: str = "prevalence",
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
    keep: Path | None = None,
    processes: int = 1,
) -> list[Record]:
    """The looks alone, one for each case and subset; see `run.evaluate`.

    With several `processes` so many looks are made at a time, each with its share of the processor's cores.
    """
    if not rows:
        raise InputError("The manifest has no cases.", "Add rows.")
    check_rows(rows)
    work = [(row, subset) for row in rows for subset in _subsets(row, subsets)]
    file, records, started, new = RecordFile(keep), list[Record](), time.perf_counter(), 0
    observer = Observer(predictor, settings or SegmentSettings(), frozenset(file.known))
    report(progress, 0.0, _stage(0, len(work), 0, 0.0))
    with closing(_observed(work, observer, processes)) as observed:
        for done, ((row, _), (key, record)) in enumerate(zip(work, observed, strict=True), 1):
            if record is not None:
                file.add(record)
                new += 1
            # From the manifest as it is now: whose scan it is changes nothing of a look that was kept.
            records.append(replace(file.known[key], named_patient=row.patient, simulated=is_simulated(row)))
            report(progress, done / len(work), _stage(done, len(work), new, time.perf_counter() - started))
    return records


class Observer:
    """Looks at cases, one look after another. What registration finds of a case serves all further looks at it.

    Args:
        predictor: the weights under test.
        settings: threshold, minimum volume, registration.
        known: keys of the looks that need not be made again.
    """

    def __init__(self, predictor: Predictor, settings: SegmentSettings, known: Container[str]) -> None:
        self.predictor, self.settings, self.known = predictor, settings, known
        wanted = settings.candidates(predictor.weights)  # one key for what the weights say and the same said anew
        self.options = f"{wanted.threshold!r} {wanted.minimum_volume_mm3!r} {settings.registration}"
        self._of, self._poses = "", Poses()

    def look(self, row: ManifestRow, subset: Subset) -> tuple[str, Record | None]:
        """The key of a look, and the look itself unless it is known."""
        name = "+".join(sequence.value for sequence in subset)
        with named_after(row.case):
            key = key_of(row, name, self.predictor.weights.sha256, self.options)
        if key in self.known:
            return key, None
        if row.case != self._of:
            self._of, self._poses = row.case, Poses()
        return key, _look(key, row, subset, self.predictor, self.settings, self._poses)


def _observed(
    work: list[tuple[ManifestRow, Subset]], observer: Observer, processes: int
) -> Generator[tuple[str, Record | None]]:
    """The looks in their order, as they are made."""
    if processes == 1:
        yield from (observer.look(row, subset) for row, subset in work)
        return
    pool = start_processes(processes, _begin, observer, max(1, (os.cpu_count() or 1) // processes))
    try:
        yield from pool.map(_look_again, work)
    finally:
        pool.shutdown(cancel_futures=True)


#: Of a process that makes looks for another one.
_OBSERVERS: list[Observer] = []


def _begin(observer: Observer, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    _OBSERVERS[:] = [observer]


def _look_again(look: tuple[ManifestRow, Subset]) -> tuple[str, Record | None]:
    return _OBSERVERS[0].look(*look)


def _stage(done: int, total: int, new: int, seconds: float) -> str:
    """Such as "look 3 of 20, 1 min 05 s left"; how long is known from those that were made, not from those kept."""
    now = f"look {min(done + 1, total)} of {total}"
    if not new:
        return now
    minutes, rest = divmod(round((total - done) * seconds / new), 60)
    return f"{now}, {minutes} min {rest:02d} s left"


def _subsets(row: ManifestRow, which: str) -> Iterator[Subset]:
    there = tuple(sequence for sequence in MRSequence if sequence in row.paths)
    if which == "prevalence":
        yield there
        return
    for count in range(1, len(there) + 1):
        yield from itertools.combinations(there, count)


def segment_look(
    row: ManifestRow, subset: Subset, predictor: Predictor, settings: SegmentSettings, poses: Poses | None = None
) -> Look:
    """Segment a case with some of its sequences.

    Args:
        row: of the manifest.
        subset: which of its sequences.
        predictor: the weights under test.
        settings: threshold, minimum volume, registration.
        poses: of the same case, as far as they are known; new ones are added.

    Raises:
        InputError: naming the case: it has no labels, these lie on none of its images, or its images do not fit
            together.
    """
    from ..inference import segment_case

    with named_after(row.case):
        case = read_row(row, subset)
        result = segment_case(case, predictor, settings, poses=poses)
        labels = _as_far_as(result, case)
        probability = onto_labels(result.probability, case, result.prepared, "nearest", labels)
    return Look(case, labels, result, probability, is_simulated(row))


def _as_far_as(result: SegmentResult, case: Case) -> sitk.Image:
    """The labels of a case, with empty voxels around them as far as a result reaches."""
    labels = case.labels
    assert labels is not None
    pose = pose_of_labels(case, result.prepared) or sitk.Transform(3, sitk.sitkIdentity)
    points = [pose.TransformPoint(each) for each in corners_of(result.probability)]
    corners = [labels.TransformPhysicalPointToContinuousIndex(each) for each in points]
    size = np.array(labels.GetSize())
    # Whole voxels: by less than half of one grids differ that cover the same.
    before = np.maximum(0, np.rint(-0.5 - np.min(corners, axis=0))).astype(int)
    after = np.maximum(0, np.rint(np.max(corners, axis=0) - (size - 0.5))).astype(int)
    if not before.any() and not after.any():
        return labels
    padded: sitk.Image = sitk.ConstantPad(labels, before.tolist(), after.tolist(), 0)
    return padded


def _look(
    key: str, row: ManifestRow, subset: Subset, predictor: Predictor, settings: SegmentSettings, poses: Poses
) -> Record:
    look = segment_look(row, subset, predictor, settings, poses)
    labels, probability, result = look.labels, look.probability, look.result
    delivered = onto_labels(result.segmentation, look.case, result.prepared, "nearest", labels)
    found = {each: look.mask_at(each) for each in THRESHOLDS}
    return Record(
        key=key,
        case=row.case,
        centre=row.centre,
        sequences="+".join(sequence.value for sequence in subset),
        score=score_case(row.case, labels, delivered),
        sweep={f"{each:g}": count_case(labels, mask) for each, mask in found.items()},
        reliability=reliability_of(probability, labels),
        facts=facts_of(row),
        seconds=round(sum(result.seconds.values()), 3),
    )
