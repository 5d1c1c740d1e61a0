#!/usr/bin/env python3
"""The command line: `python main.py <command> [--json]`. Everything is in the package; this only says where we are."""

from __future__ import annotations

import sys
from pathlib import Path

try:
    from supreme_system_v5.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"main.py: {error}\n  use the environment that `make setup-ultra` builds: .venv/bin/python main.py ...")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], root=Path(__file__).resolve().parent))
