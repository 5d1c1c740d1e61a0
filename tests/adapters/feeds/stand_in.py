"""A venue on loopback, small and obedient: what it sends and how it misbehaves is set by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from supreme_system_v5.adapters.feeds.connection import ConnectionLimits

SYMBOL = "ethusdt"


@dataclass
class Settings:
    """The settings the feeds read."""

    binance_spot_rest_url: str = "http://127.0.0.1:1"
    binance_spot_ws_url: str = "ws://127.0.0.1:1"
    binance_usdm_rest_url: str = "http://127.0.0.1:1"
    binance_usdm_ws_url: str = "ws://127.0.0.1:1"
    coingecko_url: str = "http://127.0.0.1:1"
    data_sources: tuple[str, ...] = ("binance", "coingecko", "simulated")
    execution_mode: str = "paper"
    bar_seconds: int = 60
    stale_after_seconds: float = 5.0
    seed: int = 7


def quick_limits(silence: float = 10.0, data: float = 30.0, lifetime: float = 1e6) -> ConnectionLimits:
    return ConnectionLimits(silence, data, lifetime)


class StandIn:
    """Serves /ws of both markets and a REST table; everything that arrived is kept for the test to look at."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.paths: list[str] = []
        self.controls: list[dict[str, Any]] = []
        self.calls: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.replies: dict[str, Callable[[dict[str, str], dict[str, str]], web.StreamResponse]] = {}
        self.refuse: list[web.Response] = []  # handshake answers to give instead of a websocket, one each
        self.is_acking = True
        self.is_ponging = True
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def settings(self, **changes: Any) -> Settings:
        return Settings(self.http, self.ws, self.http, self.ws, self.http, **changes)

    async def start(self, port: int = 0) -> StandIn:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        for socket in self.sockets:
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.sleep(0)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_socket(request)
        name = request.path.rsplit("/", 1)[-1]
        self.calls.append((request.path, dict(request.query), dict(request.headers)))
        reply = self.replies.get(name)
        if reply is None:
            return web.json_response({"code": -1, "msg": f"no {name} here"}, status=404)
        answer = reply(dict(request.query), dict(request.headers))
        return await answer if asyncio.iscoroutine(answer) else answer

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path_qs)
        if self.refuse:
            return self.refuse.pop(0)
        socket = web.WebSocketResponse(autoping=self.is_ponging, compress=False)
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                control = json.loads(message.data)
                self.controls.append(control)
                if self.is_acking:
                    await socket.send_str(json.dumps({"result": None, "id": control["id"]}))
        if socket in self.sockets:
            self.sockets.remove(socket)
        return socket

    def cut(self, socket: web.WebSocketResponse) -> None:
        """The connection vanishes without a goodbye."""
        assert socket._req is not None and socket._req.transport is not None
        socket._req.transport.abort()


Reply = Callable[[dict[str, str], dict[str, str]], web.StreamResponse]


def json_reply(body: Any, status: int = 200, **headers: str) -> Reply:
    """The same answer each time; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _query, _headers: web.json_response(body, status=status, headers=named)


def frame(stream: str, data: dict[str, Any], x_time_ns: int = 0) -> str:
    outer: dict[str, Any] = {"stream": f"{SYMBOL}@{stream}", "data": data}
    if x_time_ns:
        outer["x_time_ns"] = x_time_ns
    return json.dumps(outer, separators=(",", ":"))


def trade(trade_id: int, price: str = "2400.00", ms: int = 1_700_000_000_000, x_time_ns: int = 0) -> str:
    data = {"e": "aggTrade", "E": ms, "s": "ETHUSDT", "a": trade_id, "p": price, "q": "0.500", "f": 1, "l": 1}
    return frame("aggTrade", {**data, "T": ms, "m": False}, x_time_ns)


def quote(update_id: int, bid: str = "2400.00", ask: str = "2400.10", x_time_ns: int = 0) -> str:
    data = {"e": "bookTicker", "u": update_id, "s": "ETHUSDT", "b": bid, "B": "1.000", "a": ask, "A": "2.000"}
    return frame("bookTicker", {**data, "T": 1_700_000_000_000, "E": 1_700_000_000_000}, x_time_ns)


async def until(condition: Callable[[], Any], seconds: float = 5.0) -> None:
    """Wait for a condition; the test fails when it does not come true in time."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition did not come true in time")
