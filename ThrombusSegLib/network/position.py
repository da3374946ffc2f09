"""Where in the picture a place lies, told to the network.

A dark dot near the skull base in front of the brain stem may be a clot in the basilar artery; the same dot on the
convexity is a vein. A network trained on crops cannot know which of the two it looks at unless it is told (Ghafoorian
et al., Location sensitive deep convolutional neural networks for segmentation of white matter hyperintensities,
Scientific Reports 2017). The working grid is cut to the head (`preprocess.grid`), so the place in the grid is the place
in the head, roughly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Units between the coordinates and the features (our choice).
HIDDEN = 32


class HeadPosition(nn.Module):
    """Add to features what follows from where they lie: x + W2 relu(W1 (slice, row, |column|) + b1).

    Coordinates run from -1 to 1 between the outer edges of the whole working grid. Of the columns, which run from right
    to left, the distance from the middle counts: the head is nearly symmetric.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(3, HIDDEN, 1)
        self.output = nn.Conv2d(HIDDEN, channels, 1, bias=False)

    def say_nothing(self) -> None:
        """Change no feature until trained: for weights that are given a position later."""
        nn.init.zeros_(self.output.weight)

    def forward(self, features: Tensor, axes: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Add.

        Args:
            features: (B * S, C, H, W).
            axes: coordinates of the slices (B, S), rows (B, H) and columns (B, W).

        Returns:
            (B * S, C, H, W).
        """
        slices, rows, columns = axes
        shape = (slices.shape[0], slices.shape[1], rows.shape[1], columns.shape[1])
        places = torch.stack(
            [
                slices[:, :, None, None].expand(shape),
                rows[:, None, :, None].expand(shape),
                columns.abs()[:, None, None, :].expand(shape),
            ],
            dim=2,
        )
        added: Tensor = self.output(nn.functional.relu(self.hidden(places.flatten(0, 1))))
        return features + added


def along(window: Tensor, inside: int, count: int, step: int = 1) -> Tensor:
    """Coordinates of the middles of voxels along one axis.

    Args:
        window: (B, 2), where the first and the last outer edge of the picture lie in the whole, -1..1.
        inside: voxels of the picture, without what was added to fill up.
        count: of the voxels that are asked for, at the coarser level.
        step: how many voxels of the picture one of these spans.

    Returns:
        (B, count); beyond the picture they go on past its edge.
    """
    middle = (torch.arange(count, device=window.device, dtype=window.dtype) + 0.5) * step / inside
    return window[:, :1] + (window[:, 1:] - window[:, :1]) * middle
