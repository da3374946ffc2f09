"""What an experiment is told: one TOML file, whose `kind` decides which of these dataclasses it fills."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ..errors import InputError
from ..sequences import Sequence
from ..training.checks import check_choice, check_least, shown
from ..training.read import read_table, read_text
from .names import check_names, check_once, check_variants

Subsets = Literal["as acquired", "all"]
#: Of a cohort whose settings give none.
NO_SEED = -1


@dataclass(frozen=True)
class CohortSettings:
    """Which cases: simulated ones, or those of a manifest."""

    centres: tuple[str, ...] = ("A",)
    """Simulated centres, by name or by a file (.toml) relative to the settings file; the same patients at each."""
    cases: int = 0
    """How many at each centre, the first ones (a count); 0: whatever `cohort` holds."""
    clot_free: int = 0
    """How many of them, the last ones, have no clot (a count)."""
    seed: int = NO_SEED
    """Of the simulated patients (no unit), needed where there are any; never one that was trained or tuned on."""
    split: str = "test"
    """Rows of this split are taken."""
    cohort: str = ""
    """Folder of the cases, relative to the settings file, used as it is or filled; "" = a folder of the output."""

    def __post_init__(self) -> None:
        check_least("", self, 0, "cases", "clot_free")
        if self.seed == NO_SEED and self.cases:
            raise InputError(
                "seed is missing.", "Add the one of the simulated patients, never one that was trained on."
            )
        if self.seed == NO_SEED:
            object.__setattr__(self, "seed", 0)  # nothing is simulated
        check_least("", self, 0, "seed")
        if not self.cases and not self.cohort:
            raise InputError("A cohort has neither cases nor a folder.", "Set cases, or cohort.")
        if self.clot_free > self.cases:
            raise InputError(f"clot_free is {self.clot_free}, more than all.", "Choose at most as many as cases.")
        if self.cases and not self.centres:
            raise InputError("centres is empty.", "Name at least one.")
        check_once("centres", self.centres)


@dataclass(frozen=True)
class EvaluationSettings:
    """Weights over a cohort."""

    cohort: str
    """Name of the cohort, among `cohorts`."""
    subsets: Subsets = "as acquired"
    """"as acquired": each case with the sequences it has; "all": with every subset of them, and the averages over
    subsets that follow from it."""
    weights: str = ""
    """Name of registered weights, or a file relative to the settings file; "" = those of the experiment."""

    def __post_init__(self) -> None:
        check_choice("", self, "subsets", Subsets)


@dataclass(frozen=True)
class ComparisonSettings:
    """One evaluation less another."""

    first: str
    """Name of an evaluation."""
    second: str
    """Name of the one that is taken away from it."""


@dataclass(frozen=True)
class EvaluationExperiment:
    """Kind "evaluation"."""

    title: str
    """What it asks, in a few words."""
    cohorts: Mapping[str, CohortSettings]
    """Name -> cases."""
    evaluations: Mapping[str, EvaluationSettings]
    """Name -> what is evaluated, in this order."""
    kind: str = "evaluation"
    """Always this."""
    weights: str = "default"
    """Name of registered weights, or a file relative to the settings file."""
    comparisons: tuple[ComparisonSettings, ...] = ()
    """Differences that are reported."""
    looks: str = ""
    """Folder of the looks, relative to this file, that experiments with evaluations of one name may share; "" = in the
    output."""

    def __post_init__(self) -> None:
        if not self.evaluations:
            raise InputError("The experiment has no evaluations.", "Add a table [evaluations.NAME].")
        check_names("The cohort", self.cohorts)
        check_names("The evaluation", self.evaluations)
        for name, evaluation in self.evaluations.items():
            known(f"evaluations.{name}.cohort", evaluation.cohort, self.cohorts)
        for pair in self.comparisons:
            known("comparisons.first", pair.first, self.evaluations)
            known("comparisons.second", pair.second, self.evaluations)
            if pair.first == pair.second:
                raise InputError(f"comparisons has '{pair.first}' less itself.", "Name two evaluations.")


@dataclass(frozen=True)
class TrainingExperiment:
    """Kind "training comparison": variants of one training, each evaluated on the same cases."""

    title: str
    """What it asks, in a few words."""
    base: str
    """Settings file of the training, relative to this one."""
    variants: Mapping[str, Mapping[str, object]]
    """Name -> settings that differ from the base, in tables as there; in this order."""
    reference: str
    """Name of the variant that the others are compared with."""
    cohorts: Mapping[str, CohortSettings]
    """Name -> cases."""
    evaluations: Mapping[str, EvaluationSettings]
    """Name -> what every variant is evaluated on; `weights` stays empty."""
    kind: str = "training comparison"
    """Always this."""
    training: str = ""
    """Name of the cohort that is trained on; "" = what the base names."""
    validation: str = ""
    """Name of the cohort that chooses the weights; "" = what the base names."""
    seeds: tuple[int, ...] = (1,)
    """Each variant is trained with each of these seeds (no unit); the seed of the base is not used."""
    runs: str = ""
    """Folder of trainings and prepared cases, relative to this file, that experiments may share; "" = in the output."""
    comment: str = ""
    """Stands above the results: what is to be known of the budget, or of what is left out."""

    def __post_init__(self) -> None:
        known("reference", self.reference, self.variants)
        if not self.seeds or not self.evaluations:
            raise InputError("There are no seeds or no evaluations.", "Give at least one of each.")
        check_once("seeds", self.seeds)
        check_variants(self.variants)
        check_names("The cohort", self.cohorts)
        check_names("The evaluation", self.evaluations)
        for name, evaluation in self.evaluations.items():
            known(f"evaluations.{name}.cohort", evaluation.cohort, self.cohorts)
            if evaluation.weights:
                raise InputError(f"evaluations.{name}.weights is set.", "Leave it out: the variants are evaluated.")
        for role in ("training", "validation"):
            if getattr(self, role):
                known(role, getattr(self, role), self.cohorts)


@dataclass(frozen=True)
class LeaveOneOutExperiment:
    """Kind "leave one patient out": real lesions of a few patients, each judged by what was trained on the others."""

    title: str
    """What it asks, in a few words."""
    source: str
    """Where the data come from: citation and licence."""
    patients: tuple[str, ...]
    """Their names, as they stand in the files'."""
    sequences: Mapping[str, str]
    """Place in the vocabulary -> which sequence of the data takes it, as it stands in the files' names."""
    base: str
    """Settings file of the training, relative to this one."""
    variants: Mapping[str, Mapping[str, object]]
    """Name -> settings that differ from the base, in tables as there; in this order."""
    kind: str = "leave one patient out"
    """Always this."""
    data: str = ""
    """Folder of the data, relative to this file, where --data does not name it."""
    images: str = "{patient}/{patient}_{sequence}.nii.gz"
    """Path of an image below the folder."""
    labels: str = "{patient}/{patient}_mask.nii.gz"
    """Path of the lesions' mask (0 and 1) below the folder."""
    without: str = "FLAIR"
    """The sequence whose absence is looked at by itself."""
    sizes_mm3: tuple[float, ...] = (10.0, 30.0, 100.0)
    """Limits between small and large lesions, mm3."""
    seeds: tuple[int, ...] = (1,)
    """Each variant is trained with each of these seeds (no unit)."""
    comment: str = ""
    """Stands above the results."""

    def __post_init__(self) -> None:
        if len(self.patients) < 2 or not self.seeds or not self.variants:
            raise InputError("patients has fewer than two names, or there are no seeds or variants.", "Add some.")
        check_once("seeds", self.seeds)
        check_variants(self.variants)
        check_names("The patient", self.patients)
        limits = (0.0, *self.sizes_mm3, math.inf)
        if not all(low < high for low, high in pairwise(limits)):  # also where one is no number
            raise InputError(
                f"sizes_mm3 is {shown(list(self.sizes_mm3))}.", "Give limits above 0, each larger than the last."
            )
        for place in self.sequences:
            known("sequences", place, {each.value: each for each in Sequence})
        known("without", self.without, {name: name for name in self.sequences.values()})


@dataclass(frozen=True)
class SlicesExperiment:
    """Kind "slices": infarcts on single real slices, judged by weights as they are and after fine-tuning on others."""

    title: str
    """What it asks, in a few words."""
    source: str
    """Where the data come from: citation and licence."""
    file: str
    """Name of the .npz file (`slices.read_slices`) in the folder of the data."""
    base: str
    """Settings file of the fine-tuning, relative to this one."""
    kind: str = "slices"
    """Always this."""
    data: str = ""
    """Folder of the data, relative to this file, where --data does not name it."""
    weights: str = "default"
    """Name of registered weights, or a file relative to the settings file."""
    seed: int = 1
    """Which half of the patients is fine-tuned on, and of the fine-tuning (no unit)."""
    at_most: int = 0
    """Patients in each half (a count); 0 = all."""
    comment: str = ""
    """Stands above the results."""

    def __post_init__(self) -> None:
        check_least("", self, 0, "seed", "at_most")


Experiment = EvaluationExperiment | TrainingExperiment | LeaveOneOutExperiment | SlicesExperiment
KINDS: Mapping[str, type[Experiment]] = {
    "evaluation": EvaluationExperiment,
    "training comparison": TrainingExperiment,
    "leave one patient out": LeaveOneOutExperiment,
    "slices": SlicesExperiment,
}


def read_experiment(path: Path) -> Experiment:
    """The settings of an experiment; paths in them are relative to the file.

    Raises:
        InputError: see `training.read.read_table`; also a name that stands for nothing, or another kind.
    """
    kind = tomllib.loads(read_text(path)).get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"{path.name}: kind is {kind!r}.", f"Known: {', '.join(KINDS)}.")
    return read_table(path, KINDS[kind])


def known(setting: str, name: str, among: Mapping[str, object]) -> None:
    """Raises `InputError` where a setting names nothing."""
    if name not in among:
        raise InputError(f"{setting} is '{name}'.", f"Known: {', '.join(among)}.")
