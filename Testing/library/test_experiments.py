"""Experiments from their settings files: cases, figures, differences, pages, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.case import ManifestRow, write_manifest
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.evaluation.bootstrap import difference_of_groups
from ThrombusSegLib.evaluation.matching import CaseScore
from ThrombusSegLib.evaluation.record import Record
from ThrombusSegLib.experiments import cohorts
from ThrombusSegLib.experiments.settings import CohortSettings, read_experiment
from ThrombusSegLib.phantom.cohort import find_centres
from ThrombusSegLib.sequences import Sequence

EVALUATION = """
kind = "evaluation"
title = "Two centres"
weights = "{weights}"
comparisons = [{{first = "one", second = "two"}}]
[cohorts.home]
centres = ["A"]
cases = 3
clot_free = 1
seed = 7
[cohorts.away]
centres = ["B", "C"]
cases = 2
seed = 8
cohort = "away"
[evaluations.one]
cohort = "home"
[evaluations.two]
cohort = "away"
subsets = "all"
"""


@pytest.fixture
def quick_simulator(images: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cases of the same images with a made clot each, in no time; a list of the centres that were asked for."""
    asked: list[str] = []

    def write(out: Path, *, centre: list[str], cases: int, seed: int, clot_free: int, split: str, **_: object) -> Path:
        asked.append(",".join(centre))
        rows = []
        for name in centre:
            there = [Sequence.SWI, Sequence.DWI] if name == "A" else [Sequence.FLAIR]
            for number in range(cases):
                folder = out / f"{name}-{seed}-{number:04d}"
                folder.mkdir(parents=True)
                reference = sitk.ReadImage(str(images["SWI"]))
                labels = np.zeros(reference.GetSize()[::-1], np.uint8)
                clot = number < cases - clot_free
                labels[5:7, 15 + number : 19 + number, 10:16] = clot
                image = sitk.GetImageFromArray(labels)
                image.CopyInformation(reference)
                sitk.WriteImage(image, str(folder / "labels.nii.gz"))
                (folder / "truth.json").write_text(json.dumps({"seed": seed, "clot": clot}))
                paths = {each: folder / f"{each.value}.nii.gz" for each in there}
                for each, path in paths.items():
                    shutil.copyfile(images[each.value], path)
                rows.append(ManifestRow(folder.name, name, split, paths, folder / "labels.nii.gz"))
        write_manifest(out / "manifest.csv", rows)
        return out / "manifest.csv"

    monkeypatch.setattr(cohorts, "write_cohort", write)
    return asked


def run(settings: Path, out: Path, *more: str) -> int:
    return main(["experiment", str(settings), "--out", str(out), "--device", "cpu", *more])


def evaluation(tmp_path: Path, weights: Path) -> Path:
    path = tmp_path / "two.toml"
    path.write_text(EVALUATION.format(weights=Path(os.path.relpath(weights, tmp_path)).as_posix()), encoding="utf-8")
    return path


def test_evaluations_and_their_difference(
    tmp_path: Path,
    tiny_weights: Path,
    quick_simulator: list[str],
    finds_a_clot: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = evaluation(tmp_path, tiny_weights)
    assert run(settings, tmp_path / "out") == 0
    result = json.loads((tmp_path / "out" / "results.json").read_text())
    page = (tmp_path / "out" / "results.md").read_text()
    assert capsys.readouterr().out.strip() == page.strip()
    assert quick_simulator == ["A", "B,C"] and (tmp_path / "away" / "manifest.csv").exists()
    one, two = (result["evaluations"][name] for name in ("one", "two"))
    assert one["all_cases"]["cases"] == 3 and one["all_cases"]["with_thrombus"] == 2
    assert two["all_cases"]["cases"] == 4 and "cost_of_absence" in two and "cost_of_absence" not in one
    assert result["cohorts"]["away"]["seeds"] == [8] and result["cohorts"]["home"]["clot_free"] == 1
    (pair,) = result["comparisons"]
    rates = [each["all_cases"]["detection_rate"]["value"] for each in (one, two)]
    assert pair["difference"]["detection_rate"]["value"] == pytest.approx(rates[0] - rates[1], abs=1e-3)
    assert pair["resampled"] == "independent"
    assert one["weights"]["sha256"] in page and "simulated cases of centre A (seed 7)" in page
    assert "thrombusseg experiment two.toml" in page and str(tmp_path) not in page
    assert str(tmp_path) not in json.dumps({name: result[name] for name in result if name != "settings"})


def test_a_stopped_experiment_goes_on(
    tmp_path: Path, tiny_weights: Path, quick_simulator: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ThrombusSegLib.evaluation import looks as looks_file

    looks: list[str] = []
    real = looks_file._look

    def counted(key: str, row: ManifestRow, *rest: object) -> Record:
        if len(looks) == 4 and "stopped" not in looks:
            looks.append("stopped")
            raise KeyboardInterrupt
        looks.append(row.case)
        return real(key, row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(looks_file, "_look", counted)
    settings = evaluation(tmp_path, tiny_weights)
    assert run(settings, tmp_path / "out") == 130
    assert not (tmp_path / "out" / "results.json").exists()
    assert run(settings, tmp_path / "out") == 0
    assert len(looks) - 1 == 7 and len(set(looks)) - 1 == 7 and len(quick_simulator) == 2
    assert run(settings, tmp_path / "out") == 0 and len(looks) - 1 == 7
    shutil.copytree(tmp_path / "out" / "evaluations", tmp_path / "looks")
    settings.write_text(settings.read_text().replace("[cohorts.home]", 'looks = "looks"\n[cohorts.home]'))
    shutil.rmtree(tmp_path / "out" / "evaluations")
    assert run(settings, tmp_path / "out") == 0 and len(looks) - 1 == 7
    assert run(settings, tmp_path / "another") == 0 and len(looks) - 1 == 7, (
        "kept looks, and an output that is not there"
    )
    assert (tmp_path / "another" / "looks.jsonl.gz").is_file()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'kind = "evaluation"',
            'kind = "guess"',
            "two.toml: kind is 'guess'. Known: evaluation, training comparison, leave one patient out, slices.",
        ),
        ('title = "Two centres"', "", "two.toml: title is missing. Add it."),
        ('cohort = "home"', 'cohort = "hom"', "evaluations.one.cohort is 'hom'. Known: home, away."),
        ('subsets = "all"', 'subsets = "some"', "line 20: evaluations.two.subsets: subsets is 'some'."),
        ('["B", "C"]', '["B", "B"]', "cohorts.away.centres: centres names B twice. Name each once."),
        ("clot_free = 1", "clot_free = 4", "line 9: cohorts.home.clot_free: clot_free is 4, more than all."),
        ('second = "two"', 'second = "three"', "comparisons.second is 'three'. Known: one, two."),
        ("seed = 7", "", "two.toml, line 6: cohorts.home: seed is missing. Add the one of the simulated patients"),
        ("[evaluations.two]", '[evaluations."../two"]', "The evaluation '../two' cannot be the name of a folder."),
        ("[cohorts.away]", '[cohorts."a/.."]', "The cohort 'a/..' cannot be the name of a folder. Begin with"),
        ("[evaluations.two]", "[evaluations.One]", "The evaluation 'One' differs from 'one' in upper case only."),
    ],
)
def test_settings_at_fault_are_told_by_line(
    tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, expected: str
) -> None:
    settings = evaluation(tmp_path, tiny_weights)
    text = settings.read_text(encoding="utf-8")
    assert old in text
    settings.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert run(settings, tmp_path / "out") == 2
    assert expected in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_looks_is_told_before_cases_are_simulated(
    tmp_path: Path, tiny_weights: Path, quick_simulator: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = evaluation(tmp_path, tiny_weights)
    settings.write_text(settings.read_text().replace("[cohorts.home]", 'looks = "looks"\n[cohorts.home]'))
    (tmp_path / "looks").write_text("")
    assert run(settings, tmp_path / "out") == 2 and not quick_simulator
    assert "The output looks is a file. Choose a folder." in capsys.readouterr().err


def test_a_folder_of_other_cases_is_refused(tmp_path: Path, quick_simulator: list[str]) -> None:
    wanted = cohorts.CohortSettings(cases=2, seed=5, cohort="cases")
    cohorts.make_cohort("home", wanted, tmp_path, tmp_path / "out")
    assert cohorts.make_cohort("home", wanted, tmp_path, tmp_path / "out").facts.cases == 2
    for other in ({"cases": 3}, {"seed": 6}, {"clot_free": 1}):
        settings = cohorts.CohortSettings(**{"cases": 2, "seed": 5, "cohort": "cases", **other})  # type: ignore[arg-type]
        with pytest.raises(InputError, match="Cohort home"):
            cohorts.make_cohort("home", settings, tmp_path, tmp_path / "out")
    fewer = cohorts.CohortSettings(cases=1, seed=5, cohort="cases")
    assert cohorts.make_cohort("home", fewer, tmp_path, tmp_path / "out").facts.cases == 1
    assert cohorts.make_cohort("any", cohorts.CohortSettings(cohort="cases"), tmp_path, tmp_path).facts.seeds == (5,)


def test_the_file_of_a_centre_lies_beside_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a, b"
    folder.mkdir()
    (folder / "thick.toml").write_text('base = "A"\n', encoding="utf-8")
    asked: list[list[str]] = []

    def stop(out: Path, *, centre: list[str], **_: object) -> Path:
        asked.append(centre)
        raise InputError("enough", "")

    monkeypatch.setattr(cohorts, "write_cohort", stop)
    wanted = cohorts.CohortSettings(centres=("B", "thick.toml"), cases=1, seed=5)
    with pytest.raises(InputError, match="enough"):
        cohorts.make_cohort("ours", wanted, folder, tmp_path / "out")
    assert [each.name for each in find_centres(asked[0])] == ["B", "thick"]


def test_one_patient_at_two_centres_is_one_patient() -> None:
    score = CaseScore("c", 1, 1, 0, 0.5, 1.0, 1.0)
    names = [("B-7-0003", "B"), ("C-7-0003", "C"), ("p-1", "B"), ("Lyon-1", "Lyon")]
    records = [Record("k", case, centre, "SWI", score) for case, centre in names]
    assert [record.patient for record in records] == ["7-0003", "7-0003", "p-1", "Lyon-1"]
    named = replace(records[2], named_patient="P7")
    assert Record.from_line(named.to_line()).patient == "P7"


def test_differences_of_groups_against_plain_resampling() -> None:
    random = np.random.default_rng(1)
    one, two = list(random.random(80) + 0.3), list(random.random(50))
    names = [[f"a{number}" for number in range(80)], [f"b{number}" for number in range(50)]]
    figure, how = difference_of_groups(names, [one, two])
    draws = [random.choice(one, 80).mean() - random.choice(two, 50).mean() for _ in range(4000)]
    assert how == "independent" and figure.value == pytest.approx(np.mean(one) - np.mean(two), abs=1e-4)
    assert [figure.low, figure.high] == pytest.approx(np.percentile(draws, [2.5, 97.5]), abs=0.02)
    figure, how = difference_of_groups([names[0], names[0]], [[value + 0.1 for value in one], one])
    assert how == "paired" and figure.value == pytest.approx(0.1) and figure.low is None, "all alike: paired"


def test_the_projects_own_experiments_can_be_read() -> None:
    folder = Path(__file__).parents[2] / "Resources" / "Experiments"
    found = {path.stem: read_experiment(path) for path in folder.glob("*.toml")}
    assert {"monocentric", "multicentric", "subsets", "ablations", "baselines"} <= found.keys()
    assert all(settings.title for settings in found.values())


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
BASE = """
steps = 3
batch = 2
warmup_steps = 1
precision = "float32"
workers = 0
[data]
manifest = "none.csv"
[validation]
every = 0
[crop]
slices = 3
pixels = 16
[network]
widths = [4, 8]
attention_heads = 2
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


def test_the_settings_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    kinds = []
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, encoding="utf-8")
        kinds.append(read_experiment(path).kind)
    assert kinds == ["evaluation", "training comparison", "leave one patient out", "slices"]
    for each in fields(CohortSettings):
        assert f"| `{each.name}` | " in text
    named = {path.stem for path in (Path(__file__).parents[2] / "Resources" / "Experiments").glob("*.toml")}
    assert all(f"`{name}.toml`" in text for name in named)


def own_cases(quick: list[str], folder: Path) -> None:
    """Cases with labels, one of two with a clot, that no simulator's truth lies beside."""
    cohorts.write_cohort(folder, centre="A", cases=2, seed=3, clot_free=1, split="test")
    for path in folder.rglob("truth.json"):
        path.unlink()
    assert quick


def test_cases_of_a_manifest_are_described_by_their_labels_and_without_folders(
    tmp_path: Path, tiny_weights: Path, quick_simulator: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own_cases(quick_simulator, tmp_path / "Müller")
    settings = tmp_path / "own.toml"
    settings.write_text(
        f'''
kind = "evaluation"
title = "Own cases /of/ ours"
weights = "{tiny_weights.as_posix()}"
[cohorts.ours]
cohort = "{(tmp_path / "Müller" / "manifest.csv").as_posix()}"
[evaluations.ours]
cohort = "ours"
''',
        encoding="utf-8",
    )
    assert run(settings, tmp_path / "out") == 0
    result = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert "2 cases of centre A, of which 1 have no clot" in capsys.readouterr().out
    assert result["cohorts"]["ours"]["clot_free"] == 1 and not result["cohorts"]["ours"]["simulated"]
    assert result["settings"]["cohorts"]["ours"]["cohort"] == "manifest.csv"
    assert result["settings"]["weights"] == tiny_weights.name and result["settings"]["title"] == "Own cases /of/ ours"
    told = (tmp_path / "out" / "results.json").read_text(encoding="utf-8")
    assert "Müller" not in told and "M\\u00fcller" not in told and str(tmp_path) not in told
    missing = tmp_path / "Müller" / "A-3-0001" / "DWI.nii.gz"
    missing.unlink()
    assert run(settings, tmp_path / "out") == 2
    assert "Case A-3-0001: DWI (DWI.nii.gz) does not exist. Check the manifest" in capsys.readouterr().err


def test_only_folders_of_the_user_are_left_out_of_settings() -> None:
    from ThrombusSegLib.experiments.names import without_folders

    kept = {"cohort": "../../cohorts/x", "title": "/a/b", "seeds": (1, 2), "subsets": "as acquired", "split": "t:x"}
    assert without_folders(kept) == kept
    changed = {"data": {"manifest": "/home/u/m.csv", "more": ["C:\\u\\n.csv", "~/x/o.csv"]}}
    assert without_folders(changed) == {"data": {"manifest": "m.csv", "more": ["n.csv", "o.csv"]}}


def test_names_of_todays_folders_are_kept() -> None:
    from ThrombusSegLib.experiments.names import check_names

    today = ("monocentric", "multicentric", "subsets", "one-centre", "sequences-missing", "varied", "as-shipped")
    check_names("The evaluation", today)
    check_names("The evaluation", ("Größe 2", "centres B to F", "a.b", "x" * 80))
    for wrong in ("..", "a/b", "a\\b", "", ".x", "a.", "a ", "C:", "x" * 81, "a\n"):
        with pytest.raises(InputError, match="cannot be the name of a folder"):
            check_names("The evaluation", [wrong])


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
