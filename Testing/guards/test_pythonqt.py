"""What PythonQt would only say at a click, or never: see Slicer's style of attributes, signals and texts."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree

import pytest

#: Properties of Qt: attributes in PythonQt. Called with no argument they raise "'int' object is not callable".
PROPERTIES = {
    "value", "checked", "currentText", "currentIndex", "currentData", "enabled", "visible", "plainText", "count",
    "toolTip", "title", "windowTitle", "placeholderText", "currentNodeID", "currentPath", "directory", "collapsed",
    "minimum", "maximum", "readOnly", "rowCount", "columnCount", "threeDViewCount", "text",
}  # fmt: skip
#: Functions of Qt and MRML widgets: without a call they are always true.
FUNCTIONS = {"currentNode", "itemData", "itemText", "findData", "layoutManager", "mrmlScene", "parameterNode"}
FORBIDDEN = {
    "QTextCodec", "QRegExp", "QDesktopWidget", "processEvents", "setMargin", "setMasterVolumeNode", "exec_",
    "SetMasterVolumeNode", "setMasterRepresentation",
}  # fmt: skip
#: Signals with their arguments, as the headers of Qt, CTK and MRML widgets declare them in Qt 5 and Qt 6.
SIGNALS = {
    "clicked(bool)", "toggled(bool)", "clicked(QModelIndex)", "timeout()", "currentIndexChanged(int)",
    "valueChanged(double)", "currentPathChanged(QString)", "currentNodeChanged(vtkMRMLNode*)", "startupCompleted()",
    "contentsCollapsed(bool)", "activated()", "textChanged(QString)", "doubleClicked(QModelIndex)",
}  # fmt: skip
#: Attributes and functions whose text a user reads.
SHOWN_ATTRIBUTES = {"text", "toolTip", "title", "placeholderText", "windowTitle", "helpText", "acknowledgementText"}
SHOWN_BY = {
    "infoDisplay", "warningDisplay", "errorDisplay", "confirmOkCancelDisplay", "confirmYesNoDisplay", "addItem",
    "tryWithErrorDisplay", "showStatusMessage", "setText", "setToolTip", "setTitle",
}  # fmt: skip
#: Fits of the type of a parameter to the class of the widget, as Slicer's GUI connectors have them.
WIDGETS = {
    "qMRMLNodeComboBox": r"vtkMRML\w+",
    "ctkSliderWidget": r"Annotated\[float, WithinRange\(.*\)\]",
    "QComboBox": r"Device",
    "QCheckBox": r"bool",
}


@pytest.fixture(scope="session")
def forms(repository) -> dict[str, ElementTree.Element]:
    """The root of each form of the panel, by the name of its file."""
    files = sorted((repository.module / "Resources" / "UI").glob("*.ui"))
    return {path.stem: ElementTree.parse(path).getroot() for path in files}


@pytest.fixture(scope="session")
def form(forms) -> ElementTree.Element:
    """All forms, as children of one element."""
    together = ElementTree.Element("forms")
    together.extend(forms.values())
    return together


@pytest.fixture(scope="session")
def nodes(repository) -> list[tuple[str, ast.AST]]:
    return [
        (f"{path.name}:{getattr(node, 'lineno', 0)}", node)
        for path, tree in repository.moduleTrees.items()
        for node in ast.walk(tree)
    ]


def is_widget(node: ast.AST) -> bool:
    """Whether it is `self.ui.X` or something of it."""
    return re.match(r"self\.ui\.\w+", ast.unparse(node)) is not None


def test_properties_are_not_called_and_functions_are(nodes) -> None:
    called = {id(node.func) for _where, node in nodes if isinstance(node, ast.Call)}
    for where, node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_widget(node.func.value):
            bare = not node.args and not node.keywords
            assert not (bare and node.func.attr in PROPERTIES), f"{where}: {ast.unparse(node)} is an attribute"
        if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS and is_widget(node.value):
            assert id(node) in called, f"{where}: {ast.unparse(node)} is a function"


def test_nothing_that_qt6_or_python_lacks(nodes) -> None:
    for where, node in nodes:
        name = getattr(node, "attr", getattr(node, "id", ""))
        assert name not in FORBIDDEN, f"{where}: {name}"
        if isinstance(node, ast.Import):
            assert "imp" not in {alias.name for alias in node.names}, where
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            assert "FileName" not in ast.unparse(node.value), f"{where}: PythonQt returns the text alone"


def test_signals_are_spelled_as_declared(nodes) -> None:
    found = [
        (where, node.args[0].value)
        for where, node in nodes
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "connect"
        if node.args and isinstance(node.args[0], ast.Constant)
    ]
    assert found
    assert [entry for entry in found if entry[1] not in SIGNALS] == []


def test_every_widget_in_the_code_is_in_the_form(nodes, form) -> None:
    names = {widget.get("name") for widget in form.iter("widget")}
    assert len(names) == len(list(form.iter("widget"))), "a name is used twice"
    used = {match for _where, node in nodes for match in ui_names(node)}
    assert used - names == set()


def ui_names(node: ast.AST) -> list[str]:
    match = re.fullmatch(r"self\.ui\.(\w+)", ast.unparse(node)) if isinstance(node, ast.Attribute) else None
    return [match[1]] if match else []


def test_parameters_fit_their_widgets(repository, form) -> None:
    tree = repository.moduleTrees[repository.module / "ThrombusSegParts" / "parameterNode.py"]
    definition = next(node for node in tree.body if getattr(node, "name", "") == "ThrombusSegParameterNode")
    annotated = [node for node in definition.body if isinstance(node, ast.AnnAssign)]
    fields = {node.target.id: ast.unparse(node.annotation) for node in annotated}
    connected = {}
    for widget in form.iter("widget"):
        for entry in widget.findall("property[@name='SlicerParameterName']"):
            connected[entry.findtext("string")] = widget.get("class")
            assert entry.get("stdset") == "0"
    for name, widgetClass in connected.items():
        assert re.fullmatch(WIDGETS[widgetClass], fields[name]), f"{name}: {fields[name]} with {widgetClass}"
    assert set(fields) - set(connected) == {"segmentation", "shownMap", "decidedSequences"}


def test_one_selector_for_each_sequence_and_each_gets_the_scene(form) -> None:
    from ThrombusSegLib.sequences import Sequence

    widgets = list(form.iter("widget"))
    selectors = {widget.get("name"): widget for widget in widgets if widget.get("class") == "qMRMLNodeComboBox"}
    assert set(selectors) == {f"selector{sequence.value}" for sequence in Sequence}
    for selector in selectors.values():
        values = {entry.get("name"): "".join(entry.itertext()).strip() for entry in selector.findall("property")}
        assert values["noneEnabled"] == "true" and values["nodeTypes"] == "vtkMRMLScalarVolumeNode"
        assert values["addEnabled"] == values["removeEnabled"] == values["showChildNodeTypes"] == "false"


def test_forms_declare_their_widgets_and_pass_the_scene_on(forms) -> None:
    for name, form in forms.items():
        widgets = list(form.iter("widget"))
        assert widgets[0].get("name") == name
        receivers = {entry.findtext("receiver") for entry in form.iter("connection")}
        mrml = {widget.get("name") for widget in widgets[1:] if widget.get("class").startswith("qMRML")}
        assert receivers == mrml, name
        declared = {entry.findtext("class") for entry in form.iter("customwidget")}
        assert {widget.get("class") for widget in widgets if not widget.get("class").startswith("Q")} == declared, name


def test_shown_texts_can_be_translated(nodes) -> None:
    def plain(value: ast.AST) -> bool:
        if isinstance(value, ast.Constant):
            return isinstance(value.value, str) and bool(value.value.strip())
        return isinstance(value, ast.JoinedStr)

    wrong = []
    for where, node in nodes:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") in SHOWN_ATTRIBUTES:
            wrong += [where] if plain(node.value) else []
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in SHOWN_BY and node.args:
            wrong += [where] if plain(node.args[0]) else []
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
            assert isinstance(node.args[0], ast.Constant), f"{where}: only a literal can be found by the translators"
    assert wrong == []


def test_research_use_is_said_on_the_panel(form) -> None:
    notice = next(widget for widget in form.iter("widget") if widget.get("name") == "noticeLabel")
    assert "Research use only" in "".join(notice.itertext())
