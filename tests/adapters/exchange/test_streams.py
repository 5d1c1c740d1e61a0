"""Streams that are made of the market's own frames: what they say agrees with REST, when they say it is a grid of the
exchange's clock, and nobody pays for what nobody listens to.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.faults.box import PLAIN, WireFrame
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.streams.hub import EXTRAS, StreamHub, hub_of
from supreme_system_v5.adapters.exchange.streams.names import MARKET, categories_of, parse_stream
from tests.adapters.exchange.market_bodies import derived, listener, world
from tests.adapters.exchange.worlds import SECOND, ask, generated, recorded, walk


def said(frames: list[OutFrame], stream: str) -> list[Any]:
    return [json.loads(frame.payload) for frame in frames if frame.stream == stream]


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_the_markets_own_frames_pass_untouched(kind: str) -> None:
    plain = walk(generated(kind), 10)
    own = {frame.stream for frame in plain}
    heard = [frame for frame in world(kind).frames if frame.stream in own]
    assert heard[: len(plain)] == plain


def test_nothing_is_made_for_nobody() -> None:
    market = generated("spot")
    hub = hub_of(market)
    step = market.step()
    assert hub.derive(step) is step
    client = listener(market, "spot", ["ethusdt@kline_1m", "ethusdt@depth5", "ethusdt@trade", "ethusdt@nothing"])
    assert hub.made == ["ethusdt@depth5@1000ms", "ethusdt@kline_1m"]
    assert market.is_raw_wanted
    client.unsubscribe("ethusdt@trade")
    client.unsubscribe("ethusdt@kline_1m")
    assert (hub.made, market.is_raw_wanted) == (["ethusdt@depth5@1000ms"], False)
    other = listener(market, "spot", ["ethusdt@depth5@1000ms"])
    client.close()
    assert hub.made == ["ethusdt@depth5@1000ms"]
    other.close()
    assert hub.made == []


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_the_same_seed_says_the_same(kind: str) -> None:
    twin = generated(kind)
    names = ["ethusdt@kline_1m", "ethusdt@miniTicker"] if kind == "spot" else ["ethusdt@kline_1m", "!markPrice@arr"]
    clients = [listener(twin, "spot" if kind == "spot" else "market", names)]
    wanted = [parse.name for client in clients for parse in client.streams()]
    frames = derived(twin, 20)
    for name in wanted:
        got = said(frames, name)
        assert got == said(world(kind).frames, name)[: len(got)]
        assert len(got) > 3


# Bars ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_a_closed_bar_is_the_one_rest_has(kind: str) -> None:
    ours = world(kind)
    closed = [data for data in said(ours.frames, "ethusdt@kline_1m") if data["k"]["x"]]
    assert len(closed) == 1
    bar = closed[0]["k"]
    bars = ask(ours.market, "klines", ours.market.last_ns, interval="1m", limit="3")
    row = next(row for row in bars if row[0] == bar["t"])
    assert [bar[key] for key in ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")] == row
    assert bar["L"] - bar["f"] + 1 == bar["n"]
    assert closed[0]["E"] == bar["T"] + 1


def test_forming_bars_come_on_a_grid_and_only_after_trades() -> None:
    for kind, period_ms in (("spot", 2_000), ("usdm", 250)):
        times = [data["E"] for data in said(world(kind).frames, "ethusdt@kline_1m") if not data["k"]["x"]]
        slots = [time // period_ms for time in times]
        assert len(set(slots)) == len(slots)
        # Spot's grid is one of depth frames; USD-M's lies between them.
        assert max(time % period_ms for time in times) < 100
    trades = said(world("spot").frames, "ethusdt@aggTrade")
    forming = [data for data in said(world("spot").frames, "ethusdt@kline_5m") if not data["k"]["x"]]
    assert len(forming) > 20
    for first, second in itertools.pairwise(forming):
        assert any(first["E"] < trade["E"] <= second["E"] for trade in trades)
    seconds = said(world("spot").frames, "ethusdt@kline_1s")
    assert all(data["k"]["x"] for data in seconds)  # told at its end, with or without a trade
    assert len(seconds) == 65
    assert all((data["k"]["f"], data["k"]["L"]) == (-1, -1) for data in seconds if data["k"]["n"] == 0)


def test_a_bar_in_another_time_zone() -> None:
    data = world("spot").last("ethusdt@kline_1d@+08:00")
    assert (data["k"]["t"] + 8 * 3_600_000) % 86_400_000 == 0
    assert data["k"]["i"] == "1d"


# Tickers and averages ------------------------------------------------------------------------------------------------


def test_tickers_say_what_rest_says() -> None:
    ours = world("spot")
    frame = next(frame for frame in reversed(ours.frames) if frame.stream == "ethusdt@ticker")
    data = json.loads(frame.payload)
    body = ask(ours.market, "ticker/24hr", frame.time_ns)
    pairs = {"p": "priceChange", "P": "priceChangePercent", "w": "weightedAvgPrice", "x": "prevClosePrice"}
    pairs |= {"c": "lastPrice", "Q": "lastQty", "b": "bidPrice", "B": "bidQty", "a": "askPrice", "A": "askQty"}
    pairs |= {"o": "openPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "q": "quoteVolume"}
    pairs |= {"O": "openTime", "C": "closeTime", "F": "firstId", "L": "lastId", "n": "count"}
    assert {key: data[key] for key in pairs} == {key: body[name] for key, name in pairs.items()}
    mini = next(frame for frame in reversed(ours.frames) if frame.stream == "ethusdt@miniTicker")
    assert mini.time_ns == frame.time_ns
    small = json.loads(mini.payload)
    assert {key: small[key] for key in "cohlvq"} == {key: data[key] for key in "cohlvq"}
    assert ours.last("!miniTicker@arr") == [small]
    hour = ours.last("ethusdt@ticker_1h")
    window = ask(ours.market, "ticker", frame.time_ns, windowSize="1h")
    assert (hour["O"], hour["n"], hour["w"]) == (window["openTime"], window["count"], window["weightedAvgPrice"])
    average = next(frame for frame in reversed(ours.frames) if frame.stream == "ethusdt@avgPrice")
    assert json.loads(average.payload)["w"] == ask(ours.market, "avgPrice", average.time_ns)["price"]


def test_periods_of_tickers() -> None:
    def gaps(kind: str, stream: str) -> set[int]:
        times = [frame.time_ns // SECOND for frame in world(kind).frames if frame.stream == stream]
        return {second - first for first, second in itertools.pairwise(times)}

    assert min(gaps("spot", "ethusdt@ticker")) == 1
    assert min(gaps("usdm", "ethusdt@ticker")) == 2
    assert min(gaps("usdm", "!ticker@arr")) == 1
    assert gaps("usdm", "!bookTicker") == {5}
    assert gaps("usdm", "!markPrice@arr@1s") == {1}
    assert gaps("usdm", "ethusdt@markPrice") == {3}


# Depth ---------------------------------------------------------------------------------------------------------------


def rebuilt(snapshot: dict[str, Any], events: list[dict[str, Any]]) -> tuple[dict[str, str], dict[str, str], int]:
    """The book that a client holds after a snapshot and these diffs."""
    bids, asks = dict(snapshot["bids"]), dict(snapshot["asks"])
    last = snapshot["lastUpdateId"]
    for event in events:
        if event["u"] <= last:
            continue
        assert event["U"] <= last + 1
        last = event["u"]
        for side, key in ((bids, "b"), (asks, "a")):
            for price, quantity in event[key]:
                side[price] = quantity
                if float(quantity) == 0:
                    del side[price]
    return bids, asks, last


@pytest.mark.parametrize(("kind", "speeds"), [("spot", ["100ms", "1000ms"]), ("usdm", ["100ms", "250ms", "500ms"])])
def test_diffs_of_every_speed_keep_the_same_book(kind: str, speeds: list[str]) -> None:
    ours = world(kind)
    start_ns = ours.market.start_ns + 20 * SECOND
    limit = "5000" if kind == "spot" else "1000"
    snapshot = ask(ours.market, "depth", start_ns, limit=limit)
    books = []
    for speed in speeds:
        events = said(ours.frames, f"ethusdt@depth@{speed}")
        assert all(second["U"] == first["u"] + 1 for first, second in itertools.pairwise(events))
        if kind == "usdm":
            assert all(second["pu"] == first["u"] for first, second in itertools.pairwise(events))
        bids, asks, last = rebuilt(snapshot, [event for event in events if event["u"] <= 40_000_020_000])
        best = (max(map(float, bids)), min(map(float, asks)))
        assert best[0] < best[1]
        books.append((last, best))
    end = said(ours.frames, f"ethusdt@depth@{speeds[-1]}")[-1]
    for speed in speeds:
        events = [event for event in said(ours.frames, f"ethusdt@depth@{speed}") if event["u"] <= end["u"]]
        bids, asks, last = rebuilt(snapshot, events)
        if last == end["u"]:
            books.append((last, (max(map(float, bids)), min(map(float, asks)))))
    assert len({book for book in books if book[0] == end["u"]}) == 1


@pytest.mark.parametrize(("kind", "stream", "count"), [("spot", "depth5@1000ms", 5), ("spot", "depth10@100ms", 10)])
def test_partial_depth_is_the_top_of_the_book(kind: str, stream: str, count: int) -> None:
    ours = world(kind)
    frame = [frame for frame in ours.frames if frame.stream == f"ethusdt@{stream}"][-1]
    body = ask(ours.market, "depth", frame.time_ns, limit=str(count))
    assert json.loads(frame.payload) == body


def test_usdm_partial_depth_is_a_depth_update() -> None:
    ours = world("usdm")
    events = said(ours.frames, "ethusdt@depth5@250ms")
    assert all(second["pu"] == first["u"] for first, second in itertools.pairwise(events))
    frame = [frame for frame in ours.frames if frame.stream == "ethusdt@depth5@250ms"][-1]
    body = ask(ours.market, "depth", frame.time_ns, limit="5")
    assert (events[-1]["u"], events[-1]["b"], events[-1]["a"]) == (body["lastUpdateId"], body["bids"], body["asks"])


# Trades, liquidations ------------------------------------------------------------------------------------------------


def test_single_trades_add_up_to_the_aggregated_ones() -> None:
    ours = world("spot")
    singles = said(ours.frames, "ethusdt@trade")
    assert [trade["t"] for trade in singles] == list(range(singles[0]["t"], singles[0]["t"] + len(singles)))
    by_id = {trade["t"]: trade for trade in singles}
    for whole in said(ours.frames, "ethusdt@aggTrade"):
        parts = [by_id[number] for number in range(whole["f"], whole["l"] + 1)]
        assert sum(round(float(part["q"]) * 1e8) for part in parts) == round(float(whole["q"]) * 1e8)


def test_the_last_liquidation_of_a_second_is_told_once() -> None:
    market = generated("usdm")
    client = listener(market, "market", ["ethusdt@forceOrder", "!forceOrder@arr"])
    derived(market, 1.5)
    hub = hub_of(market)
    hub.liquidated(1, 100_000_000, 270_000_000_000, 269_900_000_000, market.last_ns)
    hub.liquidated(-1, 200_000_000, 260_000_000_000, 260_100_000_000, market.last_ns)
    frames = derived(market, 4)
    told = said(frames, "ethusdt@forceOrder")
    assert [(data["o"]["S"], data["o"]["q"], data["o"]["p"], data["o"]["ap"]) for data in told] == [
        ("SELL", "2.000", "2600.00", "2601.00")
    ]
    assert len(said(frames, "!forceOrder@arr")) == 1
    client.close()


# Recordings ----------------------------------------------------------------------------------------------------------


def test_a_recording_has_them_too(data_dir: Path) -> None:
    market: SimMarket = recorded("usdm", data_dir)
    market_side = listener(market, "market", ["ethusdt@kline_1m", "ethusdt@miniTicker", "ethusdt@markPrice"])
    public_side = listener(market, "public", ["ethusdt@depth", "ethusdt@depth5"])
    frames = derived(market, 12)
    assert {"ethusdt@kline_1m", "ethusdt@miniTicker", "ethusdt@depth@250ms", "ethusdt@depth5@250ms"} <= {
        frame.stream for frame in frames
    }
    assert said(frames, "ethusdt@markPrice") == []  # not recorded: silent
    assert len(said(frames, "ethusdt@depth@250ms")) < len(said(frames, "ethusdt@depth@100ms"))
    market_side.close()
    public_side.close()


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "given"),
    [
        ("spot", "ethusdt@depth", "ethusdt@depth@1000ms"),
        ("spot", "ethusdt@depth@100ms", "ethusdt@depth@100ms"),
        ("spot", "ethusdt@depth20", "ethusdt@depth20@1000ms"),
        ("spot", "!bookTicker", "ethusdt@bookTicker"),
        ("spot", "!miniTicker@arr@3000ms", "!miniTicker@arr@3000ms"),
        ("usdm", "ethusdt@depth", "ethusdt@depth@250ms"),
        ("usdm", "ethusdt@depth5", "ethusdt@depth5@250ms"),
        ("usdm", "ethusdt@markPrice", "ethusdt@markPrice"),
        ("usdm", "ethusdt@markPrice@1s", "ethusdt@markPrice@1s"),
        ("usdm", "!bookTicker", "!bookTicker"),
        ("spot", "ethusdt@depth7", None),
        ("spot", "ethusdt@depth@250ms", None),
        ("spot", "ethusdt@markPrice", None),
        ("spot", "ethusdt@kline_7m", None),
        ("spot", "btcusdt@trade", None),
        ("spot", "ETHUSDT@trade", None),
        ("usdm", "ethusdt@avgPrice", None),
        ("usdm", "ethusdt@kline_1d@+08:00", None),
        ("usdm", "!ticker_1h@arr", None),
    ],
)
def test_names(kind: str, name: str, given: str | None) -> None:
    stream = parse_stream(name, kind, "ethusdt")
    assert (None if stream is None else stream.name) == given


def test_categories_of_usdm() -> None:
    public = ["ethusdt@bookTicker", "ethusdt@depth5@100ms", "!bookTicker", "ethusdt@rpiDepth@500ms"]
    assert {categories_of(name) for name in public} == {("public",)}
    assert categories_of("ethusdt@trade") == ("public", "market")
    assert listener(generated("usdm"), "public", ["0", "7"]).names() == ["0", "7"]  # as ccxt numbers its sockets
    market = ["ethusdt@aggTrade", "ethusdt@kline_1m", "!markPrice@arr", "!forceOrder@arr", "ethusdt@ticker"]
    assert {categories_of(name) for name in market} == {("market",)}
    stream = parse_stream("ethusdt@aggTrade", "usdm", "ethusdt")
    assert stream is not None
    assert stream.kind == MARKET


# Framing -------------------------------------------------------------------------------------------------------------


def test_a_frame_is_made_once_for_all_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    market = generated("usdm")
    made = 0
    original = StreamHub._frame_of

    def counted(self: StreamHub, frame: WireFrame, name: str, form: int) -> bytes:
        nonlocal made
        made += 1
        return original(self, frame, name, form)

    monkeypatch.setattr(StreamHub, "_frame_of", counted)
    clients = [listener(market, "public", ["ethusdt@bookTicker"]) for _ in range(50)]
    frames = [frame for frame in walk(market, 1) if frame.stream.endswith("bookTicker")]
    for frame in frames:
        sent = WireFrame(frame.time_ns, frame.stream, frame.payload, PLAIN, "usdm")
        for client in clients:
            client.queue(sent)
    for client in clients:
        client.flush()
    written = {client.transport.data for client in clients}  # type: ignore[attr-defined]
    assert made == len(frames) > 50
    assert len(written) == 1


def test_a_client_hears_its_own_market_only() -> None:
    spot = listener(generated("spot"), "spot", ["ethusdt@bookTicker"])
    frame = walk(generated("usdm"), 0.1)[0]
    spot.queue(WireFrame(frame.time_ns, "ethusdt@bookTicker", frame.payload, PLAIN, "usdm"))
    assert spot.pending_count == 0


def test_sockets_that_ask_for_the_market_time_get_frames_as_recordings_have_them() -> None:
    market = generated("usdm")
    hub = hub_of(market)
    for frame in walk(market, 2):
        sent = WireFrame(*frame, PLAIN, "usdm")
        assert hub.payload(sent, EXTRAS) is frame.payload
        if frame.stream.endswith(("aggTrade", "bookTicker", "depth@100ms", "markPrice@1s")):
            plain = json.loads(hub.payload(sent, 0))
            assert plain.pop("st") == 1
            assert plain.pop("ps", "ETHUSDT") == "ETHUSDT"
            plain.pop("ap", None)
            assert plain == json.loads(frame.payload)


def test_recorded_frames_stay_as_recorded_for_everybody(data_dir: Path) -> None:
    market = recorded("usdm", data_dir)
    for frame in walk(market, 2):
        assert hub_of(market).payload(WireFrame(*frame, PLAIN, "usdm"), 0) is frame.payload
