"""How often the estimated artery is right, on simulated cases whose artery is known.

python -m ThrombusSegLib.review.segment_accuracy COHORT/manifest.csv --every 2 --from 1
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from ..case import ManifestRow, read_case, read_manifest
from ..export import measure
from ..preprocess.prepare import REFERENCE_ORDER


def check_case(row: ManifestRow) -> tuple[bool, float] | None:
    """Whether the artery named is one the clot lies in, and the confidence; None where there is no clot to name.

    All labelled voxels of thrombus count together: the largest part is asked.
    """
    truth = json.loads((next(iter(row.paths.values())).parent / "truth.json").read_text(encoding="ascii"))["stroke"]
    case = read_case(row.paths, labels=row.labels)
    if truth is None or case.labels is None:
        return None
    reference = next(each for each in REFERENCE_ORDER if each in case.images)
    thrombi = measure(case.labels, case.images[reference]).thrombi
    if not thrombi or thrombi[0].segment is None:
        return None
    found = thrombi[0].segment
    return found.segment in truth.get("segments", [truth["segment"]]), found.confidence


def main(arguments: list[str] | None = None) -> int:
    """Print the share that is right, for all and by confidence."""
    parser = argparse.ArgumentParser(prog="python -m ThrombusSegLib.review.segment_accuracy")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth case")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="K", help="beginning with case K, from 0")
    chosen = parser.parse_args(arguments)
    rows = read_manifest(chosen.manifest)[chosen.first :: chosen.every]
    checked = [each for each in map(check_case, rows) if each is not None]
    right, confidence = (np.array(column, dtype=float) for column in zip(*checked, strict=True))
    print(f"{len(right)} cases, artery right in {right.mean():.2f}")
    for low, high in ((0.0, 0.3), (0.3, 0.5), (0.5, 1.01)):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            print(f"confidence {low:.1f} to {min(high, 1.0):.1f}: {inside.sum()} cases, {right[inside].mean():.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
