"""What the setup panel says of an action: one sentence, directly under the place whose button was pressed."""

from __future__ import annotations

from typing import Any

import qt

from .setupChecks import ROWS

#: Below the fields, and below the buttons at the end of the section.
CHOICES, BUTTONS = "choices", "buttons"
#: So long the form needs until the sentence has its place in it.
_DRAWN_MILLISECONDS = 50


class SetupMessage:
    """One sentence at a time, brought into view; it stays until it is cleared, or until there is another.

    Args:
        ui: of the section: a label `setupMessage_PLACE` for each place.
    """

    def __init__(self, ui: Any) -> None:
        self._labels = {place: getattr(ui, f"setupMessage_{place}") for place in (*ROWS, CHOICES, BUTTONS)}
        self.place = BUTTONS
        """Where the next sentence is said."""
        self.text = ""

    def start(self, place: str) -> None:
        """Something else is being done, here: what was said before is over."""
        self.place = place
        self.tell("")

    def tell(self, text: str) -> None:
        """Say this, and nothing else; an empty text takes the sentence away."""
        self.text = text
        for place, label in self._labels.items():
            isHere = bool(text) and place == self.place
            label.setText(text if isHere else "")
            label.setVisible(isHere)
        self.show()

    def show(self) -> None:
        """Bring it into view when the form has been drawn; again where something above it has grown."""
        if self.text:
            qt.QTimer.singleShot(_DRAWN_MILLISECONDS, self.bringIntoView)

    def bringIntoView(self) -> None:
        """Scroll the panel until the sentence is seen."""
        label = self._labels[self.place]
        area = label.parent()
        while area is not None and not area.inherits("QScrollArea"):
            area = area.parent()
        if self.text and area is not None:
            area.ensureWidgetVisible(label)
