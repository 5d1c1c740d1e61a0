"""The recordings of SUPREME_DATA_DIR as the tests here use them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from supreme_system_v5.adapters.exchange.market.build import recorded_markets
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket

FILES = {
    "usdm": ("usdm_ethusdt_20240808.jsonl.gz",),
    "spot": ("spot_ethusdt_20240808.jsonl.gz", "spot_ethusdt_20240809.jsonl.gz"),  # one continuous recording
}
MARKETS = tuple(FILES)
SECOND = 1_000_000_000
# What takes minutes; `make test-long` asks for it.
long_test = pytest.mark.skipif(not os.environ.get("SUPREME_LONG"), reason="takes minutes: `make test-long` runs it")


def names(data_dir: Path, market: str) -> str:
    """SIM_RECORDING's value."""
    return ",".join(str(data_dir / "frames" / name) for name in FILES[market])


def recording(data_dir: Path, market: str) -> SimMarket:
    """A market that plays it, from the beginning."""
    (played,) = recorded_markets(names(data_dir, market))
    return played
