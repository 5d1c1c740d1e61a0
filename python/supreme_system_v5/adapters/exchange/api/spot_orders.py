"""Spot endpoints that place, test, cancel and replace single orders (rest-api.md and web-socket-api.md, 2026-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from supreme_system_v5.adapters.exchange.api import spot_lists
from supreme_system_v5.adapters.exchange.api.endpoint import TRADE, Endpoint
from supreme_system_v5.adapters.exchange.api.spot_asked import default_form, read_form, read_order
from supreme_system_v5.adapters.exchange.api.spot_json import Json, gone_json, placed_json
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.money import format_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot import (
    ALLOW_FAILURE,
    ONLY_NEW,
    ONLY_PARTIALLY_FILLED,
    STOP_ON_FAILURE,
    SpotVenue,
)
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder, OrderList

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.params import Params

Cancelled = ExchangeOrder | OrderList | Refusal
Placed = ExchangeOrder | Refusal | None


def place(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/order."""
    symbol = params.symbol()
    asked = read_order(params)
    form = read_form(params, default_form(asked))
    params.done()
    order = x.spot.place(account, asked, time_ns)
    return placed_json(order, symbol, form, time_ns, params.stamp)


def test(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/order/test: judged, not sent to the matching engine."""
    params.symbol()
    asked = read_order(params)
    read_form(params, "")
    wants_rates = params.boolean("computeCommissionRates")
    params.done()
    x.spot.test(account, asked, time_ns)
    return order_rates(x.spot) if wants_rates else {}


def order_rates(venue: SpotVenue) -> Json:
    """The commission rates an order would pay; nothing special, no tax, no discount."""
    none = {"maker": format_e8(0), "taker": format_e8(0)}
    return {
        "standardCommissionForOrder": {
            "maker": format_e8(venue.books.maker_fee_e8),
            "taker": format_e8(venue.books.taker_fee_e8),
        },
        "specialCommissionForOrder": dict(none),
        "taxCommissionForOrder": dict(none),
        "discount": no_discount(),
    }


def no_discount() -> Json:
    return {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB", "discount": format_e8(0)}


def read_restrictions(params: Params) -> str:
    refusal = Refusal(-1145, "Invalid cancelRestrictions")
    return params.choice("cancelRestrictions", (ONLY_NEW, ONLY_PARTIALLY_FILLED), refusal)


def cancel(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """DELETE /api/v3/order: the order, or the list it belongs to."""
    symbol = params.symbol()
    params.require_one("origClientOrderId", "orderId")
    order_id, name = params.integer("orderId"), params.client_id("origClientOrderId")
    cancel_id, restrictions = params.client_id("newClientOrderId"), read_restrictions(params)
    params.done()
    gone = x.spot.cancel(account, order_id, name, cancel_id, restrictions, time_ns)
    return gone_json(gone, symbol, time_ns, params.stamp)


def cancel_all(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """DELETE /api/v3/openOrders."""
    symbol = params.symbol()
    params.done()
    return [gone_json(gone, symbol, time_ns, params.stamp) for gone in x.spot.cancel_all(account, time_ns)]


def cancel_replace(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/order/cancelReplace: both results in one answer, as an error where one of them failed."""
    symbol = params.symbol()
    params.require("cancelReplaceMode")
    mode = params.choice("cancelReplaceMode", (STOP_ON_FAILURE, ALLOW_FAILURE))
    params.require_one("cancelOrigClientOrderId", "cancelOrderId")
    order_id, name = params.integer("cancelOrderId"), params.client_id("cancelOrigClientOrderId")
    cancel_id, restrictions = params.client_id("cancelNewClientOrderId"), read_restrictions(params)
    params.choice("orderRateLimitExceededMode", ("DO_NOTHING", "CANCEL_ONLY"))
    asked = read_order(params)
    form = read_form(params, default_form(asked))
    params.done()
    cancelled: Cancelled
    placed: Placed
    too_many = x.order_refusal
    if too_many is None:
        target = (account, order_id, name, cancel_id, restrictions)
        cancelled, placed = x.spot.cancel_replace(*target, asked, mode, time_ns)
    else:
        cancelled = _cancel_only(x.spot, account, (order_id, name, cancel_id, restrictions), asked, time_ns)
        is_attempted = mode == ALLOW_FAILURE or not isinstance(cancelled, Refusal)
        placed = too_many if is_attempted else None
    body = {
        "cancelResult": "FAILURE" if isinstance(cancelled, Refusal) else "SUCCESS",
        "newOrderResult": _outcome(placed),
        "cancelResponse": (
            _error(cancelled) if isinstance(cancelled, Refusal) else gone_json(cancelled, symbol, time_ns, params.stamp)
        ),
        "newOrderResponse": _answer(placed, symbol, form, time_ns, params),
    }
    if isinstance(cancelled, Refusal) or not isinstance(placed, ExchangeOrder):
        is_limited = too_many is not None and mode == STOP_ON_FAILURE
        _refuse(x, account, body, is_limited, time_ns)
    return body


def _cancel_only(
    venue: SpotVenue, account: str, target: tuple[int | None, str, str, str], asked: NewOrder, time_ns: int
) -> Cancelled:
    """orderRateLimitExceededMode CANCEL_ONLY with no order left to place: only the cancel."""
    venue.test(account, asked, time_ns)
    try:
        return venue.cancel(account, *target, time_ns)
    except Refusal as refusal:
        return refusal


def _outcome(placed: Placed) -> str:
    if placed is None:
        return "NOT_ATTEMPTED"
    return "FAILURE" if isinstance(placed, Refusal) else "SUCCESS"


def _answer(placed: Placed, symbol: str, form: str, time_ns: int, params: Params) -> Json | None:
    if placed is None:
        return None
    if isinstance(placed, Refusal):
        return _error(placed)
    return placed_json(placed, symbol, form, time_ns, params.stamp)


def _error(refusal: Refusal) -> Json:
    return {"code": refusal.code, "msg": refusal.message}


def _refuse(x: Exchange, account: str, body: Json, is_limited: bool, time_ns: int) -> NoReturn:
    """One of the two failed, or both. The order counts as one all the same (also one that was not attempted)."""
    if x.order_refusal is None:
        x.order_limits.add(SPOT, account, 1, x.limit_ns(SPOT, time_ns))
    if "SUCCESS" in (body["cancelResult"], body["newOrderResult"]):
        raise Refusal(-2021, "Order cancel-replace partially failed.", 429 if is_limited else 409, body)
    raise Refusal(-2022, "Order cancel-replace failed.", 429 if is_limited else 400, body)


def amend(x: Exchange, account: str, params: Params, time_ns: int) -> object:  # noqa: ARG001 - one signature for all
    """PUT /api/v3/order/amend/keepPriority: not switched on for the symbol."""
    params.symbol()
    raise Refusal(-1013, "Order amend is not supported for this symbol.")


def smart_routed(x: Exchange, account: str, params: Params, time_ns: int) -> object:  # noqa: ARG001
    """POST /api/v3/sor/order and its test: there is one book."""
    params.symbol()
    raise Refusal(-1013, "SOR orders are not supported for this symbol.")


def _test_weight(params: Mapping[str, str]) -> int:
    return 20 if params.get("computeCommissionRates", "").lower() == "true" else 1


ENDPOINTS: Final = [
    Endpoint(SPOT, "POST", "/api/v3/order", "order.place", TRADE, 1, place, 1),
    Endpoint(SPOT, "POST", "/api/v3/order/test", "order.test", TRADE, _test_weight, test),
    Endpoint(SPOT, "DELETE", "/api/v3/order", "order.cancel", TRADE, 1, cancel),
    Endpoint(SPOT, "DELETE", "/api/v3/openOrders", "openOrders.cancelAll", TRADE, 1, cancel_all),
    Endpoint(SPOT, "POST", "/api/v3/order/cancelReplace", "order.cancelReplace", TRADE, 1, cancel_replace, 1),
    Endpoint(SPOT, "PUT", "/api/v3/order/amend/keepPriority", "order.amend.keepPriority", TRADE, 4, amend),
    Endpoint(SPOT, "POST", "/api/v3/sor/order", "sor.order.place", TRADE, 1, smart_routed),
    Endpoint(SPOT, "POST", "/api/v3/sor/order/test", "sor.order.test", TRADE, _test_weight, smart_routed),
    *spot_lists.ENDPOINTS,
]
