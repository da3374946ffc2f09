"""The page: what a reader needs first comes first."""

from __future__ import annotations

from html import escape

import numpy as np

from ..inference.result import SegmentResult, versions
from ..version import __version__
from .pictures import MOST_CANDIDATES, candidate_pictures, highest_place
from .style import CSS
from .tables import details, measures_table, sequences_table, times_table
from .words import answer, candidate_line, no_thrombus, sequences_line


def report_page(result: SegmentResult) -> str:
    """The whole of report.html: one file, nothing is fetched, no script, no folder names."""
    title = "Thrombus on MRI" + ("" if result.case == "case" else f": {result.case}")
    body = "".join(
        [
            f"<header><h1>{escape(title)}</h1>",
            f'<div class="soft">ThrombusSeg {escape(__version__)} · {escape(_readable(result.created))}</div></header>',
            f'<p class="notice"><strong>{escape(result.notice)}</strong></p>',
            f'<p class="answer">{escape(answer(result))}</p>',
            f'<p class="soft">{escape(sequences_line(result))}</p>',
            *([] if result.candidates.found else [f"<p>{escape(text)}</p>" for text in no_thrombus(result)]),
            *_warnings(result),
            *_candidates(result),
            "<h2>Sequences</h2>",
            sequences_table(result),
            "<h2>About this result</h2>",
            f'<div class="columns"><div>{times_table(result)}</div><div>{details(result, versions())}</div></div>',
        ]
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>{body}</main></body></html>\n"
    )


def _readable(created: str) -> str:
    return created.replace("T", " ").replace("+00:00", " UTC")


def _warnings(result: SegmentResult) -> list[str]:
    if not result.warnings:
        return []
    return ['<ul class="notes">', *(f"<li>{escape(warning)}</li>" for warning in result.warnings), "</ul>"]


def _candidates(result: SegmentResult) -> list[str]:
    if not result.candidates.found:
        highest = float(result.prediction.thrombus.max())
        return [
            f"<h2>Where the probability is highest ({highest:.2f})</h2>",
            '<p class="soft">For orientation only: this is below what counts as a candidate.</p>',
            highest_place(result),
        ]
    parts = ["<h2>Measures</h2>", measures_table(result), "<h2>Pictures</h2>", _legend(result)]
    parts += [
        f'<section class="candidate"><header><h3>Candidate {candidate.number}</h3>'
        f'<div class="where">{escape(candidate_line(candidate))}</div></header>'
        f"{candidate_pictures(result, candidate.number)}</section>"
        for candidate in result.candidates.found[:MOST_CANDIDATES]
    ]
    further = len(result.candidates.found) - MOST_CANDIDATES
    if further > 0:
        parts.append(f'<p class="soft">{further} further candidates of lower probability are in the table only.</p>')
    return parts


def _legend(result: SegmentResult) -> str:
    attention = (
        '<span class="colours" aria-label="Colours of attention"><span></span><b>0</b><b>0.5</b><b>1</b></span>'
        "<span>attention: how much weight this sequence had, no proof of what decided; the sequences add up to 1</span>"
        if len(result.prepared.images) > 1
        else "<span>With a single sequence there is nothing to weigh, so no attention map is shown.</span>"
    )
    infarct = bool(np.any(result.prediction.infarct >= 0.5))
    return (
        '<div class="legend"><label><input type="checkbox" id="contours" checked> contours</label>'
        f'<span><i class="t"></i>thrombus, probability {result.threshold:g}</span>'
        + ('<span><i class="i"></i>infarct, probability 0.5</span>' if infarct else "")
        + attention
        + "</div>"
    )
