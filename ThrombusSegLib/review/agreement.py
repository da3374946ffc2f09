"""How far two readings of the same cases agree, and how far the prediction agreed with what was saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from ..errors import InputError, MachineError
from ..preprocess.grid import Grid
from .listing import damaged_cases, saved_cases
from .second import CASES, CORRECTED, SECOND, first_reading_of
from .store import SavedCase, open_case

_SHOWN = ("case", "true_lesions", "detected_lesions", "false_positives", "dice", "true_mm3", "predicted_mm3")


@dataclass(frozen=True)
class Agreement:
    """Two readings of the same cases; the first stands where truth stands in `evaluation.matching`."""

    cases: int
    dice: dict[str, float | None]
    """Mean over the cases in which either reader marked a thrombus: "value", "low", "high" (95 %, bootstrap)."""
    lesions_first: int
    lesions_second: int
    lesions_both: int
    """Lesions that both marked, matched one to one."""
    detection: float | None
    """2 both / (first + second), 0..1: 1 where every lesion was marked by both; None where nobody marked any."""
    presence: float | None
    """Share of cases in which both say the same about whether there is a thrombus."""
    per_case: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()
    """Damaged cases, and what to do; those that cannot be opened are left out."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def compare_readers(first: Path, second: Path) -> Agreement:
    """Agreement of two folders of corrected cases, over the cases that both hold.

    Raises:
        InputError: no case in common, or both readings of a list are by one person (two plain folders may be: how far a
            reader agrees with themselves). MachineError: scipy is missing.
    """
    for each in (first, second):
        _check_folder(each)
    _check_second(second)
    told: list[str] = []
    found = _agreement(_pairs(first, second, told), told)
    return replace(found, warnings=_warnings(told, first, second))


def compare_with_prediction(folder: Path) -> Agreement:
    """Agreement of the saved labels with what the network had predicted before they were corrected."""
    _check_folder(folder)
    told: list[str] = []
    return replace(_agreement(_corrections(folder, told), told), warnings=_warnings(told, folder))


def _check_folder(folder: Path) -> None:
    """A list holds folders of corrected cases, and is none."""
    if (folder / CASES).is_file():
        raise InputError(
            f"{folder.name} is a list of work, no folder of corrected cases.",
            f"Give {folder.name}/{CORRECTED}, or {folder.name}/{SECOND}/NAME of a second reader.",
        )


def _check_second(second: Path) -> None:
    """A second reader of a list must have read something."""
    if first_reading_of(second) is None or (second.is_dir() and (saved_cases(second) or damaged_cases(second))):
        return
    others = sorted(each.name for each in second.parent.glob("*") if each.is_dir() and saved_cases(each))
    there = f"There are readings by {', '.join(others)}." if others else "Nobody has saved a second reading yet."
    raise InputError(f"{second.name} has no reading in {second.parent.parent.name}.", there)


def _pairs(first: Path, second: Path, told: list[str]) -> Iterator[tuple[str, sitk.Image, sitk.Image]]:
    theirs = _finished(second)
    of_a_list = first_reading_of(second) is not None
    for name in _finished(first):
        if name not in theirs:
            continue
        one, two = _opened(first / name, told), _opened(second / name, told)
        if one is None or two is None:
            continue
        if of_a_list and one.record.annotator.lower() == two.record.annotator.lower():
            raise InputError(
                f"{two.record.annotator} has saved both readings of {name}: that is not two readers.",
                "Let somebody else read it, or move one of the two elsewhere.",
            )
        yield name, one.labels, two.labels


def _corrections(folder: Path, told: list[str]) -> Iterator[tuple[str, sitk.Image, sitk.Image]]:
    for name in _finished(folder):
        case = _opened(folder / name, told)
        if case is not None and case.predicted is not None:
            yield name, case.labels, case.predicted


def _opened(case: Path, told: list[str]) -> SavedCase | None:
    """A case; None, and where it is damaged; a sentence more in `told` where there is something to tell."""
    try:
        opened = open_case(case)
    except InputError as error:
        told.append(f"{case.name} was left out: {error}")
        return None
    told.extend(opened.warnings)
    return opened


def _finished(folder: Path) -> list[str]:
    return [name for name, record in saved_cases(folder).items() if record.status != "in review"]


def _warnings(told: list[str], *folders: Path) -> tuple[str, ...]:
    """What was left out, and the damaged cases that were not met: each case told once."""
    damages = [each.text for folder in folders for each in damaged_cases(folder).values()]
    return (*told, *(each for each in damages if not any(one.endswith(each) for one in told)))


def _agreement(pairs: Iterator[tuple[str, sitk.Image, sitk.Image]], told: list[str]) -> Agreement:
    try:
        import scipy  # noqa: F401
    except ImportError as error:
        raise MachineError("Agreement needs scipy.", "Install it: pip install 'ThrombusSegLib[evaluate]'.") from error
    from ..evaluation.bootstrap import Resamples
    from ..evaluation.matching import score_case

    scores = []
    for name, first, second in pairs:
        if not Grid.of(first).same_as(Grid.of(second), 1e-2):
            raise InputError(f"The two readings of {name} lie on different grids.", "Read the same images.")
        scores.append(score_case(name, first, second))
    if not scores:
        sentence = " ".join(("There is no case to compare.", *told))
        raise InputError(sentence, "Both readings need at least one finished case in common.")
    one = sum(score.true_lesions for score in scores)
    both = sum(score.detected_lesions for score in scores)
    two = both + sum(score.false_positives for score in scores)
    dices = [float("nan") if score.dice is None else score.dice for score in scores]
    same = [(score.true_mm3 > 0) == (score.predicted_mm3 > 0) for score in scores]
    return Agreement(
        cases=len(scores),
        dice=asdict(Resamples([each.case for each in scores]).figure(dices)),
        lesions_first=one,
        lesions_second=two,
        lesions_both=both,
        detection=round(2 * both / (one + two), 4) if one + two else None,
        presence=round(sum(same) / len(same), 4),
        per_case=tuple({name: getattr(score, name) for name in _SHOWN} for score in scores),
    )
