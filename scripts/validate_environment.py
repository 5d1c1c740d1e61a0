#!/usr/bin/env python3
"""Can this machine run the daemon? The same as `main.py validate`; exit 1 when something fails."""

from __future__ import annotations

import sys
from pathlib import Path

MINIMUM = (3, 10)

if sys.version_info[:2] < MINIMUM:
    sys.exit("FAIL  python     %d.%d: install Python 3.10 or newer" % sys.version_info[:2])  # noqa: UP031 - runs on any

try:
    from supreme_system_v5.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"FAIL  packages   {error}: make setup-ultra")

if __name__ == "__main__":
    sys.exit(main(["validate", *sys.argv[1:]], root=Path(__file__).resolve().parent.parent))
