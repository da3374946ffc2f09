"""Experiments on real images: lesions of a few patients, each left out once, and single slices."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from experiment_settings import BASE, run

from ThrombusSegLib.evaluation.matching import CaseScore
from ThrombusSegLib.evaluation.record import Record
from ThrombusSegLib.experiments.settings import read_experiment


@pytest.mark.parametrize("wrong", ["[30, -10]", "[30, 10]", "[nan]", "[10, inf]", "[0, 10]", "[10, 10]"])
def test_limits_of_sizes_must_rise(tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "left.toml"
    path.write_text(LEFT_OUT.replace("[20]", wrong), encoding="utf-8")
    assert run(path, tmp_path / "out") == 2
    assert "left.toml, line 7: sizes_mm3 is [" in capsys.readouterr().err


LEFT_OUT = """
kind = "leave one patient out"
title = "Real lesions"
source = "Made for a test."
patients = ["p1", "p2", "p3"]
base = "base.toml"
sizes_mm3 = [20]
[sequences]
SWI = "T1"
FLAIR = "FLAIR"
[variants.ours]
"""


@pytest.fixture
def real_data(tmp_path: Path, images: dict[str, Path]) -> Path:
    """Three patients with a lesion of 16 mm3 and one of 384 mm3 each."""
    folder = tmp_path / "data"
    reference = sitk.ReadImage(str(images["SWI"]))
    for number in range(1, 4):
        place = folder / f"p{number}"
        place.mkdir(parents=True)
        for name, source in (("T1", "DWI"), ("FLAIR", "FLAIR")):
            shutil.copyfile(images[source], place / f"p{number}_{name}.nii.gz")
        mask = np.zeros(reference.GetSize()[::-1], np.uint8)
        mask[5:7, 15:19, 10:13], mask[8, 28, 20 + number] = 1, 1
        image = sitk.GetImageFromArray(mask)
        image.CopyInformation(reference)
        sitk.WriteImage(image, str(place / f"p{number}_mask.nii.gz"))
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    (tmp_path / "left.toml").write_text(LEFT_OUT, encoding="utf-8")
    return folder


def test_each_patient_is_judged_by_what_was_trained_on_the_others(tmp_path: Path, real_data: Path) -> None:
    from ThrombusSegLib.training.run import WEIGHTS

    assert run(tmp_path / "left.toml", tmp_path / "out", "--data", str(real_data)) == 0
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(result["patients"]) == ["p1", "p2", "p3"]
    assert all(patient["by_size"] == [1, 1] for patient in result["patients"].values())
    ours = result["variants"]["ours"]
    assert [each["without"] for each in ours["trainings"]] == ["p1", "p2", "p3"]
    assert len({each["sha256"] for each in ours["trainings"]}) == 3
    looks = {name: figures["looks"] for name, figures in ours["subsets"].items()}
    assert looks == {"with FLAIR": 6, "without FLAIR": 3, "T1": 3, "FLAIR": 3, "T1+FLAIR": 3}
    for patient in ("p1", "p2", "p3"):
        manifest = (tmp_path / "out" / "folds" / f"without-{patient}" / "manifest.csv").read_text()
        assert f"{patient},real,test" in manifest and manifest.count(",train,") == 2
        assert (tmp_path / "out" / "runs" / f"ours-1-without-{patient}" / WEIGHTS).exists()
    page = (tmp_path / "out" / "results.md").read_text()
    assert "Real images. Made for a test." in page and "simulated" not in page and str(tmp_path) not in page


def test_lesions_are_counted_by_their_size(tmp_path: Path, real_data: Path) -> None:
    from ThrombusSegLib.evaluation.matching import Pair
    from ThrombusSegLib.experiments.leaving_out import figures_of

    settings = read_experiment(tmp_path / "left.toml")
    pair = Pair(384.0, 300.0, 10.0, 9.0, 1.0)
    looks = [
        Record("k", "p1", "real", "SWI+FLAIR", CaseScore("p1", 2, 1, 1, 0.6, 400.0, 310.0, (pair,))),
        Record("k", "p1", "real", "SWI", CaseScore("p1", 2, 0, 0, 0.0, 400.0, 0.0)),
    ]
    found = figures_of(looks, {"p1": [384.0, 16.0]}, settings)["subsets"]  # type: ignore[arg-type]
    assert found["with FLAIR"]["sensitivity_by_size"] == [0.0, 1.0] and found["with FLAIR"]["lesion_f1"] == 0.5
    assert found["T1"]["lesion_sensitivity"] == 0.0 and found["T1"]["dice"] == 0.0
    assert found["T1+FLAIR"]["by_patient"]["p1"]["false_positives_per_scan"] == 1.0


def test_real_data_that_are_not_there_are_asked_for(
    tmp_path: Path, real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "left.toml", tmp_path / "out") == 2
    assert "Name it with --data." in capsys.readouterr().err
    assert run(tmp_path / "left.toml", tmp_path / "out", "--data", str(tmp_path)) == 2
    assert "p1_T1.nii.gz of patient p1 is not there." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


SLICES = """
kind = "slices"
title = "Real infarcts"
source = "Made for a test."
file = "slices.npz"
base = "base.toml"
weights = "{weights}"
seed = 5
"""


def test_slices_are_judged_before_and_after_fine_tuning_on_others(
    tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(4)
    flair = random.integers(20, 60, (8, 40, 36)).astype(np.uint8)
    masks = np.zeros(flair.shape, bool)
    masks[:6, 10:16, 20:28] = True
    flair[masks] = 120
    packed = np.packbits(masks, axis=-1)
    np.savez(tmp_path / "slices.npz", ids=np.arange(100, 108), flair=flair, mask=packed, mask_width=36)
    weights = Path(os.path.relpath(tiny_weights, tmp_path)).as_posix()
    (tmp_path / "slices.toml").write_text(SLICES.format(weights=weights), encoding="utf-8")
    (tmp_path / "base.toml").write_text(
        BASE.replace("slices = 3", "slices = 1").split("[network]")[0], encoding="utf-8"
    )
    assert run(tmp_path / "slices.toml", tmp_path / "out", "--data", str(tmp_path)) == 0
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    before, after = (result["evaluations"][name] for name in ("as shipped", "fine-tuned"))
    assert before["sha256"] != after["sha256"] and before["all_cases"]["cases"] == after["all_cases"]["cases"] == 4
    tuned, judged = result["data"]["tuned_on"], result["data"]["judged_on"]
    assert tuned["with_infarct"] + judged["with_infarct"] == 6 and result["difference"]["resampled"] == "paired"
    trained_on = {path.name.split("_")[0] for path in (tmp_path / "out" / "cases").glob("*_labels.nii.gz")}
    judged_on = {f"p{score['case']}" for score in before["scores"]}
    assert len(trained_on) == 4 and not trained_on & judged_on
    page = (tmp_path / "out" / "results.md").read_text()
    assert after["sha256"] in page and str(tmp_path) not in page
    assert run(tmp_path / "slices.toml", tmp_path / "out", "--data", str(tmp_path / "out")) == 2
    assert "slices.npz is not there." in capsys.readouterr().err


def test_columns_of_slices_run_to_the_left(tmp_path: Path) -> None:
    from ThrombusSegLib.experiments.slices import halves, read_slices

    masks = np.zeros((1, 4, 10), bool)
    masks[0, 1, 0] = True  # in the file the patient's left is on the left: the last column of an LPS image
    np.savez(
        tmp_path / "one.npz",
        ids=np.array([7]),
        flair=masks.astype(np.uint8),
        mask=np.packbits(masks, axis=-1),
        mask_width=10,
    )
    read = read_slices(tmp_path / "one.npz")
    assert read.masks[0, 1].tolist() == [False] * 9 + [True] and read.mask(0, 2).GetPixel(9, 1, 0) == 2
    one, other = halves(9, 3, 0)
    assert sorted(one + other) == list(range(9)) and len(one) == 4 and set(halves(9, 3, 2)[1]) < set(other)
