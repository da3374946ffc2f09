"""A DICOM measurement report (TID 1500) with highdicom: one group of measures for every thrombus of a DICOM SEG.

Where no thrombus is labelled, one group without a region (TID 1501) says so about the images of the series.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..files import errors_of_the_disk, unfinished_folder
from ..lesions import Candidate
from ..sequences import Sequence
from ..version import __version__
from .dicom_seg import MANUFACTURER, MODEL, SEG_SERIES_NUMBER
from .dicom_source import highdicom, read_sources
from .measured import CODES, MeasuredCase

#: What has no code in SNOMED CT or DICOM that says the same gets one of this private scheme.
SCHEME = "99THROMBUSSEG"
#: Attribute of a candidate -> code, scheme, meaning, unit (UCUM).
MEASURES = {
    "volume_mm3": ("118565006", "SCT", "Volume", ("mm3", "cubic millimeter")),
    "length_centreline_mm": ("LENGTH-LINE", SCHEME, "Length along the centreline", ("mm", "millimeter")),
    "length_feret_mm": ("LENGTH-FERET", SCHEME, "Length, maximum Feret diameter", ("mm", "millimeter")),
    "width_mm": ("103355008", "SCT", "Width", ("mm", "millimeter")),
    "infarct_distance_mm": ("INFARCT-DIST", SCHEME, "Distance to diffusion restriction", ("mm", "millimeter")),
}
#: What is said where no thrombus is labelled: not that there is none.
NONE_LABELLED = (("LABELLED", SCHEME, "Thrombus labelled"), ("373067005", "SCT", "No"))
_SIDES = {"left": ("7771000", "SCT", "Left"), "right": ("24028007", "SCT", "Right")}


def write_dicom_sr(case: MeasuredCase, seg: Any, series: Path, path: Path, sequence: Sequence | None = None) -> Any:
    """Write the report beside a DICOM SEG, into the same study.

    Args:
        case: the same that was written as `seg`.
        seg: what `write_dicom_seg` returned; None where nothing is labelled.
        series: folder of the DICOM series.
        path: of the file to write, ends in .dcm.
        sequence: which series, where the folder holds several.

    Raises:
        InputError: labels and series do not match. MachineError: highdicom is missing.
    """
    hd, sr = highdicom(), highdicom(".sr")
    sources = read_sources(series, sitk.Image(case.labels), sequence)
    report = sr.MeasurementReport(
        observation_context=_context(case),
        procedure_reported=sr.CodedConcept("24590-2", "LN", "Brain MRI"),
        imaging_measurements=[_group(each, seg, case) for each in case.thrombi] or [_none_labelled(sources)],
        title=sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"),
    )
    made = sr.Comprehensive3DSR(
        evidence=[*([] if seg is None else [seg]), *sources],
        content=report[0],
        series_instance_uid=hd.UID(),
        series_number=SEG_SERIES_NUMBER + 1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="ThrombusSeg measures (research)",
    )
    with errors_of_the_disk(path.name), unfinished_folder(path.parent) as folder:
        made.save_as(folder / "sr.dcm")
        (folder / "sr.dcm").replace(path)
    return made


def _context(case: MeasuredCase) -> Any:
    """Who observed: the program, or the annotator by pseudonym."""
    hd, sr = highdicom(), highdicom(".sr")
    device = sr.ObserverContext(
        observer_type=sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(), name="ThrombusSeg", manufacturer_name=MANUFACTURER, model_name=MODEL
        ),
    )
    person = None
    if case.about.get("annotator"):
        person = sr.ObserverContext(
            observer_type=sr.CodedConcept("121006", "DCM", "Person"),
            observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(name=f"{case.about['annotator']}^"),
        )
    return sr.ObservationContext(observer_person_context=person, observer_device_context=device)


def _group(thrombus: Candidate, seg: Any, case: MeasuredCase) -> Any:
    sr = highdicom(".sr")
    description = seg.get_segment_description(thrombus.number)
    site = sr.FindingSite(
        anatomic_location=sr.CodedConcept("12738006", "SCT", "Brain"),
        laterality=sr.CodedConcept(*_SIDES[thrombus.side]) if thrombus.side in _SIDES else None,
    )
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=description.tracking_uid, identifier=description.tracking_id),
        referenced_segment=sr.ReferencedSegment.from_segmentation(seg, segment_number=thrombus.number),
        finding_type=sr.CodedConcept(CODES[1], "SCT", "Thrombus"),
        finding_sites=[site],
        algorithm_id=sr.AlgorithmIdentification(name="ThrombusSeg", version=__version__),
        measurements=_measurements(thrombus),
        qualitative_evaluations=_evaluations(thrombus),
    )


def _none_labelled(sources: list[Any]) -> Any:
    hd, sr = highdicom(), highdicom(".sr")
    name, value = (sr.CodedConcept(*each) for each in NONE_LABELLED)
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=hd.UID(), identifier="No thrombus labelled"),
        finding_sites=[sr.FindingSite(anatomic_location=sr.CodedConcept("12738006", "SCT", "Brain"))],
        algorithm_id=sr.AlgorithmIdentification(name="ThrombusSeg", version=__version__),
        qualitative_evaluations=[sr.QualitativeEvaluation(name, value)],
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(each) for each in sources],
    )


def _measurements(thrombus: Candidate) -> list[Any]:
    sr = highdicom(".sr")
    found = []
    for name, (code, scheme, meaning, (unit, unit_name)) in MEASURES.items():
        value = getattr(thrombus, name)
        if value is not None:
            concept = sr.CodedConcept(code, scheme, meaning)
            found.append(sr.Measurement(concept, round(float(value), 2), sr.CodedConcept(unit, "UCUM", unit_name)))
    return found


def _evaluations(thrombus: Candidate) -> list[Any] | None:
    """The likely artery, said to be an estimate."""
    sr = highdicom(".sr")
    if thrombus.segment is None or not thrombus.segment.segment:
        return None
    name = thrombus.segment.segment
    value = sr.CodedConcept(f"ARTERY-{name.upper().replace(' ', '-')}"[:16], SCHEME, f"{name} (estimate)")
    return [sr.QualitativeEvaluation(sr.CodedConcept("ARTERY", SCHEME, "Likely artery, estimated"), value)]
