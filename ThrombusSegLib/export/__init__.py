"""What is labelled, for other programs: NIfTI, Slicer's NRRD, CSV, STL, DICOM SEG and SR, a page and a PDF.

Does not import torch, but for the page and the PDF (`page`, `pdf`), which use parts of the report. DICOM needs
highdicom (the extra `dicom`), PDF needs matplotlib (the extra `pdf`).
"""

from __future__ import annotations

from .dicom_seg import read_dicom_seg, write_dicom_seg
from .dicom_sr import write_dicom_sr
from .measured import MeasuredCase, measure, read_measured
from .surface import surface_of, write_stl
from .table import write_csv
from .volumes import write_nifti, write_seg_nrrd

__all__ = [
    "MeasuredCase",
    "measure",
    "read_dicom_seg",
    "read_measured",
    "surface_of",
    "write_csv",
    "write_dicom_seg",
    "write_dicom_sr",
    "write_nifti",
    "write_seg_nrrd",
    "write_stl",
]
