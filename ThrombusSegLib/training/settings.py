"""What a training run is told: one table a dataclass, a unit and a sentence under every field.

`read.read_settings` reads it from TOML. The defaults are our choices unless a source is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..errors import InputError
from ..network.settings import NetworkSettings
from ..sequences import Sequence
from ..weights.header import MAXIMUM_LEVELS, MAXIMUM_WIDTH
from .checks import check_above, check_choice, check_path, check_range, shown

#: Random generators take 64 bits; the simulated validation cases add to the seed.
LARGEST_SEED = 2**62
#: Of steps, and of what is counted in steps: years on any machine.
MOST_STEPS = 10**8
#: What a network says of every voxel: thrombus, infarct.
LABELS = 2

DropoutKind = Literal["gradual", "none", "constant", "gradual_floor", "prevalence"]
AbsenceKind = Literal["uniform_count", "independent"]
LossKind = Literal["tversky", "dice_ce", "dice_focal"]
Registration = Literal["never", "auto", "always"]
Schedule = Literal["cosine", "polynomial"]
Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]
BaselineKind = Literal["", "unet_2d", "unet_3d", "attention_unet_2d"]


@dataclass(frozen=True)
class DataSettings:
    """Where the cases come from: a manifest, the simulator, or both."""

    manifest: str = ""
    """Path of the manifest, relative to the settings file; its rows of split "train" are trained on. "" = none."""
    more_manifests: tuple[str, ...] = ()
    """Paths of further manifests with cases of other names, such as a second cohort's, read in the same way."""
    registration: Registration = "never"
    """Whether the sequences of a manifest's case are aligned rigidly when it is prepared; "never" trusts headers."""
    phantom_centre: str = ""
    """Simulated centre whose cases are made while the training runs: a name, or a .toml file of your own. "" = none."""
    phantom_share: float = 0.5
    """Share of crops from simulated cases, 0..1, where there is a manifest too; without one all crops are simulated."""
    phantom_pool: int = 24
    """Simulated cases to draw from at a time (a count; about 20 MB each, on disk)."""
    phantom_seed: int = 1
    """Seed of the simulated cohort (no unit); not that of a cohort you test on."""

    def __post_init__(self) -> None:
        check_choice("data.", self, "registration", Registration)
        check_path("data.", self, "manifest", "more_manifests", "phantom_centre")
        check_range("data.", self, 0, 1, "phantom_share")
        check_range("data.", self, 1, 10_000, "phantom_pool")
        check_range("data.", self, 0, LARGEST_SEED, "phantom_seed")
        self._check_used()
        if self.phantom_centre and not self.phantom_centre.endswith(".toml"):
            self._check_centre()

    def _check_used(self) -> None:
        """Nothing is named that would be left aside."""
        if self.more_manifests and not self.manifest:
            raise InputError("data.more_manifests is set, and data.manifest is not.", "Set data.manifest to the first.")
        if not self.phantom_centre and self.phantom_share not in (0.0, DataSettings.phantom_share):
            raise InputError(
                f"data.phantom_share is {self.phantom_share}, and there is no data.phantom_centre.",
                "Name the centre, or leave phantom_share out.",
            )
        if self.phantom_centre and self.manifest and not self.phantom_share:
            raise InputError(
                f"data.phantom_share is 0, and data.phantom_centre is '{shown(self.phantom_centre)}'.",
                "Choose a share above 0, or leave phantom_centre out.",
            )

    def _check_centre(self) -> None:
        from ..phantom import find_centre

        try:
            find_centre(self.phantom_centre)
        except InputError as error:
            raise InputError(f"data.phantom_centre: {error.sentence}", error.advice) from error


@dataclass(frozen=True)
class ValidationSettings:
    """What chooses the weights that are kept: cases that are never trained on."""

    manifest: str = ""
    """Path of a manifest of its own, relative to the settings file; "" = data.manifest, split "validation"."""
    every: int = 500
    """Optimizer steps between two validations; 0 = never."""
    cases: int = 20
    """Cases scored each time, the first of the manifest (a count)."""
    patience: int = 0
    """Validations in a row without a better one before the run stops (a count); 0 = never stops early."""

    def __post_init__(self) -> None:
        check_path("validation.", self, "manifest")
        check_range("validation.", self, 0, MOST_STEPS, "every", "patience")
        if self.patience and not self.every:
            raise InputError(
                f"validation.patience is {self.patience}, and validation.every is 0: nothing is validated.",
                "Set validation.every, or leave patience out.",
            )
        check_range("validation.", self, 1, 100_000, "cases")


@dataclass(frozen=True)
class CropSettings:
    """Which parts of the cases are shown."""

    slices: int = 16
    """Height of a crop, slices."""
    pixels: int = 64
    """Width and depth of a crop, pixels of the working grid (0.9 mm)."""
    with_thrombus: float = 0.7
    """Share of crops laid around a part of a thrombus, 0..1."""
    with_lookalike: float = 0.1
    """Share of crops laid around something dark and thin on SWI that is no thrombus, 0..1; the rest lie anywhere."""

    def __post_init__(self) -> None:
        check_range("crop.", self, 1, 512, "slices")
        check_range("crop.", self, 16, 1024, "pixels")
        check_range("crop.", self, 0, 1, "with_thrombus", "with_lookalike")
        if self.with_thrombus + self.with_lookalike > 1.0 + 1e-9:
            raise InputError(
                f"crop.with_thrombus ({self.with_thrombus}) and crop.with_lookalike ({self.with_lookalike}) "
                "are more than all crops.",
                "Choose shares that add up to at most 1.",
            )


@dataclass(frozen=True)
class DropoutSettings:
    """Gradual modality dropout; see `curriculum`."""

    kind: DropoutKind = "gradual"
    """"gradual"; for comparison "none", "constant", "gradual_floor" or "prevalence"."""
    probability: float = 0.4
    """Chance of each sequence of each crop to be weakened (or, with "independent", left out), 0..1."""
    strengths: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """How much of a weakened sequence is taken away in each stage; the run is cut into equal stages. Shares, 0..1."""
    noise: float = 0.1
    """Standard deviation of the number added to the factor that weakens a sequence (no unit)."""
    absence_from: float = 0.5
    """Share of the run after which sequences begin to be left out altogether, 0..1."""
    absence_full: float = 0.75
    """Share of the run from which that is so in every crop, 0..1; the chance rises linearly from `absence_from`."""
    absence_kind: AbsenceKind = "uniform_count"
    """"uniform_count": first how many stay, each number as likely, then which; "independent": each by chance."""
    floor: float = 0.01
    """With "gradual_floor": least share of crops, from the first step on, for each subset of one or two sequences."""
    prevalence: Mapping[str, float] = field(default_factory=dict)
    """With "prevalence": how often a set of sequences occurs, such as "SWI+DWI+ADC" = 0.3 (weights, no unit)."""

    def __post_init__(self) -> None:
        check_choice("dropout.", self, "kind", DropoutKind)
        check_choice("dropout.", self, "absence_kind", AbsenceKind)
        check_range("dropout.", self, 0, 1, "probability", "absence_from", "absence_full")
        check_range("dropout.", self, 0, 1 / 15, "floor")  # five sequences have 15 subsets of one or two
        check_range("dropout.", self, 0, 10, "noise")
        if not self.strengths or any(not 0.0 <= strength <= 1.0 for strength in self.strengths):
            raise InputError(f"dropout.strengths is {list(self.strengths)}.", "Give one or more values from 0 to 1.")
        if self.absence_full < self.absence_from:
            raise InputError(
                f"dropout.absence_full ({self.absence_full}) lies before dropout.absence_from ({self.absence_from}).",
                "Choose absence_full at least as large.",
            )
        self._check_prevalence()

    def _check_prevalence(self) -> None:
        known = {sequence.value for sequence in Sequence}
        for name, weight in self.prevalence.items():
            words = name.split("+")
            if not set(words) <= known or len(set(words)) < len(words) or not 0 <= weight <= 1e6:
                raise InputError(
                    f"dropout.prevalence.{name} = {weight} names no set of sequences with a weight.",
                    f'Write for example "SWI+DWI" = 0.3, at most 1000000; known: {", ".join(sorted(known))}.',
                )
        if (self.kind == "prevalence") != (sum(self.prevalence.values()) > 0):
            raise InputError(
                f"dropout.kind is '{self.kind}', and dropout.prevalence has {len(self.prevalence)} usable weights.",
                'The table is for kind "prevalence", which needs it.',
            )


@dataclass(frozen=True)
class DifficultySettings:
    """Progressive difficulty: large clots of high contrast first; see `difficulty`."""

    easy_until: float = 0.0
    """Share of the run during which only the easiest cases' clots are aimed at, 0..1; 0 = all from the start."""
    easy_share: float = 0.3
    """How many of the cases with a clot count as the easiest, share 0..1."""
    all_from: float = 0.75
    """Share of the run from which all clots are aimed at, 0..1; between, the number rises linearly."""

    def __post_init__(self) -> None:
        check_range("difficulty.", self, 0, 1, "easy_until", "easy_share", "all_from")
        if self.easy_until > 0 and self.all_from < self.easy_until:
            raise InputError(
                f"difficulty.all_from ({self.all_from}) lies before difficulty.easy_until ({self.easy_until}).",
                "Choose all_from at least as large.",
            )


@dataclass(frozen=True)
class AugmentSettings:
    """How crops are varied; drawn for every crop, and where scanners differ for every sequence. See `augment`."""

    chance: float = 0.5
    """Chance of each variation that costs time or sharpness to be used at all, 0..1."""
    rotation_degrees: float = 10.0
    """Largest rotation in the plane of the slices, either way, degrees."""
    scaling: float = 0.1
    """Largest enlargement or reduction in plane, as a share of the size, 0..0.5."""
    misregistration_mm: float = 1.0
    """Largest shift in plane of a sequence against the labels, along each axis, mm."""
    thick_slices: float = 0.25
    """Chance that a sequence is blurred across the slices, as thicker slices would, 0..1."""
    blur_mm: float = 1.2
    """Largest standard deviation of the blur in plane that a coarser matrix would bring, mm."""
    contrast: float = 0.25
    """Largest change of contrast, share: factors from 1 / (1 + contrast) to 1 + contrast."""
    brightness: float = 0.3
    """Largest shift of all values, as a multiple of the normalised spread of the brain (no unit)."""
    gamma: float = 0.3
    """Largest change of the exponent of the grey values, share: from 1 / (1 + gamma) to 1 + gamma."""
    bias: float = 0.3
    """Largest change of the signal from one end of a crop to the other, by the coil's sensitivity, share."""
    noise: float = 0.2
    """Largest standard deviation of added noise, as a multiple of the normalised spread of the brain (no unit)."""
    double_slices: float = 0.0
    """Chance that two slices of all sequences become one, as a centre with thicker slices has them, 0..1."""
    fluid: float = 0.0
    """Largest change of the signal of fluid on SWI, known by the ADC, share: from 1 / (1 + fluid) to 1 + fluid."""
    fill: float = 0.0
    """Largest share, 0..1, by which dark thin things on SWI are filled up, as on T2* without a phase mask."""
    plain: float = 0.0
    """Chance that SWI is shown as plain T2*, with bright fluid and grey matter and without bright arteries, 0..1."""

    def __post_init__(self) -> None:
        check_range("augment.", self, 0, 1, "chance", "thick_slices", "bias", "double_slices", "fill", "plain")
        check_range("augment.", self, 0, 0.5, "scaling")
        check_range("augment.", self, 0, 180, "rotation_degrees")
        check_range("augment.", self, 0, 50, "misregistration_mm", "blur_mm")
        check_range("augment.", self, 0, 10, "contrast", "brightness", "gamma", "noise", "fluid")


@dataclass(frozen=True)
class LossSettings:
    """What is to become small; see `losses`."""

    kind: LossKind = "tversky"
    """For the thrombus: "tversky" with cross-entropy, "dice_ce", or "dice_focal"."""
    thrombus_weight: float = 30.0
    """Weight of thrombus voxels in the cross-entropy (no unit); in a crop they are about one in two thousand."""
    infarct_share: float = 0.3
    """Weight of the infarct's loss against the thrombus' (no unit)."""
    beta: float = 0.6
    """Weight of missed against false voxels in Tversky, 0..1; above 0.5 a miss costs more (Salehi et al. 2017: 0.7)."""
    gamma: float = 2.0
    """Exponent of the focal loss (no unit; Lin et al. 2017: 2): how much voxels that are right already are ignored."""

    def __post_init__(self) -> None:
        check_choice("loss.", self, "kind", LossKind)
        check_range("loss.", self, 0, 1, "beta")
        check_range("loss.", self, 0, 1000, "infarct_share")
        check_range("loss.", self, 0, 20, "gamma")
        check_above("loss.", self, 1e6, "thrombus_weight")


@dataclass(frozen=True)
class BaselineSettings:
    """A network of others that is trained instead of ours, for comparison; see `baselines`."""

    kind: BaselineKind = ""
    """MONAI's "unet_2d" (BasicUNet), "unet_3d" (DynUNet) or "attention_unet_2d" (AttentionUnet); "" = our network."""
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    """Channels at each level; "unet_2d" takes five, "unet_3d" at least three, "attention_unet_2d" at least two."""

    def __post_init__(self) -> None:
        check_choice("baseline.", self, "kind", BaselineKind)
        low, high = {"unet_2d": (5, 5), "unet_3d": (3, MAXIMUM_LEVELS)}.get(self.kind, (2, MAXIMUM_LEVELS))
        fitting = low <= len(self.widths) <= high
        if not fitting or min(self.widths) < 1 or max(self.widths) > MAXIMUM_WIDTH:
            count = f"{low}" if low == high else f"{low} to {high}"
            raise InputError(
                f"baseline.widths is {shown(list(self.widths))}.", f"Give {count} numbers from 1 to {MAXIMUM_WIDTH}."
            )


@dataclass(frozen=True)
class TrainSettings:
    """One training run."""

    data: DataSettings = field(default_factory=DataSettings)
    """Where the cases come from."""
    seed: int = 1
    """Of everything that is drawn (no unit)."""
    steps: int = 3000
    """Number of optimizer steps."""
    batch: int = 4
    """Crops in a step (a count), over all processes."""
    learning_rate: float = 2e-3
    """Highest learning rate of AdamW (no unit), reached after the warm-up."""
    schedule: Schedule = "cosine"
    """How the learning rate falls after the warm-up: "cosine" or "polynomial"."""
    warmup_steps: int = 100
    """Optimizer steps until the highest learning rate."""
    weight_decay: float = 1e-2
    """Of AdamW (no unit)."""
    clip_norm: float = 5.0
    """Largest norm of the gradient (no unit); recurrence makes rare large ones."""
    average_decay: float = 0.998
    """Decay of the running average of the weights, per step, 0..1; the average is what is kept."""
    freeze_norms_from: float = 0.7
    """Share of the run, 0..1, after which the statistics of the normalisations stay fixed: trained as it will infer."""
    precision: Precision = "auto"
    """"float32", "bfloat16", or "auto": bfloat16 where the processor has instructions for it."""
    device: Device = "auto"
    """"cpu", "cuda", or "auto": a graphics card where there is one."""
    workers: int = 1
    """Processes that prepare crops ahead (a count); 0 = the training process does it between its steps."""
    initial_weights: str = ""
    """Name of registered weights, or a weights file relative to the settings file, to start from; "" = from scratch."""
    checkpoint_every: int = 100
    """Optimizer steps between checkpoints."""
    threshold: float = 0.5
    """Probability, above 0 to 1, from which a voxel is thrombus; goes into the weights file. Chosen on validation
    cases."""
    minimum_volume_mm3: float = 8.0
    """Smaller components are dropped, mm3; goes into the weights file."""
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    """What chooses the weights that are kept."""
    crop: CropSettings = field(default_factory=CropSettings)
    """Which parts of the cases are shown."""
    dropout: DropoutSettings = field(default_factory=DropoutSettings)
    """Gradual modality dropout."""
    difficulty: DifficultySettings = field(default_factory=DifficultySettings)
    """Progressive difficulty of the cases."""
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    """How crops are varied."""
    loss: LossSettings = field(default_factory=LossSettings)
    """What is to become small."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """Sizes of the network."""
    baseline: BaselineSettings = field(default_factory=BaselineSettings)
    """A network of others instead of ours."""

    def __post_init__(self) -> None:
        check_path("", self, "initial_weights")
        check_range("", self, 1, MOST_STEPS, "steps", "checkpoint_every")
        check_range("", self, 1, 4096, "batch")
        check_range("", self, 0, LARGEST_SEED, "seed")
        check_range("", self, 0, MOST_STEPS, "warmup_steps")
        check_range("", self, 0, 10, "weight_decay")
        check_range("", self, 0, 256, "workers")
        check_range("", self, 0, 1e6, "minimum_volume_mm3")
        check_range("", self, 0, 1, "average_decay", "freeze_norms_from")
        check_above("", self, 1, "threshold")
        for name, kinds in (("schedule", Schedule), ("precision", Precision), ("device", Device)):
            check_choice("", self, name, kinds)
        check_above("", self, 10, "learning_rate")
        check_above("", self, 1e6, "clip_norm")
        self._check_across()

    def _check_across(self) -> None:
        if self.warmup_steps >= self.steps:
            raise InputError(
                f"warmup_steps ({self.warmup_steps}) reaches the end of the run (steps = {self.steps}).",
                "Choose fewer than steps.",
            )
        if not self.data.manifest and not self.data.phantom_centre:
            raise InputError("data.manifest is missing, and so is data.phantom_centre.", "Name one of them, or both.")
        if self.baseline.kind and self.initial_weights:
            raise InputError(
                f"initial_weights is '{self.initial_weights}', and baseline.kind is '{self.baseline.kind}'.",
                "A network of others starts from scratch: leave initial_weights out.",
            )
        for name, only in (("sequences", len(Sequence)), ("labels", LABELS)):
            if getattr(self.network, name) != only:
                raise InputError(f"network.{name} is {shown(getattr(self.network, name))}.", f"Choose {only}.")
        if max(self.network.widths) > MAXIMUM_WIDTH or len(self.network.widths) > MAXIMUM_LEVELS:
            raise InputError(
                f"network.widths is {shown(list(self.network.widths))}.",
                f"Choose at most {MAXIMUM_LEVELS} numbers up to {MAXIMUM_WIDTH}.",
            )

    @property
    def manifest(self) -> Path:
        """The manifest of the training cases, relative to the settings file."""
        return Path(self.data.manifest)
