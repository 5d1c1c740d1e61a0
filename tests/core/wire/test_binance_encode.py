"""The encoder against the recordings, the documentation's examples and our own decoder."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.core.domain.events import Depth, MarkPrice, Quote, Trade
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.wire import binance_rest
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from supreme_system_v5.core.wire.binance_encode import BinanceEncoder, error_body, signed8, text8

MARKETS = ("spot", "usdm")
BID, ASK = (268_380_000_000, 302_900_000), (268_381_000_000, 50_000_000)


def wrapped(stream: str, payload: bytes) -> bytes:
    return b'{"stream":"ethusdt@%b","data":%b,"x_time_ns":77}' % (stream.encode(), payload)


@pytest.mark.parametrize("market", MARKETS)
def test_streams_decode_to_what_was_encoded(market: str) -> None:
    encoder, decoder = BinanceEncoder(market, "ETHUSDT"), FrameDecoder(market, "ETHUSDT")
    trade = decoder.decode(wrapped("aggTrade", encoder.agg_trade(1_000, 999, 5, BID[0], BID[1], 7, 9, True)), 1)
    assert isinstance(trade, Trade)
    assert (trade.time_ns, trade.trade_id, trade.price_e8, trade.quantity_e8) == (77, 5, *BID)
    assert (trade.event_time_ms, trade.trade_time_ms, trade.is_buyer_maker) == (1_000, 999, True)
    quote = decoder.decode(wrapped("bookTicker", encoder.quote(1_000, 8, *BID, *ASK)), 1)
    assert isinstance(quote, Quote)
    assert (quote.update_id, quote.bid_e8, quote.bid_quantity_e8, quote.ask_e8, quote.ask_quantity_e8) == (
        8,
        *BID,
        *ASK,
    )
    depth = decoder.decode(wrapped("depth@100ms", encoder.depth(1_000, 4, 6, 3, [BID, (100_000_000, 0)], [ASK])), 1)
    assert isinstance(depth, Depth)
    assert (depth.first_update_id, depth.final_update_id) == (4, 6)
    assert depth.previous_final_id == (3 if market == "usdm" else -1)
    assert list(depth.bids) == [*BID, 100_000_000, 0]
    assert list(depth.asks) == [*ASK]


def test_mark_price_and_negative_rate() -> None:
    payload = BinanceEncoder("usdm", "ETHUSDT").mark_price(1_000, 268_380_123_456, 268_300_000_000, -1_234, 28_800_000)
    mark = FrameDecoder("usdm", "ETHUSDT").decode(wrapped("markPrice@1s", payload), 1)
    assert isinstance(mark, MarkPrice)
    assert (mark.mark_e8, mark.index_e8, mark.funding_rate_e8) == (268_380_123_456, 268_300_000_000, -1_234)
    assert mark.next_funding_ms == 28_800_000


@pytest.mark.parametrize("market", MARKETS)
def test_rest_bodies_parse_to_what_was_encoded(market: str) -> None:
    encoder = BinanceEncoder(market, "ETHUSDT")
    book = binance_rest.parse_depth(encoder.depth_body(5, 42, [BID], [ASK]), 9)
    assert (book.last_update_id, list(book.bids), list(book.asks)) == (42, [*BID], [*ASK])
    row = [
        60_000,
        100 * 10**8,
        103 * 10**8,
        99 * 10**8,
        101 * 10**8,
        5 * 10**8,
        505 * 10**8,
        12,
        2 * 10**8,
        202 * 10**8,
    ]
    bars = binance_rest.parse_klines(encoder.klines_body([row], 60_000), 200_000)
    assert [bar.key() for bar in bars] == [tuple(row[:6])]
    trades = binance_rest.parse_agg_trades(encoder.agg_trades_body([(3, BID[0], BID[1], 5, 6, 1_000, False)]), 9)
    assert [(t.trade_id, t.price_e8, t.quantity_e8, t.is_buyer_maker) for t in trades] == [(3, *BID, False)]


def test_text_of_numbers() -> None:
    assert text8(1) == "0.00000001"
    assert signed8(-150_000_000) == "-1.50000000"
    assert error_body(-1121, "Invalid symbol.") == b'{"code":-1121,"msg":"Invalid symbol."}'


@pytest.mark.parametrize(("market", "name"), [("spot", "spot_ethusdt_20240808"), ("usdm", "usdm_ethusdt_20240808")])
def test_recorded_quotes_and_depths_encode_byte_for_byte(market: str, name: str, data_dir: Path) -> None:
    encoder = BinanceEncoder(market, "ETHUSDT")
    seen = 0
    with gzip.open(data_dir / "frames" / f"{name}.jsonl.gz", "rt") as file:
        for line in file:
            raw = line[line.index('"data":') + 7 : -3] if '"data":' in line else ""
            if "@bookTicker" in line:
                data = json.loads(raw)
                numbers = [parse_e8(data[key]) for key in ("b", "B", "a", "A")]
                if data.get("E") == data.get("T"):  # we send E = T
                    assert encoder.quote(data.get("E", 0), data["u"], *numbers).decode() == raw
                    seen += 1
            elif "@depth" in line:
                data = json.loads(raw)
                sides = [[(parse_e8(p), parse_e8(q)) for p, q in data[key]] for key in ("b", "a")]
                if data.get("E") == data.get("T", data["E"]):
                    assert encoder.depth(data["E"], data["U"], data["u"], data.get("pu", -1), *sides).decode() == raw
                    seen += 1
            if seen > 3_000:
                break
    assert seen > 3_000


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_types(item) for item in value[:1]]
    return type(value).__name__


def test_documented_fields_are_there_with_their_types(data_dir: Path) -> None:
    spot, usdm = BinanceEncoder("spot", "ETHUSDT"), BinanceEncoder("usdm", "ETHUSDT")
    ours = {
        ("spot", "aggTrade"): spot.agg_trade(1, 1, 1, *BID, 1, 1, True),
        ("spot", "depthUpdate"): spot.depth(1, 1, 1, 1, [BID], [ASK]),
        ("usdm", "aggTrade"): usdm.agg_trade(1, 1, 1, *BID, 1, 1, True),
        ("usdm", "depthUpdate"): usdm.depth(1, 1, 1, 1, [BID], [ASK]),
        ("usdm", "bookTicker"): usdm.quote(1, 1, *BID, *ASK),
    }
    compared = set()
    for market, name in (("spot", "spot_docs_examples"), ("usdm", "usdm_sdk_examples")):
        with gzip.open(data_dir / "examples" / f"{name}.jsonl.gz", "rt") as file:
            for line in file:
                example = json.loads(line)["json"]
                kind = str(example.get("e")) if isinstance(example, dict) else ""
                if (market, kind) not in ours or "id" in example:
                    continue
                wanted = {key: value for key, value in _types(example).items() if key not in ("st", "ps")}
                got = _types(json.loads(ours[market, kind]))
                assert {key: got.get(key) for key in wanted if key not in "ba"} == {
                    key: wanted[key] for key in wanted if key not in "ba"
                }
                compared.add((market, kind))
    assert compared == set(ours)
