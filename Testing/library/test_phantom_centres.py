"""Centres as settings files: what they say, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ThrombusSegLib.errors import InputError
from ThrombusSegLib.phantom import centre_names, find_centre, write_cohort
from ThrombusSegLib.phantom.simulate import _absent
from ThrombusSegLib.sequences import Sequence


def test_six_centres_and_the_sample_can_be_read() -> None:
    assert centre_names() == ["A", "B", "C", "D", "E", "F", "sample"]
    for name in centre_names():
        centre = find_centre(name)
        assert centre.name == name and centre.description
    assert all(each.present == 1.0 for each in find_centre("A").acquisitions.values())


def test_sequences_are_missing_as_often_as_the_centre_says() -> None:
    centre = find_centre("E")
    drawn = [_absent(centre, np.random.default_rng(number)) for number in range(1000)]
    for sequence, acquisition in centre.acquisitions.items():
        if sequence is not Sequence.ADC:
            assert np.mean([sequence in absent for absent in drawn]) == pytest.approx(1 - acquisition.present, abs=0.04)
    lonely = _absent(
        replace(centre, acquisitions={Sequence.SWI: centre.acquisitions[Sequence.SWI]}), np.random.default_rng(1)
    )
    assert lonely == set(Sequence) - {Sequence.SWI}


def test_a_centre_on_a_base_differs_in_what_its_file_says(tmp_path: Path) -> None:
    path = tmp_path / "thick.toml"
    path.write_text('base = "B"\nshading = 0.3\n\n[TOF]\npresent = 1.0\n', encoding="utf-8")
    base = find_centre("B")
    wanted = dict(base.acquisitions) | {Sequence.TOF: replace(base.acquisitions[Sequence.TOF], present=1.0)}
    assert find_centre(str(path)) == replace(base, name="thick", shading=0.3, acquisitions=wanted)


SWI_TABLE = "[SWI]\nin_plane_mm = [1, 1]\nslice_mm = [3, 4]\necho_time_ms = [20, 25]\nnoise = [0, 0.1]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("field_tesla = 30.0\n" + SWI_TABLE, "field_tesla is 30"),
        (SWI_TABLE + 'orientation = "oblique"\n', r"\[SWI\]: orientation 'oblique'"),
        ("[SWI]\nin_plane_mm = 0.9\n", r"\[SWI\]: 'in_plane_mm'.*two numbers"),
        ("[SWI]\nin_plane = [0.9, 1.0]\n", r"no setting 'in_plane'"),
        ("[PET]\n", r"\[PET\] is no sequence"),
        ("field_tesla = 3.0\n", "measures no sequence"),
        ("[SWI]\nnoise = [0.1, 0.2]\n", r"\[SWI\]: echo_time_ms, in_plane_mm, slice_mm missing"),
        ("[SWI\n", "not valid TOML"),
        ('base = "G"\n', "base 'G' is no bundled centre"),
        ('base = "A"\n[shading]\n', r"\[shading\] is no sequence"),
        (SWI_TABLE.replace("[1, 1]", "[0.001, 1]"), r"\[SWI\]: 172000 x 206000 x 44 voxels are too many"),
    ],
)
def test_wrong_centre_files_are_explained(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        find_centre(str(path))


def test_unknown_centre_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'Z'.*Known: A"):
        write_cohort(tmp_path, centre="Z", cases=1, seed=1)
    with pytest.raises(InputError, match="0 cases"):
        write_cohort(tmp_path, centre="A", cases=0, seed=1)
