"""How the segments are drawn: an outline that shows what is under it, and only a hint of filling."""

from __future__ import annotations

import slicer

from .sceneNodes import nodesIn
from .terminology import SEGMENTS

#: The clot is a few voxels wide: a filling would hide what the reader wants to judge.
FILL, OUTLINE = 0.15, 1.0
_LINE_PIXELS = 2
#: The slice view whose slice is shown in the 3D view too; more would hide what lies behind them.
_SURROUNDINGS = "Red"


def styleOverlay(display: slicer.vtkMRMLSegmentationDisplayNode) -> None:
    """For a new result."""
    display.SetVisibility2DFill(True)
    display.SetVisibility2DOutline(True)
    display.SetSliceIntersectionThickness(_LINE_PIXELS)
    setOverlay(display, FILL, OUTLINE)


def setOverlay(display: slicer.vtkMRMLSegmentationDisplayNode, fill: float, outline: float) -> None:
    """Opacities, 0 to 1, of all segments in the slice views."""
    display.SetOpacity2DFill(fill)
    display.SetOpacity2DOutline(outline)


def showInfarct(display: slicer.vtkMRMLSegmentationDisplayNode, shown: bool) -> None:
    """The infarct in slice and 3D views; the thrombus always stays."""
    display.SetSegmentVisibility(SEGMENTS[1].name, shown)


def isIn3D(segmentation: slicer.vtkMRMLSegmentationNode) -> bool:
    """Whether its surfaces are to be seen in the 3D view."""
    display = segmentation.GetDisplayNode()
    surface = slicer.vtkSegmentationConverter.GetSegmentationClosedSurfaceRepresentationName()
    isMade = segmentation.GetSegmentation().ContainsRepresentation(surface)
    return bool(isMade and display is not None and display.GetVisibility() and display.GetVisibility3D())


def tellIn3D(text: str) -> None:
    """A line in the corner of each 3D view; none where the text is empty."""
    manager = slicer.app.layoutManager() if hasattr(slicer, "app") else None
    for index in range(manager.threeDViewCount if manager is not None else 0):
        view = manager.threeDWidget(index).threeDView()
        if view.cornerAnnotationText != text:
            view.setCornerAnnotationText(text)
            view.scheduleRender()


def showIn3D(segmentation: slicer.vtkMRMLSegmentationNode, shown: bool) -> None:
    """Surfaces in the 3D view, made when they are asked for, on the axial slice that is on show."""
    display = segmentation.GetDisplayNode()
    if shown:
        # Smoothing would make what is one slice thick vanish.
        segmentation.GetSegmentation().SetConversionParameter("Smoothing factor", "0.0")
        segmentation.CreateClosedSurfaceRepresentation()
    display.SetVisibility3D(shown)
    display.SetOpacity3D(1.0)
    display.SetSegmentOpacity3D(SEGMENTS[1].name, 0.25)
    for node in nodesIn(segmentation.GetScene(), "vtkMRMLSliceNode"):
        if node.GetLayoutName() == _SURROUNDINGS:
            node.SetSliceVisible(shown)
