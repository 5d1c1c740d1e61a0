"""Liquidation of isolated positions at the mark price, and the call that comes before it.

A position whose margin balance does not exceed its maintenance margin is closed as a whole (the venue may go down its
tiers in steps): open orders end, a LIMIT IOC order at the bankruptcy price takes what the book gives, the insurance
fund takes the rest at that price, and the clearance fee goes to the fund, at most what is left of the margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from supreme_system_v5.core.domain.money import E8, divide_up
from supreme_system_v5.core.matching.exchange.algo import EXPIRED as ALGO_EXPIRED
from supreme_system_v5.core.matching.exchange.happenings import Liquidated, OrderUpdate
from supreme_system_v5.core.matching.exchange.margin import bankruptcy_price_e8, maintenance_e8
from supreme_system_v5.core.matching.exchange.usdm_account import INSURANCE_CLEAR, UsdmAccount
from supreme_system_v5.core.matching.exchange.usdm_booking import ER_LIQUIDATION, LIQUIDATION_ID
from supreme_system_v5.core.matching.exchange.usdm_happenings import MarginCall
from supreme_system_v5.core.matching.exchange.usdm_rules import IOC, LIMIT
from supreme_system_v5.core.matching.exchange.words import (
    EXPIRED,
    X_EXPIRED,
    X_NEW,
    ExchangeOrder,
    NewOrder,
)

if TYPE_CHECKING:
    from supreme_system_v5.core.matching.exchange.usdm import UsdmVenue

CALL_RATIO_E8: Final = 80_000_000  # maintenance / balance at which the margin call is sent


class Liquidator:
    """Watches the margin ratio of every position when the mark price changes."""

    def __init__(self, venue: UsdmVenue) -> None:
        self.venue = venue

    def check(self, account: UsdmAccount, time_ns: int) -> None:
        """Liquidate, warn, or take a warning back."""
        position = account.position
        if position.quantity_e8 == 0:
            position.is_warned = False
            return
        mark_e8 = self.venue.mark_e8
        balance_e8 = position.isolated_e8 + position.unrealized_e8(mark_e8)
        needed_e8 = maintenance_e8(self.venue.rules.brackets, position.notional_e8(mark_e8))
        if balance_e8 <= needed_e8:
            self._liquidate(account, time_ns)
        elif needed_e8 * E8 >= balance_e8 * CALL_RATIO_E8:
            if not position.is_warned:
                position.is_warned = True
                self.venue.happenings.append(MarginCall(account.name, time_ns, account.view(mark_e8), needed_e8))
        else:
            position.is_warned = False

    def _liquidate(self, account: UsdmAccount, time_ns: int) -> None:
        venue, position = self.venue, account.position
        for order in venue.orders.open_orders(account.name):
            venue.end_order(order, EXPIRED, X_EXPIRED, ER_LIQUIDATION, time_ns)
        venue.algos.end_all(account.name, ALGO_EXPIRED, time_ns)
        closing = self._order(account, time_ns)
        venue.orders.add(closing)
        venue.happenings.append(OrderUpdate(closing, X_NEW, time_ns))
        account.forced_orders.append(closing.order_id)
        isolated_e8, before_e8 = position.isolated_e8, account.wallet_e8
        if closing.price_e8 > 0:
            venue.matcher.take(closing, time_ns)
        if not closing.is_done:
            venue.booking.insure(closing, time_ns)
        venue.happenings.append(Liquidated(time_ns, closing))
        left_e8 = isolated_e8 + account.wallet_e8 - before_e8
        self._clear(account, closing, left_e8, time_ns)

    def _order(self, account: UsdmAccount, time_ns: int) -> ExchangeOrder:
        venue, position = self.venue, account.position
        asked = NewOrder(-1 if position.quantity_e8 > 0 else 1, LIMIT)
        asked.time_in_force = IOC
        asked.quantity_e8 = abs(position.quantity_e8)
        asked.price_e8 = max(
            venue.instrument.tick_e8,
            bankruptcy_price_e8(
                position.quantity_e8,
                position.cost_e8,
                position.isolated_e8,
                venue.booking.taker_fee_e8,
                venue.instrument.tick_e8,
            ),
        )
        order_id = venue.ids.next_order_id()
        asked.client_order_id = f"{LIQUIDATION_ID}{venue.exchange_ms(time_ns)}{order_id % 1_000_000:06d}"
        asked.stp_mode = "NONE"
        asked.position_side = "BOTH"
        order = ExchangeOrder(account.name, order_id, asked, time_ns)
        order.working_ns = time_ns
        order.is_working = True
        return order

    def _clear(self, account: UsdmAccount, closing: ExchangeOrder, left_e8: int, time_ns: int) -> None:
        """The clearance fee, out of what is left of the position's margin."""
        fee_e8 = divide_up(closing.quote_e8 * self.venue.rules.liquidation_fee_e8, E8)
        fee_e8 = min(fee_e8, left_e8)
        if fee_e8 > 0:
            account.wallet_e8 -= fee_e8
            self.venue.booking.insurance_e8 += fee_e8
            self.venue.booking.earn(account, INSURANCE_CLEAR, -fee_e8, time_ns, INSURANCE_CLEAR)
            self.venue.booking.tell_account(account, INSURANCE_CLEAR, -fee_e8, time_ns)
