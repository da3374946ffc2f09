"""The simulated head: arteries, veins, tissues and distractors lie where they should, and vary as they should."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ThrombusSegLib.phantom import tissue
from ThrombusSegLib.phantom.anatomy import Head, build_head
from ThrombusSegLib.phantom.brain import horn_tubes
from ThrombusSegLib.phantom.distractors import BLEED, CALCIFIED, OLD_LESION, WHITE_LESION
from ThrombusSegLib.phantom.form import draw_form
from ThrombusSegLib.phantom.shapes import paint_tubes, smooth_field
from ThrombusSegLib.phantom.space import Space, arc_length, smooth_path
from ThrombusSegLib.phantom.stroke import SEGMENTS
from ThrombusSegLib.phantom.veins import PAIRED, TRANSVERSE
from ThrombusSegLib.phantom.vessels import (
    COURSES,
    FETAL_POSTERIOR,
    THIN_A1,
    Artery,
    downstream,
    draw_arteries,
    draw_tree,
)

COARSE = Space(size=(84, 104, 76), spacing=(2.0, 2.0, 2.0), origin=(-83.0, -95.0, -62.0))
CUBE = Space(size=(60, 60, 60), spacing=(1.0, 1.0, 1.0), origin=(-29.5, -29.5, -29.5))
HEADS = 18


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    return [build_head(COARSE, np.random.default_rng([8, number])) for number in range(HEADS)]


@pytest.fixture(scope="module")
def trees() -> list[dict[tuple[str, str], Artery]]:
    drawn = (draw_arteries(np.random.default_rng([9, number])) for number in range(40))
    return [{(each.segment, each.side): each for each in tree} for tree in drawn]


def share_of(head: Head, *kinds: tissue.Tissue) -> np.ndarray:
    return np.isin(head.labels, [tissue.label_of(each) for each in kinds])


def millilitres(mask: np.ndarray) -> float:
    return float(mask.sum()) * float(np.prod(COARSE.spacing)) / 1000.0


def test_tree_is_complete_joined_and_on_its_sides(trees: list[dict[tuple[str, str], Artery]]) -> None:
    names = {name for name, _ in trees[0]}
    assert set(SEGMENTS) <= names and {"vertebral", "PCom", "ACom", "M3 superior anterior"} <= names
    for tree in trees:
        assert len(tree) == 36  # 17 pairs, basilar, anterior communicating artery - and nothing twice
        for (name, side), artery in tree.items():
            if side != "midline":
                assert np.sign(artery.points[:, 0].mean()) == (1 if side == "left" else -1), (name, side)
            if artery.fed_by is not None:
                source_side = artery.fed_from or artery.side
                parent = tree.get((artery.fed_by, source_side)) or tree[(artery.fed_by, "midline")]
                gaps = np.linalg.norm(parent.points - artery.points[0], axis=1)
                assert gaps.min() < 1e-6, (name, side)
        for side in ("left", "right"):
            assert np.allclose(tree[("vertebral", side)].points[-1], tree[("basilar", "midline")].points[0])


def test_segments_lie_where_their_names_say(trees: list[dict[tuple[str, str], Artery]]) -> None:
    for tree in trees:
        for side in ("left", "right"):
            middle = {name: artery.points.mean(axis=0) for (name, where), artery in tree.items() if where == side}
            ends = {name: artery.points[-1] for (name, where), artery in tree.items() if where == side}
            assert abs(ends["M1"][0]) > abs(ends["ICA"][0]) + 10.0  # M1 runs outwards
            assert abs(ends["A1"][0]) < abs(ends["ICA"][0])  # A1 inwards
            assert middle["M2 superior"][2] > middle["M2 inferior"][2]
            assert middle["A2"][1] < middle["M1"][1] < middle["P2"][1]  # front to back: y grows backwards
            assert ends["ICA"][2] > tree[("ICA cervical", side)].points[0][2] + 30.0  # upwards from the neck
            m3 = [name for name in middle if name.startswith("M3")]
            assert len(m3) == 6 and all(abs(ends[name][0]) > 40.0 for name in m3)
            assert ends["M3 superior anterior"][1] < ends["M3 superior posterior"][1]


def test_radii_are_in_range_and_taper(trees: list[dict[tuple[str, str], Artery]]) -> None:
    for tree in trees:
        for (name, _), artery in tree.items():
            assert 0.2 < artery.radius_mm < 3.0, name
            assert artery.radii.shape == (len(artery.points),) and artery.radii[-1] <= artery.radii[0]
    usual = np.median([tree[("M1", side)].radius_mm for tree in trees for side in ("left", "right")])
    assert usual == pytest.approx(COURSES["M1"][1], rel=0.1)


def test_blood_takes_the_way_of_the_variant() -> None:
    thin = fetal = 0
    for number in range(150):
        arteries, variants = draw_tree(np.random.default_rng([10, number]))
        by_name = {(each.segment, each.side): each for each in arteries}
        thin += bool(variants.thin_a1)
        fetal += len(variants.fetal)
        for side, other in (("left", "right"), ("right", "left")):
            fed = {(each.segment, each.side) for each in downstream(arteries, by_name[("ICA", side)])}
            assert {("M1", side), ("M2 superior", side), ("M3 inferior posterior", side)} <= fed
            assert (("P2", side) in fed) == (side in variants.fetal)
            assert (("A2", side) in fed) == (variants.thin_a1 != side)
            assert (("A2", other) in fed) == (variants.thin_a1 == other)
            if side in variants.fetal:
                assert by_name[("P1", side)].radius_mm < by_name[("PCom", side)].radius_mm
        posterior = {(each.segment, each.side) for each in downstream(arteries, by_name[("basilar", "midline")])}
        assert {side for name, side in posterior if name == "P2"} == {"left", "right"} - set(variants.fetal)
    assert thin / 150 == pytest.approx(THIN_A1, abs=0.075)
    assert fetal / 300 == pytest.approx(FETAL_POSTERIOR, abs=0.06)


def test_veins_keep_out_of_arteries_and_inside_the_skull(heads: list[Head]) -> None:
    for head in heads:
        assert (head.venous + head.arterial <= 1.0 + 1e-6).all()
        assert not head.venous[head.arterial >= 0.5].any()
        assert not head.venous[share_of(head, tissue.AIR, tissue.SCALP)].any()
        assert 5.0 < millilitres(head.venous) < 40.0


def test_some_veins_look_like_clots() -> None:
    nodes, (least, most), _ = PAIRED["deep Sylvian"]
    path, m1 = smooth_path(np.array(nodes, dtype=float)), smooth_path(np.array(COURSES["M1"][2], dtype=float))
    beside = path[[np.linalg.norm(m1 - point, axis=1).min() < 6.0 for point in path]]
    assert arc_length(beside)[-1] > 10.0
    assert least < COURSES["M1"][1] <= most
    assert np.array(TRANSVERSE)[:, 1].max() > 85.0


def test_every_distractor_lies_inside_the_head(heads: list[Head]) -> None:
    allowed = {
        BLEED: (tissue.MICROBLEED,),
        CALCIFIED: (tissue.CALCIFICATION, tissue.IRON),
        OLD_LESION: (tissue.GLIOSIS, tissue.CSF),
        WHITE_LESION: (tissue.HYPERINTENSITY,),
    }
    seen = set()
    for head in heads:
        for kind, tissues in allowed.items():
            here = head.distractors == kind
            assert share_of(head, *tissues)[here].all(), kind
            seen |= {kind} if here.any() else set()
        assert head.distractors.max() <= 4
    assert seen == set(allowed)


def test_bleeds_are_counted(heads: list[Head]) -> None:
    for head in heads:
        counted = float(head.drawn["lobar_microbleeds"]) + float(head.drawn["deep_microbleeds"])
        there = int((head.distractors == BLEED).sum())
        assert (there > 0) == (counted > 0) and there >= 0.8 * counted  # two may share a voxel of the coarse grid
    with_bleeds = np.mean([(head.distractors == BLEED).any() for head in heads])
    assert 0.15 < with_bleeds < 0.8


def test_drawn_parameters_can_be_written_as_json(heads: list[Head]) -> None:
    keys = {frozenset(head.drawn) for head in heads}
    assert len(keys) == 1
    assert json.loads(json.dumps(dict(heads[0].drawn))) == heads[0].drawn
    wanted = {
        "atrophy", "ventricle_width", "ventricle_left_share", "skull_mm", "right_frontal_mm", "left_occipital_mm",
        "white_matter_burden", "lobar_microbleeds", "deep_microbleeds", "old_lacunes", "old_cortical_infarcts",
        "calcified_pineal_mm", "iron", "thin_a1", "fetal_posterior", "medullary_veins",
    }  # fmt: skip
    assert wanted <= set(heads[0].drawn)
    assert len({head.drawn["atrophy"] for head in heads}) == HEADS


def test_atrophy_widens_ventricles_and_sulci_together(heads: list[Head]) -> None:
    atrophy = np.array([head.drawn["atrophy"] for head in heads], dtype=float)
    _, y, z = COARSE.axes()
    middle = np.broadcast_to((y > -40) & (y < 80) & (z > 0), COARSE.shape)
    upper = np.broadcast_to(z > 35.0, COARSE.shape)
    volumes = [millilitres(share_of(head, tissue.CSF) & middle & ~upper) for head in heads]
    sulci = [
        (share_of(head, tissue.CSF) & upper).sum() / (share_of(head, tissue.CSF, *tissue.BRAIN) & upper).sum()
        for head in heads
    ]
    assert np.corrcoef(atrophy, volumes)[0, 1] > 0.5
    assert np.corrcoef(atrophy, sulci)[0, 1] > 0.5
    horns = []
    for value in (0.0, 1.0):
        forms = [draw_form(np.random.default_rng([11, number])) for number in range(20)]
        picked = sorted(forms, key=lambda form: abs(form.atrophy - value))[:3]
        horns.append(np.mean([paint_tubes(COARSE, horn_tubes(form)).sum() for form in picked]))
    assert horns[1] > 1.4 * horns[0]


def test_brain_has_the_volumes_of_a_brain(heads: list[Head]) -> None:
    grey = np.array([millilitres(share_of(head, tissue.GREY, tissue.PALLIDUM, tissue.IRON)) for head in heads])
    white = np.array([millilitres(share_of(head, tissue.WHITE, tissue.HYPERINTENSITY)) for head in heads])
    assert 900.0 < (grey + white).mean() < 1500.0
    assert 0.7 < (grey / white).mean() < 2.2


def test_halves_differ_and_veins_of_both_sides_too(heads: list[Head]) -> None:
    for head in heads[:6]:
        brain = share_of(head, *tissue.BRAIN)
        assert (brain != brain[:, :, ::-1]).mean() > 0.01
    widths = np.array([head.drawn["ventricle_left_share"] for head in heads], dtype=float)
    assert widths.std() > 0.03 and (widths > 1).any() and (widths < 1).any()
    form = replace(draw_form(np.random.default_rng(3)), left_occipital_mm=6.0)
    left, right = form.surface_points(np.array([[0.3, 1.0, 0.0], [-0.3, 1.0, 0.0]]))[:, 1]
    assert left > right + 1.0


def test_air_lies_below_the_brain_and_beside_it(heads: list[Head]) -> None:
    x, y, z = COARSE.axes()
    sphenoid = (np.abs(x) < 12) & (y < 4) & (y > -32) & (z > -48) & (z < -24)
    mastoid = (np.abs(x) > 42) & (np.abs(x) < 68) & (y > 16) & (y < 52) & (z > -60) & (z < -26)
    for head in heads:
        air = share_of(head, tissue.AIR)
        assert millilitres(air & sphenoid) > 0.3
        assert millilitres(air & mastoid) > 0.3
        inside = (COARSE.ellipsoid((0.0, 12.0, 25.0), (50.0, 65.0, 45.0)) < 1.0) & (z > 5.0)
        assert not (air & inside).any()


def test_same_seed_same_arrays() -> None:
    one, two = (build_head(COARSE, np.random.default_rng(77)) for _ in range(2))
    for name in ("labels", "arterial", "venous", "texture", "distractors"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    assert one.drawn == two.drawn
    other = build_head(COARSE, np.random.default_rng(78))
    assert not np.array_equal(one.labels, other.labels)


def test_smooth_field_has_unit_variance_and_its_scale() -> None:
    fields = [smooth_field(CUBE.axes(), np.random.default_rng(number), 6.0) for number in range(8)]
    assert np.mean([field.var() for field in fields]) == pytest.approx(1.0, abs=0.15)
    field = fields[0]
    near = np.corrcoef(field[:, :, :-1].ravel(), field[:, :, 1:].ravel())[0, 1]
    far = np.corrcoef(field[:, :, :-24].ravel(), field[:, :, 24:].ravel())[0, 1]
    assert near > 0.9 > 0.3 > abs(far)


@pytest.mark.parametrize("radius", [0.3, 0.6, 1.5, 4.0])
def test_painted_tubes_have_their_true_volume(radius: float) -> None:
    path = smooth_path(np.array([[-18.0, 3, 0], [0, 0, 2], [18, 1, -1]]), 0.25)
    inside = paint_tubes(CUBE, [(path, radius)], true_volume=True)
    expected = np.pi * radius**2 * (arc_length(path)[-1] + 4 / 3 * radius)
    assert inside.sum() == pytest.approx(expected, rel=0.25 if radius < 1 else 0.08)
