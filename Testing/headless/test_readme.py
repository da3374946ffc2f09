"""The example in the README, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

slicer = pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

README = Path(__file__).resolve().parents[2] / "README.md"


def test_example_for_scripts_runs_as_it_is_printed(headless, realLogic, tools, monkeypatch, capfd) -> None:
    if not tools.hasDefaultWeights():
        pytest.skip("no weights are bundled")
    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    example = next(text for text in examples if "ThrombusSegLogic" in text)
    assert len([line for line in example.splitlines() if line.strip()]) <= 5
    nodes = {f"Sample {name}": headless.volume(tools.head(number), tools.grid(), f"Sample {name}")
             for number, name in enumerate(("SWI", "DWI", "ADC"))}  # fmt: skip
    monkeypatch.setattr(slicer.util, "getNode", nodes.__getitem__, raising=False)
    monkeypatch.setattr("ThrombusSegParts.logic.ThrombusSegLogic", lambda: realLogic)
    exec(compile(example, "README.md", "exec"), {"slicer": slicer})
    printed = capfd.readouterr().out
    assert re.match(r"(True|False) Thrombus segmentation \['ADC', 'DWI', 'SWI'\]", printed), printed
