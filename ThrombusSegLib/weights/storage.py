"""Networks to and from safetensors files: kernels at half precision on disk, everything at single precision in memory.

torch is imported where it is used, so that the list of weights can be read without it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, MachineError
from .checksum import sha256_of
from .entry import WeightsEntry, verify
from .header import Header, WeightsMetadata, read_header

if TYPE_CHECKING:
    import torch

    from ..network import UpAttLLSTM

#: How safetensors spells the types that may stand for one of the network's own.
_SPELLINGS = {"float32": {"F16", "F32"}, "int64": {"I64"}, "bool": {"BOOL"}}


def save_network(network: UpAttLLSTM, path: Path, metadata: WeightsMetadata) -> str:
    """Write the network with its kernels at half precision; the file appears whole or not at all.

    Biases and the statistics of the normalisations are few and stay at single precision: a variance may be larger than
    what half precision holds (65504).

    Returns:
        The file's SHA-256.

    Raises:
        InputError: a number is not finite at the precision it is stored in (training has diverged), or `path` is no
            .safetensors.
        MachineError: it cannot be written, the disk being full for one.
    """
    import torch

    if path.suffix != ".safetensors":
        raise InputError(f"{path.name} should end in .safetensors.", "Choose another name.")
    tensors = {}
    for name, tensor in network.state_dict().items():
        stored = tensor.detach().cpu()
        if stored.is_floating_point():
            stored = stored.half() if stored.dim() > 1 else stored.float()
            if not bool(torch.isfinite(stored).all()):
                raise InputError(f"The weights {name} are not finite.", "Do not keep this training.")
        tensors[name] = stored.contiguous()
    return write_tensors(tensors, path, metadata.to_strings())


def write_tensors(tensors: Mapping[str, torch.Tensor], path: Path, strings: Mapping[str, str]) -> str:
    """A safetensors file with these strings as its metadata, whole or not at all; its SHA-256.

    Raises:
        MachineError: it cannot be written, the disk being full for one; a file that was there stays.
    """
    from safetensors.torch import save

    content = save(dict(tensors), metadata=dict(strings))  # written by ourselves: its own errors do not tell the disk's
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".safetensors", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise MachineError(
            f"{path.name} cannot be written: {error.strerror or 'the disk is full'}.",
            "Make room or choose another folder; of a training the checkpoint is whole, go on with --resume.",
        ) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)
    return sha256_of(path)


def describe_anew(
    file: Path,
    out: Path,
    *,
    threshold: float | None = None,
    minimum_volume_mm3: float | None = None,
    card: str | None = None,
) -> str:
    """Write a copy of a weights file that says something else about itself; its numbers stay as they are.

    Args:
        file: the weights.
        out: the copy, a .safetensors; never `file` itself.
        threshold: probability from which a voxel is thrombus, above 0 to 1; None: as it was.
        minimum_volume_mm3: smaller components are dropped, mm3; None: as it was.
        card: one paragraph on the training; None: as it was.

    Returns:
        The SHA-256 of the copy.

    Raises:
        InputError: no weights of ours, a number out of range, or `out` is there already.
        MachineError: the copy cannot be written.
    """
    from safetensors.torch import load_file

    metadata = read_header(file).metadata
    if out.suffix != ".safetensors" or out.exists():
        raise InputError(f"{out.name} is there already, or does not end in .safetensors.", "Choose another name.")
    changed = replace(
        metadata,
        threshold=metadata.threshold if threshold is None else threshold,
        minimum_volume_mm3=metadata.minimum_volume_mm3 if minimum_volume_mm3 is None else minimum_volume_mm3,
        card=metadata.card if card is None else card,
    )
    changed.check_operating_point()
    return write_tensors(load_file(file, device="cpu"), out, changed.to_strings())


def load_network(entry: WeightsEntry) -> UpAttLLSTM:
    """The network of an entry, on the CPU, in single precision, in evaluation mode.

    Raises:
        InputError: the file is not what the registry says it is, or does not fit the network it describes.
    """
    from safetensors.torch import load_file

    from ..network import build_network

    verify(entry)
    header = read_header(entry.path)
    check_fit(header, entry.path.name)
    network = build_network(header.metadata.settings)
    tensors = load_file(entry.path, device="cpu")
    network.load_state_dict({name: _full(tensor) for name, tensor in tensors.items()})
    return network.eval()


def check_fit(header: Header, name: str) -> None:
    """Compare names, shapes and types with the network the file describes, without allocating either."""
    import torch

    from ..network import build_network

    with torch.device("meta"):
        expected = build_network(header.metadata.settings).state_dict()
    missing, unknown = expected.keys() - header.tensors.keys(), header.tensors.keys() - expected.keys()
    if missing or unknown:
        example = sorted(missing or unknown)[0]
        raise InputError(
            f"{name} does not fit its network: {len(missing)} missing and {len(unknown)} unknown tensors ({example}).",
            "It was written by another version of ThrombusSeg; use weights of this one.",
        )
    for tensor, (kind, shape) in header.tensors.items():
        wanted = expected[tensor]
        kinds = _SPELLINGS.get(str(wanted.dtype).removeprefix("torch."), set())
        if shape != tuple(wanted.shape) or kind not in kinds:
            raise InputError(
                f"{name} does not fit its network: {tensor} is {kind} {shape}, {tuple(wanted.shape)} is needed.",
                "It was written by another version of ThrombusSeg; use weights of this one.",
            )


def _full(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
