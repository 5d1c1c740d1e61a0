"""Every field of the official examples of market data over REST and the WebSocket API is in a body of ours, with the
right type; what is not is listed with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.exchange.market_bodies import World, world
from tests.adapters.exchange.shapes import Example, differences, examples, extra_keys, uncovered

Body = Callable[[World, Any], Any]
S = {"symbol": "ETHUSDT"}
NO_REFERENCE = "the symbol has no reference price: the venue answers -2043 (test_rest_answers)"
NO_BLOCKS = "nobody trades blocks here: the list is empty"
EVERYBODY = "statistics over all the venue's traders (/futures/data) are not served"


def is_list(example: Any) -> bool:
    return isinstance(example, list)


def scoped(example: Any) -> dict[str, str]:
    """One symbol where the example is one object, a list of symbols where it is a list."""
    return {"symbols": '["ETHUSDT"]'} if is_list(example) else S


def ticker(path: str) -> Body:
    def body(ours: World, example: Any) -> Any:
        first = example[0] if is_list(example) else example
        mini = {"type": "MINI"} if "openPrice" in first and "priceChange" not in first else {}
        return ours.rest(f"/api/v3/{path}", **scoped(example), **mini)

    return body


def spot(path: str, **params: str) -> Body:
    return lambda ours, example: ours.rest(f"/api/v3/{path}", **params)


def usdm(path: str, **params: str) -> Body:
    return lambda ours, example: ours.rest(f"/fapi/v1/{path}", **params)


BAR = {**S, "interval": "1m", "limit": "5"}
PAIR = {"pair": "ETHUSDT", "interval": "1m", "limit": "5"}

# By the SDK's test, by the heading in rest-api.md and by the heading in web-socket-api.md.
SPOT: dict[str, Body] = {
    "test_exchange_info_success": spot("exchangeInfo"),
    "Exchange information": spot("exchangeInfo"),
    "test_time_success": spot("time"),
    "Check server time": spot("time"),
    "test_ping_success": spot("ping"),
    "Test connectivity": spot("ping"),
    "test_agg_trades_success": spot("aggTrades", **S),
    "test_trades_aggregate_success": spot("aggTrades", **S),
    "Compressed/Aggregate trades list": spot("aggTrades", **S),
    "Aggregate trades": spot("aggTrades", **S),
    "test_avg_price_success": spot("avgPrice", **S),
    "Current average price": spot("avgPrice", **S),
    "test_depth_success": spot("depth", **S, limit="5"),
    "Order book": spot("depth", **S, limit="5"),
    "test_get_trades_success": spot("trades", **S),
    "test_trades_recent_success": spot("trades", **S),
    "Recent trades list": spot("trades", **S),
    "Recent trades": spot("trades", **S),
    "test_historical_trades_success": spot("historicalTrades", **S),
    "test_trades_historical_success": spot("historicalTrades", **S),
    "Old trade lookup": spot("historicalTrades", **S),
    "Historical trades": spot("historicalTrades", **S),
    "test_klines_success": spot("klines", **BAR),
    "Kline/Candlestick data": spot("klines", **BAR),
    "Klines": spot("klines", **BAR),
    "test_ui_klines_success": spot("uiKlines", **BAR),
    "UIKlines": spot("uiKlines", **BAR),
    "UI Klines": spot("uiKlines", **BAR),
    "test_ticker_success": ticker("ticker"),
    "Rolling window price change statistics": ticker("ticker"),
    "test_ticker24hr_success": ticker("ticker/24hr"),
    "24hr ticker price change statistics": ticker("ticker/24hr"),
    "test_ticker_book_ticker_success": ticker("ticker/bookTicker"),
    "test_ticker_book_success": ticker("ticker/bookTicker"),
    "Symbol order book ticker": ticker("ticker/bookTicker"),
    "test_ticker_price_success": ticker("ticker/price"),
    "Symbol price ticker": ticker("ticker/price"),
    "test_ticker_trading_day_success": ticker("ticker/tradingDay"),
    "Trading Day Ticker": ticker("ticker/tradingDay"),
}
SPOT_NOT_SERVED = {
    "test_execution_rules_success": NO_REFERENCE,
    "Query Execution Rules": NO_REFERENCE,
    "test_reference_price_success": NO_REFERENCE,
    "Query Reference Price": NO_REFERENCE,
    "test_reference_price_calculation_success": NO_REFERENCE,
    "Query Reference Price Calculation": NO_REFERENCE,
    "test_historical_block_trades_success": NO_BLOCKS,
    "test_block_trades_historical_success": NO_BLOCKS,
    "Historical Block Trades": NO_BLOCKS,
    "How does the Price Range Execution Rule work?": NO_REFERENCE,
}
SPOT_EXCEPTED = {
    "rateLimits[].count": "only in the rateLimits of WebSocket API replies, which the API adds",
    "exchangeFilters[]": "the venue sets none (its own documentation shows an empty list)",
    "symbols[].permissions": "empty since permissionSets came (the documentation shows an empty list)",
    "symbols[].filters[].priceExponent": "the SDK's example only, of its binary encoding; not in the documentation",
    "sors": "documented as present only where smart order routing is offered",
}
USDM: dict[str, Body] = {
    "test_adl_risk_success": usdm("symbolAdlRisk", **S),
    "test_asset_index_success": usdm("assetIndex", symbol="ETHUSD"),
    "test_check_server_time_success": usdm("time"),
    "test_compressed_aggregate_trades_list_success": usdm("aggTrades", **S),
    "test_continuous_contract_kline_candlestick_data_success": usdm(
        "continuousKlines", contractType="PERPETUAL", **PAIR
    ),
    "test_exchange_information_success": usdm("exchangeInfo"),
    "test_get_funding_rate_history_success": usdm("fundingRate", **S),
    "test_get_funding_rate_info_success": usdm("fundingInfo"),
    "test_index_price_kline_candlestick_data_success": usdm("indexPriceKlines", **PAIR),
    "test_kline_candlestick_data_success": usdm("klines", **BAR),
    "test_mark_price_success": usdm("premiumIndex", **S),
    "test_mark_price_kline_candlestick_data_success": usdm("markPriceKlines", **BAR),
    "test_old_trades_lookup_success": usdm("historicalTrades", **S),
    "test_open_interest_success": usdm("openInterest", **S),
    "test_order_book_success": usdm("depth", **S, limit="5"),
    "test_premium_index_kline_data_success": usdm("premiumIndexKlines", **BAR),
    "test_query_index_price_constituents_success": usdm("constituents", **S),
    "test_query_insurance_fund_balance_snapshot_success": usdm("insuranceBalance", **S),
    "test_recent_trades_list_success": usdm("trades", **S),
    "test_rpi_order_book_success": usdm("rpiDepth", **S),
    "test_symbol_order_book_ticker_success": usdm("ticker/bookTicker", **S),
    "test_symbol_price_ticker_success": usdm("ticker/price", **S),
    "test_symbol_price_ticker_v2_success": lambda ours, example: ours.rest("/fapi/v2/ticker/price", **S),
    "test_ticker24hr_price_change_statistics_success": usdm("ticker/24hr", **S),
    "test_trading_schedule_success": usdm("tradingSchedule"),
}
USDM_NOT_SERVED = {
    "test_composite_index_symbol_information_success": "there is no composite index here: the list is empty",
    "test_quarterly_contract_settlement_price_success": "there is no contract here that is ever settled",
    "test_basis_success": EVERYBODY,
    "test_long_short_ratio_success": EVERYBODY,
    "test_open_interest_statistics_success": EVERYBODY,
    "test_taker_buy_sell_volume_success": EVERYBODY,
    "test_top_trader_long_short_ratio_accounts_success": EVERYBODY,
    "test_top_trader_long_short_ratio_positions_success": EVERYBODY,
}
USDM_EXCEPTED = {"exchangeFilters[]": "the venue sets none"}
# What ours has beyond an example of the same thing: the venue's own replies have it.
EXTRA = {
    "symbols[].permissionSets",
    "symbols[].maxMoveOrderLimit",
    "futuresType",
    "lastUpdateId",
}


def spot_rows(data_dir: Path) -> list[Example]:
    """General and market data examples; those of the WebSocket API by their result, requests and refusals left out."""
    rows = [
        row for row in examples(data_dir, "spot_sdk_examples") if row.file.startswith(("test_general", "test_market"))
    ]
    documented = set(SPOT) | set(SPOT_NOT_SERVED)
    rows += [
        row
        for row in examples(data_dir, "spot_docs_examples")
        if row.file.endswith(("rest-api.md", "web-socket-api.md", "rules.md")) and row.name in documented
    ]
    return _bodies(rows)


def usdm_rows(data_dir: Path) -> list[Example]:
    rows = [row for row in examples(data_dir, "usdm_sdk_examples") if row.file.startswith("test_market_data")]
    return _bodies(rows)


def _bodies(rows: list[Example]) -> list[Example]:
    bodies: list[Example] = []
    for row in rows:
        body = row.json
        if isinstance(body, dict) and ("method" in body or "code" in body):
            continue
        if isinstance(body, dict) and "result" in body and "status" in body:
            # The USD-M example of depth has its levels beside the result: a slip of the example.
            beside = {key: body[key] for key in ("bids", "asks") if key in body}
            body = {**body["result"], **beside} if isinstance(body["result"], dict) else body["result"]
        bodies.append(row._replace(json=body))
    return bodies


def test_spot_bodies_have_every_field_of_the_examples(data_dir: Path) -> None:
    rows = spot_rows(data_dir)
    ours = world("spot")
    faults = []
    for row in rows:
        if row.name in SPOT:
            body = SPOT[row.name](ours, row.json)
            faults += [(row.file, row.name, fault) for fault in differences(row.json, body, SPOT_EXCEPTED)]
    assert faults == []
    assert uncovered(rows, set(SPOT), SPOT_NOT_SERVED) == []
    assert len(rows) > 60


def test_usdm_bodies_have_every_field_of_the_examples(data_dir: Path) -> None:
    rows = usdm_rows(data_dir)
    ours = world("usdm")
    faults = []
    for row in rows:
        if row.name in USDM:
            body = USDM[row.name](ours, row.json)
            faults += [(row.name, fault) for fault in differences(row.json, body, USDM_EXCEPTED)]
    assert faults == []
    assert uncovered(rows, set(USDM), USDM_NOT_SERVED) == []
    assert len(rows) > 30


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_no_exception_is_needless(kind: str, data_dir: Path) -> None:
    """What is produced by now must be compared."""
    is_spot = kind == "spot"
    rows, bodies = (spot_rows(data_dir), SPOT) if is_spot else (usdm_rows(data_dir), USDM)
    compared = [row for row in rows if row.name in bodies]
    faults = [fault for row in compared for fault in differences(row.json, bodies[row.name](world(kind), row.json))]
    lacking = {fault.partition(": ")[0] for fault in faults}
    assert {name.removesuffix("[]") for name in (SPOT_EXCEPTED if is_spot else USDM_EXCEPTED)} == lacking


def test_nothing_is_in_a_body_that_no_example_has(data_dir: Path) -> None:
    """Spot's documentation is whole; the SDK's examples leave out what has several types."""
    ours = world("spot")
    for row in spot_rows(data_dir):
        if row.file == "rest-api.md" and row.name in SPOT and row.name != "Exchange information":
            assert extra_keys(row.json, SPOT[row.name](ours, row.json)) == [], row.name
    for row in usdm_rows(data_dir):
        if row.name in USDM:
            found = set(extra_keys(row.json, USDM[row.name](world("usdm"), row.json)))
            assert {key for key in found if not key.startswith("symbols[].filters[]")} <= EXTRA, row.name


@pytest.mark.parametrize("kind", ["spot", "usdm"])
def test_a_bar_has_twelve_columns_of_the_documented_types(kind: str, data_dir: Path) -> None:
    documented = next(
        row.json for row in examples(data_dir, "spot_docs_examples") if row.name == "Kline/Candlestick data"
    )
    prefix = "/api/v3/" if kind == "spot" else "/fapi/v1/"
    names = ["klines", "uiKlines"] if kind == "spot" else ["klines", "markPriceKlines", "premiumIndexKlines"]
    for name in names:
        bars = world(kind).rest(prefix + name, **BAR)
        assert differences(documented, bars) == [], name
        assert {len(bar) for bar in bars} == {len(documented[0])}


def test_symbol_filters_are_the_documented_ones(data_dir: Path) -> None:
    ours = {item["filterType"]: item for item in world("spot").rest("/api/v3/exchangeInfo")["symbols"][0]["filters"]}
    documented = {
        row.json["filterType"]: row.json
        for row in examples(data_dir, "spot_docs_examples")
        if row.file == "filters.md" and isinstance(row.json, dict) and "filterType" in row.json
    }
    for name, item in ours.items():
        assert {key: type(value) for key, value in item.items()} == {
            key: type(value) for key, value in documented[name].items()
        }, name
