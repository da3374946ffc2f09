"""The files of a result, which appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..errors import InputError, MachineError
from ..lesions import write_csv
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .resources import StageClock, peak_memory_mib
from .result import SegmentResult

SUMMARY = "result.json"
SEGMENTATION, PROBABILITY, LESIONS, REPORT = (
    "segmentation.nii.gz",
    "probability_thrombus.nii.gz",
    "lesions.csv",
    "report.html",
)
_STALE_SECONDS = 24 * 3600.0


def attention_file(sequence: Sequence) -> str:
    """Name of the attention map of a sequence."""
    return f"attention_{sequence.value}.nii.gz"


def check_output(out_dir: Path) -> None:
    """Say early, before the work, that a result could not be written there."""
    for place in (out_dir, *out_dir.absolute().parents):
        if place.exists() and not place.is_dir():
            raise InputError(f"The output {place.name} is a file.", "Choose a folder.")
    ancestor = _nearest_folder(out_dir)
    if not os.access(ancestor, os.W_OK):
        raise MachineError(f"The folder for the output {out_dir.name} cannot be written.", "Choose another folder.")


def write_result(
    result: SegmentResult, out_dir: Path, *, page: str | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Write all files of a result into a folder; an earlier result there is replaced only when the new one is complete.

    Everything is written into a temporary folder beside `out_dir` first. Then files are moved one by one, result.json
    last: where it stands, the result is whole. A failure or a cancel leaves what was there before. Headers are fresh:
    geometry and nothing else, so no name of a patient is carried over.

    Args:
        page: text of report.html.

    Returns:
        The content of result.json.

    Raises:
        MachineError: the disk is full or the folder cannot be written.
        Cancelled: `progress` answered False before the first file was moved.
    """
    check_output(out_dir)
    clock = StageClock()
    with _errors_of_the_disk(), _temporary_folder(out_dir) as temporary:
        _write_images(result, temporary, progress)
        write_csv(result.candidates.found, temporary / LESIONS)
        if page is not None:
            (temporary / REPORT).write_text(page, encoding="utf-8")
        seconds = {**result.seconds, "write": result.seconds.get("write", 0.0) + clock.total()}
        seconds["total"] = sum(value for name, value in seconds.items() if name != "total")
        summary = replace(result, seconds=seconds, peak_memory_mib=peak_memory_mib()).summary()
        (temporary / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        report(progress, 1.0, "writing")
        _move(temporary, out_dir)
    return summary


def _write_images(result: SegmentResult, folder: Path, progress: Progress) -> None:
    """All at the same time: most of it is compression, on one core per file."""
    images = {SEGMENTATION: result.segmentation, PROBABILITY: result.probability}
    images |= {attention_file(sequence): _coarse(image) for sequence, image in result.attention.items()}
    with ThreadPoolExecutor(max_workers=4) as pool:
        writing = [pool.submit(sitk.WriteImage, image, str(folder / name), True) for name, image in images.items()]
        try:
            for done, future in enumerate(writing):
                report(progress, done / len(writing), "writing")
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _coarse(attention: sitk.Image) -> sitk.Image:
    """Rounded to 1/4096, which nobody can see and makes the file less than half as large."""
    rounded = sitk.GetImageFromArray(np.rint(sitk.GetArrayViewFromImage(attention) * 4096) / np.float32(4096))
    rounded.CopyInformation(attention)
    return rounded


def _move(temporary: Path, out_dir: Path) -> None:
    """Put all files of `temporary` in place; on failure put the earlier ones back."""
    out_dir.mkdir(parents=True, exist_ok=True)
    new = sorted((path.name for path in temporary.iterdir()), key=lambda name: name == SUMMARY)
    ours = {SUMMARY, SEGMENTATION, PROBABILITY, LESIONS, REPORT, *(attention_file(each) for each in Sequence)}
    old = sorted((name for name in ours if (out_dir / name).exists()), key=lambda name: name != SUMMARY)
    earlier = temporary / "earlier"
    earlier.mkdir()
    moved: list[str] = []
    try:
        for name in old:
            (out_dir / name).replace(earlier / name)
        for name in new:
            (temporary / name).replace(out_dir / name)
            moved.append(name)
    except BaseException:
        for name in moved:
            with suppress(OSError):
                (out_dir / name).unlink()
        for name in reversed(old):
            if (earlier / name).exists():
                with suppress(OSError):
                    (earlier / name).replace(out_dir / name)
        raise


@contextmanager
def _temporary_folder(out_dir: Path) -> Iterator[Path]:
    """A private folder on the same disk as `out_dir`, gone afterwards."""
    parent = _nearest_folder(out_dir.parent)
    prefix = f".{out_dir.name}.thrombusseg-"
    for stale in parent.glob(f"{_literal(prefix)}*"):
        with suppress(OSError):
            if time.time() - stale.stat().st_mtime > _STALE_SECONDS:  # of a process that was killed
                shutil.rmtree(stale)
    created = [folder for folder in (out_dir, *out_dir.parents) if not folder.exists()]
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield temporary
    except BaseException:
        for folder in created:
            with suppress(OSError):
                folder.rmdir()
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _nearest_folder(path: Path) -> Path:
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def _literal(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


@contextmanager
def _errors_of_the_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise MachineError(
            f"The result cannot be written: {reason}.", "Check the disk and the folder's rights."
        ) from error
    except RuntimeError as error:
        if "WriteImage" not in str(error) and "itk" not in str(error).lower():
            raise
        raise MachineError("The result cannot be written.", "Check that the disk is not full.") from error
