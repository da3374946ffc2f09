"""One image from a file or a DICOM folder, checked, as float32 with three axes."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from .checks import check_header, check_voxels
from .dicom import read_dicom_folder
from .nifti import check_nifti
from .quiet import quiet

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def is_image_file(path: Path) -> bool:
    """Whether the name ends like an image we read."""
    return path.name.lower().endswith(ENDINGS)


def read_image(path: Path) -> sitk.Image:
    """Read a NIfTI, NRRD or MHA file, or a folder with one DICOM series.

    Returns:
        float32, three axes (a single slice has size 1 along the third), geometry in LPS mm.

    Raises:
        InputError: missing, unreadable, cut off, 4D, several values per voxel, NaN or infinite voxels, all voxels the
            same, a direction that is no rotation, too large; the sentence holds the file's name and never its folder.
    """
    if not path.exists():
        raise InputError(f"{path.name} does not exist.", "Check the path.")
    with quiet():
        image = read_dicom_folder(path) if path.is_dir() else _read_file(path)
    check_voxels(image, path.name)
    return image


def _read_file(path: Path) -> sitk.Image:
    if not is_image_file(path):
        raise InputError(
            f"{path.name} is no image that can be read.", f"Use one of {', '.join(ENDINGS)}, or a DICOM folder."
        )
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    is_nifti = path.name.lower().endswith((".nii", ".nii.gz"))
    try:
        if is_nifti and path.stat().st_size == 0:
            check_nifti(path)
        reader.ReadImageInformation()
        check_header(reader, path.name)
        if is_nifti:
            check_nifti(path)
        image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)
    except RuntimeError as error:
        raise _reading_error(path.name, str(error)) from error
    return _three_axes(image)


def _reading_error(name: str, message: str) -> InputError:
    if "orthonormal" in message or "Bad direction" in message or "determinant" in message:
        return InputError(
            f"The axes of {name} are not at right angles (its sform and qform shear or are empty).",
            "Export it again, or resample it onto a straight grid.",
        )
    return InputError(f"{name} cannot be read; it is damaged or not what its name says.", "Export it again.")


def _three_axes(image: sitk.Image) -> sitk.Image:
    """Drop a fourth axis of length one; give a picture of two axes a third."""
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    while image.GetDimension() > 3:
        image = sitk.Extract(image, [*image.GetSize()[:-1], 0], [0] * image.GetDimension())
    return image
