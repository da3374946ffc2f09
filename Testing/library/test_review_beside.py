"""What a second writer saved beside the newest version: told, exported, and made the newest one."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import read_manifest
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.review import ReviewRecord, adopt, kept_beside, open_case, open_version, save_case
from ThrombusSegLib.sequences import Sequence

NAME = "0001-annotator-2-1"


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing((1.0, 1.0, 2.0))
    return made


def labels(voxels: int) -> sitk.Image:
    array = np.zeros((6, 24, 30), np.uint8)
    array[2, 10, 4 : 4 + voxels] = 1
    return image(array)


def save(folder: Path, voxels: int, annotator: str = "annotator-1", **values):
    record = ReviewRecord("case-1", annotator, reference=Sequence.SWI, used=(Sequence.SWI,), **values)
    scan = image(np.random.default_rng(0).normal(100, 20, (6, 24, 30)).astype(np.float32))
    return save_case(folder, record, labels(voxels), {Sequence.SWI: scan}, predicted=labels(5))


def count(marked: sitk.Image) -> int:
    return int(sitk.GetArrayViewFromImage(marked).sum())


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """Version 2 by one, and what another had made of version 1 beside it."""
    save(tmp_path, 8, seconds_spent=10)
    save(tmp_path, 6, based_on=1, seconds_spent=5)
    assert save(tmp_path, 3, "annotator-2", based_on=1, seconds_spent=7).conflict
    return tmp_path / "case-1"


def test_it_becomes_the_newest_version_and_the_others_stay(case: Path):
    before = {path: path.read_bytes() for part in ("versions", "beside") for path in (case / part).rglob("*.*")}
    saved = adopt(case, NAME, by="annotator-3")
    opened = open_case(case)
    assert opened.record == saved.record and count(opened.labels) == 3
    record = opened.record
    assert (record.version, record.annotator, record.based_on) == (3, "annotator-2", 1)
    assert (record.adopted, record.adopted_by) == (NAME, "annotator-3")
    assert record.voxels_changed["thrombus"] == {"added": 0, "removed": 2}
    assert record.voxels_changed_since_last["thrombus"] == {"added": 0, "removed": 3}
    assert (record.seconds_spent, record.seconds_spent_before) == (7, 15)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert count(open_version(case, 2)[1]) == 6 and kept_beside(case) == [NAME]
    assert [row.case for row in read_manifest(case.parent)] == ["case-1"]
    assert save(case.parent, 4, based_on=3).record.version == 4


def test_what_cannot_be_adopted_is_a_sentence(case: Path):
    with pytest.raises(InputError, match=f"There is no x beside the versions of case-1. There is: {NAME}"):
        adopt(case, "x")
    with pytest.raises(InputError, match=r"There is no \.\. beside"):
        adopt(case, "..")
    with pytest.raises(InputError, match="pseudonym"):
        adopt(case, NAME, by="Hans Meier")
    adopt(case, NAME)
    with pytest.raises(InputError, match=f"{NAME} is version 3 of case-1 already"):
        adopt(case, NAME)


def test_the_command_tells_what_lies_beside_and_adopts_it(case: Path, capsys):
    assert main(["review", "adopt", str(case)]) == 0
    told = capsys.readouterr().out
    assert f"{NAME}  annotator-2" in told and "begun from version 1\n1 beside the versions of case-1" in told
    assert main(["review", "adopt", str(case), "nothing"]) == 2
    assert NAME in capsys.readouterr().err
    assert main(["review", "adopt", str(case), NAME, "--by", "annotator-1"]) == 0
    assert f"{NAME} is now version 3 of case-1." in capsys.readouterr().out


def test_it_is_exported_under_a_name_of_its_own(case: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert main(["export", str(case), "--out", str(out), "--csv"]) == 0
    assert main(["export", str(case / "beside" / NAME), "--out", str(out), "--csv", "--html"]) == 0
    (newest,), (other,) = (
        csv.DictReader((out / f"{name}.csv").open(encoding="utf-8")) for name in ("case-1", f"case-1-{NAME}")
    )
    assert (newest["volume_mm3"], other["volume_mm3"]) == ("12.0", "6.0")
    page = (out / f"case-1-{NAME}.html").read_text(encoding="utf-8")
    assert "annotator-2" in page and "beside the others, begun from 1" in page
    assert open_case(case).record.version == 2, "an export changes nothing"


def test_a_list_or_a_folder_is_no_case_to_adopt_from(case: Path, capsys):
    for name in ((), (NAME,)):
        assert main(["review", "adopt", str(case.parent), *name]) == 2
        told = capsys.readouterr().err
        assert "is no corrected case, but holds several" in told and "beside the versions of case-1." in told
    (case.parent / "empty").mkdir()
    assert main(["review", "adopt", str(case.parent / "empty")]) == 2
    assert "empty is no corrected case. Give the folder of one case" in capsys.readouterr().err


def test_a_damaged_record_hides_no_other_and_what_is_adopted_is_marked(case: Path, capsys):
    assert save(case.parent, 2, "annotator-3", based_on=1).conflict
    adopt(case, NAME)
    (case / "beside" / "0001-annotator-3-1" / "review.json").write_text("{")
    assert main(["review", "adopt", str(case)]) == 0
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{NAME}  annotator-2") and first.endswith("begun from version 1  version 3 already")
    assert second.startswith("0001-annotator-3-1") and "cannot be read" in second
    assert last == "2 beside the versions of case-1"


def test_labels_changed_by_another_program_are_told_listed_and_adopted(case: Path, tmp_path: Path, capsys):
    sitk.WriteImage(labels(4), str(case / "labels.nii.gz"), True)
    assert main(["export", str(case), "--out", str(tmp_path / "out"), "--nifti"]) == 0
    assert "kept as case-1/beside/edited-1-labels.nii.gz" in capsys.readouterr().out
    name = "edited-1-labels.nii.gz"
    assert main(["review", "adopt", str(case)]) == 0
    assert f"{name}  labels as another program had changed them" in capsys.readouterr().out
    assert main(["review", "adopt", str(case), name]) == 2
    assert "does not say who changed it. Say it: --by NAME" in capsys.readouterr().err
    assert main(["review", "adopt", str(case), name, "--by", "annotator-3"]) == 0
    opened = open_case(case)
    record = opened.record
    assert (count(opened.labels), record.version, record.annotator, record.based_on) == (4, 3, "annotator-3", 2)
    assert (record.adopted, record.seconds_spent, record.seconds_spent_before) == (name, 0, 15)
    assert record.voxels_changed_since_last["thrombus"] == {"added": 0, "removed": 2}
    assert main(["review", "adopt", str(case), name, "--by", "annotator-3"]) == 2
    assert f"{name} is version 3 of case-1 already" in capsys.readouterr().err


def test_an_old_version_is_exported_under_a_name_of_its_own(case: Path, tmp_path: Path, capsys):
    out = tmp_path / "out"
    assert main(["export", str(case / "versions" / "0001"), "--out", str(out), "--csv", "--html"]) == 0
    (row,) = csv.DictReader((out / "case-1-version-0001.csv").open(encoding="utf-8"))
    assert row["volume_mm3"] == "16.0"
    assert "1, not the newest, which is 2" in (out / "case-1-version-0001.html").read_text(encoding="utf-8")
    assert open_case(case).record.version == 2, "an export changes nothing"
    (case / "versions" / "0001" / "labels.nii.gz").write_bytes(b"")
    assert main(["export", str(case / "versions" / "0001"), "--out", str(out), "--nifti"]) == 2
    assert "The labels of version 1 of case-1 do not match their record" in capsys.readouterr().err
