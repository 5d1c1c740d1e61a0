"""Plays a scene with a feed and the venue of stand_in.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from supreme_system_v5.adapters.feeds.binance import BinanceFeed
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.orchestrator.clock import EngineClock
from tests.adapters.feeds.stand_in import StandIn

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000  # a whole minute
SIM_NS = START_MS * 1_000_000
DEPTH = {"lastUpdateId": 77, "E": START_MS, "T": START_MS, "bids": [["2400.00", "1.0"]], "asks": [["2400.10", "2.0"]]}

Scene = Callable[[StandIn, BinanceFeed, list[Event]], Awaitable[None]]


def play(scene: Scene, market: str = "usdm", prepare: Callable[[StandIn], None] | None = None, **options: Any) -> None:
    async def run() -> None:
        server = await StandIn().start()
        if prepare is not None:
            prepare(server)
        out: list[Event] = []
        feed = BinanceFeed(server.settings(), market, "ETH-USDT", EngineClock(), out.append, **options)
        try:
            await scene(server, feed, out)
        finally:
            await feed.stop()
            await server.stop()

    asyncio.run(run())
