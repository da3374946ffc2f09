"""The header of a safetensors file, read and checked before a single tensor is allocated. Does not import torch.

The format: eight bytes with the length of a JSON object, the object (names, shapes, types, offsets, and free text under
"__metadata__"), then the numbers themselves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, MachineError

if TYPE_CHECKING:
    from ..network import NetworkSettings

#: Value of "format" in the metadata of a file that this library wrote.
FORMAT = "thrombusseg-weights-1"
#: Nothing of ours is near this size; a larger file is a mistake or worse.
MAXIMUM_BYTES = 512 * 2**20
MAXIMUM_HEADER_BYTES = 4 * 2**20
#: Bounds for the sizes a file may claim, so that building the network to compare with cannot exhaust the memory.
MAXIMUM_WIDTH, MAXIMUM_LEVELS = 2048, 8

_NOT_OURS = "Use a .safetensors file written by `thrombusseg train`."


@dataclass(frozen=True)
class WeightsMetadata:
    """What a weights file says about itself."""

    settings: NetworkSettings
    card: str
    """One paragraph: what it was trained on, how well it does and on which data, what it is not for."""
    trained_on: str
    """A few words, shown beside every result, such as "simulated data"."""
    threshold: float = 0.5
    """Probability from which a voxel counts as thrombus, unless the caller chooses another."""
    minimum_volume_mm3: float = 0.0
    """Components below this volume are dropped, unless the caller chooses another."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Facts of the training (settings, seed, versions, figures), anything JSON can hold."""

    def to_strings(self) -> dict[str, str]:
        """As safetensors metadata: text only, each value one JSON text."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["settings"] = asdict(self.settings)
        return {"format": FORMAT, **{name: json.dumps(value) for name, value in values.items()}}

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> WeightsMetadata:
        """Inverse of `to_strings`; raises `InputError` when something is missing or of the wrong type."""
        from ..network import NetworkSettings

        if strings.get("format") != FORMAT:
            raise InputError("The file does not hold weights of ThrombusSeg.", _NOT_OURS)
        try:
            metadata = cls(
                settings=NetworkSettings.from_json(strings["settings"]),
                card=str(json.loads(strings["card"])),
                trained_on=str(json.loads(strings["trained_on"])),
                threshold=float(json.loads(strings["threshold"])),
                minimum_volume_mm3=float(json.loads(strings["minimum_volume_mm3"])),
                training=dict(json.loads(strings["training"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("The description inside the weights file cannot be read.", _NOT_OURS) from error
        _check_sizes(metadata.settings)
        metadata.check_operating_point()
        return metadata

    def check_operating_point(self) -> None:
        """The threshold is a probability, and the smallest volume a volume; `InputError` where they are not."""
        if not 0.0 < self.threshold <= 1.0:
            raise InputError(f"The threshold is {self.threshold:g}.", "Choose a probability above 0, at most 1.")
        if not 0.0 <= self.minimum_volume_mm3 <= 1e6:
            raise InputError(f"The smallest volume is {self.minimum_volume_mm3:g} mm3.", "Choose 0 to 1000000.")


@dataclass(frozen=True)
class Header:
    """Names, types and shapes of the tensors in a file, and what the file says about itself."""

    tensors: Mapping[str, tuple[str, tuple[int, ...]]]
    """Name -> (type as safetensors spells it, such as "F16", and shape)."""
    metadata: WeightsMetadata


def read_header(path: Path) -> Header:
    """Read and check the header. Raises `InputError` when this is no weights file, `MachineError` when unreadable."""
    refuse_pickle(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if len(start) < 8 or length > min(MAXIMUM_HEADER_BYTES, size - 8):
                raise InputError(f"{path.name} is not a safetensors file, or it is cut off.", _NOT_OURS)
            text = file.read(length)
    except FileNotFoundError as error:
        raise InputError(f"The weights file {path.name} does not exist.", "Check the name.") from error
    except OSError as error:
        raise MachineError(
            f"{path.name} cannot be read: {os.strerror(error.errno or 0)}.", "Check the disk."
        ) from error
    if size > MAXIMUM_BYTES:
        raise InputError(f"{path.name} has {size / 2**20:.0f} MiB, far more than weights need.", _NOT_OURS)
    return _parse(text, size - 8 - length, path.name)


def refuse_pickle(path: Path) -> None:
    """Files that can run code when they are loaded are never opened."""
    if path.suffix.lower() != ".safetensors":
        raise InputError(
            f"{path.name} is not a .safetensors file.",
            "Other formats (.pt, .pth, .pkl) can run code when loaded and are refused. " + _NOT_OURS,
        )


def _parse(text: bytes, data_bytes: int, name: str) -> Header:
    try:
        content = json.loads(text)
        metadata = WeightsMetadata.from_strings(content.pop("__metadata__", {}))
        tensors = {}
        total = 0
        for tensor, facts in content.items():
            begin, end = (int(offset) for offset in facts["data_offsets"])
            total += end - begin
            tensors[tensor] = (str(facts["dtype"]), tuple(int(length) for length in facts["shape"]))
    except InputError as error:
        raise InputError(f"{name}: {error.sentence}", error.advice) from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"The header of {name} cannot be read.", _NOT_OURS) from error
    if total != data_bytes:
        raise InputError(f"{name} is cut off or padded: {data_bytes} bytes of numbers, {total} announced.", _NOT_OURS)
    return Header(tensors, metadata)


def _check_sizes(settings: NetworkSettings) -> None:
    if len(settings.widths) > MAXIMUM_LEVELS or max(settings.widths) > MAXIMUM_WIDTH:
        raise InputError(f"The network's widths {settings.widths} are beyond all reason.", _NOT_OURS)
    if not (1 <= settings.sequences <= 64 and 1 <= settings.labels <= 64 and 1 <= settings.attention_heads <= 64):
        raise InputError("The network's sizes are beyond all reason.", _NOT_OURS)
