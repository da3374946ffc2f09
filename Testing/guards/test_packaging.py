"""What an installed extension would lack, or the index would refuse, is seen here without Slicer."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

NOT_PACKAGED = {"CMakeLists.txt"}


def cmake_list(path: Path, name: str) -> list[str]:
    """The entries of `set(name ...)`, with ${MODULE_NAME} filled in."""
    text = path.read_text(encoding="utf-8")
    module = re.search(r"set\(MODULE_NAME (\w+)\)", text)
    entries = re.search(rf"set\({name}\n(.*?)\n  \)", text, re.DOTALL)
    assert module and entries, f"{path}: no list {name}"
    return entries[1].replace("${MODULE_NAME}", module[1]).split()


@pytest.mark.parametrize("folder", ["ThrombusSeg", "ThrombusSegLib"])
def test_cmake_lists_hold_every_file_and_no_other(folder: str, repository) -> None:
    room = repository.root / folder
    scripts = cmake_list(room / "CMakeLists.txt", "MODULE_PYTHON_SCRIPTS")
    resources = cmake_list(room / "CMakeLists.txt", "MODULE_PYTHON_RESOURCES")
    files = {path.relative_to(room).as_posix() for path in room.rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name and name not in NOT_PACKAGED}
    assert len(set(scripts + resources)) == len(scripts + resources), "a file is listed twice"
    assert set(scripts) == {name for name in files if name.endswith(".py")}
    assert set(resources) == {name for name in files if not name.endswith(".py")}


def test_rooms_are_packaged_where_python_finds_them(repository) -> None:
    assert "WITH_SUBDIR" in (repository.library / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "WITH_SUBDIR" not in (repository.module / "CMakeLists.txt").read_text(encoding="utf-8")
    top = (repository.root / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.findall(r"add_subdirectory\((\w+)\)", top) == ["ThrombusSeg", "ThrombusSegLib"]
    assert "../" not in "".join(path.read_text(encoding="utf-8") for path in repository.root.glob("Thrombus*/CMake*"))


def test_what_is_listed_is_enough_to_start_the_worker(repository, tmp_path: Path) -> None:
    """A copy of the listed files, as an installed extension has them; the rest of the repository is not there."""
    for folder, target in ((repository.module, tmp_path), (repository.library, tmp_path / "ThrombusSegLib")):
        for name in ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"):
            for entry in cmake_list(folder / "CMakeLists.txt", name):
                (target / entry).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / entry, target / entry)
    command = [sys.executable, "-m", "ThrombusSegLib", "worker"]
    environment = dict(os.environ, PYTHONPATH=str(tmp_path), PYTHONUTF8="1")
    lines = json.dumps({"command": "warm", "weights": "default"}) + "\n" + json.dumps({"command": "quit"}) + "\n"
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, input=lines, capture_output=True, text=True, timeout=90
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events and events[0]["event"] == "ready", done.stderr
    # Without bundled weights the answer is a sentence; a defect would mean that a file is missing.
    assert events[1]["event"] == "warm" or events[1].get("kind") in ("input", "machine"), (events, done.stderr)
    code = "import ThrombusSegParts.sequences, ThrombusSegLib; print(ThrombusSegLib.__file__)"
    found = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=environment, text=True)
    assert Path(found.strip()).is_relative_to(tmp_path)


def test_index_entry_agrees_with_cmake(repository) -> None:
    raw = (repository.root / "ThrombusSeg.json").read_bytes()
    assert b"\r" not in raw
    entry = json.loads(raw)
    allowed = {
        "$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies", "build_subdirectory",
        "enabled", "tier", "dicom_support_rule",
    }  # fmt: skip
    assert set(entry) <= allowed
    assert entry["$schema"] == (
        "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/"
        "slicer-extension-catalog-entry-schema-v1.0.2.json#"
    )
    assert entry["scm_url"] == "https://github.com/ThrombusSeg/SlicerThrombusSeg"
    top = (repository.root / "CMakeLists.txt").read_text(encoding="utf-8")
    assert "project(ThrombusSeg)" in top
    depends = re.search(r'^set\(EXTENSION_DEPENDS "(.*)"\)$', top, re.MULTILINE)
    assert depends and depends[1].split() == entry["build_dependencies"]
    for name in ("HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "KEYWORDS"):
        # a semicolon would end the text there: CMake takes it for a list
        assert re.search(rf'^set\(EXTENSION_{name} "[^";\n]+"\)$', top, re.MULTILINE), f"{name} is not on one line"


def test_icons_are_pictures_of_the_right_size(repository) -> None:
    for path in (repository.root / "ThrombusSeg.png", repository.module / "Resources" / "Icons" / "ThrombusSeg.png"):
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", data[16:24]) == (128, 128)


def test_repository_stays_small(repository) -> None:
    """The index refuses more than 100 MB, history included."""
    if shutil.which("git") is None or not (repository.root / ".git").exists():
        pytest.skip("no git history here")
    command = ["git", "-C", str(repository.root), "count-objects", "-v"]
    counted = dict(line.split(": ") for line in subprocess.check_output(command, text=True).splitlines())
    assert int(counted["size"]) + int(counted["size-pack"]) < 90 * 1024, "KiB of objects"


def test_installed_files_do_not_shadow_each_other(repository) -> None:
    """All extensions share one folder on Slicer's path: only our own names may appear at its top."""
    scripts = cmake_list(repository.module / "CMakeLists.txt", "MODULE_PYTHON_SCRIPTS")
    assert {name.split("/")[0] for name in scripts} == {"ThrombusSeg.py", "ThrombusSegParts"}
    assert not list((repository.root / "Testing").rglob("__init__.py")), "Testing would be an importable package"
