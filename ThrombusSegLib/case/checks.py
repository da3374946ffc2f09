"""What can be wrong with an image, each in a sentence that names the file and says what to do."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ..errors import InputError

#: More voxels than any head scan has; a header that claims more is wrong or hostile.
MAXIMUM_VOXELS = 2**28
NOT_STRAIGHT = "The axes of {name} are not at right angles (its sform, qform or direction shears or is empty)."
STRAIGHTEN = "Export it again, or resample it onto a straight grid."


def check_header(reader: sitk.ImageFileReader, name: str) -> None:
    """Size, number of axes and components, before the voxels are read."""
    size = reader.GetSize()
    if int(np.prod([int(count) for count in size], dtype=np.float64)) > MAXIMUM_VOXELS:
        raise InputError(
            f"{name} claims {' x '.join(map(str, size))} voxels, more than any head scan.", "Export it again."
        )
    volumes = int(np.prod(size[3:])) if len(size) > 3 else 1
    if volumes > 1:
        raise InputError(
            f"{name} holds {volumes} volumes.",
            "Give one of them: of a diffusion series usually that of b = 1000 s/mm2.",
        )
    if "complex" in sitk.GetPixelIDValueAsString(reader.GetPixelID()):
        raise InputError(f"{name} holds complex values.", "Give the magnitude image.")
    if reader.GetNumberOfComponents() > 1:
        raise InputError(f"{name} holds {reader.GetNumberOfComponents()} values per voxel.", "Give a grey-scale image.")


def check_direction(image: sitk.Image, name: str) -> None:
    """The axes must be at right angles: readers of formats other than NIfTI accept shear, resampling does not."""
    axes = np.array(image.GetDirection()).reshape(3, 3)
    numbers = np.array([*image.GetOrigin(), *image.GetSpacing()])
    if not np.isfinite(numbers).all() or min(image.GetSpacing()) <= 0.0:
        raise InputError(f"The header of {name} gives no usable spacing and origin.", "Export it again.")
    if not np.allclose(axes @ axes.T, np.eye(3), atol=1e-3):
        raise InputError(NOT_STRAIGHT.format(name=name), STRAIGHTEN)


def check_voxels(image: sitk.Image, name: str) -> None:
    """Finite, and not all the same."""
    values = sitk.GetArrayViewFromImage(image)
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise InputError(f"{name} holds {bad} voxels that are not numbers (NaN or infinite).", "Export it again.")
    if values.min() == values.max():
        what = "zero" if values.max() == 0 else f"{float(values.max()):g}"
        raise InputError(f"All voxels of {name} are {what}.", "Check that the right file was exported.")


def check_overlap(images: dict[str, sitk.Image]) -> None:
    """Every two images must share some physical space (bounding boxes, LPS mm)."""
    names = list(images)
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            if not do_overlap(images[first], images[second]):
                raise InputError(
                    f"{first} and {second} do not overlap in space.",
                    "Check that both are of the same patient and study.",
                )


def do_overlap(first: sitk.Image, second: sitk.Image) -> bool:
    """Whether two images share some physical space (bounding boxes, LPS mm)."""
    (low, high), (other_low, other_high) = _box(first), _box(second)
    return bool((np.maximum(low, other_low) < np.minimum(high, other_high)).all())


def _box(image: sitk.Image) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the smallest box along the axes that holds the image, outer edges of voxels included."""
    points = np.array(corners_of(image))
    return points.min(axis=0), points.max(axis=0)


def corners_of(image: sitk.Image) -> list[tuple[float, ...]]:
    """The eight corners (LPS mm), outer edges of voxels included."""
    return [
        image.TransformContinuousIndexToPhysicalPoint(
            [(-0.5 if not high else count - 0.5) for high, count in zip(bits, image.GetSize(), strict=True)]
        )
        for bits in np.ndindex(2, 2, 2)
    ]
