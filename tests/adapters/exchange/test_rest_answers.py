"""REST paths, parameters, weights and error bodies, asked of the market itself."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.rest.limits import WeightLimiter
from supreme_system_v5.adapters.exchange.rest.views import request_weight
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.wire import binance_rest
from tests.adapters.exchange.worlds import PREFIX, START_NS, SYMBOL, ask, generated, recorded, walk

MARKETS = ("spot", "usdm")


def refuse(market: str, name: str, **params: str) -> tuple[int, int, str]:
    status, body, _ = generated(market).rest(PREFIX[market] + name, params, START_NS)
    error = json.loads(body)
    return status, error["code"], error["msg"]


@pytest.mark.parametrize("market", MARKETS)
def test_errors_are_the_venues(market: str) -> None:
    assert refuse(market, "depth") == (
        400,
        -1102,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    )
    assert refuse(market, "depth", symbol="BTCUSDT") == (400, -1121, "Invalid symbol.")
    assert refuse(market, "klines", symbol="ETHUSDT", interval="7m")[:2] == (400, -1120)
    assert refuse(market, "klines", symbol="ETHUSDT")[:2] == (400, -1102)
    assert refuse(market, "klines", symbol="ETHUSDT", interval="1m", limit="x")[:2] == (400, -1100)
    assert refuse(market, "aggTrades", symbol="ETHUSDT", limit="0")[:2] == (400, -1130)
    assert refuse(market, "exchangeInfo", symbol="XYZ")[:2] == (400, -1121)
    source = generated(market)
    assert source.rest(PREFIX[market] + "nothing", {}, START_NS)[0] == 404
    other = PREFIX["spot" if market == "usdm" else "usdm"]
    assert source.rest(other + "ping", {}, START_NS)[0] == 404


def test_usdm_depth_limits_and_spot_has_no_futures_paths() -> None:
    assert refuse("usdm", "depth", symbol="ETHUSDT", limit="7") == (400, -4021, "7 is not valid depth limit")
    assert len(ask(generated("spot"), "depth", START_NS, limit="7")["bids"]) == 7
    assert generated("spot").rest(PREFIX["spot"] + "premiumIndex", {}, START_NS)[0] == 404


@pytest.mark.parametrize("market", MARKETS)
def test_exchange_info_is_the_instrument_of_the_domain(market: str) -> None:
    body = generated(market).rest(PREFIX[market] + "exchangeInfo", {}, START_NS)[1]
    parsed = binance_rest.parse_exchange_info(body, market, "ETH-USDT")
    assert vars_of(parsed) == vars_of(eth_usdt(market))
    assert json.loads(body)["serverTime"] == START_NS // 1_000_000


def vars_of(instrument: Any) -> dict[str, Any]:
    names = [name for name in dir(instrument) if not name.startswith("_")]
    return {name: getattr(instrument, name) for name in names if not callable(getattr(instrument, name))}


def test_paging_of_klines_and_trades() -> None:
    source = generated("usdm")
    walk(source, 30)
    now_ns = source.last_ns
    every = ask(source, "klines", now_ns, interval="1m", limit="50")
    from_ms = every[10][0]
    page = ask(source, "klines", now_ns, interval="1m", startTime=str(from_ms), limit="5")
    assert page == every[10:15]
    assert ask(source, "klines", now_ns, interval="1m", startTime=str(from_ms), endTime=str(from_ms)) == every[10:11]
    folded = ask(source, "klines", now_ns, interval="3m", limit="4")[-2]
    parts = [row for row in every if folded[0] <= row[0] < folded[0] + 180_000]
    assert len(parts) == 3
    assert (folded[1], folded[4]) == (parts[0][1], parts[2][4])
    trades = ask(source, "aggTrades", now_ns, limit="100")
    assert [t["a"] for t in trades] == list(range(trades[0]["a"], trades[0]["a"] + 100))
    assert ask(source, "aggTrades", now_ns, fromId=str(trades[40]["a"]), limit="10") == trades[40:50]
    assert ask(source, "aggTrades", now_ns, fromId=str(trades[-1]["a"] + 1)) == []
    span = ask(source, "aggTrades", now_ns, startTime=str(trades[20]["T"]), endTime=str(trades[60]["T"]), limit="1000")
    assert span == [t for t in trades if trades[20]["T"] <= t["T"] <= trades[60]["T"]]


def test_weights_are_the_documented_ones() -> None:
    two = {"symbols": '["ETHUSDT","BTCUSDT"]'}
    cases = [
        ("spot", "depth", {"limit": "100"}, 5),
        ("spot", "depth", {"limit": "500"}, 25),
        ("spot", "depth", {"limit": "1000"}, 50),
        ("spot", "depth", {"limit": "5000"}, 250),
        ("spot", "exchangeInfo", {}, 20),
        ("spot", "klines", {}, 2),
        ("spot", "trades", {}, 25),
        ("spot", "historicalTrades", {}, 25),
        ("spot", "aggTrades", {}, 4),
        ("spot", "avgPrice", {}, 2),
        ("spot", "executionRules", {}, 40),
        ("spot", "executionRules", two, 4),
        ("spot", "ticker/24hr", {}, 80),
        ("spot", "ticker/24hr", SYMBOL, 2),
        ("spot", "ticker/24hr", two, 2),
        ("spot", "ticker/24hr", {"symbols": json.dumps([f"A{i}" for i in range(21)])}, 40),
        ("spot", "ticker/tradingDay", two, 8),
        ("spot", "ticker", SYMBOL, 4),
        ("spot", "ticker", {"symbols": json.dumps([f"A{i}" for i in range(60)])}, 200),
        ("spot", "ticker/price", two, 4),
        ("spot", "ticker/price", SYMBOL, 2),
        ("usdm", "depth", {"limit": "1000"}, 20),
        ("usdm", "depth", {}, 10),
        ("usdm", "klines", {"limit": "99"}, 1),
        ("usdm", "klines", {"limit": "1000"}, 5),
        ("usdm", "klines", {"limit": "1500"}, 10),
        ("usdm", "markPriceKlines", {}, 5),
        ("usdm", "trades", {}, 5),
        ("usdm", "historicalTrades", {}, 200),
        ("usdm", "aggTrades", {}, 20),
        ("usdm", "premiumIndex", SYMBOL, 1),
        ("usdm", "premiumIndex", {}, 10),
        ("usdm", "fundingRate", {}, 0),
        ("usdm", "openInterest", SYMBOL, 1),
        ("usdm", "ticker/24hr", {}, 40),
        ("usdm", "ticker/bookTicker", {}, 5),
    ]
    for market, name, params, weight in cases:
        assert request_weight(market, PREFIX[market] + name, params) == weight, (market, name, params)
    assert request_weight("usdm", "/fapi/v2/ticker/price", {}) == 2


def test_limiter_refuses_then_bans_then_forgives() -> None:
    limiter = WeightLimiter(100)
    assert limiter.refusal("spot", limiter.charge("spot", 100, 60.0), 60.0) is None
    assert limiter.refusal("spot", limiter.charge("spot", 1, 90.0), 90.0) == (429, 31)
    assert limiter.refusal("spot", limiter.charge("spot", 100, 91.0), 91.0) == (418, 120)
    assert limiter.refusal("spot", limiter.charge("spot", 1, 130.0), 130.0) == (418, 82)
    assert limiter.refusal("spot", limiter.charge("spot", 1, 212.0), 212.0) is None
    assert limiter.charge("usdm", 5, 212.0) == 5


# Scopes, filters and parameters --------------------------------------------------------------------------------------


def test_a_parameter_nobody_reads_is_refused_on_spot_and_ignored_on_usdm() -> None:
    got = refuse("spot", "klines", symbol="ETHUSDT", interval="1m", start="1")
    assert got == (400, -1104, "Not all sent parameters were read; read '2' parameter(s) but was sent '3'.")
    assert refuse("spot", "time", symbol="ETHUSDT")[1] == -1101
    assert len(ask(generated("usdm"), "klines", START_NS, interval="1m", start="1")) == 500


@pytest.mark.parametrize("name", ["ticker/price", "ticker/bookTicker", "ticker/24hr"])
def test_scopes_of_spot_tickers(name: str) -> None:
    source = generated("spot")

    def asked(**params: str) -> object:
        status, body, _ = source.rest(PREFIX["spot"] + name, params, START_NS)
        assert status == 200, body
        return json.loads(body)

    one = asked(symbol="ETHUSDT")
    assert isinstance(one, dict)
    assert asked(symbols='["ETHUSDT"]') == asked() == asked(symbolStatus="TRADING") == [one]
    assert asked(symbolStatus="HALT") == []
    assert refuse("spot", name, symbol="ETHUSDT", symbols='["ETHUSDT"]')[1] == -1128
    assert refuse("spot", name, symbol="ETHUSDT", symbolStatus="BREAK")[1] == -1220
    assert refuse("spot", name, symbolStatus="ASLEEP") == (400, -1122, "Invalid symbolStatus.")
    assert refuse("spot", name, symbols="ETHUSDT")[1] == -1100
    assert refuse("spot", name, symbols='["ETHUSDT","ETHUSDT"]')[1] == -1151
    assert refuse("spot", name, symbols='["ETHUSDT","XYZ"]')[1] == -1121


def test_windows_of_spot_tickers() -> None:
    source = generated("spot")
    walk(source, 20)
    now_ns, now_ms = source.last_ns, source.exchange_ms(source.last_ns)
    day = ask(source, "ticker/tradingDay", now_ns)
    assert (day["openTime"] % 86_400_000, day["closeTime"]) == (0, day["openTime"] + 86_399_999)
    bars = [bar for bar in ask(source, "klines", now_ns, interval="1m", limit="1000") if bar[0] >= day["openTime"]]
    assert day["count"] == sum(bar[8] for bar in bars)
    assert (float(day["highPrice"]), day["openPrice"]) == (max(float(bar[2]) for bar in bars), bars[0][1])
    zoned = ask(source, "ticker/tradingDay", now_ns, timeZone="-3:30")
    assert (zoned["openTime"] - 12_600_000) % 86_400_000 == 0
    hour = ask(source, "ticker", now_ns, windowSize="1h")
    assert hour["openTime"] == (now_ms - 3_600_000) // 60_000 * 60_000
    assert hour["closeTime"] == now_ms
    assert hour["lastId"] - hour["firstId"] + 1 == hour["count"]
    whole = ask(source, "ticker/24hr", now_ns)
    assert whole["closeTime"] - whole["openTime"] == 86_400_000
    mini = ask(source, "ticker/24hr", now_ns, type="MINI")
    assert mini == {key: whole[key] for key in mini}
    assert refuse("spot", "ticker", symbol="ETHUSDT", windowSize="60m")[1] == -1130
    assert refuse("spot", "ticker", symbol="ETHUSDT", windowSize="1d2h")[1] == -1130
    assert refuse("spot", "ticker", symbol="ETHUSDT", type="HUGE") == (400, -1139, "Invalid ticker type.")
    assert refuse("spot", "ticker")[1:] == (
        -1102,
        "Param 'symbol' or 'symbols' must be sent, but both were empty/null!",
    )


def test_exchange_info_filters() -> None:
    source = generated("spot")

    def symbols(**params: str) -> list[dict[str, object]]:
        body = json.loads(source.rest("/api/v3/exchangeInfo", params, START_NS)[1])
        found: list[dict[str, object]] = body["symbols"]
        return found

    assert [item["symbol"] for item in symbols(symbol="ETHUSDT")] == ["ETHUSDT"]
    assert symbols() == symbols(symbols='["ETHUSDT"]') == symbols(permissions="SPOT") == symbols(symbolStatus="TRADING")
    assert symbols(permissions='["MARGIN","LEVERAGED"]') == symbols(symbolStatus="HALT") == []
    assert symbols()[0]["permissionSets"] == [["SPOT"]]
    assert symbols(showPermissionSets="false")[0]["permissionSets"] == []
    assert refuse("spot", "exchangeInfo", symbol="ETHUSDT", permissions="SPOT")[1] == -1128


def test_what_has_no_reference_price_and_what_needs_a_key() -> None:
    for name in ("referencePrice", "referencePrice/calculation"):
        assert refuse("spot", name, symbol="ETHUSDT") == (400, -2043, "This symbol doesn't have a reference price.")
    assert ask(generated("spot"), "executionRules", START_NS) == {"symbolRules": [{"symbol": "ETHUSDT", "rules": []}]}
    assert refuse("usdm", "historicalTrades", symbol="ETHUSDT") == (401, -2014, "API-key format invalid.")
    assert refuse("spot", "historicalBlockTrades", symbol="ETHUSDT", fromId="1")[:2] == (401, -2014)
    assert len(ask(generated("spot"), "historicalTrades", START_NS)) == 500


# Trades and bars -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", MARKETS)
def test_single_trades_are_the_aggregated_ones(market: str) -> None:
    source = generated(market)
    walk(source, 10)
    trades = ask(source, "trades", source.last_ns, limit="1000")
    assert [trade["id"] for trade in trades] == list(range(trades[0]["id"], trades[0]["id"] + 1000))
    together = ask(source, "aggTrades", source.last_ns, limit="100")
    for whole in together[-50:]:
        parts = [trade for trade in trades if whole["f"] <= trade["id"] <= whole["l"]]
        assert sum(round(float(part["qty"]) * 1e8) for part in parts) == round(float(whole["q"]) * 1e8)
        assert {(part["price"], part["time"], part["isBuyerMaker"]) for part in parts} == {
            (whole["p"], whole["T"], whole["m"])
        }
    from_id = trades[300]["id"]
    body = source.rest(
        PREFIX[market] + "historicalTrades",
        {**SYMBOL, "fromId": str(from_id), "limit": "100"},
        source.last_ns,
        has_key=True,
    )[1]
    assert json.loads(body) == trades[300:400]


def test_average_price_is_that_of_five_minutes_of_trades() -> None:
    source = generated("spot")
    walk(source, 5)
    body = ask(source, "avgPrice", source.last_ns)
    trades = source.trades
    first = next(i for i in range(len(trades.times)) if trades.times[i] >= source.last_ns - 300 * 10**9)
    pairs = [(trades.prices[i], abs(trades.quantities[i])) for i in range(first, len(trades.times))]
    expected = sum(price * quantity for price, quantity in pairs) // sum(quantity for _, quantity in pairs)
    assert body == {
        "mins": 5,
        "price": f"{expected // 10**8}.{expected % 10**8:08d}",
        "closeTime": trades.trade_ms[len(trades.times) - 1],
    }


def test_bars_of_every_interval_are_folded_from_the_minutes() -> None:
    source = generated("spot")
    walk(source, 5)
    minutes = ask(source, "klines", source.last_ns, interval="1m", limit="1000")
    for interval in ("3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"):
        bars = ask(source, "klines", source.last_ns, interval=interval)
        last = bars[-1]
        parts = [bar for bar in minutes if last[0] <= bar[0] <= last[6]]
        if parts[0][0] == last[0]:
            assert last[1] == parts[0][1], interval
            assert last[8] == sum(bar[8] for bar in parts), interval
        assert last[4] == parts[-1][4], interval
        assert all(a[6] + 1 == b[0] for a, b in itertools.pairwise(bars)), interval
    assert ask(source, "klines", source.last_ns, interval="1w")[-1][0] == 1_763_337_600_000  # a Monday
    month = ask(source, "klines", source.last_ns, interval="1M")[-1]
    assert (month[0], month[6]) == (1_761_955_200_000, 1_764_547_199_999)  # November
    assert ask(source, "uiKlines", source.last_ns, interval="1h") == ask(
        source, "klines", source.last_ns, interval="1h"
    )


def test_bars_in_another_time_zone() -> None:
    source = generated("spot")
    plain = ask(source, "klines", START_NS, interval="1d")
    zoned = ask(source, "klines", START_NS, interval="1d", timeZone="8")
    assert [bar[0] - 57_600_000 for bar in zoned] == [bar[0] - bar[0] % 86_400_000 for bar in zoned]
    assert zoned[0][0] != plain[0][0]
    assert sum(bar[8] for bar in zoned) == sum(bar[8] for bar in plain)
    assert ask(source, "klines", START_NS, interval="1m", timeZone="05:45") == ask(
        source, "klines", START_NS, interval="1m"
    )
    assert refuse("spot", "klines", symbol="ETHUSDT", interval="1d", timeZone="15")[1] == -1130


def test_microseconds_on_spot_only() -> None:
    source = generated("spot")
    walk(source, 3)

    def micro(name: str, **params: str) -> Any:
        return json.loads(source.rest(PREFIX["spot"] + name, params, source.last_ns, is_micro=True)[1])

    bar, micro_bar = (
        ask(source, "klines", source.last_ns, interval="1m")[-1],
        micro("klines", **SYMBOL, interval="1m")[-1],
    )
    assert (micro_bar[0], micro_bar[6]) == (bar[0] * 1_000, bar[6] * 1_000 + 999)
    assert micro_bar[1:6] == bar[1:6]
    plain, fine = ask(source, "aggTrades", source.last_ns)[-1], micro("aggTrades", **SYMBOL)[-1]
    assert fine["T"] // 1_000 == plain["T"]
    assert fine["T"] % 1_000 != 0
    assert micro("time")["serverTime"] == source.last_ns // 1_000
    assert micro("trades", **SYMBOL)[-1]["time"] == fine["T"]
    start_us = str(fine["T"])
    assert micro("aggTrades", **SYMBOL, startTime=start_us)[-1]["a"] == fine["a"]
    usdm = generated("usdm")
    body = json.loads(usdm.rest("/fapi/v1/time", {}, START_NS, is_micro=True)[1])
    assert body == {"serverTime": START_NS // 1_000_000}


# USD-M ---------------------------------------------------------------------------------------------------------------


def test_usdm_price_klines_agree_with_the_announced_marks() -> None:
    source = generated("usdm")
    walk(source, 130)
    minute_ms = (source.exchange_ms(source.last_ns) // 60_000 - 1) * 60_000
    inside = [mark for mark in source.marks if minute_ms <= source.exchange_ms(mark[0]) < minute_ms + 60_000]
    bar = next(b for b in ask(source, "markPriceKlines", source.last_ns, interval="1m") if b[0] == minute_ms)
    assert [round(float(text) * 1e8) for text in bar[1:5]] == [
        inside[0][1],
        max(mark[1] for mark in inside),
        min(mark[1] for mark in inside),
        inside[-1][1],
    ]
    assert (bar[5], bar[8]) == ("0", 60)
    for name in ("indexPriceKlines", "continuousKlines"):
        params = {"pair": "ETHUSDT", "interval": "1m", "contractType": "PERPETUAL"}
        bars = json.loads(source.rest(PREFIX["usdm"] + name, params, source.last_ns)[1])
        assert (len(bars), bars[-2][0]) == (500, minute_ms)
    premium = ask(source, "premiumIndexKlines", source.last_ns, interval="1m")[-2]
    assert all(abs(float(text)) < 0.01 for text in premium[1:5])
    assert refuse("usdm", "indexPriceKlines", pair="NOPE", interval="1m")[1] == -1121
    assert refuse("usdm", "klines", symbol="ETHUSDT", interval="1m", limit="1501")[1] == -1130
    quarterly = {"pair": "ETHUSDT", "interval": "1m", "contractType": "CURRENT_QUARTER"}
    assert source.rest("/fapi/v1/continuousKlines", quarterly, source.last_ns)[1] == b"[]"


def test_usdm_of_one_symbol_and_of_all() -> None:
    source = generated("usdm")
    for name in ("ticker/price", "ticker/bookTicker", "ticker/24hr", "premiumIndex", "symbolAdlRisk"):
        body = json.loads(source.rest(PREFIX["usdm"] + name, {}, START_NS)[1])
        assert body == [ask(source, name, START_NS)], name
    second = json.loads(source.rest("/fapi/v2/ticker/price", SYMBOL, START_NS)[1])
    assert second == ask(source, "ticker/price", START_NS)
    assert json.loads(source.rest("/fapi/v1/indexInfo", {}, START_NS)[1]) == []
    assert refuse("usdm", "indexInfo", symbol="ETHUSDT")[1] == -1121
    assert refuse("usdm", "rpiDepth", symbol="ETHUSDT", limit="500")[1] == -4021
    trades = source.rest("/fapi/v1/aggTrades", {**SYMBOL, "startTime": "1", "endTime": "3600002"}, START_NS)
    assert json.loads(trades[1])["code"] == -1127


def test_a_recording_has_no_mark_price_and_says_so(data_dir: Path) -> None:
    source = recorded("usdm", data_dir)
    walk(source, 3)
    for name in ("premiumIndex", "markPriceKlines", "constituents", "assetIndex"):
        params = {"interval": "1m"} if name == "markPriceKlines" else {}
        named = {} if name == "assetIndex" else SYMBOL
        status, body, _ = source.rest(PREFIX["usdm"] + name, {**named, **params}, source.last_ns)
        assert (status, json.loads(body)["code"]) == (400, -1000), name
    trades = ask(source, "trades", source.last_ns, limit="100")
    assert [trade["id"] for trade in trades] == sorted(trade["id"] for trade in trades)
