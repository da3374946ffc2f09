"""Manifests: CSV with one row per case, paths relative to the file, empty where a sequence is absent."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..sequences import Sequence

COLUMNS = ("case", "centre", "split", *(s.value for s in Sequence), "labels")


@dataclass(frozen=True)
class ManifestRow:
    """One case."""

    case: str
    centre: str
    split: str
    paths: Mapping[Sequence, Path]
    labels: Path | None


def read_manifest(path: Path) -> list[ManifestRow]:
    """Rows of a manifest."""
    rows = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            paths = {s: path.parent / row[s.value] for s in Sequence if row.get(s.value)}
            labels = path.parent / row["labels"] if row.get("labels") else None
            rows.append(ManifestRow(row["case"], row["centre"], row["split"], paths, labels))
    return rows


def write_manifest(path: Path, rows: list[ManifestRow]) -> None:
    """Write a manifest; paths become relative to it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            relative = [Path(os.path.relpath(row.paths[s], path.parent)).as_posix() if s in row.paths else "" for s in Sequence]
            labels = Path(os.path.relpath(row.labels, path.parent)).as_posix() if row.labels else ""
            writer.writerow([row.case, row.centre, row.split, *relative, labels])
