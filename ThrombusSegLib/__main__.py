"""`python -m ThrombusSegLib` is the command `thrombusseg`."""

from __future__ import annotations

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main())
