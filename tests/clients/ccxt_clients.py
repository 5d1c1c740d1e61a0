"""ccxt and ccxt.pro, pointed at the exchange, opened and closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.clients.foreign import ccxtpro
from tests.clients.pointing import ccxt_config
from tests.clients.venue_process import Venue

SPOT = "ETH/USDT"
SWAP = "ETH/USDT:USDT"
WAIT_SECONDS = 12.0


@asynccontextmanager
async def spot_client(venue: Venue, **options: Any) -> AsyncIterator[Any]:
    """ccxt.pro (it is the async REST client too) with its markets loaded."""
    client = ccxtpro.binance(ccxt_config(venue, "spot", **options))
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def swap_client(venue: Venue, **options: Any) -> AsyncIterator[Any]:
    client = ccxtpro.binanceusdm(ccxt_config(venue, "linear", **options))
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def best(client: Any, symbol: str) -> tuple[float, float]:
    """Best bid and ask."""
    book = await client.fetch_order_book(symbol, 5)
    return book["bids"][0][0], book["asks"][0][0]


async def eventually(
    look: Callable[[], Awaitable[Any]], is_wanted: Callable[[Any], bool], seconds: float = WAIT_SECONDS
) -> Any:
    """Ask again until the answer is the wanted one. Raises AssertionError with the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if is_wanted(found):
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found}")
        await asyncio.sleep(0.2)


async def watched(
    watch: Callable[[], Awaitable[Any]], is_wanted: Callable[[Any], bool], seconds: float = WAIT_SECONDS
) -> Any:
    """What ``watch`` gives, called again until it is wanted. Raises AssertionError with the last of it."""
    deadline = time.monotonic() + seconds
    found: Any = None
    while True:
        try:
            found = await asyncio.wait_for(watch(), max(0.01, deadline - time.monotonic()))
        except asyncio.TimeoutError:
            raise AssertionError(f"last seen: {found}") from None
        if is_wanted(found):
            return found


class Collector:
    """Everything a ``watch...`` method of lists gives, in the order it came, from when the socket is open."""

    def __init__(self, watch: Callable[[], Awaitable[list[dict[str, Any]]]]) -> None:
        self._watch = watch
        self.items: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Collector:
        self._task = asyncio.create_task(self._collect())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self) -> None:
        while True:
            self.items.extend(dict(item) for item in await self._watch())

    async def until(self, is_wanted: Callable[[dict[str, Any]], bool], seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            for item in self.items:
                if is_wanted(item):
                    return item
            if self._task is not None and self._task.done():
                self._task.result()
            if time.monotonic() > deadline:
                raise AssertionError(f"not among {self.items}")
            await asyncio.sleep(0.05)


async def sockets_open(client: Any) -> None:
    """Wait until every socket the client asked for is connected and no request is on its way."""

    def is_open() -> bool:
        dialled = [item for url, item in client.clients.items() if url.startswith("ws")]
        return bool(dialled) and all(item.connection is not None for item in dialled)

    deadline = time.monotonic() + WAIT_SECONDS
    while not is_open():
        assert time.monotonic() < deadline, "the sockets did not open"
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
