"""Fine-tuning on corrected cases: settings, a short run, what it brought."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.cli.main import main
from ThrombusSegLib.errors import InputError
from ThrombusSegLib.review import ReviewRecord, save_case
from ThrombusSegLib.sequences import Sequence

pytest.importorskip("scipy")
pytest.importorskip("monai")


@pytest.fixture
def corrected(tmp_path: Path, images: dict[str, Path]) -> Path:
    """Two corrected cases with SWI and DWI."""
    scans = {Sequence(name): sitk.ReadImage(str(images[name])) for name in ("SWI", "DWI")}
    for number in range(2):
        array = np.zeros((12, 40, 36), np.uint8)
        array[5:7, 18:22, 8 + 2 * number : 20] = 1
        labels = sitk.GetImageFromArray(array)
        labels.CopyInformation(scans[Sequence.SWI])
        record = ReviewRecord(
            case=f"case-{number}", annotator="annotator-1", reference=Sequence.SWI, used=(Sequence.SWI, Sequence.DWI)
        )
        save_case(tmp_path / "corrected", record, labels, scans)
    return tmp_path / "corrected"


def test_settings_go_on_from_the_weights_with_a_share_of_simulated_cases(corrected: Path, tiny_weights: Path):
    from ThrombusSegLib.review.learn import settings_from
    from ThrombusSegLib.training import TrainSettings
    from ThrombusSegLib.training.settings import DataSettings

    settings = settings_from(str(tiny_weights), corrected, phantom_centre="C", phantom_share=0.3)
    assert settings.network.widths == (4, 8, 8)
    assert (settings.data.phantom_centre, settings.data.phantom_share) == ("C", 0.3)
    assert Path(settings.data.manifest) == corrected.resolve()
    assert settings.minimum_volume_mm3 == 4.0
    assert settings.learning_rate < TrainSettings(data=DataSettings(manifest="x")).learning_rate
    assert settings_from(str(tiny_weights), corrected, phantom_centre="").data.phantom_share == 0.0
    with pytest.raises(InputError, match="does not exist"):
        settings_from(str(tiny_weights), corrected / "nowhere")


def test_the_command_fine_tunes_registers_and_shows_before_and_after(corrected: Path, tiny_weights, tmp_path, capsys):
    out = tmp_path / "run"
    (tmp_path / "small.toml").write_text(
        f"steps = 2\nbatch = 1\nwarmup_steps = 0\nworkers = 0\n[data]\nmanifest = '{corrected.as_posix()}'\n"
        "[validation]\nevery = 0\n[crop]\nslices = 4\npixels = 16\n",
        encoding="utf-8",
    )
    command = [
        "train",
        str(tmp_path / "small.toml"),
        "--from-weights",
        str(tiny_weights),
        "--corrected",
        str(corrected),
    ]
    command += ["--phantom-centre", "", "--out", str(out), "--register", "bent", "--held-out", str(corrected)]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "Registered as bent." in told and "On 2 held-out cases" in told and "detection_rate: before" in told
    found = json.loads((out / "before_after.json").read_text())
    assert set(found["dice_all_cases"]) == {"before", "after", "difference"}
    assert main(["weights", "list"]) == 0
    assert "bent" in capsys.readouterr().out


def write_base(tmp_path: Path, corrected: Path, more: str = "") -> Path:
    path = tmp_path / "base.toml"
    path.write_text(
        f"steps = 2\nwarmup_steps = 0\nthreshold = 0.33\n[data]\nmanifest = '{corrected.as_posix()}'\n{more}"
    )
    return path


def test_the_settings_own_values_stay_unless_options_replace_them(corrected: Path, tiny_weights: Path, tmp_path: Path):
    from ThrombusSegLib.review.learn import settings_from
    from ThrombusSegLib.training.read import names_in, read_settings

    file = write_base(tmp_path, corrected, 'phantom_centre = "B"\nphantom_share = 0.1\n[network]\nwidths = [4, 8]\n')
    base, named = read_settings(file), names_in(file)
    kept = settings_from(str(tiny_weights), corrected, base=base, named=named)
    assert (kept.data.phantom_centre, kept.data.phantom_share, kept.threshold) == ("B", 0.1, 0.33)
    assert kept.network.widths == (4, 8) and kept.minimum_volume_mm3 == 4.0
    given = settings_from(str(tiny_weights), corrected, base=base, named=named, phantom_centre="C", phantom_share=0.7)
    assert (given.data.phantom_centre, given.data.phantom_share) == ("C", 0.7)
    plain = read_settings(write_base(tmp_path, corrected))
    assert settings_from(str(tiny_weights), corrected, base=plain).data.phantom_centre == ""
    alone = settings_from(str(tiny_weights), corrected)
    assert (alone.data.phantom_centre, alone.data.phantom_share) == ("A", 0.5)
    with pytest.raises(InputError, match=r"share of simulated crops is 0\.3, and there is no simulated centre"):
        settings_from(str(tiny_weights), corrected, base=plain, phantom_share=0.3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--corrected", "nosuch"], "--corrected is for learning from corrections"),
        (["--steps", "1"], "--steps is for learning from corrections"),
        (["--phantom-centre", ""], "--phantom-centre is for learning from corrections"),
        (["--phantom-share", "7"], "--phantom-share is for learning from corrections"),
        (["--held-out", "nosuch"], "--held-out is for learning from corrections"),
        (["--register", "a/b"], "'a/b' cannot be a name for weights"),
        (["--register", "phantom-a"], "There are other weights called phantom-a"),
        (["--from-weights", "phantom-a", "--held-out", "nosuch"], "nosuch does not exist"),
    ],
)
def test_options_at_fault_are_told_before_the_training(options, said, corrected: Path, tmp_path: Path, capsys):
    out = tmp_path / "run"
    assert main(["train", str(write_base(tmp_path, corrected)), "--out", str(out), *options]) == 2
    told = capsys.readouterr().err
    assert said in told and str(tmp_path) not in told and not out.exists()


def test_the_command_wants_settings_or_weights_with_cases(tmp_path: Path, capsys):
    assert main(["train", "--out", str(tmp_path / "run")]) == 2
    assert "--from-weights" in capsys.readouterr().err
