"""A record that cannot be read is told, never taken for a case that nobody has saved."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow, read_manifest
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.review import (
    ReviewRecord,
    WorkList,
    compare_readers,
    damaged_cases,
    make_list,
    open_case,
    open_version,
    refresh_manifest,
    save_case,
    saved_cases,
)
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.worker.loop import Worker


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing((1.0, 1.0, 2.0))
    return made


def labels(voxels: int = 8) -> sitk.Image:
    array = np.zeros((6, 24, 30), np.uint8)
    array[2, 10, 4 : 4 + voxels] = 1
    return image(array)


def scan(seed: int = 0) -> sitk.Image:
    return image(np.random.default_rng(seed).normal(100, 20, (6, 24, 30)).astype(np.float32))


def save(folder: Path, case: str, marked: sitk.Image, annotator: str = "annotator-1", **values):
    record = ReviewRecord(case=case, annotator=annotator, reference=Sequence.SWI, used=(Sequence.SWI,), **values)
    return save_case(folder, record, marked, {Sequence.SWI: scan()})


def ask(task: str, **values: Any) -> dict[str, Any]:
    """The worker's closing event."""
    command = json.dumps({"command": "review", "id": "7", "task": task, "values": values})
    events = io.BytesIO()
    Worker(io.BytesIO(command.encode() + b'\n{"command": "quit"}\n'), events).serve()
    (last,) = [each for each in map(json.loads, events.getvalue().splitlines()) if each.get("id") == "7"]
    return last


@pytest.fixture
def work(tmp_path: Path) -> WorkList:
    """A list of three cases."""
    rows = []
    for number in range(3):
        path = tmp_path / "scans" / f"swi-{number}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        sitk.WriteImage(scan(number), str(path))
        rows.append(ManifestRow(str(number), "C", "", {Sequence.SWI: path}, None))
    return make_list(tmp_path / "list", rows)


@pytest.fixture
def saved(work: WorkList) -> Path:
    """The first case of a list, saved twice: still in review, then finished."""
    save(work.saved, "case-001", labels(8), status="in review")
    save(work.saved, "case-001", labels(6), based_on=1)
    return work.saved / "case-001"


def damage(*files: Path) -> None:
    for each in files:
        each.write_text("{")


def record_of(case: Path, version: int) -> Path:
    return case / "versions" / f"{version:04d}" / "review.json"


def test_the_newest_versions_own_record_counts_where_the_shown_one_is_damaged(work: WorkList, saved: Path):
    damage(saved / "review.json")
    item = work.items()[0]
    assert (item.status, item.version, item.opens) == ("corrected", 2, True)
    assert item.trouble == (
        "review.json of case-001 cannot be read; its version 2 is whole. "
        "Open the case, which restores it from case-001/versions/0002."
    )
    assert work.next_unreviewed().case == "case-002"
    assert [each.text for each in refresh_manifest(work.saved)] == [item.trouble]
    assert [row.case for row in read_manifest(work.saved)] == ["case-001"]
    assert open_case(saved).record.version == 2
    assert json.loads((saved / "review.json").read_text())["version"] == 2
    assert damaged_cases(work.saved) == {} and work.items()[0].trouble == ""


def test_a_shown_record_that_is_gone_is_restored_too(work: WorkList, saved: Path):
    (saved / "review.json").unlink()
    assert work.items()[0].status == "corrected"
    assert open_case(saved).record.version == 2 and (saved / "review.json").is_file()


def test_a_copy_stands_in_for_the_newest_versions_record_and_is_not_overwritten(work: WorkList, saved: Path):
    damage(record_of(saved, 2))
    item = work.items()[0]
    assert (item.status, item.version, item.opens) == ("corrected", 2, False)
    assert "The record of version 2 of case-001 cannot be read" in item.trouble
    with pytest.raises(InputError, match=r"Copy case-001/review\.json into case-001/versions/0002"):
        open_case(saved)
    shutil.copyfile(saved / "review.json", record_of(saved, 2))  # as the sentence says
    assert open_case(saved).record.version == 2


def test_an_earlier_version_is_listed_and_never_offered_where_the_newest_cannot_be_read(work: WorkList, saved: Path):
    damage(saved / "review.json", record_of(saved, 2))
    item = work.items()[0]
    assert (item.status, item.version, item.opens) == ("in review", 1, False)
    assert work.next_unreviewed().case == "case-002", "somebody has finished it: opening it anew would lose that"
    with pytest.raises(InputError, match="version 1 is listed"):
        work.claim("case-001", "annotator-1")
    shutil.move(saved / "versions" / "0002", saved / "elsewhere")  # as the sentence says
    assert open_case(saved).record.version == 1


def test_a_case_of_which_nothing_can_be_read_is_named_to_whoever_lists_or_saves(work: WorkList, saved: Path, capsys):
    damage(saved / "review.json", record_of(saved, 1), record_of(saved, 2))
    item = work.items("unreadable")[0]
    assert (item.case, item.version, work.next_unreviewed().case) == ("case-001", 0, "case-002")
    assert item.trouble == (
        "What was saved of case-001 cannot be read, so it is left out of the manifest. "
        "Restore review.json in the newest folder of case-001/versions."
    )
    assert save(work.saved, "case-002", labels()).warnings == (item.trouble,)
    assert "case-001" not in saved_cases(work.saved)
    for part in ("list", "status"):
        assert main(["review", part, str(work.folder)]) == 0
        assert item.trouble in capsys.readouterr().out
    assert main(["review", "status", str(work.folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["unreadable"], told["warnings"]) == (1, [item.trouble])
    assert main(["review", "list", str(work.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["trouble"] == item.trouble


def test_a_later_version_of_the_program_is_asked_for(work: WorkList, saved: Path):
    for each in (saved / "review.json", record_of(saved, 2)):
        each.write_text(each.read_text().replace('"schema": 1', '"schema": 9'))
    assert "was written by a later version" in work.items()[0].trouble
    assert work.items()[0].trouble.endswith("Install the newest ThrombusSeg.")


def test_agreement_tells_what_it_leaves_out(work: WorkList, saved: Path):
    second = WorkList(work.folder, "annotator-2")
    for case in ("case-001", "case-002"):
        save(second.saved, case, labels(6), "annotator-2")
    save(work.saved, "case-002", labels(6))
    damage(saved / "review.json", record_of(saved, 1), record_of(saved, 2))
    found = compare_readers(work.saved, second.saved)
    assert found.cases == 1 and "case-001" in found.warnings[0]


def test_the_worker_tells_the_panel(work: WorkList, tmp_path: Path):
    save(work.saved, "case-001", labels(8))
    case = work.saved / "case-001"
    damage(case / "review.json", record_of(case, 1))
    listed = ask("list", list=str(work.folder))["result"]
    assert listed["next"] == "case-002" and "case-001 cannot be read" in listed["warnings"][0]
    assert (listed["items"][0]["status"], listed["items"][0]["trouble"]) == ("unreadable", listed["warnings"][0])
    claimed = ask("claim", list=str(work.folder), case="case-001", annotator="annotator-1")
    assert (claimed["event"], claimed["kind"]) == ("error", "input") and "case-001" in claimed["sentence"]
    sitk.WriteImage(labels(), str(tmp_path / "labels.nii.gz"))
    saved = ask(
        "save", folder=str(work.saved), case="case-002", labels=str(tmp_path / "labels.nii.gz"), reference="SWI",
        images=listed["items"][1]["images"], annotator="annotator-1",
    )  # fmt: skip
    assert saved["result"]["warnings"] == listed["warnings"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def labels_of(case: Path, version: int) -> Path:
    return case / "versions" / f"{version:04d}" / "labels.nii.gz"


def test_damaged_labels_of_a_version_come_back_from_those_of_the_case(work: WorkList, saved: Path, tmp_path: Path):
    whole = (saved / "labels.nii.gz").read_bytes()
    cut(labels_of(saved, 2))
    item = work.items()[0]
    assert item.opens and item.trouble == (
        "The labels of version 2 of case-001 do not match their record any more; case-001/labels.nii.gz is a copy of "
        "them. Open the case, which restores them from it."
    )
    assert main(["export", str(saved), "--out", str(tmp_path / "out"), "--nifti"]) == 0
    assert (saved / "labels.nii.gz").read_bytes() == labels_of(saved, 2).read_bytes() == whole
    assert work.items()[0].trouble == ""


def test_damaged_labels_never_take_the_place_of_others(work: WorkList, saved: Path, tmp_path: Path, capsys):
    shown = labels_of(saved, 1).read_bytes()
    (saved / "labels.nii.gz").write_bytes(shown)
    cut(labels_of(saved, 2))
    assert main(["export", str(saved), "--out", str(tmp_path / "out"), "--nifti"]) == 2
    assert (saved / "labels.nii.gz").read_bytes() == shown
    trouble = (
        "The labels of version 2 of case-001 do not match their record any more, so it is left out of the manifest. "
        "Restore case-001/versions/0002/labels.nii.gz, or move case-001/versions/0002 elsewhere: then version 1 is the "
        "newest."
    )
    assert trouble.split(". ")[0] in capsys.readouterr().err
    assert work.items()[0].trouble == trouble and not work.items()[0].opens
    assert save(work.saved, "case-002", labels()).warnings == (trouble,)
    assert [row.case for row in read_manifest(work.saved)] == ["case-002"]
    for part in ("list", "status"):
        assert main(["review", part, str(work.folder)]) == 0
        assert trouble in capsys.readouterr().out
    with pytest.raises(InputError, match="version 2 of case-001"):
        open_version(saved, 2)


def test_labels_that_another_program_changed_are_told_and_kept(work: WorkList, saved: Path):
    whole = (saved / "labels.nii.gz").read_bytes()
    sitk.WriteImage(labels(3), str(saved / "labels.nii.gz"), True)
    assert "labels.nii.gz of case-001 is not what was saved" in work.items()[0].trouble
    (sentence,) = open_case(saved).warnings
    assert "case-001/beside/edited-1-labels.nii.gz" in sentence
    assert (saved / "labels.nii.gz").read_bytes() == whole and open_case(saved).warnings == ()
    cut(saved / "labels.nii.gz")
    assert "edited-2-labels.nii.gz" in save(work.saved, "case-001", labels(7), based_on=2).warnings[0]


def test_comparing_a_folder_leaves_a_damaged_case_out_and_names_it(tmp_path: Path, capsys):
    for case in ("case-1", "case-2", "case-3"):
        record = ReviewRecord(case=case, annotator="annotator-1", reference=Sequence.SWI, used=(Sequence.SWI,))
        save_case(tmp_path, record, labels(8), {Sequence.SWI: scan()}, predicted=labels(6))
    for each in (labels_of(tmp_path / "case-1", 1), tmp_path / "case-1" / "labels.nii.gz"):
        cut(each)
    assert main(["review", "compare", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "2 cases in common" in told and told.count("The labels of version 1 of case-1 do not match") == 1
    assert "case-1 was left out" in told
    cut(tmp_path / "case-2" / "predicted.nii.gz")
    assert main(["review", "compare", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "1 cases in common" in told and "case-2 was left out: predicted.nii.gz" in told
    cut(tmp_path / "case-3" / "predicted.nii.gz")
    assert main(["review", "compare", str(tmp_path)]) == 2
    assert "case-3 was left out" in capsys.readouterr().err


def test_the_worker_tells_what_opening_a_case_has_put_right(saved: Path):
    sitk.WriteImage(labels(3), str(saved / "labels.nii.gz"), True)
    (sentence,) = ask("open", folder=str(saved))["result"]["warnings"]
    assert "edited-1-labels.nii.gz" in sentence


def test_the_worker_keeps_the_names_of_folders(tmp_path: Path):
    (tmp_path / "scans" / "sub-a").mkdir(parents=True)
    sitk.WriteImage(scan(), str(tmp_path / "scans" / "sub-a" / "swi.nii.gz"))
    (tmp_path / "list").mkdir()
    made = ask("make_list", list=str(tmp_path / "list"), source=str(tmp_path / "scans"), keep_names=True)["result"]
    assert [each["case"] for each in made["items"]] == ["sub-a"]
