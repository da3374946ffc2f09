"""What one look at one case gave, as one line of JSON: written as soon as it is known, so that nothing is done twice.

A look is a case with some of its sequences. Everything that is reported is computed from these lines; the network is
not run again for another figure.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..case import ManifestRow
from ..errors import MachineError
from .matching import CaseScore, Pair

RECORDS = "records.jsonl"
#: All looks of an experiment.
LOOKS = "looks.jsonl.gz"
#: Of a line, what says nothing to others.
_OWN = ("key", "seconds")
#: Lies beside the labels of a simulated case.
TRUTH = "truth.json"
#: Names of simulated cases: centre, and the seed and number that make the patient (`phantom.cohort`).
_SIMULATED = re.compile(r"(.+)-(\d+-\d{4,})")
#: Goes up when a line holds something else than before.
VERSION = 3


@dataclass(frozen=True)
class Record:
    """One look."""

    key: str
    """Checksum of everything that the result depends on."""
    case: str
    centre: str
    sequences: str
    """Such as "SWI+DWI"."""
    score: CaseScore
    """At the threshold of the weights."""
    sweep: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Threshold -> number of true lesions detected, and of false positives."""
    reliability: tuple[tuple[float, float, int], ...] = ()
    """Bins of voxels by probability: sum of probabilities, number that are thrombus, number of voxels."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of a simulated case, from truth.json: "sign_present" (susceptibility vessel sign), "volume_mm3", "segment"."""
    seconds: float = 0.0
    named_patient: str = ""
    """As the manifest's column `patient` has it; "" where it has none."""
    simulated: bool = False
    """Whether the simulator's truth lies beside the labels."""

    @property
    def patient(self) -> str:
        """Whose scan it is: as named, else each case is a patient of its own, save that the simulator scans one at
        several centres: "B-7-0003" and "C-7-0003" are one."""
        if self.named_patient:
            return self.named_patient
        match = _SIMULATED.fullmatch(self.case) if self.simulated else None
        return match.group(2) if match and match.group(1) == self.centre else self.case

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Record:
        """Inverse of `to_line`."""
        values = json.loads(line)
        score = values.pop("score")
        score["pairs"] = tuple(Pair(**pair) for pair in score["pairs"])
        score["by_rule"] = {name: (hit, false) for name, (hit, false) in score["by_rule"].items()}
        values["sweep"] = {name: (hit, false) for name, (hit, false) in values["sweep"].items()}
        values["reliability"] = tuple((p, hit, n) for p, hit, n in values["reliability"])
        # Lines from before 2026-11-29 do not say whether their case is simulated; all that were handed on are.
        values.setdefault("simulated", bool(_SIMULATED.fullmatch(values["case"])))
        return cls(score=CaseScore(**score), **values)


class RecordFile:
    """The lines in a folder; a last line that was cut off is done again."""

    def __init__(self, folder: Path | None) -> None:
        self.path = folder / RECORDS if folder is not None else None
        self.known: dict[str, Record] = {}
        if self.path is not None and self.path.is_file():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                record = _read(line)
                if record is not None:
                    self.known[record.key] = record

    def add(self, record: Record) -> None:
        """Keep a line; at once on the disk."""
        self.known[record.key] = record
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as file:  # what is written goes to the end, wherever was read
                file.write((b"\n" if _is_cut_off(file) else b"") + record.to_line().encode() + b"\n")
        except OSError as error:
            raise MachineError(f"{RECORDS} cannot be written: {error.strerror}.", "Choose another --out.") from error


def write_looks(path: Path, groups: Mapping[str, Sequence[Record]]) -> None:
    """All looks behind a page of figures, one a line, so that anyone can work the figures out again.

    Args:
        path: of a .jsonl.gz; it appears whole or not at all, and the same looks give the same bytes.
        groups: the looks of each evaluation, by its name.
    """
    lines = [
        json.dumps({"evaluation": name, **{key: value for key, value in asdict(record).items() if key not in _OWN}})
        for name, records in groups.items()
        for record in records
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_bytes(gzip.compress("\n".join([*lines, ""]).encode(), mtime=0))
    unfinished.replace(path)


def _is_cut_off(file: BinaryIO) -> bool:
    """Whether the last line of a file has no end."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _read(line: str) -> Record | None:
    """A line that was kept; None where it is not whole or cannot be true: that look is made again."""
    try:
        record = Record.from_line(line)
        return record if _can_be_true(record) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _can_be_true(record: Record) -> bool:
    from .rules import RULES

    score = record.score
    texts = (record.key, record.case, record.centre, record.sequences, score.case, record.named_patient)
    counts = [(score.detected_lesions, score.false_positives), *record.sweep.values(), *score.by_rule.values()]
    return (
        all(isinstance(each, str) for each in texts)
        and isinstance(record.facts, Mapping)
        and all(0 <= hit <= score.true_lesions and false >= 0 for hit, false in counts)
        and (score.dice is None or 0.0 <= score.dice <= 1.0)
        and bool(record.sweep)
        and bool(score.by_rule)
        and set(score.by_rule) <= set(RULES)
        and all(0.0 < float(threshold) <= 1.0 for threshold in record.sweep)
        and all(p >= 0 and 0 <= hit <= n for p, hit, n in record.reliability)
    )


def key_of(row: ManifestRow, sequences: str, weights_sha256: str, options: str) -> str:
    """What a look depends on: weights, options, sequences, and what is in the files."""
    total = hashlib.sha256(f"{VERSION} {row.case} {row.centre} {sequences} {weights_sha256} {options}".encode())
    paths = {sequence.value: path for sequence, path in row.paths.items() if sequence.value in sequences.split("+")}
    for name, path in sorted((paths | ({"labels": row.labels} if row.labels else {})).items()):
        total.update(name.encode())
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                total.update(each.read_bytes())
    return total.hexdigest()[:20]


def is_simulated(row: ManifestRow) -> bool:
    """Whether the simulator's truth lies beside the labels of a case."""
    return row.labels is not None and (row.labels.parent / TRUTH).is_file()


def facts_of(row: ManifestRow) -> dict[str, Any]:
    """What a simulated case's truth.json says about its clot; empty for other cases."""
    path = row.labels.parent / TRUTH if row.labels is not None else None
    if path is None or not path.is_file():
        return {}
    try:
        stroke = json.loads(path.read_text(encoding="utf-8")).get("stroke") or {}
    except (ValueError, OSError):
        return {}
    return {name: stroke[name] for name in ("sign_present", "volume_mm3", "segment") if name in stroke}
