"""Experiments of kind "training comparison": variants of one training, judged on the same cases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from experiment_settings import BASE, run

from ThrombusSegLib.experiments.settings import read_experiment

TRAINING = """
kind = "training comparison"
title = "Parts"
base = "base.toml"
training = "train"
reference = "ours"
{more}
[variants.ours]
[variants."early fusion"]
network = {{fusion = "channels"}}
[variants."U-Net 2D"]
baseline = {{kind = "unet_2d", widths = [4, 4, 4, 4, 4]}}
dropout = {{kind = "constant"}}
[cohorts.train]
cases = 2
seed = 1
split = "train"
[cohorts.test]
cases = 2
clot_free = 1
seed = 2
[evaluations.home]
cohort = "test"
"""


@pytest.fixture
def comparison(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    path = tmp_path / "parts.toml"
    path.write_text(TRAINING.format(more="seeds = [3, 4]"), encoding="utf-8")
    return path


def test_variants_are_trained_judged_and_compared(
    tmp_path: Path, comparison: Path, quick_simulator: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ThrombusSegLib.experiments import training

    begun: list[str] = []
    real = training.run_training

    def stopped_once(settings: object, folder: Path, out: Path, **more: object) -> Path:
        begun.append(out.name)
        if len(begun) == 4:
            raise KeyboardInterrupt
        return real(settings, folder, out, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "run_training", stopped_once)
    assert run(comparison, tmp_path / "out") == 130 and not (tmp_path / "out" / "results.json").exists()
    assert run(comparison, tmp_path / "out") == 0
    names = ["ours-3", "ours-4", "early-fusion-3", "early-fusion-4", "early-fusion-4", "U-Net-2D-3", "U-Net-2D-4"]
    assert begun == names and len(quick_simulator) == 2
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    page = (tmp_path / "out" / "results.md").read_text()
    trainings = [each for found in result["variants"].values() for each in found["trainings"]]
    assert len({each["sha256"] for each in trainings}) == 6 and all(each["sha256"] in page for each in trainings)
    assert [each["seed"] for each in trainings] == [3, 4] * 3 and {each["steps"] for each in trainings} == {3}
    assert result["variants"]["ours"]["evaluations"]["home"]["all_cases"]["cases"] == 4
    pairs = result["comparisons"]
    assert [(pair["first"], pair["resampled"]) for pair in pairs] == [
        ("early fusion", "paired"),
        ("U-Net 2D", "paired"),
    ]
    assert "simulated cases of centre A (seed 2)" in page and str(tmp_path) not in page
    assert sorted(path.name for path in (tmp_path / "out" / "runs" / "prepared").glob("*.facts.npz"))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('reference = "ours"', 'reference = "theirs"', "reference is 'theirs'. Known: ours, early fusion, U-Net 2D."),
        ('fusion = "channels"', 'fusion = "late"', "Variant early fusion: network.fusion: fusion is 'late'."),
        ('network = {fusion = "channels"}', "steps = 9", "The variants differ in steps."),
        ("dropout = {kind", "dropped = {kind", "Variant U-Net 2D: There is no setting 'dropped'."),
        ('training = "train"', 'training = "trian"', "training is 'trian'. Known: train, test."),
        ("seeds = [3, 4]", "seeds = [3, 3]", "parts.toml, line 7: seeds names 3 twice. Name each once."),
        ("U-Net 2D", "OURS", "The names of the variants 'ours' and 'OURS' differ in upper case only. Rename one."),
        ("U-Net 2D", "early-fusion", "the variants 'early fusion' and 'early-fusion' differ in punctuation only."),
        ("U-Net 2D", "Early-Fusion", "and 'Early-Fusion' differ in upper case and punctuation only."),
        ('cohort = "test"', 'cohort = "train"', "Case A-1-0000 of the cohort train is also trained on. Take it out"),
    ],
)
def test_variants_at_fault_are_told_before_anything_is_trained(
    tmp_path: Path,
    comparison: Path,
    quick_simulator: list[str],
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    expected: str,
) -> None:
    text = comparison.read_text(encoding="utf-8")
    assert old in text
    comparison.write_text(text.replace(old, new), encoding="utf-8")
    assert run(comparison, tmp_path / "out") == 2
    assert expected in capsys.readouterr().err and not (tmp_path / "out" / "runs").exists()


def test_the_projects_own_variants_have_a_common_budget(tmp_path: Path) -> None:
    from ThrombusSegLib.experiments.cohorts import Cohort, CohortFacts
    from ThrombusSegLib.experiments.training import plan

    folder = Path(__file__).parents[2] / "Resources" / "Experiments"
    facts = CohortFacts(("A",), 1, (1,), 0, True, "train", "0")
    trainings = {}
    for name in ("ablations", "baselines"):
        settings = read_experiment(folder / f"{name}.toml")
        made = {each: Cohort(tmp_path / each / "manifest.csv", [], facts) for each in settings.cohorts}
        runs = plan(settings, made, folder, tmp_path, "auto")  # type: ignore[arg-type]
        trainings[name] = {each.out.name: each.settings for each in runs}
    shared = trainings["ablations"].keys() & trainings["baselines"].keys()
    assert shared == {"gradual-ours-1", "constant-dropout-1"}
    assert len(trainings["ablations"]) == 6 and len(trainings["baselines"]) == 5
    assert trainings["ablations"]["gradual-ours-1"] == trainings["baselines"]["gradual-ours-1"]
