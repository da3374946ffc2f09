"""What is seen of the panel: scrolled, and counted. Part of `drive.py`."""

from __future__ import annotations


def columns_in_view(table: object) -> int:
    """How many columns of a table are seen whole without scrolling."""
    places = range(table.model().columnCount())
    edges = [table.columnViewportPosition(place) + table.columnWidth(place) for place in places]
    return sum(edge <= table.viewport().width for edge in edges)


def bring_into_view(widget: object, top: bool = False) -> None:
    """Scroll the panel until this, or its top, is seen."""
    parent = widget.parent()
    while parent is not None and not parent.inherits("QScrollArea"):
        parent = parent.parent()
    if parent is not None and top:
        parent.verticalScrollBar().setValue(0)
    elif parent is not None:
        parent.ensureWidgetVisible(widget)


def is_in_view(widget: object) -> bool:
    """Whether the whole of a widget is seen without scrolling."""
    region = widget.visibleRegion().boundingRect()
    return bool(widget.visible) and region.height() == widget.height
