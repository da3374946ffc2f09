"""DICOM folders through SimpleITK (GDCM): which series lie there, what they are, and their voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from ..sequences import Guess, recognise_dicom

#: Attribute -> DICOM tag as SimpleITK spells it. b-value: the standard's, then Siemens' and GE's own.
TAGS = {
    "SeriesDescription": ("0008|103e",),
    "ProtocolName": ("0018|1030",),
    "SequenceName": ("0018|0024",),
    "ImageType": ("0008|0008",),
    "ScanningSequence": ("0018|0020",),
    "SequenceVariant": ("0018|0021",),
    "MRAcquisitionType": ("0018|0023",),
    "AngioFlag": ("0018|0025",),
    "EchoTime": ("0018|0081",),
    "RepetitionTime": ("0018|0080",),
    "InversionTime": ("0018|0082",),
    "DiffusionBValue": ("0018|9087", "0019|100c", "0043|1039"),
}
#: Frame of Reference UID: images that share it lie in the same coordinates.
FRAME_TAG = "0020|0052"
#: GE stores b-values with this added, as a mark.
GE_OFFSET = 1_000_000_000


@dataclass(frozen=True)
class Series:
    """One DICOM series in a folder; of a diffusion series the files of its highest b-value."""

    files: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def guess(self) -> Guess | None:
        """What it probably is."""
        return recognise_dicom(self.tags)


def find_series(folder: Path) -> list[Series]:
    """All series that lie directly in a folder, without reading voxels."""
    found = []
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
        described = [(name, read_tags(name)) for name in files]
        highest = _highest_b_value(described)
        found.append(Series(tuple(name for name, _ in highest), highest[0][1]))
    return found


def read_dicom_folder(folder: Path) -> sitk.Image:
    """The one series of a folder as float32, three axes.

    Raises:
        InputError: no series, several, or one that cannot be read.
    """
    series = find_series(folder)
    if not series:
        raise InputError(
            f"There is no DICOM series in {folder.name}.", "Give the folder that holds the slices themselves."
        )
    if len(series) > 1:
        names = ", ".join(sorted(one.guess.kind if one.guess else "unknown" for one in series))
        raise InputError(
            f"{folder.name} holds {len(series)} DICOM series ({names}).", "Put each into a folder of its own."
        )
    return read_series(series[0], folder.name)


def read_series(series: Series, name: str) -> sitk.Image:
    """The voxels of a series as float32; the frame of reference is kept as metadata, and nothing else."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(series.files)
    try:
        image = sitk.Cast(reader.Execute(), sitk.sitkFloat32)
    except RuntimeError as error:
        raise InputError(f"The DICOM series in {name} cannot be read.", "Export it again.") from error
    if image.GetDimension() != 3:
        raise InputError(f"The DICOM series in {name} is not a single volume.", "Export one volume.")
    clean = sitk.Image(image)
    for key in clean.GetMetaDataKeys():
        clean.EraseMetaData(key)
    frame = _metadata(series.files[0]).get(FRAME_TAG, "").strip()
    if frame:
        clean.SetMetaData(FRAME_TAG, frame)
    return clean


def read_tags(file: str) -> dict[str, str]:
    """The attributes of `TAGS` that a file has, as text."""
    metadata = _metadata(file)
    found = {}
    for keyword, tags in TAGS.items():
        value = next((metadata[tag].strip() for tag in tags if metadata.get(tag, "").strip()), "")
        if value:
            found[keyword] = value
    return found


def _metadata(file: str) -> dict[str, str]:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.LoadPrivateTagsOn()
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return {}
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def _highest_b_value(described: list[tuple[str, dict[str, str]]]) -> list[tuple[str, dict[str, str]]]:
    """The files of the highest b-value, where files differ in it; otherwise all."""
    values = [_b_value(tags) for _, tags in described]
    highest = max(values)
    if highest <= 0.0 or all(value == highest for value in values):
        return described
    return [each for each, value in zip(described, values, strict=True) if value == highest]


def _b_value(tags: Mapping[str, str]) -> float:
    try:
        return float(tags.get("DiffusionBValue", "").split("\\")[0]) % GE_OFFSET
    except ValueError:
        return -1.0
