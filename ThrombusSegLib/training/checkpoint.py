"""Checkpoints: written whole or not at all, read without ever executing code, refused when they are of another run."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, MachineError
from .settings import DataSettings, TrainSettings

CHECKPOINT = "checkpoint.pt"
#: Goes up when a checkpoint of an older version can no longer be gone on from.
FORMAT = 2
#: What may be changed when a run goes on: it has no part in the result, or in that of the training.
FREE = ("threshold", "minimum_volume_mm3", "workers", "device", "checkpoint_every")
_KEYS = {"format", "settings", "cases", "step", "frozen", "network", "average", "optimizer", "best", "verdicts"}
_NOTHING_LOST = "Nothing was overwritten."


def describe(settings: TrainSettings) -> str:
    """What decides the result, as one line of JSON; manifests by name only, so that a folder may be moved."""
    values = asdict(settings)
    for table in ("data", "validation"):
        values[table]["manifest"] = Path(values[table]["manifest"]).name
    values["data"]["more_manifests"] = [Path(each).name for each in values["data"]["more_manifests"]]
    for each in FREE:
        del values[each]
    return json.dumps(values, sort_keys=True)


def refuse_other_run(out: Path, *, resume: bool) -> None:
    """Raises `InputError` where `out` holds a run that is not to be gone on with."""
    if out.exists() and not out.is_dir():
        raise InputError(f"The output {out.name} is a file.", "Choose a folder.")
    for name in (CHECKPOINT, "weights.safetensors"):
        if not resume and (out / name).exists():
            raise InputError(
                f"The output folder already holds a training run ({name}).", "Add --resume, or choose another folder."
            )


def save(out: Path, settings: TrainSettings, cases: list[str], state: Mapping[str, Any]) -> None:
    """Write the checkpoint. A kill at any moment leaves the old one or the new one.

    Raises:
        MachineError: it cannot be written, the disk being full for one; the old one stays.
    """
    content = {"format": FORMAT, "settings": describe(settings), "cases": cases, **state}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(out / CHECKPOINT, buffer.getbuffer())


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file of the run whole or not at all; `MachineError` where that fails."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise cannot_write(path.name, error) from error
    finally:
        if unfinished.exists():
            unfinished.unlink()


def cannot_write(name: str, error: OSError) -> MachineError:
    """The sentence for a disk that is full, or a folder that may not be written."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return MachineError(
        f"{name} cannot be written: {reason}.",
        "Make room or choose another folder; what was written before is whole, go on with --resume.",
    )


def load(out: Path, settings: TrainSettings, cases: list[str]) -> dict[str, Any] | None:
    """The state of the run in `out`; None where there is none yet. Loading never executes code (`weights_only`).

    Raises:
        InputError: the checkpoint is damaged, or of other settings or other cases; the sentence names what differs.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise _damaged() from error
    if not isinstance(state, dict) or not isinstance(state.get("settings"), str):
        raise _damaged()
    if state.get("format") != FORMAT or not state.keys() >= _KEYS:
        raise InputError(
            f"{CHECKPOINT} was written by another version of ThrombusSeg.",
            f"Go on with that version, or choose another output folder. {_NOTHING_LOST}",
        )
    _check_settings(json.loads(state["settings"]), json.loads(describe(settings)))
    _check_cases(state["cases"], cases)
    return state


def _damaged() -> InputError:
    return InputError(
        f"{CHECKPOINT} cannot be read: it is damaged, or no checkpoint.",
        f"Restore a copy, or remove it and start again. {_NOTHING_LOST}",
    )


def _check_settings(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    usual = dict(_flat(json.loads(describe(TrainSettings(data=DataSettings(manifest="any"))))))
    before, after = usual | dict(_flat(then)), dict(_flat(now))  # a setting that is newer had its default
    differing = [name for name in sorted(before | after) if before.get(name) != after.get(name)]
    if differing:
        name, others = differing[0], len(differing) - 1
        raise InputError(
            f"{CHECKPOINT} belongs to a run with other settings: {name} is {after.get(name)!r}, there it was "
            f"{before.get(name)!r}{f' ({others} more differ)' if others else ''}.",
            f"Set it back, or choose another output folder. {_NOTHING_LOST}",
        )


def _check_cases(then: list[str], now: list[str]) -> None:
    if then != now:
        changed = sorted(set(then) ^ set(now))
        what = f"case {changed[0]} came or went" if changed else "their order is another"
        raise InputError(
            f"{CHECKPOINT} belongs to a run on other cases: {what}.",
            "Begin a new run in another folder; initial_weights can start it from this one's weights.",
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their full names: "crop.slices"."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
