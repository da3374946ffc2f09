"""The page as a PDF, with matplotlib: measures first, then pictures."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path
from typing import Any

from ..errors import MachineError
from ..files import errors_of_the_disk, unfinished_folder
from .facts import COLUMNS, answer, lines_of, meanings, notice, table_of
from .measured import MeasuredCase
from .pictures import Picture, pictures_of

#: A4, inches.
PAPER = (8.27, 11.69)
_INK, _SOFT = "#22252a", "#666c75"


def write_pdf(case: MeasuredCase, path: Path) -> Path:
    """Write the PDF: a page of measures, and one of pictures where there are any.

    Raises:
        MachineError: matplotlib is missing, or the disk refuses.
    """
    try:
        figure_of = importlib.import_module("matplotlib.figure").Figure
        pages = importlib.import_module("matplotlib.backends.backend_pdf").PdfPages
    except ImportError as error:
        raise MachineError("A PDF needs matplotlib.", "Install it: pip install 'ThrombusSegLib[pdf]'.") from error
    with errors_of_the_disk(path.name), unfinished_folder(path.parent) as folder:
        draft = folder / "case.pdf"
        with pages(draft, metadata={"Title": f"Labelled thrombus: {case.name}", "Creator": "ThrombusSeg"}) as pdf:
            pdf.savefig(_measures(figure_of(figsize=PAPER), case))
            found = pictures_of(case)
            if found:
                pdf.savefig(_picture_page(figure_of(figsize=PAPER), found, case))
        draft.replace(path)
    return path


def _measures(figure: Any, case: MeasuredCase) -> Any:
    figure.text(0.08, 0.95, f"Labelled thrombus: {case.name}", fontsize=17, color=_INK, weight="bold")
    figure.text(0.08, 0.93, _wrapped(notice(), 105), fontsize=8, color="#9a4a00", va="top")
    figure.text(0.08, 0.885, answer(case), fontsize=13, color=_INK)
    height = 0.87
    if case.thrombi:
        rows = table_of(case)[:18]
        axes = figure.add_axes((0.08, height - 0.035 - 0.024 * len(rows), 0.84, 0.035 + 0.024 * len(rows)))
        axes.set_axis_off()
        heads = ["", *(text.replace(" (", "\n(").replace(", ", ",\n") for text in COLUMNS.values())]
        widths = [0.04, 0.11, 0.14, 0.14, 0.1, 0.1, 0.22, 0.15]
        table = axes.table(rows, colLabels=heads, colWidths=widths, bbox=(0, 0, 1, 1), cellLoc="left", edges="B")
        table.auto_set_font_size(False)
        table.set_fontsize(7.5)
        for (row, _), cell in table.get_celld().items():
            cell.set_edgecolor("#dedbd4")
            cell.set_text_props(color=_SOFT if row == 0 else _INK)
            cell.set_height(1.9 if row == 0 else 1.0)
        height -= 0.035 + 0.024 * len(rows)
    _paragraphs(figure, height - 0.03, [*lines_of(case), ("", ""), *meanings()])
    return figure


def _paragraphs(figure: Any, height: float, pairs: list[tuple[str, str]]) -> None:
    for name, text in pairs:
        lines = _wrapped(text, 88).splitlines() or [""]
        figure.text(0.08, height, _wrapped(name, 24), fontsize=7.5, color=_SOFT, va="top")
        figure.text(0.29, height, "\n".join(lines), fontsize=7.5, color=_INK, va="top")
        height -= 0.0125 * max(len(lines), len(_wrapped(name, 24).splitlines())) + 0.004


def _picture_page(figure: Any, found: list[Picture], case: MeasuredCase) -> Any:
    for place, each in enumerate(found):
        axes = figure.add_subplot(3, 2, place + 1)
        part = (each.rows, each.columns)
        height = (each.rows.stop - each.rows.start) * each.frame.spacing[0]
        width = (each.columns.stop - each.columns.start) * each.frame.spacing[1]
        extent = (0.0, width, height, 0.0)
        axes.imshow(each.grey[part], cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="nearest")
        for mask, colour in ((each.infarct, "#35b1e4"), (each.thrombus, "#ff9f1a")):
            if mask[part].any():
                axes.contour(mask[part], [0.5], colors=colour, linewidths=1.0, extent=extent, origin="upper")
        axes.set_title(
            f"Thrombus {each.number}, {case.reference or 'reference'}, slice {each.slice_number}", fontsize=8
        )
        axes.text(2, height / 2, each.frame.left, color="white", fontsize=8)
        axes.text(width - 5, height / 2, each.frame.right, color="white", fontsize=8)
        axes.plot([width - 14, width - 4], [height - 4, height - 4], color="white", linewidth=1.5)
        axes.text(width - 9, height - 6, "10 mm", color="white", fontsize=6, ha="center")
        axes.set_axis_off()
    figure.subplots_adjust(0.06, 0.05, 0.94, 0.94, 0.05, 0.12)
    return figure


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width))
