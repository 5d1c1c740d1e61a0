"""The spot venue's books: what a fill, a lock, an end and a prevented self-trade do to orders and balances.

Every change is told as a happening in the venue's order: the order's report, then the balances it changed. A fee is
taken from what the side receives, so the sum of all accounts, of the fees and of what the market gave is constant.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.money import E8, divide_up
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.matching.book_order import (
    STP_EXPIRE_BOTH,
    STP_EXPIRE_MAKER,
    STP_EXPIRE_TAKER,
    STP_NONE,
    BookOrder,
    Party,
)
from supreme_system_v5.core.matching.exchange import words as w
from supreme_system_v5.core.matching.exchange.happenings import BalancesChanged, Happening, OrderUpdate, PublicTrade
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.orders import OrderStore
from supreme_system_v5.core.matching.exchange.spot_balances import SpotBalances
from supreme_system_v5.core.matching.exchange.spot_prices import SpotPrices
from supreme_system_v5.core.matching.fees import fill_fee
from supreme_system_v5.core.matching.makers import RestingOrders


class ListKeeper(Protocol):
    """What the order lists want to know of their orders."""

    def before_execution(self, order: w.ExchangeOrder, time_ns: int) -> None:
        """It is about to trade or has been triggered: the other order of its pair must go."""

    def after_end(self, order: w.ExchangeOrder, time_ns: int) -> None:
        """It has ended."""


class SpotBooks(Party):
    """The party of the spot matcher. ``lists`` and ``resting`` are set by the venue that is built around it."""

    lists: ListKeeper
    resting: RestingOrders

    def __init__(
        self, instrument: Instrument, ids: Ids, orders: OrderStore, maker_fee_e8: int, taker_fee_e8: int
    ) -> None:
        self.instrument = instrument
        self.ids = ids
        self.orders = orders
        self.maker_fee_e8 = maker_fee_e8
        self.taker_fee_e8 = taker_fee_e8
        self.prices = SpotPrices()
        self.accounts: dict[str, SpotBalances] = {}
        self.fees_e8: dict[str, int] = {instrument.base_asset: 0, instrument.quote_asset: 0}  # collected by the venue
        self.prevented: deque[w.PreventedMatch] = deque(maxlen=orders.ended_max)
        self.happenings: list[Happening] = []
        self._trade_id = -1  # while two clients trade with each other: their common one

    # ---- locks

    def asset_given(self, order: w.ExchangeOrder) -> str:
        return self.instrument.quote_asset if order.side == BUY else self.instrument.base_asset

    def available_e8(self, order: w.ExchangeOrder) -> int:
        """What may still execute."""
        return int(order.quantity_e8) - int(order.filled_e8) - order.prevented_e8

    def need_e8(self, order: w.ExchangeOrder) -> int:
        """What must be locked for the rest of an order with a price (its own, or the stop price where it has none)."""
        left_e8 = self.available_e8(order)
        if order.side != BUY:
            return left_e8
        return cost_e8(left_e8, int(order.price_e8) or order.stop_price_e8)

    def lock(self, order: w.ExchangeOrder, amount_e8: int) -> None:
        """Lock so much more for the order (negative: release)."""
        if amount_e8 != 0:
            self.accounts[order.account].lock(self.asset_given(order), amount_e8)
            order.locked_e8 += amount_e8

    # ---- reports

    def report(
        self,
        order: w.ExchangeOrder,
        execution: str,
        time_ns: int,
        fill: w.Fill | None = None,
        reason: str = "NONE",
        prevented: w.PreventedMatch | None = None,
    ) -> None:
        order.updated_ns = time_ns
        self.happenings.append(
            OrderUpdate(order, execution, time_ns, fill, reason, self.ids.next_execution_id(), prevented)
        )

    def tell_balances(self, account: str, time_ns: int) -> None:
        """Of both assets of the symbol: those the event may have changed."""
        balances = self.accounts[account]
        balances.updated_ns = time_ns
        pair = (self.instrument.base_asset, self.instrument.quote_asset)
        self.happenings.append(BalancesChanged(account, time_ns, {asset: balances.pair(asset) for asset in pair}))

    # ---- the matcher's questions

    def allowed_e8(self, order: BookOrder, price_e8: int) -> int:
        assert isinstance(order, w.ExchangeOrder)
        left_e8 = self.available_e8(order)
        if order.visible_e8 > 0:
            left_e8 = min(left_e8, order.visible_e8)
        if order.side == BUY and order.price_e8 == 0 and price_e8 > 0:
            left_e8 = min(left_e8, order.locked_e8 * E8 // int(price_e8))  # a budget instead of a price
        return left_e8

    def whole_e8(self, maker: BookOrder) -> int:
        assert isinstance(maker, w.ExchangeOrder)
        return self.available_e8(maker)

    def is_self_trade(self, taker: BookOrder, maker: BookOrder) -> bool:
        assert isinstance(taker, w.ExchangeOrder) and isinstance(maker, w.ExchangeOrder)
        return taker.account == maker.account and taker.stp_mode != STP_NONE

    def match(self, taker: BookOrder, maker: BookOrder, quantity_e8: int, time_ns: int) -> None:
        self._trade_id = self.ids.next_trade_id()
        self.fill(maker, quantity_e8, maker.price_e8, True, time_ns)
        self.fill(taker, quantity_e8, maker.price_e8, False, time_ns)
        self._tell_tape(maker.side == BUY, int(quantity_e8), int(maker.price_e8), time_ns)
        self._trade_id = -1

    def fill(self, order: BookOrder, quantity_e8: int, price_e8: int, is_maker: bool, time_ns: int) -> None:
        assert isinstance(order, w.ExchangeOrder)
        is_between_clients = self._trade_id >= 0
        if not is_between_clients:
            self._trade_id = self.ids.next_trade_id()
        if order.list_id >= 0:
            self.lists.before_execution(order, time_ns)
        fill = self._book(order, int(quantity_e8), int(price_e8), is_maker, time_ns)
        order.fills.append(fill)
        self.orders.add_fill(fill)
        if order.visible_e8 > 0:
            self._show_next_part(order, fill.quantity_e8)
        is_ended = self.available_e8(order) == 0
        order.status = w.PARTIALLY_FILLED
        if is_ended:
            self._close(order, w.FILLED)
        self.report(order, w.X_TRADE, time_ns, fill)
        self.tell_balances(order.account, time_ns)
        if is_ended:
            self._ended(order, time_ns)
        if not is_between_clients:
            self._tell_tape((order.side == BUY) == is_maker, fill.quantity_e8, fill.price_e8, time_ns)
            self._trade_id = -1

    def _book(self, order: w.ExchangeOrder, quantity_e8: int, price_e8: int, is_maker: bool, time_ns: int) -> w.Fill:
        """The amounts of a fill; what a buy locked beyond what its rest needs is free again."""
        is_buy = order.side == BUY
        quote_e8 = quantity_e8 * price_e8 // E8
        rate_e8 = self.maker_fee_e8 if is_maker else self.taker_fee_e8
        fee_e8 = sum(fill_fee(int(order.side), quantity_e8, price_e8, rate_e8, True))
        received_e8 = quantity_e8 if is_buy else quote_e8
        fee_e8 = min(fee_e8, received_e8)
        gives = self.asset_given(order)
        gets = self.instrument.base_asset if is_buy else self.instrument.quote_asset
        spent_e8 = quote_e8 if is_buy else quantity_e8
        balances = self.accounts[order.account]
        balances.spend(gives, spent_e8)
        order.locked_e8 -= spent_e8
        balances.add(gets, received_e8 - fee_e8)
        self.fees_e8[gets] += fee_e8
        order.filled_e8 += quantity_e8
        order.quote_e8 += quote_e8
        if is_buy and order.price_e8 > 0:
            self.lock(order, self.need_e8(order) - order.locked_e8)
        return w.Fill(self._trade_id, order, price_e8, quantity_e8, quote_e8, fee_e8, gets, is_maker, time_ns)

    def _show_next_part(self, order: w.ExchangeOrder, traded_e8: int) -> None:
        """An iceberg whose visible part is gone shows the next one, at the end of the queue."""
        order.visible_e8 -= traded_e8
        left_e8 = self.available_e8(order)
        if order.visible_e8 == 0 and left_e8 > 0:
            order.visible_e8 = min(order.asked.iceberg_e8, left_e8)
            if self.resting.remove(order):
                self.resting.add(order)

    def _tell_tape(self, is_buyer_maker: bool, quantity_e8: int, price_e8: int, time_ns: int) -> None:
        self.prices.on_trade(price_e8, quantity_e8, time_ns)
        self.happenings.append(PublicTrade(time_ns, self._trade_id, price_e8, quantity_e8, is_buyer_maker))

    # ---- ends

    def end(
        self, order: w.ExchangeOrder, status: str, execution: str, time_ns: int, reason: str = "NONE", why: str = ""
    ) -> None:
        """The order ends without a trade: out of the book, its lock released, told. ``why``: its expiry reason."""
        had_lock = order.locked_e8 != 0
        self._close(order, status, why)
        self.report(order, execution, time_ns, None, reason)
        if had_lock:
            self.tell_balances(order.account, time_ns)
        self._ended(order, time_ns)

    def _close(self, order: w.ExchangeOrder, status: str, why: str = "") -> None:
        order.status = status
        order.is_done = True
        if why != "":
            order.expiry_word = why
        self.resting.remove(order)
        self.lock(order, -order.locked_e8)

    def _ended(self, order: w.ExchangeOrder, time_ns: int) -> None:
        self.orders.end(order)
        if order.list_id >= 0:
            self.lists.after_end(order, time_ns)

    # ---- self-trade prevention

    def prevent(self, taker: BookOrder, maker: BookOrder, time_ns: int) -> None:
        """By the taker's mode (stp_faq.md): expire one or both, or take what would have traded off both."""
        assert isinstance(taker, w.ExchangeOrder) and isinstance(maker, w.ExchangeOrder)
        taker_left_e8, maker_left_e8 = self.available_e8(taker), self.available_e8(maker)
        met_e8 = min(taker_left_e8, maker_left_e8)
        mode = taker.stp_mode
        if mode == STP_EXPIRE_TAKER:
            maker_left_e8 = 0
        elif mode == STP_EXPIRE_MAKER:
            taker_left_e8 = 0
        elif mode != STP_EXPIRE_BOTH:  # DECREMENT
            taker_left_e8 = maker_left_e8 = met_e8
        found = w.PreventedMatch(
            self.ids.next_prevented_id(), taker, maker, taker_left_e8, maker_left_e8, met_e8, time_ns
        )
        self.prevented.append(found)
        taker.prevented += (found,)
        if maker_left_e8 > 0:
            maker.prevented += (found,)
            self._take_off(maker, maker_left_e8, found, time_ns)
        if taker_left_e8 > 0:
            self._take_off(taker, taker_left_e8, found, time_ns)

    def _take_off(self, order: w.ExchangeOrder, quantity_e8: int, found: w.PreventedMatch, time_ns: int) -> None:
        order.prevented_e8 += quantity_e8
        is_ended = self.available_e8(order) == 0
        if is_ended:
            self._close(order, w.EXPIRED_IN_MATCH)
        elif order.list_id < 0 and (order.price_e8 > 0 or order.side != BUY):  # a list's lock is for all of its orders
            self.lock(order, self.need_e8(order) - order.locked_e8)
        if order.visible_e8 > 0 and not is_ended:
            order.visible_e8 = min(order.visible_e8, self.available_e8(order))
        self.report(order, w.X_TRADE_PREVENTION, time_ns, prevented=found)
        self.tell_balances(order.account, time_ns)
        if is_ended:
            self._ended(order, time_ns)


def cost_e8(quantity_e8: int, price_e8: int) -> int:
    """What a quantity may cost at a price, rounded up to 1e-8."""
    return divide_up(quantity_e8 * price_e8, E8)
