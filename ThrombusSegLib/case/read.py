"""One image from a file or a DICOM folder, checked, as float32 with three axes."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from ..sequences import Sequence
from .checks import NOT_STRAIGHT, STRAIGHTEN, check_direction, check_header, check_voxels
from .dicom import read_dicom_folder
from .nifti import check_nifti, check_start
from .quiet import quiet
from .there import short_name, why_missing

DICOM_ENDINGS = (".dcm", ".ima", ".dicom")
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def is_image_file(path: Path) -> bool:
    """Whether the name ends like an image we read."""
    return path.name.lower().endswith(ENDINGS)


def read_image(path: Path, sequence: Sequence | None = None) -> sitk.Image:
    """Read a NIfTI, NRRD or MHA file, or a DICOM folder.

    Args:
        path: of the file or the folder.
        sequence: which to take where a folder holds several DICOM series; None takes the only one that is of use.

    Returns:
        float32, three axes (a single slice has size 1 along the third), geometry in LPS mm.

    Raises:
        InputError: missing, unreadable, cut off, 4D, several values per voxel, NaN or infinite voxels, all voxels the
            same, a direction that is no rotation, too large; the sentence holds the file's name and never its folder.
    """
    if wrong := why_missing(path):
        raise InputError(f"{short_name(path)} {wrong}.", "Check the path.")
    with quiet():
        image = read_dicom_folder(path, sequence) if path.is_dir() else read_file(path)
    check_direction(image, path.name)
    check_voxels(image, path.name)
    return image


def read_file(path: Path) -> sitk.Image:
    """An image file as float32 with three axes; its voxels may be anything.

    Raises:
        InputError: unreadable, cut off, 4D, several values per voxel, axes not at right angles, too large.
    """
    if path.suffix.lower() in DICOM_ENDINGS:
        raise InputError(f"{path.name} is one DICOM file.", "Give the folder that holds the whole series.")
    if not is_image_file(path):
        raise InputError(
            f"{path.name} is no image that can be read.", f"Use one of {', '.join(ENDINGS)}, or a DICOM folder."
        )
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    is_nifti = path.name.lower().endswith((".nii", ".nii.gz"))
    try:
        if is_nifti:
            check_start(path)
        reader.ReadImageInformation()
        check_header(reader, path.name)
        if is_nifti:
            check_nifti(path)
        image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)
    except (RuntimeError, OSError) as error:
        raise _reading_error(path.name, str(error)) from error
    return _three_axes(image)


def _reading_error(name: str, message: str) -> InputError:
    if "orthonormal" in message or "Bad direction" in message or "determinant" in message:
        return InputError(NOT_STRAIGHT.format(name=name), STRAIGHTEN)
    return InputError(f"{name} cannot be read; it is damaged or not what its name says.", "Export it again.")


def _three_axes(image: sitk.Image) -> sitk.Image:
    """Drop a fourth axis of length one; give a picture of two axes a third."""
    if image.GetDimension() == 2:
        image = sitk.JoinSeries(image)
    while image.GetDimension() > 3:
        image = sitk.Extract(image, [*image.GetSize()[:-1], 0], [0] * image.GetDimension())
    return image
