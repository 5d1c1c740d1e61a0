"""Stream sockets over loopback: requests and their replies, raw and combined, microseconds, limits, categories."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from supreme_system_v5.adapters.exchange.server import ExchangeServer
from tests.adapters.exchange.test_exchange_server import serve, ws
from tests.adapters.exchange.worlds import generated

UNKNOWN = (
    "Invalid request: unknown variant `JUMP`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, "
    "`SET_PROPERTY`, `GET_PROPERTY` at line 1 column 16"
)


async def tell(socket_: ClientConnection, text: str) -> dict[str, Any]:
    """Send a text; the reply to it (frames of streams in between are left out)."""
    await socket_.send(text)
    while True:
        message: Any = json.loads(await asyncio.wait_for(socket_.recv(), 5))
        if isinstance(message, dict) and ("result" in message or "error" in message):
            return message


async def ask(socket_: ClientConnection, method: str, params: list[Any] | None = None, number: Any = 1) -> Any:
    request = {"method": method, "id": number} | ({} if params is None else {"params": params})
    return await tell(socket_, json.dumps(request))


async def frame(socket_: ClientConnection, has: str = "") -> Any:
    """The next frame, or the next one with a key."""
    while True:
        message = json.loads(await asyncio.wait_for(socket_.recv(), 10))
        if isinstance(message, list) or (len(message) > 1 and (not has or has in message)):
            return message


def test_requests_and_replies() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/market/ws") as socket_:
            names = ["ethusdt@kline_1m", "ethusdt@aggTrade"]
            assert await ask(socket_, "SUBSCRIBE", names, 7) == {"result": None, "id": 7}
            assert await ask(socket_, "LIST_SUBSCRIPTIONS", None, "a-B9") == {"result": sorted(names), "id": "a-B9"}
            assert await ask(socket_, "UNSUBSCRIBE", names[:1], None) == {"result": None, "id": None}
            assert (await ask(socket_, "LIST_SUBSCRIPTIONS"))["result"] == names[1:]
            assert await ask(socket_, "GET_PROPERTY", ["combined"], -(2**63)) == {"result": False, "id": -(2**63)}
            assert (await ask(socket_, "SET_PROPERTY", ["combined", True]))["result"] is None
            assert (await ask(socket_, "GET_PROPERTY", ["combined"]))["result"] is True
            assert (await frame(socket_, "stream"))["stream"] == "ethusdt@aggTrade"

    serve(generated(), body)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{", 3, "Invalid JSON: expected value at line 1 column 2"),
        ("[1]", 2, "Invalid request: expected an object at line 1 column 1"),
        ('{"id":1}', 2, "Invalid request: missing field `method` at line 1 column 8"),
        ('{"method":"JUMP","id":1}', 2, UNKNOWN),
        ('{"method":"LIST_SUBSCRIPTIONS"}', 2, "Invalid request: request ID must be an unsigned integer"),
        ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', 2, "Invalid request: request ID must be an unsigned integer"),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2, "Invalid request: invalid type: expected a string"),
        ('{"method":"GET_PROPERTY","params":[],"id":1}', 2, "Invalid request: property name must be a string"),
        ('{"method":"GET_PROPERTY","params":["x"],"id":1}', 0, "Unknown property"),
        ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', 2, "Invalid request: too many parameters"),
        ('{"method":"SET_PROPERTY","params":["combined","y"],"id":1}', 1, "Invalid value type: expected Boolean"),
    ],
)
def test_errors_are_the_venues(text: str, code: int, message: str) -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/ws") as socket_:
            assert (await tell(socket_, text))["error"] == {"code": code, "msg": message}

    serve(generated("spot"), body)


def test_derived_streams_reach_raw_and_combined_sockets() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        names = "ethusdt@miniTicker/!miniTicker@arr/ethusdt@depth5/ethusdt@kline_1s/ethusdt@trade/ethusdt@avgPrice"
        async with ws(server, f"/stream?streams={names}") as wrapped, ws(server, "/ws/!miniTicker@arr") as raw:
            heard: dict[str, Any] = {}
            while len(heard) < 6:
                message = await frame(wrapped, "stream")
                heard[message["stream"]] = message["data"]
            assert sorted(heard) == sorted(names.split("/"))
            assert set(heard["ethusdt@depth5"]) == {"lastUpdateId", "bids", "asks"}
            array = await frame(raw)
            assert isinstance(array, list)  # there is no place for anything else in it
            assert array[0]["e"] == "24hrMiniTicker"

    serve(generated("spot"), body, speed=10.0)


def test_streams_of_both_markets_do_not_mix() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, "/ws/ethusdt@aggTrade") as spot, ws(server, "/market/ws/ethusdt@aggTrade") as usdm:
            for _ in range(20):
                assert "M" in await frame(spot, "e")
                assert "nq" in await frame(usdm, "e")

    serve([generated("spot"), generated("usdm")], body, speed=20.0)


def test_microseconds_on_sockets_and_over_rest() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        path = "/stream?streams=ethusdt@aggTrade/ethusdt@kline_1s"
        async with ws(server, path + "&timeUnit=MICROSECOND") as fine, ws(server, path) as plain:
            trades: list[Any] = []
            bars: list[Any] = []
            for socket_ in (fine, plain):
                kinds: dict[str, Any] = {}
                while len(kinds) < 2:
                    data = (await frame(socket_, "stream"))["data"]
                    kinds.setdefault(data["e"], data)
                trades.append(kinds["aggTrade"])
                bars.append(kinds["kline"]["k"])
        assert len(str(trades[0]["T"])) == len(str(trades[0]["E"])) == 16
        assert len(str(trades[1]["T"])) == 13
        assert (bars[0]["t"] % 1_000_000, bars[0]["T"] % 1_000_000) == (0, 999_999)
        assert (bars[1]["t"] % 1_000, bars[1]["T"] % 1_000) == (0, 999)
        for unit, digits in (("", 13), ("MILLISECOND", 13), ("microsecond", 16)):
            async with session.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": unit}) as reply:
                assert len(str((await reply.json())["serverTime"])) == digits
        async with session.get("/api/v3/time", headers={"X-MBX-TIME-UNIT": "HOUR"}) as reply:
            assert (reply.status, (await reply.json())["code"]) == (400, -1194)

    serve(generated("spot"), body, speed=5.0)


def test_a_key_over_rest() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        path = "/fapi/v1/historicalTrades?symbol=ETHUSDT&limit=5"
        async with session.get(path) as reply:
            assert (reply.status, (await reply.json())["code"]) == (401, -2014)
        async with session.get(path, headers={"X-MBX-APIKEY": "anything"}) as reply:
            assert (reply.status, len(await reply.json())) == (200, 5)
        async with session.get("/fapi/v2/ticker/price?symbol=ETHUSDT") as reply:
            assert (await reply.json())["symbol"] == "ETHUSDT"

    serve(generated(), body)


@pytest.mark.parametrize(("kind", "path", "most"), [("spot", "/ws", 5), ("usdm", "/public/ws", 10)])
def test_messages_a_second(kind: str, path: str, most: int) -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, path) as socket_:
            for number in range(most):
                await ask(socket_, "LIST_SUBSCRIPTIONS", None, number)
            await socket_.ping()
            with pytest.raises(ConnectionClosed):
                while True:
                    await asyncio.wait_for(socket_.recv(), 5)

    serve(generated(kind), body)


@pytest.mark.parametrize(("kind", "path", "most"), [("spot", "/ws", 1_024), ("usdm", "/market/ws", 200)])
def test_streams_a_connection(kind: str, path: str, most: int) -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        async with ws(server, path) as socket_:
            names = [f"s{number}@aggTrade" for number in range(most)]
            assert (await ask(socket_, "SUBSCRIBE", names))["result"] is None
            assert (await ask(socket_, "SUBSCRIBE", names[:2]))["result"] is None  # again: nothing new
            refused = await ask(socket_, "SUBSCRIBE", ["ethusdt@aggTrade"])
            assert refused["error"]["code"] == 2

    serve(generated(kind), body)


def test_a_stream_on_the_wrong_socket_is_refused() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        for path in ("/public/ws/ethusdt@kline_1m", "/market/stream?streams=!bookTicker", "/market/ws/ethusdt@depth5"):
            with pytest.raises(InvalidStatus) as caught:
                async with ws(server, path):
                    pass
            assert caught.value.response.status_code == 400, path

    serve(generated(), body)


def test_what_a_gone_client_wanted_is_made_no_more() -> None:
    from supreme_system_v5.adapters.exchange.streams.hub import hub_of

    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        hub = hub_of(server.markets["usdm"])
        async with ws(server, "/market/ws/ethusdt@kline_1m"):
            assert hub.made == ["ethusdt@kline_1m"]
        for _ in range(100):
            await asyncio.sleep(0.02)
            if not hub.made:
                break
        assert hub.made == []

    serve(generated(), body)


def test_a_socket_that_does_not_ask_sees_what_the_venue_sends() -> None:
    async def body(server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        for path in ("/ws/ethusdt@aggTrade", "/stream?streams=ethusdt@aggTrade"):
            async with connect(f"ws://127.0.0.1:{server.port}{path}", compression=None, close_timeout=0.2) as socket_:
                for _ in range(20):
                    message = json.loads(await asyncio.wait_for(socket_.recv(), 5))
                    assert "x_time_ns" not in message
                    assert len(message) == (2 if "stream" in message else 11)

    serve(generated("spot"), body, speed=20.0)
