"""A running server with a trading side, and a client that signs, for the tests over sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
from websockets.asyncio.client import ClientConnection, connect

from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.trading import Trading
from supreme_system_v5.adapters.exchange.control import Control
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from tests.adapters.exchange.api.desk import hmac_of


class Front:
    """REST and sockets of a server on loopback, with a key."""

    def __init__(self, server: ExchangeServer, exchange: Exchange, session: aiohttp.ClientSession, key: Key) -> None:
        self.server = server
        self.exchange = exchange
        self.session = session
        self.key = key
        self._number = 0

    def now_ms(self, market: str = "spot") -> int:
        return self.exchange.clock_ns(market, self.server.clock.shown_ns) // 1_000_000

    def _market(self, path: str) -> str:
        return "usdm" if path.startswith(("/fapi", "/ws-fapi")) else "spot"

    async def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str = ""
    ) -> tuple[int, Any, dict[str, str]]:
        """Anything: status, JSON body, headers."""
        data = body or None
        url = aiohttp.client.URL(f"http://127.0.0.1:{self.server.port}{path}", encoded=True)
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        async with self.session.request(method, url, headers=sent, data=data) as reply:
            return reply.status, json.loads(await reply.text() or "null"), dict(reply.headers)

    async def signed(
        self, method: str, path: str, key: Key | None = None, in_body: bool = False, **params: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """A signed REST request."""
        key = key or self.key
        text = urlencode({"timestamp": self.now_ms(self._market(path)), **params})
        text += "&signature=" + hmac_of(key.secret, text)
        headers = {"X-MBX-APIKEY": key.api_key}
        if in_body:
            return await self.send(method, path, headers, text)
        return await self.send(method, f"{path}?{text}", headers)

    async def ok(self, method: str, path: str, **params: Any) -> Any:
        """The body of a signed request that must succeed."""
        status, body, _ = await self.signed(method, path, **params)
        assert status == 200, body
        return body

    def ws(self, path: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.server.port}{path}", compression=None, close_timeout=0.2)

    async def ask(self, socket: ClientConnection, method: str, events: list[Any] | None = None, **params: Any) -> Any:
        """A request over the WebSocket API and its reply; events that come before it go to ``events``."""
        self._number += 1
        await socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(await asyncio.wait_for(socket.recv(), 5))
            if "status" in message and message.get("id") in (self._number, None):
                return message
            assert events is not None, message
            events.append(message)

    async def ask_signed(
        self,
        socket: ClientConnection,
        method: str,
        events: list[Any] | None = None,
        market: str = "spot",
        **params: Any,
    ) -> Any:
        params = {"apiKey": self.key.api_key, "timestamp": self.now_ms(market), **params}
        payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
        return await self.ask(socket, method, events, **params, signature=hmac_of(self.key.secret, payload))


async def read(socket: ClientConnection, seconds: float = 5.0) -> Any:
    """The next message."""
    return json.loads(await asyncio.wait_for(socket.recv(), seconds))


async def read_all(socket: ClientConnection, seconds: float = 0.2) -> list[Any]:
    """Everything that comes within a while after the last."""
    messages = []
    while True:
        try:
            messages.append(await read(socket, seconds))
        except asyncio.TimeoutError:
            return messages


def run(
    exchange: Exchange,
    key: Key,
    body: Callable[[Front], Awaitable[None]],
    is_controlled: bool = False,
    **options: Any,
) -> None:
    """Run a test's body against a running server over the exchange's markets; ``is_controlled``: with control calls."""

    async def main() -> None:
        server = ExchangeServer(list(exchange.markets.values()), trading=Trading(exchange), **options)
        if is_controlled:
            Control(server, exchange)
        await server.start()
        try:
            async with aiohttp.ClientSession() as session:
                await asyncio.wait_for(body(Front(server, exchange, session, key)), 30)
        finally:
            await server.stop()

    asyncio.run(main())
