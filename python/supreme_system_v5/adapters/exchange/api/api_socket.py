"""Sockets of the trading side: the WebSocket API, and the private streams of USD-M."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from aiohttp import WSMsgType, web

from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.user_streams import Subscription
from supreme_system_v5.adapters.exchange.bodies import read_json
from supreme_system_v5.adapters.exchange.streams.hub import frame_bytes
from supreme_system_v5.adapters.exchange.streams.requests import Rejected
from supreme_system_v5.core.domain.instrument import SPOT, USDM

BUFFERED_MAX: Final = 4_194_304  # a client further behind than this is cut
PRIVATE_MESSAGES_MAX: Final = 10  # incoming, a second
PRIVATE_STREAMS_MAX: Final = 200  # a connection, as on the other USD-M sockets


class ApiSocket:
    """One connection; ``on_text`` is given what the client sends. Everything is written at once."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        market: str,
        now_ns: int,
        on_text: Callable[[str], Awaitable[None] | None],
    ) -> None:
        self.ws = ws
        self.transport = transport
        self.market = market
        self.connected_ns = now_ns
        self.next_ping = time.monotonic() + self.ping_seconds
        self.pong_deadline = 0.0
        self.is_deaf = False  # half open: nothing goes out, nothing is read
        self._on_text = on_text
        self._messages_max = 0  # a second; 0 = any number (the request limits hold)
        self._messages: list[float] = []

    @property
    def ping_seconds(self) -> float:
        """Spot and USD-M's WebSocket API: 20 s and 3 min."""
        return 20.0 if self.market == SPOT else 180.0

    @property
    def pong_seconds(self) -> float:
        return 60.0 if self.market == SPOT else 600.0

    def send(self, payload: bytes) -> None:
        """Write a text frame at once; a client that does not read is cut."""
        transport = self.transport
        if self.is_deaf or transport.is_closing():
            return
        transport.write(frame_bytes(payload))
        if transport.get_write_buffer_size() > BUFFERED_MAX:
            transport.abort()

    async def read(self) -> None:
        """Give what comes to ``on_text``, answer pings, until the socket ends."""
        async for message in self.ws:
            if self.is_deaf:
                continue
            if message.type is WSMsgType.TEXT:
                if self._messages_max and self._is_too_fast():
                    break
                waiting = self._on_text(message.data)
                if waiting is not None:
                    await waiting
            elif message.type is WSMsgType.PING:
                await self.ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                self.pong_deadline = 0.0

    def _is_too_fast(self) -> bool:
        now = time.monotonic()
        self._messages = [at for at in self._messages if now - at < 1.0]
        self._messages.append(now)
        return len(self._messages) > self._messages_max


class PrivateSocket(ApiSocket):
    """USD-M user data under listen keys: those of the URL, and those subscribed to later.

    An unknown key is no error: its stream is silent (the venue says nothing either; unverified for /private).
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        exchange: Exchange,
        now_ns: int,
        is_combined: bool,
        events: Collection[str],
    ) -> None:
        super().__init__(ws, transport, USDM, now_ns, self._answer)
        self._messages_max = PRIVATE_MESSAGES_MAX
        self._exchange = exchange
        self._is_combined = is_combined
        self._events = events
        self._subscriptions: dict[str, Subscription] = {}  # by the name they were asked for under

    def subscribe(self, name: str, events: Collection[str] = ()) -> None:
        """``name``: a listen key, or `<listenKey>@<event>`. Raises Rejected for one too many."""
        key, _, event = name.partition("@")
        if name in self._subscriptions:
            return
        if len(self._subscriptions) >= PRIVATE_STREAMS_MAX:
            raise Rejected("Invalid request: too many streams")
        wanted = {event} if event else set(events or self._events)
        head = b'{"stream":%b,"data":' % json.dumps(name).encode() if self._is_combined else b""

        def deliver(body: bytes) -> None:
            self.send(head + body + b"}" if head else body)

        subscription = Subscription(USDM, self._exchange.listen_keys.account_of(key), deliver, False, wanted, key)
        self._subscriptions[name] = subscription
        if subscription.account:
            self._exchange.streams.add(subscription)

    def unsubscribe(self, name: str) -> None:
        subscription = self._subscriptions.pop(name, None)
        if subscription is not None:
            self._exchange.streams.remove(subscription)

    def close(self) -> None:
        """The connection is gone."""
        for name in list(self._subscriptions):
            self.unsubscribe(name)

    def _answer(self, text: str) -> None:
        self.send(json.dumps(self._reply(text), separators=(",", ":")).encode())

    def _reply(self, text: str) -> dict[str, Any]:
        try:
            request = read_json(text)
            method, names, number = request["method"], request.get("params", []), request.get("id")
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected a request object"}}
        if method == "SUBSCRIBE":
            try:
                for name in names:
                    self.subscribe(name)
            except Rejected as error:
                return {"error": {"code": error.code, "msg": str(error)}, "id": number}
        elif method == "UNSUBSCRIBE":
            for name in names:
                self.unsubscribe(name)
        elif method == "LIST_SUBSCRIPTIONS":
            return {"result": sorted(self._subscriptions), "id": number}
        else:
            return {"error": {"code": 2, "msg": f"Invalid request: unknown variant {method!r}"}, "id": number}
        return {"result": None, "id": number}
