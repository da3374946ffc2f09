"""The loss: overlap and cross-entropy for the thrombus, and the same with less weight for the infarct."""

from __future__ import annotations

import torch
from monai.losses.dice import DiceCELoss, DiceFocalLoss
from monai.losses.tversky import TverskyLoss
from torch import Tensor, nn

from .settings import LossSettings


class StrokeLoss(nn.Module):
    """One of MONAI's losses for the thrombus, and Dice with cross-entropy for the infarct.

    The two are kept apart because the infarct is a hundred times larger: in a common Dice it takes all the gradient.
    Overlap is measured over the whole batch (`batch=True`), so that crops without a thrombus still say something.

    Args:
        settings: which loss, and its weights.
    """

    def __init__(self, settings: LossSettings) -> None:
        super().__init__()
        weight = torch.tensor([settings.thrombus_weight])
        self.thrombus: nn.Module
        if settings.kind == "tversky":
            self.thrombus = TverskyWithEntropy(settings.beta, weight)
        elif settings.kind == "dice_ce":
            self.thrombus = DiceCELoss(sigmoid=True, batch=True, weight=weight)
        else:
            # MONAI weighs the two kinds of voxels with alpha and 1 - alpha; the factor makes that weight and 1
            total = 1.0 + settings.thrombus_weight
            alpha = settings.thrombus_weight / total
            self.thrombus = DiceFocalLoss(
                sigmoid=True, batch=True, gamma=settings.gamma, alpha=alpha, lambda_focal=total
            )
        self.infarct = DiceCELoss(sigmoid=True, batch=True)
        self.infarct_share = settings.infarct_share

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """logits and targets (B, 2, S, H, W) -> a number. Computed in float32, whatever the logits' precision."""
        logits = logits.float()
        thrombus: Tensor = self.thrombus(logits[:, :1], targets[:, :1])
        infarct: Tensor = self.infarct(logits[:, 1:], targets[:, 1:])
        return thrombus + self.infarct_share * infarct


class TverskyWithEntropy(nn.Module):
    """Tversky, in which a missed voxel weighs `beta` and a false one 1 - `beta`, and weighted cross-entropy.

    Salehi et al., Tversky loss function for image segmentation, MLMI 2017.
    """

    def __init__(self, beta: float, weight: Tensor) -> None:
        super().__init__()
        self.overlap = TverskyLoss(sigmoid=True, batch=True, alpha=1.0 - beta, beta=beta)
        self.weight: Tensor
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """logits and targets (B, 1, S, H, W) -> a number."""
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=self.weight)
        overlap: Tensor = self.overlap(logits, targets)
        return entropy + overlap
