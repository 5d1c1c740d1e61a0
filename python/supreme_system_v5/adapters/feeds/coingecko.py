"""CoinGecko, polled: the fallback's price. A cached average over venues: a mark for risk, never a price to trade at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from supreme_system_v5.adapters.feeds.rest import RestClient
from supreme_system_v5.adapters.feeds.words import explain
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import FallbackPrice
from supreme_system_v5.core.wire.coingecko import parse_simple_price

POLL_SECONDS: Final = 30.0  # its cache is no fresher; 2 of the 30 calls a minute that the design allows
RETRY_SECONDS_MAX: Final = 300.0
COIN_IDS: Final = {"BTC": "bitcoin", "ETH": "ethereum"}


class Now(Protocol):
    """Engine time."""

    def now_ns(self) -> int: ...


def coin_id(symbol: str) -> str:
    """CoinGecko's id of a symbol's base asset ("ETH-USDT" -> "ethereum")."""
    base = symbol.partition("-")[0].upper()
    return COIN_IDS.get(base, base.lower())


class CoinGeckoPoller:
    """Polls one coin between ``start`` and ``stop``.

    ``on_price`` gets each answer, ``on_state(is_up)`` every change between answering and not answering. Failures are
    retried at twice the interval each time, up to 5 minutes; 429 waits for as long as it says.
    """

    def __init__(
        self,
        base_url: str,
        symbol: str,
        clock: Now,
        on_price: Callable[[FallbackPrice], None],
        on_state: Callable[[bool], None],
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._rest = RestClient(base_url, 60)  # half of it is the budget: 30 a minute
        self._coin_id = coin_id(symbol)
        self._clock = clock
        self._on_price = on_price
        self._on_state = on_state
        self._poll_seconds = poll_seconds
        self._task: asyncio.Task[None] | None = None
        self.is_up = False
        self.failures = 0
        self.last_error = ""

    async def fetch(self, timeout_seconds: float = 0.0) -> FallbackPrice:
        """One price; raises VenueError or FrameError."""
        params = {"ids": self._coin_id, "vs_currencies": "usd", "include_last_updated_at": "true"}
        reply = await self._rest.get("/simple/price", params, timeout_seconds=timeout_seconds)
        return parse_simple_price(reply.body, self._coin_id, self._clock.now_ns())

    def start(self) -> None:
        """Begin to poll, at once; no effect while polling."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="coingecko")

    async def stop(self) -> None:
        """Stop polling and close the connection."""
        self.pause()
        await self._rest.close()

    def pause(self) -> None:
        """Stop polling; ``start`` goes on."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        if self.is_up:
            self.is_up = False
            self._on_state(False)

    async def _run(self) -> None:
        failures = 0
        while True:
            wait_seconds = self._poll_seconds
            try:
                price = await self.fetch()
            except (VenueError, FrameError) as error:
                failures += 1
                self.failures += 1
                self.last_error = explain(error)
                wait_seconds = min(self._poll_seconds * 2.0**failures, RETRY_SECONDS_MAX)
                if isinstance(error, VenueError):
                    wait_seconds = max(wait_seconds, error.retry_after_seconds)
                if self.is_up:
                    self.is_up = False
                    self._on_state(False)
            else:
                failures = 0
                if not self.is_up:
                    self.is_up = True
                    self._on_state(True)
                self._on_price(price)
            await asyncio.sleep(wait_seconds)
