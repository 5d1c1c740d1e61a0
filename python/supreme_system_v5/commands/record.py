"""`record`: paper trading with every input of the engine recorded, for `replay`."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Run a recorded session; its exit code."""
    from supreme_system_v5.session import run_session

    texts = {**settings.texts, "RECORD": "true"}
    origins = {**settings.origins, "RECORD": "make record"}
    recorded = dataclasses.replace(settings, record=True, texts=texts, origins=origins)
    return run_session(recorded, float(args.duration or 0.0), False)
