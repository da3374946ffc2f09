"""Statistics of a simulated cohort, on truths written by hand and images with known answers; picture and command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from ThrombusSegLib.case import ManifestRow, read_manifest, write_manifest
from ThrombusSegLib.cli.main import main
from ThrombusSegLib.difficulty.cohort import measure_cohort, share, spread
from ThrombusSegLib.difficulty.montage import ABSENT, COLOURS, GAP, LEFT, TILE, TOP, draw_montage, write
from ThrombusSegLib.difficulty.page import page, write_statistics
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.phantom import centre_names, find_centre
from ThrombusSegLib.phantom.space import Space, smooth_path
from ThrombusSegLib.phantom.tissue import TISSUES
from ThrombusSegLib.phantom.vessels import COURSES
from ThrombusSegLib.sequences import Sequence

Nodes = list[tuple[float, float, float]]
SPACE = Space(size=(75, 85, 24), spacing=(2.0, 2.0, 4.0), origin=(-74.0, -84.0, -60.0))
BRAIN = (SPACE.ellipsoid((0.0, 0.0, 0.0), (70.0, 80.0, 90.0)) < 1.0).astype(np.float32)


def tube(space: Space, nodes: Nodes, radius: float) -> NDArray[np.float32]:
    """Share of each voxel inside a tube, (z, y, x): nodes in LPS mm, radius in mm."""
    line = np.zeros(space.shape, dtype=np.uint8)
    x, y, z = np.rint((smooth_path(np.array(nodes, dtype=float)) - space.origin) / space.spacing).astype(int).T
    line[z, y, x] = 1
    distance = sitk.SignedMaurerDistanceMap(space.image(line), squaredDistance=False, useImageSpacing=True)
    edge = float(np.mean(space.spacing))
    return np.clip(0.5 + (radius - np.maximum(sitk.GetArrayFromImage(distance), 0.0)) / edge, 0.0, 1.0).astype(
        "float32"
    )


def stroke(**values: Any) -> dict[str, Any]:
    usual = {"segment": "M1", "length_mm": 10.0, "width_mm": 3.0, "volume_mm3": 70.0, "infarct_ml": 12.0}
    return {**usual, "fragments": 1, "sign_present": True, **values}


def make_case(
    out: Path, name: str, truth: dict[str, Any], *, without: tuple[Sequence, ...] = (), dark: bool = True
) -> ManifestRow:
    """A brain with M1 dark (or not); the label is there when truth.json has a stroke."""
    folder = out / name
    folder.mkdir(parents=True)
    clot = tube(SPACE, COURSES["M1"][-1], 3.0) if truth["stroke"] else np.zeros_like(BRAIN)
    for sequence in set(Sequence) - set(without):
        image = SPACE.image(400.0 * BRAIN * (1.0 - 0.95 * clot * dark) + 1.0)
        sitk.WriteImage(image, folder / f"{sequence.value}.nii.gz")
    sitk.WriteImage(SPACE.image((clot >= 0.5).astype(np.uint8)), folder / "labels.nii.gz")
    (folder / "truth.json").write_text(json.dumps(truth), encoding="ascii")
    paths = {sequence: folder / f"{sequence.value}.nii.gz" for sequence in Sequence if sequence not in without}
    return ManifestRow(name, name[0], "test", paths, folder / "labels.nii.gz")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[ManifestRow]:
    """Centre A: two clots, one of them without SWI and in two pieces, and one case without; centre B: a clot unseen."""
    out = tmp_path_factory.mktemp("cohort")
    nothing = {"clot_to_noise": None, "vein_to_noise": None}
    made = [
        make_case(
            out,
            "A-5-0000",
            {
                "stroke": stroke(length_mm=8.0, volume_mm3=50.0),
                "measured": {"clot_to_noise": 6.0, "vein_to_noise": 3.0, "clot_label_mm3": 96.0},
            },
        ),
        make_case(
            out,
            "A-5-0001",
            {"stroke": stroke(length_mm=20.0, volume_mm3=150.0, fragments=2), "measured": nothing},
            without=(Sequence.SWI, Sequence.TOF),
        ),
        make_case(
            out, "A-5-0002", {"stroke": None, "measured": {**nothing, "clot_label_mm3": 0.0, "vein_to_noise": 5.0}}
        ),
        make_case(
            out,
            "B-5-0000",
            {
                "stroke": stroke(sign_present=False),
                "measured": {"clot_to_noise": 0.2, "vein_to_noise": 2.0, "clot_label_mm3": 90.0},
            },
            without=(Sequence.TOF,),
            dark=False,
        ),
    ]
    write_manifest(out / "manifest.csv", made)
    return read_manifest(out / "manifest.csv")


@pytest.fixture(scope="module")
def result(rows: list[ManifestRow]) -> dict[str, Any]:
    return measure_cohort(rows, seconds={"A-5-0000": 4.0, "A-5-0001": 6.0})


def test_figures_are_those_of_the_truths(result: dict[str, Any]) -> None:
    here = result["centres"]["A"]
    assert (here["cases"], here["clot_free"]) == (3, 1)
    assert here["clot_to_noise"] == {"median": 6.0, "p10": 6.0, "p90": 6.0, "cases": 1}
    assert here["vein_to_noise"] == {"median": 4.0, "p10": 3.2, "p90": 4.8, "cases": 2}  # clot-free cases have veins
    assert here["clot_mm3"] == {"median": 100.0, "p10": 60.0, "p90": 140.0, "cases": 2}
    assert here["length_mm"]["median"] == 14.0
    assert here["clot_label_mm3"]["cases"] == 1  # an empty label is no small clot
    assert here["in_fragments"] == {"value": 0.5, "count": 1, "of": 2}
    assert here["without_sign"] == {"value": 0.0, "count": 0, "of": 2}
    assert here["missing"]["TOF"] == here["missing"]["SWI"] == {"value": 0.3333, "count": 1, "of": 3}
    assert here["missing"]["DWI"]["count"] == 0
    assert here["seconds_per_case"] == 5.0
    assert result["centres"]["B"]["without_sign"]["value"] == 1.0
    assert result["centres"]["B"]["seconds_per_case"] is None
    assert result["all_cases"]["cases"] == 4


def test_the_floor_finds_what_is_dark_and_misses_what_has_no_swi(result: dict[str, Any]) -> None:
    scores = {case["case"]: case["floor"] for case in result["cases"]}
    assert scores["A-5-0000"]["detected_lesions"] == 1
    assert (scores["A-5-0001"]["true_lesions"], scores["A-5-0001"]["detected_lesions"]) == (1, 0)
    assert scores["A-5-0001"]["predicted_mm3"] == 0.0
    assert scores["A-5-0002"]["true_lesions"] == scores["A-5-0002"]["false_positives"] == 0
    assert scores["B-5-0000"]["detected_lesions"] == 0
    assert result["centres"]["A"]["floor"]["detection_rate"]["value"] == 0.5
    assert result["centres"]["B"]["floor"]["detection_rate"]["value"] == 0.0


def test_any_number_of_processes_gives_the_same_figures(rows: list[ManifestRow], result: dict[str, Any]) -> None:
    seconds = {"A-5-0000": 4.0, "A-5-0001": 6.0}
    assert measure_cohort(rows, processes=2, seconds=seconds) == result


def test_nothing_known_is_none_and_not_zero() -> None:
    assert spread([]) == {"median": None, "p10": None, "p90": None, "cases": 0}
    assert share([]) == {"value": None, "count": 0, "of": 0}


def test_a_case_without_truth_is_named(tmp_path: Path) -> None:
    row = make_case(tmp_path, "A-1-0000", {"stroke": None})
    (tmp_path / "A-1-0000" / "truth.json").write_text("{", encoding="ascii")
    with pytest.raises(InputError, match="A-1-0000 has no truth") as caught:
        measure_cohort([row])
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(InputError, match="no labels"):
        measure_cohort([ManifestRow("x", "A", "test", row.paths, None)])
    with pytest.raises(InputError, match="no cases"):
        measure_cohort([])


def test_files_are_written_whole_or_not_at_all(
    result: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = {"command": "thrombusseg phantom --centre A,B", "seed": 5, "versions": {"numpy": "2"}}
    write_statistics(tmp_path, result, origin, np.full((4, 5, 3), 7, np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["montage.png", "statistics.json", "statistics.md"]
    first = (tmp_path / "statistics.json").read_text(encoding="utf-8")
    assert json.loads(first)["command"] == origin["command"] and "created" not in first
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_statistics(tmp_path, result, origin, np.zeros((4, 5, 3), np.uint8))
    monkeypatch.undo()
    assert (sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "montage.png")) == 7).all()
    assert (tmp_path / "statistics.json").read_text(encoding="utf-8") == first
    assert not (tmp_path / "statistics.unfinished").exists()


def test_the_page_has_a_row_for_each_centre_and_says_it_is_simulated(result: dict[str, Any]) -> None:
    text = page(result, {"command": "thrombusseg phantom", "versions": {"numpy": "2"}})
    for head in ("| A | 3 | 1 | 6.0 (6.0 to 6.0) |", "| B | 1 | 0 | 0.2 (0.2 to 0.2) |", "| all | 4 | 1 |"):
        assert head in text
    assert "33% (1 of 3)" in text and "not measured" in text
    assert "No figure here says anything about patients" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in tables}) == 3  # three tables, each with rows of one length


def tile_of(pixels: NDArray[np.uint8], row: int, sequence: Sequence) -> NDArray[np.uint8]:
    top, left = TOP + row * (TILE[0] + GAP), LEFT + list(Sequence).index(sequence) * (TILE[1] + GAP)
    return pixels[top : top + TILE[0], left : left + TILE[1]]


def test_the_montage_outlines_clots_and_greys_what_is_absent(rows: list[ManifestRow]) -> None:
    pixels = draw_montage(rows)
    assert pixels.shape == (TOP + 2 * (TILE[0] + GAP), LEFT + 5 * (TILE[1] + GAP), 3)
    absent = tile_of(pixels, 1, Sequence.TOF)
    assert (absent == ABSENT).mean() > 0.9 and absent.max() > ABSENT  # grey, with a word on it
    swi = tile_of(pixels, 1, Sequence.SWI)
    red = (swi == COLOURS[1]).all(axis=2)
    assert 0 < red.sum() < 0.01 * red.size
    # The patient's left, where M1 was drawn, is on the right of the picture.
    assert np.argwhere(red)[:, 1].mean() > TILE[1] / 2
    assert pixels[:20].max() > 200  # the title


def test_letters_are_clipped_and_unknown_ones_stay_blank() -> None:
    canvas = np.zeros((20, 30, 3), dtype=np.uint8)
    write(canvas, "é", 2, 2)
    assert not canvas.any()
    write(canvas, "simulated", 2, 2)
    assert canvas[:, 26:].any() and canvas.shape == (20, 30, 3)


def phantom(out: Path, *more: str) -> int:
    return main(["phantom", "--out", str(out), *more])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--centre", "Z"], "no simulated centre 'Z'"),
        (["--centre", "A,Z"], "no simulated centre 'Z'"),
        (["--cases", "0"], "0 cases"),
        (["--cases", "3", "--clot-free", "4"], "4 of 3 cases"),
        (["--clot-free", "-1"], "-1 of 20 cases"),
        (["--processes", "0"], "0 processes"),
        (["--seed", "-1"], "seed is -1"),
    ],
)
def test_bad_requests_are_one_sentence(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phantom(tmp_path / "new", *options) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and len(told.splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("options", [["--centre", "B", "--seed", "5"], ["--centre", "A", "--seed", "6"]])
def test_another_cohort_is_left_alone(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = make_case(tmp_path, "A-5-0000", {"stroke": stroke(), "clot": True})
    write_manifest(tmp_path / "manifest.csv", [row])
    before = (tmp_path / "manifest.csv").read_bytes()
    assert phantom(tmp_path, "--cases", "1", *options) == 2
    assert "A-5-0000 of another cohort" in capsys.readouterr().err
    assert (tmp_path / "manifest.csv").read_bytes() == before


def test_a_kept_case_must_have_a_clot_where_one_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_case(tmp_path, "A-5-0000", {"stroke": stroke(), "clot": True})
    assert phantom(tmp_path, "--centre", "A", "--seed", "5", "--cases", "1", "--clot-free", "1") == 2
    assert "A-5-0000" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine", encoding="ascii")
    assert phantom(tmp_path / "file") == 2
    assert "is a file" in capsys.readouterr().err


def test_the_command_simulates_measures_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "cohort"
    options = ("--centre", "sample", "--cases", "2", "--clot-free", "1", "--seed", "3", "--statistics")
    assert phantom(out, *options) == 0
    told = capsys.readouterr()
    assert "Manifest:" in told.out and "statistics.md" in told.out and "measuring" in told.err
    found = json.loads((out / "statistics.json").read_text(encoding="utf-8"))
    assert (found["all_cases"]["cases"], found["all_cases"]["clot_free"]) == (2, 1)
    assert found["centres"]["sample"]["seconds_per_case"] > 0
    assert found["seed"] == 3 and found["command"].endswith("--statistics") and str(tmp_path) not in json.dumps(found)
    assert found["all_cases"]["clot_mm3"]["median"] > 0
    assert sitk.ReadImage(out / "montage.png").GetSize()[1] == TOP + TILE[0] + GAP
    assert sorted(path.name for path in out.iterdir() if path.is_file()) == [
        "manifest.csv",
        "montage.png",
        "statistics.json",
        "statistics.md",
    ]


def test_the_montage_shows_the_same_patient_at_every_centre(tmp_path: Path) -> None:
    """Where that place of the cohort has a thrombus; else another case of the centre."""
    clot, nothing = {"stroke": stroke()}, {"stroke": None}
    truths = {"A": (nothing, clot), "B": (clot, clot), "C": (clot, nothing)}
    rows = [
        make_case(tmp_path, f"{centre}-1-{number}", truth, without=(Sequence.TOF,) if number == 0 else ())
        for centre, both in truths.items()
        for number, truth in enumerate(both)
    ]
    pixels = draw_montage(rows)
    shown = [0 if (tile_of(pixels, row, Sequence.TOF) == ABSENT).mean() > 0.9 else 1 for row in range(3)]
    assert shown == [1, 1, 0]


def test_the_page_on_the_phantom_holds_the_constants_of_the_code() -> None:
    """A constant that changes has to change in the page too; the missing lines are shown."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "phantom.md").read_text(encoding="utf-8")
    wanted = [
        f"| {each.name} | {each.proton_density:g} | {each.t1_ms[0]:g} / {each.t1_ms[1]:g} | {each.t2_ms:g} | "
        f"{each.t2_star_ms[0]:g} / {each.t2_star_ms[1]:g} | {each.diffusivity:g} | {each.susceptibility_ppm:g} |"
        for each in TISSUES
    ]
    wanted += [f"| {name} | {find_centre(name).description} |" for name in centre_names() if name != "sample"]
    assert [line for line in wanted if line not in text] == []


@pytest.mark.parametrize("option", ["--infarcts", "--brains"])
def test_a_folder_of_shapes_must_hold_some(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phantom(tmp_path / "new", option, str(tmp_path / "none")) == 2
    assert "none holds no .nii.gz file" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
