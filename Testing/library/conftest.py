"""A tiny network with random weights, and small images in which something is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk


@pytest.fixture(autouse=True)
def own_registry(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or changes the registry of the user who runs it."""
    folder = tmp_path_factory.mktemp("registry")
    monkeypatch.setenv("THROMBUSSEG_WEIGHTS", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .safetensors file of a random network that is small and quick."""
    import torch

    from ThrombusSegLib.network import NetworkSettings, build_network
    from ThrombusSegLib.weights import WeightsMetadata, save_network

    settings = NetworkSettings(widths=(4, 8, 8), attention_heads=2, recurrent_levels=1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build_network(settings)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    card = "Random numbers, for tests."
    save_network(
        network, path, WeightsMetadata(settings, card, "nothing at all", threshold=0.5, minimum_volume_mm3=4.0)
    )
    return path


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Paths of five sequences of a blob that is not symmetrical, 24 x 40 x 36 voxels of 4 x 2 x 2 mm, one grid."""
    folder = tmp_path_factory.mktemp("bilder mit ümlaut")
    random = np.random.default_rng(3)
    z, y, x = np.mgrid[0:12, 0:40, 0:36]
    head = ((x - 18) / 15) ** 2 + ((y - 20) / 18) ** 2 + ((z - 6) / 9) ** 2 < 1
    paths = {}
    for number, name in enumerate(("SWI", "DWI", "ADC", "FLAIR", "TOF")):
        texture = np.sin(x / 4 + number) * np.cos(y / 5) + 0.5 * np.sin((x + 2 * y + 3 * z) / 6)
        values = head * (200 + 40 * texture + random.normal(0, 4, x.shape)) + random.uniform(0, 3, x.shape)
        image = sitk.GetImageFromArray(values.astype(np.float32))
        image.SetSpacing((2.0, 2.0, 4.0))
        image.SetOrigin((-36.0, -40.0, -20.0))
        paths[name] = folder / f"{name.lower()} 1.nii.gz"
        sitk.WriteImage(image, str(paths[name]))
    return paths


@pytest.fixture
def finds_a_clot(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every prediction say that there is one thrombus, near the patient's right, and an infarct beside it."""
    from ThrombusSegLib.inference import Predictor
    from ThrombusSegLib.inference.predictor import Prediction

    real: Callable[..., Prediction] = Predictor.predict

    def predict(self: Predictor, *arguments: object) -> Prediction:
        honest = real(self, *arguments)
        thrombus = np.full(honest.thrombus.shape, 0.05, np.float32)
        infarct = thrombus.copy()
        slices, rows, columns = thrombus.shape
        k, j, i = slices // 2, rows // 2, columns // 4
        thrombus[k : k + 2, j : j + 3, i : i + 8] = 0.9
        infarct[k : k + 2, j : j + 12, i : i + 12] = 0.8
        return Prediction(thrombus, infarct, honest.attention)

    monkeypatch.setattr(Predictor, "predict", predict)
    yield


@pytest.fixture
def quick_simulator(images: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cases of the same images with a made clot each, in no time; a list of the centres that were asked for."""
    import json
    import shutil

    from ThrombusSegLib.case import ManifestRow, write_manifest
    from ThrombusSegLib.experiments import cohorts
    from ThrombusSegLib.sequences import Sequence

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
