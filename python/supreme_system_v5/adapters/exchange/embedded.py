"""The simulated exchange inside the daemon's own loop: the offline default.

A generated market goes on from the state it left in `state/` (saved every few seconds and at the stop), so that time
starts at the wall clock and never goes back; downtime is generated forward.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from supreme_system_v5.adapters.exchange.market.build import recorded_markets
from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.server import ExchangeServer

SAVE_SECONDS: Final = 10.0
PROFILE_DEMO: Final = "demo"


class EmbeddedSettings(Protocol):
    """What the embedded exchange reads of the settings."""

    @property
    def market(self) -> str: ...
    @property
    def home(self) -> Path: ...
    @property
    def sim_seed(self) -> int | None: ...
    @property
    def sim_speed(self) -> float: ...
    @property
    def sim_recording(self) -> str: ...
    @property
    def bar_seconds(self) -> int: ...


class EmbeddedExchange(ExchangeServer):
    """An ExchangeServer that keeps its generated market's state in a file ("" = nothing is kept)."""

    def __init__(self, markets: Sequence[SimMarket], speed: float, state_path: Path | None) -> None:
        super().__init__(markets, speed=speed)
        self.state_path = state_path
        self._saver: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await super().start()
        if self.state_path is not None:
            self._saver = asyncio.create_task(self._save_often())

    async def stop(self) -> None:
        if self._saver is not None:
            self._saver.cancel()
            await asyncio.gather(self._saver, return_exceptions=True)
        await super().stop()
        with contextlib.suppress(OSError):
            self.save()

    def save(self) -> None:
        """Write the market's state. Raises OSError."""
        if self.state_path is None:
            return
        for market in self.markets.values():
            if isinstance(market, GeneratedMarket):
                market.save_state(self.state_path)

    async def _save_often(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # a full disk must not stop the market: the journal will say it
                self.save()
            await asyncio.sleep(SAVE_SECONDS)


async def start_embedded_exchange(settings: EmbeddedSettings, profile: str = "normal") -> EmbeddedExchange:
    """A running exchange for ``settings.market``; ``profile`` "demo" is the scripted fast market, kept nowhere.

    Raises ConfigError for an unusable recording, OSError when no port can be had.
    """
    seed = settings.sim_seed if settings.sim_seed is not None else 0
    state_path: Path | None = None
    markets: list[SimMarket]
    if settings.sim_recording:
        markets = [m for m in recorded_markets(settings.sim_recording) if m.market == settings.market]
        if not markets:
            from supreme_system_v5.core.domain.errors import ConfigError

            raise ConfigError(
                f"SIM_RECORDING={settings.sim_recording} is not a recording of MARKET={settings.market}",
                "set MARKET to the recording's market",
            )
    elif profile == PROFILE_DEMO:
        bar_seconds = float(settings.bar_seconds)
        markets = [GeneratedMarket(settings.market, seed, time.time_ns(), "scripted", bar_seconds)]
    else:
        state_path = settings.home / "state" / f"sim_market_{settings.market}.json"
        state_path.parent.mkdir(parents=True, exist_ok=True)
        markets = [GeneratedMarket.resume(state_path, settings.market, seed, time.time_ns())]
    server = EmbeddedExchange(markets, settings.sim_speed, state_path)
    await server.start()
    return server
