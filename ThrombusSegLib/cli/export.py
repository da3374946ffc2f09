"""`thrombusseg export`: a corrected case or a result, for other programs."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .options import folder, is_there

if TYPE_CHECKING:
    from ..export import MeasuredCase

_KINDS = {
    "nifti": "labels as NIfTI: 1 thrombus, 2 infarct",
    "nrrd": "segmentation of 3D Slicer (.seg.nrrd)",
    "csv": "measures of every labelled thrombus, and what they mean",
    "stl": "surface of the thrombus, LPS mm",
    "html": "a page with measures and pictures",
    "pdf": "the same as PDF",
}


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "export",
        help="write a corrected case or a result for other programs",
        description="Write a corrected case (a folder with review.json) or a result of `thrombusseg segment`. DICOM "
        "objects go into the study of the series they are put on and hold its patient's name; nothing else does.",
    )
    parser.add_argument("case", type=folder, metavar="CASE", help="folder of a corrected case, or of a result")
    parser.add_argument("--out", type=folder, required=True, metavar="DIR")
    for name, text in _KINDS.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument(
        "--dicom", type=folder, metavar="SERIES", help="DICOM SEG and SR into the study of this series (a folder)"
    )
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Write what was asked for, and print the paths and what there is to know about them."""
    wanted = [name for name in _KINDS if getattr(arguments, name)]
    written = export_case(is_there(arguments.case), arguments.out, wanted, arguments.dicom)
    for each in (*written.files, *written.notes):
        print(each)
    return 0


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    files: list[Path]
    notes: list[str] = field(default_factory=list)
    """Sentences on what is not in them, and on what opening the case has put right."""


def export_case(source: Path, out: Path, kinds: list[str], series: Path | None = None) -> Exported:
    """Write a corrected case or a result in every wanted form.

    Args:
        source: folder of the case.
        out: folder for the files, made when absent; they are called as the case is.
        kinds: some of nifti, nrrd, csv, stl, html, pdf.
        series: folder of the DICOM series into whose study SEG and SR go; None for neither.

    Raises:
        InputError: nothing or something unknown is wanted, or what the writers raise.
    """
    from ..export import read_measured
    from ..files import errors_of_the_disk

    if (not kinds and series is None) or set(kinds) - set(_KINDS):
        raise InputError("Nothing that exists was asked for.", f"Choose some of {', '.join(_KINDS)}, dicom.")
    case = read_measured(source)
    name = re.sub(r"[^\w.-]+", "_", case.name).strip("._") or "case"
    writers = _writers()
    with errors_of_the_disk(out.name):
        out.mkdir(parents=True, exist_ok=True)
        # First what may not fit to the case.
        dicom = Exported([]) if series is None else _write_dicom(case, is_there(series), out / name)
        written = [writers[kind][1](case, out / f"{name}{writers[kind][0]}") for kind in kinds]
    return Exported([*written, *dicom.files], [*dicom.notes, *case.warnings])


def _writers() -> dict[str, tuple[str, Callable[[MeasuredCase, Path], Path]]]:
    from ..export import write_csv, write_nifti, write_seg_nrrd, write_stl
    from ..export.page import write_page
    from ..export.pdf import write_pdf

    return {
        "nifti": (".nii.gz", write_nifti),
        "nrrd": (".seg.nrrd", write_seg_nrrd),
        "csv": (".csv", write_csv),
        "stl": (".stl", write_stl),
        "html": (".html", write_page),
        "pdf": (".pdf", write_pdf),
    }


def _write_dicom(case: MeasuredCase, series: Path, stem: Path) -> Exported:
    from ..export import write_dicom_seg, write_dicom_sr
    from ..sequences import Sequence

    known = {each.value: each for each in Sequence}
    sequence = known.get(case.reference)
    seg, report = (stem.with_name(f"{stem.name}.{kind}.dcm") for kind in ("seg", "sr"))
    is_empty = not case.thrombi and not case.infarct_ml
    made = None if is_empty else write_dicom_seg(case, series, seg, sequence)
    write_dicom_sr(case, made, series, report, sequence)
    if is_empty:
        return Exported([report], ["Nothing is labelled: there is no DICOM SEG, and the SR says so."])
    none = "No thrombus is labelled: the DICOM SEG holds the infarct only, and the SR says so."
    return Exported([seg, report], [] if case.thrombi else [none])
