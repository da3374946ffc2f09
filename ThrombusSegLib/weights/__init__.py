"""Trained networks: a registry with checksums over safetensors files. Nothing else is ever loaded as weights."""

from __future__ import annotations

from .entry import WeightsEntry, verify
from .header import WeightsMetadata
from .registry import (
    add_weights,
    find_weights,
    list_weights,
    register_bundled,
    remove_weights,
    user_folder,
)
from .storage import load_network, save_network

__all__ = [
    "WeightsEntry",
    "WeightsMetadata",
    "add_weights",
    "find_weights",
    "list_weights",
    "load_network",
    "register_bundled",
    "remove_weights",
    "save_network",
    "user_folder",
    "verify",
]
