"""REST replies from the market's history: paths, parameters, weights and error bodies of both markets.

Weights: official spot documentation (2026-07) and USD-M SDK (2026-08).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from supreme_system_v5.adapters.exchange.history import fold_rows
from supreme_system_v5.adapters.exchange.sim_market import MINUTE_MS, SimMarket
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.wire.binance_encode import error_body, signed8

PREFIX: Final = {"spot": "/api/v3/", "usdm": "/fapi/v1/"}
WEIGHT_LIMIT: Final = {"spot": 6_000, "usdm": 2_400}
_USDM_DEPTH_LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000)
_MINUTES: Final = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360}
_MINUTES_LONG: Final = {"8h": 480, "12h": 720, "1d": 1440}
_JSON: Final = {"Content-Type": "application/json;charset=UTF-8"}


class RestError(Exception):
    """A request the venue refuses: HTTP status, its code and message."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(code, message)


def period_of(interval: str) -> int:
    """Milliseconds of a kline interval. Besides the venue's, any `<n>s` is served (short bars)."""
    if interval in _MINUTES:
        return _MINUTES[interval] * MINUTE_MS
    if interval in _MINUTES_LONG:
        return _MINUTES_LONG[interval] * MINUTE_MS
    if interval.endswith("s") and interval[:-1].isascii() and interval[:-1].isdigit() and len(interval) <= 6:
        seconds = int(interval[:-1])
        if 0 < seconds <= 86_400:
            return seconds * 1_000
    raise RestError(-1120, "Invalid interval.")


def request_weight(market: str, path: str, params: Mapping[str, str]) -> int:
    """The request weight the venue charges."""
    name = path.rsplit("/v3/" if market == SPOT else "/v1/", 1)[-1]
    has_symbol = "symbol" in params
    try:
        limit = int(params.get("limit", "0"))
    except ValueError:
        limit = 0
    if market == SPOT:
        depth = 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
        table = {
            "exchangeInfo": 20,
            "depth": depth,
            "klines": 2,
            "aggTrades": 4,
            "ticker/24hr": 2 if has_symbol else 80,
        }
        table.update({"ticker/price": 2 if has_symbol else 4, "ticker/bookTicker": 2 if has_symbol else 4})
        return table.get(name, 1)
    limit = limit or 500
    depth = 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
    klines = 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
    table = {"depth": depth, "klines": klines, "aggTrades": 20, "ticker/24hr": 1 if has_symbol else 40}
    table.update({"ticker/price": 1 if has_symbol else 2, "ticker/bookTicker": 2 if has_symbol else 5})
    table.update({"premiumIndex": 1 if has_symbol else 10, "fundingRate": 0})
    return table.get(name, 1)


def answer(market: SimMarket, path: str, params: Mapping[str, str], as_of_ns: int) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of a request as of a market time."""
    prefix = PREFIX[market.market]
    handler = _HANDLERS.get(path[len(prefix) :]) if path.startswith(prefix) else None
    if handler is None or (market.market == SPOT and handler in (_premium_index, _funding_rate)):
        return 404, b'{"timestamp":0,"status":404,"error":"Not Found"}', _JSON
    try:
        return 200, handler(market, params, as_of_ns), _JSON
    except RestError as error:
        return error.status, error.body, _JSON


def _require_symbol(market: SimMarket, params: Mapping[str, str]) -> None:
    symbol = params.get("symbol")
    if not symbol:
        raise RestError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    if symbol != market.symbol:
        raise RestError(-1121, "Invalid symbol.")


def _check_symbol(market: SimMarket, params: Mapping[str, str]) -> bool:
    """True when a symbol was named (and is ours)."""
    if "symbol" in params:
        _require_symbol(market, params)
        return True
    return False


def _integer(params: Mapping[str, str], name: str, default: int | None = None) -> int | None:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise RestError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _limit(params: Mapping[str, str], default: int, most: int) -> int:
    limit = _integer(params, "limit", default)
    if limit is None or limit <= 0:
        raise RestError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit, most)


def _ping(_market: SimMarket, _params: Mapping[str, str], _as_of_ns: int) -> bytes:
    return b"{}"


def _time(market: SimMarket, _params: Mapping[str, str], as_of_ns: int) -> bytes:
    return b'{"serverTime":%d}' % market.exchange_ms(as_of_ns)


@cache
def _fixture(market: str) -> dict[str, Any]:
    path = Path(__file__).parent / "fixtures" / f"exchange_info_{market}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _exchange_info(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    _check_symbol(market, params)
    info = {**_fixture(market.market), "serverTime": market.exchange_ms(as_of_ns)}
    return json.dumps(info, separators=(",", ":")).encode()


def _depth(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    _require_symbol(market, params)
    if market.market == SPOT:
        limit = _limit(params, 100, 5_000)
    else:
        limit = _limit(params, 500, 1_000_000)
        if limit not in _USDM_DEPTH_LIMITS:
            raise RestError(-4021, f"{limit} is not valid depth limit")
    bids, asks, update_id = market.book_as_of(as_of_ns)
    price, quantity = market.price_unit, market.quantity_unit
    best_bids = [(p * price, bids[p] * quantity) for p in sorted(bids, reverse=True)[:limit]]
    best_asks = [(p * price, asks[p] * quantity) for p in sorted(asks)[:limit]]
    return market.encoder.depth_body(market.exchange_ms(as_of_ns), update_id, best_bids, best_asks)


def _klines(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    _require_symbol(market, params)
    if "interval" not in params:
        raise RestError(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
    period = period_of(params["interval"])
    limit = _limit(params, 500, 1_000 if market.market == SPOT else 1_500)
    start_ms = _integer(params, "startTime")
    end_ms = _integer(params, "endTime")
    base = 1_000 if period % MINUTE_MS else MINUTE_MS
    rows = market.rows_as_of(base, as_of_ns)
    if period != base:
        rows = fold_rows(rows, period)
    if start_ms is not None:
        rows = [row for row in rows if row[0] >= start_ms]
    if end_ms is not None:
        rows = [row for row in rows if row[0] <= end_ms]
    rows = rows[:limit] if start_ms is not None else rows[-limit:]
    return market.encoder.klines_body(rows, period)


def _agg_trades(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    _require_symbol(market, params)
    limit = _limit(params, 500, 1_000)
    from_id = _integer(params, "fromId")
    chosen = market.trades.select(as_of_ns, limit, from_id, _integer(params, "startTime"), _integer(params, "endTime"))
    return market.encoder.agg_trades_body(chosen)


def _wrap(is_single: bool, body: bytes) -> bytes:
    return body if is_single else b"[" + body + b"]"


def _last_price(market: SimMarket, as_of_ns: int) -> int:
    price = market.trades.last_price_as_of(as_of_ns)
    if price == 0:
        rows = market.rows_as_of(MINUTE_MS, as_of_ns)
        price = rows[-1][4] if rows else 0
    return price


def _ticker_price(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    is_single = _check_symbol(market, params)
    body = market.encoder.price_ticker_body(market.exchange_ms(as_of_ns), _last_price(market, as_of_ns))
    return _wrap(is_single, body)


def _ticker_book(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    is_single = _check_symbol(market, params)
    update_id, bid, ask = market.quote_as_of(as_of_ns)
    return _wrap(is_single, market.encoder.book_ticker_body(market.exchange_ms(as_of_ns), update_id, bid, ask))


def _ticker_24h(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    is_single = _check_symbol(market, params)
    rows = market.rows_as_of(MINUTE_MS, as_of_ns)[-1_440:]
    if not rows:
        raise RestError(-1000, "No data for the last 24 hours.")
    price, quantity = market.encoder.price_text, market.encoder.quantity_text
    open_e8, close_e8 = rows[0][1], rows[-1][4]
    volume = sum(row[5] for row in rows)
    turnover = sum(row[6] for row in rows)
    count = sum(row[7] for row in rows)
    seen = market.trades.count_as_of(as_of_ns)
    last = market.trades.row(seen - 1) if seen else (0, close_e8, 0, 0, 0, 0, False)
    body: dict[str, object] = {
        "symbol": market.symbol,
        "priceChange": signed8(close_e8 - open_e8),
        "priceChangePercent": f"{(close_e8 - open_e8) * 100 / open_e8:.3f}",
        "weightedAvgPrice": price(turnover * 100_000_000 // volume if volume else close_e8),
        "lastPrice": price(close_e8),
        "lastQty": quantity(last[2]),
        "openPrice": price(open_e8),
        "highPrice": price(max(row[2] for row in rows)),
        "lowPrice": price(min(row[3] for row in rows)),
        "volume": quantity(volume),
        "quoteVolume": signed8(turnover),
        "openTime": rows[0][0],
        "closeTime": market.exchange_ms(as_of_ns),
        "firstId": max(0, last[4] - count + 1),
        "lastId": last[4],
        "count": count,
    }
    if market.market == SPOT:
        _, bid, ask = market.quote_as_of(as_of_ns)
        bid, ask = bid or (0, 0), ask or (0, 0)
        body.update({"prevClosePrice": price(open_e8), "bidPrice": price(bid[0]), "bidQty": quantity(bid[1])})
        body.update({"askPrice": price(ask[0]), "askQty": quantity(ask[1])})
    return _wrap(is_single, json.dumps(body, separators=(",", ":")).encode())


def _premium_index(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    is_single = _check_symbol(market, params)
    mark = market.mark_as_of(as_of_ns)
    if mark is None:
        raise RestError(-1000, "The mark price is not part of this recording.")
    now_ms = market.exchange_ms(as_of_ns)
    return _wrap(is_single, market.encoder.premium_index_body(now_ms, mark[1], mark[2], mark[3], mark[4]))


def _funding_rate(market: SimMarket, params: Mapping[str, str], as_of_ns: int) -> bytes:
    _check_symbol(market, params)
    limit = _limit(params, 100, 1_000)
    start_ms = _integer(params, "startTime")
    end_ms = _integer(params, "endTime")
    rates = market.funding_rates(as_of_ns, 1_000)
    if start_ms is not None:
        rates = [rate for rate in rates if rate[0] >= start_ms]
    if end_ms is not None:
        rates = [rate for rate in rates if rate[0] <= end_ms]
    return market.encoder.funding_rates_body(rates[:limit] if start_ms is not None else rates[-limit:])


_HANDLERS: Final[dict[str, Callable[[SimMarket, Mapping[str, str], int], bytes]]] = {
    "ping": _ping,
    "time": _time,
    "exchangeInfo": _exchange_info,
    "depth": _depth,
    "klines": _klines,
    "aggTrades": _agg_trades,
    "ticker/price": _ticker_price,
    "ticker/bookTicker": _ticker_book,
    "ticker/24hr": _ticker_24h,
    "premiumIndex": _premium_index,
    "fundingRate": _funding_rate,
}
