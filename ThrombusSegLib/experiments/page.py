"""results.md: every figure in a sentence or a table, with where it comes from beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..evaluation.page import absence_table, cell, group_table, other_definitions, threshold_table
from ..origin import line_of
from .cohorts import CohortFacts

WORDS = {
    "detection_rate": "the share of thrombi detected",
    "dice_all_cases": "Dice over all cases",
    "false_positives_per_scan": "false positives a scan",
}


def page_of(result: Mapping[str, Any]) -> str:
    """The page of an experiment of kind "evaluation"."""
    lines = [f"# {result['title']}", "", notice(result), ""]
    for name, found in result["evaluations"].items():
        lines += [f"## {name}", "", sentence(result, found), "", *_groups(found), *other_definitions(found), ""]
        lines += [*threshold_table(found), ""]
        lines += absence_table(found)
    if result["comparisons"]:
        lines += ["## Differences", ""]
    for pair in result["comparisons"]:
        lines += [difference_sentence(pair["first"], pair["second"], pair), ""]
    return "\n".join([*lines, *origin_lines(result)])


def notice(result: Mapping[str, Any]) -> str:
    """What the reader must know before any figure."""
    if all(facts["simulated"] for facts in result["cohorts"].values()):
        return "All cases are simulated: no image of a patient is behind any of these figures."
    return "Research software; figures hold for the data that are named with them."


def sentence(result: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """The main figures of an evaluation, with data, seeds and weights."""
    facts, figures, weights = cohort_of(result, found["cohort"]), found["all_cases"], found["weights"]
    point = found["operating_point"]
    looks = (
        "" if found["sequences"] == "as acquired" else f", each with every subset of its sequences ({_looks(found)})"
    )
    return (
        f"On {facts.words}, of which {facts.clot_free} have no clot{looks}, the weights {weights['name']} "
        f"(trained on {weights['trained_on']}; SHA-256 {weights['sha256']}) at threshold {point['threshold']:g} and "
        f"from {point['minimum_volume_mm3']:g} mm³ detect {cell(figures['detection_rate'])} of the "
        f"{'simulated ' * facts.simulated}thrombi at {cell(figures['false_positives_per_scan'])} false positives a "
        f"scan, with Dice {cell(figures['dice_all_cases'])} over all cases, a miss counting 0."
    )


def _looks(found: Mapping[str, Any]) -> str:
    return f"{found['all_cases']['cases']} looks"


def cohort_of(result: Mapping[str, Any], name: str) -> CohortFacts:
    """What is known of the cases of an evaluation."""
    values = result["cohorts"][name]
    return CohortFacts(**{**values, "centres": tuple(values["centres"]), "seeds": tuple(values["seeds"])})


def _groups(found: Mapping[str, Any]) -> list[str]:
    """All cases, centres, strata and subsets, one a row."""
    groups = {"all": found["all_cases"], **found["centres"], **found["strata"]}
    if len(found["subsets"]) > 1:
        groups |= found["subsets"]
    return [*group_table(groups), ""]


def difference_sentence(first: str, second: str, pair: Mapping[str, Any]) -> str:
    """One evaluation less another."""
    texts = [f"{words} {cell(pair['difference'][name], signed=True)}" for name, words in WORDS.items()]
    return f"{first} less {second} ({pair['resampled']} bootstrap over patients): {', '.join(texts)}."


def origin_lines(result: Mapping[str, Any]) -> list[str]:
    """The last lines of a page."""
    return [
        "",
        "In brackets: 95 % interval, expanded percentile bootstrap over patients. " + line_of(result["origin"]),
        "",
    ]
