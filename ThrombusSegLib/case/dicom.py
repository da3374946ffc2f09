"""DICOM folders through SimpleITK (GDCM): which series lie there, what they are, and their voxels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from ..errors import InputError
from ..sequences import Guess, Sequence, recognise_dicom
from .slices import check_slices, has_repeats, heights

#: Attribute -> DICOM tag as SimpleITK spells it. b-value: the standard's, then Siemens', Philips' and GE's own.
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
    "DiffusionBValue": ("0018|9087", "0019|100c", "2001|1003", "0043|1039"),
    "ImagePositionPatient": ("0020|0032",),
    "ImageOrientationPatient": ("0020|0037",),
    "NumberOfFrames": ("0028|0008",),
    "PatientID": ("0010|0020",),
    "StudyInstanceUID": ("0020|000d",),
}
#: Frame of Reference UID: images that share it lie in the same coordinates.
FRAME_TAG = "0020|0052"
#: GE stores b-values with this added, as a mark.
GE_OFFSET = 1_000_000_000


@dataclass(frozen=True)
class Series:
    """One volume of a DICOM folder; of a diffusion series the files of its highest b-value."""

    files: tuple[str, ...]
    slices: tuple[Mapping[str, str], ...]
    """The attributes of each file, in the same order."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The attributes of the first slice."""
        return self.slices[0]

    @property
    def guess(self) -> Guess | None:
        """What it probably is."""
        return recognise_dicom(self.tags)

    @property
    def description(self) -> str:
        """What to call it in a sentence."""
        return self.tags.get("SeriesDescription") or (self.guess.kind if self.guess else "unnamed")


_Described = list[tuple[str, dict[str, str]]]


def find_series(folder: Path) -> list[Series]:
    """All volumes that lie directly in a folder, without reading voxels.

    A series that repeats its slice positions is parted by image type and echo time (magnitude and phase, echoes).
    """
    found = []
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
        for part in _parted([(name, read_tags(name)) for name in files]):
            names, slices = zip(*_highest_b_value(part), strict=True)
            found.append(Series(names, slices))
    return found


def _parted(described: _Described) -> list[_Described]:
    if not has_repeats([tags for _, tags in described]):
        return [described]
    parts: dict[tuple[str, str], _Described] = {}
    for each in described:
        parts.setdefault((each[1].get("ImageType", ""), each[1].get("EchoTime", "")), []).append(each)
    return list(parts.values())


def choose(series: list[Series], sequence: Sequence | None) -> Series | None:
    """The series that is surest to be this sequence (None: to be any); of several echoes the longest.

    None is returned where nothing fits, or where several sequences would and none was named.
    """
    if len(series) == 1:
        return series[0]
    fitting = [(one, one.guess) for one in series]
    ours = [(one, guess) for one, guess in fitting if guess is not None and guess.sequence is not None]
    if sequence is not None:
        ours = [(one, guess) for one, guess in ours if guess.sequence is sequence]
    if len({guess.sequence for _, guess in ours}) != 1:
        return None
    return max((one for one, _ in ours), key=_rank)


def _rank(series: Series) -> tuple[Sequence | None, float, float]:
    """What it probably is, how sure that is, and its echo time in ms; to be compared among series of one sequence."""
    guess = series.guess
    sequence, confidence = (None, 0.0) if guess is None else (guess.sequence, guess.confidence)
    return sequence, confidence, _echo_time(series.tags)


def read_dicom_folder(folder: Path, sequence: Sequence | None = None) -> sitk.Image:
    """One series of a folder as float32, three axes: the only one, or the one recognised as `sequence`.

    Raises:
        InputError: no series, several of which none can be chosen, or one that makes up no volume.
    """
    chosen = single_series(folder, sequence)
    return read_series(chosen, folder.name)


def single_series(folder: Path, sequence: Sequence | None = None, *, surely: bool = False) -> Series:
    """The only series of a folder, or the one recognised as `sequence`.

    Args:
        folder: with the DICOM files.
        sequence: which is wanted of several; None: the only one that is any.
        surely: refuse where several are it as surely; otherwise the first of them is taken.

    Raises:
        InputError: no series, or several of which none can be chosen.
    """
    series = find_series(folder) if folder.is_dir() else []
    if not series:
        raise InputError(
            f"There is no DICOM series in {folder.name}.", "Give the folder that holds the slices themselves."
        )
    chosen = choose(series, sequence)
    if chosen is None:
        names = ", ".join(sorted(one.description for one in series))
        what = "" if sequence is None else f", and none or no single one is {sequence.value}"
        raise InputError(
            f"{folder.name} holds {len(series)} DICOM series ({names}){what}.", "Put each into a folder of its own."
        )
    alike = [one for one in series if _rank(one) == _rank(chosen)]
    if surely and len(alike) > 1:
        names = ", ".join(sorted(one.description for one in alike))
        raise InputError(
            f"{folder.name} holds {len(alike)} DICOM series that may be the one ({names}).",
            "Give a folder with the right one alone.",
        )
    return chosen


def read_series(series: Series, name: str) -> sitk.Image:
    """The voxels of a series as float32; the frame of reference is kept as metadata, and nothing else."""
    check_slices(series.slices, name)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(_from_below(series))
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


def _from_below(series: Series) -> list[str]:
    """The files in the order of their places; GDCM sorts by something else where a series repeats its places."""
    along = heights(series.slices)
    if along is None:
        return list(series.files)
    return [series.files[index] for index in along.argsort(kind="stable")]


def read_tags(file: str) -> dict[str, str]:
    """The attributes of `TAGS` that a file has, as text."""
    metadata = _metadata(file)
    found = {}
    for keyword, tags in TAGS.items():
        value = next((metadata[tag].strip() for tag in tags if metadata.get(tag, "").strip()), "")
        if value:
            found[keyword] = value
    if "DiffusionBValue" in found:
        found["DiffusionBValue"] = _plain_b_value(found["DiffusionBValue"])
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


def _plain_b_value(text: str) -> str:
    """Only the b-value of what a vendor's attribute holds, s/mm2."""
    value = _as_number(text.split("\\")[0])
    return "" if value is None else f"{value % GE_OFFSET:g}"


def _highest_b_value(described: _Described) -> _Described:
    """The files of the highest b-value, where files differ in it; otherwise all."""
    values = [_as_number(tags.get("DiffusionBValue", "")) for _, tags in described]
    highest = max((value for value in values if value is not None), default=None)
    if highest is None or highest <= 0.0:
        return described
    return [each for each, value in zip(described, values, strict=True) if value == highest]


def _echo_time(tags: Mapping[str, str]) -> float:
    return _as_number(tags.get("EchoTime", "")) or 0.0


def _as_number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
