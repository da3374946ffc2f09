"""Rows of a manifest that cannot be judged are refused with the name of their case, and not counted as a miss."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow, write_manifest
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.evaluation.record import RECORDS, RecordFile
from ThrombusSegLib.sequences import Sequence


def labels_like(image: Path, path: Path, shift_mm: float = 0.0) -> Path:
    """Labels with a clot on the grid of an image, or so far away from it."""
    reference = sitk.ReadImage(str(image))
    array = np.zeros(reference.GetSize()[::-1], np.uint8)
    array[5:7, 15:19, 10:16] = 1
    labels = sitk.GetImageFromArray(array)
    labels.CopyInformation(reference)
    labels.SetOrigin([each + shift_mm for each in reference.GetOrigin()])
    sitk.WriteImage(labels, str(path))
    return path


@pytest.fixture
def manifest(tmp_path: Path, images: dict[str, Path]) -> Path:
    """Two cases of the same images, of centres whose names a table must not take for its own signs."""
    rows = []
    for name, centre in (("A-77-0001", "Lyon|Sud"), ("A-77-0002", "<b>")):
        folder = tmp_path / name
        folder.mkdir()
        paths = {each: folder / f"{each.value}.nii.gz" for each in (Sequence.SWI, Sequence.DWI)}
        for each, path in paths.items():
            shutil.copyfile(images[each.value], path)
        rows.append(ManifestRow(name, centre, "test", paths, labels_like(images["SWI"], folder / "labels.nii.gz")))
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path / "manifest.csv"


def evaluate(manifest: Path, weights: Path | str, *more: str) -> int:
    out = str(manifest.parent / "out")
    return main(["evaluate", str(manifest), "--weights", str(weights), "--out", out, "--device", "cpu", *more])


def test_labels_away_from_the_images_are_refused(
    manifest: Path, images: dict[str, Path], tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = manifest.parent / "A-77-0002" / "labels.nii.gz"
    labels_like(images["SWI"], second, shift_mm=500.0)
    assert evaluate(manifest, tiny_weights) == 2
    expected = "Case A-77-0002: The labels labels.nii.gz overlap none of the case's images in space. Check that"
    assert expected in capsys.readouterr().err
    sitk.WriteImage(sitk.ReadImage(str(second))[:, :, 5], str(second))
    assert evaluate(manifest, tiny_weights) == 2
    assert "Case A-77-0002: The labels labels.nii.gz have two axes only. Give labels" in capsys.readouterr().err


def test_labels_that_lost_their_geometry_are_refused_and_not_counted_as_a_miss(
    manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = manifest.parent / "A-77-0002" / "labels.nii.gz"
    bare = sitk.GetImageFromArray(sitk.GetArrayFromImage(sitk.ReadImage(str(second))))
    sitk.WriteImage(bare, str(second))
    assert evaluate(manifest, tiny_weights) == 2
    expected = (
        "Case A-77-0002: The labels labels.nii.gz have the voxels of SWI, and no geometry (spacing 1 mm, origin 0)"
    )
    assert expected in capsys.readouterr().err


def test_labels_may_lie_on_a_sequence_that_is_not_shown(manifest: Path, images: dict[str, Path]) -> None:
    from ThrombusSegLib.case import read_manifest
    from ThrombusSegLib.evaluation.rows import read_row

    row = read_manifest(manifest)[0]
    lower, upper = (sitk.ReadImage(str(images["SWI"]))[:, :, cut] for cut in (slice(0, 8), slice(7, 12)))
    sitk.WriteImage(upper, str(row.paths[Sequence.SWI]))
    sitk.WriteImage(lower, str(row.paths[Sequence.DWI]))
    assert row.labels is not None
    sitk.WriteImage(sitk.ReadImage(str(row.labels))[:, :, 0:5], str(row.labels))
    assert read_row(row, [Sequence.SWI]).labels is not None


def test_all_files_are_looked_for_before_the_first_look(
    manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (manifest.parent / "A-77-0002" / "DWI.nii.gz").unlink()
    assert evaluate(manifest, tiny_weights) == 2
    told = capsys.readouterr().err
    assert "Case A-77-0002: DWI (DWI.nii.gz) does not exist. Check the manifest's column 'DWI'." in told
    assert not (manifest.parent / "out" / RECORDS).exists() and str(manifest.parent) not in told


def test_a_case_that_cannot_be_read_is_named(
    manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (manifest.parent / "A-77-0001" / "SWI.nii.gz").write_bytes(b"no image")
    assert evaluate(manifest, tiny_weights) == 2
    assert "Case A-77-0001: SWI.nii.gz cannot be read" in capsys.readouterr().err


def test_a_line_that_was_cut_off_does_not_swallow_the_next(manifest: Path, tiny_weights: Path) -> None:
    assert evaluate(manifest, tiny_weights) == 0
    records = manifest.parent / "out" / RECORDS
    whole = records.read_bytes()
    first, second = whole.splitlines()
    records.write_bytes(first + b"\n" + second[:100])
    assert len(RecordFile(records.parent).known) == 1
    assert evaluate(manifest, tiny_weights) == 0
    assert len(RecordFile(records.parent).known) == 2
    assert [line for line in records.read_bytes().splitlines() if line == first] == [first]
    assert json.loads(records.read_bytes().splitlines()[-1])["case"] == "A-77-0002"


def test_names_of_centres_do_not_break_the_table(
    manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(manifest, tiny_weights) == 0
    page = (manifest.parent / "out" / "metrics.md").read_text(encoding="utf-8")
    assert "| Lyon\\|Sud | 1 |" in page and "| &lt;b> | 1 |" in page
    assert capsys.readouterr().out.strip() == page.strip()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--threshold", "nan"), "The threshold is nan. Choose a number above 0 and at most 1."),
        (("--minimum-volume", "-3"), "The minimum volume is -3.0 mm3. Choose 0 or more."),
        (("--split", "no"), "manifest.csv has no rows of split 'no'. It has 'test'."),
    ],
)
def test_options_are_checked_before_the_weights_are_read(
    manifest: Path, more: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(manifest, "no-such-weights", *more) == 2
    assert expected in capsys.readouterr().err


def test_an_output_that_is_a_file_and_an_empty_manifest_are_told(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (manifest.parent / "out").write_text("")
    assert evaluate(manifest, "no-such-weights") == 2
    assert "The output out is a file. Choose a folder." in capsys.readouterr().err
    manifest.write_text(manifest.read_text().splitlines()[0] + "\n")
    assert evaluate(manifest, "no-such-weights") == 2
    assert "manifest.csv has no rows. Add one for each case." in capsys.readouterr().err


def test_a_device_that_is_not_there_is_told_once(
    manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert evaluate(manifest, tiny_weights, "--device", "cuda") == 0
    assert capsys.readouterr().err.count("Note: The device cuda is not there; the processor (cpu) did the work.") == 1
    settings = manifest.parent / "own.toml"
    settings.write_text(
        f'kind = "evaluation"\ntitle = "Own"\nweights = "{tiny_weights.as_posix()}"\n'
        '[cohorts.own]\ncohort = "manifest.csv"\n[evaluations.own]\ncohort = "own"\n',
        encoding="utf-8",
    )
    assert main(["experiment", str(settings), "--out", str(manifest.parent / "more"), "--device", "cuda"]) == 0
    told = capsys.readouterr()
    assert told.err.count("Note: The device cuda is not there") == 1 and "| Lyon\\|Sud | 1 |" in told.out


def test_figures_that_cannot_be_written_are_a_sentence_and_nothing_half_is_left(
    manifest: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = manifest.parent / "out"
    (out / "metrics.md").mkdir(parents=True)
    assert evaluate(manifest, tiny_weights) == 3
    assert "metrics.md cannot be written" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == {"metrics.json", "metrics.md", RECORDS}
