"""A worker that misbehaves in the way its first argument names. It speaks the protocol, and knows no library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def tell(**event: object) -> None:
    print(json.dumps(event), flush=True)


def deaf() -> None:
    """Answers nothing and does not leave at the end of stdin."""
    while True:
        time.sleep(0.05)


def main(manner: str) -> int:
    if manner == "launcher":  # as PythonSlicer does: another process does the work, with the same stdin and stdout
        return subprocess.call([sys.executable, __file__, "deaf"])
    tell(event="ready", protocol=99 if manner == "other version" else 1, version="0", pid=os.getpid())
    for line in sys.stdin:
        command = json.loads(line)
        if command["command"] != "segment":
            continue
        tell(event="progress", id=command["id"], value=0.3, stage="network")
        if manner == "crash":
            print("Killed by the fake: out of memory, \u00fc", file=sys.stderr, flush=True)
            return 9
        if manner == "no files":
            result = {"reference": "SWI", "sequences": {"used": {"SWI": {}}}, "candidates": [], "thrombus_found": False}
            print("a library that prints to stdout", flush=True)
            tell(event="done", id=command["id"], result=result, out=command["out"])
        if manner == "does not understand":
            tell(event="error", id=None, kind="protocol", sentence="A line is not JSON.", advice="Send JSON.")
        if manner == "deaf":
            deaf()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
