"""What the orders of a list must be to each other (rest-api.md "Order lists", errors.md -1158 to -1199)."""

from __future__ import annotations

from typing import Final

from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_rules import LIMIT, LIMIT_MAKER, MARKET
from supreme_system_v5.core.matching.exchange.spot_triggers import STOP_LOSSES, STOPS, TAKE_PROFIT
from supreme_system_v5.core.matching.exchange.words import NewOrder

OCO_TYPES: Final = STOPS | {LIMIT_MAKER}
BAD_PRICES: Final = "The relationship of the prices for the orders is not correct."


def check_pair(above: NewOrder, below: NewOrder) -> None:
    """The types of the two orders of an OCO, by where they stand. Raises Refusal -1158 to -1199."""
    for leg in (above, below):
        if leg.order_type not in OCO_TYPES:
            raise Refusal(-1158, "Order type not supported in OCO.")
    if above.order_type == below.order_type == LIMIT_MAKER:
        raise Refusal(-1168, "At least one OCO order must be contingent.")
    if above.side == BUY:
        if above.order_type == LIMIT_MAKER:
            raise Refusal(-1165, "A limit order in a buy OCO must be below.")
        if above.order_type not in STOP_LOSSES:
            raise Refusal(-1198, "A take profit order in a buy OCO must be below.")
        if below.order_type in STOP_LOSSES:
            raise Refusal(-1196, "A stop loss order in a buy OCO must be above.")
        return
    if below.order_type == LIMIT_MAKER:
        raise Refusal(-1166, "A limit order in a sell OCO must be above.")
    if below.order_type not in STOP_LOSSES:
        raise Refusal(-1199, "A take profit order in a sell OCO must be above.")
    if above.order_type in STOP_LOSSES:
        raise Refusal(-1197, "A stop loss order in a sell OCO must be below.")


def is_stop_loss(leg: NewOrder) -> bool:
    return leg.order_type in STOP_LOSSES


def target_e8(leg: NewOrder) -> int:
    """The price by which the leg that is no stop loss stands: its limit, or the stop price of a TAKE_PROFIT."""
    return leg.stop_price_e8 if leg.order_type == TAKE_PROFIT else leg.price_e8


def check_prices(above: NewOrder, below: NewOrder, last_e8: int) -> None:
    """The target on one side of the last trade, the stop on the other; with no last trade (0) at least in this order.

    Raises Refusal -2010.
    """
    above_e8 = above.stop_price_e8 if is_stop_loss(above) else target_e8(above)
    below_e8 = below.stop_price_e8 if is_stop_loss(below) else target_e8(below)
    if not above_e8 > (last_e8 or below_e8) or not below_e8 < (last_e8 or above_e8):
        raise Refusal(-2010, BAD_PRICES)


def check_working(working: NewOrder) -> None:
    """The working order of an OTO. Raises Refusal -1116."""
    if working.order_type not in (LIMIT, LIMIT_MAKER):
        raise Refusal(-1116, "Invalid orderType.")


def check_pending(pending: NewOrder) -> None:
    """The pending order of an OTO: any but a MARKET order by quote quantity. Raises Refusal -1106."""
    if pending.order_type == MARKET and pending.quote_quantity_e8 > 0:
        raise Refusal(-1106, "Parameter 'pendingQuoteOrderQty' sent when not required.")
