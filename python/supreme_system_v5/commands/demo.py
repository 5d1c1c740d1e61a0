"""`demo`: whole trades, entry to exit, within two minutes, on a scripted market. It shows how, and proves nothing."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

DEMO_SECONDS: Final = 120.0
DEMO_SPEED: Final = 20.0
DEMO_BAR_SECONDS: Final = 10
DEMO_SEED: Final = 7


def main(settings: Settings, args: argparse.Namespace) -> int:
    """Run the demo session; its exit code."""
    from supreme_system_v5.session import run_session

    scripted = dataclasses.replace(
        settings,
        data_sources=("simulated",),
        sim_speed=DEMO_SPEED,
        sim_seed=DEMO_SEED,
        sim_recording="",
        bar_seconds=DEMO_BAR_SECONDS,
        on_stop="close",
    )
    return run_session(scripted, float(args.duration or DEMO_SECONDS), True)
