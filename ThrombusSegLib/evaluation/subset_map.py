"""The picture of all subsets of the sequences: what was there, what was found, how well, and what was found wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ..sequences import Sequence as MRSequence

WIDTH, ROW, TOP, BOTTOM = 800, 21, 104, 34
#: Left edge of the first square, and how far one square is from the next.
SQUARES, STEP, SIDE = 24, 50, 15
#: Left edge and width of the bars of detection, of the cells of Dice, and of those of false positives.
BARS, DICE, FALSE = (290, 230), (604, 70), (694, 84)
#: Ends of the colours: from white to these. Blue is good, orange is bad; both keep their order in grey print.
THERE, GOOD, BAD = "#2b4a63", (47, 111, 165), (214, 105, 40)
_STYLE = (
    "text{font:13px system-ui,Arial,sans-serif;fill:#333}.t{font-weight:600;font-size:17px;fill:#222}"
    ".s{font-size:12px;fill:#666}.h{font-weight:600}.n{font-variant-numeric:tabular-nums}"
    ".g{stroke:#e3e3e3;stroke-width:1}.w{stroke:#222;stroke-width:1.3;fill:none}"
)


@dataclass(frozen=True)
class SubsetRow:
    """What the looks with one subset gave; None where it cannot be said."""

    detected: float | None
    """Share of the cases, 0..1."""
    low: float | None
    """Lower and upper end of its 95 % interval."""
    high: float | None
    dice: float | None
    """Mean over all cases, 0..1; a miss counts 0."""
    false_positives: float | None
    """A scan."""


def subset_map(title: str, about: str, rows: Mapping[str, SubsetRow]) -> str:
    """One row for each subset, the most detected first, as an SVG file that stands alone.

    A square is filled for every sequence that was there; a bar is the share detected, with its 95 % interval; the
    cells of Dice and of false positives are the darker the larger their number.

    Args:
        title: what is shown.
        about: a line below it: cases and weights.
        rows: subset such as "SWI+DWI" -> its figures.
    """
    ordered = sorted(rows.items(), key=lambda item: _order(*item))
    height = TOP + ROW * len(ordered) + BOTTOM
    most = max([row.false_positives or 0.0 for row in rows.values()] + [1.0])
    inside = [
        f'<text class="t" x="{SQUARES}" y="30">{escape(title)}</text>',
        f'<text class="s" x="{SQUARES}" y="51">{escape(about)}</text>',
        *_heads(TOP + ROW * len(ordered)),
    ]
    for place, (subset, row) in enumerate(ordered):
        inside += _row(TOP + ROW * place, frozenset(subset.split("+")), row, most)
    inside.append(
        f'<text class="s" x="{SQUARES}" y="{height - 10}">Lines on the bars: 95 % intervals, bootstrap over '
        "patients. Dice: a miss counts 0.</text>"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
    return f'{head}<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(inside)}</svg>\n'


def _order(subset: str, row: SubsetRow) -> tuple[float, float, float, str]:
    """Most detected first; then by Dice, by false positives, by name."""
    return -(row.detected or 0.0), -(row.dice or 0.0), row.false_positives or 0.0, subset


def _heads(bottom: int) -> list[str]:
    y = TOP - 26
    drawn = [
        f'<text class="h" x="{SQUARES + STEP * place + SIDE / 2:g}" y="{y}" text-anchor="middle">{each.value}</text>'
        for place, each in enumerate(MRSequence)
    ]
    drawn.append(f'<text class="h" x="{BARS[0]}" y="{y}">thrombus detected</text>')
    for (left, width), words, more in ((DICE, "Dice", "all cases"), (FALSE, "false alarms", "a scan")):
        middle = f'x="{left + width / 2:g}" text-anchor="middle"'
        drawn.append(f'<text class="h" y="{y}" {middle}>{words}</text>')
        drawn.append(f'<text class="s" y="{TOP - 9}" {middle}>{more}</text>')
    for quarter in range(5):
        x = BARS[0] + BARS[1] * quarter / 4
        drawn.append(f'<path class="g" d="M{x:g} {TOP - 4}V{bottom}"/>')
        drawn.append(f'<text class="s" x="{x:g}" y="{TOP - 9}" text-anchor="middle">{25 * quarter} %</text>')
    return drawn


def _row(top: int, there: frozenset[str], row: SubsetRow, most: float) -> list[str]:
    y, base = top + (ROW - SIDE) / 2, top + ROW / 2 + 4.5
    drawn = []
    for place, sequence in enumerate(MRSequence):
        look = f'fill="{THERE}"' if sequence.value in there else 'fill="#fff" stroke="#d4d4d4"'
        size = f'width="{SIDE}" height="{SIDE}" rx="2"'
        drawn.append(f'<rect class="q" x="{SQUARES + STEP * place}" y="{y:g}" {size} {look}/>')
    drawn += _bar(y, base, row)
    drawn += _cell(DICE, top, base, row.dice, 1.0, GOOD)
    return drawn + _cell(FALSE, top, base, row.false_positives, most, BAD)


def _bar(y: float, base: float, row: SubsetRow) -> list[str]:
    left, width = BARS
    said = "-" if row.detected is None else f"{100 * row.detected:.0f} %"
    drawn = [f'<text class="n" x="{left + width + 48}" y="{base:g}" text-anchor="end">{said}</text>']
    if row.detected:
        size = f'width="{width * row.detected:.1f}" height="{SIDE}"'
        drawn.append(f'<rect class="b" x="{left}" y="{y:g}" {size} fill="rgb{GOOD}" fill-opacity=".8"/>')
    if row.low is not None and row.high is not None and row.high > row.low:
        ends, middle = (left + width * row.low, left + width * row.high), y + SIDE / 2
        caps = "".join(f"M{x:.1f} {middle - 3:g}v6" for x in ends)
        drawn.append(f'<path class="w" d="M{ends[0]:.1f} {middle:g}H{ends[1]:.1f}{caps}"/>')
    return drawn


def _cell(
    column: tuple[int, int], top: int, base: float, value: float | None, most: float, colour: Sequence[int]
) -> list[str]:
    """A number on a ground between white (0) and the colour (`most` and above)."""
    share = 0.0 if value is None else min(1.0, value / most)
    red, green, blue = (round(255 + (channel - 255) * share) for channel in colour)
    ink = ' style="fill:#fff"' if share > 0.7 else ""
    said = "-" if value is None else f"{value:.2f}"
    left, width = column
    size = f'width="{width}" height="{ROW - 1}"'
    return [
        f'<rect class="c" x="{left}" y="{top + 0.5:g}" {size} fill="rgb({red},{green},{blue})"/>',
        f'<text class="n" x="{left + width / 2:g}" y="{base:g}" text-anchor="middle"{ink}>{said}</text>',
    ]
