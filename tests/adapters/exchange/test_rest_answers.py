"""REST paths, parameters, weights and error bodies, asked of the market itself."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.adapters.exchange.limits import WeightLimiter
from supreme_system_v5.adapters.exchange.rest_views import request_weight
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.wire import binance_rest
from tests.adapters.exchange.worlds import PREFIX, START_NS, ask, generated, walk

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
    cases = [
        ("spot", "depth", {"limit": "100"}, 5),
        ("spot", "depth", {"limit": "500"}, 25),
        ("spot", "depth", {"limit": "1000"}, 50),
        ("spot", "depth", {"limit": "5000"}, 250),
        ("spot", "exchangeInfo", {}, 20),
        ("spot", "klines", {}, 2),
        ("spot", "ticker/24hr", {}, 80),
        ("usdm", "depth", {"limit": "1000"}, 20),
        ("usdm", "depth", {}, 10),
        ("usdm", "klines", {"limit": "99"}, 1),
        ("usdm", "klines", {"limit": "1000"}, 5),
        ("usdm", "klines", {"limit": "1500"}, 10),
        ("usdm", "aggTrades", {}, 20),
        ("usdm", "premiumIndex", {"symbol": "ETHUSDT"}, 1),
    ]
    for market, name, params, weight in cases:
        assert request_weight(market, PREFIX[market] + name, params) == weight, (market, name, params)


def test_limiter_refuses_then_bans_then_forgives() -> None:
    limiter = WeightLimiter(100)
    assert limiter.refusal("spot", limiter.charge("spot", 100, 60.0), 60.0) is None
    assert limiter.refusal("spot", limiter.charge("spot", 1, 90.0), 90.0) == (429, 31)
    assert limiter.refusal("spot", limiter.charge("spot", 100, 91.0), 91.0) == (418, 120)
    assert limiter.refusal("spot", limiter.charge("spot", 1, 130.0), 130.0) == (418, 82)
    assert limiter.refusal("spot", limiter.charge("spot", 1, 212.0), 212.0) is None
    assert limiter.charge("usdm", 5, 212.0) == 5


@pytest.mark.parametrize(
    ("market", "file", "path", "name", "params"),
    [
        ("usdm", "usdm_sdk_examples", "/fapi/v1/depth", "depth", {"limit": "5"}),
        ("usdm", "usdm_sdk_examples", "/fapi/v1/premiumIndex", "premiumIndex", {}),
        ("usdm", "usdm_sdk_examples", "/fapi/v1/fundingRate", "fundingRate", {}),
        ("usdm", "usdm_sdk_examples", "/fapi/v1/ticker/24hr", "ticker/24hr", {}),
        ("usdm", "usdm_sdk_examples", "/fapi/v1/ticker/bookTicker", "ticker/bookTicker", {}),
        ("spot", "spot_sdk_examples", "/api/v3/ticker/24hr", "ticker/24hr", {}),
        ("spot", "spot_sdk_examples", "/api/v3/depth", "depth", {"limit": "5"}),
    ],
)
def test_bodies_have_the_documented_fields(
    market: str, file: str, path: str, name: str, params: dict[str, str], data_dir: Path
) -> None:
    ours = ask(generated(market), name, START_NS, **params)
    got = ours[0] if isinstance(ours, list) else ours
    compared = 0
    with gzip.open(data_dir / "examples" / f"{file}.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row["path"] != path:
                continue
            example = row["json"][0] if isinstance(row["json"], list) else row["json"]
            assert {key: type(value) for key, value in example.items()} == {key: type(got.get(key)) for key in example}
            compared += 1
    assert compared > 0
