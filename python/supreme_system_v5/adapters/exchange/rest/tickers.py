"""REST answers over a window: ticker/24hr, ticker/tradingDay, ticker (rolling window)."""

from __future__ import annotations

import re
from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS, SimMarket
from supreme_system_v5.adapters.exchange.rest.klines import DAY_MS, Interval, zone_minutes
from supreme_system_v5.adapters.exchange.rest.request import (
    TICKER_TYPES,
    dump,
    scope_of,
    scoped,
    stamp_ms,
)
from supreme_system_v5.adapters.exchange.rest.stats import Window, window
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

_WINDOW: Final = re.compile(r"([1-9][0-9]?)([mhd])", re.ASCII)
_UNITS: Final = {"m": (MINUTE_MS, 59), "h": (60 * MINUTE_MS, 23), "d": (DAY_MS, 7)}


def ticker_24h(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/ticker/24hr"""
    scope = scope_of(params, market)
    is_mini = _is_mini(params) if market.market == SPOT else False
    params.done()
    now_ms = market.exchange_ms(as_of_ns)
    found = window(market, as_of_ns, now_ms - DAY_MS, now_ms)
    if found is None:
        raise Refusal(-1000, "No data for the last 24 hours.")
    body = _body(market, params, found, is_mini, as_of_ns)
    if market.market == SPOT and not is_mini:
        body = _with_quote(market, body, found, as_of_ns)
    return scoped(scope, dump(body))


def ticker_trading_day(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/ticker/tradingDay: from midnight of ``timeZone`` (UTC)."""
    scope = scope_of(params, market, is_required=True)
    zone = params.text("timeZone")
    is_mini = _is_mini(params)
    day = Interval("1d", zone_minutes(zone) if zone else 0)
    params.done()
    open_ms = day.open_of(market.exchange_ms(as_of_ns))
    found = window(market, as_of_ns, open_ms, open_ms + DAY_MS - 1)
    if found is None:
        raise Refusal(-2016, "No trading window could be found for the symbol. Try ticker/24hrs instead.")
    return scoped(scope, dump(_body(market, params, found, is_mini)))


def ticker_window(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/ticker: the last ``windowSize``, from the beginning of a minute."""
    scope = scope_of(params, market, is_required=True)
    size_ms = window_ms(params.text("windowSize") or "1d")
    is_mini = _is_mini(params)
    params.done()
    open_ms = rolling_open(market.exchange_ms(as_of_ns), size_ms)
    found = window(market, as_of_ns, open_ms)
    if found is None:
        raise Refusal(-2016, "No trading window could be found for the symbol. Try ticker/24hrs instead.")
    return scoped(scope, dump(_body(market, params, found, is_mini, as_of_ns)))


def window_ms(text: str) -> int:
    """1m to 59m, 1h to 23h, 1d to 7d. Raises Refusal -1130."""
    found = _WINDOW.fullmatch(text)
    if found is not None:
        unit_ms, most = _UNITS[found.group(2)]
        if int(found.group(1)) <= most:
            return int(found.group(1)) * unit_ms
    raise Refusal(-1130, "Data sent for parameter 'windowSize' is not valid.")


def rolling_open(now_ms: int, size_ms: int) -> int:
    """Where a rolling window begins: on a minute, up to 59,999 ms early."""
    open_ms = now_ms - size_ms
    return open_ms - open_ms % MINUTE_MS


def _is_mini(params: Params) -> bool:
    return params.choice("type", TICKER_TYPES, Refusal(-1139, "Invalid ticker type.")) == "MINI"


def _body(market: SimMarket, params: Params, found: Window, is_mini: bool, as_of_ns: int = 0) -> dict[str, object]:
    encoder = market.encoder
    price, quantity = encoder.price_text, encoder.quantity_text
    body: dict[str, object] = {"symbol": market.symbol}
    if not is_mini:
        body["priceChange"] = encoder.signed_price_text(found.change_e8)
        body["priceChangePercent"] = found.change_percent
        body["weightedAvgPrice"] = price(found.average_e8)
    if market.market != SPOT:
        body["lastPrice"] = price(found.last_e8)
        body["lastQty"] = quantity(found.last_quantity_e8)
    body["openPrice"] = price(found.open_e8)
    body["highPrice"] = price(found.high_e8)
    body["lowPrice"] = price(found.low_e8)
    if market.market == SPOT:
        body["lastPrice"] = price(found.last_e8)
    body["volume"] = quantity(found.volume_e8)
    body["quoteVolume"] = encoder.amount_text(found.quote_e8)
    body["openTime"] = stamp_ms(params, found.open_ms)
    close = stamp_ms(params, found.close_ms, as_of_ns)
    body["closeTime"] = close if as_of_ns or not params.is_micro else close + 999
    body["firstId"] = found.first_id
    body["lastId"] = found.last_id
    body["count"] = found.count
    return body


def _with_quote(market: SimMarket, body: dict[str, object], found: Window, as_of_ns: int) -> dict[str, object]:
    """Spot's FULL 24hr ticker also has the last trade and the best prices, in its own order."""
    price, quantity = market.encoder.price_text, market.encoder.quantity_text
    _, bid, ask = market.quote_as_of(as_of_ns)
    bid, ask = bid or (0, 0), ask or (0, 0)
    head = ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")
    whole = {key: body[key] for key in head}
    whole["prevClosePrice"] = price(found.before_e8)
    whole["lastPrice"] = body["lastPrice"]
    whole["lastQty"] = quantity(found.last_quantity_e8)
    whole.update({"bidPrice": price(bid[0]), "bidQty": quantity(bid[1])})
    whole.update({"askPrice": price(ask[0]), "askQty": quantity(ask[1])})
    whole.update({key: value for key, value in body.items() if key not in whole})
    return whole
