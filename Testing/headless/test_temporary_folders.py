"""Images of patients do not stay on the disk after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("slicer", reason="needs slicer-core (the extra 'slicer')", exc_type=ImportError)

CRASH = """
import os, sys
sys.path.insert(0, sys.argv[1])
import types; sys.modules["slicer"] = types.ModuleType("slicer")
import importlib.util
spec = importlib.util.spec_from_file_location("folders", sys.argv[1] + "/ThrombusSegParts/temporaryFolders.py")
folders = importlib.util.module_from_spec(spec); spec.loader.exec_module(folders)
folder = folders.TemporaryFolder(sys.argv[2])
(folder.path / "SWI.nrrd").write_text("a patient")
print(folder.path, flush=True)
sys.stdin.readline()
os._exit(9)
"""


def test_a_folder_in_use_stays_and_that_of_a_dead_process_goes(tmp_path: Path) -> None:
    from ThrombusSegParts.temporaryFolders import removeStaleFolders

    module = Path(__file__).resolve().parents[2] / "ThrombusSeg"
    command = [sys.executable, "-c", CRASH, str(module), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        folder = Path(other.stdout.readline().strip())
        assert (folder / "SWI.nrrd").is_file()
        assert removeStaleFolders(str(tmp_path)) == 0 and folder.is_dir()
        other.communicate("\n", timeout=30)
    assert other.returncode == 9 and folder.is_dir()
    assert removeStaleFolders(str(tmp_path)) == 1 and not folder.exists()


def test_own_folder_is_private_stays_while_it_is_used_and_can_be_removed(tmp_path: Path) -> None:
    from ThrombusSegParts.temporaryFolders import TemporaryFolder, removeStaleFolders

    folder = TemporaryFolder(str(tmp_path))
    if os.name == "posix":
        assert folder.path.stat().st_mode & 0o077 == 0
    assert removeStaleFolders(str(tmp_path)) == 0
    folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_only_old_folders_of_ours_go(tmp_path: Path) -> None:
    from ThrombusSegParts.temporaryFolders import removeStaleFolders

    for name in ("thrombusseg-new", "thrombusseg-old", "another", "kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "SWI.nrrd").write_text("values")
    hourAgo = time.time() - 3600
    for name in ("thrombusseg-old", "another"):
        os.utime(tmp_path / name, (hourAgo, hourAgo))
    if os.name == "posix":
        (tmp_path / "thrombusseg-link").symlink_to(tmp_path / "kept")
    assert removeStaleFolders(str(tmp_path)) == 1
    left = {path.name for path in tmp_path.iterdir()} - {"thrombusseg-link"}
    assert left == {"thrombusseg-new", "another", "kept"}
    assert (tmp_path / "kept" / "SWI.nrrd").is_file()


def test_what_a_killed_session_was_just_making_goes_a_little_later(tmp_path: Path, monkeypatch) -> None:
    """Without a lock nobody can tell it from a folder that is being made; a minute later one can."""
    from ThrombusSegParts.temporaryFolders import clearAfterCrash

    later: list[tuple[int, object]] = []
    monkeypatch.setattr("qt.QTimer.singleShot", lambda milliseconds, callback: later.append((milliseconds, callback)))
    half = tmp_path / "thrombusseg-half"
    half.mkdir()
    (half / "SWI.nrrd").write_text("a patient")
    clearAfterCrash(str(tmp_path))
    assert half.is_dir()
    ((milliseconds, look),) = later
    os.utime(half, (time.time() - milliseconds / 1000,) * 2)
    look()
    assert not half.exists()
