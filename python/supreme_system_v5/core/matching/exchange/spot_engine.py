"""How an order comes into the spot venue: judged, locked, into the book, and what follows from its trades."""

from __future__ import annotations

import copy
from collections import deque

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.exchange import words as w
from supreme_system_v5.core.matching.exchange.happenings import BalancesChanged, Deposited, Happening
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.list_rules import check_prices, is_stop_loss
from supreme_system_v5.core.matching.exchange.lists import OrderLists
from supreme_system_v5.core.matching.exchange.orders import ENDED_MAX, OrderStore
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot_balances import SpotBalances
from supreme_system_v5.core.matching.exchange.spot_books import SpotBooks
from supreme_system_v5.core.matching.exchange.spot_needs import need_of_quantity, quantity_of_quote
from supreme_system_v5.core.matching.exchange.spot_reasons import DUPLICATE, WOULD_MATCH, WOULD_TRIGGER, reject_reason
from supreme_system_v5.core.matching.exchange.spot_rules import (
    LIMIT_MAKER,
    MARKET,
    PRICELESS,
    OpenCounts,
    SpotRules,
    rules_of,
)
from supreme_system_v5.core.matching.exchange.spot_triggers import STOPS, Triggers, would_trigger
from supreme_system_v5.core.matching.liquidity import Liquidity
from supreme_system_v5.core.matching.matcher import Matcher


class SpotEngine:
    """Fees are 1e-8 fractions. Without ``rules`` those of the instrument alone hold. Not thread-safe."""

    def __init__(
        self,
        instrument: Instrument,
        liquidity: Liquidity,
        ids: Ids,
        maker_fee_e8: int,
        taker_fee_e8: int,
        rules: SpotRules | None = None,
        ended_max: int = ENDED_MAX,
    ) -> None:
        self.instrument = instrument
        self.ids = ids
        self.rules = rules or rules_of(instrument)
        self.orders = OrderStore(ended_max)
        self.books = SpotBooks(instrument, ids, self.orders, maker_fee_e8, taker_fee_e8)
        self.matcher = Matcher(instrument, liquidity, self.books)
        self.books.resting = self.matcher.resting
        self.triggers = Triggers()
        self.lists = OrderLists(self.books, self.orders, self.triggers)
        self.books.lists = self.lists

    # ---- accounts

    @property
    def accounts(self) -> dict[str, SpotBalances]:
        return self.books.accounts

    @property
    def prevented(self) -> deque[w.PreventedMatch]:
        """The prevented matches of all accounts, oldest first."""
        return self.books.prevented

    def open_account(self, account: str, amounts_e8: dict[str, int], time_ns: int = 0) -> SpotBalances:
        """A new account. Raises ValueError when there is one of that name or an amount is negative."""
        if account in self.accounts or any(amount_e8 < 0 for amount_e8 in amounts_e8.values()):
            raise ValueError(f"cannot open account {account!r}")
        pair = dict.fromkeys((self.instrument.base_asset, self.instrument.quote_asset), 0)
        self.accounts[account] = SpotBalances({**pair, **amounts_e8}, time_ns)
        return self.accounts[account]

    def deposit(self, account: str, asset: str, delta_e8: int, time_ns: int) -> None:
        """Change what is free from outside (negative: a withdrawal). Raises ValueError when there is not enough."""
        balances = self.accounts[account]
        if balances.free(asset) + delta_e8 < 0:
            raise ValueError(f"not enough {asset} to withdraw")
        balances.add(asset, delta_e8)
        balances.updated_ns = time_ns
        self.happenings.append(Deposited(account, time_ns, asset, delta_e8))
        self.happenings.append(BalancesChanged(account, time_ns, {asset: balances.pair(asset)}))

    # ---- what happened

    @property
    def happenings(self) -> list[Happening]:
        return self.books.happenings

    def take_happenings(self) -> list[Happening]:
        """What happened since the last call, in order."""
        taken = self.books.happenings
        self.books.happenings = []
        return taken

    # ---- judging

    def prepared(self, asked: w.NewOrder) -> w.NewOrder:
        """A copy with what the venue adds where nothing was given (the client id comes with acceptance)."""
        asked = copy.copy(asked)
        asked.time_in_force = asked.time_in_force or "GTC"
        asked.stp_mode = asked.stp_mode or self.rules.stp_default
        return asked

    def check_filters(self, account: str, new: list[w.NewOrder], time_ns: int, new_lists: int = 0) -> None:
        """Raises Refusal -1013 (-1014, -2010 for icebergs)."""
        rules = self.rules
        by_side = max(rules.average_minutes("PERCENT_PRICE_BY_SIDE"), rules.average_minutes("PERCENT_PRICE"))
        by_value = max(rules.average_minutes("NOTIONAL"), rules.average_minutes("MIN_NOTIONAL"))
        average_e8 = self.average_e8(by_side, time_ns)
        averages_e8 = (average_e8, average_e8 if by_value == by_side else self.average_e8(by_value, time_ns))
        for asked in new:
            rules.check_symbol(asked)
            rules.check_order(asked, averages_e8)
        rules.check_counts(new, self._counts(account, rules.goes_by_kinds(new)), new_lists)

    def average_e8(self, minutes: int, time_ns: int) -> int:
        """The average price of some minutes, else the last trade, else the middle of the book; 0 when there is none."""
        average_e8 = self.books.prices.average_e8(minutes, time_ns)
        if average_e8 == 0:
            bid_e8, ask_e8 = int(self.matcher.best_e8(1)), int(self.matcher.best_e8(-1))
            return (bid_e8 + ask_e8) // 2 if bid_e8 > 0 and ask_e8 > 0 else max(bid_e8, ask_e8)
        return average_e8

    def _counts(self, account: str, is_by_kind: bool) -> OpenCounts:
        counts = OpenCounts()
        counts.orders = self.orders.open_count(account)
        counts.lists = self.lists.open_count(account)
        counts.held_e8 = self.accounts[account].total(self.instrument.base_asset)
        if not is_by_kind:
            return counts
        for order in self.orders.open_orders(account):
            counts.algo_orders += order.order_type in STOPS
            counts.icebergs += order.asked.iceberg_e8 > 0
            if order.side == BUY:
                counts.buying_e8 += self.books.available_e8(order)
        return counts

    def check_name(self, account: str, asked: w.NewOrder) -> None:
        """Raises Refusal -2010 when an open order of the account has that client id."""
        if asked.client_order_id != "" and self.orders.find_open(account, asked.client_order_id) is not None:
            raise Refusal(-2010, DUPLICATE)

    def check_entry(self, asked: w.NewOrder) -> None:
        """Raises Refusal -2010 for a stop that triggers at once and a maker that would take."""
        if asked.order_type in STOPS:
            if would_trigger(asked.side, asked.order_type, asked.stop_price_e8, self.books.prices.last_e8):
                raise Refusal(-2010, WOULD_TRIGGER)
        elif asked.order_type == LIMIT_MAKER:
            best_e8 = int(self.matcher.best_e8(-asked.side))
            if best_e8 > 0 and (asked.price_e8 - best_e8) * asked.side >= 0:
                raise Refusal(-2010, WOULD_MATCH)

    def needed_e8(self, account: str, asked: w.NewOrder) -> tuple[int, int]:
        """(quantity, what must be locked). Raises Refusal -2010 for a book or a balance that is too small."""
        order = w.ExchangeOrder(account, 0, asked, 0)
        asset = self.books.asset_given(order)
        if asked.quote_quantity_e8 > 0:
            quantity_e8, cost_e8 = quantity_of_quote(self.matcher, self.books, order, asked.quote_quantity_e8)
            self.rules.check_market_quantity(quantity_e8)
            if asked.side == BUY:
                self.accounts[account].require(asset, asked.quote_quantity_e8)
                return quantity_e8, cost_e8
            need_e8 = quantity_e8
        else:
            quantity_e8 = asked.quantity_e8
            is_market = asked.order_type == MARKET
            need_e8 = need_of_quantity(self.matcher, self.books, order) if is_market else self.books.need_e8(order)
        self.accounts[account].require(asset, need_e8)
        return quantity_e8, need_e8

    def accept(self, account: str, asked: w.NewOrder, time_ns: int) -> w.ExchangeOrder:
        self.check_name(account, asked)
        self.check_entry(asked)
        quantity_e8, need_e8 = self.needed_e8(account, asked)
        order = self.new_order(account, asked, time_ns)
        order.quantity_e8 = quantity_e8
        self.books.lock(order, need_e8)
        self.announce(order, time_ns)
        if order.order_type != MARKET:
            self.books.tell_balances(account, time_ns)
        self.enter(order, time_ns)
        return order

    def new_order(self, account: str, asked: w.NewOrder, time_ns: int) -> w.ExchangeOrder:
        """One that was found good. ``asked`` is the venue's own."""
        asked.client_order_id = asked.client_order_id or self.ids.next_client_id()
        order = w.ExchangeOrder(account, self.ids.next_order_id(), asked, time_ns)
        self.orders.add(order)
        return order

    def announce(self, order: w.ExchangeOrder, time_ns: int) -> None:
        """The order is accepted: into the book (``enter`` brings it there), or to wait for its stop price."""
        order.status = w.NEW
        if order.order_type in STOPS:
            self.triggers.add(order)
        else:
            order.is_working = True
            order.working_ns = time_ns
        self.books.report(order, w.X_NEW, time_ns)

    def enter(self, order: w.ExchangeOrder, time_ns: int) -> None:
        """A working order meets the book: it takes what it may, then rests or expires. A waiting one stays."""
        if not order.is_working or not order.is_open:
            return
        kind = order.order_type
        if kind != LIMIT_MAKER:
            if order.time_in_force == "FOK" and kind not in PRICELESS:
                left_e8 = self.books.available_e8(order)
                if self.matcher.fillable_e8(order, left_e8) < left_e8:
                    self._expire(order, time_ns, "UNFILLED_FOK_ORDER_EXPIRED")
                    return
            self.matcher.take(order, time_ns)
        if order.is_done:
            return
        if kind in PRICELESS:
            self._expire(order, time_ns, "INSUFFICIENT_LIQUIDITY")
        elif order.time_in_force != "GTC":
            is_fok = order.time_in_force == "FOK"  # (kept from filling by self-trade prevention)
            self._expire(order, time_ns, "UNFILLED_FOK_ORDER_EXPIRED" if is_fok else "UNFILLED_IOC_QUANTITY_EXPIRED")
        else:
            if order.asked.iceberg_e8 > 0:
                order.visible_e8 = min(order.asked.iceberg_e8, self.books.available_e8(order))
            self.matcher.resting.add(order)

    def _expire(self, order: w.ExchangeOrder, time_ns: int, why: str) -> None:
        self.books.end(order, w.EXPIRED, w.X_EXPIRED, time_ns, why=why)

    # ---- what follows from trades

    def settle(self, time_ns: int) -> None:
        """Pending orders whose working order is filled come in, stops that were reached trigger, until all is quiet."""
        while True:
            ready = self.lists.take_ready()
            if ready is not None:
                self.activate(ready, time_ns)
                continue
            reached = self.triggers.next(self.books.prices.last_e8)
            if reached is None:
                return
            self._trigger(reached, time_ns)

    def _trigger(self, order: w.ExchangeOrder, time_ns: int) -> None:
        if order.list_id >= 0:
            self.lists.before_execution(order, time_ns)
        order.is_working = True
        order.working_ns = time_ns
        if order.order_type in PRICELESS and order.side == BUY:  # the stop price was only an estimate of the cost
            need_e8 = need_of_quantity(self.matcher, self.books, order)
            free_e8 = self.accounts[order.account].free(self.instrument.quote_asset)
            self.books.lock(order, min(need_e8 - order.locked_e8, free_e8))
        else:
            self.books.lock(order, self.books.need_e8(order) - order.locked_e8)
        self.books.report(order, w.X_NEW, time_ns)
        self.enter(order, time_ns)

    def activate(self, found: w.OrderList, time_ns: int) -> None:
        """The working order of a list is filled: its pending orders come in, or are rejected."""
        pending = [order for order in found.orders[1:] if order.is_open]
        try:
            needs_e8 = self._pending_needs_e8(pending)
        except Refusal as refusal:
            for order in pending:
                self.books.end(order, w.REJECTED, w.X_REJECTED, time_ns, reject_reason(refusal), "REJECTED")
            return
        if pending:
            self.books.lock(pending[0], max(needs_e8))  # a pair shares the lock of its first order
        for order in pending:
            self.announce(order, time_ns)
        self.books.tell_balances(found.account, time_ns)
        for order in pending:
            self.enter(order, time_ns)

    def _pending_needs_e8(self, pending: list[w.ExchangeOrder]) -> list[int]:
        if len(pending) == 2:
            stop, other = sorted((order.asked for order in pending), key=is_stop_loss, reverse=True)
            above, below = (stop, other) if stop.side == BUY else (other, stop)
            check_prices(above, below, self.books.prices.last_e8)
        for order in pending:
            self.check_entry(order.asked)
        return [self.needed_e8(order.account, order.asked)[1] for order in pending]
