"""Curves as inline SVG: a few lines over the steps of a run, with axes that a reader can read numbers from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 34
#: Longer curves are thinned by taking means: more points than pixels show nothing more.
MOST_POINTS = 400

CSS = """
svg.chart{background:none;aspect-ratio:560/240;border-radius:0;overflow:visible}
svg.chart text{fill:var(--soft);font:12px/1 system-ui,Arial,"DejaVu Sans",sans-serif;stroke:none}
svg.chart text.title{fill:var(--ink);font-weight:500;font-size:13px}
svg.chart .axis{stroke:var(--line);stroke-width:1;fill:none}
svg.chart .curve{fill:none;stroke-width:1.8;stroke-linejoin:round}
svg.chart .mark{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
svg.chart .c0{stroke:#c2571a;fill:#c2571a}svg.chart .c1{stroke:#2f7fb5;fill:#2f7fb5}
svg.chart .c2{stroke:#7a8b2d;fill:#7a8b2d}svg.chart .pale{stroke-opacity:.3;stroke-width:1}
svg.chart path.curve{fill:none}svg.chart text.key{stroke:none}
.charts{display:grid;grid-template-columns:1fr 1fr;gap:26px 40px}
@media (max-width:820px){.charts{grid-template-columns:1fr}}
"""


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    name: str
    points: Sequence[tuple[float, float]]
    """Step and value."""
    colour: int = 0
    pale: bool = False
    """Drawn thin and without a name: what a smoothed curve was smoothed from."""
    dots: bool = False
    """Whether each point is marked."""


def chart(title: str, curves: Sequence[Curve], steps: int, mark: int | None = None, *, zero: bool = True) -> str:
    """SVG of curves over the steps of a run.

    Args:
        title: what is drawn, with its unit.
        curves: with at least one point between them.
        steps: where the axis ends.
        mark: a step to mark with a line.
        zero: whether the axis begins at 0 where no value lies below.
    """
    values = [value for curve in curves for _, value in curve.points if math.isfinite(value)]
    low, high, ticks = _axis(values, zero=zero)
    inside = [f'<text class="title" x="0" y="12">{escape(title)}</text>']
    for tick in ticks:
        y = _y(tick, low, high)
        inside.append(f'<path class="axis" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        inside.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    inside += [
        f'<text x="{_x(step, steps):.1f}" y="{HEIGHT - 14}" text-anchor="middle">{step:g}</text>'
        for step in _ticks(0, steps, 5)
    ]
    if mark is not None:
        inside.append(f'<path class="mark" d="M{_x(mark, steps):.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
    inside += [_line(curve, steps, low, high) for curve in curves]
    inside += _keys([curve for curve in curves if not curve.pale])
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
    return f"{head}{''.join(inside)}</svg>"


def thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means of neighbouring points, so that at most `MOST_POINTS` are left."""
    size = -(-len(points) // MOST_POINTS) or 1
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def smooth(points: Sequence[tuple[float, float]], weight: float = 0.98) -> list[tuple[float, float]]:
    """Exponential running mean, without the pull of its start."""
    smoothed, mean = [], 0.0
    for count, (x, y) in enumerate(points, 1):
        mean = weight * mean + (1.0 - weight) * y
        smoothed.append((x, mean / (1.0 - weight**count)))
    return smoothed


def _line(curve: Curve, steps: int, low: float, high: float) -> str:
    places = [(_x(x, steps), _y(y, low, high)) for x, y in curve.points if math.isfinite(y)]
    if not places:
        return ""
    style = f"curve c{curve.colour}" + (" pale" if curve.pale else "")
    drawn = f'<path class="{style}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>'
    if curve.dots:
        drawn += "".join(f'<circle class="c{curve.colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in places)
    return drawn


def _keys(curves: Sequence[Curve]) -> list[str]:
    """Names of the curves, in their colours, right of the title."""
    if len(curves) < 2:
        return []
    texts, x = [], float(WIDTH - RIGHT)
    for curve in reversed(curves):
        texts.append(
            f'<text class="key c{curve.colour}" x="{x:.0f}" y="12" text-anchor="end">{escape(curve.name)}</text>'
        )
        x -= 7.0 * len(curve.name) + 18
    return texts


def _axis(values: Sequence[float], *, zero: bool) -> tuple[float, float, list[float]]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if zero and low > 0:
        low = 0.0
    if high <= low:
        high = low + 1.0
    ticks = _ticks(low, high, 5)
    return min(low, ticks[0]), max(high, ticks[-1]), ticks


def _ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from about `low` to about `high`: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _x(step: float, steps: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * step / max(1, steps)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)
