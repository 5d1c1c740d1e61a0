"""Every published example of what we parse is parsed: official documentation, official SDKs, nautilus fixtures.

Some SDK examples were cut by their generator (no prices, no quantities): told by their missing keys, and counted.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import Depth, FeedStatus, MarkPrice, Quote, Trade
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.wire import binance_rest as rest
from supreme_system_v5.core.wire.binance_decode import FrameDecoder

NEEDED = {
    "aggTrade": (set("eEsapqTm"), Trade),
    "trade": (set("eEstpqTm"), Trade),
    "bookTicker": (set("usbBaA"), Quote),
    "depthUpdate": (set("eEsUuba"), Depth),
    "markPriceUpdate": (set("eEsp"), MarkPrice),
    "serverShutdown": ({"e"}, FeedStatus),
}


def values(value: Any) -> Iterator[Any]:
    """A value and everything inside it."""
    yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from values(inner)


@pytest.fixture(scope="module")
def examples(data_dir: Path) -> list[Any]:
    found = []
    for path in sorted((data_dir / "examples").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        bodies = [row.get("json", row.get("body")) for row in rows]
        found += [json.loads(body) if isinstance(body, str) and body[:1] in ("{", "[") else body for body in bodies]
    return found


def test_stream_examples(examples: list[Any]) -> None:
    parsed: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    for frame in (inner for example in examples for inner in values(example) if isinstance(inner, dict)):
        kind = frame.get("e", "bookTicker" if {"u", "s"} <= frame.keys() else "")
        if kind not in NEEDED:
            continue
        needed, event_type = NEEDED[kind]
        if not needed <= frame.keys() or frame.get("b") == [["7403.89"]]:
            cut[kind] += 1
            continue
        market = USDM if "pu" in frame else SPOT
        event = FrameDecoder(market, frame.get("s", "")).decode(json.dumps(frame).encode(), 1)
        assert isinstance(event, event_type)
        parsed[kind] += 1
    assert all(parsed[kind] > 0 for kind in NEEDED), parsed
    assert sum(parsed.values()) >= 25, (parsed, cut)
    assert sum(cut.values()) <= 8, cut


def test_rest_examples(examples: list[Any]) -> None:
    parsed: Counter[str] = Counter()
    for example in examples:
        for inner in values(example):
            text = json.dumps(inner).encode()
            if isinstance(inner, dict):
                _parse_object(inner, text, parsed)
            elif isinstance(inner, list) and inner:
                _parse_list(inner, text, parsed)
    needed = ("depth", "server_time", "premium_index", "klines", "agg_trades", "funding", "exchange_info")
    assert all(parsed[kind] > 0 for kind in needed), parsed


def _parse_object(value: dict[str, Any], text: bytes, parsed: Counter[str]) -> None:
    keys = value.keys()
    if {"lastUpdateId", "bids", "asks"} <= keys:
        rest.parse_depth(text, 1)
        parsed["depth"] += 1
    if "serverTime" in keys:
        rest.parse_server_time(text)
        parsed["server_time"] += 1
    if {"markPrice", "lastFundingRate"} <= keys:
        rest.parse_premium_index(text, 1)
        parsed["premium_index"] += 1
    for listed in value.get("symbols", []) if "exchangeFilters" in keys else []:
        names = {entry.get("filterType") for entry in listed.get("filters", [])}
        if {"PRICE_FILTER", "LOT_SIZE"} <= names and "status" in listed:
            instrument = rest.parse_exchange_info(text, USDM, listed["symbol"])
            assert instrument.tick_e8 > 0
            parsed["exchange_info"] += 1


def _parse_list(value: list[Any], text: bytes, parsed: Counter[str]) -> None:
    first = value[0]
    if isinstance(first, list) and len(first) == 12 and isinstance(first[1], str):
        assert rest.parse_klines(text, 4_000_000_000_000)
        parsed["klines"] += 1
    if isinstance(first, dict) and {"a", "p", "q", "T", "m"} <= first.keys():
        assert rest.parse_agg_trades(text, 1)
        parsed["agg_trades"] += 1
    if isinstance(first, dict) and {"fundingRate", "fundingTime"} <= first.keys():
        assert rest.parse_funding_rates(text)
        parsed["funding"] += 1


def test_no_example_of_anything_breaks_the_decoder(examples: list[Any]) -> None:
    decoder = FrameDecoder(SPOT, "ETHUSDT")
    refused: Counter[str] = Counter()
    for example in examples:
        try:
            decoder.decode(json.dumps(example).encode(), 1)
        except FrameError as error:
            refused[error.reason] += 1
    assert refused["wrong_symbol"] > 0 and refused["not_an_event"] > 0 and refused["unknown_stream"] > 0
