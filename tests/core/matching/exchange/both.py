"""Gives each random command to an exchange and to its naive twin, and compares all that can be seen."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.matching.matcher import Matcher
from tests.core.matching.bank import E8, STEP_E8, TICK_E8, Asked, LosingMarket

MIDDLE_E8 = 2_000 * E8
ACCOUNTS = {
    "ann": (40 * E8, 80_000 * E8),
    "bob": (40 * E8, 80_000 * E8),
    "cat": (5 * E8, 10_000 * E8),
    "dan": (E8, 300 * E8),  # often too poor
}
RESTING_MAX = 40
OPEN_MAX = 400

# What was asked, and what the exchange and the naive one said to it.
Said = tuple[str, object, object]


class Both:
    """``floor`` and ``naive`` take the same commands: place, cancel, trade and a level of the market."""

    order_share = 0.45  # of the commands; then cancels, trades of the market, and its levels
    cancel_share = 0.15  # twice that while many rest
    trade_until = 0.85
    step_e8 = STEP_E8

    def __init__(self, seed: int, floor: Any, naive: Any) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.middle_e8 = MIDDLE_E8  # around which the market's orders stand
        self.floor = floor
        self.naive = naive
        self.number = 0
        self.open: list[int] = []
        self.counts: dict[str, int] = {}

    # ---- of each kind of exchange

    def matcher(self) -> Matcher:
        raise NotImplementedError

    def asked(self) -> Asked:
        raise NotImplementedError

    def compare_more(self, at: str) -> int:
        """Fills first, then whatever only this kind has. Returns the number of fills."""
        raise NotImplementedError

    def tidy(self) -> None:
        """Now and then."""
        # A naive order that is over needs no place in the sums any more.
        self.naive.orders = {n: one for n, one in self.naive.orders.items() if one.is_open}
        self.open = [n for n in self.open if n in self.naive.orders]

    # ---- the same for all

    def run(self, commands: int) -> None:
        for index in range(commands):
            name, said, naive_said = self.step()
            at = f"seed {self.seed}, command {index}, {name}"
            assert said == naive_said, at
            self.count("fills", self.compare_more(at))
            self.naive.fills = []
            assert self.floor.resting() == self.naive.resting(), at
            assert self.floor.balances() == self.naive.balances(), at
            assert self.floor.market.bids == self.naive.levels(BUY), at
            assert self.floor.market.asks == self.naive.levels(SELL), at
            self.count(f"{name.partition(' ')[0]} {said}" if isinstance(said, str) else name.partition(" ")[0])
            if index % 250 == 0:
                self.tidy()

    def count(self, name: str, number: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    def step(self) -> Said:
        draw = self.rng.random()
        if draw < self.order_share and len(self.open) < OPEN_MAX:
            asked = self.asked()
            self.number += 1
            self.open.append(self.number)
            answer = self.floor.place(self.number, asked), self.naive.place(self.number, asked)
            return f"{asked.kind}/{asked.time_in_force} {self.number} {asked}", *answer
        is_full = len(self.matcher().resting.all()) >= RESTING_MAX
        if draw < self.order_share + self.cancel_share * (2 if is_full else 1):
            number = self.rng.choice(self.open) if self.open else 0
            return f"cancel {number}", self.floor.cancel(number), self.naive.cancel(number)
        side = self.rng.choice((BUY, SELL))
        return self.market_trade(side) if draw < self.trade_until else self.market_level(side)

    def market_trade(self, side: int) -> Said:
        """The market's own taker, mostly at its best price, now and then at one where only clients are."""
        market: LosingMarket = self.floor.market
        price_e8 = market.best_e8(-side) or int(self.matcher().best_e8(-side))
        if price_e8 == 0:
            return self.market_level(side)
        shown_e8 = market.shown_e8(-side, price_e8)
        quantity_e8 = self.step_e8 * self.rng.randrange(1, 30_000)
        if shown_e8 and self.rng.random() < 0.8:
            quantity_e8 = min(quantity_e8, shown_e8)
        answer = self.floor.trade(side, price_e8, quantity_e8), self.naive.trade(side, price_e8, quantity_e8)
        return f"trade {side} {price_e8} {quantity_e8}", *answer

    def market_level(self, side: int) -> Said:
        """Orders of the market come and go; they never cross anybody (those that would, trade instead)."""
        levels = self.floor.market.side(side)
        price_e8 = self.middle_e8 + TICK_E8 * int(self.rng.gauss(-3.0 * side, 4.0))
        if levels and self.rng.random() < 0.5:
            price_e8 = self.rng.choice(sorted(levels))
        best_e8 = int(self.matcher().best_e8(-side))
        if best_e8 and (price_e8 - best_e8) * side >= 0:
            price_e8 = best_e8 - side * TICK_E8
        quantity_e8 = self.step_e8 * self.rng.choice((0, self.rng.randrange(1, 500), self.rng.randrange(1, 80_000)))
        self.floor.level(side, price_e8, quantity_e8)
        self.naive.set_level(side, price_e8, quantity_e8)
        return f"level {side} {price_e8} {quantity_e8}", None, None


def hundred_thousand(made: Callable[[int], Both]) -> dict[str, int]:
    """Ten seeds of 10,000 commands each; what happened, counted."""
    counts: dict[str, int] = {}
    for seed in range(100, 110):
        both = made(seed)
        both.run(10_000)
        for name, count in both.counts.items():
            counts[name] = counts.get(name, 0) + count
    print(dict(sorted(counts.items())))
    return counts
