"""The generated market: deterministic, consistent with itself, and like the recordings in its statistics."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket, funding_rate_e8
from supreme_system_v5.adapters.exchange.market.price_path import CEILING_TICKS, PricePath, script_level
from supreme_system_v5.adapters.exchange.market.profiles import Quantiles, profile
from supreme_system_v5.core.domain.events import BookSnapshot, Depth, Quote, Trade
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.market.local_book import LocalBook
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from tests.adapters.exchange.worlds import SECOND, START_NS, ask, generated, walk

MARKETS = ("spot", "usdm")


@pytest.mark.parametrize("market", MARKETS)
def test_same_seed_same_frames_other_seed_other_frames(market: str) -> None:
    first = walk(generated(market), 5)
    assert first == walk(generated(market), 5)
    assert first != walk(generated(market, seed=2), 5)


@pytest.mark.parametrize("market", MARKETS)
def test_times_rise_strictly_and_next_ns_tells_the_first_frame(market: str) -> None:
    source = generated(market)
    last_ns = START_NS
    for _ in range(3_000):
        due_ns = source.next_ns()
        frames = source.step()
        assert frames[0].time_ns == due_ns
        for frame in frames:
            assert frame.time_ns > last_ns
            last_ns = frame.time_ns
        assert source.next_ns() > last_ns


@pytest.mark.parametrize("market", MARKETS)
def test_every_frame_decodes_and_the_book_agrees_with_quotes_trades_and_snapshots(market: str) -> None:
    source = generated(market, seed=3)
    decoder = FrameDecoder(market, "ETHUSDT")
    local = LocalBook(market, 1_000_000)
    snapshot = ask(source, "depth", START_NS, limit="1000")
    local.on_snapshot(_snapshot(snapshot))
    end_ns = START_NS + 20 * SECOND
    trade_id = 0
    last_agg: int | None = None
    while source.next_ns() <= end_ns:
        for frame in source.step():
            event = decoder.decode(b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.payload), frame.time_ns)
            if isinstance(event, Depth):
                local.on_depth(event)
                levels = source.levels
                assert local.book.best_bid_e8() == levels.bid * 1_000_000
                assert local.book.best_ask_e8() == levels.ask * 1_000_000
            elif isinstance(event, Quote):
                assert 0 < event.bid_e8 < event.ask_e8
                assert event.bid_quantity_e8 > 0
                assert event.ask_quantity_e8 > 0
            elif isinstance(event, Trade):
                data = json.loads(frame.payload)
                assert last_agg is None or event.trade_id == last_agg + 1
                assert trade_id == 0 or data["f"] == trade_id + 1
                assert data["l"] >= data["f"]
                last_agg, trade_id = event.trade_id, data["l"]
    assert local.gaps == 0
    assert local.is_synced
    assert not local.book.is_crossed()
    assert last_agg is not None


def test_a_snapshot_in_the_middle_joins_the_diffs() -> None:
    for market in MARKETS:
        source = generated(market, seed=4)
        local = LocalBook(market, 1_000_000)
        decoder = FrameDecoder(market, "ETHUSDT")
        walk(source, 3)
        snapshot = _snapshot(ask(source, "depth", source.last_ns, limit="1000"))
        for frame in walk(source, 6):
            if "@depth" in frame.stream:
                raw = b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.payload)
                event = decoder.decode(raw, frame.time_ns)
                assert isinstance(event, Depth)
                local.on_depth(event)
        local.on_snapshot(snapshot)
        assert local.is_synced, market


def _snapshot(body: dict[str, Any]) -> BookSnapshot:
    sides = [[number for level in body[key] for number in map(parse_e8, level)] for key in ("bids", "asks")]
    return BookSnapshot(START_NS, body["lastUpdateId"], sides[0], sides[1])


@pytest.mark.parametrize(("market", "low", "high"), [("spot", 12.0, 40.0), ("usdm", 22.0, 70.0)])
def test_statistics_are_those_of_the_recordings(market: str, low: float, high: float) -> None:
    times: list[int] = []
    sizes: list[float] = []
    raw = quotes = frames = open_spreads = 0
    for seed in (1, 2, 3):
        for frame in walk(generated(market, seed=seed), 60):
            data = json.loads(frame.payload)
            frames += 1
            if "aggTrade" in frame.stream:
                raw += data["l"] - data["f"] + 1
                times.append(data["T"])
                sizes.append(float(data["q"]))
            elif "bookTicker" in frame.stream:
                quotes += 1
                open_spreads += float(data["a"]) - float(data["b"]) > 0.0101
    assert low < raw / 180 < high
    assert 0.55 < 1 - len(set(times)) / raw < 0.85  # share a millisecond: spot 0.66, USD-M 0.75
    assert 0.70 < quotes / frames < 0.90
    assert open_spreads / quotes < 0.2
    sizes.sort()
    median = sizes[len(sizes) // 2]
    assert (0.008 < median < 0.06) if market == "spot" else (0.08 < median < 0.5)


def test_volatility_clusters() -> None:
    moves: list[list[float]] = []
    for seed in range(6):
        closes = [row[4] for row in generated(seed=seed).rows_as_of(60_000, START_NS)]
        moves.append([abs(b / a - 1) * 1e4 for a, b in itertools.pairwise(closes)])
    every = [move for run in moves for move in run]
    mean = sum(every) / len(every)
    variance = sum((move - mean) ** 2 for move in every) / len(every)
    pairs = [(a - mean) * (b - mean) for run in moves for a, b in itertools.pairwise(run)]
    assert 3.0 < mean < 12.0  # bps a minute
    assert sum(pairs) / len(pairs) / variance > 0.2  # recorded 0.43


@pytest.mark.parametrize("market", MARKETS)
def test_history_joins_the_live_market(market: str) -> None:
    source = generated(market)
    rows = ask(source, "klines", START_NS, interval="1m", limit="1000")
    assert len(rows) == 1000
    assert all(b[0] - a[0] == 60_000 for a, b in itertools.pairwise(rows))
    assert all(
        float(r[3]) <= min(float(r[1]), float(r[4])) <= max(float(r[1]), float(r[4])) <= float(r[2]) for r in rows
    )
    book = ask(source, "ticker/bookTicker", START_NS)
    assert abs(float(book["bidPrice"]) / float(rows[-1][4]) - 1) < 0.001
    short = ask(source, "klines", START_NS, interval="5s", limit="100")
    assert len(short) == 100
    assert all(b[0] - a[0] == 5_000 for a, b in itertools.pairwise(short))


def test_klines_are_folded_from_the_trades_given_out() -> None:
    source = generated("usdm", seed=9)
    trades = [json.loads(f.payload) for f in walk(source, 130) if "aggTrade" in f.stream]
    open_ms = START_NS // 1_000_000 + 60_000
    inside = [t for t in trades if open_ms <= t["T"] < open_ms + 60_000]
    row = next(r for r in ask(source, "klines", source.last_ns, interval="1m") if r[0] == open_ms)
    prices = [float(t["p"]) for t in inside]
    assert [float(x) for x in row[1:5]] == [prices[0], max(prices), min(prices), prices[-1]]
    assert parse_e8(row[5]) == sum(parse_e8(t["q"]) for t in inside)
    assert row[8] == sum(t["l"] - t["f"] + 1 for t in inside)


@pytest.mark.parametrize("market", MARKETS)
def test_as_of_answers_equal_answers_asked_at_that_time(market: str) -> None:
    source = generated(market, seed=5)
    requests = [
        ("depth", {"limit": "100"}),
        ("klines", {"interval": "1m", "limit": "3"}),
        ("klines", {"interval": "1s", "limit": "4"}),
        ("klines", {"interval": "5m", "limit": "2"}),
        ("aggTrades", {"limit": "20"}),
        ("ticker/bookTicker", {}),
        ("ticker/price", {}),
        ("ticker/24hr", {}),
        ("time", {}),
    ]
    if market == "usdm":
        requests += [("premiumIndex", {}), ("fundingRate", {})]
    asked: list[tuple[int, str, dict[str, str], Any]] = []
    for i in range(24):
        walk(source, 3.3 * (i + 1))
        at_ns = source.next_ns() - 1
        asked += [(at_ns, name, params, ask(source, name, at_ns, **params)) for name, params in requests]
    for at_ns, name, params, body in asked:
        assert ask(source, name, at_ns, **params) == body, (name, at_ns)


def test_history_is_bounded_and_long_enough() -> None:
    source = generated("usdm", profile="scripted")
    while source.levels.update_id < 40_000_300_000:
        source.step()
    assert 200_000 <= source.book.changes_kept <= 260_000


def test_it_goes_on_from_its_state(tmp_path: Path) -> None:
    path = tmp_path / "market.json"
    source = generated("usdm", seed=6)
    walk(source, 90)
    source.save_state(path)
    last_price = source.trades.last_price_as_of(source.last_ns)
    down_ns = source.last_ns + 1_830 * SECOND
    resumed = GeneratedMarket.resume(path, "usdm", 6, down_ns)
    assert resumed.restarts == 1
    assert resumed.start_ns == down_ns
    assert resumed.trades.next_agg_id > source.trades.next_agg_id
    assert resumed.next_trade_id > source.next_trade_id
    assert resumed.levels.update_id > source.levels.update_id
    old = {row[0]: row for row in ask(source, "klines", source.last_ns, interval="1m", limit="500")[:-1]}
    new = {row[0]: row for row in ask(resumed, "klines", down_ns, interval="1m", limit="1500")}
    kept = sorted(set(old) & set(new))
    assert len(kept) >= 490
    assert all(old[key] == new[key] for key in kept)
    opens = sorted(new)
    assert opens[-1] == down_ns // 1_000_000 // 60_000 * 60_000
    assert all(b - a == 60_000 for a, b in itertools.pairwise(opens))  # the downtime is there, whole
    first_down = new[kept[-1] + 60_000]
    assert abs(float(first_down[1]) * 1e8 / last_price - 1) < 0.005
    recent = ask(resumed, "aggTrades", down_ns, limit="1000", startTime=str(down_ns // 1_000_000 - 300_000))
    assert len(recent) > 500
    assert [b["a"] - a["a"] for a, b in itertools.pairwise(recent)] == [1] * (len(recent) - 1)
    walk(resumed, 5)


def test_time_never_goes_back_and_a_broken_state_starts_afresh(tmp_path: Path) -> None:
    path = tmp_path / "market.json"
    source = generated()
    walk(source, 5)
    source.save_state(path)
    assert GeneratedMarket.resume(path, "usdm", 1, START_NS - 3_600 * SECOND).start_ns > source.last_ns
    assert GeneratedMarket.resume(path, "usdm", 2, START_NS).restarts == 0  # another seed
    for text in ("{", "[]", '{"version":1}', path.read_text().replace('"fair":', '"fair":"x","y":')):
        path.write_text(text)
        assert GeneratedMarket.resume(path, "usdm", 1, START_NS).restarts == 0


def test_a_long_downtime_is_cheap_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "market.json"
    source = generated()
    source.save_state(path)
    down_ns = START_NS + 90 * 86_400 * SECOND
    resumed = GeneratedMarket.resume(path, "usdm", 1, down_ns)
    rows = ask(resumed, "klines", down_ns, interval="1m", limit="1500")
    assert len(rows) == 1500
    assert all(b[0] - a[0] == 60_000 for a, b in itertools.pairwise(rows))


def test_move_shifts_the_price() -> None:
    still, moved = generated(seed=8), generated(seed=8)
    moved.move(-0.02, 2.0)
    walk(still, 8)
    walk(moved, 8)
    assert -0.025 < moved.levels.middle() / still.levels.middle() - 1 < -0.015
    with pytest.raises(ValueError, match="fraction"):
        moved.move(0.9, 1.0)


def test_funding_rates_are_announced_and_settled_alike() -> None:
    source = generated()
    premium = ask(source, "premiumIndex", START_NS)
    next_ms = premium["nextFundingTime"]
    assert next_ms % 28_800_000 == 0
    assert next_ms > START_NS // 1_000_000
    assert parse_e8(premium["lastFundingRate"]) == funding_rate_e8(1, next_ms)
    rates = ask(source, "fundingRate", START_NS, limit="3")
    assert [r["fundingTime"] for r in rates] == [next_ms - 28_800_000 * k for k in (3, 2, 1)]


def test_the_script_returns_to_where_it_began() -> None:
    assert script_level(0.0) == 1.0
    assert abs(script_level(105.999) - 1.0) < 0.005
    assert script_level(106.0) == 1.0
    assert min(script_level(i / 2) for i in range(212)) < 0.97
    with pytest.raises(ValueError, match="profile"):
        generated(profile="nice")


def test_quantiles_interpolate_and_reach_the_tail() -> None:
    table = Quantiles((0.0, 10.0, 1_000.0), (0.0, 0.5, 1.0))
    assert table.sample(0.0) == 0.0
    assert abs(table.sample(0.25) - 5.0) < 0.2
    assert table.sample(0.9999999) > 990.0
    with pytest.raises(ValueError, match="point"):
        Quantiles((1.0,), (0.0, 1.0))


@pytest.mark.parametrize("fraction", [0.45, -0.45])
def test_a_price_that_is_pushed_for_ever_has_bounds(fraction: float) -> None:
    path = PricePath(Random(1), profile("calibrated", "spot"), 250_000.0)
    for _ in range(200):
        path.push(fraction, 1.0)
        for _ in range(4):
            assert 1_000.0 <= path.advance(0.25) <= CEILING_TICKS
