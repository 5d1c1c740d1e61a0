"""The trading side over real sockets: REST, the WebSocket API, private streams, faults; with endpoints of our own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from supreme_system_v5.adapters.exchange.api import listen_keys
from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.routes import Routes
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from tests.adapters.exchange.api.desk import ENDPOINTS, START_MS, Desk
from tests.adapters.exchange.api.front import Front, read, run
from tests.adapters.exchange.worlds import START_NS, generated

HOUR_NS = 3_600_000_000_000


def test_rest_with_parameters_in_query_or_body() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        for in_body in (False, True):
            status, reply, headers = await front.signed(
                "POST", "/api/v3/place", in_body=in_body, quantity="0.5", side="BUY"
            )
            assert (status, reply["account"], reply["quantity"]) == (200, "main", 50_000_000)
            assert headers["Content-Type"] == "application/json;charset=UTF-8"
            assert headers["X-MBX-USED-WEIGHT-1M"] == "0"
            assert "X-MBX-ORDER-COUNT-10S" in headers
        status, reply, _ = await front.signed("POST", "/api/v3/place", quantity="0.5", what="?")
        assert (status, reply["code"]) == (400, -1104)
        status, reply, _ = await front.send("GET", "/api/v3/open?side=BUY")
        assert (status, reply["account"]) == (200, "")
        status, reply, _ = await front.send("GET", "/api/v3/open?a=1&a=2")
        assert reply == {"code": -1101, "msg": "Duplicate values for parameter 'a'."}

    run(desk.exchange, desk.key, body)


def test_microseconds_by_header() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        _, reply, _ = await front.send("GET", "/api/v3/open", {"X-MBX-TIME-UNIT": "MICROSECOND"})
        assert reply["time"] == START_MS * 1_000
        status, reply, _ = await front.send("GET", "/api/v3/open", {"X-MBX-TIME-UNIT": "HOUR"})
        assert (status, reply["code"]) == (400, -1194)

    run(desk.exchange, desk.key, body, is_waiting=True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/v3/userDataStream", 410),
        ("PUT", "/api/v3/userDataStream?listenKey=x", 410),
        ("GET", "/sapi/v1/capital/config/getall", 404),
        ("POST", "/sapi/v1/margin/order", 404),
        ("GET", "/wapi/v3/accountStatus.html", 404),
        ("GET", "/dapi/v1/ping", 404),
        ("GET", "/api/v3/nothing", 404),
        ("GET", "/api/v3/place", 405),
        ("GET", "/fapi/v9/nothing", 404),
        ("POST", "/api/v3/ping", 405),
    ],
)
def test_paths_that_are_not_served(method: str, path: str, status: int) -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        found, reply, _ = await front.send(method, path)
        assert (found, reply["status"]) == (status, status)

    run(desk.exchange, desk.key, body)


def test_market_data_beside_trading() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        for path in ("/api/v3/depth?symbol=ETHUSDT&limit=5", "/fapi/v1/depth?symbol=ETHUSDT&limit=5"):
            status, reply, headers = await front.send("GET", path)
            assert (status, len(reply["bids"])) == (200, 5)
            assert headers["X-MBX-USED-WEIGHT-1M"] in ("5", "2")
        assert (await front.signed("GET", "/api/v3/mine"))[2]["X-MBX-USED-WEIGHT-1M"] == "25"  # one count for both
        async with front.ws("/ws/ethusdt@aggTrade") as socket:
            message = await read(socket)
            assert message["e"] == "aggTrade"
            assert "x_time_ns" not in message  # strangers see what the venue sends

    run(desk.exchange, desk.key, body)


def test_raised_limits_hold_for_market_data_too() -> None:
    desk = Desk(factor=3)

    async def body(front: Front) -> None:
        assert front.server.limiter.limit("spot") == 18_000
        assert front.server.rest.limiter is front.exchange.limiter

    run(desk.exchange, desk.key, body)

    async def fixed(front: Front) -> None:
        assert front.server.rest.limiter.limit("spot") == 30
        assert (await front.signed("GET", "/api/v3/mine"))[0] == 200
        assert (await front.send("GET", "/api/v3/ticker/24hr"))[0] == 418

    run(desk.exchange, desk.key, fixed, weight_limit=30)


def test_the_websocket_api() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        for path, market in (("/ws-api/v3", "spot"), ("/ws-fapi/v1", "usdm")):
            async with front.ws(path) as socket:
                reply = await front.ask_signed(socket, "place", market=market, quantity="1.5", side="SELL")
                assert (reply["status"], reply["result"]["quantity"]) == (200, 150_000_000)
                assert reply["rateLimits"][-1]["count"] >= 1
                await socket.send("nonsense")
                assert (await read(socket))["error"]["code"] == -1135
                reply = await front.ask(socket, "ticker.price", symbol="ETHUSDT")
                assert reply["result"]["symbol"] == "ETHUSDT"
                waiter = await socket.ping()
                await asyncio.wait_for(waiter, 2)
        async with front.ws("/ws-api/v3?returnRateLimits=false&timeUnit=MICROSECOND") as socket:
            reply = await front.ask(socket, "time")
            assert "rateLimits" not in reply
            assert reply["result"]["serverTime"] > 10**15

    run(desk.exchange, desk.key, body)


def listening() -> tuple[Exchange, Any]:
    exchange = Exchange({"usdm": generated("usdm")}, routes=Routes([*ENDPOINTS[-1:], *listen_keys.ENDPOINTS]), seed=1)
    return exchange, exchange.keys.make("main")


async def listen_key(front: Front, method: str = "POST") -> tuple[int, Any]:
    status, reply, _ = await front.send(method, "/fapi/v1/listenKey", {"X-MBX-APIKEY": front.key.api_key})
    return status, reply


def test_listen_keys() -> None:
    exchange, key = listening()

    async def body(front: Front) -> None:
        assert await listen_key(front, "PUT") == (400, {"code": -1125, "msg": "This listenKey does not exist."})
        status, first = await listen_key(front)
        assert (status, len(first["listenKey"])) == (200, 64)
        assert await listen_key(front) == (200, first)
        assert await listen_key(front, "PUT") == (200, first)
        async with front.ws("/ws-fapi/v1") as socket:
            assert (await front.ask(socket, "userDataStream.start", apiKey=key.api_key))["result"] == first
            assert (await front.ask(socket, "userDataStream.ping", apiKey=key.api_key))["result"] == first
            assert (await front.ask(socket, "userDataStream.stop", apiKey=key.api_key))["result"] == {}
        assert (await listen_key(front, "PUT"))[0] == 400
        assert (await listen_key(front))[1] != first
        status, reply, _ = await front.send("POST", "/fapi/v1/listenKey")
        assert (status, reply["code"]) == (401, -2014)

    run(exchange, key, body)


def test_private_streams() -> None:
    exchange, key = listening()

    async def body(front: Front) -> None:
        name = (await listen_key(front))[1]["listenKey"]
        paths = [
            f"/private/ws?listenKey={name}",
            f"/private/ws/{name}",
            f"/private/stream?streams={name}",
            f"/private/ws?listenKey={name}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE",
            "/private/stream",
            f"/private/ws/{'0' * 64}",
        ]
        sockets = [await front.ws(path) for path in paths]
        await sockets[4].send(json.dumps({"method": "SUBSCRIBE", "params": [f"{name}@TRADE_LITE"], "id": 9}))
        assert await read(sockets[4]) == {"result": None, "id": 9}
        for event in ({"e": "TRADE_LITE", "n": 1}, {"e": "ACCOUNT_UPDATE", "n": 2}):
            exchange.streams.send("usdm", "main", event)
        lite, account = {"e": "TRADE_LITE", "n": 1}, {"e": "ACCOUNT_UPDATE", "n": 2}
        for socket in sockets[:2]:
            assert [await read(socket), await read(socket)] == [lite, account]
        assert await read(sockets[2]) == {"stream": name, "data": lite}
        assert await read(sockets[3]) == account
        assert await read(sockets[4]) == {"stream": f"{name}@TRADE_LITE", "data": lite}
        with pytest.raises(asyncio.TimeoutError):
            await read(sockets[5], 0.1)
        assert (await listen_key(front, "DELETE"))[0] == 200
        exchange.streams.send("usdm", "main", {"e": "ACCOUNT_UPDATE", "n": 3})
        with pytest.raises(asyncio.TimeoutError):
            await read(sockets[3], 0.1)  # its key is active no more
        for socket in sockets:
            await socket.close()
        await asyncio.sleep(0.05)
        assert exchange.streams.count() == 0

    run(exchange, key, body)


def test_a_listen_key_ends_after_an_hour_of_market_time() -> None:
    exchange, key = listening()

    exchange.listen_keys.start("main", START_NS - HOUR_NS + 2_000_000_000)  # 2 s are left

    async def short(front: Front) -> None:
        key_text = exchange.listen_keys._keys["main"][0]
        async with front.ws(f"/private/ws?listenKey={key_text}&events=ORDER_TRADE_UPDATE") as quiet:  # noqa: SIM117
            async with front.ws(f"/private/ws?listenKey={key_text}&events=listenKeyExpired") as socket:
                event = await read(socket, 10)
                assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key_text)
                assert event["E"] >= START_MS + 2_000
                with pytest.raises(asyncio.TimeoutError):
                    await read(quiet, 0.1)  # an allow list: who does not name it is not told
        assert (await listen_key(front, "PUT"))[0] == 400

    run(exchange, key, short, speed=10.0)


def faulty(kind: str, **args: Any) -> FaultBox:
    box = FaultBox(START_NS)
    box.inject(kind, args, START_NS)
    return box


def test_errors_in_place_of_answers_before_and_after_the_execution() -> None:
    for when, executed in (("before", 0), ("after", 1)):
        desk = Desk()

        async def body(front: Front) -> None:
            status, reply, _ = await front.signed("POST", "/api/v3/place")
            assert (status, reply["code"]) == (500, -1006)
            counts = front.exchange.order_limits.rows("spot", "main", front.server.clock.shown_ns)
            assert counts[1]["count"] == executed  # noqa: B023
            async with front.ws("/ws-api/v3") as socket:
                reply = await front.ask_signed(socket, "place")
                assert (reply["status"], reply["error"]["code"]) == (500, -1006)
                assert (await front.ask_signed(socket, "place"))["status"] == 200

        run(desk.exchange, desk.key, body, faults=faulty("error", code=-1006, when=when, count=2, on="all"))


def test_a_timeout_closes_or_says_nothing() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(front.ask_signed(socket, "order.place"), 0.3)
            assert (await front.ask(socket, "time"))["status"] == 200

    run(desk.exchange, desk.key, body, faults=faulty("timeout", count=1))

    async def closed(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            with pytest.raises(ConnectionClosed):
                await front.ask_signed(socket, "order.place")

    run(desk.exchange, desk.key, closed, faults=faulty("timeout", count=1, form="closed"))


def test_a_wrong_clock_refuses_and_says_its_own_time() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        shown_ms = front.server.clock.shown_ns // 1_000_000
        status, reply, _ = await front.signed("GET", "/api/v3/mine", timestamp=shown_ms)
        assert (status, reply["code"]) == (400, -1021)
        _, reply, _ = await front.send("GET", "/api/v3/time")
        assert reply["serverTime"] == shown_ms + 8_000
        status, _, _ = await front.signed("GET", "/api/v3/mine", timestamp=reply["serverTime"])
        assert status == 200

    run(desk.exchange, desk.key, body, is_waiting=True, faults=faulty("clock_skew", offset_ms=8_000, seconds=60))


def test_user_sockets_are_cut_and_told_of_a_shutdown() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            await front.ask(socket, "ping")
            with pytest.raises(ConnectionClosed):
                await read(socket)

    box = FaultBox(START_NS, [{"kind": "disconnect", "args": {"stream": "user"}, "at_seconds": 0.5}])
    run(desk.exchange, desk.key, body, faults=box)

    async def told(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            assert (await read(socket))["event"]["e"] == "serverShutdown"
            with pytest.raises(ConnectionClosed):
                await read(socket)

    plan = [{"kind": "maintenance", "args": {"notice_seconds": 0.2, "seconds": 5}, "at_seconds": 0.2}]
    run(desk.exchange, desk.key, told, faults=FaultBox(START_NS, plan))


def test_nothing_of_trading_is_loaded_without_it() -> None:
    code = (
        "import sys; import supreme_system_v5.adapters.exchange.embedded;"
        "print([n for n in sys.modules if 'exchange.api.' in n or 'matching.exchange' in n])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(found.replace("'", '"')))
    allowed = ("api.params", "core.matching.exchange", "matching.exchange.refusal")
    assert {name for name in loaded if not name.endswith(allowed)} == set()


def test_a_request_that_comes_late_meets_the_market_of_now() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        time.sleep(1.3)  # noqa: ASYNC251 - nothing runs meanwhile, as on a machine that is busy
        now_ms = front.server.clock.now_ns() // 1_000_000
        status, reply, _ = await front.signed("GET", "/api/v3/mine", timestamp=now_ms)
        assert status == 200, reply
        assert abs(reply["time"] - now_ms) < 1_000

    run(desk.exchange, desk.key, body)


def test_a_ban_ends_the_connection() -> None:
    desk = Desk()

    async def body(front: Front) -> None:
        async with front.ws("/ws-api/v3") as socket:
            front.server.limiter.charge("spot", 12_001, front.server.clock.shown_ns / 1e9, "127.0.0.1")
            reply = await front.ask(socket, "ping")
            assert (reply["status"], reply["error"]["code"]) == (418, -1003)
            with pytest.raises(ConnectionClosed):
                await read(socket)
        status, reply, headers = await front.send("GET", "/api/v3/open")
        assert (status, reply["code"]) == (418, -1003)
        assert int(headers["Retry-After"]) > 60

    run(desk.exchange, desk.key, body, is_waiting=False)
