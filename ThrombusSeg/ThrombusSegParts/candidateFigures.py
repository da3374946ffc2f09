"""Figures of parts of a mask that need only the maps in the scene: place, probability, attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import slicer

from .mapDisplay import gridOf, mapsOf
from .nodesToFiles import worldMatrix
from .voxels import groups

_PLACE = ("centroid_right_mm", "centroid_anterior_mm", "centroid_superior_mm")


def positionOf(measures: Mapping[str, Any]) -> tuple[float, float, float]:
    """The center of a candidate, RAS in mm, from its row."""
    right, anterior, superior = (float(measures[key]) for key in _PLACE)
    return right, anterior, superior


def centroidOf(segmentation: slicer.vtkMRMLSegmentationNode, own: Any) -> tuple[float, float, float]:
    """The center of voxels, three arrays of indices (k, j, i) on the grid of a result; RAS in mm, to 0.01 mm."""
    k, j, i = (float(axis.mean()) for axis in own)
    place = worldMatrix(gridOf(segmentation)).MultiplyPoint((i, j, k, 1.0))
    right, anterior, superior = (round(each, 2) for each in place[:3])
    return right, anterior, superior


def voxelVolumeOf(segmentation: slicer.vtkMRMLSegmentationNode) -> float:
    """Volume of a voxel of the grid of a result, mm3."""
    return abs(worldMatrix(gridOf(segmentation)).Determinant())


def figuresOf(segmentation: slicer.vtkMRMLSegmentationNode, numbers: Any) -> dict[int, dict[str, Any]]:
    """For each number in an array (K, J, I): "center", and what the maps of the result say there, as the library does.

    Keys are those of a row of candidates: probability_max, probability_mean, attention_<SEQUENCE>, attention_on.
    """
    maps = {key: slicer.util.arrayFromVolume(node) for key, node in mapsOf(segmentation).items()}
    figures = {}
    for number, own in groups(numbers).items():
        row: dict[str, Any] = {"center": centroidOf(segmentation, own), "probability_max": None}
        row["probability_mean"] = None
        if "probability" in maps:
            inside = maps["probability"][own]
            row["probability_max"] = round(float(inside.max()), 4)
            row["probability_mean"] = round(float(inside.mean()), 4)
        shares = {key: float(values[own].mean()) for key, values in maps.items() if key != "probability"}
        row |= {f"attention_{key}": round(share, 4) for key, share in shares.items()}
        row["attention_on"] = max(shares, key=lambda key: shares[key]) if shares else ""
        figures[number] = row
    return figures
