"""Which sequences a crop shows, and how strongly: first draw, then apply.

Gradual modality dropout: a sequence that is drawn is weakened, at first a little, at last altogether, so that the
network learns to lean on each sequence before it has to do without it. The strengths are those of the first author's
public code as it was meant (four stages; factor 1 - strength plus a normal number of deviation 0.1). Ours are:
independent draws for every crop and sequence; never all sequences; and true absence, as a user's case has it, from the
middle of the run on, there with the number of sequences drawn first, so that one or two alone are met often.

The other kinds stand beside it for comparison: "none"; "constant" (absence in full from the first step);
"gradual_floor" (gradual, but every subset of one or two sequences has a least share of the crops from the first step
on); "prevalence" (from the first step on, sets of sequences as often as they occur in the hospitals).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sequences import Sequence
from .settings import DropoutSettings

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Stage:
    """What is drawn at one moment of the run."""

    probability: float
    """Chance of each sequence to be weakened in a crop that keeps all its sequences, 0..1."""
    strength: float
    """How much of a weakened sequence is taken away, 0..1."""
    absence: float
    """Chance of a crop to have sequences left out altogether, 0..1 (with "gradual_floor": beyond the floor)."""


@dataclass(frozen=True)
class Dropped:
    """What was drawn for one crop."""

    factors: NDArray[np.float32]
    """(M,) what each sequence is multiplied by; 1 leaves it as it is."""
    present: Flags
    """(M,) False: left out altogether. At least one is True, and at least one of these has factor 1."""


def strength_at(settings: DropoutSettings, share_done: float) -> float:
    """How much of a drawn sequence is taken away when this share (0..1) of the run is done."""
    stage = min(int(share_done * len(settings.strengths)), len(settings.strengths) - 1)
    return settings.strengths[stage]


def stage_at(settings: DropoutSettings, share_done: float) -> Stage:
    """The schedule: what holds when this share (0..1) of the run is done."""
    if settings.kind == "none":
        return Stage(0.0, 0.0, 0.0)
    if settings.kind in ("constant", "prevalence"):
        return Stage(0.0, 1.0, 1.0)
    return Stage(settings.probability, strength_at(settings, share_done), _absence_at(settings, share_done))


def _absence_at(settings: DropoutSettings, share_done: float) -> float:
    """Linear from 0 at `absence_from` to 1 at `absence_full`."""
    if share_done < settings.absence_from:
        return 0.0
    if share_done >= settings.absence_full:
        return 1.0
    return (share_done - settings.absence_from) / (settings.absence_full - settings.absence_from)


def draw_dropout(
    settings: DropoutSettings, available: Flags, share_done: float, random: np.random.Generator
) -> Dropped:
    """Draw for one crop.

    Args:
        settings: kind, probability, strengths, when absence begins.
        available: (M,) which sequences the case has; at least one.
        share_done: 0..1, how far the run is.
        random: source of chance.

    Returns:
        Factors and presence; of the available sequences at least one is left untouched.
    """
    stage = stage_at(settings, share_done)
    rare = rare_subsets(available) if settings.kind == "gradual_floor" else []
    chance = float(random.random())
    if chance < settings.floor * len(rare):
        present = rare[int(chance / settings.floor)]
    elif random.random() < stage.absence:
        present = _draw_present(settings, available, random)
    else:
        return Dropped(_draw_factors(settings, stage, available, random), available.copy())
    return Dropped(np.ones(len(available), dtype=np.float32), present)


def rare_subsets(available: Flags) -> list[Flags]:
    """Every set of one or two of the available sequences that is not all of them; each (M,)."""
    places = np.flatnonzero(available)
    return [
        np.isin(np.arange(len(available)), chosen)
        for count in range(1, min(3, len(places)))
        for chosen in itertools.combinations(places, count)
    ]


def _draw_factors(
    settings: DropoutSettings, stage: Stage, available: Flags, random: np.random.Generator
) -> NDArray[np.float32]:
    """Weaken each sequence by chance, but never all of them."""
    drawn = _draw_some(stage.probability, available, random)
    noise = random.normal(0.0, settings.noise, size=len(available))
    return np.where(drawn, 1.0 - stage.strength + noise, 1.0).astype(np.float32)


def _draw_some(probability: float, available: Flags, random: np.random.Generator) -> Flags:
    """Each available sequence with this probability, on its own; one, by chance, is spared if all were drawn."""
    drawn: Flags = (random.random(len(available)) < probability) & available
    if drawn.sum() == available.sum():
        drawn[random.choice(np.flatnonzero(available))] = False
    return drawn


def _draw_present(settings: DropoutSettings, available: Flags, random: np.random.Generator) -> Flags:
    """The sequences that stay, at least one."""
    if settings.kind == "prevalence":
        return _draw_prevalent(settings, available, random)
    if settings.absence_kind == "independent":
        return available & ~_draw_some(settings.probability, available, random)
    places = np.flatnonzero(available)
    count = int(random.integers(1, len(places) + 1))
    return np.isin(np.arange(len(available)), random.choice(places, count, replace=False))


def _draw_prevalent(settings: DropoutSettings, available: Flags, random: np.random.Generator) -> Flags:
    """One of the sets that the case has, by weight; all of its sequences where it has none of them whole."""
    fitting, weights = _fitting(settings, available)
    if not fitting:
        return available.copy()
    return fitting[int(random.choice(len(fitting), p=weights))]


def _fitting(settings: DropoutSettings, available: Flags) -> tuple[list[Flags], NDArray[np.float64]]:
    """The sets of `settings.prevalence` within the available sequences, and their chances."""
    order = [sequence.value for sequence in Sequence]
    fitting: list[Flags] = []
    weights: list[float] = []
    for name, weight in settings.prevalence.items():
        subset = np.isin(order, name.split("+"))
        if weight > 0 and not (subset & ~available).any():
            fitting.append(subset)
            weights.append(weight)
    return fitting, np.array(weights) / (sum(weights) or 1.0)


def count_chances(settings: DropoutSettings, available: int, share_done: float) -> NDArray[np.float64]:
    """How likely a crop shows 0, 1, ... sequences; (available + 1,), adds up to 1.

    Args:
        settings: of the dropout.
        available: how many sequences the case has, at least 1 (with "prevalence": all of the vocabulary).
        share_done: 0..1, how far the run is.
    """
    left = _chances_of_absence(settings, available)
    stage = stage_at(settings, share_done)
    rest: NDArray[np.float64] = stage.absence * left
    rest[available] += 1.0 - stage.absence
    if settings.kind != "gradual_floor":
        return rest
    rare = np.zeros(available + 1)
    for count in range(1, min(3, available)):
        rare[count] = settings.floor * math.comb(available, count)
    return np.asarray(rare + (1.0 - rare.sum()) * rest)


def _chances_of_absence(settings: DropoutSettings, available: int) -> NDArray[np.float64]:
    """How likely each number of sequences is in a crop with sequences left out; (available + 1,)."""
    chances = np.zeros(available + 1)
    if settings.kind == "prevalence":
        fitting, weights = _fitting(settings, np.ones(len(Sequence), dtype=bool))
        for subset, weight in zip(fitting, weights, strict=True):
            chances[int(subset.sum())] += weight
    elif settings.absence_kind == "uniform_count":
        chances[1:] = 1.0 / available
    else:
        keep = 1.0 - settings.probability
        for count in range(available + 1):
            chances[count] = math.comb(available, count) * keep**count * settings.probability ** (available - count)
        chances[1] += chances[0]  # where all were drawn, one is spared
        chances[0] = 0.0
    return chances


def apply_dropout(images: NDArray[np.float32], dropped: Dropped) -> NDArray[np.float32]:
    """Weaken the drawn sequences of (M, S, H, W). Images are normalised: zero is the brain's median, not air."""
    return images * dropped.factors[:, None, None, None]
