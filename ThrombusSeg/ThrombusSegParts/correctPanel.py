"""The section "Correct": the Segment Editor on the thrombus, and every voxel changed counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from .panelPart import PanelPart
from .parameterNode import ThrombusSegParameterNode
from .reviewDesk import ReviewDesk
from .reviewTexts import changesText
from .segmentEditor import attach, createEditor, detach, showIntersections


class CorrectPanel(PanelPart):
    """Builds itself from CorrectPanel.ui. The editor is made when the section is unfolded for the first time.

    Args:
        layout: where the section goes.
        resourcePath: of the module's widget: path of a file in the module's Resources.
        desk: what is corrected.
    """

    def __init__(self, layout: Any, resourcePath: Callable[[str], str], desk: ReviewDesk) -> None:
        self.widget = slicer.util.loadUI(resourcePath("UI/CorrectPanel.ui"))
        super().__init__(slicer.util.childWidgetVariables(self.widget))
        layout.addWidget(self.widget)
        self.desk = desk
        self.editor: Any = None
        self._attached: Any = None
        desk.listeners.append(self._show)
        self.ui.correctCollapsibleButton.connect("contentsCollapsed(bool)", lambda folded: self._follow())
        self.ui.intersectionCheckBox.connect("toggled(bool)", lambda shown: showIntersections(bool(shown)))

    def setParameterNode(self, parameterNode: ThrombusSegParameterNode | None) -> None:
        """From now on these are the choices; None while the module is not open: the editor lets go of the views."""
        super().setParameterNode(parameterNode)
        self._follow()

    def forgetResult(self) -> None:
        """The scene was closed or replaced."""
        self._follow()

    def close(self) -> None:
        """The panel goes."""
        self.desk.editing = False
        self._attach(None)

    def _follow(self) -> None:
        """The editor works only where it is seen."""
        unfolded = self.parameterNode is not None and not self.ui.correctCollapsibleButton.collapsed
        if self.desk.editing is not unfolded:
            self.desk.editing = unfolded
            self.desk.notify()
        else:
            self._show()

    def _attach(self, segmentation: slicer.vtkMRMLSegmentationNode | None) -> None:
        if segmentation is self._attached:
            return
        if self._attached is not None:
            detach(self.editor)
        self._attached = segmentation
        if segmentation is None:
            return
        if self.editor is None:
            self.editor = createEditor()
            self.ui.correctEditorWidget.layout().addWidget(self.editor)
        attach(self.editor, segmentation)

    def _show(self) -> None:
        case = self.desk.case
        self._attach(case.segmentation if case is not None and self.desk.editing else None)
        self.ui.correctEditorWidget.enabled = case is not None
        if not self.desk.editing:
            return
        self.ui.correctChangesLabel.text = (
            changesText(case.voxelsChanged()) if case is not None else _("Nothing to correct yet.")
        )
