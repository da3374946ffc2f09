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
#: What decides which weights are kept: it may be changed until a validation has chosen by it (`_check_judged`).
JUDGED_BY = ("threshold", "minimum_volume_mm3")
#: What may be changed when a run goes on: it has no part in what the network learns.
FREE = (*JUDGED_BY, "workers", "device", "checkpoint_every")
_KEYS = {"format", "settings", "cases", "step", "frozen", "network", "average", "optimizer", "best", "verdicts"}
_NOTHING_LOST = "Nothing was overwritten."


def describe(settings: TrainSettings) -> str:
    """What decides the result, as one line of JSON; files by name only, so that folders may move."""
    values = asdict(settings)
    values["initial_weights"] = Path(values["initial_weights"]).name
    for table in ("data", "validation"):
        values[table]["manifest"] = Path(values[table]["manifest"]).name
    values["data"]["more_manifests"] = [Path(each).name for each in values["data"]["more_manifests"]]
    for each in FREE:
        del values[each]
    return json.dumps(values, sort_keys=True)


def refuse_other_run(out: Path, *, resume: bool) -> None:
    """Raises `InputError` where `out` holds a run that is not to be gone on with, `MachineError` where it is closed."""
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"The output {out.name} is a file.", "Choose a folder.")
        found = [name for name in (CHECKPOINT, "weights.safetensors") if (out / name).exists()]
    except OSError as error:
        raise _cannot_use(out, error) from error
    if found and not resume:
        raise InputError(
            f"The output folder already holds a training run ({found[0]}).", "Add --resume, or choose another folder."
        )
    if found == ["weights.safetensors"]:
        raise InputError(
            "The output folder holds weights and no checkpoint: there is nothing to go on from.",
            "Choose another folder, or move weights.safetensors away.",
        )


def make_folder(folder: Path) -> None:
    """A folder of the run, made where it is not there.

    Raises:
        InputError: a file has its name.
        MachineError: it cannot be made, for want of permission for one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            f"{folder.name} is to be a folder, and a file is in its way.", "Move that file away."
        ) from error
    except OSError as error:
        raise _cannot_use(folder, error) from error


def _cannot_use(folder: Path, error: OSError) -> MachineError:
    reason = os.strerror(error.errno or 0)
    return MachineError(f"The folder {folder.name} cannot be used: {reason}.", "Choose one that you may write to.")


def save(
    out: Path, settings: TrainSettings, cases: list[str], state: Mapping[str, Any], contents: Mapping[str, str] | None
) -> None:
    """Write the checkpoint. A kill at any moment leaves the old one or the new one.

    Args:
        out: folder of the run.
        settings: of the run.
        cases: names of those that are trained on.
        state: of the run.
        contents: what is trained and validated on, by name, each with a digest; see `load`.

    Raises:
        MachineError: it cannot be written, the disk being full for one; the old one stays.
    """
    judged_by = {name: getattr(settings, name) for name in JUDGED_BY}
    content = {"format": FORMAT, "settings": describe(settings), "cases": cases, "judged_by": judged_by, **state}
    content["contents"] = dict(contents or {})
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


def load(
    out: Path, settings: TrainSettings, cases: list[str], contents: Mapping[str, str] | None = None
) -> dict[str, Any] | None:
    """The state of the run in `out`; None where there is none yet. Loading never executes code (`weights_only`).

    Args:
        out: folder of the run.
        settings: of the run.
        cases: names of those that are trained on.
        contents: what is trained and validated on, by name ("case p1"), each with a digest; None: not known.

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
    if state["verdicts"]:
        _check_judged(state.get("judged_by", {}), settings)
    if state["step"] < settings.steps:  # a finished run learns nothing any more
        _check_contents(state.get("contents", {}), contents or {})
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


def _check_judged(then: Mapping[str, float], settings: TrainSettings) -> None:
    """Scores by other measures cannot compete for the best; a checkpoint of an older version does not tell them."""
    for name, value in then.items():
        now = getattr(settings, name)
        if now != value:
            raise InputError(
                f"{CHECKPOINT} holds validations that chose by {name} = {value:g}, and {name} is {now:g}.",
                f"Set it back; evaluate and segment take another of the finished weights. {_NOTHING_LOST}",
            )


def _check_contents(then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """The same files, whatever they are called and wherever they lie; an older version's checkpoint knows none."""
    if not then or not now or list(then.items()) == list(now.items()):
        return
    changed = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    others = f" ({len(changed) - 1} more differ)" if len(changed) > 1 else ""
    if not changed:
        what = "their order is another"
    elif changed[0] in then and changed[0] in now:
        what = f"{changed[0]} has changed since{others}"
    else:
        what = f"{changed[0]} came or went{others}"
    raise InputError(
        f"{CHECKPOINT} belongs to a run on other data: {what}.",
        f"Bring back what was there, or begin a new run in another folder. {_NOTHING_LOST}",
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their full names: "crop.slices"."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
