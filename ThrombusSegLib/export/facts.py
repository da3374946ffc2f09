"""What page and PDF say about a labelled case, as plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..inference.result import NOTICE
from ..lesions import DEFINITIONS
from ..version import __version__
from .measured import MeasuredCase

#: Columns of the table of thrombi: measure -> heading with its unit.
COLUMNS = {
    "volume_mm3": "Volume (mm³)",
    "length_centreline_mm": "Length, centreline (mm)",
    "length_feret_mm": "Length, max. Feret (mm)",
    "width_mm": "Width (mm)",
    "side": "Side",
    "segment": "Likely artery (estimate)",
    "infarct_overlap": "In the infarct",
}
NO_VERDICT = "Measures only: they are no advice on treatment."


def table_of(case: MeasuredCase) -> list[list[str]]:
    """One row of texts per thrombus: its number, then `COLUMNS`."""
    table = []
    for each in case.thrombi:
        segment = each.segment
        known = segment is not None and segment.segment
        line = each.length_centreline_mm
        table.append(
            [
                str(each.number),
                f"{each.volume_mm3:.0f}",
                "" if line is None else f"{line:.1f}",
                f"{each.length_feret_mm:.1f}",
                f"{each.width_mm:.1f}",
                each.side,
                f"{segment.segment}, {segment.confidence:.0%}" if segment is not None and known else "unknown",
                "no infarct" if each.infarct_overlap is None else f"{each.infarct_overlap:.0%}",
            ]
        )
    return table


def lines_of(case: MeasuredCase) -> list[tuple[str, str]]:
    """Facts about the case: who, when, after which weights, how much; clot burden score and overestimation ratio."""
    facts = [(name[:1].upper() + name[1:], str(value)) for name, value in case.about.items()]
    facts.append(("Infarct", f"{case.infarct_ml:.1f} ml"))
    if case.burden is not None:
        parts = [f"{each.part} −{each.points}" for each in case.burden.parts if each.touched]
        kind = "proposed, to be checked" if case.burden.estimated else "ticked by a reader"
        facts.append(("T2* clot burden score", f"{case.burden.score} of 10 ({kind}): {', '.join(parts) or 'no part'}"))
    if case.overestimation is not None:
        facts.append(("Overestimation ratio", _overestimation(case.overestimation)))
    return [*facts, ("Program", f"ThrombusSeg {__version__}")]


def _overestimation(found: Mapping[str, Any]) -> str:
    widths = f"sign {found['sign_width_mm']:.1f} mm, artery {found['artery_width_mm']:.1f} mm"
    return f"{found['ratio']:.2f} (estimate: {widths}, {found['how']})"


def meanings() -> list[tuple[str, str]]:
    """Definitions of the measures in the table, with method, caution and source."""
    names = [*COLUMNS, "clot_burden_score", "overestimation_ratio"]
    return [(DEFINITIONS[name].title, DEFINITIONS[name].tooltip.split(": ", 1)[1]) for name in names]


def answer(case: MeasuredCase) -> str:
    """The first line."""
    count = len(case.thrombi)
    if not count:
        return "No thrombus is labelled."
    total = sum(each.volume_mm3 for each in case.thrombi)
    return (
        f"{count} thrombus labelled, {total:.0f} mm³." if count == 1 else f"{count} thrombi labelled, {total:.0f} mm³."
    )


def notice() -> str:
    """Stands above everything."""
    return f"{NOTICE} {NO_VERDICT}"
