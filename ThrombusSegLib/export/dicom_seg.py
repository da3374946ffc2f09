"""DICOM Segmentation objects with highdicom: into the same study, and back into a label image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..files import errors_of_the_disk, unfinished_folder
from ..sequences import Sequence
from ..version import __version__
from .dicom_source import check_not_empty, highdicom, read_sources
from .measured import CODES, COLOURS, INFARCT, MeasuredCase

MANUFACTURER, MODEL = "ThrombusSeg", "ThrombusSeg (research software)"
#: Far from what scanners number, so that it lies at the end of the study.
SEG_SERIES_NUMBER = 9300


def write_dicom_seg(case: MeasuredCase, series: Path, path: Path, sequence: Sequence | None = None) -> Any:
    """Write a DICOM SEG that belongs to the study of a series: one segment per thrombus, and one for the infarct.

    It is identified data: patient and study are those of the series.

    Args:
        case: what is labelled, in the geometry of the series.
        series: folder of the DICOM series on which the labels lie.
        path: of the file to write, ends in .dcm.
        sequence: which series, where the folder holds several.

    Returns:
        The dataset (for `dicom_sr.write_dicom_sr`).

    Raises:
        InputError: nothing labelled, or labels and series do not match. MachineError: highdicom is missing.
    """
    hd = highdicom()
    check_not_empty(case.thrombi, case.labels)
    sources = read_sources(series, case.labels, sequence)
    masks, descriptions = _segments(case)
    made = highdicom(".seg").Segmentation(
        source_images=sources,
        pixel_array=np.stack(masks, axis=-1).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        series_instance_uid=hd.UID(),
        series_number=SEG_SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=__version__,
        device_serial_number="0",
        content_label="THROMBUS",
        content_description="Thrombus and infarct on MRI",
        series_description="ThrombusSeg segmentation (research)",
    )
    with errors_of_the_disk(path.name), unfinished_folder(path.parent) as folder:
        made.save_as(folder / "seg.dcm")
        (folder / "seg.dcm").replace(path)
    return made


def read_dicom_seg(path: Path, like: sitk.Image) -> sitk.Image:
    """A DICOM SEG of ours as a label image on a grid: thrombi 1, infarct 2.

    Args:
        like: an image on the grid of the series, such as the labels that were written.

    Raises:
        InputError: it is none of ours, or lies elsewhere.
    """
    seg = highdicom(".seg").segread(path)
    labels = np.zeros(like.GetSize()[::-1], dtype=np.uint8)
    values = {CODES[INFARCT]: INFARCT}
    frames = np.atleast_3d(seg.pixel_array) if seg.NumberOfFrames > 1 else seg.pixel_array[None]
    for frame, groups in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        code = seg.get_segment_description(number).segmented_property_type.value
        position = [float(each) for each in groups.PlanePositionSequence[0].ImagePositionPatient]
        index = np.array(like.TransformPhysicalPointToContinuousIndex(position))
        place = round(float(index[2]))
        if np.abs(index - (0, 0, place)).max() > 0.05 or frame.shape != labels.shape[1:]:
            raise InputError(f"{path.name} lies on another grid.", "Give the series it belongs to.")
        labels[place][frame > 0] = values.get(code, 1)
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(like)
    return image


def _segments(case: MeasuredCase) -> tuple[list[np.ndarray], list[Any]]:
    masks = [case.numbers == each.number for each in case.thrombi]
    descriptions = [
        _describe(each.number, f"Thrombus {each.number}", CODES[1], COLOURS[1], case) for each in case.thrombi
    ]
    infarct = sitk.GetArrayViewFromImage(case.labels) == INFARCT
    if infarct.any():
        masks.append(infarct)
        descriptions.append(_describe(len(masks), "Infarct", CODES[INFARCT], COLOURS[INFARCT], case))
    return masks, descriptions


def _describe(number: int, label: str, code: str, colour: tuple[float, float, float], case: MeasuredCase) -> Any:
    hd = highdicom()
    concept = highdicom(".sr").CodedConcept
    corrected = bool(case.about.get("annotator"))
    algorithm = hd.AlgorithmIdentificationSequence(
        name="ThrombusSeg",
        family=concept("123110", "DCM", "Artificial Intelligence"),
        version=__version__,
        source=MANUFACTURER,
        parameters={"model": str(case.about.get("model", "")), "sha256": str(case.about.get("model SHA-256", ""))},
    )
    return highdicom(".seg").SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=concept("49755003", "SCT", "Morphologically Altered Structure"),
        segmented_property_type=concept(code, "SCT", label.split()[0]),
        algorithm_type="SEMIAUTOMATIC" if corrected else "AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=hd.UID(),
        tracking_id=label,
        anatomic_regions=[concept("12738006", "SCT", "Brain")],
        display_color=hd.color.CIELabColor.from_rgb(*(round(255 * part) for part in colour)),
    )
