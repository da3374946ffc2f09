"""What happened: a line of JSON a step in `log.jsonl`, one a validation in `validation.jsonl`, TensorBoard if there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from ..errors import InputError, MachineError
from .checkpoint import cannot_write, write_whole
from .tensorboard import Board, open_board

LOG, VALIDATIONS = "log.jsonl", "validation.jsonl"


class Journal:
    """The records of a run. A run that goes on goes on with its records: later ones than its checkpoint are taken out.

    Args:
        out: folder of the run.
        step: the first step that will be recorded.
        verdicts: of the validations before.
        writes: False: another process writes.
    """

    def __init__(self, out: Path, step: int, verdicts: list[dict[str, Any]], *, writes: bool = True) -> None:
        self._out, self._writes = out, writes
        self._board: Board | None = None
        if writes:
            for name in (LOG, VALIDATIONS):
                if (out / name).is_dir():
                    raise InputError(f"{name} in the output folder is a folder.", "Move it away, or choose another.")
            kept = [line for line in read_lines(out / LOG) if line["step"] < step]
            self._replace(LOG, kept)
            self._replace(VALIDATIONS, verdicts)
            self._board = open_board(out / "tensorboard", step)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._board is not None:
            # What ended the run is told, not that its last events found no room either.
            with suppress(MachineError) if kind is not None else nullcontext():
                self._board.close()

    def step(self, line: Mapping[str, float]) -> None:
        """Record a step."""
        if not self._writes:
            return
        self._append(LOG, line)
        if self._board is not None:
            for name in line.keys() - {"step"}:
                self._board.add_scalar(f"training/{name}", line[name], int(line["step"]))

    def validation(self, verdict: Mapping[str, Any]) -> None:
        """Record a validation."""
        if not self._writes:
            return
        self._append(VALIDATIONS, verdict)
        if self._board is not None:
            for name in ("score", "detection_rate", "false_positives_per_scan", "dice_all_cases"):
                if verdict[name] is not None:  # without a thrombus in any case nothing can be detected
                    self._board.add_scalar(f"validation/{name}", verdict[name], verdict["step"])

    def _append(self, name: str, line: Mapping[str, Any]) -> None:
        try:
            with (self._out / name).open("a", encoding="ascii") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(name, error) from error

    def _replace(self, name: str, lines: list[dict[str, Any]]) -> None:
        if lines or (self._out / name).exists():
            write_whole(self._out / name, "".join(json.dumps(line) + "\n" for line in lines).encode("ascii"))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a last line that was cut off by a kill is left out. Empty where there is no file.

    Raises:
        InputError: a line is no record of a run.
    """
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="ascii", errors="replace").splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict) or not isinstance(record.get("step"), int):
            raise InputError(f"Line {number} of {path.name} is no record of a training.", "Take that line out.")
        lines.append(record)
    return lines
