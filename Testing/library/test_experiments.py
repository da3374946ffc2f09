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
from experiment_settings import run

from ThrombusSegLib.case import ManifestRow
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.evaluation.bootstrap import difference_of_groups
from ThrombusSegLib.evaluation.matching import CaseScore
from ThrombusSegLib.evaluation.record import Record
from ThrombusSegLib.experiments import cohorts
from ThrombusSegLib.experiments.settings import CohortSettings, read_experiment
from ThrombusSegLib.phantom.cohort import find_centres

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
        ('second = "two"', 'second = "one"', "comparisons has 'one' less itself. Name two evaluations."),
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


def test_what_is_not_there_or_in_the_way_is_told_before_cases_are_simulated(
    tmp_path: Path, tiny_weights: Path, quick_simulator: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = evaluation(tmp_path, tiny_weights)
    settings.write_text(settings.read_text().replace("[cohorts.home]", 'looks = "looks"\n[cohorts.home]'))
    (tmp_path / "looks").write_text("")
    assert run(settings, tmp_path / "out") == 2 and not quick_simulator
    assert "The output looks is a file. Choose a folder." in capsys.readouterr().err
    assert run(settings, tmp_path / "looks" / "out") == 2 and not quick_simulator
    (tmp_path / "looks").unlink()
    text = settings.read_text()
    settings.write_text(text.replace("[evaluations.two]", '[evaluations.two]\nweights = "nope"'))
    assert run(settings, tmp_path / "out") == 2 and not quick_simulator
    assert "nope" in capsys.readouterr().err
    settings.write_text(text.replace('cohort = "away"\n[', 'cohort = "two.toml"\n['))
    assert run(settings, tmp_path / "out") == 2
    assert "Cohort away: two.toml is a file. Name a folder, or a manifest" in capsys.readouterr().err


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
    records = [Record("k", case, centre, "SWI", score, simulated=True) for case, centre in names]
    assert [record.patient for record in records] == ["7-0003", "7-0003", "p-1", "Lyon-1"]
    assert replace(records[0], simulated=False).patient == "B-7-0003", "a hospital's name, whatever it looks like"
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
