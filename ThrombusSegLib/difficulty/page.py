"""The statistics of a cohort on disk: JSON, a page in Markdown, and the montage, all or none of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..evaluation.page import cell
from ..sequences import Sequence

FIGURES, PAGE, PICTURE = "statistics.json", "statistics.md", "montage.png"
NOTES = (
    "Median (10th to 90th percentile), over the cases with a clot where the column is about clots. Contrast to noise: "
    "mean of the surrounding brain less the mean inside, over the standard deviation of the noise, on SWI or T2*; the "
    "larger, the darker against its surroundings.",
    "The floor detector (dark, tubular, near an average artery, on SWI alone) learns nothing but one threshold. In "
    "brackets: 95 % interval, bootstrap over patients; a case without SWI counts as a miss, and a find counts whose "
    "centre is right though it overlaps nothing.",
    "All cases are simulated. No figure here says anything about patients.",
)


def write_statistics(out: Path, result: dict[str, Any], origin: dict[str, Any], picture: NDArray[np.uint8]) -> None:
    """Write statistics.json, statistics.md and montage.png: prepared beside, then moved into place.

    Args:
        out: folder of the cohort.
        result: of `measure_cohort`.
        origin: what stands at the head of the JSON: command, seed, versions.
        picture: the montage, (H, W, 3).
    """
    unfinished = out / "statistics.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        sitk.WriteImage(sitk.GetImageFromArray(picture, isVector=True), unfinished / PICTURE)
        (unfinished / PAGE).write_text(page(result, origin), encoding="utf-8")
        text = json.dumps({**origin, **result}, indent=1, ensure_ascii=False)
        (unfinished / FIGURES).write_text(text + "\n", encoding="utf-8")
        for name in (PICTURE, PAGE, FIGURES):  # the figures last: where they stand, all is there
            (unfinished / name).replace(out / name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def page(result: dict[str, Any], origin: dict[str, Any]) -> str:
    """The figures in Markdown."""
    groups = dict(result["centres"])
    if len(groups) > 1:
        groups["all"] = result["all_cases"]
    parts = ["# A simulated cohort in figures", f"`{origin['command']}`"]
    parts += [_clots(groups), _missing(groups), _floor(groups), *NOTES]
    versions = ", ".join(f"{name} {value}" for name, value in origin["versions"].items())
    return "\n\n".join([*parts, f"Versions: {versions}.\n"])


def _clots(groups: dict[str, dict[str, Any]]) -> str:
    heads = ["centre", "cases", "clot-free", "clot to noise", "vein to noise", "clot, mm3", "label, mm3", "length, mm"]
    spreads = ("clot_to_noise", "vein_to_noise", "clot_mm3", "clot_label_mm3", "length_mm", "infarct_ml")
    rows = [
        [
            *(name, group["cases"], group["clot_free"]),
            *(_spread(group[each]) for each in spreads),
            *(_share(group[each]) for each in ("without_sign", "in_fragments")),
        ]
        for name, group in groups.items()
    ]
    return _table([*heads, "infarct, ml", "no susceptibility sign", "several fragments"], rows)


def _missing(groups: dict[str, dict[str, Any]]) -> str:
    rows = [
        [name, *(_share(share) for share in group["missing"].values()), _number(group["seconds_per_case"], 1)]
        for name, group in groups.items()
    ]
    return _table(["centre", *(f"without {each.value}" for each in Sequence), "seconds a case, median"], rows)


def _floor(groups: dict[str, dict[str, Any]]) -> str:
    names = ("detection_rate", "false_positives_per_scan", "dice_all_cases")
    rows = [[name, *(cell(group["floor"][each]) for each in names)] for name, group in groups.items()]
    return _table(["floor detector at", "detected", "false positives a scan", "Dice, all cases"], rows)


def _table(heads: list[str], rows: list[list[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(each) for each in line)} |" for line in lines)


def _spread(values: dict[str, Any]) -> str:
    if values["median"] is None:
        return "-"
    places = 0 if values["median"] >= 100 else 1
    return f"{values['median']:.{places}f} ({values['p10']:.{places}f} to {values['p90']:.{places}f})"


def _share(share: dict[str, Any]) -> str:
    return "-" if share["value"] is None else f"{share['value']:.0%} ({share['count']} of {share['of']})"


def _number(value: float | None, places: int) -> str:
    return "not measured" if value is None else f"{value:.{places}f}"
