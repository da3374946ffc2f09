"""Clots, territories and infarcts: where they lie, how they are distributed, real shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.phantom import stroke as stroke_module
from ThrombusSegLib.phantom import tissue
from ThrombusSegLib.phantom.anatomy import Head, build_head
from ThrombusSegLib.phantom.real import find_real_shapes, real_infarct, with_real_tissue
from ThrombusSegLib.phantom.space import Space, Tubes
from ThrombusSegLib.phantom.stroke import SEGMENTS, WIDENING, Stroke, draw_mimic, draw_stroke
from ThrombusSegLib.phantom.territory import find_territory, infarct_of
from ThrombusSegLib.phantom.vessels import downstream

#: The head on a coarse grid: fast, and good enough for what does not depend on fine structure.
COARSE = Space(size=(84, 104, 60), spacing=(2.0, 2.0, 2.5), origin=(-83.0, -95.0, -62.0))


@pytest.fixture(scope="module")
def strokes() -> list[tuple[Head, Stroke]]:
    drawn = []
    for number in range(120):
        head = build_head(COARSE, np.random.default_rng([5, number, 0]))
        drawn.append((head, draw_stroke(COARSE, head, np.random.default_rng([5, number, 1]))))
    return drawn


def test_strokes_are_drawn_as_the_literature_has_them(strokes: list[tuple[Head, Stroke]]) -> None:
    truths = [stroke.truth for _, stroke in strokes if stroke.truth is not None]
    assert len(truths) == 120
    share = {name: np.mean([t.segment == name for t in truths]) for name in SEGMENTS}
    assert share["M1"] == pytest.approx(0.42, abs=0.14)  # three standard errors of 120 draws
    assert np.mean([not t.sign_present for t in truths]) == pytest.approx(0.15, abs=0.1)
    proximal = [t.length_mm for t in truths if t.segment in ("ICA", "M1")]
    assert 10.0 < np.median(proximal) < 22.0
    assert all(3.0 <= t.length_mm <= 40.0 and 0.5 <= t.hours_since_onset <= 24.0 for t in truths)
    assert {t.side for t in truths} >= {"left", "right", "midline"}


def test_as_many_clots_lie_in_pieces_as_in_the_literature() -> None:
    head = build_head(COARSE, np.random.default_rng([5, 0, 0]))
    tiny = Space(size=(8, 10, 6), spacing=(20.0, 20.0, 25.0), origin=(-83.0, -95.0, -62.0))
    random, found = np.random.default_rng(8), []
    for _ in range(4000):
        artery = stroke_module._choose(head.arteries, random)
        path = stroke_module._path(head.arteries, artery, random)
        found.append(stroke_module.draw_clot(tiny, artery, path, random).fragments)
    assert 0.074 <= np.mean(np.array(found) > 1) <= 0.112


def test_pieces_and_length_are_what_the_truth_says() -> None:
    fine = Space(size=(60, 60, 120), spacing=(0.5, 0.5, 0.5), origin=(-15.0, -15.0, -30.0))
    points = np.stack([np.zeros(400), np.zeros(400), np.linspace(-28.0, 28.0, 400)], axis=1)
    path = stroke_module._Path(points, np.full(400, 1.5), ["M1"] * 400)
    for pieces in (1, 2, 3):
        clot, _ = stroke_module._clot(fine, path, (5.0, 30.0), pieces, 1.2)
        inside = sitk.GetImageFromArray((clot >= 0.4).astype(np.uint8))
        labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(inside))
        assert labels.max() == pieces
        heights = np.argwhere(labels)[:, 0] * 0.5
        assert np.ptp(heights) + 0.5 == pytest.approx(30.0, abs=1.0)


def test_small_deep_infarcts_are_deep() -> None:
    seen = 0
    for number in range(60):
        head = build_head(COARSE, np.random.default_rng([5, number % 4, 0]))
        mimic = draw_mimic(COARSE, head, np.random.default_rng([9, number]))
        if mimic.mimic == "lacune":
            seen += 1
            assert 8.0 <= abs(mimic.mimic_drawn["left_mm"]) <= 32.0 and mimic.mimic_drawn["up_mm"] <= 26.0
    assert seen > 5


def test_clots_lie_inside_their_stretched_arteries(strokes: list[tuple[Head, Stroke]]) -> None:
    for head, stroke in strokes[:30]:
        assert stroke.truth is not None
        stretched = Tubes(COARSE)
        for artery in head.arteries:
            if artery.segment in stroke.truth.segments and artery.side in (stroke.truth.side, "left", "right"):
                stretched.draw(artery.points, WIDENING[1] * artery.radius_mm * 1.01)
        assert (stroke.clot <= stretched.inside + 1e-3).all(), stroke.truth


def test_infarcts_keep_to_the_territory_of_the_clot(strokes: list[tuple[Head, Stroke]]) -> None:
    x, _, _ = COARSE.axes()
    right_side = 0
    for _, stroke in strokes:
        assert stroke.truth is not None
        if stroke.truth.segment not in ("M1", "M2 superior", "M2 inferior") or not stroke.infarct.any():
            continue
        own = (x > 0) if stroke.truth.side == "left" else (x < 0)
        assert (stroke.infarct * own).sum() > 0.9 * stroke.infarct.sum()
        assert stroke.truth.infarct_ml <= 1.3 * stroke.truth.starved_ml + 2.0
        right_side += 1
    assert right_side > 40


def test_collaterals_save_tissue_and_hours_lose_it(strokes: list[tuple[Head, Stroke]]) -> None:
    head, _ = strokes[0]
    m1 = next(artery for artery in head.arteries if artery.segment == "M1")
    territory = find_territory(COARSE, head, [m1, *downstream(head.arteries, m1)], np.random.default_rng(0))

    def lost(hours: float, collaterals: float) -> float:
        return float(infarct_of(COARSE, head, territory, hours, collaterals).sum())

    assert lost(3.0, 0.9) < lost(3.0, 0.2) < lost(8.0, 0.2)
    assert territory.millilitres > 50.0


def ball(path: Path, centre: tuple[float, float, float], radius: float) -> Path:
    """A binary mask in standard space, as someone's drawn infarct."""
    grid = Space(size=(80, 100, 70), spacing=(2.0, 2.0, 2.0), origin=(-80.0, -100.0, -60.0))
    mask = (grid.ellipsoid(centre, (radius, radius, radius)) < 1.0).astype(np.uint8)
    sitk.WriteImage(grid.image(mask), path)
    return path


def test_a_real_infarct_is_taken_where_it_fits_the_territory(tmp_path: Path) -> None:
    left = ball(tmp_path / "left.nii.gz", (45.0, 5.0, 20.0), 14.0)
    right = ball(tmp_path / "right.nii.gz", (-45.0, 5.0, 20.0), 14.0)
    shapes = find_real_shapes(tmp_path, None)
    assert shapes.infarcts == (left, right)
    head = build_head(COARSE, np.random.default_rng([5, 0, 0]))
    for side, expected in (("left", left.name), ("right", right.name)):
        m1 = next(artery for artery in head.arteries if (artery.segment, artery.side) == ("M1", side))
        fed = find_territory(COARSE, head, [m1, *downstream(head.arteries, m1)], np.random.default_rng(0))
        found = real_infarct(COARSE, head, fed, shapes, np.random.default_rng(1))
        assert found is not None and found[1] == expected
        x, _, _ = COARSE.axes()
        assert np.sign((found[0] * x).sum()) == (1 if side == "left" else -1)
    basilar = next(artery for artery in head.arteries if artery.segment == "basilar")
    brainstem = find_territory(COARSE, head, [basilar], np.random.default_rng(0))
    assert real_infarct(COARSE, head, brainstem, shapes, np.random.default_rng(1)) is None


def test_real_tissue_replaces_brain_and_nothing_else(tmp_path: Path) -> None:
    grid = Space(size=(80, 100, 70), spacing=(2.0, 2.0, 2.0), origin=(-80.0, -100.0, -60.0))
    radius = grid.ellipsoid((0.0, 10.0, 15.0), (60.0, 78.0, 60.0))
    t1 = np.select([radius < 0.7, radius < 0.9, radius < 1.0], [1000.0, 600.0, 200.0]).astype(np.float32)
    sitk.WriteImage(grid.image(t1), tmp_path / "someone_T1.nii.gz")
    head = build_head(COARSE, np.random.default_rng([5, 0, 0]))
    real = with_real_tissue(COARSE, head, find_real_shapes(None, tmp_path), np.random.default_rng(0))
    assert real.drawn["tissue_of"] == "someone_T1.nii.gz"
    changed = real.labels != head.labels
    soft = [tissue.label_of(each) for each in (tissue.CSF, tissue.GREY, tissue.WHITE)]
    assert changed.any() and np.isin(head.labels[changed], soft).all() and np.isin(real.labels[changed], soft).all()
    inside = COARSE.ellipsoid((0.0, 10.0, 40.0), (12.0, 40.0, 6.0)) < 1.0
    assert np.mean(real.labels[inside & np.isin(head.labels, soft)] == tissue.label_of(tissue.WHITE)) > 0.8


def test_folders_of_real_shapes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.nii\.gz"):
        find_real_shapes(tmp_path / "nowhere", None)
    ball(tmp_path / "mask.nii.gz", (0.0, 0.0, 0.0), 10.0)
    with pytest.raises(InputError, match="no T1-weighted"):
        find_real_shapes(None, tmp_path)
