"""python-binance, pointed at the exchange, opened and closed; and its sockets, read until the wanted frame comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from tests.clients.pointing import python_binance, python_binance_async
from tests.clients.venue_process import Venue

SYMBOL = "ETHUSDT"
WAIT_SECONDS = 12.0


@contextmanager
def sync_client(venue: Venue) -> Iterator[Any]:
    client = python_binance(venue)
    try:
        yield client
    finally:
        close(client)


@asynccontextmanager
async def async_client(venue: Venue) -> AsyncIterator[Any]:
    client = await python_binance_async(venue)
    client.ws_api.TIMEOUT = client.ws_future.TIMEOUT = 1  # seconds; a quiet socket takes so long to close
    try:
        yield client
    finally:
        await client.ws_future.close()
        await client.close_connection()


def close(client: Any) -> None:
    """The synchronous client leaves the event loop open that it made for its WebSocket API."""
    client.close_connection()
    client.loop.close()
    asyncio.set_event_loop(None)


class Heard:
    """The frames of a socket, kept; ``until`` waits for the wanted one, also among those that came before."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        socket.TIMEOUT = 1  # seconds; a quiet socket takes so long to close
        self._frames: list[Any] = []

    async def until(self, is_wanted: Callable[[Any], Any], seconds: float = WAIT_SECONDS) -> Any:
        """Raises AssertionError with what came instead."""
        for frame in self._frames:
            if is_wanted(frame):
                return frame
        deadline = time.monotonic() + seconds
        while True:
            try:
                frame = await asyncio.wait_for(self._socket.recv(), max(0.01, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                raise AssertionError(f"not among {self._frames[-20:]}") from None
            assert frame.get("e") != "error", frame
            self._frames.append(frame)
            if is_wanted(frame):
                return frame


def quote(client: Any) -> tuple[float, float]:
    """Best bid and ask on spot."""
    found = client.get_orderbook_ticker(symbol=SYMBOL)
    return float(found["bidPrice"]), float(found["askPrice"])


def futures_quote(client: Any) -> tuple[float, float]:
    """Best bid and ask on USD-M."""
    found = client.futures_orderbook_ticker(symbol=SYMBOL)
    return float(found["bidPrice"]), float(found["askPrice"])


def text(price: float) -> str:
    """A price as users of python-binance write it."""
    return f"{price:.2f}"
