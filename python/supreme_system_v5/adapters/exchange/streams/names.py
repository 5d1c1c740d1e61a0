"""Names of market streams: what a name asks for, on which socket it is served, and under which name it is given out.

Sources: official spot stream documentation (2026-07), USD-M SDK (2026-08).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.rest.klines import Interval, zone_minutes
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

# Kinds of streams: MARKET ones are the market's own frames, the others are made of them for whoever listens.
MARKET: Final = "market"
KLINE: Final = "kline"
CONTINUOUS: Final = "continuousKline"
MINI: Final = "miniTicker"
TICKER: Final = "ticker"
ROLLING: Final = "rolling"
AVERAGE: Final = "avgPrice"
PARTIAL: Final = "partial"
SLOW_DEPTH: Final = "slowDepth"
MARK: Final = "mark"
BOOK_TICKERS: Final = "bookTickers"
FORCE_ORDER: Final = "forceOrder"
ASSET_INDEX: Final = "assetIndex"

PUBLIC: Final = "public"  # the USD-M sockets
MARKET_SOCKET: Final = "market"
WINDOWS_MS: Final = {"1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000}
_DEPTH: Final = re.compile(r"(?:depth|rpiDepth)(5|10|20)?(?:@([0-9]{1,9})ms)?", re.ASCII)
_KLINE: Final = re.compile(r"kline_([0-9]+[smhdwM])(?:@([+-][0-9]{2}:[0-9]{2}))?", re.ASCII)
_CONTINUOUS: Final = re.compile(r"(?:perpetual)@continuousKline_([0-9]+[smhdwM])", re.ASCII)
_ARRAY: Final = re.compile(r"!(miniTicker|ticker|ticker_1h|ticker_4h|ticker_1d)@arr(?:@([0-9]{1,9})ms)?", re.ASCII)


class Stream(NamedTuple):
    """``name``: the one under which it is given out. ``period_ms``: how often at most, 0 = as it happens."""

    name: str
    kind: str
    period_ms: int = 0
    levels: int = 0
    interval: Interval | None = None
    window: str = ""
    is_array: bool = False


def categories_of(name: str) -> tuple[str, ...]:
    """The USD-M sockets a stream is served on. `trade` is in no document: ccxt asks for it on /public, so there too."""
    feature = name.partition("@")[2]
    if feature == "trade":
        return (PUBLIC, MARKET_SOCKET)
    is_public = name == "!bookTicker" or feature.startswith(("bookTicker", "depth", "rpiDepth"))
    return (PUBLIC,) if is_public else (MARKET_SOCKET,)


def parse_stream(name: str, market: str, symbol: str) -> Stream | None:
    """What a name asks for; None for one that is not served (the venue takes such names silently)."""
    if name.startswith("!"):
        return _array(name, market, symbol)
    owner, _, feature = name.partition("@")
    if owner == f"{symbol}_perpetual" and market != SPOT:
        found = _CONTINUOUS.fullmatch(f"perpetual@{feature}")
        return None if found is None else _kline(name, found.group(1), "", CONTINUOUS, market)
    if owner == symbol[:-1] and feature == "assetIndex" and market != SPOT:
        return Stream(name, ASSET_INDEX, 1_000)
    if owner != symbol:
        return None
    if feature in ("aggTrade", "trade", "bookTicker"):
        return Stream(name, MARKET)
    if (found := _DEPTH.fullmatch(feature)) is not None:
        return _depth(feature, found, market, symbol)
    if (found := _KLINE.fullmatch(feature)) is not None:
        return _kline(name, found.group(1), found.group(2) or "", KLINE, market)
    if feature in ("miniTicker", "ticker"):
        return Stream(name, MINI if feature == "miniTicker" else TICKER, 1_000 if market == SPOT else 2_000)
    return _spot_only(name, feature) if market == SPOT else _usdm_only(feature, symbol)


def _spot_only(name: str, feature: str) -> Stream | None:
    if feature == "avgPrice":
        return Stream(name, AVERAGE, 1_000)
    window = feature.removeprefix("ticker_")
    return Stream(name, ROLLING, 1_000, window=window) if window in WINDOWS_MS else None


def _usdm_only(feature: str, symbol: str) -> Stream | None:
    if feature == "markPrice@1s":
        return Stream(f"{symbol}@markPrice@1s", MARKET)
    if feature in ("markPrice", "markPrice@3s"):
        return Stream(f"{symbol}@markPrice", MARK, 3_000)
    return Stream(f"{symbol}@forceOrder", FORCE_ORDER, 1_000) if feature == "forceOrder" else None


def _depth(feature: str, found: re.Match[str], market: str, symbol: str) -> Stream | None:
    levels, speed = int(found.group(1) or 0), int(found.group(2) or 0)
    if feature.startswith("rpi"):  # no such orders here: the book's own changes
        is_served = market != SPOT and not levels and speed in (0, 500)
        return Stream(f"{symbol}@rpiDepth@500ms", SLOW_DEPTH, 500) if is_served else None
    speed = speed or (1_000 if market == SPOT else 250)
    if speed not in ((100, 1_000) if market == SPOT else (100, 250, 500)):
        return None
    if levels:
        return Stream(f"{symbol}@depth{levels}@{speed}ms", PARTIAL, speed, levels)
    name = f"{symbol}@depth@{speed}ms"
    return Stream(name, MARKET) if speed == 100 else Stream(name, SLOW_DEPTH, speed)


def _kline(name: str, interval: str, zone: str, kind: str, market: str) -> Stream | None:
    if zone and market != SPOT:
        return None
    try:
        chosen = Interval(interval, zone_minutes(zone) if zone else 0)
    except Refusal:
        return None
    period_ms = 250 if market != SPOT else 1_000 if chosen.period_ms and chosen.period_ms < 60_000 else 2_000
    return Stream(name, kind, period_ms, interval=chosen)


def _array(name: str, market: str, symbol: str) -> Stream | None:
    if (found := _ARRAY.fullmatch(name)) is not None:
        period_ms = max(1_000, int(found.group(2) or 1_000))
        what = found.group(1)
        if what == "miniTicker":
            return Stream(name, MINI, period_ms, is_array=True)
        if what == "ticker":
            return Stream(name, TICKER, period_ms, is_array=True)
        return Stream(name, ROLLING, period_ms, window=what[7:], is_array=True) if market == SPOT else None
    if name == "!bookTicker":
        return Stream(f"{symbol}@bookTicker", MARKET) if market == SPOT else Stream(name, BOOK_TICKERS, 5_000)
    if market == SPOT:
        return None
    if name in ("!markPrice@arr", "!markPrice@arr@3s"):
        return Stream("!markPrice@arr", MARK, 3_000, is_array=True)
    if name == "!markPrice@arr@1s":
        return Stream(name, MARK, 1_000, is_array=True)
    if name == "!forceOrder@arr":
        return Stream(name, FORCE_ORDER, 1_000, is_array=True)
    return Stream(name, ASSET_INDEX, 1_000, is_array=True) if name == "!assetIndex@arr" else None
