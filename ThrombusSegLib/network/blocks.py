"""The convolution that everything else is made of."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

AnyNetwork = TypeVar("AnyNetwork", bound=nn.Module)

#: Slope of the leaky rectifier for negative inputs, as in nnU-Net (Isensee et al. 2021).
NEGATIVE_SLOPE = 0.01


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, leaky rectifier: (N, C, H, W) -> (N, C', H / stride, W / stride).

    Batch and not instance normalisation, for two reasons: after training it is a fixed function of each voxel's
    surroundings, so a network trained on crops sees the same values in a whole slice; and it can be folded into the
    convolution, which saves a pass over memory at inference (`fold`).
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        features = self.norm(self.convolution(features))
        return nn.functional.leaky_relu(features, NEGATIVE_SLOPE, inplace=True)

    def fold(self) -> None:
        """Merge the normalisation into the convolution. Only for inference; the outputs stay the same to rounding."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.convolution = fuse_conv_bn_eval(self.convolution.eval(), self.norm.eval())
            self.norm = nn.Identity()


class ConvPair(nn.Sequential):
    """Two `ConvNorm` in a row, the first with the stride: one level of the encoder or the decoder."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__(ConvNorm(in_channels, out_channels, stride=stride), ConvNorm(out_channels, out_channels))


def fold_norms(network: nn.Module) -> None:
    """Fold every normalisation below `network`; switches it to inference for good."""
    network.eval()
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.fold()


def make_ready(network: AnyNetwork, device: torch.device) -> AnyNetwork:
    """The network on a device as it infers fastest: normalisations folded, laid out. It cannot be trained then."""
    fold_norms(network)
    return laid_out(network, device)


def laid_out(network: AnyNetwork, device: torch.device) -> AnyNetwork:
    """The network on a device, kernels as the fast convolutions want them: channels last, unless they are volumes'.

    A training step on the processor takes six tenths of the time so (`thrombusseg benchmark --only step`).
    """
    if any(parameter.dim() == 5 for parameter in network.parameters()):  # "channels last" is for pictures, not volumes
        return network.to(device)
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
