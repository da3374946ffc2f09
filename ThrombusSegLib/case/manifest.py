"""Manifests: CSV with one row per case, paths relative to the file, empty where a sequence is absent."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..sequences import Sequence
from .there import short_name, why_missing

#: A case's name becomes that of a folder: nothing that could lead out of it, nor what Windows refuses.
_NAME = re.compile(r"[^\W_][^/\\:*?\"<>|\x00-\x1f]{0,127}")
#: Bytes: with the endings of the files that carry it a disk must take it. A Chinese character has three.
_LONGEST_NAME = 200
COLUMNS = ("case", "centre", "split", *(sequence.value for sequence in Sequence), "labels")
#: A column that a manifest may lack.
PATIENT = "patient"


@dataclass(frozen=True)
class ManifestRow:
    """One case."""

    case: str
    centre: str
    split: str
    paths: Mapping[Sequence, Path]
    labels: Path | None
    patient: str = ""
    """A pseudonym where the table has the column `patient`; "": the case is the only scan of its patient."""


def read_manifest(path: Path) -> list[ManifestRow]:
    """Rows of a manifest, or of the manifest.csv of a folder of cases; images are not opened.

    Raises:
        InputError: no file, no table, a column is missing, a case without a name or a sequence, or named twice, or
            scans of one patient in two splits.
    """
    path = _find(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            _check_columns(path, list(table.fieldnames or ()))
            rows = [(table.line_num, _row(path, table.line_num, values)) for values in table]
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is no table of comma-separated values.", "Save it as CSV, UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read.", "Check that you may read it.") from error
    _check_names(path, rows)
    _check_splits(path, rows)
    return [row for _, row in rows]


def _find(path: Path) -> Path:
    """The file: the manifest.csv of a folder of cases, or the path itself."""
    wrong = why_missing(path)
    folder = "" if wrong or not path.is_dir() else f" in {path.resolve().name}"
    if folder:
        path = path / "manifest.csv"
        wrong = why_missing(path)
    if wrong and wrong != "does not exist":
        raise InputError(f"The manifest {short_name(path)} {wrong}.", "Check its path, and that you may read it.")
    if wrong or not path.is_file():
        raise InputError(f"There is no manifest {short_name(path)}{folder}.", "Check its path.")
    return path


def _check_columns(path: Path, names: list[str]) -> None:
    """All columns are there, each once: of two with one name a table reader would keep the last."""
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        how = " with commas between, not semicolons" if any(";" in name for name in names) else ""
        raise InputError(f"{path.name} lacks the columns {', '.join(missing)}.", f"It needs {','.join(COLUMNS)}{how}.")
    twice = [column for column in (*COLUMNS, PATIENT) if names.count(column) > 1]
    if twice:
        raise InputError(f"{path.name} has the column {twice[0]} twice.", "Take one of the two out.")


def _check_names(path: Path, rows: list[tuple[int, ManifestRow]]) -> None:
    first: dict[str, int] = {}
    for number, row in rows:
        if first.setdefault(row.case, number) != number:
            raise InputError(
                f"Lines {first[row.case]} and {number} of {path.name} name the case {row.case} twice.",
                "Give every case a name of its own.",
            )


def _check_splits(path: Path, rows: list[tuple[int, ManifestRow]]) -> None:
    """Scans of one patient stay in one split: what was trained on would be tested on otherwise."""
    first: dict[str, tuple[int, str]] = {}
    for number, row in rows:
        if row.patient and row.split:
            line, split = first.setdefault(row.patient, (number, row.split))
            if split != row.split:
                raise InputError(
                    f"Lines {line} and {number} of {path.name} put one patient in two splits, {split} and {row.split}.",
                    "Keep all scans of a patient in one split.",
                )


def _row(manifest: Path, number: int, values: Mapping[str | None, str | list[str] | None]) -> ManifestRow:
    """A row of the table; what its cells beyond the columns hold stands under None."""
    if any(cell.strip() for cell in values.get(None) or ()):
        raise InputError(
            f"Line {number} of {manifest.name} has more cells than there are columns.", "Look for a comma too many."
        )
    texts = {column: str(values.get(column) or "").strip() for column in (*COLUMNS, PATIENT)}
    paths = {each: manifest.parent / texts[each.value] for each in Sequence if texts[each.value]}
    if not texts["case"] or not paths:
        raise InputError(
            f"Line {number} of {manifest.name} has no {'sequence' if texts['case'] else 'case name'}.", "Fill it in."
        )
    if not _NAME.fullmatch(texts["case"]):
        raise InputError(
            f"Line {number} of {manifest.name}: the case's name cannot be the name of a folder.",
            "Use letters, digits, spaces, points, lines; results are kept in a folder of that name.",
        )
    if len(texts["case"].encode()) > _LONGEST_NAME:
        raise InputError(
            f"Line {number} of {manifest.name}: the case's name is too long for the name of a file.", "Shorten it."
        )
    labels = manifest.parent / texts["labels"] if texts["labels"] else None
    return ManifestRow(texts["case"], texts["centre"], texts["split"], paths, labels, texts[PATIENT])


def splits_of(rows: list[ManifestRow]) -> str:
    """The splits that there are, in words, for whoever asked for another one."""
    names = list(dict.fromkeys(f"'{row.split}'" if row.split else "rows without a split" for row in rows))
    return ", ".join(names[:8]) or "no rows"


def write_manifest(path: Path, rows: list[ManifestRow]) -> None:
    """Write a manifest, whole or not at all; paths become relative to it. Patients have a column where any is named."""
    columns = (*COLUMNS, PATIENT) if any(row.patient for row in rows) else COLUMNS
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            images = [_relative(row.paths.get(sequence), path) for sequence in Sequence]
            cells = [row.case, row.centre, row.split, *images, _relative(row.labels, path), row.patient]
            writer.writerow(cells[: len(columns)])
    unfinished.replace(path)


def _relative(target: Path | None, manifest: Path) -> str:
    return "" if target is None else Path(os.path.relpath(target, manifest.parent)).as_posix()
