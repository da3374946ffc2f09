"""Corrected cases: whole or not at all, all versions kept, nobody overwritten, a training set as they lie."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import read_case, read_labels, read_manifest
from ThrombusSegLib.errors import InputError, MachineError
from ThrombusSegLib.review import CandidateReview, ReviewRecord, open_case, open_version, pseudonym_of, save_case
from ThrombusSegLib.review.store import newest_version
from ThrombusSegLib.sequences import Sequence

SHAPE = (6, 20, 24)


def image(seed: int = 0, name: str = "") -> sitk.Image:
    values = np.random.default_rng(seed).normal(100, 20, SHAPE).astype(np.float32)
    made = sitk.GetImageFromArray(values)
    made.SetSpacing((0.9, 0.9, 4.0))
    made.SetOrigin((-10.0, 5.0, 3.0))
    if name:
        made.SetMetaData("descrip", name)
        made.SetMetaData("0020|0052", "1.2.3.4")
    return made


def labels(voxels: int = 8, value: int = 1) -> sitk.Image:
    array = np.zeros(SHAPE, np.uint8)
    array[2, 10, 4 : 4 + voxels] = value
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(image())
    return made


def record(**values) -> ReviewRecord:
    given = {"case": "case-01", "annotator": "annotator-1", "reference": Sequence.SWI, "used": (Sequence.SWI,)}
    return ReviewRecord(**{**given, **values})


def save(folder: Path, voxels: int = 8, **values):
    return save_case(folder, record(**values), labels(voxels), {Sequence.SWI: image()}, predicted=labels(5))


def test_a_case_is_saved_with_everything_and_opens_again(tmp_path: Path):
    reviews = (CandidateReview(1, "accepted", {"volume_mm3": 25.9}), CandidateReview(2, "rejected"))
    given = record(candidates=reviews, seconds_spent=12.5, model="phantom-2", model_sha256="ab", threshold=0.4)
    images = {Sequence.SWI: image(1), Sequence.DWI: image(2)}
    saved = save_case(
        tmp_path, replace(given, used=(Sequence.SWI, Sequence.DWI)), labels(8), images, predicted=labels(5)
    )
    assert (saved.conflict, saved.record.version) == ("", 1)
    opened = open_case(tmp_path / "case-01")
    assert opened.record == saved.record
    assert opened.record.candidates == reviews
    assert opened.record.voxels_changed["thrombus"] == {"added": 3, "removed": 0}
    assert np.array_equal(sitk.GetArrayFromImage(opened.labels), sitk.GetArrayFromImage(labels(8)))
    content = json.loads((tmp_path / "case-01" / "review.json").read_text())
    assert content["schema"] == 1
    assert content["absent"] == ["ADC", "FLAIR", "TOF"]
    assert content["labels"] == {"1": "thrombus", "2": "infarct"}


def test_every_version_is_kept_and_changes_are_counted_against_prediction_and_last(tmp_path: Path):
    save(tmp_path, 8, seconds_spent=10)
    second = save(tmp_path, 6, based_on=1, seconds_spent=5)
    assert second.record.version == 2
    assert second.record.voxels_changed["thrombus"] == {"added": 1, "removed": 0}
    assert second.record.voxels_changed_since_last["thrombus"] == {"added": 0, "removed": 2}
    assert second.record.seconds_spent_before == 10
    first, before = open_version(tmp_path / "case-01", 1)
    assert first.version == 1
    assert int(sitk.GetArrayFromImage(before).sum()) == 8
    assert int(sitk.GetArrayFromImage(open_case(tmp_path / "case-01").labels).sum()) == 6


def test_a_second_writer_gets_a_sentence_and_a_place_beside(tmp_path: Path):
    save(tmp_path)
    save(tmp_path, 6, based_on=1, annotator="annotator-1")
    late = save(tmp_path, 3, based_on=1, annotator="annotator-2")
    assert "annotator-1 saved version 2" in late.conflict
    assert int(sitk.GetArrayFromImage(read_labels(late.folder / "labels.nii.gz")).sum()) == 3
    assert int(sitk.GetArrayFromImage(open_case(tmp_path / "case-01").labels).sum()) == 6
    again = save(tmp_path, 2, based_on=1, annotator="annotator-2")
    assert again.folder != late.folder
    fresh = save(tmp_path, 4, annotator="annotator-3")  # a whole new case of a name that is taken
    assert fresh.conflict


def _race(folder: str, number: int) -> None:
    save(Path(folder), 2 + number, based_on=1, annotator=f"annotator-{number}")


def test_the_same_annotator_who_begins_again_from_the_images_goes_on(tmp_path: Path):
    """As after a crash, or a second segmentation of a case that was saved: nobody else's work is in the way."""
    first = save(tmp_path, annotator="reader-1")
    again = save(tmp_path, 6, annotator="reader-1", based_on=0)
    assert (first.record.version, again.record.version, again.conflict) == (1, 2, "")
    other = save(tmp_path, 7, annotator="reader-2", based_on=0)
    assert other.conflict and other.record.version == 0


def test_an_unwritable_folder_is_the_machines_fault(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MachineError, match="cannot be written"):
        save(tmp_path / "file")


def test_of_many_who_save_at_once_one_wins_and_all_are_kept(tmp_path: Path):
    save(tmp_path)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_race, args=(str(tmp_path), number)) for number in range(1, 7)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    case = tmp_path / "case-01"
    assert newest_version(case) == 2
    kept = [
        open_case(case).record.annotator,
        *(each.name.split("-", 1)[1][:-2] for each in (case / "beside").iterdir()),
    ]
    assert sorted(kept) == [f"annotator-{number}" for number in range(1, 7)]


def _other_case(folder: str, number: int) -> None:
    save(Path(folder), case=f"case-{number:02d}")


def test_the_manifest_knows_all_cases_however_many_save_at_once(tmp_path: Path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_other_case, args=(str(tmp_path), number)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    assert [row.case for row in read_manifest(tmp_path / "manifest.csv")] == [f"case-{n:02d}" for n in range(8)]
    assert sorted(each.name for each in tmp_path.iterdir() if each.name.startswith(".")) == []


_SAVE_FOREVER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_review_store import save
print("ready", flush=True)
number = 0
while True:
    save(Path(sys.argv[1]), 1 + number % 9, based_on=number)
    number += 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_kill_at_any_moment_loses_nothing_that_was_saved(tmp_path: Path):
    seen = 0
    for round_ in range(6):
        folder = tmp_path / str(round_)
        command = [sys.executable, "-c", _SAVE_FOREVER, str(folder), str(Path(__file__).parent)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"})
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.15 + 0.07 * round_)
        child.send_signal(signal.SIGKILL)
        child.wait(60)
        case = folder / "case-01"
        if not case.exists():
            continue
        newest = newest_version(case)
        seen += newest
        opened = open_case(case)  # also puts right what was half done
        assert opened.record.version == newest >= 1
        for number in range(1, newest + 1):
            _, each = open_version(case, number)
            assert int(sitk.GetArrayFromImage(each).sum()) == 1 + (number - 1) % 9
        assert (case / "labels.nii.gz").read_bytes() == (
            case / "versions" / f"{newest:04d}" / "labels.nii.gz"
        ).read_bytes()
        assert save(folder, 4, based_on=newest).conflict == ""
    assert seen > 0


def test_the_folder_is_a_manifest_that_training_and_evaluation_read(tmp_path: Path):
    save(tmp_path, centre="C")
    save(tmp_path, case="case-02", status="in review")
    for place in (tmp_path / "manifest.csv", tmp_path):
        (row,) = read_manifest(place)
        assert (row.case, row.centre, row.split) == ("case-01", "C", "train")
        case = read_case(row.paths, labels=row.labels)
        assert case.labels is not None
        assert int(sitk.GetArrayFromImage(case.labels).sum()) == 8


def test_training_prepares_a_corrected_case_without_conversion(tmp_path: Path):
    pytest.importorskip("scipy")
    from ThrombusSegLib.training.cases import load_cases

    save(tmp_path / "corrected")
    (case,) = load_cases(read_manifest(tmp_path / "corrected"), tmp_path / "cache")
    assert len(case.thrombus) > 0


def test_nothing_of_a_patient_or_a_file_name_is_in_any_file(tmp_path: Path):
    save_case(tmp_path, record(), labels(), {Sequence.SWI: image(1, name="MUELLER^HANS")})
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"MUELLER" not in path.read_bytes()
            assert str(tmp_path).encode() not in path.read_bytes()
    read = sitk.ImageFileReader()
    read.SetFileName(str(tmp_path / "case-01" / "SWI.nii.gz"))
    read.ReadImageInformation()
    assert read.GetMetaData("descrip").strip() == ""
    for name in ("Hans Müller", "a/b", "", "x" * 40):
        with pytest.raises(InputError, match="pseudonym"):
            record(annotator=name)


def test_images_can_be_referred_to_instead_of_copied(tmp_path: Path):
    (tmp_path / "scans").mkdir()
    sitk.WriteImage(image(), str(tmp_path / "scans" / "SWI.nii.gz"))
    save_case(tmp_path / "corrected", record(), labels(), {Sequence.SWI: tmp_path / "scans" / "SWI.nii.gz"})
    assert not (tmp_path / "corrected" / "case-01" / "SWI.nii.gz").exists()
    (row,) = read_manifest(tmp_path / "corrected")
    assert row.paths[Sequence.SWI].resolve() == (tmp_path / "scans" / "SWI.nii.gz").resolve()
    assert open_case(tmp_path / "corrected" / "case-01").images[Sequence.SWI].exists()


def test_wrong_labels_are_refused_and_nothing_is_left(tmp_path: Path):
    shifted = labels()
    shifted.SetOrigin((0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="grid of SWI"):
        save_case(tmp_path, record(), shifted, {Sequence.SWI: image()})
    with pytest.raises(InputError, match="other values"):
        save_case(tmp_path, record(), labels(value=3), {Sequence.SWI: image()})
    assert list(tmp_path.iterdir()) == []


def test_pseudonyms_come_from_voxels_and_not_from_headers():
    assert pseudonym_of(image(1)) == pseudonym_of(image(1, name="SOMEBODY"))
    assert pseudonym_of(image(1)) != pseudonym_of(image(2))


def test_a_later_format_and_damage_are_said(tmp_path: Path):
    save(tmp_path)
    path = tmp_path / "case-01" / "versions" / "0001" / "review.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 9'))
    with pytest.raises(InputError, match="later version"):
        open_case(tmp_path / "case-01")
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        open_case(tmp_path / "case-01")


def test_what_another_program_writes_over_the_labels_is_kept_and_the_versions_are_not_touched(tmp_path: Path):
    save(tmp_path)
    case = tmp_path / "case-01"
    sitk.WriteImage(labels(3), str(case / "labels.nii.gz"), True)
    assert int(sitk.GetArrayFromImage(open_case(case).labels).sum()) == 8
    assert int(sitk.GetArrayFromImage(read_labels(case / "labels.nii.gz")).sum()) == 8
    assert int(sitk.GetArrayFromImage(read_labels(case / "beside" / "edited-1-labels.nii.gz")).sum()) == 3
