"""REST answers from the order book and the last trade: depth, ticker/price, ticker/bookTicker."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.adapters.exchange.market.sim_market import MINUTE_MS, SimMarket
from supreme_system_v5.adapters.exchange.rest.request import check_status, limit_of, scope_of, scoped
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.matching.exchange.refusal import Refusal

USDM_DEPTH_LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000)
RPI_DEPTH_LIMITS: Final = (1000,)
_ANY_LIMIT: Final = 1_000_000

Levels = list[tuple[int, int]]


def best_levels(market: SimMarket, as_of_ns: int, count: int) -> tuple[Levels, Levels, int]:
    """The best ``count`` bids and asks as (price, quantity) in 1e-8 units, and the book's update id."""
    bids, asks, update_id = market.book_as_of(as_of_ns)
    price, quantity = market.price_unit, market.quantity_unit
    return (
        [(p * price, bids[p] * quantity) for p in sorted(bids, reverse=True)[:count]],
        [(p * price, asks[p] * quantity) for p in sorted(asks)[:count]],
        update_id,
    )


def depth(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/depth"""
    params.symbol()
    if market.market == SPOT:
        check_status(params, market)
        limit = limit_of(params, 100, 5_000)
    else:
        limit = _known_limit(params, 500, USDM_DEPTH_LIMITS)
    params.done()
    return _depth_body(market, params, as_of_ns, limit)


def rpi_depth(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/rpiDepth: nobody sends retail price improvement orders here, so it is the book."""
    params.symbol()
    return _depth_body(market, params, as_of_ns, _known_limit(params, 1_000, RPI_DEPTH_LIMITS))


def _known_limit(params: Params, default: int, known: tuple[int, ...]) -> int:
    limit = limit_of(params, default, _ANY_LIMIT)
    if limit not in known:
        raise Refusal(-4021, f"{limit} is not valid depth limit")
    return limit


def _depth_body(market: SimMarket, params: Params, as_of_ns: int, limit: int) -> bytes:
    bids, asks, update_id = best_levels(market, as_of_ns, limit)
    return market.encoder.depth_body(params.stamp(as_of_ns), update_id, bids, asks)


def last_price_e8(market: SimMarket, as_of_ns: int) -> int:
    """The last trade's price; where none is kept, the close of the last bar."""
    price = market.trades.last_price_as_of(as_of_ns)
    if price == 0:
        rows = market.rows_as_of(MINUTE_MS, as_of_ns)
        price = rows[-1][4] if rows else 0
    return price


def ticker_price(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/ticker/price (USD-M: v1 and v2)"""
    scope = scope_of(params, market)
    params.done()
    body = market.encoder.price_ticker_body(params.stamp(as_of_ns), last_price_e8(market, as_of_ns))
    return scoped(scope, body)


def ticker_book(market: SimMarket, params: Params, as_of_ns: int) -> bytes:
    """/ticker/bookTicker"""
    scope = scope_of(params, market)
    params.done()
    update_id, bid, ask = market.quote_as_of(as_of_ns)
    return scoped(scope, market.encoder.book_ticker_body(params.stamp(as_of_ns), update_id, bid, ask))
