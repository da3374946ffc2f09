"""Cases made ready for training: prepared once, kept on disk, read again memory-mapped."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..case import Case, ManifestRow, read_case
from ..case.there import short_name, why_missing
from ..errors import InputError, MachineError
from ..preprocess import PreprocessSettings, prepare, prepare_labels
from ..preprocess.prepare import find_drawn_on
from ..progress import Progress, report, silent
from ..sequences import Sequence
from ..weights.checksum import sha256_of
from .checkpoint import make_folder
from .difficulty import measure_contrast
from .settings import Registration
from .thin import fill_thin

#: Goes up when prepared cases of an older version must be prepared again.
FORMAT = 3
#: A look-alike is darker than what surrounds it by this much, in normalised units (our choice).
DARKER = 1.0
#: What surrounds it is brighter than this, in normalised units: brain or fluid, not the skull (our choice).
SURROUNDED = -1.0
#: A look-alike is farther from the thrombus than this, voxels in plane and slices.
FAR = 8
#: So many look-alikes are remembered of a case.
LOOKALIKES = 2000


@dataclass(frozen=True)
class TrainingCase:
    """A prepared case on its working grid."""

    images: NDArray[np.float16]
    """(M, S, H, W), M the length of the vocabulary; zeros where absent."""
    available: NDArray[np.bool_]
    """(M,) which sequences the case has."""
    labels: NDArray[np.uint8]
    """(S, H, W): 1 thrombus, 2 infarct."""
    thrombus: NDArray[np.int32]
    """(K, 3) voxels (slice, row, column) of the thrombus, for aiming; may be empty."""
    lookalikes: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    """(L, 3) voxels that are dark and thin on SWI and far from the thrombus; may be empty."""
    volume_mm3: float = 0.0
    """Of the thrombus."""
    contrast: float = 0.0
    """Of the thrombus against its surroundings, in normalised units; see `difficulty`."""
    simulated: bool = False
    """Whether it was made by the simulator while the training runs."""
    digest: str = ""
    """SHA-256 of the files it was made of, wherever they lie; "" where it was made in memory."""


def make_case(
    images: NDArray[np.float16],
    available: NDArray[np.bool_],
    labels: NDArray[np.uint8],
    voxel_mm3: float,
    *,
    simulated: bool = False,
) -> TrainingCase:
    """A case with everything measured that aiming needs.

    Args:
        images: (M, S, H, W), normalised, on the working grid.
        available: (M,) which sequences the case has.
        labels: (S, H, W): 1 thrombus, 2 infarct.
        voxel_mm3: volume of a voxel of the working grid.
        simulated: made while the training runs.
    """
    thrombus = np.argwhere(labels == 1).astype(np.int32)
    return TrainingCase(
        images,
        available,
        labels,
        thrombus,
        find_lookalikes(images, available, labels),
        len(thrombus) * voxel_mm3,
        measure_contrast(images, available, labels),
        simulated,
    )


def find_lookalikes(
    images: NDArray[np.float16], available: NDArray[np.bool_], labels: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """Voxels (L, 3) that are dark and thin on SWI and far from any thrombus: veins above all. Empty without SWI.

    Filling up what is dark and thin tells them from the air around the head.
    """
    place = list(Sequence).index(Sequence.SWI)
    if not available[place]:
        return np.zeros((0, 3), np.int32)
    swi = np.asarray(images[place], dtype=np.float32)
    filled = fill_thin(swi)
    thin = (filled - swi > DARKER) & (filled > SURROUNDED)
    voxels = np.argwhere(labels == 1)
    if len(voxels):
        low, high = np.maximum(voxels.min(0) - FAR, 0), voxels.max(0) + FAR + 1
        thin[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = False
    found = np.argwhere(thin).astype(np.int32)
    return found[:: max(1, -(-len(found) // LOOKALIKES))]


def prepare_case(case: Case, registration: Registration = "never", *, simulated: bool = False) -> TrainingCase:
    """Bring a case with labels onto its working grid, in memory; labels move with the sequence they were drawn on.

    Raises:
        InputError: the labels lie on the grid of none of the sequences.
    """
    assert case.labels is not None
    drawn_on = find_drawn_on(case)
    if drawn_on is None:
        raise InputError(
            "The labels lie on the grid of none of the sequences.", "Resample them onto one, nearest neighbour."
        )
    prepared = prepare(case, PreprocessSettings(registration=registration))
    first = next(iter(prepared.images.values()))
    images = np.zeros((len(Sequence), *first.shape), dtype=np.float16)
    for place, sequence in enumerate(Sequence):
        if sequence in prepared.images:
            images[place] = prepared.images[sequence]
    available = np.array([sequence in prepared.images for sequence in Sequence])
    voxel_mm3 = float(np.prod(prepared.working_grid.spacing))
    return make_case(images, available, prepare_labels(case.labels, prepared, drawn_on), voxel_mm3, simulated=simulated)


def load_cases(
    rows: list[ManifestRow], cache: Path, progress: Progress = silent, *, registration: Registration = "never"
) -> list[TrainingCase]:
    """Prepare every case once; later runs read the prepared arrays from `cache` (memory-mapped).

    A case whose files have changed since, a corrected label for one, is prepared again. Processes may share a cache.

    Raises:
        InputError: no rows, a row without labels, or what `read_case` and `prepare_case` raise, with the row's name.
        MachineError: the cache cannot be written, the disk being full for one.
    """
    if not rows:
        raise InputError("The manifest has no cases to train on.", "Add rows.")
    make_folder(cache)
    cases = []
    for done, row in enumerate(rows, 1):
        try:
            signature = _signature(row, registration)
            ready = _open(cache, row.case, signature)
            if ready is None:
                _save(cache, row.case, signature, _prepare_row(row, registration))
                ready = _open(cache, row.case, signature)
        except InputError as error:
            raise InputError(f"Case {row.case}: {error.sentence}", error.advice) from error
        if ready is None:
            raise MachineError(f"The prepared case {row.case} cannot be read again.", "Check the disk.")
        cases.append(ready)
        report(progress, done / len(rows), "preparing cases")
    return cases


def _prepare_row(row: ManifestRow, registration: Registration) -> TrainingCase:
    case = prepare_case(read_case(row.paths, name=row.case, labels=row.labels), registration)
    return replace(case, digest=_digest(row))


def _digest(row: ManifestRow) -> str:
    """Of the bytes of the case's files: those of a DICOM folder in the order of their names."""
    digest = hashlib.sha256()
    for name, path in sorted({each.value: path for each, path in row.paths.items()}.items()):
        files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        digest.update(f"{name} {[sha256_of(each) for each in files]}".encode())
    if row.labels is not None:
        digest.update(f"labels {sha256_of(row.labels)}".encode())
    return digest.hexdigest()


def _signature(row: ManifestRow, registration: Registration) -> str:
    """Changes when a file of the case does: size and time of change of each, and how it is prepared."""
    if row.labels is None:
        raise InputError("There are no labels.", "Fill the manifest's column 'labels'.")
    files = {sequence.value: path for sequence, path in row.paths.items()} | {"labels": row.labels}
    facts = {}
    for name, path in files.items():
        if wrong := why_missing(path):
            raise InputError(f"{short_name(path)} {wrong}.", f"Check the manifest's column '{name}'.")
        status = path.stat()
        facts[name] = [str(path.resolve()), status.st_size, status.st_mtime_ns]
    return hashlib.sha256(json.dumps([FORMAT, registration, facts]).encode()).hexdigest()


def _save(cache: Path, name: str, signature: str, case: TrainingCase) -> None:
    """Write a prepared case; the facts last, whose presence and signature say that the case is whole."""
    unfinished = cache / f"{name}.unfinished-{os.getpid()}"
    measures = np.array([case.volume_mm3, case.contrast])
    sign = np.array(signature)
    try:
        for part, array in (("images", case.images), ("labels", case.labels)):
            with unfinished.open("wb") as file:
                np.save(file, array)
            unfinished.replace(cache / f"{name}.{part}.npy")
        with unfinished.open("wb") as file:
            np.savez(
                file,
                signature=sign,
                digest=np.array(case.digest),
                available=case.available,
                lookalikes=case.lookalikes,
                measures=measures,
            )
        unfinished.replace(cache / f"{name}.facts.npz")
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise MachineError(
            f"The prepared case {name} cannot be written: {error.strerror or 'the disk is full'}.",
            "Make room, or choose another output folder; what is prepared stays.",
        ) from error


def _open(cache: Path, name: str, signature: str) -> TrainingCase | None:
    """A prepared case; None where it is not there, is damaged, or belongs to files that have changed."""
    try:
        return _read(cache, name, signature)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


def _read(cache: Path, name: str, signature: str) -> TrainingCase | None:
    with np.load(cache / f"{name}.facts.npz", allow_pickle=False) as facts:
        if str(facts["signature"]) != signature:
            return None
        available, lookalikes, measures = (facts[part] for part in ("available", "lookalikes", "measures"))
        digest = str(facts["digest"])
    images = np.load(cache / f"{name}.images.npy", mmap_mode="r", allow_pickle=False)
    labels = np.load(cache / f"{name}.labels.npy", allow_pickle=False)
    thrombus = np.argwhere(labels == 1).astype(np.int32)
    volume_mm3, contrast = (float(value) for value in measures)
    return TrainingCase(images, available, labels, thrombus, lookalikes, volume_mm3, contrast, digest=digest)
