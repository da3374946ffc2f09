"""Processes that work for another one do not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ThrombusSegLib.processes import start_processes

#: Has a process sleep for a minute, and says which.
SCRIPT = """
import os, time
from ThrombusSegLib.processes import start_processes
if __name__ == "__main__":
    pool = start_processes(1, time.sleep, 0)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 60).result()
"""


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows ends processes in another way")
def test_they_leave_when_the_process_that_asked_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "asks.py"  # a file: what is started afresh reads it again
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as asks:
        assert asks.stdout is not None
        child = int(asks.stdout.readline())
        asks.kill()
    until = time.monotonic() + 20
    while is_running(child) and time.monotonic() < until:
        time.sleep(0.1)
    assert not is_running(child)


def test_they_begin_with_what_they_are_told_and_are_deaf_to_ctrl_c() -> None:
    with start_processes(1, os.putenv, "TOLD", "yes") as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
