"""Spot endpoints that place and cancel order lists (rest-api.md "Order lists", 2026-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.exchange.api.endpoint import TRADE, Endpoint
from supreme_system_v5.adapters.exchange.api.spot_asked import (
    STP_MODES,
    TIMES_IN_FORCE,
    positive,
    read_form,
    read_leg,
    read_strategy_type,
)
from supreme_system_v5.adapters.exchange.api.spot_json import RESULT, cancelled_list_json, placed_list_json
from supreme_system_v5.core.domain.instrument import SPOT
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.list_rules import OCO_TYPES
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_rules import LIMIT_MAKER
from supreme_system_v5.core.matching.exchange.spot_triggers import STOP_LOSS, STOP_LOSS_LIMIT
from supreme_system_v5.core.matching.exchange.words import NewOrder

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.api.exchange import Exchange
    from supreme_system_v5.adapters.exchange.api.params import Params


class _Common:
    """What every list request has: the list's name, the prevention mode of its orders, the form of the answer."""

    def __init__(self, params: Params) -> None:
        self.symbol = params.symbol()
        self.name = params.client_id("listClientOrderId")
        self.stp_mode = params.choice("selfTradePreventionMode", STP_MODES)
        self.form = read_form(params, RESULT)


def _read_pair(
    params: Params, above: str, below: str, side: int, quantity_e8: int, stp: str
) -> tuple[NewOrder, NewOrder]:
    """The orders of an OCO. Raises Refusal."""
    for prefix in (above, below):
        if params.require(f"{prefix}Type") not in OCO_TYPES:
            raise Refusal(-1158, "Order type not supported in OCO.")
    pair = (read_leg(params, above, side, quantity_e8, stp), read_leg(params, below, side, quantity_e8, stp))
    for prefix, leg in zip((above, below), pair, strict=True):
        if leg.iceberg_e8 > 0 and leg.time_in_force not in ("", "GTC"):
            message = f"Parameter '{prefix}IcebergQty' is not supported if '{prefix}TimeInForce' is not GTC."
            raise Refusal(-1160, message)
    return pair


def place_oco(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/orderList/oco."""
    common = _Common(params)
    side, quantity_e8 = params.side(), positive(params, "quantity")
    above, below = _read_pair(params, "above", "below", side, quantity_e8, common.stp_mode)
    params.done()
    found = x.spot.place_oco(account, common.name, above, below, time_ns)
    return placed_list_json(found, common.symbol, common.form, time_ns, params.stamp)


def place_oto(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/orderList/oto."""
    common = _Common(params)
    working = _read_working(params, common)
    side, quantity_e8 = params.side("pendingSide"), positive(params, "pendingQuantity")
    pending = read_leg(params, "pending", side, quantity_e8, common.stp_mode)
    params.done()
    found = x.spot.place_oto(account, common.name, working, pending, time_ns)
    return placed_list_json(found, common.symbol, common.form, time_ns, params.stamp)


def place_otoco(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/orderList/otoco."""
    common = _Common(params)
    working = _read_working(params, common)
    side, quantity_e8 = params.side("pendingSide"), positive(params, "pendingQuantity")
    above, below = _read_pair(params, "pendingAbove", "pendingBelow", side, quantity_e8, common.stp_mode)
    params.done()
    found = x.spot.place_otoco(account, common.name, working, above, below, time_ns)
    return placed_list_json(found, common.symbol, common.form, time_ns, params.stamp)


def _read_working(params: Params, common: _Common) -> NewOrder:
    side, quantity_e8 = params.side("workingSide"), positive(params, "workingQuantity")
    return read_leg(params, "working", side, quantity_e8, common.stp_mode)


def place_old_oco(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """POST /api/v3/order/oco, deprecated: a LIMIT_MAKER and a STOP_LOSS or STOP_LOSS_LIMIT."""
    common = _Common(params)
    side, quantity_e8 = params.side(), positive(params, "quantity")
    if params.has("trailingDelta"):
        raise Refusal(-1013, "Trailing stop orders are not supported for this symbol.")
    limit = NewOrder(side, LIMIT_MAKER)
    limit.price_e8 = positive(params, "price", "price")
    has_limit = params.has("stopLimitPrice")
    stop = NewOrder(side, STOP_LOSS_LIMIT if has_limit else STOP_LOSS)
    stop.stop_price_e8 = positive(params, "stopPrice", "stopPrice")
    if has_limit:
        stop.price_e8 = positive(params, "stopLimitPrice", "price")
        params.require("stopLimitTimeInForce")
        stop.time_in_force = params.time_in_force(TIMES_IN_FORCE, "stopLimitTimeInForce")
    else:
        params.forbid("stopLimitTimeInForce")
    for prefix, leg in (("limit", limit), ("stop", stop)):
        leg.quantity_e8 = quantity_e8
        leg.stp_mode = common.stp_mode
        leg.client_order_id = params.client_id(f"{prefix}ClientOrderId")
        leg.iceberg_e8 = params.decimal(f"{prefix}IcebergQty") or 0
        leg.strategy_id = params.integer(f"{prefix}StrategyId")
        leg.strategy_type = read_strategy_type(params, f"{prefix}StrategyType")
    params.done()
    above, below = (stop, limit) if side == BUY else (limit, stop)
    found = x.spot.place_oco(account, common.name, above, below, time_ns)
    return placed_list_json(found, common.symbol, common.form, time_ns, params.stamp)


def cancel_list(x: Exchange, account: str, params: Params, time_ns: int) -> object:
    """DELETE /api/v3/orderList."""
    symbol = params.symbol()
    params.require_one("orderListId", "listClientOrderId")
    list_id, name = params.integer("orderListId"), params.client_id("listClientOrderId")
    cancel_id = params.client_id("newClientOrderId")
    params.done()
    found = x.spot.cancel_list(account, list_id, name, cancel_id, time_ns)
    return cancelled_list_json(found, symbol, time_ns, params.stamp)


def place_opo(x: Exchange, account: str, params: Params, time_ns: int) -> object:  # noqa: ARG001 - one signature for all
    """POST /api/v3/orderList/opo and opoco: not switched on for the symbol."""
    params.symbol()
    raise Refusal(-1013, "OPO orders are not supported for this symbol.")


ENDPOINTS: Final = [
    Endpoint(SPOT, "POST", "/api/v3/orderList/oco", "orderList.place.oco", TRADE, 1, place_oco, 2),
    Endpoint(SPOT, "POST", "/api/v3/orderList/oto", "orderList.place.oto", TRADE, 1, place_oto, 2),
    Endpoint(SPOT, "POST", "/api/v3/orderList/otoco", "orderList.place.otoco", TRADE, 1, place_otoco, 3),
    Endpoint(SPOT, "POST", "/api/v3/order/oco", "orderList.place", TRADE, 1, place_old_oco, 2),
    Endpoint(SPOT, "DELETE", "/api/v3/orderList", "orderList.cancel", TRADE, 1, cancel_list),
    Endpoint(SPOT, "POST", "/api/v3/orderList/opo", "orderList.place.opo", TRADE, 1, place_opo),
    Endpoint(SPOT, "POST", "/api/v3/orderList/opoco", "orderList.place.opoco", TRADE, 1, place_opo),
]
