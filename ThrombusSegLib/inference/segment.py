"""All stages over one case, from images to measured candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from ..lesions import (
    Candidates,
    find_candidates,
    find_head_frame,
    find_midline,
    with_details,
)
from ..preprocess import Poses, Prepared, PreprocessSettings, prepare, to_reference
from ..progress import Progress, part, report, silent
from ..sequences import Sequence
from .resources import StageClock, peak_memory_mib
from .result import INFARCT_THRESHOLD, SegmentResult, SegmentSettings

if TYPE_CHECKING:
    from ..case import Case
    from .predictor import Predictor

#: Where each stage ends on the way from 0 to 1, after what a processor needs for a common case.
_PREPARED, _PREDICTED, _MEASURED = 0.4, 0.9, 1.0
#: With fewer sequences a result comes with a warning: the first weights saw such cases seldom (see their card).
FEW_SEQUENCES = 4


def segment_case(
    case: Case,
    predictor: Predictor,
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
    poses: Poses | None = None,
) -> SegmentResult:
    """Segment one case. Nothing is written; see `write_result`.

    Args:
        case: its sequences.
        predictor: the network.
        settings: threshold, minimum volume, registration.
        progress: told throughout; may cancel.
        poses: what registration found for other subsets of this case; see `preprocess.prepare`.

    Raises:
        InputError: the sequences do not fit together, or a setting is out of range.
        MachineError: not enough memory.
        Cancelled: `progress` answered False.
    """
    settings = settings or SegmentSettings()
    wanted = settings.candidates(predictor.weights)
    clock = StageClock()
    told = part(progress, 0.0, _PREPARED)
    prepared = prepare(case, PreprocessSettings(registration=settings.registration), told, poses)
    with clock.stage("network"):
        prediction = predictor.predict(prepared, part(progress, _PREPARED, _PREDICTED))
    report(progress, _PREDICTED, "candidates")
    with clock.stage("back"):
        probability = to_reference(prediction.thrombus, prepared, "linear")
        attention = {name: to_reference(values, prepared, "linear") for name, values in prediction.attention.items()}
    with clock.stage("candidates"):
        midline = find_midline(case.images[prepared.reference])
        candidates = find_candidates(probability, wanted, midline=midline, attention=attention)
    with clock.stage("back"):
        segmentation = _label_image(candidates, to_reference(prediction.infarct, prepared, "linear"))
    with clock.stage("candidates"):
        frame = find_head_frame(case.images[prepared.reference], midline) if candidates.found else None
        candidates = with_details(candidates, probability, frame=frame, infarct=segmentation == 2)
    report(progress, _MEASURED, "candidates")
    return SegmentResult(
        case=case.name,
        sources=case.sources,
        prepared=prepared,
        prediction=prediction,
        probability=probability,
        segmentation=segmentation,
        attention=attention,
        candidates=candidates,
        threshold=wanted.threshold,
        minimum_volume_mm3=wanted.minimum_volume_mm3,
        weights=predictor.weights,
        device=predictor.device.type,
        seconds={**prepared.seconds, **clock.seconds},
        warnings=_warnings(prepared, predictor.warning, candidates),
        peak_memory_mib=peak_memory_mib(),
    )


def _label_image(candidates: Candidates, infarct: sitk.Image) -> sitk.Image:
    """1 where a candidate is; 2 where the infarct's probability reaches 0.5 and there is no candidate."""
    is_infarct = sitk.GetArrayViewFromImage(infarct) >= INFARCT_THRESHOLD
    labels = np.where(candidates.labels > 0, 1, np.where(is_infarct, 2, 0)).astype(np.uint8)
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(infarct)
    return image


def _warnings(prepared: Prepared, device: str | None, candidates: Candidates) -> tuple[str, ...]:
    found = list(prepared.warnings)
    if device:
        found.append(device)
    if candidates.left_out:
        found.append(f"{candidates.left_out} further candidates of lower probability are left out of the table.")
    if Sequence.SWI not in prepared.images:
        found.append(
            "Without a susceptibility sequence (SWI or T2*) fewer thrombi are found (measured on simulated strokes)."
        )
    elif len(prepared.images) < FEW_SEQUENCES:
        found.append(
            f"Only {len(prepared.images)} of {len(Sequence)} sequences were given; beside SWI or T2* the others "
            "take away false alarms (measured on simulated strokes)."
        )
    return tuple(found)
