"""The words of the worker: one JSON object a line, ASCII only.

In (stdin)::

    {"command": "segment", "id": "1", "inputs": {"SWI": "/p/swi.nii.gz"}, "out": "/dir",
     "weights": "default", "device": "auto",
     "options": {"threshold": 0.5, "minimum_volume_mm3": 8.0, "registration": "auto"}}    last three optional
    {"command": "warm", "weights": "default", "device": "auto"}                           all but the command optional
    {"command": "review", "id": "2", "task": "propose", "values": {...}}                  see `reviewing.TASKS`
    {"command": "cancel", "id": "1"}
    {"command": "quit"}                    finishes what was asked before; the end of stdin cancels it

Out (stdout)::

    {"event": "ready", "protocol": 1, "version": "0.1.0", "pid": 123}
    {"event": "warm", "id": null, "device": "cuda", "name": "NVIDIA ...", "free_mib": 7000, "total_mib": 8000,
     "weights": {"name": "...", "sha256": "..."}, "warning": null, "seconds": 1.2}        memory only where it is known
    {"event": "progress", "id": "1", "value": 0.42, "stage": "network"}
    {"event": "done", "id": "1", "result": {...content of result.json...}, "out": "/dir"}
    {"event": "done", "id": "2", "task": "propose", "result": {...what the task gives...}}
    {"event": "error", "id": "1", "kind": "input|machine|defect|protocol", "sentence": "...", "advice": "..."}
    {"event": "cancelled", "id": "1"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ThrombusSegError
from ..sequences import Sequence

if TYPE_CHECKING:
    from .job import Job

PROTOCOL = 1
#: A longer line is no command of ours; it bounds what a mistaken writer can make the worker hold in memory.
MAXIMUM_LINE_BYTES = 2**20


class ProtocolError(ThrombusSegError):
    """A line that is no command."""

    kind = "protocol"

    def __init__(self, sentence: str, advice: str = "", identity: str | None = None) -> None:
        super().__init__(sentence, advice)
        self.identity = identity
        """The line's id, if it could be read."""


@dataclass(frozen=True)
class Command:
    """A line that was understood."""

    word: str
    """segment, review, warm, cancel or quit."""
    id: str | None
    values: Mapping[str, Any]

    @property
    def weights(self) -> str:
        """Name or path of the weights."""
        return _text(self.values, "weights", "default")

    @property
    def device(self) -> str:
        """Name of the device."""
        return _text(self.values, "device", "auto")


def encode(event: Mapping[str, Any]) -> bytes:
    """One line of ASCII with its line feed. Numbers that JSON does not know (NaN) raise ValueError."""
    return json.dumps(event, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes) -> Command:
    """Raises `ProtocolError` when the line is no command; its id, if there is one, is in the error's `identity`."""
    if len(line) > MAXIMUM_LINE_BYTES:
        raise ProtocolError(f"A line has more than {MAXIMUM_LINE_BYTES} bytes.", "Send one JSON object a line.")
    try:
        values = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("A line is not JSON in UTF-8.", "Send one JSON object a line.") from error
    if not isinstance(values, dict):
        raise ProtocolError("A line is not a JSON object.", "Send one JSON object a line.")
    word, identity = values.get("command"), values.get("id")
    known = identity if isinstance(identity, str) else None
    if word not in ("segment", "review", "warm", "cancel", "quit"):
        commands = "Commands are segment, review, warm, cancel, quit."
        raise ProtocolError(f"There is no command {word!r}.", commands, known)
    if word in ("segment", "review", "cancel") and not isinstance(identity, str):
        raise ProtocolError(f"The command {word} needs an id.", "Give a text that is unique among your jobs.")
    return Command(word, known, values)


def job_of(command: Command) -> Job:
    """The job of a segment command. Raises `ProtocolError` when a field is missing or of the wrong type."""
    from ..inference.result import SegmentSettings
    from .job import Job

    inputs = command.values.get("inputs")
    known = {sequence.value: sequence for sequence in Sequence}
    if not isinstance(inputs, dict) or not all(isinstance(path, str) and path for path in inputs.values()):
        raise ProtocolError("The field inputs is not an object of paths.", f"Use the keys {', '.join(known)}.")
    for name in inputs:
        if name not in known:
            raise ProtocolError(f"There is no sequence called {name!r}.", f"Use the keys {', '.join(known)}.")
    options = command.values.get("options") or {}
    if not isinstance(options, dict) or options.keys() - {"threshold", "minimum_volume_mm3", "registration"}:
        raise ProtocolError("The field options is wrong.", "It knows threshold, minimum_volume_mm3, registration.")
    registration = _text(options, "registration", "auto")
    if registration not in ("auto", "always", "never"):
        raise ProtocolError(f"There is no registration {registration!r}.", "Choose auto, always or never.")
    return Job(
        inputs={known[name]: Path(path) for name, path in inputs.items()},
        out=Path(_text(command.values, "out", "")),
        settings=SegmentSettings(
            threshold=_number(options, "threshold"),
            minimum_volume_mm3=_number(options, "minimum_volume_mm3"),
            registration=registration,  # type: ignore[arg-type]
        ),
        weights=command.weights,
        device=command.device,
    )


def task_of(command: Command) -> tuple[str, Mapping[str, Any]]:
    """Name and values of a review command. Raises `ProtocolError` when a field is missing or of the wrong type."""
    values = command.values.get("values") or {}
    if not isinstance(values, dict):
        raise ProtocolError("The field values is not an object.", "Send a JSON object.")
    return _text(command.values, "task", ""), values


def _text(values: Mapping[str, Any], name: str, default: str) -> str:
    value = values.get(name)
    value = default if value is None else value
    if not isinstance(value, str) or not value:
        raise ProtocolError(f"The field {name} is not a text.", "Send a JSON string.")
    return value


def _number(values: Mapping[str, Any], name: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProtocolError(f"The option {name} is not a number.", "Send a JSON number, or leave it out.")
    return float(value)
