"""Side by side and back: columns follow the window, legends are there, own views are whole unless they were zoomed."""

from __future__ import annotations

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)


@pytest.fixture
def views(reviewed, headless) -> dict[str, object]:
    """Slice nodes by name, as the application makes them: of the user's own layout, and of three side by side."""
    layout = slicer.vtkMRMLLayoutNode()
    layout.SetSingletonTag("vtkMRMLLayoutNode")
    headless.scene.AddNode(layout).SetViewArrangement(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    choices = reviewed._parameterNode
    choices.volumeSWI, choices.volumeTOF = (
        headless.scene.GetNthNodeByClass(index, "vtkMRMLScalarVolumeNode") for index in (0, 1)
    )
    made = {name: make(headless.scene, name) for name in ("Red", "Green")}
    made["Green"].SetSliceToRASByNTP(0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)  # coronal
    for index in range(2):
        composite = headless.scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        composite.SetBackgroundVolumeID(choices.volumeSWI.GetID())
    return made


def make(scene, name: str) -> object:
    nodes = []
    for kind in ("vtkMRMLSliceCompositeNode", "vtkMRMLSliceNode"):
        node = getattr(slicer, kind)()
        node.SetSingletonTag(name)
        node.SetLayoutName(name)
        nodes.append(scene.AddNode(node))
    nodes[1].SetDimensions(400, 300, 1)
    return nodes[1]


def press(panel) -> None:
    panel.ui.compareButton.connected["clicked(bool)"]()


def seen(view, volume) -> bool:
    """Whether the whole head lies in a view."""
    from ThrombusSegParts.layouts import headCorners

    matrix, field = view.GetSliceToRAS(), view.GetFieldOfView()
    for column in range(2):
        axis = [matrix.GetElement(row, column) for row in range(3)]
        middle = sum(matrix.GetElement(row, 3) * axis[row] for row in range(3))
        places = [sum(a * b for a, b in zip(axis, corner, strict=True)) - middle for corner in headCorners(volume)]
        if max(abs(place) for place in places) > field[column] / 2:
            return False
    return True


def resize(view, width: int, height: int) -> None:
    """As the application does with a window: the height stays, in millimeters."""
    view.SetDimensions(width, height, 1)
    tall = view.GetFieldOfView()[1]
    view.SetFieldOfView(tall * width / height, tall, 1.0)


def test_heads_are_whole_when_the_own_layout_comes_back(reviewed, headless, views) -> None:
    from ThrombusSegParts.mapDisplay import jumpTo
    from ThrombusSegParts.ownViews import fitView

    volume = reviewed._parameterNode.volumeSWI
    for view in views.values():
        fitView(view, volume)
        assert seen(view, volume)
    press(reviewed)
    jumpTo(headless.scene, (30.0, 20.0, 10.0))  # a click into the table
    for view in views.values():
        resize(view, 200, 300)  # the window has become narrower
        assert not seen(view, volume)
    press(reviewed)
    reviewed.resultPanel._ownLayout.views.fit()
    assert all(seen(view, volume) for view in views.values())
    places = [views["Red"].GetSliceToRAS().GetElement(2, 3), views["Green"].GetSliceToRAS().GetElement(1, 3)]
    assert places == pytest.approx([10.0, 20.0]), "the slices of the candidate"


def test_what_the_user_had_zoomed_stays_so(reviewed, views) -> None:
    from ThrombusSegParts.ownViews import fitView

    fitView(views["Green"], reviewed._parameterNode.volumeSWI)
    views["Red"].SetFieldOfView(40.0, 30.0, 1.0)
    views["Red"].JumpSliceByCentering(5.0, 6.0, 7.0)
    press(reviewed)
    views["Green"].SetFieldOfView(20.0, 15.0, 1.0)  # while it was hidden, as the section Review does
    press(reviewed)
    reviewed.resultPanel._ownLayout.views.fit()
    assert views["Red"].GetFieldOfView()[:2] == (40.0, 30.0) and views["Green"].GetFieldOfView()[:2] == (20.0, 15.0)
    assert [views["Red"].GetSliceToRAS().GetElement(row, 3) for row in range(3)] == [5.0, 6.0, 7.0]


def test_a_view_in_which_a_result_shows_another_volume_is_fitted(reviewed, headless, views) -> None:
    """Slicer had fitted it to the volume that was loaded last, perhaps a slab."""
    from ThrombusSegParts.mapDisplay import showReference

    choices = reviewed._parameterNode
    for index in range(2):
        composite = headless.scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        composite.SetBackgroundVolumeID(choices.volumeTOF.GetID())
    views["Green"].SetFieldOfView(48.0, 36.0, 1.0)
    views["Red"].SetFieldOfView(20.0, 15.0, 1.0)
    assert not seen(views["Green"], choices.volumeSWI)
    showReference(choices.segmentation)
    assert seen(views["Green"], choices.volumeSWI)
    assert views["Red"].GetFieldOfView()[:2] == (20.0, 15.0), "so little is seen where somebody has zoomed"
    views["Green"].SetFieldOfView(48.0, 36.0, 1.0)
    showReference(choices.segmentation)
    assert views["Green"].GetFieldOfView()[1] == 36.0, "the same volume again"


def test_own_views_are_fitted_after_the_menu_of_layouts_too(reviewed, headless, views, monkeypatch) -> None:
    rung: list[object] = []
    monkeypatch.setattr("qt.QTimer.singleShot", lambda milliseconds, callback: rung.append(callback))
    press(reviewed)
    layout = headless.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    layout.SetViewArrangement(layout.SlicerLayoutOneUpRedSliceView)
    assert reviewed.resultPanel._ownLayout.views.fit in rung


@pytest.fixture
def window(monkeypatch) -> list[int]:
    """Width and height of all views together."""
    size = [1400, 900]
    monkeypatch.setattr("ThrombusSegParts.layouts.room", lambda: tuple(size))
    monkeypatch.setattr("ThrombusSegParts.roomWatch.room", lambda: tuple(size))
    monkeypatch.setattr("qt.QTimer.singleShot", lambda milliseconds, callback: callback())
    return size


def columns(headless) -> int:
    from ThrombusSegParts.layouts import LAYOUT

    description = headless.scene.GetFirstNodeByClass("vtkMRMLLayoutNode").GetLayoutDescription(LAYOUT)
    return max(line.count("<view ") for line in description.split('<layout type="horizontal">'))


def test_columns_follow_the_window(reviewed, headless, views, window) -> None:
    mine = [make(headless.scene, f"ThrombusSeg{name}") for name in ("SWI", "TOF", "Probability")]
    press(reviewed)
    watch, volume = reviewed.resultPanel._room, reviewed._parameterNode.volumeSWI
    assert columns(headless) == 3 and watch._timer.isActive
    mine[0].JumpSliceByOffsetting(0.0, 0.0, 8.0)
    window[:] = [500, 1600]
    watch.look()
    assert columns(headless) == 3, "it may still be dragged"
    for view in mine:
        resize(view, 100, 300)
    watch.look()
    assert columns(headless) == 1 and all(seen(view, volume) for view in mine)
    assert mine[0].GetSliceToRAS().GetElement(2, 3) == pytest.approx(8.0), "the slice that was looked at"
    mine[0].SetFieldOfView(20.0, 60.0, 1.0)  # the user zooms
    window[:] = [1400, 900]
    watch.look()
    watch.look()
    assert columns(headless) == 3 and mine[0].GetFieldOfView()[1] == 60.0
    press(reviewed)
    watch.look()
    assert not watch._timer.isActive


def test_views_that_slicer_has_turned_to_a_volume_are_axial_again(reviewed, headless, views, window) -> None:
    """As it does with all views, hidden ones too, when the next patient is loaded."""
    mine = make(headless.scene, "ThrombusSegSWI")
    mine.SetSliceToRASByNTP(0.0, 0.2, 0.98, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    press(reviewed)
    turned = [[mine.GetSliceToRAS().GetElement(row, column) for column in range(3)] for row in range(3)]
    assert turned == [[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_a_legend_comes_to_views_that_are_new(reviewed, headless, views, window) -> None:
    """A view hears of legends that come, and knows of none that was there before it."""
    reviewed._parameterNode.shownMap = "probability"
    heard: list[str] = []

    def listen(caller: object, event: str, node: object = None) -> None:
        heard.append(caller.GetNthNode(caller.GetNumberOfNodes() - 1).GetClassName())

    headless.scene.AddObserver(slicer.vtkMRMLScene.NodeAddedEvent, listen)
    press(reviewed)
    legends = headless.scene.GetNumberOfNodesByClass("vtkMRMLColorLegendDisplayNode")
    assert "vtkMRMLColorLegendDisplayNode" in heard and legends == 1
    legend = headless.scene.GetFirstNodeByClass("vtkMRMLColorLegendDisplayNode")
    assert legend.GetVisibility() and legend.GetDisplayableNode().GetName() == "Thrombus probability"
    for name in ("SWI", "TOF", "Probability"):
        make(headless.scene, f"ThrombusSeg{name}")
    heard.clear()
    press(reviewed)
    press(reviewed)
    assert "vtkMRMLColorLegendDisplayNode" not in heard, "these views know it"
