"""`thrombusseg batch`: many cases, one row of results each; starts again where it stopped."""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MachineError, ThrombusSegError
from .options import add_run_options, folder, is_there, settings_of

if TYPE_CHECKING:
    from ..case import ManifestRow
    from ..worker import Predictors

#: One row per case, with the measures of its most suspicious candidate; all candidates are in the case's lesions.csv.
COLUMNS = (
    "case", "centre", "status", "sequences", "candidates", "thrombus_found", "probability_max", "volume_mm3",
    "length_feret_mm", "width_mm", "side", "seconds", "weights_sha256", "request", "error", "advice",
)  # fmt: skip


def add_parser(commands: Any) -> None:
    """Add the command to the main parser."""
    parser = commands.add_parser(
        "batch",
        help="find the thrombus in many cases",
        description="Segment every case of a manifest (CSV: case,centre,split,SWI,DWI,ADC,FLAIR,TOF,labels). Each gets "
        "a folder in DIR, and a row in DIR/results.csv. Cases that are done with the same weights, options and "
        "unchanged files are not done again; a case that fails is a row too, and is tried again next time.",
    )
    parser.add_argument("manifest", type=folder, metavar="MANIFEST.csv")
    parser.add_argument("--out", type=folder, metavar="DIR", required=True, help="folder for the results")
    add_run_options(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Returns 0 when every case has a result, 2 when some input was at fault; a full disk ends the batch (3)."""
    from ..case import read_manifest
    from ..weights import find_weights
    from ..worker import Predictors

    manifest = read_manifest(is_there(arguments.manifest))
    _folders(manifest)
    entry = find_weights(arguments.weights)  # a wrong name is the fault of the call, not of every case
    results = arguments.out / "results.csv"
    _check_writable(arguments.out)
    done = _read_done(results)
    rows: dict[str, Mapping[str, Any]] = {row.case: done[row.case] for row in manifest if row.case in done}
    predictors = Predictors()
    for number, row in enumerate(manifest, 1):
        print(f"[{number}/{len(manifest)}] {row.case}", end="", file=sys.stderr, flush=True)
        request = _request(row, entry.sha256, arguments)
        there = (arguments.out / _folder(row.case) / "result.json").is_file()
        if there and row.case in rows and rows[row.case].get("request") == request:
            print(": already done", file=sys.stderr)
            continue
        rows[row.case] = {**_one(row, arguments, predictors), "request": request}
        _write(results, (rows[each.case] for each in manifest if each.case in rows))
        print(f": {rows[row.case]['error'] or rows[row.case]['status']}", file=sys.stderr)
    failed = [case for case, row in rows.items() if row["status"] != "done"]
    print(f"{len(rows) - len(failed)} of {len(manifest)} cases done, {len(failed)} failed. Table: {results}")
    return 2 if failed else 0


def _one(row: ManifestRow, arguments: argparse.Namespace, predictors: Predictors) -> dict[str, Any]:
    from ..worker import Job, run_job

    facts: dict[str, Any] = {
        "case": row.case,
        "centre": row.centre,
        "sequences": " ".join(each.value for each in row.paths),
    }
    job = Job(
        inputs=row.paths,
        out=arguments.out / _folder(row.case),
        settings=settings_of(arguments),
        weights=arguments.weights,
        device=arguments.device,
        name=row.case,
    )
    try:
        result = run_job(job, predictors)
    except ThrombusSegError as error:
        return _row({**facts, "status": error.kind, "error": error.sentence, "advice": error.advice})
    except Exception as error:  # noqa: BLE001 - one case must not end a batch; the defect is shown and recorded
        print(file=sys.stderr)
        traceback.print_exc()
        return _row({**facts, "status": "defect", "error": type(error).__name__})
    first = result["candidates"][0] if result["candidates"] else {}
    facts |= {"status": "done", "candidates": len(result["candidates"]), "thrombus_found": result["thrombus_found"]}
    facts |= {"seconds": result["seconds"]["total"], "weights_sha256": result["weights"]["sha256"]}
    return _row({**first, **facts})


def _row(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {column: facts.get(column, "") for column in COLUMNS}


def _folders(manifest: Iterable[ManifestRow]) -> None:
    """Two cases must not share a folder, also where capital letters do not count."""
    owners: dict[str, str] = {}
    for row in manifest:
        other = owners.setdefault(_folder(row.case).lower(), row.case)
        if other != row.case:
            raise InputError(f"The cases {other} and {row.case} would share a folder.", "Rename one of them.")


def _folder(case: str) -> str:
    """The case's name as a folder's name on every system."""
    return re.sub(r"[^\w.-]+", "_", case).strip("._") or "case"


def _request(row: ManifestRow, weights_sha256: str, arguments: argparse.Namespace) -> str:
    """A short checksum of what a result depends on: weights, options, and what is in the files."""
    total = hashlib.sha256(f"{weights_sha256} {settings_of(arguments)!r}".encode())
    for sequence, path in sorted(row.paths.items()):
        total.update(sequence.value.encode())
        for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if each.is_file():
                total.update(each.read_bytes())
    return total.hexdigest()[:16]


def _check_writable(out: Path) -> None:
    """A folder that cannot be written is found before the first case, not after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise MachineError(f"The folder {out.name} cannot be written: {reason}.", "Choose another --out.") from error


def _read_done(results: Path) -> dict[str, Mapping[str, Any]]:
    """Rows of an earlier run that has a result, by case."""
    if not results.is_file():
        return {}
    with results.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("status") == "done"]
    return {row["case"]: row for row in rows}


def _write(results: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    temporary = results.with_suffix(".partial")
    try:
        results.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(results)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise MachineError(f"{results.name} cannot be written: {reason}.", "Check the disk.") from error
