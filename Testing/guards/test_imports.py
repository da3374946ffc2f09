"""Which room may know what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

STANDARD = set(sys.stdlib_module_names)
SLICERS_OWN = {"slicer", "qt", "ctk", "vtk"}
HEAVY = {"torch", "numpy", "SimpleITK", "sitkUtils", "scipy", "monai", "safetensors", "pandas", "pydicom", "matplotlib"}
INSTALLERS = {"pip_install", "pip_ensure", "installTorch"}


def imported(node: ast.AST) -> list[str]:
    """Top names of the packages an import statement names; relative ones are our own."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").split(".")[0]]
    return []


def at_file_scope(tree: ast.Module) -> Iterator[ast.AST]:
    """Everything that runs when the file is imported: all but the bodies of functions."""
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))


def called(node: ast.AST) -> str:
    """Name of the function, without what it belongs to."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def where(path: Path, node: ast.AST) -> str:
    return f"{path.name}:{node.lineno}"


def test_module_imports_nothing_heavy_at_file_scope(repository) -> None:
    allowed = STANDARD | SLICERS_OWN | {"ThrombusSegParts"}
    wrong = [
        f"{where(path, node)} imports {name}"
        for path, tree in repository.moduleTrees.items()
        for node in at_file_scope(tree)
        for name in imported(node)
        if name not in allowed
    ]
    assert wrong == []


def test_module_never_imports_torch_or_the_library(repository) -> None:
    wrong = [
        f"{where(path, node)} imports {name}"
        for path, tree in repository.moduleTrees.items()
        for node in ast.walk(tree)
        for name in imported(node)
        if name in HEAVY | {"ThrombusSegLib"}
    ]
    assert wrong == []


def test_library_imports_nothing_of_slicer(repository) -> None:
    wrong = [
        f"{where(path, node)} imports {name}"
        for path, tree in repository.libraryTrees.items()
        for node in ast.walk(tree)
        for name in imported(node)
        if name in SLICERS_OWN | {"PythonQt", "vtkmodules", "vtkITK", "mrml", "ThrombusSeg", "ThrombusSegParts"}
    ]
    assert wrong == []


def test_nothing_is_installed_without_a_click(repository) -> None:
    """No installer runs on import or in a constructor, and none fetches torch from the package index."""
    for path, tree in repository.moduleTrees.items():
        for node in at_file_scope(tree):
            assert called(node) not in INSTALLERS, where(path, node)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in ("__init__", "setup", "enter"):
                calls = {called(inner) for inner in ast.walk(node)}
                assert not calls & (INSTALLERS | {"installPackages"}), where(path, node)
            if called(node) in ("pip_install", "pip_ensure"):
                assert "torch" not in ast.unparse(node), where(path, node)
    requirements = (repository.module / "Resources" / "requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in requirements.splitlines() if line and not line.startswith("#")]
    assert lines and all(">=" in line and "==" not in line and not line.startswith("torch") for line in lines)


def test_library_without_torch_can_be_imported(repository) -> None:
    """The worker must come up, and say in a sentence what is missing, where torch is not installed yet."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import ThrombusSegLib, ThrombusSegLib.sequences, ThrombusSegLib.worker, ThrombusSegLib.errors\n"
        "import ThrombusSegLib.cli.main, ThrombusSegLib.benchmark.simulation, ThrombusSegLib.difficulty.cohort\n"
        "print(sorted(set(sys.modules) & {'slicer', 'vtk', 'qt', 'monai', 'scipy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repository.root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_style_limits_hold(repository) -> None:
    """Files of at most 400 lines, functions of at most 30: they are read by people."""
    for path, tree in repository.moduleTrees.items():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                documentation = ast.get_docstring(node) or ""
                length = node.end_lineno - node.lineno + 1 - len(documentation.splitlines())
                assert length <= 30, f"{where(path, node)} {node.name} has {length} lines"
