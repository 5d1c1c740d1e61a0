"""`run`, `run-ultra-local`: trade (on paper by default) until stopped."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Run a session; its exit code."""
    from supreme_system_v5.session import run_session

    return run_session(settings, float(args.duration or 0.0), False)
