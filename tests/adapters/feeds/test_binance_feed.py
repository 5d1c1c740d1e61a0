"""The Binance feed against a venue on loopback: subscriptions, events, requests, garbage, a simulated exchange."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest
from aiohttp import web

from supreme_system_v5.adapters.feeds.binance import BinanceFeed
from supreme_system_v5.core.domain.effects import RequestBars, RequestBook, RequestTrades, Resync, SetDepthStream
from supreme_system_v5.core.domain.events import (
    BARS_COMMIT,
    FEED_DOWN,
    FEED_SERVER_TIME,
    FEED_UP,
    Bars,
    BookSnapshot,
    Event,
    FeedStatus,
    Quote,
    Trade,
    Trades,
)
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from tests.adapters.feeds.feed_kit import DEPTH, MINUTE_MS, START_MS, play
from tests.adapters.feeds.stand_in import StandIn, json_reply, quick_limits, quote, trade, until


def kline(open_ms: int, close: str = "2400.00") -> list[Any]:
    row: list[Any] = [open_ms, "2400.00", "2410.00", "2390.00", close, "1.500", open_ms + MINUTE_MS - 1]
    return [*row, "3600.0", 10, "0.5", "1200.0", "0"]


def agg(trade_id: int) -> dict[str, Any]:
    return {"a": trade_id, "p": "2400.00", "q": "0.1", "f": 1, "l": 1, "T": START_MS, "m": False}


def states(out: list[Event], stream: str = "") -> list[tuple[str, str]]:
    return [
        (event.stream, event.state)
        for event in out
        if isinstance(event, FeedStatus) and (not stream or event.stream == stream)
    ]


def test_usdm_has_a_connection_for_each_category() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up)
        assert sorted(server.paths) == [
            "/market/stream?streams=ethusdt@aggTrade/ethusdt@markPrice@1s",
            "/public/stream?streams=ethusdt@bookTicker/ethusdt@depth@100ms",
        ]
        assert sorted(states(out)) == [(stream, FEED_UP) for stream in ("depth", "mark", "quote", "trade")]

    play(scene)


def test_spot_has_one() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up)
        assert server.paths == ["/stream?streams=ethusdt@aggTrade/ethusdt@bookTicker/ethusdt@depth@100ms"]
        assert sorted(states(out)) == [(stream, FEED_UP) for stream in ("depth", "quote", "trade")]

    play(scene, "spot")


def test_frames_become_events_stamped_on_arrival() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up and server.sockets)
        before_ns = time.time_ns()
        await server.sockets[0].send_str(trade(1))
        await server.sockets[0].send_str(quote(5))
        await until(lambda: isinstance(out[-1], Quote))
        made = [event for event in out if isinstance(event, (Trade, Quote))]
        assert [type(event) for event in made] == [Trade, Quote]
        for event in made:
            assert 0 <= event.time_ns - before_ns < NS_PER_SECOND
            assert 0 <= time.monotonic_ns() - event.received_ns < NS_PER_SECOND
        assert feed.frames == 2 and feed.rejected == {}

    play(scene, "spot")


def test_garbage_is_counted_and_dropped() -> None:
    garbage = ["", "{", "nonsense", trade(2, price="nan"), trade(3, price="1e400"), trade(4, price="-5"), trade(5)[:-9]]
    garbage += [trade(6).replace("ETHUSDT", "BTCUSDT"), '{"stream":"ethusdt@unheard","data":{"e":"x"}}', "[]" * 900]

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up and server.sockets)
        for text in garbage:
            await server.sockets[0].send_str(text)
        await server.sockets[0].send_bytes(bytes(range(256)))
        await server.sockets[0].send_str(trade(9))
        await until(lambda: isinstance(out[-1], Trade))
        assert [event.trade_id for event in out if isinstance(event, Trade)] == [9]
        assert sum(feed.rejected.values()) == len(garbage) + 1
        assert set(feed.rejected) <= {"malformed", "non_finite", "out_of_range", "unknown_stream", "wrong_symbol"}
        assert feed.is_up and feed.connections[0].reconnects == 0

    play(scene, "spot")


def test_a_lost_connection_is_told_by_stream_and_rebuilt() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up and len(server.sockets) == 2)
        market = server.paths.index("/market/stream?streams=ethusdt@aggTrade/ethusdt@markPrice@1s")
        server.cut(server.sockets[market])
        await until(lambda: states(out, "trade") == [("trade", FEED_UP), ("trade", FEED_DOWN), ("trade", FEED_UP)])
        assert states(out, "quote") == [("quote", FEED_UP)]
        assert feed.is_up

    play(scene)


def test_server_shutdown_changes_the_connection_without_a_hole() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up and server.sockets)
        await server.sockets[0].send_str('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1700000000000}}')
        await until(lambda: len(server.paths) == 2)
        await until(lambda: feed.connections[0].reconnects == 1)
        assert (("trade", FEED_DOWN)) not in states(out)

    play(scene, "spot")


def test_depth_off_and_on() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        await feed.start()
        await until(lambda: feed.is_up and server.sockets)
        feed.perform(SetDepthStream(False))
        await until(lambda: states(out, "depth")[-1:] == [("depth", FEED_DOWN)])
        assert server.controls[0]["method"] == "UNSUBSCRIBE"
        assert server.controls[0]["params"] == ["ethusdt@depth@100ms"]
        server.cut(server.sockets[0])
        await until(lambda: len(server.paths) == 2 and feed.is_up)
        assert "depth" not in server.paths[1]
        assert states(out, "depth") == [("depth", FEED_UP), ("depth", FEED_DOWN)]
        feed.perform(SetDepthStream(True))
        await until(lambda: states(out, "depth")[-1:] == [("depth", FEED_UP)])
        assert server.controls[-1]["method"] == "SUBSCRIBE"
        assert feed.rejected == {}

    play(scene, "spot")


def test_book_bars_and_trades_are_answered() -> None:
    asked: list[dict[str, str]] = []

    def klines(query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        asked.append(query)
        first, last = int(query["startTime"]), int(query["endTime"])
        return web.json_response([kline(open_ms) for open_ms in range(first, last, MINUTE_MS)][:1000])

    def agg_trades(query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        first = int(query["fromId"])
        return web.json_response([agg(number) for number in range(first, min(first + int(query["limit"]), 2_600))])

    def prepare(server: StandIn) -> None:
        server.replies = {"depth": json_reply(DEPTH), "klines": klines, "aggTrades": agg_trades}

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        assert feed.perform(RequestBook(1, "test"))
        assert feed.perform(RequestBars(1, START_MS, START_MS + 1500 * MINUTE_MS, BARS_COMMIT))
        assert feed.perform(RequestTrades(1, 100, 5000))
        await until(lambda: len(out) == 3)
        book = next(event for event in out if isinstance(event, BookSnapshot))
        assert book.last_update_id == 77 and abs(int(book.time_ns) - time.time_ns()) < NS_PER_SECOND
        bars = next(event for event in out if isinstance(event, Bars))
        assert bars.purpose == BARS_COMMIT and not bars.is_failed
        assert [bar.open_ms for bar in bars.bars] == [START_MS + number * MINUTE_MS for number in range(1500)]
        assert len(asked) == 2 and asked[1]["startTime"] == str(START_MS + 1000 * MINUTE_MS)
        trades = next(event for event in out if isinstance(event, Trades))
        assert [one.trade_id for one in trades.trades] == list(range(100, 2_600)) and trades.from_id == 100

    play(scene, prepare=prepare)


def test_no_more_trades_than_asked_for() -> None:
    def agg_trades(query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        first = int(query["fromId"])
        return web.json_response([agg(number) for number in range(first, first + int(query["limit"]))])

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["aggTrades"] = agg_trades
        feed.perform(RequestTrades(1, 7, 1_500))
        await until(lambda: out)
        assert isinstance(out[0], Trades) and len(out[0].trades) == 1_500

    play(scene)


def test_a_request_is_repeated_and_in_the_end_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def refuse(_query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        calls.append(time.monotonic())
        return web.json_response({"code": -1000, "msg": "unknown"}, status=500)

    monkeypatch.setattr("supreme_system_v5.adapters.feeds.connection.BACKOFF_SECONDS_MIN", 0.05)

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["klines"] = refuse
        feed.perform(RequestBars(1, START_MS, START_MS + MINUTE_MS, BARS_COMMIT))
        await until(lambda: out, 9.0)
        answer = out[0]
        assert isinstance(answer, Bars) and answer.is_failed and answer.bars == []
        assert len(calls) == 5
        gaps = [after - before for before, after in itertools.pairwise(calls)]
        assert gaps == sorted(gaps) and gaps[0] > 0.04 and gaps[3] > 0.3

    play(scene)


def test_429_is_obeyed_by_everything_and_the_answer_comes_after_it() -> None:
    times: list[float] = []

    def depth(_query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        times.append(time.monotonic())
        if len(times) == 1:
            return web.json_response({"code": -1003, "msg": "Too many"}, status=429, headers={"Retry-After": "1"})
        return web.json_response(DEPTH)

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["depth"] = depth
        server.replies["time"] = json_reply({"serverTime": START_MS})
        feed.perform(RequestBook(1, "test"))
        await until(lambda: times)
        await asyncio.sleep(0.05)
        feed.perform(Resync(1, "test", False))  # another endpoint must wait too
        await until(lambda: len(out) == 2)
        assert times[1] - times[0] >= 1.0
        assert [path for path, _, _ in server.calls].index("/fapi/v1/time") >= 1
        assert feed.api.rest.refused == {429: 1}

    play(scene)


def test_one_book_at_a_time() -> None:
    async def slow(_query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        await asyncio.sleep(0.2)
        return web.json_response(DEPTH)

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["depth"] = slow  # type: ignore[assignment]
        for _ in range(5):
            feed.perform(RequestBook(1, "test"))
        await until(lambda: out)
        feed.perform(RequestBook(1, "again"))
        await until(lambda: len(out) == 2)
        assert len(server.calls) == 2

    play(scene)


def test_the_venues_clock_is_measured() -> None:
    def ahead(_query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        return web.json_response({"serverTime": time.time_ns() // 1_000_000 + 1270})

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["time"] = ahead
        status = await feed.fetch_server_time()
        assert status.state == FEED_SERVER_TIME and abs(status.value - 1_270_000_000) < 50_000_000
        assert not feed.is_simulated

    play(scene)


def test_resync_rebuilds_the_connections() -> None:
    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["time"] = json_reply({"serverTime": START_MS})
        await feed.start()
        await until(lambda: feed.is_up)
        feed.perform(Resync(1, "quotes silent", True))
        await until(lambda: len(server.paths) == 4 and feed.is_up)
        await until(lambda: any(state == FEED_SERVER_TIME for _, state in states(out)))
        assert all(connection.reconnects == 1 for connection in feed.connections)

    play(scene)


def test_warm_up_bars_are_the_last_closed_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supreme_system_v5.adapters.feeds.connection.BACKOFF_SECONDS_MIN", 0.05)

    def klines(query: dict[str, str], _headers: dict[str, str]) -> web.Response:
        now_ms = time.time_ns() // 1_000_000
        last = now_ms - now_ms % MINUTE_MS
        count = int(query["limit"])
        return web.json_response([kline(last - (count - 1 - number) * MINUTE_MS) for number in range(count)])

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        server.replies["klines"] = klines
        answer = await feed.warm_bars(500)
        assert len(answer.bars) == 500 and not answer.is_failed
        assert all(bar.is_backfilled for bar in answer.bars)
        del server.replies["klines"]
        failed = await feed.warm_bars(500)
        assert failed.is_failed and failed.bars == []

    play(scene)


def test_an_exception_of_the_sink_reaches_the_owner() -> None:
    faults: list[Exception] = []

    async def scene(server: StandIn, feed: BinanceFeed, out: list[Event]) -> None:
        def sink(event: Event) -> None:
            if isinstance(event, Trade):
                raise AssertionError("the books")

        feed.merge.sink = sink
        await feed.start()
        await until(lambda: feed.is_up and server.sockets)
        await server.sockets[0].send_str(trade(1))
        await until(lambda: faults)
        assert str(faults[0]) == "the books"

    play(scene, "spot", on_fault=faults.append, limits=quick_limits())
