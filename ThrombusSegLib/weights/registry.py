"""Which weights there are: those that come with the library, and the user's own. Does not import torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError, MachineError
from .checksum import sha256_of
from .entry import WeightsEntry, verify
from .header import read_header, refuse_pickle

#: Name of the environment variable that moves the user's registry.
FOLDER_VARIABLE = "THROMBUSSEG_WEIGHTS"
DEFAULT = "default"
_BUNDLED_FOLDER = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def user_folder() -> Path:
    """Where added weights are kept: $THROMBUSSEG_WEIGHTS, or .thrombusseg/weights in the home folder."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path.home() / ".thrombusseg" / "weights"


def list_weights() -> list[WeightsEntry]:
    """All registered weights, the bundled ones first. Files are not opened."""
    return _entries(_BUNDLED_FOLDER, bundled=True) + _entries(user_folder(), bundled=False)


def _entries(folder: Path, *, bundled: bool) -> list[WeightsEntry]:
    try:
        return [_entry(row, folder, bundled=bundled) for row in _read(folder)["weights"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("An entry of the weights registry is damaged.", _repair(folder)) from error


def default_name() -> str:
    """The name behind "default"; "" where there is none."""
    return str(_read(_BUNDLED_FOLDER).get(DEFAULT, ""))


def find_weights(name_or_path: str | Path) -> WeightsEntry:
    """The entry of a registered name, of "default", or of a .safetensors file anywhere; its checksum is verified.

    Raises:
        InputError: unknown (the known ones are named), refused, damaged, or not the file that was registered.
    """
    text = str(name_or_path)
    name = default_name() if text == DEFAULT else text
    entries = _entries(_BUNDLED_FOLDER, bundled=True)
    if all(entry.name != name for entry in entries):  # one's own registry may be damaged: bundled ones do without it
        entries = list_weights()
    for entry in entries:
        if entry.name == name:
            verify(entry)
            return entry
    path = Path(text)
    if text != DEFAULT and (path.suffix or path.is_file()):
        refuse_pickle(path)
        if path.is_file():
            return _describe(path, path.stem)
    known = ", ".join(entry.name for entry in entries) or "none yet"
    raise InputError(
        f"There are no weights called {path.name}.", f"Known are: {known}. Or give the name of a .safetensors file."
    )


def add_weights(file: Path) -> WeightsEntry:
    """Copy a .safetensors file into the user's registry under the name of the file without its ending.

    Raises:
        InputError: no weights of ours, does not fit its network, or the name is taken by other weights.
    """
    return _register(file, user_folder(), file.stem, default=False)


def check_name(name: str) -> None:
    """Whether weights can be added under a name; asked before hours of training, not after.

    Raises:
        InputError: it cannot be a name, or other weights have it.
    """
    _check_spelling(name)
    if any(each.name == name for each in list_weights()):
        raise InputError(f"There are other weights called {name}.", "Choose another name, or remove those first.")


def register_bundled(file: Path, name: str, *, default: bool = True) -> WeightsEntry:
    """For those who publish weights: copy a file into the library itself and enter it in registry.json.

    Replaces weights of the same name. Command: `thrombusseg weights add FILE --bundled NAME`.
    """
    rows = [row for row in _read(_BUNDLED_FOLDER)["weights"] if row["name"] != name]
    _write(_BUNDLED_FOLDER, {**_read(_BUNDLED_FOLDER), "weights": rows})
    return _register(file, _BUNDLED_FOLDER, name, default=default)


def remove_weights(name: str) -> None:
    """Remove added weights and their file. Bundled ones stay: `InputError`."""
    for entry in list_weights():
        if entry.name == name:
            if entry.bundled:
                raise InputError(f"The weights {name} come with ThrombusSeg.", "They cannot be removed.")
            folder = user_folder()
            rows = [row for row in _read(folder)["weights"] if row["name"] != name]
            _write(folder, {"weights": rows})
            entry.path.unlink(missing_ok=True)
            return
    known = ", ".join(entry.name for entry in list_weights() if not entry.bundled) or "none"
    raise InputError(f"There are no added weights called {name}.", f"Added are: {known}.")


def _register(file: Path, folder: Path, name: str, *, default: bool) -> WeightsEntry:
    from .storage import check_fit

    _check_spelling(name)
    entry = _describe(file, name)
    check_fit(read_header(file), file.name)
    same = [each for each in list_weights() if each.name == name]
    if same and same[0].sha256 != entry.sha256:
        raise InputError(f"There are other weights called {name}.", "Rename the file, or remove those first.")
    if same and same[0].path.is_file():
        verify(same[0])
        return same[0]
    _copy(file, folder / f"{name}.safetensors")
    content = _read(folder)
    row = {"name": name, "file": f"{name}.safetensors", "sha256": entry.sha256, "bytes": entry.bytes}
    row |= {"trained_on": entry.trained_on, "threshold": entry.threshold}
    row |= {"minimum_volume_mm3": entry.minimum_volume_mm3, "card": entry.card}
    content["weights"] = [*(each for each in content["weights"] if each["name"] != name), row]
    if default:
        content["default"] = name
    _write(folder, content)
    return next(each for each in list_weights() if each.name == name)


def _check_spelling(name: str) -> None:
    if not _NAME.fullmatch(name) or name == DEFAULT:
        raise InputError(
            f"{name!r} cannot be a name for weights.", "Use letters, digits, points, lines; not 'default'."
        )


def _entry(row: Mapping[str, Any], folder: Path, *, bundled: bool) -> WeightsEntry:
    return WeightsEntry(
        name=str(row["name"]),
        path=folder / Path(str(row["file"])).name,
        sha256=str(row["sha256"]),
        bytes=int(row["bytes"]),
        card=str(row["card"]),
        trained_on=str(row["trained_on"]),
        threshold=float(row["threshold"]),
        minimum_volume_mm3=float(row["minimum_volume_mm3"]),
        bundled=bundled,
    )


def _describe(path: Path, name: str) -> WeightsEntry:
    metadata = read_header(path).metadata
    return WeightsEntry(
        name=name,
        path=path,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        card=metadata.card,
        trained_on=metadata.trained_on,
        threshold=metadata.threshold,
        minimum_volume_mm3=metadata.minimum_volume_mm3,
    )


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "registry.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"weights": []}
    except (OSError, ValueError) as error:
        raise InputError("The weights registry cannot be read.", _repair(folder)) from error
    if not isinstance(content, dict) or not isinstance(content.get("weights"), list):
        raise InputError("The weights registry is damaged.", _repair(folder))
    return content


def _write(folder: Path, content: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".registry-{os.getpid()}.json"
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(folder / "registry.json")
    except OSError as error:
        raise _disk(error) from error


def _copy(source: Path, target: Path) -> None:
    if target.exists() and source.samefile(target):
        return
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        shutil.copyfile(source, temporary)
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise _disk(error) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


def _disk(error: OSError) -> MachineError:
    reason = os.strerror(error.errno or 0)
    return MachineError(f"The weights registry cannot be written: {reason}.", "Check the disk and the folder's rights.")


def _repair(folder: Path) -> str:
    if folder == _BUNDLED_FOLDER:
        return "Install ThrombusSeg again."
    place = f"${FOLDER_VARIABLE}" if os.environ.get(FOLDER_VARIABLE) else ".thrombusseg/weights in your home folder"
    return f"It is that of your own weights: remove registry.json in {place}, and add the files again."
