"""Bodies of Binance REST answers, spot and USD-M, as words of the domain. Every parser raises FrameError for a body
it cannot use, and nothing else. Fields: the venue's REST documentation; unknown ones are tolerated everywhere.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct, field

from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import BookSnapshot, MarkPrice, Trade
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.wire.binance_schema import Level, flat_levels, frame_error
from supreme_system_v5.core.wire.numbers import (
    VALUE_E8_LIMIT,
    Id,
    TimeMs,
    optional_e8,
    price_e8,
    quantity_e8,
    rate_e8,
)

RETRY_AFTER_MAX_SECONDS: Final = 3 * 86_400.0  # the longest ban the venue documents


class _Filter(Struct):
    """The fields of the filters that are read; each filter has some of them."""

    filter_type: str = field(name="filterType")
    min_price: str = field(name="minPrice", default="")
    max_price: str = field(name="maxPrice", default="")
    tick_size: str = field(name="tickSize", default="")
    min_quantity: str = field(name="minQty", default="")
    max_quantity: str = field(name="maxQty", default="")
    step_size: str = field(name="stepSize", default="")
    min_notional: str = field(name="minNotional", default="")  # spot
    notional: str = field(name="notional", default="")  # USD-M


class _SymbolHead(Struct):
    symbol: str


class _Symbol(Struct):
    symbol: str
    status: str
    base_asset: str = field(name="baseAsset")
    quote_asset: str = field(name="quoteAsset")
    filters: list[_Filter]


class _ExchangeInfo(Struct):
    symbols: list[msgspec.Raw]


class _DepthBody(Struct):
    last_update_id: Id = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]


class _Kline(Struct, array_like=True):
    open_ms: TimeMs
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_ms: TimeMs
    quote_volume: str
    trades: Id


class _AggTrade(Struct):
    trade_id: Id = field(name="a")
    price: str = field(name="p")
    quantity: str = field(name="q")
    time_ms: TimeMs = field(name="T")
    is_buyer_maker: bool = field(name="m")


class _ServerTime(Struct):
    server_time: TimeMs = field(name="serverTime")


class _PremiumIndex(Struct):
    mark: str = field(name="markPrice")
    index: str = field(name="indexPrice", default="")
    rate: str = field(name="lastFundingRate", default="")
    next_funding_ms: TimeMs = field(name="nextFundingTime", default=0)
    time_ms: TimeMs = field(name="time", default=0)


class _FundingRate(Struct):
    rate: str = field(name="fundingRate")
    time_ms: TimeMs = field(name="fundingTime")
    mark: str = field(name="markPrice", default="")  # missing in old entries


class _ErrorBody(Struct):
    code: int = 0
    message: str = field(name="msg", default="")


_SYMBOL_HEAD: Final = msgspec.json.Decoder(_SymbolHead)
_SYMBOL: Final = msgspec.json.Decoder(_Symbol)
_EXCHANGE_INFO: Final = msgspec.json.Decoder(_ExchangeInfo)
_DEPTH: Final = msgspec.json.Decoder(_DepthBody)
_KLINES: Final = msgspec.json.Decoder(list[_Kline])
_AGG_TRADES: Final = msgspec.json.Decoder(list[_AggTrade])
_SERVER_TIME: Final = msgspec.json.Decoder(_ServerTime)
_PREMIUM_INDEX: Final = msgspec.json.Decoder(_PremiumIndex)
_FUNDING_RATES: Final = msgspec.json.Decoder(list[_FundingRate])
_ERROR: Final = msgspec.json.Decoder(_ErrorBody)


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise frame_error(error) from None


def parse_exchange_info(body: bytes, market: str, symbol: str) -> Instrument:
    """The instrument with its filters from exchangeInfo; ``symbol`` is ours ("ETH-USDT").

    Raises FrameError (wrong_symbol when the venue does not list it).
    """
    venue_symbol = symbol.replace("-", "")
    for raw in _decode(_EXCHANGE_INFO, body).symbols:
        # Two steps: the answer may list hundreds of contracts, and a strange one must not spoil ours.
        if _decode(_SYMBOL_HEAD, raw).symbol == venue_symbol:
            return _instrument(_decode(_SYMBOL, raw), market, symbol)
    raise FrameError("wrong_symbol", f"exchangeInfo does not list {venue_symbol}")


def _instrument(listed: _Symbol, market: str, symbol: str) -> Instrument:
    filters = {entry.filter_type: entry for entry in listed.filters}
    price = filters.get("PRICE_FILTER")
    lot = filters.get("LOT_SIZE")
    if price is None or lot is None:
        raise FrameError("malformed", f"{listed.symbol}: no PRICE_FILTER or no LOT_SIZE")
    market_lot = filters.get("MARKET_LOT_SIZE", lot)
    floors = [filters[name] for name in ("NOTIONAL", "MIN_NOTIONAL") if name in filters]
    max_quantity_e8 = _limit_e8(lot.max_quantity)
    return Instrument(
        symbol=symbol,
        venue_symbol=listed.symbol,
        market=market,
        base_asset=listed.base_asset,
        quote_asset=listed.quote_asset,
        tick_e8=_step_e8(price.tick_size),
        step_e8=_step_e8(lot.step_size),
        min_quantity_e8=quantity_e8(lot.min_quantity),
        max_quantity_e8=max_quantity_e8,
        min_notional_e8=max([optional_e8(floor.min_notional or floor.notional) for floor in floors], default=0),
        min_price_e8=optional_e8(price.min_price),
        max_price_e8=_limit_e8(price.max_price),
        market_max_quantity_e8=min(max_quantity_e8, _limit_e8(market_lot.max_quantity)),
        status=listed.status,
    )


def _step_e8(text: str) -> int:
    """A tick or step; 0 means the venue has switched the rule off: the finest step there is."""
    return optional_e8(text) or 1


def _limit_e8(text: str) -> int:
    """An upper bound; 0 or absent means there is none, and more than we can hold is as good as none."""
    try:
        return optional_e8(text) or VALUE_E8_LIMIT
    except FrameError as error:
        if error.reason == "out_of_range" and not text.startswith("-"):
            return VALUE_E8_LIMIT
        raise


def parse_depth(body: bytes, time_ns: int) -> BookSnapshot:
    """A depth snapshot, entering at engine time ``time_ns``."""
    depth = _decode(_DEPTH, body)
    return BookSnapshot(time_ns, depth.last_update_id, flat_levels(depth.bids), flat_levels(depth.asks))


def parse_klines(body: bytes, now_ms: int) -> list[Bar]:
    """The klines that have closed by ``now_ms`` (venue time), oldest first, as backfilled bars.

    Raises FrameError also where they are not in order or not bars (low <= open, close <= high).
    """
    bars: list[Bar] = []
    last_open_ms = -1
    for kline in _decode(_KLINES, body):
        if kline.open_ms <= last_open_ms or kline.close_ms < kline.open_ms:
            raise FrameError("malformed", f"klines out of order at {kline.open_ms}")
        last_open_ms = kline.open_ms
        if kline.close_ms >= now_ms:
            continue
        bar = Bar(
            kline.open_ms,
            price_e8(kline.open),
            price_e8(kline.high),
            price_e8(kline.low),
            price_e8(kline.close),
            quantity_e8(kline.volume),
            kline.trades,
        )
        if not (bar.low_e8 <= bar.open_e8 <= bar.high_e8 and bar.low_e8 <= bar.close_e8 <= bar.high_e8):
            raise FrameError("out_of_range", f"kline {kline.open_ms} is not a bar")
        bar.is_backfilled = True
        bars.append(bar)
    return bars


def parse_agg_trades(body: bytes, time_ns: int) -> list[Trade]:
    """aggTrades, ids ascending, entering at ``time_ns``. REST gives no event time: the trade's own time stands in."""
    trades: list[Trade] = []
    last_id = -1
    for row in _decode(_AGG_TRADES, body):
        if row.trade_id <= last_id:
            raise FrameError("malformed", f"aggTrades out of order at {row.trade_id}")
        last_id = row.trade_id
        trades.append(
            Trade(
                time_ns,
                row.time_ms,
                row.time_ms,
                row.trade_id,
                price_e8(row.price),
                price_e8(row.quantity),
                row.is_buyer_maker,
            )
        )
    return trades


def parse_server_time(body: bytes) -> int:
    """The venue's clock, ms UTC."""
    return int(_decode(_SERVER_TIME, body).server_time)


def parse_premium_index(body: bytes, time_ns: int) -> MarkPrice:
    """USD-M mark price, index and announced funding of one symbol, entering at ``time_ns``."""
    answer = _decode(_PREMIUM_INDEX, body)
    return MarkPrice(
        time_ns,
        answer.time_ms,
        price_e8(answer.mark),
        optional_e8(answer.index),
        rate_e8(answer.rate),
        answer.next_funding_ms,
    )


def parse_funding_rates(body: bytes) -> list[tuple[int, int, int]]:
    """Past fundings: (time in ms, signed rate in 1e-8, mark price in 1e-8 or 0 where the venue kept none)."""
    return [(row.time_ms, rate_e8(row.rate), optional_e8(row.mark)) for row in _decode(_FUNDING_RATES, body)]


def parse_error(status: int, body: bytes, retry_after: str | None = None) -> VenueError:
    """The venue's refusal as an exception to raise; never raises itself. ``retry_after`` is the header's text."""
    code = 0
    try:
        answer = _ERROR.decode(body)
        code, message = answer.code, answer.message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        message = body[:200].decode("utf-8", "replace")  # a proxy's page, not the venue's JSON
    return VenueError(status, code, message[:200], retry_after_seconds(retry_after))


def retry_after_seconds(text: str | None) -> float:
    """The Retry-After header in seconds, 0 when absent or not a number, at most three days."""
    if text is None or not text.isascii() or not text.strip().isdigit():
        return 0.0
    return min(float(text), RETRY_AFTER_MAX_SECONDS)
