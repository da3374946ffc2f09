"""Grey values of images and colours of attention maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

#: Eleven colours, dark to light with evenly rising lightness, so that more attention is brighter also in grey print and
#: for colour-blind readers.
SCALE = (
    (10, 12, 34), (33, 21, 77), (66, 21, 112), (101, 26, 124), (138, 38, 120), (174, 51, 105), (207, 71, 82),
    (233, 101, 56), (248, 143, 34), (252, 192, 58), (250, 245, 170),
)  # fmt: skip


def grey(values: Floats, low: float, high: float) -> Bytes:
    """(H, W) -> (H, W) grey, black at `low` and below, white at `high` and above."""
    span = max(high - low, 1e-6)
    return np.asarray(np.rint(np.clip((values - low) / span, 0.0, 1.0) * 255), dtype=np.uint8)


def window_of(volume: Floats) -> tuple[float, float]:
    """The grey window of a normalised sequence: from its background to its 99.7th percentile inside the head."""
    background = float(np.percentile(volume[:, :2, :], 50)) if volume.shape[1] > 2 else float(volume.min())
    inside = volume[np.abs(volume - background) > 0.05]
    if inside.size < 100:
        return float(volume.min()), float(volume.max())
    low, high = np.percentile(inside, (0.5, 99.7))
    return float(low), float(high)


def attention_colours(share: Floats) -> Bytes:
    """(H, W) shares 0..1 -> (H, W, 3)."""
    places = np.linspace(0.0, 1.0, len(SCALE))
    channels = [np.interp(share, places, [colour[channel] for colour in SCALE]) for channel in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=-1)), dtype=np.uint8)


def css_gradient() -> str:
    """The same colours for a colour bar."""
    stops = ", ".join(f"rgb({red},{green},{blue})" for red, green, blue in SCALE)
    return f"linear-gradient(to right, {stops})"
