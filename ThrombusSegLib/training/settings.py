"""What a training run is told. Read from TOML; this file does not import torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..network.settings import NetworkSettings


@dataclass(frozen=True)
class DropoutSettings:
    """Gradual modality dropout; see `curriculum`."""

    probability: float = 0.4
    """Chance of each sequence of each crop to be weakened, 0..1."""
    strengths: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """How much of a weakened sequence is taken away in each quarter of the run, 0..1."""
    noise: float = 0.1
    """Standard deviation of the number added to the factor that weakens a sequence (no unit)."""
    absence_from: float = 0.75
    """Share of the run after which a sequence that is drawn is left out altogether, 0..1."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0 or not 0.0 <= self.absence_from <= 1.0:
            raise InputError("dropout.probability and dropout.absence_from are shares.", "Choose values from 0 to 1.")
        if not self.strengths or any(not 0.0 <= strength <= 1.0 for strength in self.strengths):
            raise InputError("dropout.strengths must be shares.", "Give one or more values from 0 to 1.")


@dataclass(frozen=True)
class CropSettings:
    """Which parts of the cases are shown."""

    slices: int = 16
    """Height of a crop, slices."""
    pixels: int = 64
    """Width and depth of a crop, pixels of the working grid (0.9 mm)."""
    with_thrombus: float = 0.7
    """Share of crops that hold a part of a thrombus, 0..1; the others lie anywhere in the head."""

    def __post_init__(self) -> None:
        if self.slices < 1 or self.pixels < 16:
            raise InputError("A crop needs at least 1 slice of 16 pixels.", "Raise crop.slices or crop.pixels.")


@dataclass(frozen=True)
class TrainSettings:
    """One training run."""

    manifest: Path
    """Manifest of the training cases, relative to the settings file."""
    seed: int = 1
    """Of everything that is drawn."""
    steps: int = 3000
    """Number of optimizer steps."""
    batch: int = 4
    """Crops in a step."""
    learning_rate: float = 2e-3
    """Highest learning rate of AdamW (no unit), reached after the warm-up, then falling along a cosine."""
    warmup_steps: int = 100
    """Optimizer steps until the highest learning rate."""
    weight_decay: float = 1e-2
    """Of AdamW (no unit)."""
    clip_norm: float = 5.0
    """Largest norm of the gradient (no unit); recurrence makes rare large ones."""
    average_decay: float = 0.998
    """Decay of the running average of the weights, per step; the average is what is kept."""
    thrombus_weight: float = 30.0
    """Weight of thrombus voxels in the cross-entropy (no unit); they are about one in a thousand."""
    infarct_share: float = 0.3
    """Weight of the infarct's loss against the thrombus' (no unit)."""
    precision: str = "auto"
    """"float32", "bfloat16", or "auto": bfloat16 where the processor has instructions for it."""
    checkpoint_every: int = 100
    """Optimizer steps between checkpoints."""
    threshold: float = 0.5
    """Probability from which a voxel counts as thrombus; goes into the weights file. Choose it on validation cases."""
    minimum_volume_mm3: float = 8.0
    """Smaller components are dropped; goes into the weights file."""
    crop: CropSettings = field(default_factory=CropSettings)
    """Which parts of the cases are shown."""
    dropout: DropoutSettings = field(default_factory=DropoutSettings)
    """Gradual modality dropout."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """Sizes of the network."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.checkpoint_every < 1:
            raise InputError("steps, batch and checkpoint_every count things.", "Choose values of at least 1.")
        if self.warmup_steps >= self.steps:
            raise InputError(
                f"warmup_steps ({self.warmup_steps}) reaches the end of the run.", "Choose fewer than steps."
            )
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise InputError(f"precision '{self.precision}' is unknown.", 'Choose "auto", "float32" or "bfloat16".')


def read_settings(path: Path) -> TrainSettings:
    """Settings from a TOML file; `InputError` names the field that is wrong. Paths are relative to the file."""
    if not path.is_file():
        raise InputError(f"There is no settings file {path.name}.", "Check its path.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not valid TOML: {error}.", "Mend that line.") from error
    settings: TrainSettings = _build(TrainSettings, values, path.name, "")
    return settings


def _build(kind: type[Any], values: dict[str, Any], file: str, prefix: str) -> Any:
    known = {entry.name: entry for entry in fields(kind)}
    for name in values:
        if name not in known:
            raise InputError(f"{file}: there is no setting '{prefix}{name}'.", f"Known: {', '.join(known)}.")
    built: dict[str, Any] = {}
    for name, value in values.items():
        nested = {"crop": CropSettings, "dropout": DropoutSettings, "network": NetworkSettings}.get(name)
        if nested is not None and is_dataclass(nested):
            built[name] = _build(nested, _typed(value, dict, file, prefix + name), file, f"{prefix}{name}.")
        elif name == "manifest":
            built[name] = Path(_typed(value, str, file, prefix + name))
        else:
            built[name] = _converted(value, str(known[name].type), file, prefix + name)
    try:
        return kind(**built)
    except TypeError as error:
        raise InputError(f"{file}: a setting is missing ({error}).", "Add it.") from error


def _converted(value: Any, annotation: str, file: str, name: str) -> Any:
    if annotation.startswith("tuple"):
        inner = int if "int" in annotation else float
        return tuple(inner(item) for item in _typed(value, list, file, name))
    if annotation == "float":
        return float(_typed(value, (int, float), file, name))
    return _typed(value, {"int": int, "bool": bool, "str": str}[annotation], file, name)


def _typed(value: Any, kind: type[Any] | tuple[type[Any], ...], file: str, name: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise InputError(f"{file}: '{name}' has the value {value!r}, which is of the wrong kind.", "Mend it.")
    return value
