"""How hard a simulated cohort is: contrast, sizes, what is missing, how far a trivial detector gets. Needs no torch.

Figures on simulated patients bound nothing but themselves; they say whether the simulator is harder or easier than the
literature has it, and what a network has to beat.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from ..case import ManifestRow, read_image
from ..case.case import read_labels
from ..errors import InputError
from ..evaluation.matching import CaseScore, score_case
from ..evaluation.metrics import summarise
from ..processes import start_processes
from ..progress import Progress, report, silent
from ..sequences import Sequence
from ..version import __version__
from .floor import FloorSettings, find_dark_tubes

#: Figure -> where truth.json keeps it.
NUMBERS = {
    "clot_to_noise": ("measured", "clot_to_noise"),
    "vein_to_noise": ("measured", "vein_to_noise"),
    "clot_mm3": ("stroke", "volume_mm3"),
    "clot_label_mm3": ("measured", "clot_label_mm3"),
    "length_mm": ("stroke", "length_mm"),
    "width_mm": ("stroke", "width_mm"),
    "infarct_ml": ("stroke", "infarct_ml"),
}
#: What is reported of the floor detector.
FLOOR_FIGURES = ("detection_rate", "false_positives_per_scan", "dice_all_cases")


@dataclass(frozen=True)
class CaseFacts:
    """What one simulated case contributes."""

    case: str
    patient: str
    """The same at every centre at which a simulated patient is scanned."""
    centre: str
    clot: bool
    sign_present: bool | None
    """Whether the clot was drawn with the susceptibility vessel sign; None without a clot."""
    fragments: int | None
    """Pieces of the clot; None without a clot."""
    numbers: dict[str, float]
    """Those of `NUMBERS` that are known of the case; units as in their names, contrasts in standard deviations."""
    missing: tuple[str, ...]
    """Sequences that the case lacks."""
    floor: CaseScore
    """Of the floor detector."""


def measure_cohort(
    rows: list[ManifestRow],
    *,
    processes: int = 1,
    seconds: dict[str, float] | None = None,
    settings: FloorSettings | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Statistics of a simulated cohort, per centre and for all cases.

    Args:
        rows: its manifest; beside each case's labels lies truth.json.
        processes: how many cases are measured side by side.
        seconds: case -> time its simulation took, where known.
        settings: of the floor detector; None takes the chosen ones.
        progress: told after every case.

    Returns:
        "all_cases" and "centres" (name -> the same figures), "cases" (facts of each) and "floor_settings".

    Raises:
        InputError: no rows, or a row without labels or truth.
    """
    if not rows:
        raise InputError("The manifest has no cases.", "Add rows.")
    settings = settings or FloorSettings()
    facts = []
    for done, fact in enumerate(_measured(rows, settings, processes), 1):
        facts.append(fact)
        report(progress, done / len(rows), "measuring")
    centres = {name: [fact for fact in facts if fact.centre == name] for name in dict.fromkeys(f.centre for f in facts)}
    return {
        "all_cases": summary(facts, seconds or {}),
        "centres": {name: summary(members, seconds or {}) for name, members in centres.items()},
        "floor_settings": asdict(settings),
        "cases": [asdict(fact) for fact in facts],
    }


def read_facts(row: ManifestRow, settings: FloorSettings) -> CaseFacts:
    """Read a case's truth, and let the floor detector look at its SWI.

    Raises:
        InputError: no labels, or no truth.json that can be read beside them.
    """
    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Simulate it again.")
    truth = read_truth(row.labels.parent)
    stroke = truth.get("stroke") or {}
    return CaseFacts(
        case=row.case,
        patient=f"{truth.get('seed')}-{truth.get('number')}" if "number" in truth else row.case,
        centre=row.centre,
        clot=bool(stroke),
        sign_present=bool(stroke["sign_present"]) if "sign_present" in stroke else None,
        fragments=int(stroke["fragments"]) if "fragments" in stroke else None,
        numbers=dict(_numbers(truth)),
        missing=tuple(sequence.value for sequence in Sequence if sequence not in row.paths),
        floor=score_floor(row.case, row.paths.get(Sequence.SWI), row.labels, settings),
    )


def read_truth(folder: Path) -> dict[str, Any]:
    """A case's truth.json; `InputError` where there is none that can be read."""
    try:
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Case {folder.name} has no truth.json that can be read.", "Simulate it again.") from error
    if not isinstance(truth, dict) or not isinstance(truth.get("stroke") or {}, dict):
        raise InputError(f"truth.json of case {folder.name} is not one of a simulated case.", "Simulate it again.")
    return truth


def score_floor(case: str, swi: Path | None, labels: Path, settings: FloorSettings) -> CaseScore:
    """Score the floor detector on a case; without SWI it finds nothing."""
    truth = read_labels(labels)
    if swi is None:
        return score_case(case, truth, truth * 0)
    found = find_dark_tubes(read_image(swi), settings)
    return score_case(case, truth, sitk.Resample(found, truth, sitk.Transform(), sitk.sitkNearestNeighbor, 0))


def summary(facts: list[CaseFacts], seconds: dict[str, float]) -> dict[str, Any]:
    """Figures of a group of cases; those of clots are over the cases that have one."""
    clots = [fact for fact in facts if fact.clot]
    floor = summarise([fact.floor for fact in facts], [fact.patient for fact in facts]).as_dict()
    known = [seconds[fact.case] for fact in facts if fact.case in seconds]
    return {
        "cases": len(facts),
        "clot_free": len(facts) - len(clots),
        **{name: spread(fact.numbers[name] for fact in facts if name in fact.numbers) for name in NUMBERS},
        "without_sign": share(fact.sign_present is False for fact in clots),
        "in_fragments": share((fact.fragments or 1) > 1 for fact in clots),
        "missing": {each.value: share(each.value in fact.missing for fact in facts) for each in Sequence},
        "seconds_per_case": round(float(np.median(known)), 2) if known else None,
        "floor": {name: floor[name] for name in FLOOR_FIGURES} | {"detected": floor["detected"]},
    }


def spread(values: Iterable[float]) -> dict[str, float | int | None]:
    """Median, 10th and 90th percentile (linear between ranks), and of how many cases; None where of none."""
    known = np.array(list(values), dtype=np.float64)
    if not known.size:
        return {"median": None, "p10": None, "p90": None, "cases": 0}
    low, median, high = (round(float(each), 3) for each in np.percentile(known, [10, 50, 90]))
    return {"median": median, "p10": low, "p90": high, "cases": int(known.size)}


def share(values: Iterable[bool]) -> dict[str, float | int | None]:
    """Share of those that are true, 0..1, their number, and of how many; None where of none."""
    known = list(values)
    return {"value": round(sum(known) / len(known), 4) if known else None, "count": sum(known), "of": len(known)}


def versions() -> dict[str, str]:
    """Of everything that can change a figure."""
    found = {"thrombusseg": __version__, "python": platform.python_version()}
    found |= {name: metadata.version(name) for name in ("SimpleITK", "numpy", "scipy")}
    return {**found, "system": f"{platform.system()} {platform.machine()}"}


def _numbers(truth: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, (part, key) in NUMBERS.items():
        value = (truth.get(part) or {}).get(key)
        if value is not None and (truth.get("stroke") or not name.startswith("clot")):
            yield name, float(value)


def _measured(rows: list[ManifestRow], settings: FloorSettings, processes: int) -> Iterator[CaseFacts]:
    if processes == 1:
        for row in rows:
            yield read_facts(row, settings)
        return
    with start_processes(processes) as pool:
        yield from pool.map(read_facts, rows, [settings] * len(rows))
