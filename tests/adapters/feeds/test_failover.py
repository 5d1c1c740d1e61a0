"""Which source is used: the choice at start, CoinGecko while Binance is away, and back."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from aiohttp import web

from supreme_system_v5.adapters.feeds.coingecko import CoinGeckoPoller, coin_id
from supreme_system_v5.adapters.feeds.failover import SourceChoice, choose_source
from supreme_system_v5.adapters.feeds.feed_set import FeedSet
from supreme_system_v5.core.domain.effects import Announce
from supreme_system_v5.core.domain.events import (
    FEED_DOWN,
    FEED_SERVER_TIME,
    FEED_UP,
    Event,
    FallbackPrice,
    FeedStatus,
    Tick,
)
from supreme_system_v5.orchestrator.clock import EngineClock
from tests.adapters.feeds.stand_in import Settings, StandIn, json_reply, quote, trade, until

PRICE = {"ethereum": {"usd": 2371.25, "last_updated_at": 1_700_000_000}}


# -- at start


def choose(settings: Settings, seconds: float = 5.0) -> SourceChoice:
    return asyncio.run(choose_source(settings, "usdm", "ETH-USDT", seconds))


def test_without_a_network_the_simulated_market_and_a_line_for_each_failure() -> None:
    started = time.monotonic()
    choice = choose(Settings())
    assert time.monotonic() - started < 5.0
    assert choice == SourceChoice("simulated", True, ["binance: connection refused", "coingecko: connection refused"])


def test_a_name_that_does_not_resolve_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    settings = Settings(
        binance_usdm_rest_url="https://fapi.binance.com", coingecko_url="https://api.coingecko.com/api/v3"
    )
    assert choose(settings).failures == [
        "binance: cannot resolve fapi.binance.com",
        "coingecko: cannot resolve api.coingecko.com",
    ]


def test_hosts_that_do_not_answer_take_five_seconds_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_args: object, **_kwargs: object) -> None:
        time.sleep(3.0)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(socket, "getaddrinfo", hang)
        started = time.monotonic()
        choice = choose(Settings(binance_usdm_rest_url=url, coingecko_url="http://slow.example"), 1.5)
        assert 1.0 < time.monotonic() - started < 2.0
    assert choice.source == "simulated"
    assert choice.failures[0] == "binance: timed out" and len(choice.failures) == 2


def test_simulated_is_for_paper_only() -> None:
    choice = choose(Settings(execution_mode="live"))
    assert choice.source == "" and choice.failures[-1] == "simulated: not in live mode"


def test_the_order_of_the_sources_is_kept() -> None:
    assert choose(Settings(data_sources=("simulated", "binance"))).failures == []


def test_binance_first_then_coingecko_and_what_a_simulated_exchange_is() -> None:
    async def run() -> None:
        server = await StandIn().start()
        server.replies = {"time": json_reply({"serverTime": 1}), "price": json_reply(PRICE)}
        settings = server.settings()
        assert await choose_source(settings, "usdm", "ETH-USDT") == SourceChoice("binance", False, [])
        server.replies["time"] = json_reply({"serverTime": 1}, X_Time_Ns="5")
        assert await choose_source(settings, "usdm", "ETH-USDT") == SourceChoice("binance", True, [])
        live = await choose_source(server.settings(execution_mode="live"), "usdm", "ETH-USDT")
        assert live.source == "coingecko" and "simulated exchange" in live.failures[0]
        server.replies["time"] = lambda _query, _headers: web.Response(status=451, text="")
        choice = await choose_source(settings, "usdm", "ETH-USDT")
        assert choice.source == "coingecko"
        assert choice.failures == ["binance: HTTP 451, not offered at this location"]
        server.replies["time"] = json_reply(["what"])
        assert "not usable" in (await choose_source(settings, "usdm", "ETH-USDT")).failures[0]
        await server.stop()

    asyncio.run(run())


# -- while running


def sources(out: list[Event]) -> list[tuple[str, str]]:
    return [(event.source, event.state) for event in out if isinstance(event, FeedStatus) and not event.stream]


async def feed_set(server: StandIn, out: list[Event], source: str = "binance", **changes: object) -> FeedSet:
    settings = server.settings(stale_after_seconds=1.0, **changes)
    choice = SourceChoice(source, source == "simulated")
    feeds = FeedSet(settings, "spot", "ETH-USDT", EngineClock(), choice, coingecko_poll_seconds=0.2)
    await feeds.start(out.append)
    return feeds


def test_coingecko_while_binance_is_silent_and_back() -> None:
    async def run() -> None:
        server = await StandIn().start()
        server.replies = {"price": json_reply(PRICE), "time": json_reply({"serverTime": 1})}
        out: list[Event] = []
        feeds = await feed_set(server, out)
        await until(lambda: server.sockets)
        for number in range(5):  # quotes alive, trades silent: a quiet market
            await server.sockets[0].send_str(quote(number))
            await asyncio.sleep(0.25)
        assert sources(out) == [("binance", FEED_UP)]
        await until(lambda: len([event for event in out if isinstance(event, FallbackPrice)]) >= 2, 10.0)
        assert sources(out) == [("binance", FEED_UP), ("binance", FEED_DOWN), ("coingecko", FEED_UP)]
        price = next(event for event in out if isinstance(event, FallbackPrice))
        assert price.price_e8 == 237_125_000_000 and price.updated_ms == 1_700_000_000_000
        assert feeds.source == "coingecko" and feeds.counters()["feed_up"] == {"binance": False, "coingecko": True}
        await server.sockets[0].send_str(quote(10))
        await asyncio.sleep(1.1)
        assert feeds.source == "coingecko"  # a quote alone is not enough
        await server.sockets[0].send_str(quote(11))
        await server.sockets[0].send_str(trade(1))
        await until(lambda: feeds.source == "binance", 2.0)
        await until(lambda: sources(out)[-2:] == [("binance", FEED_UP), ("binance", FEED_SERVER_TIME)])
        calls = len(server.calls)
        for number in range(6):
            await server.sockets[0].send_str(quote(20 + number))
            await asyncio.sleep(0.1)
        assert len(server.calls) == calls  # no more polls
        await feeds.stop()
        await server.stop()

    asyncio.run(run())


def test_chosen_at_start_it_polls_at_once() -> None:
    async def run() -> None:
        server = await StandIn().start()
        server.replies["price"] = json_reply(PRICE)
        out: list[Event] = []
        feeds = await feed_set(server, out, "coingecko")
        await until(lambda: any(isinstance(event, FallbackPrice) for event in out), 2.0)
        assert sources(out)[:2] == [("binance", FEED_DOWN), ("coingecko", FEED_UP)]
        await feeds.stop()
        await server.stop()

    asyncio.run(run())


def test_a_simulated_session_never_turns_to_a_real_source() -> None:
    async def run() -> None:
        server = await StandIn().start()
        server.replies = {"price": json_reply(PRICE), "time": json_reply({"serverTime": 1}, X_Time_Ns="5000000")}
        server.replies["start"] = json_reply({})
        out: list[Event] = []
        settings = server.settings(stale_after_seconds=0.2)
        feeds = FeedSet(settings, "spot", "ETH-USDT", EngineClock(), SourceChoice("binance", True))
        assert await feeds.open() is not None and feeds.is_simulated
        await feeds.start(out.append)
        await asyncio.sleep(1.6)
        assert sources(out) == [("simulated", FEED_UP)]
        assert not any("price" in path for path, _, _ in server.calls)
        await feeds.stop()
        await server.stop()

    asyncio.run(run())


def test_nothing_comes_after_stop_and_strange_effects_are_refused() -> None:
    async def run() -> None:
        server = await StandIn().start()
        out: list[Event] = []
        feeds = await feed_set(server, out)
        feeds.inject(Tick(1))
        assert isinstance(out[-1], Tick)
        with pytest.raises(AssertionError):
            feeds.perform(Announce(1, "mode", "x"))
        await feeds.stop()
        count = len(out)
        feeds.inject(Tick(2))
        assert len(out) == count
        await server.stop()

    asyncio.run(run())


def test_the_poller_backs_off_and_obeys_a_throttle() -> None:
    async def run() -> None:
        server = await StandIn().start()
        states: list[bool] = []
        prices: list[FallbackPrice] = []
        poller = CoinGeckoPoller(server.http, "ETH-USDT", EngineClock(), prices.append, states.append, 0.1)
        server.replies["price"] = json_reply(PRICE)
        poller.start()
        await until(lambda: len(prices) == 2)
        server.replies["price"] = json_reply({"status": {"error_code": 429}}, 429, Retry_After="1")
        await until(lambda: states == [True, False])
        calls = len(server.calls)
        server.replies["price"] = json_reply(PRICE)
        await asyncio.sleep(0.7)
        assert len(server.calls) == calls
        await until(lambda: states == [True, False, True], 2.0)
        assert server.calls[0][1] == {"ids": "ethereum", "vs_currencies": "usd", "include_last_updated_at": "true"}
        await poller.stop()
        assert states == [True, False, True, False]
        await server.stop()

    asyncio.run(run())


def test_coin_names() -> None:
    assert coin_id("ETH-USDT") == "ethereum" and coin_id("SOL-USDT") == "sol"
