"""Spot endpoints that tell what an account has, had and did (rest-api.md "Account endpoints", 2026-07)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from supreme_system_v5.adapters.exchange.api.endpoint import USER_DATA, Endpoint
from supreme_system_v5.adapters.exchange.api.params import bad_combination
from supreme_system_v5.adapters.exchange.api.spot_json import list_json, order_json, prevented_json, trade_json
from supreme_system_v5.adapters.exchange.api.spot_orders import no_discount
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.params import Params

T = TypeVar("T")

DEFAULT_ROWS: Final = 500
ROWS_MAX: Final = 1000
NS_PER_MS: Final = 1_000_000
DAY_NS: Final = 86_400_000 * NS_PER_MS
_MICRO_FROM: Final = 10**14  # a stamp above this is in microseconds
_BIPS_E8: Final = 10_000  # 0.01 % in 1e-8


class Span:
    """startTime and endTime as market times; both ends belong to it. Raises Refusal -1127 for more than a day."""

    def __init__(self, params: Params) -> None:
        first, last = params.integer("startTime"), params.integer("endTime")
        self.from_ns = None if first is None else first * _unit_ns(first) - params.offset_ns
        # The last stamp is a whole unit of the clock, ms or us.
        self.before_ns = None if last is None else (last + 1) * _unit_ns(last) - params.offset_ns
        if self.from_ns is not None and self.before_ns is not None:
            if self.before_ns <= self.from_ns:
                raise bad_combination()
            if self.before_ns - self.from_ns > DAY_NS + NS_PER_MS:
                raise Refusal(-1127, "More than 24 hours between startTime and endTime.")

    @property
    def is_given(self) -> bool:
        return self.from_ns is not None or self.before_ns is not None

    def has(self, time_ns: int) -> bool:
        if self.from_ns is not None and time_ns < self.from_ns:
            return False
        return self.before_ns is None or time_ns < self.before_ns


def _unit_ns(stamp: int) -> int:
    return 1_000 if stamp >= _MICRO_FROM else NS_PER_MS


def _oldest(rows: Iterable[T], limit: int) -> list[T]:
    return list(islice(rows, limit))


def _newest(rows: Iterable[T], limit: int) -> list[T]:
    """The first ``limit`` of rows that come newest first, oldest first."""
    return list(islice(rows, limit))[::-1]


# ---- the account


def account(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001 - one signature for all
    """GET /api/v3/account."""
    omits_zero = params.boolean("omitZeroBalances")
    params.done()
    venue = x.spot
    held = venue.accounts[name]
    maker_e8, taker_e8 = venue.books.maker_fee_e8, venue.books.taker_fee_e8
    balances = [
        {"asset": asset, "free": format_e8(free_e8), "locked": format_e8(locked_e8)}
        for asset in sorted(held.free_e8)
        for free_e8, locked_e8 in [held.pair(asset)]
        if not omits_zero or free_e8 or locked_e8
    ]
    return {
        "makerCommission": maker_e8 // _BIPS_E8,
        "takerCommission": taker_e8 // _BIPS_E8,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": format_e8(maker_e8),
            "taker": format_e8(taker_e8),
            "buyer": format_e8(0),
            "seller": format_e8(0),
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": params.stamp(held.updated_ns),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": zlib.crc32(name.encode()),
    }


def commission(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/account/commission."""
    symbol = params.symbol()
    params.done()
    books = x.spot.books
    none = {"maker": format_e8(0), "taker": format_e8(0), "buyer": format_e8(0), "seller": format_e8(0)}
    own = {"maker": format_e8(books.maker_fee_e8), "taker": format_e8(books.taker_fee_e8)}
    return {
        "symbol": symbol,
        "standardCommission": {**none, **own},
        "specialCommission": dict(none),
        "taxCommission": dict(none),
        "discount": no_discount(),
    }


def filters(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/myFilters: no account has filters of its own."""
    params.symbol()
    params.done()
    rules = x.spot.rules
    return {"exchangeFilters": rules.exchange_filters, "symbolFilters": rules.symbol_filters, "assetFilters": []}


# ---- orders


def order(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/order. Both ids, where both are given, must be its."""
    symbol = params.symbol()
    params.require_one("origClientOrderId", "orderId")
    order_id, client_id = params.integer("orderId"), params.client_id("origClientOrderId")
    params.done()
    orders = x.spot.orders
    found = orders.find(name, client_id) if order_id is None else orders.get(name, order_id)
    if found is None or client_id not in ("", found.client_order_id):
        raise Refusal(-2013, "Order does not exist.")
    return order_json(found, symbol, params.stamp)


def open_orders(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/openOrders, of one symbol or all."""
    params.has_symbol()
    params.done()
    symbol = x.spot.instrument.venue_symbol
    return [order_json(found, symbol, params.stamp) for found in x.spot.orders.open_orders(name)]


def all_orders(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/allOrders: from an id on, or from a time on, else the newest; always oldest first."""
    symbol = params.symbol()
    first_id, span = params.integer("orderId"), Span(params)
    limit = params.limit(DEFAULT_ROWS, ROWS_MAX)
    params.done()
    orders = x.spot.orders
    if first_id is not None:
        rows = _oldest((found for found in orders.orders(name) if found.order_id >= first_id), limit)
    elif span.from_ns is not None:
        rows = _oldest((found for found in orders.orders(name) if span.has(found.created_ns)), limit)
    else:
        rows = _newest((found for found in orders.newest_first(name) if span.has(found.created_ns)), limit)
    return [order_json(found, symbol, params.stamp) for found in rows]


# ---- lists


def order_list(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/orderList, by its id or its client id."""
    params.require_one("orderListId", "origClientOrderId")
    list_id, client_id = params.integer("orderListId"), params.client_id("origClientOrderId")
    params.done()
    lists = x.spot.lists
    found = lists.find(name, client_id) if list_id is None else lists.get(name, list_id)
    if found is None or client_id not in ("", found.client_list_id):
        raise Refusal(-2018, "Order list does not exist.")
    return list_json(found, x.spot.instrument.venue_symbol, params.stamp)


def open_lists(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/openOrderList."""
    params.done()
    symbol = x.spot.instrument.venue_symbol
    return [list_json(found, symbol, params.stamp) for found in x.spot.lists.open_lists(name)]


def all_lists(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/allOrderList: from an id on, or by time; without either the newest."""
    first_id, span = params.integer("fromId"), Span(params)
    if first_id is not None and span.is_given:
        raise bad_combination()
    limit = params.limit(DEFAULT_ROWS, ROWS_MAX)
    params.done()
    found = [one for one in x.spot.lists.of_account(name) if span.has(one.time_ns)]
    if first_id is not None:
        found = [one for one in found if one.list_id >= first_id][:limit]
    else:
        found = found[:limit] if span.from_ns is not None else found[-limit:]
    return [list_json(one, x.spot.instrument.venue_symbol, params.stamp) for one in found]


# ---- trades


def my_trades(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/myTrades in the combinations of parameters that the venue knows; oldest first."""
    symbol = params.symbol()
    order_id, from_id, span = params.integer("orderId"), params.integer("fromId"), Span(params)
    if span.is_given and (order_id is not None or from_id is not None):
        raise bad_combination()
    limit = params.limit(DEFAULT_ROWS, ROWS_MAX)
    params.done()
    orders = x.spot.orders
    is_from_start = from_id is not None or span.from_ns is not None or order_id is not None
    fills = iter(orders.fills(name)) if is_from_start else orders.newest_fills(name)
    chosen = (
        fill
        for fill in fills
        if (order_id is None or fill.order_id == order_id)
        and (from_id is None or fill.trade_id >= from_id)
        and span.has(fill.time_ns)
    )
    rows = _oldest(chosen, limit) if is_from_start else _newest(chosen, limit)
    return [trade_json(fill, symbol, params.stamp) for fill in rows]


def prevented_matches(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/myPreventedMatches: one by its id, or those of an order."""
    symbol = params.symbol()
    match_id, order_id = params.integer("preventedMatchId"), params.integer("orderId")
    from_id = params.integer("fromPreventedMatchId")
    limit = params.limit(DEFAULT_ROWS, ROWS_MAX)
    params.done()
    if match_id is None:
        params.require_one("preventedMatchId", "orderId")
    elif order_id is not None or from_id is not None:
        raise bad_combination()
    rows = (
        match
        for match in x.spot.prevented
        if match.account == name
        and (match_id is None or match.match_id == match_id)
        and (order_id is None or order_id in (match.taker_order_id, match.maker_order_id))
        and (from_id is None or match.match_id >= from_id)
    )
    return [prevented_json(match, symbol, params.stamp) for match in _oldest(rows, limit)]


def allocations(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/myAllocations: there is no smart order routing, so there are none."""
    params.symbol()
    Span(params)
    for part in ("fromAllocationId", "orderId"):
        params.integer(part)
    params.limit(DEFAULT_ROWS, ROWS_MAX)
    params.done()
    return []


def amendments(x: Exchange, name: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """GET /api/v3/order/amendments: orders are not amended, so an order has none."""
    params.symbol()
    order_id = params.require_integer("orderId")
    params.integer("fromExecutionId")
    params.limit(DEFAULT_ROWS, ROWS_MAX)
    params.done()
    if x.spot.orders.get(name, order_id) is None:
        raise Refusal(-2013, "Order does not exist.")
    return []


def _open_weight(params: Mapping[str, str]) -> int:
    return 6 if "symbol" in params else 80


def _trades_weight(params: Mapping[str, str]) -> int:
    return 5 if "orderId" in params else 20


def _prevented_weight(params: Mapping[str, str]) -> int:
    return 2 if "preventedMatchId" in params else 20


ENDPOINTS: Final = [
    Endpoint(SPOT, "GET", "/api/v3/account", "account.status", USER_DATA, 20, account),
    Endpoint(SPOT, "GET", "/api/v3/account/commission", "account.commission", USER_DATA, 20, commission),
    Endpoint(SPOT, "GET", "/api/v3/myFilters", "myFilters", USER_DATA, 40, filters),
    Endpoint(SPOT, "GET", "/api/v3/order", "order.status", USER_DATA, 4, order),
    Endpoint(SPOT, "GET", "/api/v3/openOrders", "openOrders.status", USER_DATA, _open_weight, open_orders),
    Endpoint(SPOT, "GET", "/api/v3/allOrders", "allOrders", USER_DATA, 20, all_orders),
    Endpoint(SPOT, "GET", "/api/v3/orderList", "orderList.status", USER_DATA, 4, order_list),
    Endpoint(SPOT, "GET", "/api/v3/openOrderList", "openOrderLists.status", USER_DATA, 6, open_lists),
    Endpoint(SPOT, "GET", "/api/v3/allOrderList", "allOrderLists", USER_DATA, 20, all_lists),
    Endpoint(SPOT, "GET", "/api/v3/myTrades", "myTrades", USER_DATA, _trades_weight, my_trades),
    Endpoint(
        SPOT, "GET", "/api/v3/myPreventedMatches", "myPreventedMatches", USER_DATA, _prevented_weight, prevented_matches
    ),
    Endpoint(SPOT, "GET", "/api/v3/myAllocations", "myAllocations", USER_DATA, 20, allocations),
    Endpoint(SPOT, "GET", "/api/v3/order/amendments", "order.amendments", USER_DATA, 4, amendments),
]
