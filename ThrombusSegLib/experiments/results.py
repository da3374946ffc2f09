"""The files of an experiment, which appear whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import errors_of_the_disk, write_text

RESULTS, PAGE = "results.json", "results.md"


def write_results(out: Path, result: Mapping[str, Any], page: str) -> None:
    """results.json and results.md; the first is complete whenever it is there. `MachineError` if the disk refuses."""
    with errors_of_the_disk(out.name):
        out.mkdir(parents=True, exist_ok=True)
    for name, text in ((PAGE, page), (RESULTS, json.dumps(result, indent=1))):
        write_text(out / name, text)
