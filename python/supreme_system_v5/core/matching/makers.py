"""The orders that rest in the book as makers: kept by price and time, moved by trades and by what the levels show."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.matching.book_order import BookOrder, Party
from supreme_system_v5.core.matching.liquidity import Liquidity
from supreme_system_v5.core.matching.queue_position import UNKNOWN_E8, QueuePosition

NO_BEST_E8: Final = 1 << 60  # of an empty ask side


class RestingSide:
    """The resting orders of one side: the better price first, then the older. Finding is O(log n)."""

    def __init__(self, side: i64) -> None:
        self.side: i64 = side
        self.orders: list[BookOrder] = []
        self._keys: list[tuple[int, int]] = []
        # By arrival: those of whom the book must still be asked, because a quote spoke for them last, or nobody.
        self.unsettled: dict[int, BookOrder] = {}

    def add(self, order: BookOrder) -> None:
        key = self._key(order)
        index = bisect_left(self._keys, key)
        self._keys.insert(index, key)
        self.orders.insert(index, order)
        self.unsettled[key[1]] = order

    def remove(self, order: BookOrder) -> bool:
        """True when it was there."""
        key = self._key(order)
        index = bisect_left(self._keys, key)
        if index >= len(self.orders) or self.orders[index] is not order:
            return False
        del self._keys[index]
        del self.orders[index]
        self.unsettled.pop(key[1], None)
        return True

    def first(self) -> BookOrder | None:
        """The next in turn. What is done is let go of on the way."""
        while self.orders:
            order = self.orders[0]
            if not order.is_done:
                return order
            self.remove(order)
        return None

    def reached(self, price_e8: i64) -> list[BookOrder]:
        """The orders at a price or better than it (a new list)."""
        return self.orders[: self._end_of(price_e8)]

    def at(self, price_e8: i64) -> list[BookOrder]:
        """The orders at a price (a new list)."""
        start = bisect_left(self._keys, (int(-self.side * price_e8), 0))
        return self.orders[start : self._end_of(price_e8)]

    def _end_of(self, price_e8: i64) -> int:
        return bisect_left(self._keys, (int(-self.side * price_e8) + 1, 0))

    def _key(self, order: BookOrder) -> tuple[int, int]:
        return int(-self.side * order.price_e8), int(order.arrival)


class RestingOrders:
    """The maker orders of one symbol, of all clients."""

    def __init__(self, instrument: Instrument, liquidity: Liquidity, party: Party) -> None:
        self.instrument = instrument
        self.liquidity = liquidity
        self.party = party
        self.bids = RestingSide(BUY)
        self.asks = RestingSide(SELL)
        self._arrivals: i64 = 0

    @property
    def is_empty(self) -> bool:
        return not self.bids.orders and not self.asks.orders

    def all(self) -> list[BookOrder]:
        """Bids, then asks, each best first (a new list)."""
        return self.bids.orders + self.asks.orders

    def side(self, side: i64) -> RestingSide:
        return self.bids if side == BUY else self.asks

    def add(self, order: BookOrder) -> None:
        """The order joins the end of the queue at its price.

        Saved orders are put back in the order of their ``arrival``; then their ``queue`` is set to what it was.
        """
        self._arrivals += 1
        order.arrival = self._arrivals
        order.queue = QueuePosition(self.liquidity.shown_e8(order.side, order.price_e8))
        self.side(order.side).add(order)

    def remove(self, order: BookOrder) -> bool:
        """Take an order out; True when it was there."""
        return self.side(order.side).remove(order)

    # ---- trades of the market

    def on_trade(self, trade: Trade) -> i64:
        """What a trade of the market means for each order it reaches; its quantity is used only once.

        Returns how much of it went to these orders: a market that loses what is taken gives up only the rest of it,
        and must have been told before it does (the orders ahead are those that are still shown).
        """
        used_e8: i64 = 0
        is_exact = self.liquidity.loses_taken()
        for resting in (self.bids, self.asks):
            is_hit = trade.is_buyer_maker == (resting.side == BUY)
            if is_exact and not is_hit:
                continue  # only what cannot see us can trade beyond our price from the other side
            reached = resting.reached(trade.price_e8)
            for order in reached:
                used_e8 += self._reach(order, trade, used_e8, is_hit, is_exact)
            if is_exact:
                _lose(reached, trade.price_e8, trade.quantity_e8 - used_e8)
            for order in reached:
                if order.is_done:
                    resting.remove(order)
        return used_e8

    def _reach(self, order: BookOrder, trade: Trade, used_e8: i64, is_hit: bool, is_exact: bool) -> i64:
        queue = order.queue
        if queue is None or order.is_done:
            return 0
        if order.price_e8 != trade.price_e8:
            queue.on_trade_through()
            reached_e8 = trade.quantity_e8
        elif not is_hit:
            return 0
        elif is_exact:
            self.tell(order, trade.time_ns)
            reached_e8 = trade.quantity_e8 - queue.ahead_e8
        else:
            reached_e8 = queue.on_trade_at(trade.quantity_e8, trade.time_ns)
        wanted_e8 = min(reached_e8 - used_e8, self.party.allowed_e8(order, order.price_e8))
        if wanted_e8 <= 0:
            return 0
        quantity_e8: i64 = self.instrument.quantity_down(int(wanted_e8))
        if quantity_e8 > 0:
            self.party.fill(order, quantity_e8, order.price_e8, True, trade.time_ns)
        return quantity_e8

    def on_taken(self, side: i64, price_e8: i64, quantity_e8: i64) -> None:
        """A client took so much of the market's own orders at a price of ``side``, and the market has lost it.

        The matcher says so; it was what stood before ours there.
        """
        _lose(self.side(side).at(price_e8), price_e8, quantity_e8)

    # ---- levels of the market

    def on_levels(self, is_quote: bool, time_ns: i64) -> None:
        """The levels changed: quotes speak for orders at the best price and beyond, the book for those behind it.

        Only the orders concerned are touched, as far as the liquidity can tell which prices have changed.
        """
        is_exact = self.liquidity.loses_taken()
        for resting in (self.bids, self.asks):
            best_e8 = self.liquidity.best_e8(resting.side)
            if best_e8 <= 0 and is_exact:
                best_e8 = NO_BEST_E8 if resting.side == SELL else 1  # nobody is behind the best price of nothing
            if best_e8 <= 0 and resting.orders:
                continue  # there is no quote: nobody can say who is behind it
            if is_quote:
                for order in resting.reached(best_e8):
                    self.tell(order, time_ns)
                    resting.unsettled[int(order.arrival)] = order
                continue
            changed = self.liquidity.changed_prices(resting.side)
            if changed is None:
                self._tell_by_book(resting, list(resting.orders), best_e8, time_ns)
            elif resting.orders:
                for price_e8 in changed:
                    self._tell_by_book(resting, resting.at(price_e8), best_e8, time_ns)
                self._tell_by_book(resting, list(resting.unsettled.values()), best_e8, time_ns)

    def _tell_by_book(self, resting: RestingSide, orders: list[BookOrder], best_e8: i64, time_ns: i64) -> None:
        """What the book shows, to those of the orders that stand behind the best price."""
        for order in orders:
            arrival = int(order.arrival)
            if (order.price_e8 - best_e8) * order.side < 0 and self.tell(order, time_ns):
                resting.unsettled.pop(arrival, None)
            else:
                resting.unsettled[arrival] = order

    def tell(self, order: BookOrder, time_ns: i64) -> bool:
        """What its level shows now; False when that cannot be seen."""
        shown_e8 = self.liquidity.shown_e8(order.side, order.price_e8)
        if shown_e8 == UNKNOWN_E8 or order.queue is None:
            return False
        if self.liquidity.loses_taken():
            order.queue.on_left(shown_e8, self.instrument.step_e8)
        else:
            order.queue.on_level(shown_e8, time_ns)
        return True


def _lose(orders: list[BookOrder], price_e8: i64, quantity_e8: i64) -> None:
    """The front of the market's queue at a price is gone."""
    for order in orders:
        if order.price_e8 == price_e8 and order.queue is not None:
            order.queue.on_lost(quantity_e8)
