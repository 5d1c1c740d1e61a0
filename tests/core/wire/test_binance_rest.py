"""REST bodies: what they mean, and that a bad one is a FrameError and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.wire import binance_rest as rest

NOW_NS = 1_700_000_000_000_000_000


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def listed(market: str, **changes: Any) -> dict[str, Any]:
    """ETHUSDT as exchangeInfo lists it in 2026, with the filters that matter and some that do not."""
    notional = (
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True, "maxNotional": "9000000.0"}
        if market == "spot"
        else {"filterType": "MIN_NOTIONAL", "notional": "20"}
    )
    step = "0.00010000" if market == "spot" else "0.001"
    return {
        "symbol": "ETHUSDT",
        "status": "TRADING",
        "baseAsset": "ETH",
        "quoteAsset": "USDT",
        "pricePrecision": 2,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01000000" if market == "spot" else "39.86",
                "maxPrice": "1000000.00000000" if market == "spot" else "306177",
                "tickSize": "0.01000000",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": step,
                "maxQty": "9000.00000000" if market == "spot" else "10000",
                "stepSize": step,
            },
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": "2500.0" if market == "spot" else "2000",
                "stepSize": "0.0",
            },
            notional,
            {"filterType": "SOMETHING_NEW", "limit": 7, "nested": {"a": [1]}},
        ],
        **changes,
    }


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_exchange_info_gives_the_instrument(market: str) -> None:
    other = {"symbol": "BTCUSDT", "filters": "not even a list"}
    instrument = rest.parse_exchange_info(body({"symbols": [other, listed(market)]}), market, "ETH-USDT")
    assert vars_of(instrument) == vars_of(eth_usdt(market))


def vars_of(instrument: Any) -> dict[str, object]:
    names = "symbol venue_symbol market base_asset quote_asset tick_e8 step_e8 min_quantity_e8 max_quantity_e8"
    names += " min_notional_e8 min_price_e8 max_price_e8 market_max_quantity_e8 status"
    return {name: getattr(instrument, name) for name in names.split()}


def test_exchange_info_with_rules_switched_off() -> None:
    entry = listed("spot")
    entry["filters"][0] |= {"maxPrice": "0.00000000", "tickSize": "0.00000000"}
    entry["filters"][1] |= {"maxQty": "92141578901.00000000"}
    instrument = rest.parse_exchange_info(body({"symbols": [entry]}), "spot", "ETH-USDT")
    assert instrument.tick_e8 == 1
    assert instrument.max_price_e8 >= 10**18
    assert instrument.max_quantity_e8 >= 10**18


def test_exchange_info_without_our_symbol() -> None:
    with pytest.raises(FrameError) as caught:
        rest.parse_exchange_info(body({"symbols": [listed("spot", symbol="BTCUSDT")]}), "spot", "ETH-USDT")
    assert caught.value.reason == "wrong_symbol"


@pytest.mark.parametrize("missing", ["PRICE_FILTER", "LOT_SIZE"])
def test_exchange_info_without_a_needed_filter(missing: str) -> None:
    entry = listed("usdm")
    entry["filters"] = [item for item in entry["filters"] if item["filterType"] != missing]
    with pytest.raises(FrameError) as caught:
        rest.parse_exchange_info(body({"symbols": [entry]}), "usdm", "ETH-USDT")
    assert caught.value.reason == "malformed"


def test_depth() -> None:
    event = rest.parse_depth(body({"lastUpdateId": 7, "E": 1, "bids": [["4.0", "431"]], "asks": []}), NOW_NS)
    assert (event.time_ns, event.last_update_id, list(event.bids), list(event.asks)) == (
        NOW_NS,
        7,
        [400_000_000, 43_100_000_000],
        [],
    )


def kline(open_ms: int, *prices: str, volume: str = "3.5") -> list[object]:
    return [open_ms, *prices, volume, open_ms + 59_999, "1.0", 308, "1.0", "2.0", "0"]


def test_klines_leave_out_the_one_still_forming() -> None:
    rows = [
        kline(0, "2", "4", "1", "3"),
        kline(60_000, "3", "3", "3", "3", volume="0"),
        kline(120_000, "3", "9", "3", "9"),
    ]
    bars = rest.parse_klines(body(rows), now_ms=179_999)
    assert [bar.key() for bar in bars] == [
        (0, 200_000_000, 400_000_000, 100_000_000, 300_000_000, 350_000_000),
        (60_000, 300_000_000, 300_000_000, 300_000_000, 300_000_000, 0),
    ]
    assert all(bar.is_backfilled and not bar.is_provisional for bar in bars)
    assert bars[0].trades == 308
    assert len(rest.parse_klines(body(rows), now_ms=180_000)) == 3


@pytest.mark.parametrize(
    "rows",
    [
        [kline(60_000, "2", "4", "1", "3"), kline(0, "2", "4", "1", "3")],
        [kline(0, "2", "4", "1", "3"), kline(0, "2", "4", "1", "3")],
        [kline(0, "2", "1", "4", "3")],
        [kline(0, "5", "4", "1", "3")],
        [kline(0, "2", "4", "1", "0.5")],
        [kline(0, "2", "nan", "1", "3")],
        [kline(0, "2", "4", "0", "3")],
        [kline(0, "2", "4", "1", "3", volume="-1")],
        [[0, "1"]],
    ],
)
def test_klines_that_are_no_bars(rows: list[list[object]]) -> None:
    with pytest.raises(FrameError):
        rest.parse_klines(body(rows), now_ms=10**12)


def test_agg_trades() -> None:
    row = {"a": 26129, "p": "0.01633102", "q": "4.70443515", "nq": "100", "f": 1, "l": 1, "T": 1498793709153, "m": True}
    trades = rest.parse_agg_trades(body([row, {**row, "a": 26130, "m": False}]), NOW_NS)
    assert [(t.trade_id, t.price_e8, t.quantity_e8, t.is_buyer_maker, t.time_ns) for t in trades] == [
        (26129, 1_633_102, 470_443_515, True, NOW_NS),
        (26130, 1_633_102, 470_443_515, False, NOW_NS),
    ]
    assert trades[0].trade_time_ms == trades[0].event_time_ms == 1498793709153
    with pytest.raises(FrameError):
        rest.parse_agg_trades(body([row, row]), NOW_NS)


def test_times_rates_and_prices() -> None:
    assert rest.parse_server_time(b'{"serverTime":1499827319559}') == 1499827319559
    rows = [
        {"symbol": "ETHUSDT", "fundingRate": "-0.0375", "fundingTime": 1570608000000},
        {"symbol": "ETHUSDT", "fundingRate": "0.0001", "fundingTime": 1570636800000, "markPrice": "34287.54619963"},
    ]
    assert rest.parse_funding_rates(body(rows)) == [
        (1570608000000, -3_750_000, 0),
        (1570636800000, 10_000, 3_428_754_619_963),
    ]
    mark = rest.parse_premium_index(
        body(
            {
                "symbol": "ETHUSDT",
                "markPrice": "11793.63104562",
                "indexPrice": "11781.80495970",
                "lastFundingRate": "0.00038246",
                "nextFundingTime": 1597392000000,
                "time": 1597370495002,
            }
        ),
        NOW_NS,
    )
    assert (mark.time_ns, mark.event_time_ms, mark.mark_e8, mark.index_e8, mark.funding_rate_e8) == (
        NOW_NS,
        1597370495002,
        1_179_363_104_562,
        1_178_180_495_970,
        38_246,
    )
    assert mark.next_funding_ms == 1597392000000


PARSERS: list[Callable[[bytes], object]] = [
    lambda text: rest.parse_exchange_info(text, "usdm", "ETH-USDT"),
    lambda text: rest.parse_depth(text, NOW_NS),
    lambda text: rest.parse_klines(text, 0),
    lambda text: rest.parse_agg_trades(text, NOW_NS),
    rest.parse_server_time,
    lambda text: rest.parse_premium_index(text, NOW_NS),
    rest.parse_funding_rates,
]


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"null", b'{"a":', b"\xff", b"[[]]", b'[{"a":1}]', b'{"symbols":[1]}']
)
@pytest.mark.parametrize("index", range(len(PARSERS)))
def test_unusable_bodies(index: int, text: bytes) -> None:
    with pytest.raises(FrameError):
        PARSERS[index](text)


def test_errors_carry_the_venues_own_code_and_waiting_time() -> None:
    error = rest.parse_error(429, b'{"code":-1003,"msg":"Too many requests"}', "30")
    assert (error.status, error.code, error.message, error.retry_after_seconds) == (
        429,
        -1003,
        "Too many requests",
        30.0,
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("nan", 0.0),
        ("1e9", 0.0),
        ("7", 7.0),
        ("9" * 400, 259_200.0),
    ],
)
def test_retry_after(header: str | None, seconds: float) -> None:
    assert rest.parse_error(418, b"{}", header).retry_after_seconds == seconds


@pytest.mark.parametrize("text", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"[]", b'{"code":"x"}', b"[" * 9999])
def test_error_pages_that_are_not_the_venues(text: bytes) -> None:
    error = rest.parse_error(502, text, None)
    assert (error.status, error.code) == (502, 0)
    assert len(error.message) <= 200
