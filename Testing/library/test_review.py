"""Lists of work, claims, agreement, a proposal from a click, the simulated annotator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow, read_manifest, write_manifest
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.review import (
    ReviewRecord,
    WorkList,
    claim,
    claim_of,
    compare_readers,
    compare_with_prediction,
    make_list,
    open_case,
    propose,
    propose_at,
    release,
    save_case,
)
from ThrombusSegLib.review.annotator import correct, save_corrected
from ThrombusSegLib.sequences import Sequence

SHAPE = (6, 24, 30)


def image(array: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing((1.0, 1.0, 2.0))
    return made


def labels(*places: tuple[int, int, int, int], infarct: bool = False) -> sitk.Image:
    """uint8; each place (slice, row, first column, length) a bar of thrombus."""
    array = np.zeros(SHAPE, np.uint8)
    for z, y, x, length in places:
        array[z, y, x : x + length] = 1
    if infarct:
        array[4, 15:20, 15:25] = 2
    return image(array)


def scan() -> sitk.Image:
    return image(np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32))


def save(folder: Path, case: str, marked: sitk.Image, annotator: str = "annotator-1", **values):
    record = ReviewRecord(case=case, annotator=annotator, reference=Sequence.SWI, used=(Sequence.SWI,), **values)
    return save_case(folder, record, marked, {Sequence.SWI: scan()}, predicted=labels((2, 10, 4, 4)))


@pytest.fixture
def work(tmp_path: Path) -> WorkList:
    """Three cases, of patients whose names must not appear."""
    rows = []
    for name in ("Meier", "Schmidt", "Weber"):
        path = tmp_path / "scans" / name / "swi.nii.gz"
        path.parent.mkdir(parents=True)
        sitk.WriteImage(scan(), str(path))
        rows.append(ManifestRow(name, "C", "", {Sequence.SWI: path}, None))
    return make_list(tmp_path / "list", rows)


def test_a_list_has_pseudonyms_and_a_status_that_comes_from_the_folder(work: WorkList):
    assert [(each.case, each.status) for each in work.items()] == [(f"case-00{n}", "new") for n in (1, 2, 3)]
    result = work.result_of("case-001")
    result.mkdir(parents=True)
    (result / "result.json").write_text("{}")
    assert work.items()[0].status == "predicted"
    claim(work.claims, "case-001", "annotator-1")
    assert (work.items()[0].status, work.items()[0].open_by) == ("in review", "annotator-1")
    release(work.claims, "case-001", "annotator-1")
    save(work.saved, "case-001", labels((2, 10, 4, 8)), status="in review", seconds_spent=5)
    assert work.items()[0].status == "in review"
    save(work.saved, "case-001", labels((2, 10, 4, 8)), based_on=1, seconds_spent=7)
    (item,) = work.items("corrected")
    assert (item.case, item.annotator, item.version, item.seconds_spent) == ("case-001", "annotator-1", 2, 12)
    again = WorkList(work.folder)  # a restart
    assert again.progress() == {
        "new": 2, "predicted": 0, "in review": 0, "corrected": 1, "checked": 0, "unreadable": 0, "all": 3, "done": 1,
    }  # fmt: skip
    assert [each.case for each in again.items(text="003")] == ["case-003"]
    assert [each.case for each in again.items(text="c")] == ["case-001", "case-002", "case-003"]


def test_the_next_one_is_after_this_one_and_nobody_elses(work: WorkList):
    def following(**where) -> str:
        item = work.next_unreviewed(**where)
        return item.case if item else ""

    assert following() == "case-001"
    assert following(after="case-001") == "case-002"
    claim(work.claims, "case-002", "annotator-2")
    assert following(after="case-001", annotator="annotator-1") == "case-003"
    assert following(after="case-001", annotator="annotator-2") == "case-002"
    assert following(after="case-003") == "case-001"
    for name in ("case-001", "case-002", "case-003"):
        save(work.saved, name, labels())
    release(work.claims, "case-002", "annotator-2")
    assert work.next_unreviewed() is None


def test_a_claim_holds_until_it_is_given_back_or_void(tmp_path: Path):
    assert claim(tmp_path, "case-1", "a").annotator == "a"
    other = claim(tmp_path, "case-1", "b")
    assert other.annotator == "a"
    assert other.sentence.startswith("a has case-1 open since ")
    release(tmp_path, "case-1", "b")
    assert claim_of(tmp_path, "case-1") is not None
    os.utime(tmp_path / "case-1.json", (time.time() - 9 * 3600,) * 2)
    assert claim_of(tmp_path, "case-1") is None
    assert claim(tmp_path, "case-1", "b").annotator == "b"


def test_a_list_grows_and_known_cases_keep_their_names(work: WorkList, tmp_path: Path):
    rows = read_manifest(work.folder / "cases.csv")
    path = tmp_path / "scans" / "Anton" / "swi.nii.gz"
    path.parent.mkdir()
    sitk.WriteImage(scan(), str(path))
    grown = make_list(work.folder, [ManifestRow("new", "", "", {Sequence.SWI: path}, None), *rows])
    assert [each.case for each in grown.items()] == ["case-001", "case-002", "case-003", "case-004"]
    kept = make_list(tmp_path / "kept", rows[:1], pseudonymous=False)
    assert kept.items()[0].case == "case-001"
    with pytest.raises(InputError, match="no work list"):
        WorkList(tmp_path / "scans")


def test_a_second_reader_sees_nothing_of_the_first_and_agreement_is_shown_at_the_end(work: WorkList, capsys):
    second = WorkList(work.folder, second_reader="annotator-2")
    save(work.saved, "case-001", labels((2, 10, 4, 8)))
    assert second.items()[0].status == "new"
    save(second.saved, "case-001", labels((2, 10, 6, 8)), "annotator-2")
    assert work.items()[0].status == "checked"
    save(work.saved, "case-002", labels((2, 10, 4, 8), (4, 3, 3, 5)))
    save(second.saved, "case-002", labels((2, 10, 4, 8)), "annotator-2")
    save(work.saved, "case-003", labels())
    save(second.saved, "case-003", labels(), "annotator-2")
    found = compare_readers(work.saved, second.saved)
    assert (found.cases, found.lesions_first, found.lesions_second, found.lesions_both) == (3, 3, 2, 2)
    assert found.detection == pytest.approx(2 * 2 / 5)
    assert found.dice["value"] == pytest.approx((0.75 + 16 / 21) / 2, abs=1e-3)
    assert found.presence == 1.0
    assert main(["review", "agreement", str(work.folder), "--second", "annotator-2"]) == 0
    assert "3 cases in common" in capsys.readouterr().out
    with pytest.raises(InputError, match="no case"):
        compare_readers(work.saved, work.folder / "nowhere")


def test_a_second_reading_by_who_saved_the_first_is_refused(work: WorkList, capsys):
    second = WorkList(work.folder, second_reader="Annotator-1")
    save(work.saved, "case-001", labels((2, 10, 4, 8)))
    save(work.saved, "case-001", labels((2, 10, 4, 8)), "annotator-3", based_on=1)
    said = "has saved the first reading of case-001, and a second reading must be another person's"
    for refused in (
        lambda: second.claim("case-001", "Annotator-1"),
        lambda: save(second.saved, "case-001", labels(), "annotator-1"),
        lambda: save(WorkList(work.folder, "annotator-2").saved, "case-001", labels(), "annotator-1"),
    ):
        with pytest.raises(InputError, match=said):
            refused()
    assert not second.saved.exists()
    assert second.next_unreviewed().case == "case-002", "what they read first is passed over"
    assert main(["review", "status", str(work.folder), "--second", "annotator-1"]) == 0
    told = capsys.readouterr().out
    assert "Next: case-002" in told and f"annotator-1 {said}" in told
    other = WorkList(work.folder, second_reader="annotator-2")
    assert other.claim("case-001", "annotator-2").annotator == "annotator-2"
    assert save(other.saved, "case-001", labels(), "annotator-2").record.version == 1
    assert work.claim("case-001", "annotator-1").annotator == "annotator-1", "a first reading is anybody's"


def test_two_readings_of_a_list_by_one_person_are_not_compared(work: WorkList, tmp_path: Path, capsys):
    second = WorkList(work.folder, second_reader="annotator-2")
    save(second.saved, "case-001", labels((2, 10, 4, 8)), "annotator-2")
    save(work.saved, "case-001", labels((2, 10, 4, 8)), "annotator-2")
    assert work.items()[0].status == "corrected", "nobody else has read it"
    assert main(["review", "agreement", str(work.folder), "--second", "annotator-2"]) == 2
    assert "annotator-2 has saved both readings of case-001" in capsys.readouterr().err
    save(tmp_path / "again", "case-001", labels((2, 10, 4, 8)), "annotator-2")
    assert compare_readers(work.saved, tmp_path / "again").cases == 1, "two plain folders may be one person's"


def test_what_cannot_be_compared_is_told_with_what_can(work: WorkList, capsys):
    place = str(work.folder)
    save(work.saved, "case-001", labels((2, 10, 5, 8)))
    assert main(["review", "agreement", place, "--second", "annotator-9"]) == 2
    told = capsys.readouterr().err
    assert f"annotator-9 has no reading in {work.folder.name}. Nobody has saved a second reading yet." in told
    save(WorkList(work.folder, "annotator-2").saved, "case-001", labels((2, 10, 5, 8)), "annotator-2")
    assert main(["review", "agreement", place, "--second", "annotator-9"]) == 2
    assert "There are readings by annotator-2." in capsys.readouterr().err
    assert main(["review", "agreement", place, "--second", "annotator-2"]) == 0
    assert main(["review", "compare", place]) == 2
    name = work.folder.name
    assert f"is a list of work, no folder of corrected cases. Give {name}/corrected, or" in capsys.readouterr().err


def test_corrected_is_compared_with_predicted(work: WorkList):
    save(work.saved, "case-001", labels((2, 10, 4, 8), (4, 3, 3, 5)))
    found = compare_with_prediction(work.saved)
    assert (found.lesions_first, found.lesions_second, found.lesions_both) == (2, 1, 1)


def test_the_command_makes_a_list_and_tells_its_state(tmp_path: Path, capsys):
    for name in ("Meier", "Weber"):
        (tmp_path / "study" / name).mkdir(parents=True)
        sitk.WriteImage(scan(), str(tmp_path / "study" / name / "swi.nii.gz"))
    place = str(tmp_path / "list")
    assert main(["review", "new", place, "--from", str(tmp_path / "study")]) == 0
    assert "2 cases" in capsys.readouterr().out
    assert main(["review", "status", place]) == 0
    assert "0 of 2 done\n2 new, 0 predicted" in capsys.readouterr().out
    assert main(["review", "list", place, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["case"] for each in listed] == ["case-001", "case-002"]
    assert main(["review", "list", place, "--status", "checked"]) == 0
    assert "0 cases" in capsys.readouterr().out
    assert main(["review", "list", str(tmp_path / "nowhere")]) == 2


def test_names_of_folders_are_kept_when_asked_for(tmp_path: Path, capsys):
    for name in ("sub-a", "sub-b"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        sitk.WriteImage(scan(), str(tmp_path / "scans" / name / "swi.nii.gz"))
    new = ["review", "new", "--from", str(tmp_path / "scans")]
    assert main([*new, str(tmp_path / "numbered")]) == 0
    assert [item.case for item in WorkList(tmp_path / "numbered").items()] == ["case-001", "case-002"]
    assert main([*new, str(tmp_path / "named"), "--keep-names"]) == 0
    assert [item.case for item in WorkList(tmp_path / "named").items()] == ["sub-a", "sub-b"]
    (tmp_path / "scans" / "sub-b").rename(tmp_path / "scans" / "Doe John")
    capsys.readouterr()
    assert main([*new, str(tmp_path / "third"), "--keep-names"]) == 2
    told = capsys.readouterr().err
    assert "The folder 'Doe John' is no pseudonym." in told and "Rename the folder" in told
    assert not (tmp_path / "third").exists()


def faint_clot() -> tuple[sitk.Image, np.ndarray]:
    """Probability of a clot the threshold missed, 0.3 inside, and where it is."""
    z, y, x = np.mgrid[0:40, 0:200, 0:180]
    inside = (np.abs(z - 20) <= 1) & (np.abs(y - 100) <= 1) & (np.abs(x - 90) <= 8)
    values = np.where(inside, 0.3, 0.01).astype(np.float32)
    probability = sitk.GetImageFromArray(values)
    probability.SetSpacing((0.9, 0.9, 2.0))
    probability.SetOrigin((-80.0, -90.0, -40.0))
    return probability, inside


def test_a_click_beside_a_missed_clot_proposes_it_in_less_than_a_tenth_of_a_second():
    probability, inside = faint_clot()
    propose(probability, (88, 102, 20))  # the first call loads what it needs
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        found = propose(probability, (88, 102, 20))
        seconds.append(time.perf_counter() - start)
    assert np.array_equal(sitk.GetArrayFromImage(found.mask).astype(bool), inside)
    assert found.from_map and found.peak == pytest.approx(0.3)
    assert min(seconds) < 0.1
    left, posterior, superior = probability.TransformIndexToPhysicalPoint((88, 102, 20))
    same = propose_at(probability, (-left, -posterior, superior))
    assert np.array_equal(sitk.GetArrayFromImage(same.mask), sitk.GetArrayFromImage(found.mask))


def test_where_the_map_knows_nothing_a_ball_is_proposed():
    probability, _ = faint_clot()
    found = propose(probability, (10, 10, 5))
    assert not found.from_map
    assert found.threshold is None
    assert found.volume_mm3 == pytest.approx(4 / 3 * np.pi * 2.0**3, rel=0.4)


def test_a_proposal_is_never_larger_than_a_clot_can_be():
    values = np.linspace(0.2, 0.9, 60 * 60 * 60, dtype=np.float32).reshape(60, 60, 60)
    found = propose(sitk.GetImageFromArray(values), (30, 30, 30))
    assert 0 < found.volume_mm3 <= 1000.0
    with pytest.raises(InputError, match="outside"):
        propose(sitk.GetImageFromArray(values), (60, 0, 0))


def test_the_simulated_annotator_takes_errors_away_one_by_one():
    truth = labels((2, 10, 4, 8), (0, 20, 2, 6), infarct=True)
    predicted = labels((2, 10, 6, 9), (3, 3, 20, 5), (5, 5, 5, 1))
    session = correct(predicted, truth)
    assert [each.kind for each in session.corrections] == ["reject", "reject", "reshape", "add", "infarct"]
    assert [each.voxels for each in session.corrections] == [5, 1, 5, 6, 50]
    assert np.array_equal(sitk.GetArrayFromImage(session.labels), sitk.GetArrayFromImage(truth))
    wrong = [
        int((sitk.GetArrayFromImage(each.labels) != sitk.GetArrayFromImage(truth)).sum())
        for each in session.corrections
    ]
    assert wrong == sorted(wrong, reverse=True) and wrong[-1] == 0
    assert [each.decision for each in session.candidates] == ["accepted", "rejected", "rejected", "added"]
    hurried = correct(predicted, truth, at_most=2)
    assert len(hurried.corrections) == 2
    nothing = correct(truth, truth)
    assert nothing.corrections == ()


def test_simulated_corrections_are_saved_like_any_other(tmp_path: Path):
    truth, predicted = labels((2, 10, 4, 8)), labels((2, 10, 4, 4))
    saved, _ = save_corrected(
        tmp_path, "C-1", predicted, truth, {Sequence.SWI: scan()}, reference=Sequence.SWI, about={"centre": "C"}
    )
    opened = open_case(tmp_path / "C-1")
    assert opened.record == saved.record
    assert (opened.record.centre, opened.record.annotator) == ("C", "simulated")
    assert opened.record.voxels_changed["thrombus"] == {"added": 4, "removed": 0}


def test_the_command_simulates_corrections_that_training_can_read(tmp_path, images, tiny_weights, finds_a_clot, capsys):
    marked = np.zeros((12, 40, 36), np.uint8)
    marked[6, 20:23, 9:15] = 1
    truth = sitk.GetImageFromArray(marked)
    truth.CopyInformation(sitk.ReadImage(str(images["SWI"])))
    sitk.WriteImage(truth, str(tmp_path / "labels.nii.gz"))
    paths = {Sequence(name): path for name, path in images.items()}
    row = ManifestRow("C-1", "C", "test", paths, tmp_path / "labels.nii.gz")
    write_manifest(tmp_path / "manifest.csv", [row])
    out = tmp_path / "corrected"
    command = ["review", "simulate", str(tmp_path / "manifest.csv"), "--out", str(out), "--weights", str(tiny_weights)]
    assert main([*command, "--centre", "C"]) == 0
    assert "1 cases saved" in capsys.readouterr().out
    opened = open_case(out / "C-1")
    assert np.array_equal(sitk.GetArrayFromImage(opened.labels), marked)
    assert opened.predicted is not None
    assert opened.record.model == "tiny"
    (read,) = read_manifest(out)
    assert (read.split, read.paths[Sequence.SWI].resolve()) == ("train", images["SWI"].resolve())
    assert main([*command, "--centre", "X"]) == 2


def test_the_review_package_comes_without_torch():
    code = "import sys; sys.modules['torch'] = None; import ThrombusSegLib.review, ThrombusSegLib.review.annotator"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
