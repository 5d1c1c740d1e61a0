"""The one book: clients' resting orders among the market's own, and how an order that takes walks through both.

Price first, then time. At one price a client's order stands behind what was there when it came (its queue position)
and before what came later. The paper venue and the simulated exchange match by this code and no other.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.matching.book_order import STP_EXPIRE_MAKER, BookOrder, Party
from supreme_system_v5.core.matching.liquidity import Liquidity
from supreme_system_v5.core.matching.makers import RestingOrders

# A walk asks for the best level first, then for ever more of the book: most orders need one level.
_WALK_STEPS: Final = (1, 50, 20_000)


class Matcher:
    """Matches the orders of one symbol. Not thread-safe.

    ``is_single``: all orders are one client's, who never trades with himself (the paper venue).
    """

    def __init__(self, instrument: Instrument, liquidity: Liquidity, party: Party, is_single: bool = False) -> None:
        self.instrument = instrument
        self.liquidity = liquidity
        self.party = party
        self.is_single = is_single
        self.resting = RestingOrders(instrument, liquidity, party)
        self._is_walking = False

    def take(self, order: BookOrder, time_ns: i64) -> None:
        """Fill what can be filled now: never beyond the limit, what the party allows, or what is there.

        The party may end and remove any orders while it books a fill; it must not take with another one.
        """
        assert not self._is_walking, "an order cannot take while another one does"
        self._is_walking = True
        try:
            self._walk(order, time_ns)
        finally:
            self._is_walking = False

    def _walk(self, order: BookOrder, time_ns: i64) -> None:
        is_exact = self.liquidity.loses_taken()
        step = 0
        while step < len(_WALK_STEPS):
            before_e8 = order.filled_e8
            levels = self.liquidity.offered(order.side, order.limit_e8, _WALK_STEPS[step])
            for price_e8, left_e8 in levels:
                if not self._take_clients(order, price_e8, False, time_ns):
                    return
                self._take_level(order, price_e8, left_e8, time_ns)
                if self._wanted_e8(order, price_e8) == 0:
                    return
            if len(levels) == 0:
                break
            # A market that loses a level may answer with another one: its best is asked for again and again.
            if not is_exact or order.filled_e8 == before_e8:
                step += 1
        self._take_clients(order, order.limit_e8, True, time_ns)

    def _take_level(self, order: BookOrder, price_e8: i64, offered_e8: i64, time_ns: i64) -> None:
        """One price: the market's orders before a client's, the client's, and so on, then the rest of the market's."""
        left_e8: i64 = self.instrument.quantity_down(int(offered_e8))
        while self._wanted_e8(order, price_e8) > 0:
            maker = self._first_opposite(order)
            if maker is None or maker.price_e8 != price_e8:
                self._take_market(order, price_e8, left_e8, time_ns)
                return
            if self.liquidity.loses_taken():
                self.resting.tell(maker, time_ns)  # what was cancelled since it was last told
            ahead_e8 = self._ahead_e8(maker, left_e8)
            if ahead_e8 > 0:  # a fill may change anything: look again before the client's turn
                left_e8 -= self._take_market(order, price_e8, ahead_e8, time_ns)
            else:
                self._meet(order, maker, time_ns)

    def _take_clients(self, order: BookOrder, price_e8: i64, is_at_too: bool, time_ns: i64) -> bool:
        """Clients' orders at better prices than this (or at it too); price 0 = any.

        False when the order may take no more of one of them: then it takes nothing at a worse price either, even where
        it could pay for a step there.
        """
        while True:
            maker = self._first_opposite(order)
            if maker is None:
                return True
            worse_e8 = (maker.price_e8 - price_e8) * order.side
            if price_e8 > 0 and (worse_e8 > 0 or (worse_e8 == 0 and not is_at_too)):
                return True
            if self._wanted_e8(order, maker.price_e8) == 0:
                return False
            self._meet(order, maker, time_ns)

    def _meet(self, order: BookOrder, maker: BookOrder, time_ns: i64) -> None:
        """Trade with a client's order, or be kept from it because both have the same owner."""
        price_e8 = maker.price_e8
        if self.party.is_self_trade(order, maker):
            self.party.prevent(order, maker, time_ns)
            assert order.is_done or maker.is_done, "self-trade prevention ended neither order"
        else:
            before_e8 = order.filled_e8
            quantity_e8 = min(self._wanted_e8(order, price_e8), self._wanted_e8(maker, price_e8))
            self.party.match(order, maker, quantity_e8, time_ns)
            assert order.filled_e8 == before_e8 + quantity_e8, "the party booked something else than the match"
        if maker.is_done:
            self.resting.remove(maker)

    def _take_market(self, order: BookOrder, price_e8: i64, left_e8: i64, time_ns: i64) -> i64:
        quantity_e8 = min(self._wanted_e8(order, price_e8), left_e8)
        if quantity_e8 <= 0:
            return 0
        self.liquidity.take(order.side, price_e8, quantity_e8)
        if self.liquidity.loses_taken():
            self.resting.on_taken(-order.side, price_e8, quantity_e8)
        self.party.fill(order, quantity_e8, price_e8, False, time_ns)
        return quantity_e8

    def _wanted_e8(self, order: BookOrder, price_e8: i64) -> i64:
        """How much the order may still trade at this price, in whole steps; 0 when it is done."""
        if order.is_done:
            return 0
        return self.instrument.quantity_down(max(0, int(self.party.allowed_e8(order, price_e8))))

    def _ahead_e8(self, maker: BookOrder, left_e8: i64) -> i64:
        """How much of what is left of the market's orders at its price stands before a client's order."""
        queue = maker.queue
        if queue is None or queue.ahead_e8 < 0:
            return left_e8  # of a queue that cannot be seen, all
        # What is shown and no longer left was taken by clients, from the front.
        ahead_e8 = queue.ahead_e8 - max(0, queue.shown_e8 - left_e8)
        # An estimate may lie between two steps; whoever rests has not come further than it says.
        return min(left_e8, -self.instrument.quantity_down(-max(0, int(ahead_e8))))

    def _first_opposite(self, order: BookOrder) -> BookOrder | None:
        """The client's order whose turn is next; one that may not fill at all is passed over."""
        if self.is_single:
            return None
        resting = self.resting.side(-order.side)
        first = resting.first()
        if first is None or self._wanted_e8(first, first.price_e8) > 0:
            return first
        for maker in resting.orders:
            if self._wanted_e8(maker, maker.price_e8) > 0:
                return maker
        return None

    def fillable_e8(self, order: BookOrder, wanted_e8: i64) -> i64:
        """How much of ``wanted_e8`` could be taken now within the limit (fill-or-kill asks); nothing changes."""
        found_e8: i64 = 0
        stop: BookOrder | None = None  # where self-trade prevention would end or shrink the order
        makers = [] if self.is_single else self.resting.side(-order.side).orders
        for maker in makers:
            if order.limit_e8 > 0 and (maker.price_e8 - order.limit_e8) * order.side > 0:
                break
            if self._wanted_e8(maker, maker.price_e8) == 0:
                continue
            if not self.party.is_self_trade(order, maker):
                found_e8 += self.party.whole_e8(maker)
            elif order.stp_mode != STP_EXPIRE_MAKER:
                stop = maker
                break
            if found_e8 >= wanted_e8:
                return wanted_e8
        market_e8: i64 = 0
        for count in _WALK_STEPS:
            market_e8 = self._market_e8(order, count, stop)
            if found_e8 + market_e8 >= wanted_e8:
                return wanted_e8
        return found_e8 + market_e8

    def _market_e8(self, order: BookOrder, count: int, stop: BookOrder | None) -> i64:
        """What the market offers an order, as far as it comes before ``stop``."""
        found_e8: i64 = 0
        for price_e8, offered_e8 in self.liquidity.offered(order.side, order.limit_e8, count):
            left_e8: i64 = self.instrument.quantity_down(offered_e8)
            if stop is not None:
                worse_e8 = (price_e8 - stop.price_e8) * order.side
                if worse_e8 > 0:
                    break
                if worse_e8 == 0:
                    left_e8 = self._ahead_e8(stop, left_e8)
            found_e8 += left_e8
        return found_e8

    def best_e8(self, side: i64) -> i64:
        """The best price of a side (+1 = bid), of the market and the clients; 0 when there is none."""
        best_e8 = self.liquidity.best_e8(side)
        first = self.resting.side(side).first()
        if first is None or (best_e8 > 0 and (first.price_e8 - best_e8) * side <= 0):
            return best_e8
        return first.price_e8
