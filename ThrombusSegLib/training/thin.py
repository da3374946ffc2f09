"""What is dark and thin, as veins and clots are on SWI; or bright and thin, as arteries are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import grey_closing, grey_opening

#: Half the width of the window in which it is compared, voxels of 0.9 mm in plane: what is wider than 4.5 mm is not
#: thin. Veins are.
THIN = 2
_WINDOW = (1, 2 * THIN + 1, 2 * THIN + 1)
#: An artery with fresh blood stands out by more than this on SWI, in normalised units (our choice).
BRIGHTER = 0.8


def fill_thin(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A closing in each slice, (S, H, W): what is dark and thin becomes as bright as what surrounds it.

    By SciPy: ITK's closing with a box returns nonsense for fewer slices than the box is wide, and says so on stdout.
    """
    return np.asarray(grey_closing(values, size=_WINDOW, mode="nearest"), dtype=np.float32)


def dim_thin(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """By an opening in each slice, (S, H, W): what is bright and thin becomes nearly as dark as what surrounds it.

    What stands out by less than `BRIGHTER` is texture and noise, and stays.
    """
    above = values - grey_opening(values, size=_WINDOW, mode="nearest")
    return np.asarray(values - np.maximum(above - BRIGHTER, 0.0), dtype=np.float32)
