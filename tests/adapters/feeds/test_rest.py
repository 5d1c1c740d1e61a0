"""REST: limits, refusals, errors in words, the simulated exchange's headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from supreme_system_v5.adapters.feeds.binance_api import BinanceApi, interval_name
from supreme_system_v5.adapters.feeds.rest import RestClient
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from tests.adapters.feeds.stand_in import StandIn, json_reply

Scene = Callable[[StandIn, RestClient], Awaitable[None]]


def play(scene: Scene, weight_minute: int = 2400, timeout: float = 2.0) -> None:
    async def run() -> None:
        server = await StandIn().start()
        client = RestClient(server.http, weight_minute, timeout)
        try:
            await scene(server, client)
        finally:
            await client.close()
            await server.stop()

    asyncio.run(run())


async def refused(work: Awaitable[object]) -> VenueError:
    with pytest.raises(VenueError) as caught:
        await work
    return caught.value


def test_an_answer_with_its_stamps() -> None:
    async def scene(server: StandIn, client: RestClient) -> None:
        server.replies["time"] = json_reply({"serverTime": 1}, X_Time_Ns="77")
        before_ns = time.monotonic_ns()
        reply = await client.get("/fapi/v1/time", {"a": 1}, sim_time_ns=57)
        assert reply.body == b'{"serverTime": 1}' and reply.time_ns == 77
        assert before_ns <= reply.sent_ns <= reply.received_ns <= time.monotonic_ns()
        assert server.calls[0][1] == {"a": "1"} and server.calls[0][2]["X-Sim-Time-Ns"] == "57"
        await client.get("/fapi/v1/time")
        assert "X-Sim-Time-Ns" not in server.calls[1][2]

    play(scene)


@pytest.mark.parametrize("status", [429, 418])
def test_after_a_refusal_nothing_leaves_until_it_may(status: int) -> None:
    async def scene(server: StandIn, client: RestClient) -> None:
        server.replies["depth"] = json_reply({"code": -1003, "msg": "Too many"}, status, Retry_After="1")
        server.replies["time"] = json_reply({})
        error = await refused(client.get("/depth"))
        assert (error.status, error.code, error.retry_after_seconds) == (status, -1003, 1.0)
        error = await refused(client.get("/time", is_protected=True))  # nothing is exempt from the venue's word
        assert 0 < error.retry_after_seconds <= 1.0 and len(server.calls) == 1
        await asyncio.sleep(client.blocked_seconds() + 0.01)
        await client.get("/time")
        assert len(server.calls) == 2

    play(scene)


def test_a_refusal_without_a_time_is_a_long_one() -> None:
    async def scene(server: StandIn, client: RestClient) -> None:
        server.replies["depth"] = json_reply("no", 418)
        assert (await refused(client.get("/depth"))).retry_after_seconds == 120.0
        assert 119 < client.blocked_seconds() <= 120

    play(scene)


def test_unprotected_requests_stay_below_half_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real_sleep = asyncio.sleep
    wall = [1_000_000_040.0]  # 20 s into a minute

    async def sleep(seconds: float) -> None:
        if seconds > 1:
            waits.append(seconds)
            wall[0] += seconds
        else:
            await real_sleep(seconds)

    async def scene(server: StandIn, client: RestClient) -> None:
        monkeypatch.setattr("supreme_system_v5.adapters.feeds.rest.asyncio.sleep", sleep)
        monkeypatch.setattr("supreme_system_v5.adapters.feeds.rest.time.time", lambda: wall[0])
        server.replies["klines"] = json_reply([], X_MBX_USED_WEIGHT_1M="3")
        for _ in range(5):
            await client.get("/klines", weight=10)
        assert waits == []
        await client.get("/klines", weight=10, is_protected=True)  # protected ones do not wait
        assert waits == []
        await client.get("/klines", weight=10)
        assert len(waits) == 1 and 39 < waits[0] < 41 and client.throttled == 1  # into the next minute

    play(scene, weight_minute=100)


def test_the_venues_own_count_is_believed() -> None:
    async def scene(server: StandIn, client: RestClient) -> None:
        server.replies["klines"] = json_reply([], X_MBX_USED_WEIGHT_1M="1199")
        await client.get("/klines")
        waiting = asyncio.ensure_future(client.get("/klines", weight=2))
        await asyncio.sleep(0.1)
        assert len(server.calls) == 1
        waiting.cancel()

    play(scene)


def test_errors_are_words() -> None:
    async def scene(server: StandIn, client: RestClient) -> None:
        server.replies["order"] = json_reply({"code": -1121, "msg": "Invalid symbol."}, 400)
        error = await refused(client.get("/order"))
        assert (error.status, error.code, error.message) == (400, -1121, "Invalid symbol.")
        server.replies["page"] = lambda _query, _headers: web.Response(status=451, text="<html>blocked</html>")
        error = await refused(client.get("/page"))
        assert error.status == 451 and "not offered at this location" in client.last_error
        server.replies["big"] = lambda _query, _headers: web.Response(body=b"x" * (17 << 20))
        assert "too big" in (await refused(client.get("/big"))).message

        async def hang(_query: dict[str, str], _headers: dict[str, str]) -> web.Response:
            await asyncio.sleep(1.0)
            return web.Response()

        server.replies["hang"] = hang  # type: ignore[assignment]
        started = time.monotonic()
        assert (await refused(client.get("/hang", timeout_seconds=0.2))).message == "timed out"
        assert time.monotonic() - started < 0.8

    play(scene)


def test_nobody_there() -> None:
    async def run() -> None:
        client = RestClient("http://127.0.0.1:1", 2400)
        error = await refused(client.get("/time"))
        assert (error.status, error.message) == (0, "connection refused")
        await client.close()

    asyncio.run(run())


def test_kline_names() -> None:
    assert [interval_name(seconds) for seconds in (60, 300, 3600, 5)] == ["1m", "5m", "1h", "5s"]


def test_trades_of_a_span_across_quiet_hours() -> None:
    hour_ms = 3_600_000
    start_ms = 1_700_000_000_000
    rows = [
        {"a": number, "p": "2400.00", "q": "0.1", "f": 1, "l": 1, "T": start_ms + 2 * hour_ms + number, "m": False}
        for number in range(2_500)
    ]

    def agg_trades(query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        if "fromId" in query:
            return web.json_response(rows[int(query["fromId"]) :][: int(query["limit"])])
        first, last = int(query["startTime"]), int(query["endTime"])
        assert last - first < hour_ms
        return web.json_response([row for row in rows if first <= int(str(row["T"])) <= last][: int(query["limit"])])

    async def run() -> None:
        server = await StandIn().start()
        server.replies["aggTrades"] = agg_trades
        api = BinanceApi("usdm", "ETH-USDT", server.http)
        trades = await api.trades_between(start_ms, start_ms + 2 * hour_ms + 2_000, 10_000, 1)
        assert [trade.trade_id for trade in trades] == list(range(2_000))
        assert len(await api.trades_between(start_ms, start_ms + 5 * hour_ms, 1_500, 1)) == 1_500
        assert await api.trades_between(start_ms, start_ms + hour_ms, 10, 1) == []
        server.replies["aggTrades"] = json_reply({"not": "a list"})
        with pytest.raises(FrameError):
            await api.trades_between(start_ms, start_ms + hour_ms, 10, 1)
        await api.close()
        await server.stop()

    asyncio.run(run())
