"""The generated market's order book: a bid and an ask that never cross, levels behind them, changes for the next diff.

Prices in ticks, quantities in steps. Every change of a level is one update id.
"""

from __future__ import annotations

from random import Random
from typing import Final

from supreme_system_v5.adapters.exchange.market.history import BookHistory
from supreme_system_v5.adapters.exchange.market.profiles import Profile, Quantiles

WIDTH_TICKS: Final = 2_400  # how far from the best price the book reaches
PRUNE_TICKS: Final = 4_500
HOLE_TICKS: Final = 25
SWEEP_LEVELS_MAX: Final = 120
FIRST_UPDATE_ID: Final = 40_000_000_000


class GeneratedBook:
    """``bids`` and ``asks``: the market's own levels. ``history`` holds what is shown and remembers it for as-of
    answers: here the very same levels; where clients trade too, theirs are added (shared_book.py).
    """

    def __init__(self, rng: Random, profile: Profile, history: BookHistory, steps_per_unit: int) -> None:
        self._rng = rng
        self._profile = profile
        self.history = history
        self._steps_per_unit = steps_per_unit
        self.bids = history.bids
        self.asks = history.asks
        self.bid = 0
        self.ask = 0
        self.update_id = FIRST_UPDATE_ID
        self.sent_update_id = FIRST_UPDATE_ID
        self.pending_bids: dict[int, int] = {}
        self.pending_asks: dict[int, int] = {}

    @property
    def spread(self) -> int:
        """Ask minus bid, in ticks; at least 1."""
        return self.ask - self.bid

    def middle(self) -> float:
        """Between bid and ask, in ticks."""
        return (self.bid + self.ask) / 2.0

    def shown_best(self) -> tuple[int, int]:
        """The best bid and ask that are shown, in ticks."""
        return self.bid, self.ask

    def fill(self, price: int) -> None:
        """A whole new book around a price: dense near it, thinner away from it."""
        rng = self._rng
        self.bid = price
        self.ask = price + 1
        bids = {self.bid: self._best_size()}
        asks = {self.ask: self._best_size()}
        for i in range(1, WIDTH_TICKS):
            share = 0.6 if i < 100 else 0.45
            if rng.random() < share:
                bids[self.bid - i] = self._deep_size()
            if rng.random() < share:
                asks[self.ask + i] = self._deep_size()
        self.bids = bids
        self.asks = asks
        self.history.load(bids, asks, self.update_id)
        # The first diff reaches back before the snapshot, as it does at the venue.
        self.sent_update_id = self.update_id - 10

    # Taking and moving -------------------------------------------------------------------------------------------

    def sweep(self, is_buying: bool, left: int, levels_wanted: int) -> list[tuple[int, int]]:
        """A taker order eats ``left`` steps over about ``levels_wanted`` levels; (price, quantity) of each.

        Makers of a level that is passed withdraw what was not taken: recorded sweeps pass levels that hold more
        than they trade.
        """
        levels = self.asks if is_buying else self.bids
        price = self.ask if is_buying else self.bid
        eaten: list[tuple[int, int]] = []
        while left > 0 and len(eaten) < SWEEP_LEVELS_MAX:
            is_passing = len(eaten) < levels_wanted - 1 and left > 1
            portion = 1 + int((left - 1) * self._rng.random()) if is_passing else left
            taken = min(portion, levels[price])
            eaten.append((price, taken))
            left -= taken
            self.set_level(not is_buying, price, 0 if is_passing else levels[price] - taken)
            if price not in levels:
                price = self._next_level(not is_buying, price)
        if is_buying:
            self.ask = price
        else:
            self.bid = price
        return eaten

    def follow(self, away: float) -> None:
        """Take out the levels in the way of the fair price, a few ticks at a time."""
        reach = abs(away)
        ticks = 1 + int(reach * self._rng.random() * 0.6)
        if reach > 60.0:
            ticks = max(ticks, int(reach * 0.5))
        is_up = away > 0
        levels = self.asks if is_up else self.bids
        price = self.ask if is_up else self.bid
        for i in range(ticks):
            gone = price + i if is_up else price - i
            if gone in levels:
                self.set_level(not is_up, gone, 0)
        best = price + ticks if is_up else price - ticks
        if best not in levels:
            self.set_level(not is_up, best, self._best_size())
        if is_up:
            self.ask = best
        else:
            self.bid = best

    def close_spread(self, fair: float) -> None:
        """One side steps into an open spread, toward the fair price."""
        if fair > self.middle():
            self.bid = min(self.ask - 1, max(self.bid + 1, int(fair)))
            self.set_level(True, self.bid, self._best_size())
        else:
            self.ask = max(self.bid + 1, min(self.ask - 1, int(fair) + 1))
            self.set_level(False, self.ask, self._best_size())

    def resize_best(self) -> None:
        """The quantity at the best bid or ask changes."""
        rng = self._rng
        is_bid = rng.random() < 0.5
        price = self.bid if is_bid else self.ask
        old = (self.bids if is_bid else self.asks)[price]
        new = self._best_size() if rng.random() < 0.5 else (old * 3 + self._best_size()) // 4
        self.set_level(is_bid, price, new if new != old else old + 1)

    # Behind the best prices --------------------------------------------------------------------------------------

    def churn(self) -> None:
        """Orders come and go deep in the book; at least one level changes."""
        rng = self._rng
        profile = self._profile
        for _ in range(1 + int(profile.deep_changes.sample(rng.random()))):
            is_bid = rng.random() < 0.5
            distance = int(profile.deep_distance.sample(rng.random()))
            price = self.bid - distance if is_bid else self.ask + distance
            levels = self.bids if is_bid else self.asks
            if price in levels:
                self.set_level(is_bid, price, 0 if rng.random() < 0.5 else self._deep_size())
            elif rng.random() < 0.4 and price > 0:
                self.set_level(is_bid, price, self._deep_size())
        if not self.pending_bids and not self.pending_asks:
            self.set_level(True, max(1, self.bid - WIDTH_TICKS), self._deep_size())

    def prune(self) -> None:
        """Levels that the price has left far behind are withdrawn, some at a time."""
        for is_bid, levels in ((True, self.bids), (False, self.asks)):
            if len(levels) <= WIDTH_TICKS:
                continue
            best = self.bid if is_bid else self.ask
            far = sorted(price for price in levels if abs(price - best) > PRUNE_TICKS)
            for price in far[:60] if is_bid else far[-60:]:
                self.set_level(is_bid, price, 0)

    def take_pending(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
        """The changes since the last call, best first, and the update id before them."""
        bids = sorted(self.pending_bids.items(), reverse=True)
        asks = sorted(self.pending_asks.items())
        before = self.sent_update_id
        self.sent_update_id = self.update_id
        self.pending_bids.clear()
        self.pending_asks.clear()
        return bids, asks, before

    def set_level(self, is_bid: bool, price: int, quantity: int) -> None:
        """One change of a level; quantity 0 removes it."""
        self.update_id += 1
        if is_bid:
            self.history.set_bid(price, quantity)
            self.pending_bids[price] = quantity
        else:
            self.history.set_ask(price, quantity)
            self.pending_asks[price] = quantity

    def _next_level(self, is_bid: bool, price: int) -> int:
        levels = self.bids if is_bid else self.asks
        step = -1 if is_bid else 1
        for i in range(1, HOLE_TICKS + 1):
            if price + step * i in levels:
                return price + step * i
        new = max(1, price + step * (1 + int(self._rng.random() * HOLE_TICKS)))
        self.set_level(is_bid, new, self._deep_size() + self._steps_per_unit // 10)
        return new

    def _best_size(self) -> int:
        return self._size(self._profile.best_quantity)

    def _deep_size(self) -> int:
        return self._size(self._profile.deep_quantity)

    def _size(self, table: Quantiles) -> int:
        return max(1, int(table.sample(self._rng.random()) * self._steps_per_unit))
