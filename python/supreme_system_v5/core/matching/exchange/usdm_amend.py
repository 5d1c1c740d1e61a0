"""Amending an open LIMIT order of USD-M: a new price and quantity, and a new place at the end of the queue.

As the venue documents it: what breaks a filter or lacks margin is refused and the order stays; a quantity that is
filled already, or a post-only order that would take, ends the order.
"""

from __future__ import annotations

import copy
from typing import Final

from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.core.matching.exchange.happenings import OrderUpdate
from supreme_system_v5.core.matching.exchange.margin import notional_e8
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue
from supreme_system_v5.core.matching.exchange.usdm_account import Amendment, UsdmAccount
from supreme_system_v5.core.matching.exchange.usdm_booking import ER_NONE
from supreme_system_v5.core.matching.exchange.usdm_rules import GTX, LIMIT
from supreme_system_v5.core.matching.exchange.words import CANCELED, X_CANCELED, ExchangeOrder, NewOrder

X_AMENDMENT: Final = "AMENDMENT"
AMENDMENTS_MAX: Final = 10_000


class Wish:
    """What an order shall become. ``is_reduce_only``: only a check against the order."""

    def __init__(self, side: int, price_e8: int, quantity_e8: int, is_reduce_only: bool, modify_id: str) -> None:
        self.side = side
        self.price_e8 = price_e8
        self.quantity_e8 = quantity_e8
        self.is_reduce_only = is_reduce_only
        self.modify_id = modify_id


def amend(
    venue: UsdmVenue, name: str, order_id: int | None, client_order_id: str, wish: Wish, time_ns: int
) -> ExchangeOrder:
    """The order afterwards: open, filled, or cancelled. Raises Refusal; the order stays as it is then."""
    account = venue.account(name)
    order = venue.find(name, order_id, client_order_id)
    if order is None or not order.is_open:
        raise Refusal(-2013, "Order does not exist.")
    count = _check(venue, account, order, wish)
    takes = _would_take(venue, wish)
    if wish.quantity_e8 <= order.filled_e8 or (order.time_in_force == GTX and takes):
        venue.end_order(order, CANCELED, X_CANCELED, ER_NONE, time_ns)
        return order
    asked = copy.copy(order.asked)
    asked.price_e8, asked.quantity_e8 = wish.price_e8, wish.quantity_e8
    _check_margin(venue, account, order, asked)
    _remember(venue, account, order, wish, count, time_ns)
    venue.take_out(account, order)
    order.asked, order.price_e8, order.quantity_e8 = asked, wish.price_e8, wish.quantity_e8
    order.updated_ns = time_ns
    venue.happenings.append(OrderUpdate(order, X_AMENDMENT, time_ns, reason=wish.modify_id))
    venue.go_on(account, order, time_ns)
    return order


def _check(venue: UsdmVenue, account: UsdmAccount, order: ExchangeOrder, wish: Wish) -> int:
    """How often it was amended before."""
    if order.order_type != LIMIT:
        raise Refusal(-5025, "Only limit order is supported.")
    if order.side != wish.side:
        raise Refusal(-1117, "Invalid side.")
    if wish.is_reduce_only and not order.asked.is_reduce_only:
        raise Refusal(-5047, "The original order is not a reduce-only order.")
    if (wish.price_e8, wish.quantity_e8) == (int(order.price_e8), int(order.quantity_e8)):
        raise Refusal(-5027, "No need to modify the order.")
    count = sum(1 for row in account.amendments if row.order_id == order.order_id)
    if count >= AMENDMENTS_MAX:
        raise Refusal(-5026, "Exceed maximum modify order limit.")
    rules, instrument = venue.rules, venue.instrument
    rules.check_quantity(instrument, wish.quantity_e8, False)
    rules.check_price(instrument, wish.price_e8)
    rules.check_percent(wish.side, wish.price_e8, venue.mark_e8)
    if not wish.is_reduce_only and notional_e8(wish.quantity_e8, wish.price_e8) < instrument.min_notional_e8:
        raise Refusal(-5029, f"Order's notional must be no smaller than {plain_e8(instrument.min_notional_e8)}")
    return count


def _would_take(venue: UsdmVenue, wish: Wish) -> bool:
    best_e8 = int(venue.matcher.best_e8(-wish.side))
    return best_e8 > 0 and (wish.price_e8 - best_e8) * wish.side >= 0


def _check_margin(venue: UsdmVenue, account: UsdmAccount, order: ExchangeOrder, asked: NewOrder) -> None:
    """As for a new order of what is left, in the place of this one. Raises Refusal -2027, -2019."""
    if asked.is_reduce_only:
        return
    left = copy.copy(asked)
    left.quantity_e8 -= int(order.filled_e8)
    venue.entry.check_margin(account, left, venue.mark_e8, order.locked_e8)


def _remember(
    venue: UsdmVenue, account: UsdmAccount, order: ExchangeOrder, wish: Wish, count: int, time_ns: int
) -> None:
    account.amendments.append(
        Amendment(
            venue.ids.next_transaction_id(),
            order.order_id,
            order.client_order_id,
            time_ns,
            int(order.price_e8),
            wish.price_e8,
            int(order.quantity_e8),
            wish.quantity_e8,
            count + 1,
            wish.modify_id,
        )
    )
