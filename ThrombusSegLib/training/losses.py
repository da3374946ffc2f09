"""The loss: overlap and cross-entropy for the thrombus, and the same with less weight for the infarct."""

from __future__ import annotations

import torch
from monai.losses.dice import DiceLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor, nn


class StrokeLoss(nn.Module):
    """Tversky plus weighted cross-entropy for the thrombus, Dice plus cross-entropy for the infarct.

    The two are kept apart because the infarct is a hundred times larger: in a common Dice it takes all the gradient.
    Overlap is measured over the whole batch (`batch=True`), so that crops without a thrombus still say something.

    Args:
        thrombus_weight: weight of thrombus voxels in the cross-entropy.
        infarct_share: weight of the infarct's loss.
    """

    def __init__(self, thrombus_weight: float, infarct_share: float) -> None:
        super().__init__()
        # beta > alpha: a missed voxel costs more than a false one (Salehi et al. 2017, beta 0.7)
        self.overlap = TverskyLoss(sigmoid=True, batch=True, alpha=0.4, beta=0.6)
        self.infarct_overlap = DiceLoss(sigmoid=True, batch=True)
        self.infarct_share = infarct_share
        self.weight: Tensor
        self.register_buffer("weight", torch.tensor(thrombus_weight))

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """logits and targets (B, 2, S, H, W) -> a number."""
        logits = logits.float()
        entropy = nn.functional.binary_cross_entropy_with_logits
        thrombus, infarct = logits[:, :1], logits[:, 1:]
        loss: Tensor = entropy(thrombus, targets[:, :1], pos_weight=self.weight) + self.overlap(
            thrombus, targets[:, :1]
        )
        rest: Tensor = entropy(infarct, targets[:, 1:]) + self.infarct_overlap(infarct, targets[:, 1:])
        return loss + self.infarct_share * rest
