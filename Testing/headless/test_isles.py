"""A real acute stroke (ISLES 2022, DWI and ADC) through the logic, where the data lie beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("THROMBUSSEG_SHARED_DATA", ROOT.parent / "shared" / "data"))
CASE = DATA / "single_cases" / "isles22_case0001"

pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason="no ISLES 2022 case here; set THROMBUSSEG_SHARED_DATA")


def load(headless, path: Path) -> object:
    """A volume node in the scene."""
    from ThrombusSegParts.nodesToFiles import readVolume

    node = readVolume(path)
    headless.scene.AddNode(node)
    return node


def test_oblique_pair_gives_the_same_voxels_in_the_right_place(headless, tools, realLogic, tinyWeights) -> None:
    import numpy as np

    weights = "default" if tools.hasDefaultWeights() else str(tinyWeights)
    labels: list[dict[str, object]] = []
    threshold: dict[str, float] = {}
    for pair in (
        {"DWI": next(CASE.glob("*_dwi.nii.gz")), "ADC": next(CASE.glob("*_adc.nii.gz"))},
        {"DWI": CASE / "oblique_dwi.mha", "ADC": CASE / "oblique_adc.mha"},
    ):
        inputs = {sequence: load(headless, path) for sequence, path in pair.items()}
        if weights != "default" and not threshold:  # a random network finds something if the threshold is low enough
            values = slicer.util.arrayFromVolume(realLogic.process(inputs, "cpu", weights).probability)
            threshold = {"threshold": float(np.quantile(values, 0.999))}
        result = realLogic.process(inputs, "cpu", weights, threshold)
        labels.append({name: voxelsOf(result, name, inputs["DWI"]) for name in ("Thrombus", "Infarct")})
        assert result.summary["reference"] == "DWI"
        assert tools.ijkToRas(result.probability) == tools.ijkToRas(inputs["DWI"])
        checkPlace(pair["DWI"], inputs["DWI"], next(found for found in labels[-1].values() if found.any()))
    for name in ("Thrombus", "Infarct"):
        np.testing.assert_array_equal(labels[0][name], labels[1][name])


def voxelsOf(result, name: str, reference) -> object:
    """(K, J, I), whether the voxel belongs to the segment."""
    return slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentation, name, reference) > 0


def checkPlace(path: Path, node, found) -> None:
    """The first voxels of the segment have, at their place in space, the intensity that the file has there."""
    import numpy as np
    import SimpleITK as sitk
    import vtk

    image, values = sitk.ReadImage(str(path)), slicer.util.arrayFromVolume(node)
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    for k, j, i in np.argwhere(found)[:50]:
        right, anterior, superior, _one = matrix.MultiplyPoint((i, j, k, 1))
        index = image.TransformPhysicalPointToIndex((-right, -anterior, superior))
        assert image[index] == values[k, j, i]
