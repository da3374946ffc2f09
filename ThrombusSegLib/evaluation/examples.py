"""A hit, a miss and a false alarm of an evaluation as pictures, chosen by rule and never by hand.

The looks tell which cases these are; only they are segmented once more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ..case import Case, ManifestRow
from ..files import errors_of_the_disk, unfinished_folder, write_text
from ..inference.result import SegmentSettings
from ..preprocess import Prepared
from ..preprocess.prepare import find_drawn_on, pose_of_labels, prepare_labels
from ..progress import Progress, report, silent
from ..sequences import Sequence as MRSequence
from .example_picture import Example, draw_example, mean_attention, need_matplotlib
from .looks import Look, segment_look
from .matching import lesions_of, match
from .record import Record

if TYPE_CHECKING:
    from ..inference import Predictor

FILES = ("examples.json", "examples.md")
HIT, MISS, ALARM = "hit", "miss", "false alarm"
TITLES = {HIT: "Hit: the thrombus is found", MISS: "Miss: the thrombus is not found", ALARM: "False alarm"}
#: Only looks with all the sequences that a case has are chosen from.
RULES = {
    HIT: "of the cases with a detected thrombus, the one with the median Dice",
    MISS: "of the cases of which no thrombus is detected, the one with the largest volume of thrombus",
    ALARM: "of the cases without a thrombus that have a false positive (where there is none, of all cases), the one "
    "that keeps it up to the highest threshold of the FROC curve, of several the first by name; in it the surest "
    "predicted lesion that touches no true thrombus",
}


@dataclass(frozen=True)
class _Found:
    """A lesion of a look, and how sure the network was of it."""

    look: Look
    record: Record
    predicted: sitk.Image
    """uint8 on the labels' grid: all predicted lesions."""
    lesion: NDArray[np.bool_]
    """(Z, Y, X) of the labels' grid."""
    peak: float
    """Highest probability inside."""


def choose(records: Iterable[Record]) -> dict[str, Record]:
    """The looks by the rules; a kind is absent where there is none. Of each case only the look with the most sequences
    counts.
    """
    fullest: dict[str, Record] = {}
    for each in records:
        known = fullest.get(each.case)
        if known is None or each.sequences.count("+") > known.sequences.count("+"):
            fullest[each.case] = each
    ordered = sorted(fullest.values(), key=lambda record: (record.score.true_mm3, record.case))
    hits = sorted((each for each in ordered if each.score.detected), key=lambda record: record.score.dice or 0.0)
    misses = [each for each in ordered if each.score.true_lesions and not each.score.detected]
    alarms = [each for each in ordered if each.score.false_positives and each.score.by_rule["overlap"][1]]
    # At a high threshold a clot that was found may fall into pieces, which count as false: better no clot at all.
    alarms = [each for each in alarms if not each.score.true_lesions] or alarms
    kinds = {
        HIT: hits[(len(hits) - 1) // 2 :][:1] if hits else [],
        MISS: misses[-1:],
        ALARM: sorted(alarms, key=lambda each: (-_last_threshold(each), each.case))[:1],
    }
    return {kind: looks[0] for kind, looks in kinds.items() if looks}


def write_examples(
    out: Path,
    rows: Sequence[ManifestRow],
    records: Sequence[Record],
    predictor: Predictor,
    settings: SegmentSettings | None = None,
    *,
    command: str = "",
    progress: Progress = silent,
) -> list[Path]:
    """Write example-hit.png, example-miss.png, example-false-alarm.png, and FILES that say what they show.

    What there is no case of is left out. Pictures of the same looks that are there already are not drawn again.

    Args:
        out: folder of the evaluation.
        rows: its manifest, with labels.
        records: its looks.
        predictor: with the weights of the looks.
        settings: of the looks.
        command: that repeats the pictures.
        progress: told before every case; may raise to stop.

    Returns:
        The pictures.

    Raises:
        MachineError: matplotlib is missing, or the disk refuses.
    """
    need_matplotlib()
    key = hashlib.sha256(" ".join(sorted(each.key for each in records)).encode()).hexdigest()[:20]
    there = _written(out, key)
    if there is not None:
        return there
    told: list[dict[str, Any]] = []
    with unfinished_folder(out) as folder:
        for kind, found in _look_again(rows, choose(records), predictor, settings or SegmentSettings(), progress):
            example = example_of(kind, found)
            name = f"example-{kind.replace(' ', '-')}.png"
            with errors_of_the_disk(name):
                (folder / name).write_bytes(draw_example(example))
                (folder / name).replace(out / name)
            told.append({"kind": kind, "picture": name, **_numbers(kind, found, example)})
    weights = {"name": predictor.weights.name, "sha256": predictor.weights.sha256}
    facts = {"looks": key, "weights": weights, "command": command, "examples": told}
    write_text(out / FILES[0], json.dumps(facts, indent=1) + "\n")
    write_text(out / FILES[1], page_of(facts))
    return [out / each["picture"] for each in told]


def example_of(kind: str, found: _Found) -> Example:
    """What is drawn of a lesion."""
    shown = found.lesion & (sitk.GetArrayViewFromImage(found.predicted) > 0) if kind == HIT else found.lesion
    shown = shown if shown.any() else found.lesion  # a hit is shown where it was hit
    lesion = sitk.GetImageFromArray(shown.astype(np.uint8))
    lesion.CopyInformation(found.look.labels)
    prepared, case = found.look.result.prepared, found.look.case
    truth = sitk.Cast(found.look.labels == 1, sitk.sitkUInt8)
    return Example(
        title=_title(kind, simulated=found.look.simulated),
        facts=_facts(kind, found),
        rule=RULES[kind],
        result=found.look.result,
        place=prepare_labels(lesion, prepared, find_drawn_on(case)) == 1,
        truth=_as_shown(truth, case, prepared),
        found=_as_shown(found.predicted, case, prepared),
    )


def _as_shown(mask: sitk.Image, case: Case, prepared: Prepared) -> sitk.Image:
    """A mask on the labels' grid in the coordinates of the pictures, which are the reference's."""
    pose = pose_of_labels(case, prepared)
    grid = prepared.reference_grid.empty(mask.GetPixelID())
    return mask if pose is None else sitk.Resample(mask, grid, pose, sitk.sitkNearestNeighbor)


def page_of(facts: Mapping[str, Any]) -> str:
    """Markdown: each picture with its case, its rule and its numbers."""
    lines = ["# A hit, a miss and a false alarm", ""]
    for each in facts["examples"]:
        title = _title(each["kind"], simulated=each["simulated"])
        lines += [f"![{title}]({each['picture']})", "", f"{title}. {each['facts']} Rule: {each['rule']}.", ""]
    weights = f"Weights {facts['weights']['name']}, SHA-256 {facts['weights']['sha256']}."
    return "\n".join([*lines, weights, "", *([f"`{facts['command']}`", ""] if facts["command"] else [])])


def _look_again(
    rows: Sequence[ManifestRow],
    chosen: Mapping[str, Record],
    predictor: Predictor,
    settings: SegmentSettings,
    progress: Progress,
) -> Iterable[tuple[str, _Found]]:
    """Segment the chosen cases, and pick the lesion of each kind."""
    by_name = {row.case: row for row in rows}
    for done, (kind, record) in enumerate(chosen.items()):
        report(progress, done / len(chosen), f"picture of a {kind}")
        subset = tuple(MRSequence(name) for name in record.sequences.split("+"))
        found = _lesion_of(kind, record, segment_look(by_name[record.case], subset, predictor, settings))
        if found is not None:
            yield kind, found


def _lesion_of(kind: str, record: Record, look: Look) -> _Found | None:
    """The largest clot that was detected, the largest that there is, or the surest false alarm; None: there is none."""
    labels, values = look.labels, sitk.GetArrayViewFromImage(look.probability)
    predicted = look.mask_at(look.result.threshold)
    true, found = lesions_of(labels), lesions_of(predicted)
    common = true.common(found)
    pairs = match(true, found, common, np.array(labels.GetSpacing()))
    if kind == ALARM:
        taken = {number for _, number in pairs}
        free = [number for number in range(len(found)) if number not in taken and not common[:, number].any()]
        masks = [found.numbers == number + 1 for number in free]
        mask = max(masks, key=lambda each: float(values[each].max()), default=None)
    else:
        numbers = sorted({number for number, _ in pairs}) if kind == HIT else range(len(true))
        largest = max(numbers, key=lambda number: int(true.voxels[number]), default=None)
        mask = None if largest is None else true.numbers == largest + 1
    return None if mask is None else _Found(look, record, predicted, mask, float(values[mask].max()))


def _title(kind: str, *, simulated: bool) -> str:
    return TITLES[kind] + (" (simulated patient)" if simulated else "")


def _facts(kind: str, found: _Found) -> str:
    """A sentence on the case, and one on what the network said."""
    score, facts = found.record.score, found.record.facts
    case, volume = f"Case {found.record.case}, centre {found.record.centre}", f"{_volume(found):.0f} mm³"
    if kind == ALARM:
        other = f"The true thrombus of this case is {'' if score.detected else 'not '}found."
        other = other if score.true_lesions else "There is no thrombus in this case."
        said = f"{volume} are marked as thrombus; highest probability {_percent(found.peak)}. {other}"
    else:
        sign = (
            f", {'with' if facts['sign_present'] else 'without'} susceptibility sign" if "sign_present" in facts else ""
        )
        said = f"Thrombus {facts['segment']}, " if "segment" in facts else "Thrombus "
        said += f"{volume}{sign}. Highest probability inside: {_percent(found.peak)}."
        said += f" Dice {score.dice or 0.0:.2f}." if kind == HIT else _why_missed(found)
    absent = [each.value for each in MRSequence if each.value not in found.record.sequences.split("+")]
    tail = f" Absent: {', '.join(absent)}." if absent else ""
    return f"{case}. {said}{tail}"


def _why_missed(found: _Found) -> str:
    """Where a miss is marked all the same."""
    result = found.look.result
    if found.peak < result.threshold:
        return ""
    return (
        f" What is at {result.threshold:g} or more there is smaller than {result.minimum_volume_mm3:g} mm³, or too far "
        "from the thrombus in place or size to count."
    )


def _percent(share: float) -> str:
    """A high one is never a bare 100 %, nor a low one 0 %."""
    if share > 0.9995:
        return "over 99.9 %"
    return f"{100 * share:.1f} %" if share >= 0.0005 else "below 0.1 %"


def _numbers(kind: str, found: _Found, example: Example) -> dict[str, Any]:
    score = found.record.score
    return {
        "case": found.record.case,
        "centre": found.record.centre,
        "simulated": found.look.simulated,
        "sequences": found.record.sequences,
        "rule": RULES[kind],
        "facts": example.facts,
        "volume_mm3": round(_volume(found), 1),
        "highest_probability": round(found.peak, 4),
        "threshold": found.look.result.threshold,
        "dice": score.dice,
        "attention": {name.value: round(share, 4) for name, share in mean_attention(example).items()},
        **found.record.facts,
    }


def _volume(found: _Found) -> float:
    return float(found.lesion.sum() * np.prod(found.look.labels.GetSpacing()))


def _last_threshold(record: Record) -> float:
    """The highest threshold at which a look still has a false positive; 0 where it has none."""
    return max((float(threshold) for threshold, (_, false) in record.sweep.items() if false), default=0.0)


def _written(out: Path, key: str) -> list[Path] | None:
    """The pictures of these very looks, where they are there."""
    try:
        facts = json.loads((out / FILES[0]).read_text(encoding="utf-8"))
        pictures = [out / each["picture"] for each in facts["examples"]] if facts["looks"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pictures if pictures is not None and all(path.is_file() for path in pictures) else None
