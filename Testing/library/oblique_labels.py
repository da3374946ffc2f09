"""A labelled case on an oblique grid, which several tests export."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from ThrombusSegLib.review import CandidateReview, ReviewRecord
from ThrombusSegLib.sequences import Sequence

SLICES, ROWS, COLUMNS = 8, 40, 36
ACROSS, DOWN = np.array([0.96, 0.28, 0.0]), np.array([-0.28, 0.96, 0.0])


def geometry(image: sitk.Image) -> sitk.Image:
    """The same image, oblique in space."""
    image.SetSpacing((0.9, 0.9, 4.0))
    image.SetOrigin((-20.0, 30.0, 10.0))
    image.SetDirection(np.stack([ACROSS, DOWN, np.cross(ACROSS, DOWN)], axis=1).ravel().tolist())
    return image


def labels() -> sitk.Image:
    """Two thrombi and an infarct."""
    array = np.zeros((SLICES, ROWS, COLUMNS), np.uint8)
    array[3:5, 10:13, 5:20] = 1
    array[6, 30, 30:33] = 1
    array[2:6, 20:30, 5:25] = 2
    return geometry(sitk.GetImageFromArray(array))


def reviewed() -> ReviewRecord:
    """What an annotator decided of it."""
    return ReviewRecord(
        case="case-7",
        annotator="annotator-1",
        reference=Sequence.SWI,
        used=(Sequence.SWI,),
        candidates=(CandidateReview(1, "accepted"), CandidateReview(2, "rejected")),
        model="phantom-2",
    )
