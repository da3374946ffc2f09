"""Which weights are the best: detection on cases that are never trained on.

Each case is looked at twice: with all the sequences it has, and with some of them left out (drawn once, by the run's
seed; the same in every validation). Otherwise the weights would be chosen that do best on complete studies, and those
are not the ones that learned to do without a sequence. The rule of `evaluation.matching` decides what is detected.

The score that chooses is the share of looks in which the thrombus is detected, less `PENALTY` for each false positive a
scan: five of them weigh as much as one thrombus in ten missed (our choice). Of equal scores the higher Dice wins.
Where no case has a thrombus, false positives alone choose, and detection and Dice are None.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from torch import nn

from ..evaluation.matching import CaseScore, score_case
from ..evaluation.metrics import detection_rate, dice_all_cases, false_positives_per_scan
from ..lesions import CandidateSettings, find_candidates
from ..network.blocks import make_ready
from ..preprocess import PreprocessSettings
from ..progress import Progress, report, silent
from ..sequences import Sequence
from .baselines import Network
from .cases import TrainingCase
from .distributed import World
from .settings import TrainSettings

#: What a false positive a scan costs, in detection rate.
PENALTY = 0.02
#: Also recorded, beside the threshold of the settings; they choose nothing.
SWEEP = (0.3, 0.5, 0.7)
#: Voxels (sequences x slices x rows x columns) that go through the fine levels at once, to save memory.
VOXELS_AT_ONCE = {"cpu": 2**19, "cuda": 2**23}
#: Distance between slices of a case whose thrombus does not tell it, when no other case does either, mm.
USUAL_SLICE_MM = 3.0
_MARGIN = 4

Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """A case with some of its sequences."""

    name: str
    case: TrainingCase
    places: tuple[int, ...]
    """Of the sequences that are shown, in the vocabulary."""
    spacing: tuple[float, float, float]
    """Of the working grid along columns, rows and slices, mm."""

    @property
    def sequences(self) -> str:
        """Such as "SWI+DWI"."""
        return "+".join(list(Sequence)[place].value for place in self.places)


@dataclass(frozen=True)
class Verdict:
    """What one validation found."""

    step: int
    """Optimizer steps that were done."""
    score: float
    """What chooses: see above."""
    detection_rate: float | None
    """Share of looks at cases with a thrombus in which it was detected, 0..1; None where no case has one."""
    false_positives_per_scan: float
    dice_all_cases: float | None
    """Mean Dice, 0..1; a miss counts 0; None where no case has a thrombus."""
    sweep: Mapping[str, Mapping[str, float | None]]
    """The same figures at other thresholds."""
    looks: tuple[Mapping[str, Any], ...]
    """Of each look: case, sequences, detected, false positives, Dice."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the log and the checkpoint."""
        return asdict(self)

    def better_than(self, other: Mapping[str, Any] | None) -> bool:
        """Whether these weights are to be kept instead of those with the other verdict (as a dict)."""
        if other is None:
            return True
        return (self.score, self.dice_all_cases or 0.0) > (other["score"], other["dice_all_cases"] or 0.0)


class Validator:
    """A fixed set of looks; called with a network, it says how good that is.

    Args:
        cases: name -> prepared case.
        settings: of the run.
        world: the processes share the looks.
    """

    def __init__(self, cases: Mapping[str, TrainingCase], settings: TrainSettings, world: World | None = None) -> None:
        self.settings, self.world = settings, world or World()
        self.looks = _looks(cases, settings.seed)

    def __call__(self, network: Network, step: int, progress: Progress = silent) -> Verdict:
        """Score a network, which stays as it is."""
        ready = ready_to_infer(network, self.world.device)
        mine = range(self.world.rank, len(self.looks), self.world.size)
        scores: dict[int, dict[float, CaseScore]] = {}
        for done, number in enumerate(mine):
            report(progress, done / len(mine), f"validating after step {step}, {done + 1} of {len(mine)}")
            probability = predict(ready, self.looks[number], self.world.device)
            scores[number] = {each: self.score(self.looks[number], probability, each) for each in self._thresholds()}
        together: dict[int, dict[float, CaseScore]] = {}
        for part in self.world.gather(scores):
            together |= part
        return self._verdict(step, [together[number] for number in range(len(self.looks))])

    @property
    def contents(self) -> dict[str, str]:
        """The cases of a manifest that are looked at, each with a digest, as `Source.contents`."""
        cases = {f"validation case {look.name}": look.case for look in self.looks}
        return {name: case.digest for name, case in cases.items() if case.digest}

    def score(self, look: Look, probability: Volume, threshold: float) -> CaseScore:
        """What a look contributes at a threshold; judged on the working grid."""
        wanted = CandidateSettings(threshold=threshold, minimum_volume_mm3=self.settings.minimum_volume_mm3)
        image = sitk.GetImageFromArray(probability)
        image.SetSpacing(look.spacing)
        found = (find_candidates(image, wanted).labels > 0).astype(np.uint8)
        truth = (np.asarray(look.case.labels) == 1).astype(np.uint8)
        box = _box(truth | found)
        images = [sitk.GetImageFromArray(array[box]) for array in (truth, found)]
        for each in images:
            each.SetSpacing(look.spacing)
        return score_case(look.name, *images)

    def _thresholds(self) -> list[float]:
        return sorted({self.settings.threshold, *SWEEP})

    def _verdict(self, step: int, scores: list[dict[float, CaseScore]]) -> Verdict:
        figures = {each: _figures([score[each] for score in scores]) for each in self._thresholds()}
        own = self.settings.threshold
        looks = tuple(
            {
                "case": look.name,
                "sequences": look.sequences,
                "true_lesions": score[own].true_lesions,
                "detected": score[own].detected,
                "false_positives": score[own].false_positives,
                "dice": None if score[own].dice is None else round(float(score[own].dice or 0.0), 4),
            }
            for look, score in zip(self.looks, scores, strict=True)
        )
        return Verdict(step=step, **figures[own], sweep={f"{each:g}": figures[each] for each in figures}, looks=looks)


def ready_to_infer(network: Network, device: torch.device) -> Network:
    """A copy as the predictor runs it: normalisations folded, channels last."""
    return make_ready(copy.deepcopy(network), device)


def predict(network: nn.Module, look: Look, device: torch.device) -> Volume:
    """Probability of thrombus, (S, H, W)."""
    stack = np.asarray(look.case.images[list(look.places)], dtype=np.float32)
    at_once = max(1, VOXELS_AT_ONCE[device.type] * stack.shape[1] // stack.size)
    with torch.inference_mode():
        output = network(torch.from_numpy(stack)[None].to(device), list(look.places), slices_at_once=at_once)
        return np.ascontiguousarray(torch.sigmoid(output.logits[0, 0].float()).cpu().numpy())


def _figures(scores: list[CaseScore]) -> dict[str, Any]:
    """What `Verdict` says of all looks at one threshold."""
    detected, dice = detection_rate(scores), dice_all_cases(scores)
    false_positives = false_positives_per_scan(scores) or 0.0
    return {
        "score": round((detected or 0.0) - PENALTY * false_positives, 6),
        "detection_rate": None if detected is None else round(detected, 6),
        "false_positives_per_scan": round(false_positives, 6),
        "dice_all_cases": None if dice is None else round(dice, 6),
    }


def _looks(cases: Mapping[str, TrainingCase], seed: int) -> list[Look]:
    """Each case whole, and with sequences left out where it has several."""
    known = [_slice_mm(case) for case in cases.values() if len(case.thrombus)]
    usual = float(np.median(known)) if known else USUAL_SLICE_MM
    in_plane = PreprocessSettings().working_spacing_mm
    looks = []
    for number, (name, case) in enumerate(cases.items()):
        spacing = (in_plane, in_plane, _slice_mm(case) if len(case.thrombus) else usual)
        places = np.flatnonzero(case.available)
        looks.append(Look(name, case, tuple(places.tolist()), spacing))
        if len(places) > 1:
            random = np.random.default_rng([seed, number])
            some = random.choice(places, int(random.integers(1, len(places))), replace=False)
            looks.append(Look(name, case, tuple(sorted(some.tolist())), spacing))
    return looks


def _slice_mm(case: TrainingCase) -> float:
    """Distance between slices of the working grid, from what the thrombus measures in voxels and in mm3; mm."""
    spacing = PreprocessSettings().working_spacing_mm
    return case.volume_mm3 / len(case.thrombus) / spacing**2 if case.volume_mm3 else USUAL_SLICE_MM


def _box(mask: NDArray[np.uint8]) -> tuple[slice, ...]:
    """The smallest box around a mask with room around it; the score is the same in it, and found much faster."""
    found = np.argwhere(mask)
    if not len(found):
        return tuple(slice(0, 1) for _ in mask.shape)
    low, high = np.maximum(found.min(0) - _MARGIN, 0), found.max(0) + _MARGIN + 1
    return tuple(slice(int(start), int(end)) for start, end in zip(low, high, strict=True))
