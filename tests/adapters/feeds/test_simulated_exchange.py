"""The feeds on the simulated exchange's own sockets: the same market gives the same events at any speed."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from supreme_system_v5.adapters.feeds.failover import SourceChoice
from supreme_system_v5.adapters.feeds.feed_set import FeedSet
from supreme_system_v5.core.domain.effects import RequestBars, RequestBook, RequestTrades
from supreme_system_v5.core.domain.events import (
    BARS_COMMIT,
    FEED_DOWN,
    KIND_NAMES,
    Bars,
    BookSnapshot,
    Depth,
    Event,
    FeedStatus,
    Quote,
    Trade,
    Trades,
)
from supreme_system_v5.orchestrator.clock import EngineClock
from tests.adapters.feeds.stand_in import Settings, until

START_NS = 1_700_000_040_000_000_000
START_MS = START_NS // 1_000_000
SECOND = 1_000_000_000


def describe(event: Event) -> str:
    words: list[object] = [KIND_NAMES[event.kind], int(event.time_ns)]
    if isinstance(event, Trade):
        words += [event.trade_id, event.price_e8, event.quantity_e8]
    elif isinstance(event, Quote):
        words += [event.update_id, event.bid_e8, event.ask_e8]
    elif isinstance(event, Depth):
        words += [event.final_update_id, list(event.bids), list(event.asks)]
    elif isinstance(event, BookSnapshot):
        words += [event.last_update_id, list(event.bids)[:20]]
    elif isinstance(event, Bars):
        words += [event.is_failed, [bar.key() for bar in event.bars]]
    elif isinstance(event, Trades):
        words += [event.is_failed, [int(trade.trade_id) for trade in event.trades]]
    elif isinstance(event, FeedStatus):
        words += [event.stream, event.state, event.value]
    return repr(words)


def play(market: str, speed: float, seconds: int, plan: list[dict[str, object]] | None = None) -> list[str]:
    """What the engine would see of a generated market; every 37th trade asks for something over REST."""

    async def run() -> list[str]:
        server = ExchangeServer(
            GeneratedMarket(market, 5, START_NS),
            speed=speed,
            is_waiting=True,
            end_ns=START_NS + seconds * SECOND,
            faults=FaultBox(START_NS, plan or []),
        )
        await server.start()
        urls = server.urls(market)
        feeds = FeedSet(Settings(), market, "ETH-USDT", EngineClock(), SourceChoice("simulated", True), *urls)
        seen: list[str] = []
        trades = 0

        def sink(event: Event) -> None:
            nonlocal trades
            seen.append(describe(event))
            if isinstance(event, Trade):
                trades += 1
                now_ns = int(event.time_ns)
                if trades % 37 == 0:
                    feeds.perform(RequestBook(now_ns, "test"))
                if trades % 74 == 0:
                    feeds.perform(RequestTrades(now_ns, int(event.trade_id) - 10, 5))
                    feeds.perform(RequestBars(now_ns, START_MS - 600_000, START_MS, BARS_COMMIT))

        try:
            assert await feeds.open() is not None
            await feeds.fetch_instrument()
            assert len((await feeds.warm_bars(100)).bars) == 100
            await feeds.start(sink)
            await until(lambda: server.is_ended and feeds.binance.merge.queued() == 0, 25.0)
            await asyncio.sleep(0.3)
            assert feeds.binance.merge.late == 0 or plan
            counters = feeds.counters()
            assert counters["feed_up"] == {"simulated": True}
        finally:
            await feeds.stop()
            await server.stop()
        return seen

    return asyncio.run(run())


def digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("market", ["usdm", "spot"])
def test_any_speed_gives_the_same_events(market: str) -> None:
    slow, fast = play(market, 20.0, 15), play(market, 0.0, 15)
    for number, (one, other) in enumerate(zip(slow, fast, strict=False)):
        assert one == other, f"event {number} differs"
    assert len(slow) == len(fast) > 500
    assert digest(slow) == digest(fast) == digest(play(market, 100.0, 15))
    assert any(line.startswith("['snapshot'") for line in slow)
    assert any(line.startswith("['bars'") for line in slow)


def test_neighbours_that_changed_places_are_put_back() -> None:
    clean = play("usdm", 50.0, 15)
    plan: list[dict[str, object]] = [
        {"kind": "reorder", "args": {"stream": stream, "count": 5}, "at_seconds": at}
        for stream, at in (("quote", 3), ("depth", 5), ("trade", 7))
    ]
    assert play("usdm", 50.0, 15, plan) == clean


def test_a_cut_is_told_and_repaired() -> None:
    seen = play("usdm", 5.0, 10, [{"kind": "disconnect", "args": {"stream": "trade"}, "at_seconds": 2}])
    downs = [line for line in seen if FEED_DOWN in line]
    assert [line.split("'")[3] for line in downs] == ["trade", "mark"]
    last = [line for line in seen if line.startswith("['trade'")][-1]
    assert int(last.split(",")[1]) > START_NS + 6 * SECOND
