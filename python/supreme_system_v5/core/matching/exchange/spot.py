"""The spot venue: orders of many accounts on one symbol, matched with each other and with the market.

Pure: every call carries the market time, nothing is awaited, what happened is in ``happenings``. A refused call has
changed nothing. Facts: rest-api.md, filters.md, errors.md and faqs/stp_faq.md of the venue (2026-07).
"""

from __future__ import annotations

import copy
from typing import Final

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.matching.exchange import words as w
from supreme_system_v5.core.matching.exchange.happenings import OrderUpdate
from supreme_system_v5.core.matching.exchange.list_rules import (
    check_pair,
    check_pending,
    check_prices,
    check_working,
    is_stop_loss,
)
from supreme_system_v5.core.matching.exchange.lists import OCO, OTO
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_engine import SpotEngine
from supreme_system_v5.core.matching.exchange.spot_reasons import DUPLICATE, UNKNOWN_ORDER, reject_reason
from supreme_system_v5.core.matching.exchange.spot_saving import restore_venue, save_venue, venue_state

STOP_ON_FAILURE: Final = "STOP_ON_FAILURE"
ALLOW_FAILURE: Final = "ALLOW_FAILURE"
ONLY_NEW: Final = "ONLY_NEW"
ONLY_PARTIALLY_FILLED: Final = "ONLY_PARTIALLY_FILLED"


class SpotVenue(SpotEngine):
    """What clients may ask of the venue, and what the market tells it."""

    # ---- one order

    def place(self, account: str, asked: w.NewOrder, time_ns: int) -> w.ExchangeOrder:
        """Raises Refusal: filters -1013, the engine's reasons -2010."""
        asked = self.prepared(asked)
        self.check_filters(account, [asked], time_ns)
        order = self.accept(account, asked, time_ns)
        self.settle(time_ns)
        return order

    def test(self, account: str, asked: w.NewOrder, time_ns: int) -> None:
        """What is judged before the matching engine: the filters. Raises Refusal."""
        self.check_filters(account, [self.prepared(asked)], time_ns)

    # ---- cancelling

    def find_open(self, account: str, order_id: int | None, client_order_id: str) -> w.ExchangeOrder:
        """The open order of that id; both ids, where both are given, must be its. Raises Refusal -2011."""
        if order_id is None:
            order = self.orders.find_open(account, client_order_id)
        else:
            order = self.orders.get(account, order_id)
            if order is not None and client_order_id not in ("", order.client_order_id):
                order = None
        if order is None or not order.is_open:
            raise Refusal(-2011, UNKNOWN_ORDER)
        return order

    def cancel(
        self,
        account: str,
        order_id: int | None,
        client_order_id: str,
        cancel_id: str,
        restrictions: str,
        time_ns: int,
    ) -> w.ExchangeOrder | w.OrderList:
        """An order, or the list it belongs to. Raises Refusal -2011."""
        order = self.find_open(account, order_id, client_order_id)
        if (restrictions == ONLY_NEW and order.status != w.NEW) or (
            restrictions == ONLY_PARTIALLY_FILLED and order.status != w.PARTIALLY_FILLED
        ):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        return self._cancel(order, cancel_id or self.ids.next_client_id(), time_ns)

    def _cancel(self, order: w.ExchangeOrder, cancel_id: str, time_ns: int) -> w.ExchangeOrder | w.OrderList:
        if order.list_id >= 0:
            found = self.lists.get(order.account, order.list_id)
            assert found is not None
            self.lists.cancel(found, cancel_id, time_ns)
            return found
        self.triggers.remove(order)
        order.cancel_client_order_id = cancel_id
        self.books.end(order, w.CANCELED, w.X_CANCELED, time_ns)
        return order

    def cancel_all(self, account: str, time_ns: int) -> list[w.ExchangeOrder | w.OrderList]:
        """Every open order, oldest first; those of a list as their list. Raises Refusal -2011 when there is none."""
        cancelled: list[w.ExchangeOrder | w.OrderList] = []
        cancel_id = self.ids.next_client_id()
        for order in self.orders.open_orders(account):
            if order.is_open:
                cancelled.append(self._cancel(order, cancel_id, time_ns))
        if not cancelled:
            raise Refusal(-2011, UNKNOWN_ORDER)
        return cancelled

    def cancel_replace(
        self,
        account: str,
        order_id: int | None,
        client_order_id: str,
        cancel_id: str,
        restrictions: str,
        asked: w.NewOrder,
        mode: str,
        time_ns: int,
    ) -> tuple[w.ExchangeOrder | w.OrderList | Refusal, w.ExchangeOrder | Refusal | None]:
        """Cancel one order, place another: (what became of the cancel, of the new order; None = not attempted).

        The filters are judged first: their Refusal is raised, and then nothing has changed.
        """
        if not self.rules.has_cancel_replace:
            raise Refusal(-1013, "Order cancel-replace is not supported for this symbol.")
        asked = self.prepared(asked)
        self.check_filters(account, [asked], time_ns)
        cancelled: w.ExchangeOrder | w.OrderList | Refusal
        try:
            cancelled = self.cancel(account, order_id, client_order_id, cancel_id, restrictions, time_ns)
        except Refusal as refusal:
            if mode == STOP_ON_FAILURE:
                return refusal, None
            cancelled = refusal
        try:
            order = self.accept(account, asked, time_ns)
        except Refusal as refusal:
            if not isinstance(cancelled, Refusal):
                self._tell_rejected(account, asked, refusal, time_ns)
            return cancelled, refusal
        self.settle(time_ns)
        return cancelled, order

    def _tell_rejected(self, account: str, asked: w.NewOrder, refusal: Refusal, time_ns: int) -> None:
        """The only rejections that are told on the user stream: of the new order after a cancel that succeeded."""
        order = w.ExchangeOrder(account, self.ids.next_order_id(), asked, time_ns)
        order.status = w.REJECTED
        reason = reject_reason(refusal)
        execution_id = self.ids.next_execution_id()
        self.happenings.append(OrderUpdate(order, w.X_REJECTED, time_ns, None, reason, execution_id))

    # ---- lists

    def place_oco(
        self, account: str, client_list_id: str, above: w.NewOrder, below: w.NewOrder, time_ns: int
    ) -> w.OrderList:
        """Two orders of which one ends the other. Raises Refusal -1158 to -1199, -1013, -2010."""
        if not self.rules.has_oco:
            raise Refusal(-1013, "OCO orders are not supported for this symbol")
        check_pair(above, below)
        above, below = self.prepared(above), self.prepared(below)
        legs = sorted((above, below), key=is_stop_loss, reverse=True)
        self.check_filters(account, legs, time_ns, 1)
        self._check_names(account, client_list_id, legs)
        check_prices(above, below, self.books.prices.last_e8)
        for leg in legs:
            self.check_entry(leg)
        need_e8 = max(self.needed_e8(account, leg)[1] for leg in legs)
        found = self._begin_list(account, OCO, client_list_id, legs, time_ns)
        self.books.lock(found.orders[0], need_e8)  # for both
        for order in found.orders:
            self.announce(order, time_ns)
        return self._start_list(found, time_ns)

    def place_oto(
        self, account: str, client_list_id: str, working: w.NewOrder, pending: w.NewOrder, time_ns: int
    ) -> w.OrderList:
        """An order, and one that is placed when the first is filled. Raises Refusal -1106, -1116, -1013, -2010.

        The answer shows the list before its pending order comes in.
        """
        check_pending(pending)
        return self._place_oto(account, client_list_id, [working, pending], time_ns)

    def place_otoco(
        self,
        account: str,
        client_list_id: str,
        working: w.NewOrder,
        above: w.NewOrder,
        below: w.NewOrder,
        time_ns: int,
    ) -> w.OrderList:
        """An order, and a pair that is placed when it is filled. Raises Refusal as the other two."""
        check_pair(above, below)
        check_prices(above, below, 0)
        return self._place_oto(
            account, client_list_id, [working, *sorted((above, below), key=is_stop_loss, reverse=True)], time_ns
        )

    def _place_oto(self, account: str, client_list_id: str, asked: list[w.NewOrder], time_ns: int) -> w.OrderList:
        if not self.rules.has_oto:
            raise Refusal(-1013, "OTO orders are not supported for this symbol.")
        check_working(asked[0])
        asked = [self.prepared(one) for one in asked]
        self.check_filters(account, asked, time_ns, 1)
        self._check_names(account, client_list_id, asked)
        self.check_entry(asked[0])
        _, need_e8 = self.needed_e8(account, asked[0])
        found = self._begin_list(account, OTO, client_list_id, asked, time_ns)
        self.books.lock(found.orders[0], need_e8)
        self.announce(found.orders[0], time_ns)
        for pending in found.orders[1:]:
            pending.status = w.PENDING_NEW
            self.books.report(pending, w.X_NEW, time_ns)
        return self._start_list(found, time_ns)

    def _check_names(self, account: str, client_list_id: str, asked: list[w.NewOrder]) -> None:
        names = [one.client_order_id for one in asked if one.client_order_id != ""]
        if len(set(names)) < len(names) or self.lists.find_open(account, client_list_id) is not None:
            raise Refusal(-2010, DUPLICATE)
        for one in asked:
            self.check_name(account, one)

    def _begin_list(
        self, account: str, contingency: str, client_list_id: str, asked: list[w.NewOrder], time_ns: int
    ) -> w.OrderList:
        found = w.OrderList(
            account, self.ids.next_list_id(), contingency, client_list_id or self.ids.next_client_id(), time_ns
        )
        for one in asked:
            order = self.new_order(account, one, time_ns)
            order.list_id = found.list_id
            found.orders.append(order)
        self.lists.begin(found)
        return found

    def _start_list(self, found: w.OrderList, time_ns: int) -> w.OrderList:
        self.books.tell_balances(found.account, time_ns)
        self.lists.tell(found, time_ns)
        for order in found.orders:
            self.enter(order, time_ns)
        answer = copy.copy(found)
        answer.orders = [copy.copy(order) for order in found.orders]
        self.settle(time_ns)
        return answer

    def cancel_list(
        self, account: str, list_id: int | None, client_list_id: str, cancel_id: str, time_ns: int
    ) -> w.OrderList:
        """The open list of that id (both, where both are given). Raises Refusal -2011."""
        if list_id is None:
            found = self.lists.find_open(account, client_list_id)
        else:
            found = self.lists.get(account, list_id)
            if found is not None and client_list_id not in ("", found.client_list_id):
                found = None
        if found is None or found.order_status == "ALL_DONE":
            raise Refusal(-2011, UNKNOWN_ORDER)
        self.lists.cancel(found, cancel_id or self.ids.next_client_id(), time_ns)
        return found

    # ---- the market moves

    def on_trade(self, trade: Trade) -> int:
        """A trade of the market: resting orders it reaches fill, stops trigger. Returns how much of it clients used."""
        used_e8 = 0
        if not self.matcher.resting.is_empty:
            used_e8 = int(self.matcher.resting.on_trade(trade))
        if used_e8 < trade.quantity_e8:
            self.books.prices.on_trade(int(trade.price_e8), int(trade.quantity_e8) - used_e8, int(trade.time_ns))
        self.settle(int(trade.time_ns))
        return used_e8

    def on_quote(self, time_ns: int) -> None:
        """The best prices of the market changed."""
        self.matcher.resting.on_levels(True, time_ns)

    def on_depth(self, time_ns: int) -> None:
        """Deeper levels of the market changed."""
        self.matcher.resting.on_levels(False, time_ns)

    # ---- over a restart, and for comparison

    def save(self) -> dict[str, object]:
        """JSON-able: everything that determines the future. What happened must have been taken."""
        return save_venue(self)

    def restore(self, saved: dict[str, object]) -> None:
        """Into a fresh venue."""
        restore_venue(self, saved)

    def state(self) -> list[object]:
        """The same in short and in canonical order, for comparisons."""
        return venue_state(self)
