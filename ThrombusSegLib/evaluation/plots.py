"""Plots as SVG files that stand alone: a curve, and a scatter with a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 620, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 56, 48
#: Of a letter of a point's name, pixels: wide and high.
_LETTER = (6.5, 12.0)
_STYLE = (
    "text{font:13px system-ui,Arial,sans-serif;fill:#333}.t{font-weight:600;font-size:14px}.s{font-size:11px;fill:#666}"
)
# As attributes, not in the style: some programs that draw SVG read no style.
_LINE, _AXIS, _GRID = (
    'fill="none" stroke="#c2571a" stroke-width="2"',
    'fill="none" stroke="#888"',
    'fill="none" stroke="#ddd"',
)
_RING = 'fill="none" stroke="#333" stroke-width="1.5"'
_DASHED = 'fill="none" stroke="#888" stroke-dasharray="5 4"'
_FILLED, _HOLLOW = 'fill="#c2571a" fill-opacity="0.55"', 'fill="none" stroke="#c2571a" stroke-opacity="0.7"'


@dataclass(frozen=True)
class Point:
    """A value and what it belongs to."""

    x: float
    y: float
    name: str = ""
    filled: bool = True


def curve(
    title: str,
    points: Sequence[Point],
    across: str,
    about: str = "",
    *,
    shares: bool = False,
    marked: Point | None = None,
) -> str:
    """Points joined in their order along x; y from 0 to 1. Each carries its name, unless it would cover another.

    Args:
        title: above the plot.
        points: in any order.
        across: what x is.
        about: below the title: cases and weights.
        shares: x goes from 0 to 1 too, and a dashed line shows where y equals it.
        marked: gets a ring, and no name; it need not be one of the points.
    """
    ordered = sorted(points, key=lambda point: (point.x, point.y))
    limit = 1.0 if shares else max([point.x for point in ordered] + [1.0]) * 1.05
    places = [(LEFT + _wide() * point.x / limit, _y(point.y)) for point in ordered]
    step = next(each for each in _STEPS if limit / each <= 8)
    ticks = [(step * number, f"{step * number:g}") for number in range(math.floor(limit / step) + 1)]
    inside = _frame(title, across, ticks, limit, about)
    if shares:
        inside.append(f'<path {_DASHED} d="M{LEFT} {_y(0):.1f}L{LEFT + _wide():.1f} {_y(1):.1f}"/>')
    if places:
        inside.append(f'<path {_LINE} d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>')
    inside += [f'<circle {_FILLED} cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places]
    names = [(x + 6, y + 13, point.name) for (x, y), point in zip(places, ordered, strict=True)]
    if marked is not None:
        x, y = LEFT + _wide() * marked.x / limit, _y(marked.y)
        inside.append(f'<circle {_RING} cx="{x:.1f}" cy="{y:.1f}" r="8"/>')
    return _svg([*inside, *_names(names)], HEIGHT)


def _names(names: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names at places (left, base line; pixels) in this order; one that would cover an earlier one is left out."""
    texts, taken = [], list[tuple[float, float, float]]()
    for x, y, name in names:
        end = x + _LETTER[0] * len(name)
        if not any(x < right and left < end and abs(y - base) < _LETTER[1] for left, right, base in taken):
            taken.append((x, end, y))
            texts.append(f'<text class="s" x="{x:.1f}" y="{y:.1f}">{escape(name)}</text>')
    return texts


#: Between ticks of an axis: the first that gives no more than eight.
_STEPS = (0.25, 0.5, *(10.0**power * each for power in range(6) for each in (1, 2, 5)))


def scatter(title: str, points: Sequence[Point], across: str, about: str = "") -> str:
    """Points over a logarithmic axis; y from 0 to 1. Names appear under the pointer."""
    values = [point.x for point in points if point.x > 0]
    low = math.floor(math.log10(min(values))) if values else 0
    high = max(low + 1, math.ceil(math.log10(max(values)))) if values else 1
    ticks = [(float(power - low), f"{10.0**power:g}") for power in range(low, high + 1)]
    inside = _frame(title, across, ticks, float(high - low), about)
    for point in points:
        if point.x > 0:
            x = LEFT + _wide() * (math.log10(point.x) - low) / (high - low)
            name = f"<title>{escape(point.name)}</title>"
            look = _FILLED if point.filled else _HOLLOW
            inside.append(f'<circle {look} cx="{x:.1f}" cy="{_y(point.y):.1f}" r="4">{name}</circle>')
    return _svg(inside, HEIGHT)


def _frame(title: str, across: str, ticks: Sequence[tuple[float, str]], limit: float, about: str) -> list[str]:
    inside = [f'<text class="t" x="12" y="22">{escape(title)}</text>']
    inside.append(f'<text class="s" x="12" y="40">{escape(about)}</text>')
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10)
        inside.append(f'<path {_GRID} d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        inside.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:g}</text>')
    for value, text in ticks:
        x = LEFT + _wide() * value / limit
        inside.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{text}</text>')
    inside.append(f'<path {_AXIS} d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    inside.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>')
    return inside


def _svg(inside: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return f'{head}<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(inside)}</svg>\n'


def _wide() -> int:
    return WIDTH - LEFT - RIGHT


def _y(value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value
