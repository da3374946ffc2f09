"""Other definitions of a detection, as other papers use them; reported beside ours, which is in `matching`.

"overlap" is that of ISLES 2022 (Hernandez Petzsche et al., Sci Data 9:762, 2022): a true lesion is detected if any
predicted voxel lies in it, and a predicted lesion is false if none of its voxels is true. It rewards painting. The
others assign one to one with an intersection over union (IoU) of at least so much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Rule = Callable[[Ints, Ints, Ints], tuple[int, int]]
"""Voxels in common (T, P), of the true lesions (T,) and of the predicted ones (P,), to the numbers of true lesions
detected and of false positives."""


def by_overlap(common: Ints, _true: Ints, _predicted: Ints) -> tuple[int, int]:
    """One voxel in common is enough, for any number of lesions on either side."""
    return int((common > 0).any(axis=1).sum()), int((~(common > 0).any(axis=0)).sum())


def by_iou(common: Ints, true: Ints, predicted: Ints, least: float) -> tuple[int, int]:
    """One to one, the largest total of IoU, of pairs that reach `least`."""
    from scipy.optimize import linear_sum_assignment

    if not common.size:
        return 0, len(predicted)
    iou = common / (true[:, None] + predicted[None] - common)
    gain = np.where(iou >= least, iou, 0.0)
    rows, columns = linear_sum_assignment(-gain)
    hits = int((gain[rows, columns] > 0).sum())
    return hits, len(predicted) - hits


RULES: Mapping[str, Rule] = {
    "overlap": by_overlap,
    "iou_0.1": partial(by_iou, least=0.1),
    "iou_0.2": partial(by_iou, least=0.2),
    "iou_0.5": partial(by_iou, least=0.5),
}
