"""results.md of a training comparison: one table for each set of cases, the differences in it, and what was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..evaluation.page import NOT_REACHED, cell, plain
from .page import WORDS, cohort_of, notice, origin_lines

#: Of the points of the FROC curve the one that is shown: false positives a scan.
_LIMIT = "1"
_NONE = {"value": None, "low": None, "high": None}


def comparison_page(result: Mapping[str, Any]) -> str:
    """The page of an experiment of kind "training comparison"."""
    settings, budget = result["settings"], result["budget"]
    seeds = ", ".join(map(str, budget["seeds"]))
    lines = [f"# {result['title']}", "", notice(result), ""]
    lines += [settings["comment"], ""] if settings["comment"] else []
    lines += [
        f"Every variant was trained{_on(result)} for {budget['steps']} steps of {budget['batch']} crops of "
        f"{budget['crop']['slices']} x {budget['crop']['pixels']} x {budget['crop']['pixels']} voxels, with the seeds "
        f'{seeds}; differences are paired, on the same cases and seeds, against "{settings["reference"]}".',
        "",
    ]
    for name, wanted in settings["evaluations"].items():
        facts = cohort_of(result, wanted["cohort"])
        how = "with every subset of their sequences" if wanted["subsets"] == "all" else "with the sequences they have"
        lines += [f"## {name}", "", f"Judged on {facts.words}, of which {facts.clot_free} have no clot, {how}.", ""]
        lines += [*_figures(result, name), *_differences(result, name)]
    return "\n".join([*lines, *_trainings(result), *origin_lines(result)])


def _on(result: Mapping[str, Any]) -> str:
    name = result["settings"]["training"]
    return f" on {cohort_of(result, name).words}" if name else ""


def _figures(result: Mapping[str, Any], name: str) -> list[str]:
    columns = (*WORDS, "dice_detected_cases")
    lines = [
        "| variant | detected | Dice, all cases | false positives a scan | Dice, detected | detected at the threshold "
        f"that gives at most {_LIMIT} false positive a scan |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for variant, found in result["variants"].items():
        figures = found["evaluations"][name]
        cells = [cell(figures["all_cases"][each]) for each in columns]
        cells.append(cell(figures["froc"]["sensitivity_at"].get(_LIMIT, _NONE), undefined=NOT_REACHED))
        lines.append(f"| {plain(variant)} | {' | '.join(cells)} |")
    return [*lines, ""]


def _differences(result: Mapping[str, Any], name: str) -> list[str]:
    pairs = [pair for pair in result["comparisons"] if pair["evaluation"] == name]
    if not pairs:
        return []
    lines = [f'| less "{plain(pairs[0]["second"])}" | {" | ".join(WORDS.values())} |', "|---" * (1 + len(WORDS)) + "|"]
    for pair in pairs:
        cells = " | ".join(cell(pair["difference"][each], signed=True) for each in WORDS)
        lines.append(f"| {plain(pair['first'])} | {cells} |")
    return [*lines, ""]


def _trainings(result: Mapping[str, Any]) -> list[str]:
    lines = [
        "## What was trained",
        "",
        "| variant | differs in | seed | parameters | steps | hours | SHA-256 of the weights |",
        "|---" * 7 + "|",
    ]
    for variant, found in result["variants"].items():
        for run in found["trainings"]:
            differs = f"`{json.dumps(found['differs'])}`" if found["differs"] else "nothing"
            cells = [variant, differs, *(run[each] for each in ("seed", "parameters", "steps", "hours", "sha256"))]
            lines.append(f"| {' | '.join(plain(str(each)) for each in cells)} |")
    return lines
