"""Faults over the WebSocket API and the user data streams, on real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.make import make_exchange
from supreme_system_v5.adapters.exchange.api.trading import Trading
from supreme_system_v5.adapters.exchange.market.build import generated_markets
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from tests.adapters.exchange.desk import SPOT_E8, USDM_E8

Body = Callable[["Floor"], Awaitable[None]]


class Floor:
    """A running server with an account, and a socket of the spot WebSocket API that hears of it."""

    def __init__(self, server: ExchangeServer, key: Key) -> None:
        self.server = server
        self.key = key
        self.base = server.urls("spot")[1]
        self.events: list[dict[str, Any]] = []
        self.socket: ClientConnection
        self._next = 0

    def fault(self, kind: str, **args: object) -> None:
        self.server.faults.inject(kind, args, self.server.clock.shown_ns)

    def request(self, method: str, **params: object) -> str:
        """The frame of a signed request; its id is a new number."""
        self._next += 1
        texts = {name: str(value) for name, value in params.items()}
        texts |= {"apiKey": self.key.api_key, "timestamp": str(time.time_ns() // 1_000_000), "recvWindow": "60000"}
        payload = "&".join(f"{name}={texts[name]}" for name in sorted(texts))
        texts["signature"] = hmac.new(self.key.secret_bytes, payload.encode(), hashlib.sha256).hexdigest()
        return json.dumps({"id": self._next, "method": method, "params": texts})

    async def send(self, method: str, **params: object) -> int:
        await self.socket.send(self.request(method, **params))
        return self._next

    async def hear(self, seconds: float) -> None:
        """Take what comes for so long; events are kept."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = json.loads(await asyncio.wait_for(self.socket.recv(), left))
            except asyncio.TimeoutError:
                return
            if "event" in message:
                self.events.append(message["event"])

    async def ask(self, method: str, **params: object) -> Any:
        """The answer; events that come first are kept."""
        number = await self.send(method, **params)
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), 5))
            if message.get("id") == number:
                return message
            self.events.append(message["event"])

    async def place(self, name: str) -> Any:
        """An order that rests far below the market."""
        best = self.server.markets["spot"].quote_as_of(self.server.clock.shown_ns)[1]
        assert best is not None
        limit = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": f"{best[0] / 10**8 * 0.95:.2f}"}
        return await self.ask("order.place", symbol="ETHUSDT", side="BUY", newClientOrderId=name, **limit)

    def names(self) -> list[str]:
        """Client order ids of the executionReports heard."""
        return [event["c"] for event in self.events if event["e"] == "executionReport"]


def run(body: Body) -> None:
    async def main() -> None:
        markets = generated_markets("both", 3, time.time_ns(), is_shared=True)
        exchange = make_exchange(markets, 3)
        key = exchange.open_account("main", SPOT_E8, USDM_E8)
        server = ExchangeServer(markets, trading=Trading(exchange))
        await server.start()
        floor = Floor(server, key)
        try:
            async with connect(floor.base + "/ws-api/v3", compression=None, close_timeout=0.2) as floor.socket:
                assert (await floor.ask("userDataStream.subscribe.signature"))["status"] == 200
                await asyncio.wait_for(body(floor), 20)
        finally:
            await server.stop()

    asyncio.run(main())


def test_executed_but_not_answered() -> None:
    async def body(floor: Floor) -> None:
        floor.fault("timeout", when="after")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(floor.place("silent"), 0.7)
        assert "silent" in floor.names()  # the user data stream tells what the answer did not
        found = await floor.ask("order.status", symbol="ETHUSDT", origClientOrderId="silent")
        assert found["result"]["status"] == "NEW"
        floor.fault("error", code=-1007, when="after")
        assert (await floor.place("told"))["error"]["code"] == -1007
        floor.fault("timeout", when="before", form="closed")
        with pytest.raises(ConnectionClosed):
            await floor.place("cut")

    run(body)


@pytest.mark.parametrize("mode", ["hold", "drop"])
def test_user_data_silence(mode: str) -> None:
    async def body(floor: Floor) -> None:
        floor.fault("silence", stream="user", seconds=1.0, mode=mode)
        assert (await floor.place("first"))["status"] == 200
        assert (await floor.place("second"))["status"] == 200
        assert floor.names() == []
        await floor.hear(1.6)
        assert floor.names() == (["first", "second"] if mode == "hold" else [])
        await floor.place("third")
        await floor.hear(0.1)
        assert floor.names()[-1:] == ["third"]

    run(body)


def test_a_half_open_socket_swallows_everything() -> None:
    async def body(floor: Floor) -> None:
        floor.fault("half_open", stream="user", seconds=1.0)
        await asyncio.sleep(0.3)
        number = await floor.send("ping")
        pong = await floor.socket.ping()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(floor.socket.recv(), 0.8)
        assert number > 0
        assert not pong.done()
        async with connect(floor.base + "/ws-api/v3", compression=None, close_timeout=0.2) as other:
            await other.send(floor.request("ping"))
            assert json.loads(await asyncio.wait_for(other.recv(), 2))["status"] == 200

    run(body)


def test_half_open_streams_of_the_market() -> None:
    async def body(floor: Floor) -> None:
        path = "/stream?streams=ethusdt@bookTicker"
        async with connect(floor.base + path, compression=None, close_timeout=0.2) as old:
            await asyncio.wait_for(old.recv(), 2)
            floor.fault("half_open", stream="quote", seconds=5)
            await asyncio.sleep(0.5)
            async with connect(floor.base + path, compression=None, close_timeout=0.2) as new:
                while True:  # what was under way
                    try:
                        await asyncio.wait_for(old.recv(), 0.3)
                    except asyncio.TimeoutError:
                        break
                for socket_ in (old, new):
                    pong = await socket_.ping()
                    with pytest.raises(asyncio.TimeoutError):
                        await asyncio.wait_for(socket_.recv(), 0.4)
                    assert not pong.done()
        assert (await floor.ask("ping"))["status"] == 200

    run(body)


def test_maintenance_tells_every_socket_cuts_it_and_lets_none_in() -> None:
    async def body(floor: Floor) -> None:
        async with connect(floor.base + "/stream?streams=ethusdt@bookTicker", compression=None) as stream:
            floor.fault("maintenance", notice_seconds=0.5, seconds=1.0, code=-1016)
            seen: list[dict[str, Any]] = []
            with pytest.raises(ConnectionClosed):
                while True:
                    seen.append(json.loads(await asyncio.wait_for(stream.recv(), 3)))
            told = [item for item in seen if item.get("stream") == "!serverShutdown"]
            assert [item["data"]["e"] for item in told] == ["serverShutdown"]
            with pytest.raises(ConnectionClosed):
                while True:
                    message = json.loads(await asyncio.wait_for(floor.socket.recv(), 3))
                    floor.events.append(message["event"])
            assert "serverShutdown" in [event["e"] for event in floor.events]
        for path in ("/ws-api/v3", "/ws/ethusdt@trade", "/public/ws/ethusdt@bookTicker"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(floor.base + path)
            assert refused.value.response.status_code == 503
        await asyncio.sleep(1.2)
        async with connect(floor.base + "/ws-api/v3", compression=None, close_timeout=0.2) as again:
            await again.send(floor.request("ping"))
            assert json.loads(await asyncio.wait_for(again.recv(), 2))["status"] == 200

    run(body)


def test_a_stale_snapshot_and_a_halted_symbol() -> None:
    async def body(floor: Floor) -> None:
        await floor.hear(1.5)
        fresh = (await floor.ask("depth", symbol="ETHUSDT", limit=5))["result"]["lastUpdateId"]
        floor.fault("stale_snapshot", age_seconds=1)
        assert (await floor.ask("depth", symbol="ETHUSDT", limit=5))["result"]["lastUpdateId"] < fresh
        floor.fault("maintenance", seconds=0, break_seconds=5, market="spot")
        info = await floor.ask("exchangeInfo", symbol="ETHUSDT")
        assert info["result"]["symbols"][0]["status"] == "BREAK"
        assert (await floor.place("halted"))["error"]["code"] == -1013

    run(body)
