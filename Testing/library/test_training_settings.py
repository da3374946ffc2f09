"""Settings of a training run: read from TOML, checked, and explained with the line at fault."""

from __future__ import annotations

import ast
import importlib
import json
import re
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import ThrombusSegLib.training.settings as module
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.training import TrainSettings, read_settings
from ThrombusSegLib.training.read import build_settings, find_lines
from ThrombusSegLib.training.settings import CropSettings, DataSettings, DropoutSettings

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_are_read(tmp_path: Path) -> None:
    settings = read_settings(
        written(
            tmp_path,
            "steps = 500\n[network]\nwidths = [8, 16]\n[dropout]\nprobability = 1\nstrengths = [0, 1]\n"
            '[data]\nmanifest = "m.csv"\n[validation]\nevery = 50\n',
        )
    )
    assert settings.network.widths == (8, 16) and settings.steps == 500 and settings.dropout.probability == 1.0
    assert settings.dropout.strengths == (0.0, 1.0) and settings.manifest == Path("m.csv")
    assert settings.validation.every == 50
    with pytest.raises(FrozenInstanceError):
        settings.steps = 3  # type: ignore[misc]


def test_the_shipped_weights_settings_are_still_read() -> None:
    settings = read_settings(ROOT / "Resources" / "Training" / "phantom-a.toml")
    assert settings.data.manifest == "../../cohorts/train/manifest.csv"
    assert (settings.threshold, settings.minimum_volume_mm3, settings.dropout.probability) == (0.4, 8.0, 0.3)


def test_names_of_the_first_version_are_moved_to_their_table(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, 'manifest = "m"\nthrombus_weight = 5\n[loss]\nkind = "dice_ce"\n'))
    assert (settings.data.manifest, settings.loss.thrombus_weight, settings.loss.kind) == ("m", 5.0, "dice_ce")
    with pytest.raises(InputError, match=r"run\.toml, line 2: loss\.thrombus_weight is -5\.0"):
        read_settings(written(tmp_path, 'manifest = "m"\nthrombus_weight = -5\n'))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps = 500", "run.toml: data.manifest is missing, and so is data.phantom_centre."),
        ('manifest = "m"\nstep = 5', "run.toml, line 2: There is no setting 'step'."),
        ('manifest = "m"\n\nsteps = "many"', "run.toml, line 3: 'steps' is 'many'."),
        ('manifest = "m"\nsteps = true', "run.toml, line 2: 'steps' is True."),
        ('manifest = "m"\n[crop]\n# narrow\npixels = 2', "run.toml, line 4: crop.pixels is 2."),
        ('manifest = "m"\nprecision = "half"', "run.toml, line 2: precision is 'half'."),
        ('manifest = "m"\nsteps = 50', "run.toml, line 2: warmup_steps (100) reaches the end of the run (steps = 50)."),
        ('manifest = "m"\n[dropout]\nprobability = 1.4', "run.toml, line 3: dropout.probability is 1.4."),
        ('manifest = "m"\ndropout = { probability = 1.4 }', "run.toml, line 2: dropout.probability is 1.4."),
        ('manifest = "m"\ndropout.probability = nan', "run.toml, line 2: dropout.probability is nan."),
        (
            'manifest = "m"\n[dropout]\nstrengths = [\n 0.5,\n 2,\n]',
            "run.toml, line 3: dropout.strengths is [0.5, 2.0].",
        ),
        (
            'manifest = "m"\n[crop]\nslices = 8\n[dropout]\nslices = 8\n',
            "run.toml, line 5: There is no setting 'dropout.slices'.",
        ),
        (
            'manifest = "m"\n[crop]\nwith_lookalike = 0.5\n',
            "run.toml, line 3: crop.with_thrombus (0.7) and crop.with_lookalike (0.5) are more than all crops.",
        ),
        (
            'manifest = "m"\n[dropout.prevalence]\n"SWI+PET" = 0.3\n',
            "run.toml, line 3: dropout.prevalence.SWI+PET = 0.3 names no set of sequences with a weight.",
        ),
        (
            'manifest = "m"\n[dropout]\nkind = "prevalence"\n',
            "run.toml, line 3: dropout.kind is 'prevalence', and dropout.prevalence has 0 usable weights.",
        ),
        ('manifest = "m"\n[network]\nlevels_per_sequence = 9\n', "run.toml, line 3: network.levels_per_sequence"),
        ('manifest = "m"\n[data]\nphantom_centre = "Q"\n', "run.toml, line 3: data.phantom_centre"),
        (
            'manifest = "m"\n[difficulty]\neasy_until = 0.9\n',
            "run.toml, line 3: difficulty.all_from (0.75) lies before",
        ),
        ('manifest = "m"\n[crop]\nslices = 3.5', "run.toml, line 3: 'crop.slices' is 3.5."),
        ('manifest = "m"\ncrop = 3', "run.toml, line 2: 'crop' is 3."),
    ],
)
def test_wrong_settings_are_named_with_their_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(written(tmp_path, text))
    assert caught.value.sentence.startswith(sentence) and caught.value.advice
    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.toml is not valid TOML.*line 1"):
        read_settings(written(tmp_path, "manifest = \nsteps = 5"))
    with pytest.raises(InputError, match=r"There is no settings file nothing\.toml"):
        read_settings(tmp_path / "nothing.toml")
    (tmp_path / "latin.toml").write_bytes(b'manifest = "\xe4.csv"')
    with pytest.raises(InputError, match="not valid TOML"):
        read_settings(tmp_path / "latin.toml")


def test_lines_are_found_past_strings_lists_and_comments() -> None:
    text = '''# steps = 1
title = """
[crop]
steps = 2
"""
steps = 3 # = 4
list = [ "[dropout]", # ]
  "steps = 5",
]
[ "crop" ] # of it
'pixels' = 6
[a.b]
c."d.e" = 7
'''
    assert find_lines(text) == {
        "title": 2,
        "steps": 6,
        "list": 7,
        "crop": 10,
        "crop.pixels": 11,
        "a.b": 12,
        "a.b.c.d.e": 13,
    }


def test_tables_contradict_themselves_in_code_too() -> None:
    with pytest.raises(InputError, match="absence_full"):
        DropoutSettings(absence_from=0.9)
    with pytest.raises(InputError, match=r"dropout\.kind is 'sudden'"):
        DropoutSettings(kind="sudden")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"crop\.pixels"):
        CropSettings(pixels=8)
    for rate in (0.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match="learning_rate"):
            TrainSettings(DataSettings("m"), learning_rate=rate)


def test_settings_can_be_written_as_json() -> None:
    settings = TrainSettings(
        DataSettings("m"), dropout=DropoutSettings(kind="prevalence", prevalence={"SWI+DWI": 1.0, "TOF": 2.0})
    )
    assert json.loads(json.dumps(asdict(settings)))["dropout"]["prevalence"] == {"SWI+DWI": 1.0, "TOF": 2.0}


def tables(kind: type[Any]) -> list[type[Any]]:
    inner = [hint for hint in get_type_hints(kind).values() if is_dataclass(hint)]
    return [kind, *(table for each in inner for table in tables(each))]  # type: ignore[arg-type]


def test_a_sentence_stands_under_every_setting() -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for body in (node.body for node in tree.body if isinstance(node, ast.ClassDef)):
        for place, statement in enumerate(body):
            if isinstance(statement, ast.AnnAssign):
                below = body[place + 1]
                name = ast.unparse(statement.target)
                assert isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant), name
                assert str(below.value.value).strip().endswith("."), name


def test_the_documentation_names_every_setting() -> None:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for table in tables(TrainSettings):
        lacking = [
            entry.name for entry in fields(table) if f"`{entry.name}`" not in text and f"[{entry.name}]" not in text
        ]
        assert lacking == [], table.__name__


def blocks(language: str) -> list[str]:
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_settings_in_the_documentation_can_be_read(tmp_path: Path) -> None:
    read = []
    for text in blocks("toml"):
        whole = text if "manifest" in text else '[data]\nmanifest = "m"\n' + text
        read.append(read_settings(written(tmp_path, whole)))
    assert [settings.dropout.kind for settings in read] == ["gradual", "prevalence", "gradual"]
    assert read[0].data.phantom_share == 0.5 and read[2].initial_weights == "phantom-a"


def test_what_the_documentation_imports_is_there() -> None:
    (script,) = blocks("python")
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ThrombusSegLib"):
            names = [name.name for name in node.names]
            assert all(hasattr(importlib.import_module(node.module), name) for name in names), names


HUGE = 10**399


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('manifest = "m"\ndata = 3', "run.toml, line 2: 'data' is 3."),
        ('manifest = "m"\ndata = []', "run.toml, line 2: 'data' is []."),
        ('manifest = "m"\n[data]\nmanifest = "n"', "run.toml, line 1: manifest stands at the top and in [data]."),
        (f'manifest = "m"\nlearning_rate = {HUGE}', "run.toml, line 2: 'learning_rate' is a number of more than 40"),
        (f'manifest = "m"\nbatch = {HUGE}', "run.toml, line 2: batch is a number of more than 40 digits."),
        (f'manifest = "m"\nsteps = {"9" * 5000}', "run.toml is not valid TOML: Exceeds the limit"),
        (f'manifest = "m"\nsteps = {"[" * 9000}', "run.toml is not valid TOML: "),
        ('manifest = "m"\nthreshold = 0.0', "run.toml, line 2: threshold is 0.0."),
        ('manifest = "m"\n[network]\nattention_heads = 0', "run.toml, line 3: network.attention_heads"),
        ('manifest = "m"\n[network]\nlabels = 3', "run.toml, line 3: network.labels is 3."),
        ('manifest = "m"\n[network]\nrecurrent_share = nan', "run.toml, line 3: network.recurrent_share"),
        (f'manifest = "m"\n[network]\nwidths = [4, {4 * 10**30}]', "run.toml, line 3: network.widths is [4, "),
        (f'manifest = "{"m" * 5000}"', "run.toml, line 1: data.manifest is no path: mmm"),
        (f'manifest = "m"\ninitial_weights = "{"w" * 300}"', "run.toml, line 2: initial_weights is no path"),
        (
            'manifest = "m"\n[baseline]\nkind = "unet_3d"\nwidths = [4, 4]',
            "run.toml, line 4: baseline.widths is [4, 4].",
        ),
        ('[data]\nphantom_centre = "A"\nmore_manifests = ["n"]', "run.toml, line 3: data.more_manifests is set"),
        ('[data]\nmanifest = "m"\nphantom_share = 1.0', "run.toml, line 3: data.phantom_share is 1.0, and there is no"),
        (
            '[data]\nmanifest = "m"\nphantom_centre = "A"\nphantom_share = 0',
            "run.toml, line 4: data.phantom_share is 0, and data.phantom_centre is 'A'.",
        ),
        (
            'manifest = "m"\n[dropout]\nkind = "prevalence"\nprevalence = { "SWI" = 1e308, "DWI" = 1e308 }',
            "run.toml, line 4: dropout.prevalence.SWI = 1e+308 names no set",
        ),
    ],
)
def test_what_is_beyond_reason_or_without_effect_is_named_with_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(written(tmp_path, text))
    assert caught.value.sentence.startswith(sentence) and caught.value.advice
    assert len(str(caught.value)) < 400 and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize(
    "name",
    [
        *("learning_rate", "weight_decay", "clip_norm", "average_decay", "minimum_volume_mm3", "threshold"),
        *("crop.with_thrombus", "dropout.noise", "dropout.floor", "difficulty.all_from", "network.recurrent_share"),
        *(f"augment.{each.name}" for each in fields(module.AugmentSettings)),
        *("loss.thrombus_weight", "loss.infarct_share", "loss.gamma", "loss.beta"),
    ],
)
def test_every_number_has_bounds(name: str, value: float) -> None:
    table, _, setting = name.rpartition(".")
    values = {table: {setting: value}} if table else {setting: value}
    with pytest.raises(InputError, match=setting):
        build_settings({"data": {"manifest": "m"}, **values})


@pytest.mark.parametrize("value", [-1, 10**30])
@pytest.mark.parametrize(
    "name",
    [
        *("steps", "batch", "warmup_steps", "workers", "checkpoint_every", "seed", "crop.slices", "crop.pixels"),
        *("validation.every", "validation.cases", "validation.patience", "data.phantom_pool", "data.phantom_seed"),
        *("network.attention_heads", "network.labels", "network.sequences"),
    ],
)
def test_every_count_has_bounds(name: str, value: int) -> None:
    table, _, setting = name.rpartition(".")
    values = {table: {setting: value}} if table else {setting: value}
    with pytest.raises(InputError, match=setting):
        build_settings(
            {"data": {"manifest": "m"}, **values} if table != "data" else {"data": {"manifest": "m", setting: value}}
        )


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, and no settings file"):
        read_settings(tmp_path)
    with pytest.raises(InputError, match=r"cannot be reached \(File name too long\)"):
        read_settings(tmp_path / ("x" * 5000))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"seed": 2**70}, "seed is"),
        ({"dropout": {"noise": float("inf")}}, "dropout.noise is inf"),
        ({"validation": {"patience": 3, "every": 0}}, "nothing is validated"),
    ],
)
def test_what_no_run_can_use_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_settings({"steps": 200, "data": {"manifest": "m.csv"}, **values})
