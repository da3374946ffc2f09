"""A page about a labelled case: one HTML file, pictures included, nothing fetched."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..files import write_text
from ..report.figures import Outline, picture
from ..report.style import CSS
from .facts import COLUMNS, answer, lines_of, meanings, notice, table_of
from .measured import MeasuredCase
from .pictures import Picture, pictures_of


def write_page(case: MeasuredCase, path: Path) -> Path:
    """Write the page; holds the pseudonym, no name of a patient and no path."""
    write_text(path, page_of(case))
    return path


def page_of(case: MeasuredCase) -> str:
    """The text of the page."""
    title = f"Labelled thrombus: {case.name}"
    parts = [
        f"<header><h1>{escape(title)}</h1></header>",
        f'<p class="notice"><strong>{escape(notice())}</strong></p>',
        f'<p class="answer">{escape(answer(case))}</p>',
        _table(case),
        _list(meanings()),
        _pictures(case),
        "<h2>About this case</h2>",
        _list(lines_of(case)),
    ]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _table(case: MeasuredCase) -> str:
    if not case.thrombi:
        return ""
    heads = "".join(f"<th>{escape(text)}</th>" for text in ("", *COLUMNS.values()))
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table_of(case))
    return f"<h2>Measures</h2><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _list(pairs: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs) + "</dl>"


def _pictures(case: MeasuredCase) -> str:
    found = pictures_of(case)
    if case.thrombi and case.image is None:
        return f"<h2>Pictures</h2><p>There are none. {escape(case.why_no_image)}</p>"
    if not found:
        return ""
    columns = max(3, min(len(found), 3))
    figures = "".join(_figure(each, case) for each in found)
    return (
        '<h2>Pictures</h2><div class="legend"><span><i class="t"></i>thrombus</span>'
        '<span><i class="i"></i>infarct</span></div>'
        f'<div class="grid" style="grid-template-columns:repeat({columns},minmax(0,1fr))">{figures}</div>'
    )


def _figure(each: Picture, case: MeasuredCase) -> str:
    text = f"Thrombus {each.number}, {case.reference or 'reference'}, slice {each.slice_number}"
    outlines = (Outline(each.infarct, 0.5, "infarct"), Outline(each.thrombus, 0.5, "thrombus"))
    svg = picture(each.grey, each.frame, rows=each.rows, columns=each.columns, outlines=outlines, label=text)
    return f"<figure>{svg}<figcaption>{escape(text)}</figcaption></figure>"
