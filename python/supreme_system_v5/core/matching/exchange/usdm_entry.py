"""At the door of the USD-M book: may this order come in? Filters, reduce-only, post-only, fill-or-kill, margin."""

from __future__ import annotations

import copy

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8
from supreme_system_v5.core.matching.exchange.margin import max_notional_e8, notional_e8
from supreme_system_v5.core.matching.exchange.orders import OrderStore
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.usdm_account import UsdmAccount
from supreme_system_v5.core.matching.exchange.usdm_rules import (
    BOTH,
    CONTRACT_PRICE,
    FOK,
    GTC,
    GTD,
    GTX,
    MARKET,
    UsdmRules,
    margin_insufficient,
    no_counterparty,
    reduce_only_rejected,
)
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder
from supreme_system_v5.core.matching.matcher import Matcher

Level = tuple[int, int]

# A market buy is taken to cost this much more than the best ask when its margin is checked (the venue's assumption).
MARKET_BUY_MARGIN_E8 = 50_000


class EntryDesk:
    """Checks orders against the rules, the book and the account. Changes nothing."""

    def __init__(self, instrument: Instrument, rules: UsdmRules, matcher: Matcher, orders: OrderStore) -> None:
        self.instrument = instrument
        self.rules = rules
        self.matcher = matcher
        self.orders = orders

    def complete(self, asked: NewOrder) -> NewOrder:
        """A copy with the venue's defaults filled in."""
        asked = copy.copy(asked)
        if asked.order_type == MARKET:
            asked.time_in_force = asked.time_in_force or GTC
        asked.stp_mode = asked.stp_mode or "EXPIRE_MAKER"
        asked.working_type = asked.working_type or CONTRACT_PRICE
        asked.position_side = asked.position_side or BOTH
        if asked.time_in_force == GTD:
            asked.good_till_ms -= asked.good_till_ms % 1_000  # only whole seconds count
        return asked

    def check(
        self, account: UsdmAccount, asked: NewOrder, mark_e8: int, now_ms: int, is_triggered: bool = False
    ) -> None:
        """Raises Refusal. A triggered conditional order has been through the filters when it was placed."""
        if self.instrument.status != "TRADING":
            raise Refusal(-4141, "Symbol is closed")
        if not is_triggered:
            self.rules.check_order(self.instrument, asked, mark_e8, now_ms)
            if asked.client_order_id and self.orders.find_open(account.name, asked.client_order_id) is not None:
                raise Refusal(-4116, "ClientOrderId is duplicated.")
        is_market = asked.order_type.endswith(MARKET)
        if is_market and not (is_triggered and asked.is_reduce_only):
            self._check_market(asked, mark_e8)
        if asked.is_reduce_only:
            self._check_reduce_only(account, asked)
        if not is_market and self.orders.open_count(account.name) >= self.rules.orders_max:
            raise Refusal(-2025, "Reach max open order limit.")
        if not is_market:
            self._check_time_in_force(account, asked)
        if not asked.is_reduce_only:
            self.check_margin(account, asked, mark_e8)
            if asked.time_in_force == FOK and not is_market:
                self._check_walk(account, asked)

    def _check_market(self, asked: NewOrder, mark_e8: int) -> None:
        best_e8 = int(self.matcher.best_e8(-asked.side))
        limit_e8 = self.rules.market_limit_e8(asked.side, mark_e8)
        if best_e8 <= 0 or (limit_e8 > 0 and (best_e8 - limit_e8) * asked.side > 0):
            raise no_counterparty()
        if not asked.is_reduce_only:
            self.rules.check_notional(self.instrument, asked.quantity_e8, mark_e8 or best_e8)

    def _check_reduce_only(self, account: UsdmAccount, asked: NewOrder) -> None:
        """There must be something to reduce that better placed reduce-only orders do not reduce already."""
        closable_e8 = account.position.closable_e8(asked.side)
        if not asked.order_type.endswith(MARKET):
            for order in self._reducing(account, asked.side):
                if (order.price_e8 - asked.price_e8) * asked.side >= 0:
                    closable_e8 -= int(order.remaining_e8)
        if closable_e8 <= 0 or asked.quantity_e8 <= 0:
            raise reduce_only_rejected()

    def _reducing(self, account: UsdmAccount, side: int) -> list[ExchangeOrder]:
        """Resting reduce-only orders of a side, the first to trade first."""
        found = [
            order
            for order in self.orders.open_orders(account.name)
            if order.asked.is_reduce_only and order.side == side and order.arrival and not order.is_done
        ]
        return sorted(found, key=lambda order: (-side * int(order.price_e8), int(order.arrival)))

    def knocked_out(self, account: UsdmAccount) -> list[ExchangeOrder]:
        """Reduce-only orders behind others that use the whole position up."""
        out: list[ExchangeOrder] = []
        for side in (1, -1):
            room_e8 = account.position.closable_e8(side)
            for order in self._reducing(account, side):
                if room_e8 <= 0:
                    out.append(order)
                room_e8 -= int(order.remaining_e8)
        return out

    def newest_opening(self, account: UsdmAccount) -> ExchangeOrder | None:
        """The newest resting order that locks margin."""
        for order in reversed(self.orders.open_orders(account.name)):
            if order.locked_e8:
                return order
        return None

    def _check_time_in_force(self, account: UsdmAccount, asked: NewOrder) -> None:
        if asked.time_in_force == GTX:
            best_e8 = int(self.matcher.best_e8(-asked.side))
            if best_e8 > 0 and (asked.price_e8 - best_e8) * asked.side >= 0:
                raise Refusal(
                    -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."
                )
        elif asked.time_in_force == FOK:
            wanted_e8 = asked.quantity_e8
            if asked.is_reduce_only:
                wanted_e8 = min(wanted_e8, account.position.closable_e8(asked.side))
            probe = ExchangeOrder(account.name, 0, asked, 0)
            if self.matcher.fillable_e8(probe, wanted_e8) < wanted_e8:
                raise Refusal(
                    -5021, "Due to the order could not be filled immediately, the FOK order has been rejected."
                )

    def _check_walk(self, account: UsdmAccount, asked: NewOrder) -> None:
        """A sell may fill at better prices than its own, and those need more margin: a fill-or-kill order would end
        half-way. Reckoned at the best price. Raises Refusal -2019.
        """
        probe = ExchangeOrder(account.name, 0, asked, 0)
        if self.matcher.party.allowed_e8(probe, self.matcher.best_e8(-asked.side)) < asked.quantity_e8:
            raise margin_insufficient()

    def check_margin(self, account: UsdmAccount, asked: NewOrder, mark_e8: int, replaced_e8: int = 0) -> None:
        """Initial margin at the order's price, and the loss it would open with. ``replaced_e8``: the notional of a
        resting order that makes way for it. Raises Refusal -2027, -2019.
        """
        side, price_e8 = asked.side, asked.price_e8
        if asked.order_type.endswith(MARKET):
            price_e8 = int(self.matcher.best_e8(-side))
            if side > 0:
                price_e8 += price_e8 * MARKET_BUY_MARGIN_E8 // E8
        more_e8 = notional_e8(asked.quantity_e8, price_e8) - replaced_e8
        more_bids_e8, more_asks_e8 = (more_e8, 0) if side > 0 else (0, more_e8)
        needed_e8 = account.needed_e8(more_bids_e8, more_asks_e8)
        if needed_e8 <= account.needed_e8():
            return  # it closes, or the other side of the book needs more anyway
        standing_e8 = account.bids_e8 if side > 0 else account.asks_e8
        most_e8 = max_notional_e8(self.rules.brackets, account.leverage)
        if side * account.position.cost_e8 + standing_e8 + more_e8 > most_e8:
            raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")
        loss_e8 = 0
        if mark_e8 > 0:
            opening_e8 = max(0, asked.quantity_e8 - account.position.closable_e8(side))
            loss_e8 = notional_e8(opening_e8, max(0, side * (price_e8 - mark_e8)))
        if needed_e8 + loss_e8 > account.budget_e8:
            raise margin_insufficient()
