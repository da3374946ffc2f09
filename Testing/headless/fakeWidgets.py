"""Stand-ins for Qt's widgets that remember what was done to them, and for the settings of the application."""

from __future__ import annotations

import types
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable


class FakeLayout:
    """A layout with a spacer at its end, as that of the main form."""

    def __init__(self) -> None:
        self.widgets: list[object] = []

    def count(self) -> int:
        return len(self.widgets) + 1

    def removeWidget(self, widget: object) -> None:
        self.widgets = [each for each in self.widgets if each is not widget]

    def insertWidget(self, index: int, widget: object) -> None:
        self.widgets.insert(index, widget)

    insertRow = insertWidget

    def addWidget(self, widget: object) -> None:
        self.widgets.append(widget)


class FakeWidget:
    """Any widget: attributes are its properties; of a combo box also the items. A form also has all it holds."""

    def __init__(self) -> None:
        self.enabled, self.text, self.toolTip, self.plainText, self.currentPath = True, "", "", "", ""
        self.items: list[tuple[str, str]] = []
        self.currentIndex, self.value, self.collapsed, self.checked = -1, 0, True, False
        self.connected: dict[str, Callable] = {}
        self.table, self.selected, self.cells = None, -1, []
        self.form, self._layout = types.SimpleNamespace(), FakeLayout()
        self.visible, self.within = True, None

    @classmethod
    def load(cls, path: str) -> FakeWidget:
        """What slicer.util.loadUI does, with stand-ins for all widgets in the file."""
        form = cls()
        for widget in ElementTree.parse(path).getroot().iter("widget"):
            setattr(form.form, widget.get("name"), cls())
        return form

    def appendPlainText(self, text: str) -> None:
        self.plainText += text + "\n"

    def parent(self) -> FakeWidget | None:
        return self.within

    def inherits(self, name: str) -> bool:
        return False

    def layout(self) -> FakeLayout:
        return self._layout

    def setText(self, text: str) -> None:
        self.text = text

    def setToolTip(self, text: str) -> None:
        self.toolTip = text

    def setEnabled(self, enabled: bool) -> None:
        self.enabled = enabled

    def setVisible(self, visible: bool) -> None:
        self.visible = visible

    def setPixmap(self, pixmap: object) -> None:
        self.pixmap = pixmap

    count = property(lambda self: len(self.items))

    def connect(self, signature: str, callback: Callable) -> None:
        self.connected[signature] = callback

    def addItem(self, text: str, data: str) -> None:
        self.items.append((text, data))

    def itemData(self, index: int) -> str:
        return self.items[index][1]

    def clear(self) -> None:
        self.items = []

    def setMRMLScene(self, scene) -> None:
        self.scene = scene

    def resizeColumnsToContents(self) -> None:
        pass

    def horizontalHeader(self) -> object:
        return types.SimpleNamespace(setMinimumSectionSize=lambda size: None, setHighlightSections=lambda on: None)

    def setRowCount(self, count: int) -> None:
        self.cells = [["", "", "", ""] for _row in range(count)]

    def setItem(self, row: int, column: int, item: str) -> None:
        self.cells[row][column] = item

    def currentRow(self) -> int:
        return self.selected

    def selectRow(self, row: int) -> None:
        self.selected = row

    def setMRMLTableNode(self, table) -> None:
        self.table = table


class FakeShortcut:
    """A key; a test presses it as Qt would, only where it lives."""

    made: dict[str, FakeShortcut] = {}  # noqa: RUF012 - emptied for each test

    def __init__(self, key: str, parent: object) -> None:
        self.enabled, self.made[key] = True, self

    def connect(self, signature: str, callback: Callable) -> None:
        assert signature == "activated()"
        self.callback = callback

    def setEnabled(self, enabled: bool) -> None:
        self.enabled = enabled

    @classmethod
    def press(cls, key: str) -> bool:
        """Whether anything happened."""
        if cls.made[key].enabled:
            cls.made[key].callback()
        return cls.made[key].enabled


class FakeSegmentEditor:
    """Remembers what the embedded editor was told, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple]] = []

    def __getattr__(self, name: str) -> Callable:
        return lambda *arguments: self.calls.append((name, arguments))

    def said(self, name: str) -> list[tuple]:
        """The arguments of each call of this name."""
        return [arguments for called, arguments in self.calls if called == name]


class FakeSettings:
    """What is written of qt.QSettings."""

    def __init__(self, values: dict[str, str]) -> None:
        self.setValue = values.__setitem__


class FakeIcon:
    """A picture of any size."""

    def pixmap(self, width: int, height: int) -> tuple[int, int]:
        return width, height
