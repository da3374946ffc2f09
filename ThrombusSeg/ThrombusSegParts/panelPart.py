"""What all sections of the panel have in common."""

from __future__ import annotations

from typing import Any

from .parameterNode import ThrombusSegParameterNode


class PanelPart:
    """One section. The panel tells all its sections the same things; each acts on what concerns it.

    Args:
        ui: the widgets of its form by name; those with a `SlicerParameterName` follow the panel's choices.
        connects: False where another section has the same form, and connects it with the choices.
    """

    def __init__(self, ui: Any, connects: bool = True) -> None:
        self.ui = ui
        self._connects = connects
        self.parameterNode: ThrombusSegParameterNode | None = None
        self._guiTag: int | None = None

    def enter(self) -> None:
        """The user opened the module; the choices are there."""

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices; None while the module is not open or the scene is being closed."""
        if self.parameterNode is not None and self._connects:
            self.parameterNode.disconnectGui(self._guiTag)
        self.parameterNode = parameterNode
        if parameterNode is not None and self._connects:
            self._guiTag = parameterNode.connectGui(self.ui)

    def update(self, busy: bool) -> None:
        """A choice has changed, or a segmentation has begun or ended. Called also without choices."""

    def forgetResult(self) -> None:
        """The scene was closed or replaced."""

    def close(self) -> None:
        """The panel goes, perhaps with the application: end what runs."""
