"""report.html: self-contained, true to the result, and it gives nothing away."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ThrombusSegLib.case import read_case
from ThrombusSegLib.inference import Predictor, SegmentResult, segment_case
from ThrombusSegLib.report import report_page
from ThrombusSegLib.report.colours import attention_colours
from ThrombusSegLib.report.contour import outline
from ThrombusSegLib.report.figures import letters
from ThrombusSegLib.report.png import encode
from ThrombusSegLib.sequences import Sequence
from ThrombusSegLib.weights import find_weights


@pytest.fixture
def result(images: dict[str, Path], tiny_weights: Path, finds_a_clot: None) -> SegmentResult:
    paths = {Sequence[name]: images[name] for name in ("SWI", "DWI", "TOF")}
    case = read_case(paths, name="<script>alert(1)</script> & Müller")
    return segment_case(case, Predictor(find_weights(tiny_weights), "cpu"))


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S).split())


def test_png_is_read_back_by_others():
    random = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3), (1, 1)):
        pixels = random.integers(0, 256, shape).astype(np.uint8)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(pixels)))), pixels)


def test_outlines_are_closed_and_lie_on_the_level():
    y, x = np.mgrid[0:40, 0:50]
    values = (10.0 - np.hypot(x - 20, y - 15)).astype(np.float32)
    segments = outline(values, 2.03)
    assert np.allclose(np.hypot(*(segments.reshape(-1, 2) - 0.5 - (20, 15)).T), 7.97, atol=0.1)
    ends, counts = np.unique(np.round(segments.reshape(-1, 2), 6), axis=0, return_counts=True)
    assert set(counts) == {2}
    assert len(ends) == len(segments)


def test_outlines_are_closed_at_the_border_and_at_saddles():
    values = np.zeros((4, 4), np.float32)
    values[0, 0] = values[1, 1] = values[3, 3] = 1
    _, counts = np.unique(np.round(outline(values, 0.5).reshape(-1, 2), 6), axis=0, return_counts=True)
    assert set(counts) == {2}
    assert len(outline(np.zeros((3, 3), np.float32), 0.5)) == 0


def test_letters_follow_the_patient():
    assert letters((1.0, 0.0, 0.0)) == ("R", "L")
    assert letters((-0.9, 0.1, 0.0)) == ("L", "R")
    assert letters((0.1, 0.99, 0.0)) == ("A", "P")
    assert letters((0.0, 0.1, -0.9)) == ("S", "I")


def test_more_attention_is_lighter():
    colours = attention_colours(np.linspace(0, 1, 256, dtype=np.float32)[None])
    assert (np.diff(colours[0] @ np.array([0.2126, 0.7152, 0.0722])) >= -0.6).all()


class Checker(HTMLParser):
    """Collects addresses, and checks that elements are closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_self_contained_and_escaped(result: SegmentResult):
    page = report_page(result)
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert "script" not in checker.tags
    assert "&lt;script&gt;alert(1)" in page
    assert "Müller" in page
    assert all(address.startswith("data:image/png;base64,") for address in checker.addresses)
    for address in checker.addresses:
        Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).verify()
    assert "url(" not in page
    assert "@import" not in page
    assert len(page) < 5e6


def test_the_page_has_no_path(result: SegmentResult, images: dict[str, Path], tiny_weights: Path):
    page = report_page(replace(result, warnings=("something",)))
    for path in (*images.values(), tiny_weights):
        assert str(path.parent) not in page
        assert path.parent.name not in page
    assert str(Path.home()) not in page
    assert "swi 1.nii.gz" in page


def test_the_page_says_what_was_found_used_and_absent(result: SegmentResult):
    page = report_page(result)
    text = text_of(page)
    first = result.candidates.found[0]
    assert "One candidate for a thrombus: patient’s right" in text
    assert f"{first.length_feret_mm:.1f}" in text
    assert "Research software" in text
    assert "Trained on nothing at all" in text
    assert "Used: SWI, DWI, TOF, reference SWI. Absent: ADC, FLAIR." in text
    assert text.count("absent") == 2
    assert result.weights.sha256 in text
    assert "Feret" in text
    assert page.count("<svg") == 3 * (1 + 3 + 1)  # sequences x (whole, three slices, attention)
    assert page.count('class="contour thrombus"') >= 3 * 3
    assert "10 mm" in text
    assert ">R</text>" in page


def test_an_empty_result_is_explained(result: SegmentResult):
    empty = replace(result, candidates=type(result.candidates)((), np.zeros_like(result.candidates.labels)))
    text = text_of(report_page(empty))
    assert "No thrombus found." in text
    assert "It does not mean that no artery is occluded" in text
    assert "Where the probability is highest (0.90)" in text


def test_one_sequence_and_one_slice_make_a_page(images: dict[str, Path], tiny_weights: Path, finds_a_clot: None):
    case = read_case({Sequence.SWI: images["SWI"]})
    image = case.images[Sequence.SWI]
    single = replace(case, images={Sequence.SWI: image[:, :, 6:7]})
    result = segment_case(single, Predictor(find_weights(tiny_weights), "cpu"))
    text = text_of(report_page(result))
    assert "single sequence" in text
    assert "slice 1 of SWI" in text
