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


def test_the_command_wants_settings_or_weights_with_cases(tmp_path: Path, capsys):
    assert main(["train", "--out", str(tmp_path / "run")]) == 2
    assert "--from-weights" in capsys.readouterr().err
