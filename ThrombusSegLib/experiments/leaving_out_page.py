"""results.md of an experiment that leaves out one patient after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..evaluation.page import plain
from ..origin import line_of

COLUMNS = {
    "lesion_f1": "lesion-wise F1",
    "lesion_sensitivity": "lesions found",
    "false_positives_per_scan": "false positives a scan",
    "dice": "Dice",
}


def leaving_out_page(result: Mapping[str, Any]) -> str:
    """The page: patients, one table of subsets for each variant, sensitivity by size, and what was trained."""
    settings, patients = result["settings"], result["patients"]
    lines = [f"# {result['title']}", "", f"Real images. {settings['source']}", ""]
    lines += [settings["comment"], ""] if settings["comment"] else []
    lines += [
        f"{len(patients)} patients, each judged by networks that were trained on the other {len(patients) - 1}; the "
        "figures are pooled over the patients. So few patients allow no interval: the figures show that the method "
        "runs and learns on real images, and how it degrades, and not how well it would do on others.",
        "",
        "| patient | lesions | median, mm³ | total, mm³ |",
        "|---|---|---|---|",
        *(
            f"| {plain(name)} | {p['lesions']} | {_text(p['median_mm3'])} | {p['total_mm3']} |"
            for name, p in patients.items()
        ),
        "",
    ]
    for variant, found in result["variants"].items():
        lines += [f"## {variant}", "", *_table(found["subsets"], settings["sizes_mm3"]), ""]
    return "\n".join([*lines, *_trainings(result), "", line_of(result["origin"]), ""])


def _table(subsets: Mapping[str, Any], limits: Sequence[float]) -> list[str]:
    sizes = [f"found of those {words}" for words in _ranges(limits)]
    lines = [
        f"| sequences | {' | '.join([*COLUMNS.values(), *sizes])} |",
        "|---" * (1 + len(COLUMNS) + len(sizes)) + "|",
    ]
    for name, figures in subsets.items():
        cells = [*(figures[each] for each in COLUMNS), *figures["sensitivity_by_size"]]
        lines.append(f"| {plain(name)} | {' | '.join(_text(each) for each in cells)} |")
    return lines


def _ranges(limits: Sequence[float]) -> list[str]:
    between = [f"of {low:g} to {high:g} mm³" for low, high in pairwise(limits)]
    return [f"below {limits[0]:g} mm³", *between, f"from {limits[-1]:g} mm³"] if limits else ["of any size"]


def _trainings(result: Mapping[str, Any]) -> list[str]:
    lines = [
        "## What was trained",
        "",
        "| variant | without | seed | parameters | steps | hours | SHA-256 of the weights |",
        "|---" * 7 + "|",
    ]
    for variant, found in result["variants"].items():
        for run in found["trainings"]:
            cells = [run[name] for name in ("without", "seed", "parameters", "steps", "hours", "sha256")]
            lines.append(f"| {plain(variant)} | {' | '.join(plain(str(each)) for each in cells)} |")
    return lines


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
