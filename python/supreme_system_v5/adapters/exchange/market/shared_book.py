"""The generated book with clients in it, and what of it a client can take.

``bids`` and ``asks`` stay the market's own levels; ``history`` (REST depth, diffs, quotes) shows them and the clients'
together. A client's taking really removes what was there. The market's own flow meets clients' orders first where they
are better, behind the queue that was there where they are equal, and never steps across one without trading with it.
"""

from __future__ import annotations

from random import Random

from supreme_system_v5.adapters.exchange.market.background import ClientOrders, Level
from supreme_system_v5.adapters.exchange.market.generated_book import SWEEP_LEVELS_MAX, GeneratedBook
from supreme_system_v5.adapters.exchange.market.history import BookHistory
from supreme_system_v5.adapters.exchange.market.profiles import Profile
from supreme_system_v5.adapters.exchange.market.tape import Tape
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.matching.liquidity import Liquidity

_WALKED_TICKS = 400  # the nearest levels are found by walking; for more the whole side is sorted
IMPACT = 0.25  # of the ticks that a client's taking moves the best price: the fair price goes along so far


class SharedBook(GeneratedBook):
    """Prices in ticks, quantities in steps, like the base; ``tick_e8`` and ``step_e8`` lead to the clients' units."""

    def __init__(self, rng: Random, profile: Profile, history: BookHistory, steps_per_unit: int) -> None:
        super().__init__(rng, profile, history, steps_per_unit)
        self.client_bids: dict[int, int] = {}
        self.client_asks: dict[int, int] = {}
        self.changed_bids: list[int] = []  # prices that were set since the venue last asked
        self.changed_asks: list[int] = []
        self.orders: ClientOrders | None = None
        self.tape: Tape | None = None
        self.tick_e8 = 1
        self.step_e8 = 1
        self.time_ns = 0  # of what is happening now
        self.impact_ticks = 0.0  # how far clients have pushed the price; the market takes it from here

    def fill(self, price: int) -> None:
        super().fill(price)
        self.bids = dict(self.bids)
        self.asks = dict(self.asks)

    # What is shown -----------------------------------------------------------------------------------------------

    def set_level(self, is_bid: bool, price: int, quantity: int) -> None:
        levels = self.bids if is_bid else self.asks
        if quantity:
            levels[price] = quantity
        else:
            levels.pop(price, None)
        self._show(is_bid, price)

    def set_clients(self, is_bid: bool, price: int, quantity: int) -> bool:
        """So much of the clients' orders stands at a price now; True when that is a change."""
        levels = self.client_bids if is_bid else self.client_asks
        if levels.get(price, 0) == quantity:
            return False
        if quantity:
            levels[price] = quantity
        else:
            del levels[price]
        self._show(is_bid, price)
        return True

    def _show(self, is_bid: bool, price: int) -> None:
        if self.orders is not None:
            (self.changed_bids if is_bid else self.changed_asks).append(price)
        own, clients = (self.bids, self.client_bids) if is_bid else (self.asks, self.client_asks)
        super().set_level(is_bid, price, own.get(price, 0) + clients.get(price, 0))

    def shown_best(self) -> tuple[int, int]:
        bid = max(self.client_bids, default=self.bid) if self.client_bids else self.bid
        ask = min(self.client_asks, default=self.ask) if self.client_asks else self.ask
        return max(bid, self.bid), min(ask, self.ask)

    # What the market's own flow does -----------------------------------------------------------------------------

    def is_shared(self, is_bid: bool) -> bool:
        """True when clients' orders rest on that side."""
        return self.orders is not None and not self.orders.is_empty(BUY if is_bid else SELL)

    def sweep_shared(self, is_buying: bool, left: int, levels_wanted: int, fills: int) -> None:
        """``sweep`` through a side on which clients' orders rest; the trades are written on the tape."""
        is_bid = not is_buying
        levels = self.bids if is_bid else self.asks
        price = self.bid if is_bid else self.ask
        count = max(1, fills // max(1, levels_wanted))
        passed = 0
        while left > 0 and passed < SWEEP_LEVELS_MAX:
            left -= self._hit_better(is_bid, price, left)
            if left == 0:
                break
            is_passing = passed < levels_wanted - 1 and left > 1
            portion = 1 + int((left - 1) * self._rng.random()) if is_passing else left
            taken = self._hit_level(is_bid, price, portion, count)
            left -= taken[0] + taken[1]
            passed += 1
            self.set_level(is_bid, price, 0 if is_passing else max(0, levels.get(price, 0) - taken[1]))
            if price not in levels:
                price = self._next_level(is_bid, price)
        if is_bid:
            self.bid = price
        else:
            self.ask = price

    def _hit_level(self, is_bid: bool, price: int, portion: int, count: int) -> tuple[int, int]:
        """Up to ``portion`` at one price: the market's orders before the clients', theirs, the rest of the market's.

        Returns what the clients gave and what the market gave; the level is the caller's to set.
        """
        assert self.orders is not None and self.tape is not None
        side = BUY if is_bid else SELL
        price_e8 = price * self.tick_e8
        here = (self.bids if is_bid else self.asks).get(price, 0)
        wanted = min(portion, here + self.orders.fillable_e8(side, price_e8) // self.step_e8)
        before = min(wanted, here, self.orders.ahead_e8(side, price_e8, self.time_ns) // self.step_e8)
        if before > 0:
            self.tape.add_market(self.time_ns, price_e8, before, count, is_bid)
        used = self.orders.hit_at(side, price_e8, wanted * self.step_e8, self.time_ns) // self.step_e8
        taken = max(before, min(wanted - used, here))
        if taken > before:
            self.tape.add_market(self.time_ns, price_e8, taken - before, count, is_bid)
        return used, taken

    def _hit_better(self, is_bid: bool, price: int, steps: int) -> int:
        assert self.orders is not None
        side = BUY if is_bid else SELL
        filled_e8 = self.orders.hit_better(side, price * self.tick_e8, steps * self.step_e8, self.time_ns)
        return filled_e8 // self.step_e8

    def close_spread(self, fair: float) -> None:
        is_bid = fair > self.middle()
        if not self.is_shared(not is_bid):
            super().close_spread(fair)
            return
        if is_bid:
            price = min(self.ask - 1, max(self.bid + 1, int(fair)))
            size = self._best_size()
            size -= self._hit_better(False, price + 1, size)
            if size > 0:
                self.bid = price
        else:
            price = max(self.bid + 1, min(self.ask - 1, int(fair) + 1))
            size = self._best_size()
            size -= self._hit_better(True, price - 1, size)
            if size > 0:
                self.ask = price
        if size > 0:
            self.set_level(is_bid, price, size)

    # What a client does ------------------------------------------------------------------------------------------

    def take(self, is_bid: bool, price: int, steps: int) -> None:
        """A client takes of the market's own orders at a level that is there; an emptied side gets a level again."""
        levels = self.bids if is_bid else self.asks
        assert levels[price] >= steps, "a client took more than was there"
        self.set_level(is_bid, price, levels[price] - steps)
        best = self.bid if is_bid else self.ask
        if price != best or price in levels:
            return
        best = self._next_level(is_bid, price)
        self.impact_ticks += (best - price) * IMPACT
        if is_bid:
            self.bid = best
        else:
            self.ask = best

    def best_levels(self, is_bid: bool, count: int) -> list[tuple[int, int]]:
        """The market's own levels of a side as (price, steps), best first, ``count`` of them when there are so many."""
        levels = self.bids if is_bid else self.asks
        price = self.bid if is_bid else self.ask
        if count == 1:
            return [(price, levels[price])]
        if count < len(levels):
            step = -1 if is_bid else 1
            near: list[tuple[int, int]] = []
            for at in range(price, price + step * _WALKED_TICKS, step):
                if at in levels:
                    near.append((at, levels[at]))
                    if len(near) == count:
                        return near
        return sorted(levels.items(), reverse=is_bid)[:count]


class GeneratedLiquidity(Liquidity):
    """The market's own levels of a SharedBook, for the venue."""

    def __init__(self, book: SharedBook) -> None:
        self._book = book
        self.touched: set[Level] = set()  # where an order came to rest: the public must see it
        self.is_telling = False  # the market asks the venue to look at levels that it already knows

    def offered(self, side: int, limit_e8: int, count: int) -> list[tuple[int, int]]:
        tick_e8, step_e8 = self._book.tick_e8, self._book.step_e8
        levels = self._book.best_levels(side == SELL, count)
        offered = [(price * tick_e8, steps * step_e8) for price, steps in levels]
        if limit_e8 > 0:
            return [level for level in offered if (level[0] - limit_e8) * side <= 0]
        return offered

    def take(self, side: int, price_e8: int, quantity_e8: int) -> None:
        book = self._book
        book.take(side == SELL, int(price_e8) // book.tick_e8, int(quantity_e8) // book.step_e8)

    def shown_e8(self, side: int, price_e8: int) -> int:
        book = self._book
        price = int(price_e8) // book.tick_e8
        if not self.is_telling or price not in (book.client_bids if side == BUY else book.client_asks):
            self.touched.add((int(side), int(price_e8)))
        return (book.bids if side == BUY else book.asks).get(price, 0) * book.step_e8

    def best_e8(self, side: int) -> int:
        return (self._book.bid if side == BUY else self._book.ask) * self._book.tick_e8

    def loses_taken(self) -> bool:
        return True

    def changed_prices(self, side: int) -> list[int]:
        book = self._book
        if side == BUY:
            changed, book.changed_bids = book.changed_bids, []
        else:
            changed, book.changed_asks = book.changed_asks, []
        return [price * book.tick_e8 for price in dict.fromkeys(changed)]
