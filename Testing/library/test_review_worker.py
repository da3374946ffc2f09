"""The worker's tasks for the annotator's panel, through its real loop."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import read_labels
from ThrombusSegLib.worker.loop import Worker


def ask(task: str, **values: Any) -> dict[str, Any]:
    """The closing event of one task."""
    command = {"command": "review", "id": "7", "task": task, "values": values}
    events = io.BytesIO()
    Worker(io.BytesIO(json.dumps(command).encode() + b"\n" + b'{"command": "quit"}\n'), events).serve()
    found = [json.loads(line) for line in events.getvalue().splitlines()]
    (last,) = [each for each in found if each.get("id") == "7"]
    return last


def result(task: str, **values: Any) -> dict[str, Any]:
    event = ask(task, **values)
    assert event["event"] == "done", event
    return event["result"]


@pytest.fixture
def scan(tmp_path: Path, images: dict[str, Path]) -> dict[str, str]:
    """Files of a case: SWI, labels on its grid, a probability map with a faint clot."""
    swi = sitk.ReadImage(str(images["SWI"]))
    values = np.full((12, 40, 36), 0.01, np.float32)
    values[5:7, 20:22, 8:16] = 0.3
    paths = {"swi": str(images["SWI"]), "dwi": str(images["DWI"])}
    for name, array in (("probability", values), ("labels", (values > 0.2).astype(np.uint8))):
        image = sitk.GetImageFromArray(array)
        image.CopyInformation(swi)
        paths[name] = str(tmp_path / f"{name}.nii.gz")
        sitk.WriteImage(image, paths[name])
    return paths


def test_a_click_is_answered_with_a_mask(tmp_path: Path, scan: dict[str, str]):
    image = sitk.ReadImage(scan["probability"])
    left, posterior, superior = image.TransformIndexToPhysicalPoint((10, 21, 5))
    out = tmp_path / "mask.nii.gz"
    found = result("propose", probability=scan["probability"], point_ras=[-left, -posterior, superior], out=str(out))
    assert found["from_map"] and found["volume_mm3"] == 32 * 16
    assert int(sitk.GetArrayFromImage(read_labels(out)).sum()) == 32


def test_edited_labels_are_measured_with_tooltips(scan: dict[str, str]):
    found = result("measure", labels=scan["labels"], reference=scan["swi"])
    (row,) = found["candidates"]
    assert row["volume_mm3"] == 32 * 16
    assert row["length_centreline_mm"] >= 16
    meaning = result("definitions")
    assert "blooming" in meaning["volume_mm3"]["tooltip"]
    assert result("clot_burden", parts=["M1 distal"])["score"] == 8
    assert result("overestimation", sign_width_mm=5, artery_width_mm=2.5)["ratio"] == 2.0


def test_a_case_is_saved_opened_saved_again_and_exported(tmp_path: Path, scan: dict[str, str]):
    given = {
        "folder": str(tmp_path / "corrected"), "labels": scan["labels"], "reference": "SWI", "annotator": "annotator-1",
        "images": {"SWI": scan["swi"], "DWI": scan["dwi"]}, "seconds_spent": 42.5, "model": "phantom-2",
        "candidates": [{"candidate": 1, "decision": "added", "measures": {"volume_mm3": 512}}],
    }  # fmt: skip
    first = result("save", **given)
    assert (first["version"], first["conflict"]) == (1, "")
    assert first["voxels_changed"]["thrombus"] == {"added": 32, "removed": 0}
    assert first["case"].startswith("case-")
    case = tmp_path / "corrected" / first["case"]
    opened = result("open", folder=str(case))
    assert opened["record"]["candidates"][0]["decision"] == "added"
    assert Path(opened["images"]["DWI"]).exists()
    assert result("save", **given, based_on=1)["version"] == 2
    late = result("save", **given, based_on=1)
    assert late["version"] == 0 and "annotator-1 saved version 2" in late["conflict"]
    ratio = {"ratio": 2.0, "sign_width_mm": 5.0, "artery_width_mm": 2.5, "how": "typed"}
    scored = result("save", **given, based_on=2, clot_burden_parts=["M1 distal", "A1"], overestimation=ratio)
    assert scored["version"] == 3
    again = result("open", folder=str(case))["record"]
    assert (again["clot_burden_score"], again["overestimation"]) == (7, ratio)
    assert ask("save", **given, clot_burden_parts=["M5"])["kind"] == "input"
    files = result("export", case=str(case), out=str(tmp_path / "out"), kinds=["nifti", "nrrd", "csv"])["files"]
    assert [Path(each).exists() for each in files] == [True, True, True]


def test_images_of_any_format_become_files_for_a_viewer(tmp_path: Path, scan: dict[str, str]):
    files = result("images", images={"SWI": scan["swi"], "DWI": scan["dwi"]}, out=str(tmp_path / "viewer"))["files"]
    before, after = (sitk.ReadImage(path) for path in (scan["swi"], files["SWI"]))
    assert (sitk.GetArrayFromImage(before) == sitk.GetArrayFromImage(after)).all()
    assert after.GetOrigin() == pytest.approx(before.GetOrigin()) and set(files) == {"SWI", "DWI"}
    assert ask("images", images={"SWI": str(tmp_path / "x.nii.gz")}, out=str(tmp_path))["kind"] == "input"


def test_a_list_is_made_claimed_and_worked_through(tmp_path: Path, scan: dict[str, str]):
    for name in ("Meier", "Weber"):
        (tmp_path / "study" / name).mkdir(parents=True)
        (tmp_path / "study" / name / "swi.nii.gz").write_bytes(Path(scan["swi"]).read_bytes() + b"")
    made = result("make_list", list=str(tmp_path / "list"), source=str(tmp_path / "study"))
    assert [each["case"] for each in made["items"]] == ["case-001", "case-002"]
    assert made["next"] == "case-001"
    held = {"list": str(tmp_path / "list"), "case": "case-001"}
    assert result("claim", **held, annotator="annotator-1")["mine"]
    other = result("claim", **held, annotator="annotator-2")
    assert not other["mine"] and "annotator-1 has case-001 open" in other["sentence"]
    assert result("list", list=str(tmp_path / "list"), annotator="annotator-2")["next"] == "case-002"
    result("release", **held, annotator="annotator-1")
    item = made["items"][0]
    result(
        "save", folder=made["saved"], case=item["case"], labels=scan["labels"], images=item["images"],
        reference="SWI", annotator="annotator-1",
    )  # fmt: skip
    done = result("list", list=str(tmp_path / "list"))
    assert (done["progress"]["done"], done["next"]) == (1, "case-002")
    second = result("list", list=str(tmp_path / "list"), second="annotator-2")
    assert second["progress"]["done"] == 0
    result(
        "save", folder=second["saved"], case=item["case"], labels=scan["labels"], images=item["images"],
        reference="SWI", annotator="annotator-2",
    )  # fmt: skip
    own = {"list": str(tmp_path / "list"), "second": "annotator-1", "annotator": "annotator-1"}
    refused = ask("claim", **own, case="case-001")
    assert refused["kind"] == "input" and "has saved the first reading of case-001" in refused["sentence"]
    assert result("claim", **own, case="case-002")["mine"] and result("list", **own)["next"] == "case-002"
    agreed = result("agreement", list=str(tmp_path / "list"), second="annotator-2")
    assert (agreed["cases"], agreed["dice"]["value"], agreed["detection"]) == (1, 1.0, 1.0)


def test_what_is_wrong_is_a_sentence_and_the_worker_lives(tmp_path: Path, scan: dict[str, str]):
    unknown = ask("dance")
    assert unknown["event"] == "error" and "no task 'dance'" in unknown["sentence"]
    missing = ask("propose", probability=scan["probability"])
    assert missing["kind"] == "input" and "point_ras" in missing["sentence"]
    nowhere = ask("propose", probability=str(tmp_path / "x.nii.gz"), point_ras=[0, 0, 0], out="x")
    assert str(tmp_path) not in nowhere["sentence"]
    assert ask("save", folder="x", images={"XYZ": "a"}, reference="SWI", labels="l")["kind"] == "input"
