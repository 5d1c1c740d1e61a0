"""Clients that mean harm, or do not know better: what they send is refused, logged by nobody, and hurts nobody else."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from supreme_system_v5.adapters.exchange.api.api_socket import PRIVATE_STREAMS_MAX
from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.keys import Key
from supreme_system_v5.adapters.exchange.api.make import make_exchange
from supreme_system_v5.adapters.exchange.bodies import http_log
from supreme_system_v5.adapters.exchange.market.build import generated_markets
from supreme_system_v5.adapters.exchange.rest.gate import AHEAD_MAX_NS
from tests.adapters.exchange.api.front import Front, read, run
from tests.adapters.exchange.worlds import SECOND, START_NS

E8 = 10**8
DEEP = "[" * 5_000
SOCKETS = ("/ws", "/public/ws", "/private/ws", "/ws-api/v3", "/ws-fapi/v1")


def venue() -> tuple[Exchange, Key]:
    """An exchange of both markets, and an account's key."""
    exchange = make_exchange(generated_markets("both", 3, START_NS, is_shared=True), 3, limits_factor=1_000)
    return exchange, exchange.open_account("main", {"USDT": 1_000 * E8}, 1_000 * E8)


async def raw(front: Front, request: bytes, seconds: float = 5.0) -> bytes:
    """Bytes over a connection of our own: what comes back until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", front.server.port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), seconds)
    finally:
        writer.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, five seconds at most."""
    for _ in range(250):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /api/v3/order?a=" + b"x" * 9_000 + b" HTTP/1.1\r\n",
        b"GET /api/v3/\xff HTTP/1.1\r\n",
        b"JUMP /api/v3/order HTTP/1.1\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: -1\r\n",
    ],
)
def test_malformed_requests_are_answered_and_not_logged(request_line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        assert status_of(await raw(front, request_line + b"Host: x\r\n\r\n")) == 400

    with caplog.at_level(logging.DEBUG):
        run(exchange, key, body)
    assert [record for record in caplog.records if record.exc_info] == []


def test_our_own_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=http_log.name):
        try:
            raise KeyError("ours")
        except KeyError:
            http_log.exception("Error handling request")
    assert len(caplog.records) == 1


def controlled(body: Callable[[Front], Awaitable[None]]) -> None:
    """Run a test's body against a server with control calls."""
    exchange, key = venue()
    run(exchange, key, body, is_controlled=True)


@pytest.mark.parametrize("path", ["/api/v3/order", "/fapi/v1/order", "/x/account", "/x/deposit", "/x/fault"])
def test_a_body_that_is_not_what_its_headers_say(path: str, caplog: pytest.LogCaptureFixture) -> None:
    refused = 400 if path.startswith("/x/") else 401

    async def body(front: Front) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n".encode()
        assert status_of(await raw(front, head + b"Content-Encoding: gzip\r\n\r\nabcde")) == 400
        assert status_of(await raw(front, head + b"Content-Type: text/plain; charset=no\r\n\r\nabcde")) == refused
        assert status_of(await raw(front, head + b"\r\n\xff\xfe\xff\xfe\xff")) == 400

    controlled(body)
    assert [record for record in caplog.records if record.exc_info] == []


def test_control_calls_that_are_no_json_or_too_much_of_it() -> None:
    deposit = {"account": "main", "amount": "1"}
    no_markets: list[object] = [[], {}, None, 1]
    asked = [(path, DEEP) for path in ("/x/account", "/x/deposit", "/x/fault")]
    asked += [("/x/deposit", json.dumps({**deposit, "market": wrong})) for wrong in no_markets]
    asked += [
        ("/x/deposit", json.dumps({**deposit, "amount": wrong})) for wrong in ("1e5", "1_000", "\u0663", "--1", "")
    ]

    async def body(front: Front) -> None:
        for path, text in asked:
            status, reply, _ = await front.send("POST", path, body=text)
            assert (status, list(reply)) == (400, ["error"])

    controlled(body)


@pytest.mark.parametrize("path", SOCKETS)
def test_frames_nested_too_deep_do_not_end_the_connection(path: str) -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        async with front.ws(path) as socket:
            for frame in (DEEP, '{"a":' * 5_000, '{"id":1,"method":"ping","params":{"a":' + DEEP):
                await socket.send(frame)
                assert "error" in await read(socket)
            await socket.send('{"id":1,"method":"LIST_SUBSCRIPTIONS"}')
            assert (await read(socket))["id"] == 1

    run(exchange, key, body, is_waiting=True)


@pytest.mark.parametrize("name", ["!ticker@arr@{}ms", "ethusdt@depth@{}ms", "ethusdt@kline_{}m"])
def test_stream_names_with_thousands_of_digits(name: str) -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        async with front.ws("/ws") as socket:
            await socket.send(json.dumps({"id": 1, "method": "SUBSCRIBE", "params": [name.format("9" * 5_000)]}))
            assert await read(socket) == {"result": None, "id": 1}

    run(exchange, key, body, is_waiting=True)


def test_a_private_socket_holds_so_many_streams() -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        listen_key = (await front.ok("POST", "/fapi/v1/listenKey"))["listenKey"]
        async with front.ws("/private/ws") as socket:
            names = [f"{listen_key}@{number}" for number in range(PRIVATE_STREAMS_MAX + 1)]
            await socket.send(json.dumps({"id": 7, "method": "SUBSCRIBE", "params": names}))
            assert await read(socket) == {"error": {"code": 2, "msg": "Invalid request: too many streams"}, "id": 7}
        async with front.ws("/private/ws") as socket:
            await socket.send(json.dumps({"id": 8, "method": "SUBSCRIBE", "params": names[:-1]}))
            assert await read(socket) == {"result": None, "id": 8}

    run(exchange, key, body, is_waiting=True)


def test_nobody_carries_an_ended_market_into_the_future() -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        await until(lambda: front.server.is_ended)
        shown_ns = front.server.clock.shown_ns
        await front.send("GET", "/fapi/v1/accountConfig?timestamp=1", {"X-Sim-Time-Ns": "9" * 19})
        assert await front.server.rest.as_of("9" * 19) <= shown_ns + AHEAD_MAX_NS
        _, _, headers = await front.signed("GET", "/api/v3/account")
        assert int(headers["X-Time-Ns"]) <= shown_ns + AHEAD_MAX_NS

    run(exchange, key, body, end_ns=START_NS + SECOND)


def test_the_request_line_may_name_scheme_and_host() -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        answer = await raw(
            front, b"GET http://exchange/api/v3/account?a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert status_of(answer) == 401
        assert b"-2014" in answer

    run(exchange, key, body)


def test_orders_of_a_batch_stand_when_one_id_is_none() -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        await until(lambda: exchange.usdm.mark_e8 > 0)
        price = f"{int(exchange.usdm.matcher.best_e8(1)) / E8 * 0.98:.2f}"
        order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        placed = await front.ok("POST", "/fapi/v1/order", **order, quantity="0.1", price=price)
        for wrong in ("x", 1.5, None, "\u00b2", 10**30):
            ids = json.dumps([placed["orderId"], wrong])
            status, reply, _ = await front.signed("DELETE", "/fapi/v1/batchOrders", symbol="ETHUSDT", orderIdList=ids)
            assert (status, reply["code"]) == (400, -1130)
        assert len(await front.ok("GET", "/fapi/v1/openOrders")) == 1
        for modify_id in ("\u00b2", "9" * 5_000):  # digits, but no number that is one of ours
            changed: dict[str, Any] = {
                "symbol": "ETHUSDT",
                "side": "BUY",
                "quantity": "0.2",
                "price": price,
                "modifyId": modify_id,
            }
            status, reply, _ = await front.signed(
                "PUT", "/fapi/v1/order", in_body=True, orderId=placed["orderId"], **changed
            )
            assert status in (200, 400), reply
        await front.ok("GET", "/fapi/v1/orderAmendment", symbol="ETHUSDT", orderId=placed["orderId"])

    run(exchange, key, body)


def test_pings_go_on_when_a_client_does_not_read_the_goodbye() -> None:
    exchange, key = venue()

    async def body(front: Front) -> None:
        async with front.ws("/ws") as mute, front.ws("/ws") as other:
            mute.transport.pause_reading()
            await until(lambda: len(front.server.pump.clients) == 2)
            first, second = front.server.pump.clients
            first.transport.write(b"\0" * 3_000_000)  # it does not read: nothing more can be written to it
            first.connected_ns -= 10**18  # more than 24 hours old
            second.next_ping = 0.0
            await until(lambda: second.next_ping > 0.0)
            second.next_ping = 0.0  # the first one has been ended meanwhile
            await until(lambda: second.next_ping > 0.0)
            assert await asyncio.wait_for(await other.ping(), 2) >= 0.0

    run(exchange, key, body, is_waiting=True)


def test_a_market_that_breaks_is_told_and_its_streams_are_cut(caplog: pytest.LogCaptureFixture) -> None:
    exchange, key = venue()

    def breaks(_time_ns: int) -> None:
        raise RuntimeError("a mistake of ours")

    async def body(front: Front) -> None:
        async with front.ws("/ws/ethusdt@bookTicker") as socket:
            await read(socket)
            front.server.pump.on_turn = breaks
            with pytest.raises(ConnectionClosed):
                for _ in range(1_000):
                    await read(socket)

    run(exchange, key, body)
    assert "the exchange stands still" in caplog.messages
