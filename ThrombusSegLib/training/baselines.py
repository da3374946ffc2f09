"""Networks of others for comparison, from MONAI, behind the interface of ours: they are trained and judged alike.

They take the sequences as channels of one picture, zeros standing for absent ones; a normalised image is zero where the
brain has its median. Normalisation is over the batch, as in ours, so that crops and whole heads give the same values.
Their weights are never registered: nothing but experiments reads them, and inference needs no MONAI.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import log
from pathlib import Path

import torch
from monai.networks.nets.attentionunet import AttentionUnet
from monai.networks.nets.basic_unet import BasicUNet
from monai.networks.nets.dynunet import DynUNet
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import InputError
from ..network import NetworkOutput, UpAttLLSTM, build_network
from ..network.build import PRIOR
from ..weights import WeightsEntry, WeightsMetadata, save_network
from ..weights.checksum import sha256_of
from ..weights.storage import write_tensors
from .settings import BaselineSettings, TrainSettings

#: Value of "format" in the metadata of a baseline's weights file.
FORMAT = "thrombusseg-baseline-1"
LABELS = 2
#: Slices are about three times as far apart as pixels, so a 3D network halves their number two levels later.
_FLAT_LEVELS = 2


class Baseline(nn.Module):
    """A network of others, called like `UpAttLLSTM`.

    Args:
        inner: (N, sequences, H, W) -> (N, 2, H, W); in 3D (B, sequences, S, H, W) -> (B, 2, S, H, W).
        sequences: number of channels.
        step: of slices, rows and columns, what their numbers are filled up to a multiple of.
        volumes: whether it works on volumes, not on slices.
    """

    def __init__(self, inner: nn.Module, sequences: int, step: tuple[int, int, int], *, volumes: bool) -> None:
        super().__init__()
        self.inner = inner
        self.sequences, self.step, self.volumes = sequences, step, volumes

    def forward(
        self,
        images: Tensor,
        sequence_ids: Sequence[int],
        present: Tensor | None = None,
        window: Tensor | None = None,
        *,
        slices_at_once: int | None = None,
        on_slices: Callable[[float], None] | None = None,
    ) -> NetworkOutput:
        """See `UpAttLLSTM.forward`; all shares of attention are equal, as nothing is known of them."""
        here = images.new_ones(images.shape[:2], dtype=torch.bool) if present is None else present.to(images.device)
        picture = images.new_zeros(images.shape[0], self.sequences, *images.shape[2:])
        shown = here.view(*here.shape, 1, 1, 1)
        picture[:, list(sequence_ids)] = torch.where(shown, images, torch.zeros_like(images))
        lacking = [-size % step for size, step in zip(images.shape[2:], self.step, strict=True)]
        padded = nn.functional.pad(picture, (0, lacking[2], 0, lacking[1], 0, lacking[0]), mode="replicate")
        at_once = padded.shape[2] if self.volumes else slices_at_once or padded.shape[2]
        parts = []
        for start in range(0, padded.shape[2], at_once):
            parts.append(self._part(padded[:, :, start : start + at_once]))
            if on_slices is not None:
                on_slices(min(1.0, (start + at_once) / padded.shape[2]))
        slices, rows, columns = images.shape[2:]
        logits = torch.cat(parts, dim=2)[:, :, :slices, :rows, :columns]
        shares = (here / here.sum(1, keepdim=True)).view(*here.shape, 1, 1, 1)
        return NetworkOutput(logits, shares.expand_as(images))

    def _part(self, picture: Tensor) -> Tensor:
        """(B, sequences, S, H, W) -> (B, 2, S, H, W)."""
        if self.volumes:
            volume: Tensor = self.inner(picture)
            return volume
        batch, _, slices = picture.shape[:3]
        flat: Tensor = self.inner(picture.transpose(1, 2).flatten(0, 1))
        return flat.view(batch, slices, *flat.shape[1:]).transpose(1, 2)


Network = UpAttLLSTM | Baseline


def build_for(settings: TrainSettings) -> Network:
    """The network that a run trains: ours, or a baseline."""
    if not settings.baseline.kind:
        return build_network(settings.network)
    return build_baseline(settings.baseline, settings.network.sequences)


def build_baseline(settings: BaselineSettings, sequences: int) -> Baseline:
    """A freshly initialised baseline. Like ours it thinks at first that hardly any voxel is a lesion."""
    widths = settings.widths
    halvings = len(widths) - 1
    step = (1, 2**halvings, 2**halvings)
    inner: nn.Module
    if settings.kind == "attention_unet_2d":
        inner = AttentionUnet(2, sequences, LABELS, channels=widths, strides=(2,) * halvings)
    elif settings.kind == "unet_2d":
        inner = BasicUNet(2, sequences, LABELS, features=(*widths, widths[0]), norm="batch")
    else:
        flat = min(_FLAT_LEVELS, halvings)
        strides = [(1, 1, 1)] + [(1, 2, 2)] * flat + [(2, 2, 2)] * (halvings - flat)
        kernels = [(3, 3, 3)] * len(widths)
        inner = DynUNet(3, sequences, LABELS, kernels, strides, strides[1:], filters=widths, norm_name="batch")
        step = (2 ** (halvings - flat), *step[1:])
    _expect_background(inner)
    return Baseline(inner, sequences, step, volumes=settings.kind == "unet_3d")


def _expect_background(network: nn.Module) -> None:
    """The bias of the last convolution, as in our network (`network.build.PRIOR`)."""
    biases = [
        module.bias
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose3d) and module.out_channels == LABELS
    ]
    assert biases and biases[-1] is not None
    nn.init.constant_(biases[-1], log(PRIOR / (1.0 - PRIOR)))


def save_for(settings: TrainSettings, network: Network, path: Path, metadata: WeightsMetadata) -> str:
    """The weights of a run into a file, whole or not at all; its SHA-256. Only ours can be registered."""
    if isinstance(network, UpAttLLSTM):
        return save_network(network, path, metadata)
    strings = {**metadata.to_strings(), "format": FORMAT, "baseline": json.dumps(asdict(settings.baseline))}
    state = network.state_dict()
    kept = sorted(set(_first_names(state).values()))
    return write_tensors({name: state[name].detach().cpu().contiguous() for name in kept}, path, strings)


def _first_names(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Of every tensor the first name under which the same numbers stand: DynUNet lists its layers twice, and a file
    holds each once."""
    first: dict[tuple[int, torch.Size], str] = {}
    return {name: first.setdefault((value.data_ptr(), value.shape), name) for name, value in state.items()}


def is_baseline(path: Path) -> bool:
    """Whether a weights file of a run holds a baseline."""
    return _strings(path).get("format") == FORMAT


def load_baseline(path: Path, name: str) -> tuple[WeightsEntry, Baseline]:
    """A baseline as an experiment evaluates it: what is to be known of the file, and the network, ready to infer."""
    strings = _strings(path)
    if strings.get("format") != FORMAT:
        raise InputError(f"{path.name} holds no baseline.", "Use what a training with a table [baseline] has written.")
    values = json.loads(strings["baseline"])
    settings = BaselineSettings(values["kind"], tuple(values["widths"]))
    network = build_baseline(settings, int(json.loads(strings["settings"])["sequences"]))
    tensors = load_file(path)
    network.load_state_dict({name: tensors[first] for name, first in _first_names(network.state_dict()).items()})
    entry = WeightsEntry(
        name=name,
        path=path,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        card=json.loads(strings["card"]),
        trained_on=json.loads(strings["trained_on"]),
        threshold=float(json.loads(strings["threshold"])),
        minimum_volume_mm3=float(json.loads(strings["minimum_volume_mm3"])),
    )
    return entry, network.eval()


def training_of(path: Path) -> dict[str, object]:
    """The facts of the training that a weights file of a run holds, ours or a baseline's."""
    found: dict[str, object] = json.loads(_strings(path).get("training", "{}"))
    return found


def _strings(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})
