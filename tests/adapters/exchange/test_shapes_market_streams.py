"""Every field of the official examples of market streams is in a frame of ours, with the right type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.adapters.exchange.market_bodies import world
from tests.adapters.exchange.shapes import Example, differences, examples, extra_keys, uncovered

SPOT = {
    "test_agg_trade_success": "ethusdt@aggTrade",
    "Aggregate Trade Streams": "ethusdt@aggTrade",
    "test_trade_success": "ethusdt@trade",
    "Trade Streams": "ethusdt@trade",
    "test_kline_success": "ethusdt@kline_1m",
    "Kline/Candlestick Streams for UTC": "ethusdt@kline_1m",
    "test_kline_offset_success": "ethusdt@kline_1d@+08:00",
    "Kline/Candlestick Streams with timezone offset": "ethusdt@kline_1d@+08:00",
    "test_mini_ticker_success": "ethusdt@miniTicker",
    "Individual Symbol Mini Ticker Stream": "ethusdt@miniTicker",
    "test_all_mini_ticker_success": "!miniTicker@arr",
    "All Market Mini Tickers Stream": "!miniTicker@arr",
    "test_ticker_success": "ethusdt@ticker",
    "Individual Symbol Ticker Streams": "ethusdt@ticker",
    "test_rolling_window_ticker_success": "ethusdt@ticker_1h",
    "Individual Symbol Rolling Window Statistics Streams": "ethusdt@ticker_1h",
    "test_all_market_rolling_window_ticker_success": "!ticker_1h@arr",
    "All Market Rolling Window Statistics Streams": "!ticker_1h@arr",
    "test_book_ticker_success": "ethusdt@bookTicker",
    "Individual Symbol Book Ticker Streams": "ethusdt@bookTicker",
    "test_avg_price_success": "ethusdt@avgPrice",
    "Average Price": "ethusdt@avgPrice",
    "test_partial_book_depth_success": "ethusdt@depth5@1000ms",
    "Partial Book Depth Streams": "ethusdt@depth5@1000ms",
    "test_diff_book_depth_success": "ethusdt@depth@1000ms",
    "Diff. Depth Stream": "ethusdt@depth@100ms",
}
SPOT_NOT_SERVED = {
    "test_reference_price_success": "the symbol has no reference price",
    "Reference Price Streams": "the symbol has no reference price",
    "test_block_trade_success": "nobody trades blocks here",
    "Block Trade Streams": "nobody trades blocks here",
    "Server Shutdown": "sent by the fault of that name (test_faults)",
}
USDM = {
    "test_aggregate_trade_streams_success": "ethusdt@aggTrade",
    "test_all_market_liquidation_order_streams_success": "!forceOrder@arr",
    "test_liquidation_order_streams_success": "ethusdt@forceOrder",
    "test_all_market_mini_tickers_stream_success": "!miniTicker@arr",
    "test_all_market_tickers_streams_success": "!ticker@arr",
    "test_asset_index_success": "!assetIndex@arr",
    "test_continuous_contract_kline_candlestick_streams_success": "ethusdt_perpetual@continuousKline_1m",
    "test_individual_symbol_mini_ticker_stream_success": "ethusdt@miniTicker",
    "test_individual_symbol_ticker_streams_success": "ethusdt@ticker",
    "test_kline_candlestick_streams_success": "ethusdt@kline_1m",
    "test_mark_price_stream_success": "ethusdt@markPrice",
    "test_mark_price_stream_for_all_market_success": "!markPrice@arr",
    "test_all_book_tickers_stream_success": "!bookTicker",
    "test_diff_book_depth_streams_success": "ethusdt@depth@250ms",
    "test_individual_symbol_book_ticker_streams_success": "ethusdt@bookTicker",
    "test_partial_book_depth_streams_success": "ethusdt@depth5@250ms",
    "test_rpi_diff_book_depth_streams_success": "ethusdt@rpiDepth@500ms",
}
USDM_NOT_SERVED = {
    "test_composite_index_symbol_information_streams_success": "there is no composite index here",
    "test_contract_info_stream_success": "sent when a contract is listed, settled or its brackets change: never here",
    "test_trading_session_stream_success": "sessions of exchanges that close: none of theirs trades here",
}


def spot_rows(data_dir: Path) -> list[Example]:
    rows = [row for row in examples(data_dir, "spot_sdk_examples") if "ws_streams" in row.file]
    return rows + [row for row in examples(data_dir, "spot_docs_examples") if row.file == "web-socket-streams.md"]


def test_spot_frames_have_every_field_of_the_examples(data_dir: Path) -> None:
    rows = spot_rows(data_dir)
    faults = [
        (row.name, fault)
        for row in rows
        if row.name in SPOT
        for fault in differences(row.json, world("spot").last(SPOT[row.name]))
    ]
    assert faults == []
    assert uncovered(rows, set(SPOT), SPOT_NOT_SERVED) == []
    assert len(rows) > 30


def test_spot_frames_have_nothing_else(data_dir: Path) -> None:
    for row in spot_rows(data_dir):
        if row.file.endswith(".md") and row.name in SPOT and row.json != [{}]:
            assert extra_keys(row.json, world("spot").last(SPOT[row.name])) == [], row.name


def test_usdm_frames_have_every_field_of_the_examples(data_dir: Path) -> None:
    rows = [row for row in examples(data_dir, "usdm_sdk_examples") if "ws_streams" in row.file]
    faults: list[Any] = []
    for row in rows:
        if row.name in USDM:
            ours = world("usdm").last(USDM[row.name])
            faults += [(row.name, fault) for fault in differences(row.json, ours)]
            faults += [(row.name, "extra", key) for key in extra_keys(row.json, ours)]
    assert faults == []
    assert uncovered(rows, set(USDM), USDM_NOT_SERVED) == []
    assert len(rows) > 18


def test_mark_price_and_depth_of_the_daemons_streams_have_the_new_fields_too(data_dir: Path) -> None:
    rows = {row.name: row.json for row in examples(data_dir, "usdm_sdk_examples") if "ws_streams" in row.file}
    for name, stream in (
        ("test_mark_price_stream_success", "ethusdt@markPrice@1s"),
        ("test_diff_book_depth_streams_success", "ethusdt@depth@100ms"),
    ):
        assert differences(rows[name], world("usdm").last(stream)) == []
