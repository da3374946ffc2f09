"""results.md of an experiment on single real slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation.page import COLUMNS, NOT_REACHED, cell
from ..origin import line_of
from .page import WORDS


def slices_page(result: Mapping[str, Any]) -> str:
    """The page: data, figures before and after the fine-tuning, their difference."""
    settings, data = result["settings"], result["data"]
    judged, tuned = data["judged_on"], data["tuned_on"]
    lines = [f"# {result['title']}", "", f"Real images. {settings['source']}", ""]
    lines += [settings["comment"], ""] if settings["comment"] else []
    lines += [
        f"One slice of each of {judged['patients']} patients, {judged['with_infarct']} with an infarct in it, was "
        "judged by weights that were trained on simulated strokes only, and by the same weights after "
        f"{result['fine_tuning']['steps']} steps on slices of {tuned['patients']} other patients, "
        f"{tuned['with_infarct']} with an infarct (halves drawn with seed {settings['seed']}; file with SHA-256 "
        f"{data['sha256']}). A lesion is an infarct here, found where its probability reaches 0.5.",
        "",
        f"| weights | SHA-256 | {' | '.join(COLUMNS.values())} | slices without an infarct in which nothing is found | "
        "found at the threshold that gives at most 1 false positive a slice |",
        "|---" * (4 + len(COLUMNS)) + "|",
    ]
    for name, found in result["evaluations"].items():
        figures = [*(found["all_cases"][each] for each in COLUMNS), found["all_cases"]["specificity"]]
        limited = found["froc"]["sensitivity_at"].get("1", {"value": None, "low": None, "high": None})
        cells = [*(cell(figure) for figure in figures), cell(limited, undefined=NOT_REACHED)]
        lines.append(f"| {name} | {found['sha256']} | {' | '.join(cells)} |")
    pair = result["difference"]
    texts = [f"{words} {cell(pair['difference'][name], signed=True)}" for name, words in _words().items()]
    lines += ["", f"Fine-tuned less as shipped ({pair['resampled']} bootstrap over patients): {', '.join(texts)}."]
    return "\n".join([*lines, "", "In brackets: 95 % interval. " + line_of(result["origin"]), ""])


def _words() -> dict[str, str]:
    return {**WORDS, "detection_rate": "the share of slices in which an infarct is detected"}
