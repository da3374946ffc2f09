"""A loaded network, ready for many cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..errors import InputError, MachineError
from ..network.blocks import make_ready
from ..progress import Progress, report, silent
from ..sequences import Sequence
from ..weights import WeightsEntry, load_network
from .device import choose_device

if TYPE_CHECKING:
    from ..preprocess import Prepared

Volume = npt.NDArray[np.float32]

#: How many voxels (sequences x slices x rows x columns) go through the fine levels at once. The features of these
#: levels take about a hundred numbers a voxel, so this is some 200 MB on the processor. The split depends on the case
#: alone, never on the memory that happens to be free, so that a result can be repeated to the bit.
VOXELS_AT_ONCE = {"cpu": 2**19, "cuda": 2**23, "mps": 2**22}


@dataclass(frozen=True)
class Prediction:
    """What the network says, on the working grid."""

    thrombus: Volume
    """(S, H, W) probability, 0..1."""
    infarct: Volume
    """(S, H, W) probability, 0..1."""
    attention: Mapping[Sequence, Volume] = field(default_factory=dict)
    """(S, H, W) per present sequence; they add up to 1 in every voxel."""


class Predictor:
    """A network in memory. Loading checks the file's SHA-256.

    Args:
        weights: which network.
        device: "auto", "cpu", "cuda" or "mps"; a missing one is replaced by the processor and `warning` says so.
        network: the network of `weights`, called like `UpAttLLSTM`, where it is no network of ours; None: it is loaded.
    """

    def __init__(self, weights: WeightsEntry, device: str = "auto", network: nn.Module | None = None) -> None:
        self.weights = weights
        self.device, self.warning = choose_device(device)
        self.network = make_ready(load_network(weights) if network is None else network, self.device)

    def predict(self, prepared: Prepared, progress: Progress = silent) -> Prediction:
        """Probabilities and attention for the present sequences of one case.

        Raises:
            InputError: the network answers with something that is no finite number: its file is damaged.
            MachineError: the memory of the device is not enough.
            Cancelled: `progress` answered False; it is asked after every few slices.
        """
        sequences = sorted(prepared.images, key=list(Sequence).index)
        ids = [list(Sequence).index(sequence) for sequence in sequences]
        stack = np.stack([prepared.images[sequence] for sequence in sequences])
        at_once = max(1, VOXELS_AT_ONCE[self.device.type] * stack.shape[1] // stack.size)
        try:
            with torch.inference_mode():
                output = self.network(
                    torch.from_numpy(stack)[None].to(self.device),
                    ids,
                    slices_at_once=at_once,
                    on_slices=lambda share: report(progress, share, "network"),
                )
                labels = _to_numpy(torch.sigmoid(output.logits[0].float()))
                attention = _to_numpy(output.attention[0].float())
        except (MemoryError, RuntimeError) as error:
            if not _is_memory(error):
                raise
            raise MachineError(
                f"The memory of the device ({self.device.type}) is not enough for this case.", _advice(self.device)
            ) from error
        if not (np.isfinite(labels).all() and np.isfinite(attention).all()):
            raise InputError(
                f"The weights {self.weights.name} answer with something that is no finite number.",
                "Their file is damaged, or their training diverged: use others.",
            )
        return Prediction(labels[0], labels[1], dict(zip(sequences, attention, strict=True)))


def _to_numpy(tensor: torch.Tensor) -> Volume:
    return np.ascontiguousarray(tensor.cpu().numpy(), dtype=np.float32)


def _is_memory(error: Exception) -> bool:
    text = str(error).lower()
    told = "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or told


def _advice(device: torch.device) -> str:
    return "Close other programs." if device.type == "cpu" else "Close other programs, or choose the device cpu."
