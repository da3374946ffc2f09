"""Learning from corrections: settings for fine-tuning on a folder of corrected cases, and what it brought."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..case import ManifestRow, read_case
from ..errors import InputError
from ..inference import Predictor, SegmentSettings, segment_case
from ..preprocess import onto_labels
from ..progress import Progress, report, silent
from ..training.settings import DataSettings, TrainSettings, ValidationSettings
from ..weights import WeightsEntry, add_weights, find_weights
from ..weights.header import read_header

#: Optimizer steps and highest learning rate of a fine-tuning without settings of its own: a sixth of the steps and a
#: quarter of the rate of the defaults, so that what was learnt is bent and not replaced. Our choice.
STEPS, LEARNING_RATE, WARMUP = 500, 5e-4, 25
#: Share of crops from simulated cases, so that nothing is forgotten. Our choice.
PHANTOM_SHARE = 0.5


def settings_from(
    name: str,
    corrected: Path,
    *,
    base: TrainSettings | None = None,
    named: Collection[str] = (),
    phantom_centre: str | None = None,
    phantom_share: float | None = None,
    steps: int | None = None,
) -> TrainSettings:
    """Settings that go on from registered weights with corrected cases and a share of simulated ones.

    Args:
        name: of registered weights, or a weights file; sizes, threshold and least volume are theirs, unless `named`.
        corrected: a folder of corrected cases, or a manifest.
        base: settings to start from; None: the defaults with `STEPS` and `LEARNING_RATE`.
        named: the tables and settings that the file of `base` holds ("network", "threshold"); these stay as they are.
        phantom_centre: simulated centre, or a .toml file of one; "" for none; None: that of `base`, or "A".
        phantom_share: share of crops from simulated cases, 0..1; None: that of `base`, or `PHANTOM_SHARE`.
        steps: optimizer steps; None: those of `base`, or `STEPS`.

    Raises:
        InputError: no such weights, no such folder, or a value out of its range.
    """
    entry = find_weights(name)
    if not corrected.exists():
        raise InputError(f"{corrected.name} does not exist.", "Give a folder of corrected cases.")
    count = steps if steps is not None else (base.steps if base else STEPS)
    start = base or TrainSettings(
        data=DataSettings(manifest=str(corrected)), learning_rate=LEARNING_RATE, warmup_steps=0, steps=count
    )
    theirs: dict[str, Any] = {
        "network": read_header(entry.path).metadata.settings,
        "threshold": entry.threshold,
        "minimum_volume_mm3": entry.minimum_volume_mm3,
    }
    return replace(
        start,
        **{setting: value for setting, value in theirs.items() if setting not in named},
        initial_weights=str(entry.path.resolve()),
        steps=count,
        warmup_steps=min(start.warmup_steps or WARMUP, max(0, count // 4)),
        data=_mixed(start.data if base else None, corrected, phantom_centre, phantom_share),
        validation=start.validation if base else ValidationSettings(every=0),
    )


def _mixed(base: DataSettings | None, corrected: Path, centre: str | None, share: float | None) -> DataSettings:
    """Corrected cases with simulated ones: what is given, else what the settings say, else our choice."""
    if centre is None:
        centre = base.phantom_centre if base else "A"
    if not centre:
        if share:
            raise InputError(
                f"The share of simulated crops is {share:g}, and there is no simulated centre.", "Name the centre too."
            )
        share = 0.0
    elif share is None:
        share = base.phantom_share if base else PHANTOM_SHARE
    start = base or DataSettings()
    return replace(start, manifest=str(corrected.resolve()), phantom_centre=centre, phantom_share=share)


def register(weights: Path, name: str) -> WeightsEntry:
    """Put new weights under a name into the user's registry: the module's list shows them with their card.

    Raises:
        InputError: it cannot be a name, or other weights have it.
    """
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"{name}.safetensors"
        shutil.copyfile(weights, named)
        return add_weights(named)


def before_and_after(
    rows: list[ManifestRow],
    before: Predictor,
    after: Predictor,
    *,
    settings: SegmentSettings | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Both weights on the same held-out cases: detection and Dice before and after, and their paired difference.

    Args:
        rows: cases with labels that were not trained on.
        before, after: the weights.
        settings: of both.
        progress: told after every case.

    Returns:
        "cases", and for "detection_rate", "dice_all_cases" and "false_positives_per_scan" the figures "before",
        "after" and "difference", each with "value", "low" and "high" (95 %, bootstrap over patients).

    Raises:
        InputError: no rows, or a row without labels.
    """
    from ..evaluation.bootstrap import Resamples, difference

    if not rows:
        raise InputError("There are no held-out cases.", "Give a manifest or a folder of corrected cases.")
    scores: dict[str, list[dict[str, float]]] = {"before": [], "after": []}
    for number, row in enumerate(rows):
        for part, (name, predictor) in enumerate((("before", before), ("after", after))):
            scores[name].append(_score(row, predictor, settings or SegmentSettings()))
            report(progress, (2 * number + part + 1) / (2 * len(rows)), "comparing")
    names = [row.case for row in rows]
    resamples = Resamples(names)
    found: dict[str, Any] = {"cases": len(rows)}
    for figure in scores["before"][0]:
        old, new = ([each[figure] for each in scores[name]] for name in ("before", "after"))
        found[figure] = {
            "before": asdict(resamples.figure(old)),
            "after": asdict(resamples.figure(new)),
            "difference": asdict(difference(names, new, old)),
        }
    return found


def _score(row: ManifestRow, predictor: Predictor, settings: SegmentSettings) -> dict[str, float]:
    from ..evaluation.matching import score_case

    if row.labels is None:
        raise InputError(f"Case {row.case} has no labels.", "Fill the manifest's column 'labels'.")
    case = read_case(row.paths, name=row.case, labels=row.labels)
    assert case.labels is not None
    result = segment_case(case, predictor, settings)
    predicted = onto_labels(result.segmentation, case, result.prepared, "nearest")
    score = score_case(row.case, case.labels, predicted)
    there = score.true_lesions > 0
    return {
        "detection_rate": float(score.detected) if there else float("nan"),
        "dice_all_cases": ((score.dice or 0.0) if score.detected else 0.0) if there else float("nan"),
        "false_positives_per_scan": float(score.false_positives),
    }
