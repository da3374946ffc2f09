"""The figures as files: a table in Markdown, and pictures as SVG."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .plots import Point, curve, scatter
from .subset_map import SubsetRow, subset_map

#: Keys of a group's figures and what stands above them.
COLUMNS = {
    "detection_rate": "detected",
    "dice_all_cases": "Dice, all cases",
    "dice_detected_cases": "Dice, detected",
    "false_positives_per_scan": "false positives a scan",
}
MORE = {
    "specificity": "clot-free scans without a false alarm (share)",
    "false_positives_per_clot_free_scan": "false positives per clot-free scan",
    "volume_error_percent": "volume error of detected clots, % of the true volume",
    "length_error_mm": "length error of detected clots, mm",
    "hausdorff95_mm": "95 % Hausdorff distance of detected clots, mm",
}
#: Thresholds of a table, from and to.
LOOKED_UP = (0.3, 0.995)
#: Where no threshold has so few false positives.
NOT_REACHED = "not reached"
NAMES = {
    "overlap": "any voxel in common (ISLES 2022)",
    "iou_0.1": "IoU at least 0.1",
    "iou_0.2": "IoU at least 0.2",
    "iou_0.5": "IoU at least 0.5",
}


def files_of(result: Mapping[str, Any], command: str) -> dict[str, str]:
    """File names and their content."""
    files = {
        "metrics.md": table(result),
        "froc.svg": _froc(result),
        "dice-volume.svg": _dice_volume(result),
        "reliability.svg": _reliability(result),
    }
    if len(result["subsets"]) > 1 and "cost_of_absence" in result:
        files["subsets.svg"] = _heat_map(result)
        files["subsets.json"] = json.dumps(_small(result, command), indent=1)
    return files


def table(result: Mapping[str, Any]) -> str:
    """The figures as tables in Markdown."""
    groups = {"all": result["all_cases"], **result["centres"], **result["strata"], **result["subsets"]}
    lines = [_origin(result), "", *group_table(groups)]
    lines += ["", "| all cases | |", "|---|---|"]
    lines += [f"| {title} | {cell(result['all_cases'][key])} |" for key, title in MORE.items()]
    for limit, figure in result["froc"]["sensitivity_at"].items():
        lines.append(
            f"| detected with at most {limit} false positives a scan | {cell(figure, undefined=NOT_REACHED)} |"
        )
    error = result["calibration"]["expected_error"]
    lines.append(f"| expected calibration error of voxels from 0.05 | {'-' if error is None else f'{error:.3f}'} |")
    lines += ["", *other_definitions(result)]
    lines += ["", *threshold_table(result), ""]
    lines += absence_table(result)
    return "\n".join([*lines, "In brackets: 95 % interval, bootstrap over patients.", ""])


def group_table(groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The main figures of groups of looks, one a row."""
    header = f"| cases | looks | with a clot | patients | {' | '.join(COLUMNS.values())} |"
    lines = [header, "|---" * (4 + len(COLUMNS)) + "|"]
    for name, figures in groups.items():
        cells = " | ".join(cell(figures[key]) for key in COLUMNS)
        patients = figures.get("patients", "-")  # not told before 2026-11-29
        counts = [figures["cases"], figures["with_thrombus"], patients]
        lines.append(f"| {plain(name)} | {' | '.join(map(str, counts))} | {cells} |")
    return lines


def _origin(result: Mapping[str, Any]) -> str:
    """Which weights, at which threshold, when: a page that is passed on alone says so."""
    weights, point, kind = result["weights"], result["operating_point"], _simulated(result)
    cases = f"{kind}cases. ".capitalize() if kind else ""
    return (
        f"{cases}Weights {plain(weights['name'])} (trained on "
        f"{plain(weights['trained_on'])}; SHA-256 {weights['sha256']}), threshold {point['threshold']:g}, from "
        f"{point['minimum_volume_mm3']:g} mm³; {result['created']}."
    )


def other_definitions(found: Mapping[str, Any]) -> list[str]:
    """What is detected, and what is false, by the rules that other papers use."""
    lines = ["| other definitions | detected | false positives a scan |", "|---|---|---|"]
    for name, other in found["all_cases"]["other_definitions"].items():
        figures = (other["detection_rate"], other["false_positives_per_scan"])
        lines.append(f"| {NAMES[name]} | {' | '.join(cell(figure) for figure in figures)} |")
    return lines


def threshold_table(found: Mapping[str, Any]) -> list[str]:
    """What is found at other thresholds; where some looks have SWI and some have not, of each apart."""
    parts = {"with SWI or T2*": "froc_with_swi", "without": "froc_without_swi"}
    curves = {f"{name}: ": found[key]["points"] for name, key in parts.items() if key in found}
    curves = curves or {"": found["froc"]["points"]}
    titles = [f"{name}detected | {name}false positives a scan" for name in curves]
    rows = [
        f"| {points[0]['threshold']:g} | {' | '.join(_point(point) for point in points)} |"
        for points in zip(*curves.values(), strict=True)
        if LOOKED_UP[0] <= points[0]["threshold"] <= LOOKED_UP[1]
    ]
    header = [f"| threshold | {' | '.join(titles)} |", "|---" * (1 + 2 * len(curves)) + "|"]
    return [*header, *rows, "", "One threshold for all looks of a column; no interval."]


def _point(point: Mapping[str, float | None]) -> str:
    rate = point["detection_rate"]
    return f"{'-' if rate is None else f'{rate:.2f}'} | {point['false_positives_per_scan']:.2f}"


def absence_table(found: Mapping[str, Any]) -> list[str]:
    """What the absence of each sequence costs, and the mean over subsets; empty where there is one subset only."""
    if "cost_of_absence" not in found:
        return []
    lines = [
        "| absent sequence | lost in detection | more false positives a scan | pairs of looks |",
        "|---|---|---|---|",
    ]
    for name, cost in found["cost_of_absence"].items():
        lines.append(_cost_row(name, cost))
        parts = {"with SWI or T2*": "with_swi", "without SWI or T2*": "without_swi"}
        lines += [_cost_row(f"{name}, {words}", cost[key]) for words, key in parts.items() if key in cost]
    mean = found["weighted_by_prevalence"]
    if mean["detection_rate"] is not None:
        lines += [
            "",
            f"Weighted by how often the subsets occur at the simulated centres B to F: {mean['detection_rate']:.2f} "
            f"detected at {mean['false_positives_per_scan']:.2f} false positives a scan (no interval)"
            f"{_share_of(mean)}.",
        ]
    return [*lines, ""]


def _cost_row(name: str, cost: Mapping[str, Any]) -> str:
    false = cost.get("false_positives_per_scan")  # experiments from before 2026-11-29 lack it
    more = "-" if false is None else cell(false, signed=True)
    return f"| {name} | {cell(cost['detection_rate'])} | {more} | {cost['pairs']} |"


def _share_of(mean: Mapping[str, Any]) -> str:
    """What a mean over some of the subsets that occur there leaves out, as the end of a sentence; "" if nothing."""
    share = float(mean["share_covered"])
    return "" if share > 0.995 else f", over the {100 * share:.0f} % of the scans there that have one of these subsets"


def cell(figure: Mapping[str, float | None], *, signed: bool = False, undefined: str = "-") -> str:
    """A figure with its interval; without one where it has none."""
    value, low, high = figure["value"], figure["low"], figure["high"]
    if value is None:
        return undefined
    digits = 2 if abs(value) < 20 else 0
    text = f"{value:{'+' * signed}.{digits}f}"
    return text if low is None or high is None else f"{text} ({low:.{digits}f} to {high:.{digits}f})"


def plain(name: str) -> str:
    """A name that is not ours, as a cell of a table in Markdown: none of its signs is taken for one of the table."""
    return " ".join(name.split()).replace("|", "\\|").replace("<", "&lt;")


def _small(result: Mapping[str, Any], command: str) -> dict[str, Any]:
    """What a panel needs to say what a subset of the sequences is worth."""
    wanted = ("detection_rate", "dice_all_cases", "false_positives_per_scan", "cases", "with_thrombus")
    return {
        "weights": result["weights"],
        "operating_point": result["operating_point"],
        "command": command,
        "created": result["created"],
        "subsets": {name: {key: figures[key] for key in wanted} for name, figures in result["subsets"].items()},
    }


def _froc(result: Mapping[str, Any]) -> str:
    points = [
        Point(point["false_positives_per_scan"], point["detection_rate"], f"{point['threshold']:g}")
        for point in result["froc"]["points"]
        if point["detection_rate"] is not None
    ]
    title = "Share of cases detected against false positives a scan, by threshold"
    about = f"{_about(result)}; ring: as delivered, at {result['operating_point']['threshold']:g}"
    return curve(title, points, "false positives a scan", about, marked=_delivered(result))


def _delivered(result: Mapping[str, Any]) -> Point | None:
    """The working point, at the threshold of the weights or the caller; None where no case has a clot."""
    detected, false = (result["all_cases"][key]["value"] for key in ("detection_rate", "false_positives_per_scan"))
    return None if detected is None else Point(false, detected)


def _dice_volume(result: Mapping[str, Any]) -> str:
    points = [
        Point(score["true_mm3"], (score["dice"] or 0.0) * score["detected"], score["case"], filled=score["detected"])
        for score in result["scores"]
        if score["true_lesions"]
    ]
    title = "Dice against the volume of the clot; a miss is 0, and hollow"
    return scatter(title, points, "volume of the clot, mm³", _about(result))


def _reliability(result: Mapping[str, Any]) -> str:
    """What the probabilities are worth; on the dashed line they would be what they say."""
    bins = result["calibration"]["bins"]
    points = [Point(each["probability"], each["thrombus"]) for each in bins]
    title = "Share of voxels that are thrombus, by the probability given to them"
    about = f"{_about(result)}; {sum(each['voxels'] for each in bins):,} voxels from 0.05"
    return curve(title, points, "probability (right where it equals the share: dashed)", about, shares=True)


def _about(result: Mapping[str, Any]) -> str:
    """Cases and weights."""
    cases = len({(score["centre"], score["case"]) for score in result["scores"]})
    return f"{cases} {_simulated(result)}cases ({', '.join(result['centres'])}); weights {result['weights']['name']}"


def _simulated(result: Mapping[str, Any]) -> str:
    """ "simulated " where all cases are, "partly simulated " where some are."""
    flags = [score["simulated"] for score in result["scores"]]
    return "simulated " if all(flags) else "partly simulated " if any(flags) else ""


def _heat_map(result: Mapping[str, Any]) -> str:
    rows = {name: _subset_row(figures) for name, figures in result["subsets"].items()}
    cases = len({(score["centre"], score["case"]) for score in result["scores"]})
    whose = f"{cases} {_simulated(result)}cases ({', '.join(result['centres'])})"
    counts = {figures["cases"] for figures in result["subsets"].values()}
    each = (
        f"The same {whose} with each subset"
        if counts == {cases}
        else f"{whose}, each with the subsets of its own sequences: {min(counts)} to {max(counts)} cases a row"
    )
    about = f"{each}; weights {result['weights']['name']}"
    return subset_map("What each subset of the sequences is worth", about, rows)


def _subset_row(figures: Mapping[str, Any]) -> SubsetRow:
    detected = figures["detection_rate"]
    return SubsetRow(
        detected=detected["value"],
        low=detected["low"],
        high=detected["high"],
        dice=figures["dice_all_cases"]["value"],
        false_positives=figures["false_positives_per_scan"]["value"],
    )
