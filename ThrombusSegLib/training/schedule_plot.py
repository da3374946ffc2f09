"""The curriculum as a picture: what a crop shows, from the first step to the last.

`python -m ThrombusSegLib.training.schedule_plot OUT.svg [SETTINGS.toml]`; without settings, the defaults.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sequences import Sequence
from .curriculum import count_chances, stage_at
from .difficulty import share_at
from .read import read_settings
from .settings import DataSettings, TrainSettings

Series = NDArray[np.float64]

#: From one sequence (darkest) to all: steps of one blue, told apart in grey print too.
BLUES = ("#08306b", "#2c6aa8", "#6aa5d0", "#abcde4", "#e1ecf5")
LINES = ("#b35806", "#2c6aa8", "#4d4d4d")
WIDTH, HEIGHT, LEFT, TOP, GAP = 520, 150, 64, 34, 62
#: Points along the run; so many that a step looks upright.
POINTS = 801
_STYLE = (
    "text{font:13px system-ui,Arial,'DejaVu Sans',sans-serif;fill:#22252a}.soft{fill:#666c75;font-size:12px}"
    ".title{font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}.frame{fill:none;stroke:#b9b5ad}"
    ".tick{stroke:#e6e3dd}.line{fill:none;stroke-width:2.2;stroke-linejoin:round}"
)


def draw_schedule(settings: TrainSettings) -> str:
    """SVG: how many sequences a crop shows, how they are weakened, and whose clots are aimed at (where that changes).

    Args:
        settings: of the run; a case is taken to have all sequences of the vocabulary.
    """
    done = np.linspace(0.0, 1.0, POINTS)
    panels: list[Callable[[Series], list[str]]] = [
        lambda shares: _shown(settings, shares),
        lambda shares: _weakened(settings, shares),
    ]
    if settings.difficulty.easy_until > 0:
        panels.append(lambda shares: _aimed(settings, shares))
    parts = []
    for row, panel in enumerate(panels):
        parts.append(f'<g transform="translate({LEFT} {TOP + row * (HEIGHT + GAP)})">{"".join(panel(done))}</g>')
    height = TOP + len(panels) * (HEIGHT + GAP)
    label = _words(settings)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 190} {height}" role="img" '
        f'aria-label="{label}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _words(settings: TrainSettings) -> str:
    """What a reader who cannot see the picture is told."""
    last = count_chances(settings.dropout, len(Sequence), 1.0)
    return (
        f"Curriculum of kind {settings.dropout.kind} over the run. At its end {100 * last[1]:.0f} percent of the crops "
        f"show one sequence and {100 * last[-1]:.0f} percent all {len(Sequence)}."
    )


def _shown(settings: TrainSettings, done: Series) -> list[str]:
    """Stacked areas: the share of crops that show one, two, ... sequences."""
    chances = np.array([count_chances(settings.dropout, len(Sequence), share) for share in done])
    edges = np.cumsum(chances, axis=1)
    parts = _frame("How many sequences a crop shows", "share of crops")
    for count in range(1, len(Sequence) + 1):
        lower, upper = _points(done, edges[:, count - 1]), _points(done, edges[:, count])
        colour = BLUES[count - 1]
        parts.append(f'<polygon fill="{colour}" points="{" ".join(upper + lower[::-1])}"/>')
        words = "1 alone" if count == 1 else f"{count}" if count < len(Sequence) else f"all {count}"
        parts += _key(len(Sequence) - count, words, f'<rect width="16" height="11" y="-10" fill="{colour}"/>')
    return [*parts, f'<rect class="frame" width="{WIDTH}" height="{HEIGHT}"/>']


def _weakened(settings: TrainSettings, done: Series) -> list[str]:
    stages = [stage_at(settings.dropout, share) for share in done]
    parts = _frame("How sequences are weakened where all are shown", "0 to 1")
    lines = {
        "taken away": np.array([stage.strength for stage in stages]),
        "chance to be weakened": np.array([stage.probability * (1.0 - stage.absence) for stage in stages]),
    }
    for row, (words, values) in enumerate(lines.items()):
        parts += _line(row, words, done, values)
    return parts


def _aimed(settings: TrainSettings, done: Series) -> list[str]:
    values = np.array([share_at(settings.difficulty, share) for share in done])
    parts = _frame("Whose clots are aimed at, easiest first", "share of cases")
    return parts + _line(2, "cases", done, values, key=0)


def _line(row: int, words: str, done: Series, values: Series, key: int | None = None) -> list[str]:
    points = " ".join(_points(done, values))
    return [
        f'<polyline class="line" stroke="{LINES[row]}" points="{points}"/>',
        *_key(row if key is None else key, words, f'<path class="line" stroke="{LINES[row]}" d="M0 -4H16"/>'),
    ]


def _points(done: Series, values: Series) -> list[str]:
    """Places of a curve; those that a straight line through their neighbours passes are left out."""
    inner = np.abs(np.diff(values, 2)) > 1e-9
    keep = np.concatenate([[True], inner, [True]])
    return [f"{x * WIDTH:.1f},{(1.0 - y) * HEIGHT:.1f}" for x, y in zip(done[keep], values[keep], strict=True)]


def _frame(title: str, unit: str) -> list[str]:
    """Title, axes and their numbers."""
    parts = [f'<text class="title" y="-12">{title}</text>', f'<rect class="frame" width="{WIDTH}" height="{HEIGHT}"/>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = share * WIDTH, (1.0 - share) * HEIGHT
        parts.append(f'<path class="tick" d="M0 {y:.1f}H{WIDTH}M{x:.1f} 0V{HEIGHT}"/>')
        parts.append(f'<text class="soft middle" x="{x:.1f}" y="{HEIGHT + 17}">{100 * share:.0f} %</text>')
        parts.append(f'<text class="soft end" x="-8" y="{y + 4:.1f}">{share:g}</text>')
    parts.append(f'<text class="soft end" x="{WIDTH}" y="{HEIGHT + 33}">of the run</text>')
    parts.append(f'<text class="soft end" x="{WIDTH}" y="-12">{unit}</text>')
    return parts


def _key(row: int, words: str, mark: str) -> list[str]:
    """One line of the key, right of the panel."""
    return [f'<g transform="translate({WIDTH + 14} {14 + 21 * row})">{mark}<text x="23">{words}</text></g>']


def main(arguments: list[str] | None = None) -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(prog="python -m ThrombusSegLib.training.schedule_plot", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.svg")
    parser.add_argument("settings", type=Path, nargs="?", metavar="SETTINGS.toml")
    chosen = parser.parse_args(arguments)
    try:
        defaults = TrainSettings(data=DataSettings(manifest="manifest.csv"))
        settings = read_settings(chosen.settings) if chosen.settings else defaults
        chosen.out.write_text(draw_schedule(settings), encoding="utf-8")
    except (InputError, OSError) as error:
        print(error if isinstance(error, InputError) else f"{chosen.out.name} cannot be written.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
