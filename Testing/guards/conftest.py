"""What the guards look at."""

from __future__ import annotations

import ast
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repository() -> types.SimpleNamespace:
    """Folders, and the syntax trees of the Python files in both rooms."""
    module, library = ROOT / "ThrombusSeg", ROOT / "ThrombusSegLib"

    def trees(folder: Path) -> dict[Path, ast.Module]:
        files = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
        return {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}

    return types.SimpleNamespace(
        root=ROOT, module=module, library=library, moduleTrees=trees(module), libraryTrees=trees(library)
    )
