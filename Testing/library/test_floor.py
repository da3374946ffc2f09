"""The floor detector: what is dark, tubular and near an artery, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from ThrombusSegLib.difficulty.floor import (
    THRESHOLDS,
    FloorSettings,
    brain_brightness,
    choose_threshold,
    darkness_score,
    find_dark_tubes,
)
from ThrombusSegLib.evaluation import score_case
from ThrombusSegLib.phantom.space import Space, smooth_path
from ThrombusSegLib.phantom.vessels import COURSES

Nodes = list[tuple[float, float, float]]
FINE = Space(size=(160, 190, 130), spacing=(1.0, 1.0, 1.0), origin=(-80.0, -90.0, -65.0))
FAR: Nodes = [(30.0, 60.0, 40.0), (45.0, 50.0, 45.0)]


def on_artery(segment: str = "M1", side: float = 1.0) -> Nodes:
    return [(side * x, y, z) for x, y, z in COURSES[segment][-1]]


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


def scan(
    *lines: Nodes, brightness: float = 500.0, radius: float = 1.6, tilt: float = 0.0
) -> tuple[sitk.Image, sitk.Image]:
    """A grey ellipsoid with dark tubes, and the label of the tubes, on slices of 3 mm."""
    random = np.random.default_rng(5)
    tubes = np.max([np.zeros(FINE.shape), *(tube(FINE, line, radius) for line in lines)], axis=0).astype(np.float32)
    brain = (FINE.ellipsoid((0.0, 5.0, 0.0), (74.0, 88.0, 110.0)) < 1.0).astype(np.float32)
    values = FINE.image(brightness * brain * (1.0 - 0.9 * tubes))
    slices = sitk.Image(180, 200, 42, sitk.sitkFloat32)
    slices.SetSpacing([0.9, 0.9, 3.0])
    slices.SetOrigin([-80.0, -90.0, -64.0])
    turned = sitk.Euler3DTransform()
    turned.SetRotation(tilt, 0.0, 0.0)
    slices.SetDirection(turned.GetMatrix())
    swi = sitk.Resample(values, slices, sitk.Transform(), sitk.sitkLinear, 0.0)
    array = sitk.GetArrayFromImage(swi)
    noisy = sitk.GetImageFromArray(np.abs(array + random.normal(0.0, 0.03 * brightness, array.shape)).astype("float32"))
    noisy.CopyInformation(swi)
    labels = sitk.Resample(FINE.image(tubes), slices, sitk.Transform(), sitk.sitkLinear, 0.0) >= 0.5
    return noisy, sitk.Cast(labels, sitk.sitkUInt8)


@pytest.mark.parametrize("segment", ["M1", "M2 superior", "P2"])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_finds_a_dark_artery(segment: str, side: float) -> None:
    swi, labels = scan(on_artery(segment, side))
    score = score_case("c", labels, find_dark_tubes(swi))
    assert score.detected and score.false_positives == 0


def test_finds_it_on_tilted_slices_and_keeps_the_geometry() -> None:
    swi, labels = scan(on_artery(), tilt=0.3)
    found = find_dark_tubes(swi)
    assert found.GetPixelID() == sitk.sitkUInt8
    assert found.GetOrigin() == swi.GetOrigin() and found.GetDirection() == swi.GetDirection()
    assert score_case("c", labels, found).detected


def test_a_vein_far_from_arteries_is_left_alone() -> None:
    swi, _ = scan(FAR)
    assert not sitk.GetArrayFromImage(find_dark_tubes(swi)).any()


def test_brightness_of_the_scanner_does_not_matter() -> None:
    dim, bright = (sitk.GetArrayFromImage(darkness_score(scan(on_artery(), brightness=b)[0])) for b in (50.0, 5000.0))
    assert np.allclose(dim, bright, atol=1e-3 * bright.max())


def test_the_score_falls_with_the_distance_to_the_arteries() -> None:
    """The same tube, moved up from M1 by one and a half, two and a half and three and a half reaches of 4 mm."""
    best = []
    for up in (6.0, 10.0, 14.0):
        swi, _ = scan([(12.0, -3.0, -19.0 + up), (22.0, -3.0, -19.0 + up)])
        best.append(float(sitk.GetArrayFromImage(darkness_score(swi)).max()))
    assert best[0] > 2.0 * best[1] > 4.0 * best[2] > 0.0


def test_a_bright_artery_is_none() -> None:
    swi, _ = scan(on_artery())
    inverted = sitk.Cast(1000.0 - swi, sitk.sitkFloat32) * sitk.Cast(swi > 100.0, sitk.sitkFloat32)
    inside = sitk.GetArrayFromImage(darkness_score(swi)).max()
    assert sitk.GetArrayFromImage(darkness_score(inverted)).max() < inside


def test_findings_are_large_enough_and_few() -> None:
    swi, _ = scan(on_artery("M1"), on_artery("M1", -1.0), on_artery("P2"), on_artery("P2", -1.0))
    all_of_them = find_dark_tubes(swi)
    one = find_dark_tubes(swi, FloorSettings(most_findings=1))
    none = find_dark_tubes(swi, FloorSettings(least_volume_mm3=1e6))
    counts = [int(sitk.GetArrayFromImage(each).sum()) for each in (all_of_them, one, none)]
    assert counts[0] > counts[1] > counts[2] == 0
    assert sitk.GetArrayFromImage(sitk.ConnectedComponent(one, True)).max() == 1


def test_median_brightness_is_that_of_the_brain() -> None:
    swi, _ = scan(brightness=300.0)
    assert brain_brightness(swi) == pytest.approx(300.0, rel=0.02)


def test_an_empty_scan_and_one_elsewhere_have_no_findings() -> None:
    flat = sitk.Image(20, 20, 5, sitk.sitkFloat32)
    assert not sitk.GetArrayFromImage(find_dark_tubes(flat)).any()
    swi, _ = scan(on_artery())
    swi.SetOrigin([5000.0, 0.0, 0.0])
    assert not sitk.GetArrayFromImage(find_dark_tubes(swi)).any()


def test_the_threshold_is_the_lowest_within_the_limit() -> None:
    scans = [scan(on_artery("M1"), on_artery("P2")), scan(on_artery("M2 superior"))]

    def wrong(threshold: float) -> float:
        settings = FloorSettings(threshold=threshold)
        return float(
            np.mean([score_case("c", labels, find_dark_tubes(swi, settings)).false_positives for swi, labels in scans])
        )

    strict, loose = (choose_threshold(scans, most_false_positives=limit) for limit in (0.0, 2.0))
    assert loose <= strict
    for chosen, limit in ((strict, 0.0), (loose, 2.0)):
        lower = THRESHOLDS[THRESHOLDS.index(chosen) - 1]
        assert wrong(chosen) <= limit < wrong(lower)
    assert choose_threshold(scans, most_false_positives=-1.0) == max(THRESHOLDS)
