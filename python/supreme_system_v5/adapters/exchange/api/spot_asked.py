"""Reads spot orders out of parameters: single ones, and the orders of a list, whose parameters carry a prefix.

What is mandatory and what must not be sent follows from the type (rest-api.md, "New order"). A refusal is the venue's.
"""

from __future__ import annotations

from typing import Final

from supreme_system_v5.adapters.exchange.api.params import Params, bad_combination
from supreme_system_v5.adapters.exchange.api.spot_json import ACK, FULL, RESULT
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_rules import LIMIT, LIMIT_MAKER, MARKET
from supreme_system_v5.core.matching.exchange.spot_triggers import STOP_LOSS_LIMIT, STOPS, TAKE_PROFIT_LIMIT
from supreme_system_v5.core.matching.exchange.words import NewOrder

TYPES: Final = frozenset({LIMIT, LIMIT_MAKER, MARKET}) | STOPS
TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK")
STP_MODES: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
FORMS: Final = (ACK, RESULT, FULL)
STRATEGY_TYPE_MIN: Final = 1_000_000

_PRICED: Final = frozenset({LIMIT, LIMIT_MAKER, STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT})
_TIMED: Final = frozenset({LIMIT, STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT})


class Names:
    """What the parameters of an order are called: "price", or "abovePrice" with the prefix "above"."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def of(self, part: str) -> str:
        if self.prefix:
            return self.prefix + part
        return "newClientOrderId" if part == "ClientOrderId" else part[0].lower() + part[1:]


def read_order(params: Params) -> NewOrder:
    """The order of order.place and its like, with its own side, quantity and prevention mode. Raises Refusal."""
    names = Names()
    side = params.side()
    order = NewOrder(side, params.order_type(TYPES))
    if order.order_type == MARKET:
        params.require_one("quantity", "quoteOrderQty")
        if params.has("quantity") and params.has("quoteOrderQty"):
            raise bad_combination()
        if params.has("quoteOrderQty"):
            order.quote_quantity_e8 = positive(params, "quoteOrderQty")
    else:
        params.forbid("quoteOrderQty")
    if order.quote_quantity_e8 == 0:
        order.quantity_e8 = positive(params, "quantity")
    read_terms(params, names, order)
    order.stp_mode = params.choice("selfTradePreventionMode", STP_MODES)
    return order


def read_leg(params: Params, prefix: str, side: int, quantity_e8: int, stp_mode: str) -> NewOrder:
    """One order of a list. Raises Refusal."""
    names = Names(prefix)
    order = NewOrder(side, params.order_type(TYPES, names.of("Type")))
    order.quantity_e8 = quantity_e8
    order.stp_mode = stp_mode
    read_terms(params, names, order)
    return order


def read_terms(params: Params, names: Names, order: NewOrder) -> None:
    """Prices, time in force, iceberg, ids and labels. Raises Refusal."""
    refuse_unserved(params, names)
    kind = order.order_type
    if kind in _PRICED:
        order.price_e8 = positive(params, names.of("Price"), "price")
    else:
        params.forbid(names.of("Price"))
    if kind in STOPS:
        order.stop_price_e8 = positive(params, names.of("StopPrice"), "stopPrice")
    else:
        params.forbid(names.of("StopPrice"))
    if kind in _TIMED:
        params.require(names.of("TimeInForce"))
        order.time_in_force = params.time_in_force(TIMES_IN_FORCE, names.of("TimeInForce"))
    else:
        params.forbid(names.of("TimeInForce"))
    order.iceberg_e8 = params.decimal(names.of("IcebergQty")) or 0
    order.client_order_id = params.client_id(names.of("ClientOrderId"))
    order.strategy_id = params.integer(names.of("StrategyId"))
    order.strategy_type = read_strategy_type(params, names.of("StrategyType"))


def refuse_unserved(params: Params, names: Names) -> None:
    """Trailing stops and pegged prices are not switched on for the symbol. Raises Refusal -1013."""
    if params.has(names.of("TrailingDelta")):
        raise Refusal(-1013, "Trailing stop orders are not supported for this symbol.")
    for part in ("PegPriceType", "PegOffsetType", "PegOffsetValue"):
        if params.has(names.of(part)):
            raise Refusal(-1013, "Pegged orders are not supported for this symbol.")


def read_strategy_type(params: Params, name: str) -> int | None:
    """Raises Refusal -1134 for one of the reserved values."""
    number = params.integer(name)
    if number is not None and number < STRATEGY_TYPE_MIN:
        raise Refusal(-1134, "strategyType was less than 1000000.")
    return number


def positive(params: Params, name: str, what: str = "quantity") -> int:
    """A decimal above zero, which must be there. Raises Refusal -1102, -1100, -1111, -1013."""
    value_e8 = params.require_decimal(name)
    if value_e8 == 0:
        raise Refusal(-1013, f"Invalid {what}.")
    return value_e8


def read_form(params: Params, default: str) -> str:
    """newOrderRespType. Raises Refusal."""
    return params.choice("newOrderRespType", FORMS) or default


def default_form(order: NewOrder) -> str:
    """FULL for LIMIT and MARKET orders, ACK for all others."""
    return FULL if order.order_type in (LIMIT, MARKET) else ACK
