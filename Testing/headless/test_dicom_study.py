"""A study that comes from Slicer's DICOM module: the rows fill themselves, from one study, before any click."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

#: Series of a stroke protocol as a scanner writes them: number, description, and what else DICOM says.
PROTOCOL = (
    (1, "AAHead_Scout", {"ScanningSequence": "GR", "EchoTime": "1.37"}),
    (3, "ep2d_diff_4scan_trace_p2_TRACEW", {"DiffusionBValue": "1000", "ImageType": "DERIVED\\PRIMARY\\DIFFUSION"}),
    (4, "ep2d_diff_4scan_trace_p2_ADC", {"ImageType": "DERIVED\\PRIMARY\\DIFFUSION\\ADC\\ND"}),
    (5, "t2_tirm_tra_dark-fluid", {"ScanningSequence": "SE\\IR", "EchoTime": "86", "InversionTime": "2500"}),
    (6, "Mag_Images", {"ScanningSequence": "GR", "EchoTime": "20", "ProtocolName": "t2_swi_tra_p2"}),
    (7, "Pha_Images", {"ScanningSequence": "GR", "EchoTime": "20", "ImageType": "ORIGINAL\\PRIMARY\\P\\ND"}),
    (8, "mIP_Images(SW)", {"ScanningSequence": "GR", "EchoTime": "20", "ImageType": "DERIVED\\PRIMARY\\MNIP\\NORM"}),
    (9, "SWI_Images", {"ScanningSequence": "GR", "EchoTime": "20", "ImageType": "ORIGINAL\\PRIMARY\\M\\SWI"}),
    (10, "TOF_3D_multi-slab", {"ScanningSequence": "GR", "EchoTime": "3.6", "AngioFlag": "Y"}),
    (11, "TOF_3D_multi-slab_MIP_SAG", {"ScanningSequence": "GR", "EchoTime": "3.6", "AngioFlag": "Y"}),
    (12, "t1_mprage_sag", {"ScanningSequence": "GR\\IR", "EchoTime": "2.9"}),
)  # fmt: skip
OURS = {
    "SWI": "9: SWI_Images",
    "DWI": "3: ep2d_diff_4scan_trace_p2_TRACEW",
    "ADC": "4: ep2d_diff_4scan_trace_p2_ADC",
    "FLAIR": "5: t2_tirm_tra_dark-fluid",
    "TOF": "10: TOF_3D_multi-slab",
}


class FakeDatabase:
    """What is asked of ctkDICOMDatabase: a tag of an instance."""

    isOpen = True

    def __init__(self) -> None:
        self.tags: dict[str, dict[str, str]] = {}

    def instanceValue(self, instance: str, tag: str) -> str:
        return self.tags.get(instance, {}).get(tag, "")


@pytest.fixture
def load(headless, tools, monkeypatch):
    """A function that loads series as DICOMScalarVolumePlugin and DICOMPlugin.addSeriesInSubjectHierarchy do."""
    from ThrombusSegParts.inputGuess import DICOM_TAGS

    database, hierarchy = FakeDatabase(), slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless.scene)
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    thin = 5 * tools.head(1, (24, 40, 36))  # bright as an ADC map, thin as an angiogram
    names, logic = slicer.vtkMRMLSubjectHierarchyConstants, slicer.vtkSlicerSubjectHierarchyModuleLogic

    def series(patient: str, study: str, number: int, description: str, tags: dict[str, str]) -> object:
        uid = f"1.2.{study}.{number}"
        known = {"PatientID": patient, "StudyInstanceUID": f"1.2.{study}", "SeriesDescription": description}
        known |= {"FrameOfReferenceUID": f"1.2.{study}.0", **tags}
        database.tags[f"{uid}.1"] = {DICOM_TAGS[keyword]: value for keyword, value in known.items()}
        node = headless.volume(thin, tools.grid((2.0, 2.0, 2.0)), f"{number}: {description}")
        node.SetAttribute("DICOM.instanceUIDs", f"{uid}.1 {uid}.2")
        item = hierarchy.CreateItem(hierarchy.GetSceneItemID(), node, "Series")
        hierarchy.SetItemUID(item, names.GetDICOMUIDName(), uid)
        hierarchy.SetItemAttribute(item, names.GetDICOMSeriesModalityAttributeName(), "MR")
        hierarchy.SetItemAttribute(item, names.GetDICOMSeriesNumberAttributeName(), str(number))
        hierarchy.SetItemUID(item, names.GetDICOMInstanceUIDName(), f"{uid}.1 {uid}.2")
        logic.InsertDicomSeriesInHierarchy(hierarchy, patient, f"1.2.{study}", uid)
        return node

    def study(patient: str, name: str, protocol: tuple = PROTOCOL) -> list[object]:
        return [series(patient, name, *each) for each in protocol]

    yield SimpleNamespace(study=study, database=database)
    hierarchy.RemoveAllItems(False)  # a cache of nodes outlives the scene, and finds others at the same address


def chosen(panel) -> dict[str, str]:
    from ThrombusSegParts.parameterNode import chosenVolumes

    return {name: node.GetName() for name, node in chosenVolumes(panel._parameterNode).items() if node is not None}


def warnings(panel) -> dict[str, str]:
    marks = {name: getattr(panel.inputsPanel.ui, f"inputWarning{name}") for name in OURS}
    return {name: mark.toolTip for name, mark in marks.items() if mark.toolTip}


def tick(panel) -> None:
    """The timer that the new volumes have started."""
    assert panel.inputsPanel._timer.isActive, "nobody has pressed anything"
    panel.inputsPanel.fill()


def test_a_study_fills_all_rows_by_itself(panel, load) -> None:
    load.study("A", "1")
    tick(panel)
    assert chosen(panel) == OURS
    assert warnings(panel) == {}, "magnitude and projections are no rivals"
    assert panel.ui.segmentButton.enabled and not panel.inputsPanel.ui.inputProblemLabel.text


def test_a_study_that_was_loaded_before_the_module_is_opened_too(panel, load) -> None:
    panel.exit()
    load.study("A", "1")
    assert not panel.inputsPanel._timer.isActive
    panel.enter()
    assert chosen(panel) == OURS and panel.ui.segmentButton.enabled


@pytest.mark.parametrize("patients", [("A", "A"), ("A", "B")])
def test_of_two_studies_one_is_chosen_and_the_other_told_of(panel, load, patients) -> None:
    first = load.study(patients[0], "1")
    tick(panel)
    second = load.study(patients[1], "2")
    tick(panel)
    nodes = {panel._parameterNode.volumeSWI.GetID(), panel._parameterNode.volumeADC.GetID()}
    assert chosen(panel) == OURS and nodes <= {node.GetID() for node in first}, "what stood there stays"
    assert not nodes & {node.GetID() for node in second}
    told = warnings(panel)
    assert set(told) == set(OURS) and "Another study in the scene has 9: SWI_Images for this row." in told["SWI"]
    assert panel.ui.segmentButton.enabled
    panel.inputsPanel.fillAgain()
    assert panel._parameterNode.volumeSWI.GetID() in {node.GetID() for node in second}, "of equals the last one"


def test_a_poorer_study_does_not_take_rows_and_is_told_of_where_it_could(panel, load) -> None:
    load.study("A", "1", tuple(each for each in PROTOCOL if each[0] in (5, 9)))
    load.study("A", "2", tuple(each for each in PROTOCOL if each[0] not in (9,)))
    tick(panel)
    assert chosen(panel) == {**OURS, "SWI": "6: Mag_Images"}
    assert {name for name, text in warnings(panel).items() if "Another study" in text} == {"SWI", "FLAIR"}
    panel._parameterNode.volumeFLAIR = panel._parameterNode.volumeFLAIR
    panel._parameterNode.volumeTOF = None  # a choice of the user: he has seen which study it is
    assert not [text for text in warnings(panel).values() if "Another study" in text]


def test_instances_are_known_from_the_subject_hierarchy_where_the_node_tells_none(panel, load) -> None:
    for node in load.study("A", "1"):
        node.RemoveAttribute("DICOM.instanceUIDs")
        node.SetName("volume")
    tick(panel)
    assert set(chosen(panel)) == set(OURS)


def test_volumes_that_come_while_the_scene_is_busy_are_looked_at_afterwards(panel, headless, load, monkeypatch) -> None:
    headless.scene.StartState(slicer.vtkMRMLScene.BatchProcessState)
    load.study("A", "1")
    tick(panel)
    assert chosen(panel) == {}
    headless.scene.EndState(slicer.vtkMRMLScene.BatchProcessState)
    monkeypatch.setattr(panel.inputsPanel, "_isBusy", lambda: True)
    tick(panel)
    assert chosen(panel) == {}
    monkeypatch.setattr(panel.inputsPanel, "_isBusy", lambda: False)
    tick(panel)
    assert chosen(panel) == OURS and not panel.inputsPanel._timer.isActive
