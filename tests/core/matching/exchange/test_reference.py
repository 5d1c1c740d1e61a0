"""The matcher against the naive exchange: random commands, and after each the same fills, books and balances."""

from __future__ import annotations

from random import Random

import pytest

from supreme_system_v5.core.domain.order import BUY, GTC, IOC, LIMIT, LIMIT_MAKER, MARKET, SELL
from supreme_system_v5.core.matching.book_order import STP_NONE
from tests.core.matching.bank import (
    E8,
    FOK,
    MAKER_FEE_E8,
    MODES,
    STEP_E8,
    TAKER_FEE_E8,
    TICK_E8,
    Asked,
    Floor,
)
from tests.core.matching.exchange.naive import NaiveExchange

MIDDLE_E8 = 2_000 * E8
ACCOUNTS = {
    "ann": (40 * E8, 80_000 * E8),
    "bob": (40 * E8, 80_000 * E8),
    "cat": (5 * E8, 10_000 * E8),
    "dan": (E8, 300 * E8),  # often too poor
}
RESTING_MAX = 40


class Both:
    """Gives each command to both exchanges and compares all that can be seen."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.floor = Floor(ACCOUNTS, is_hinting=seed % 3 != 0)
        self.naive = NaiveExchange(ACCOUNTS, MAKER_FEE_E8, TAKER_FEE_E8)
        self.number = 0
        self.open: list[int] = []
        self.counts: dict[str, int] = {}
        self.totals = (self.floor.bank.total("base"), self.floor.bank.total("quote"))

    def run(self, commands: int) -> None:
        for index in range(commands):
            name, said, naive_said = self.step()
            at = f"seed {self.seed}, command {index}, {name}"
            assert said == naive_said, at
            fills = self.floor.take_fills()
            assert fills == self.naive.fills, at
            self.naive.fills = []
            assert self.floor.resting() == self.naive.resting(), at
            assert self.floor.balances() == self.naive.balances(), at
            assert self.floor.market.bids == self.naive.levels(BUY), at
            assert self.floor.market.asks == self.naive.levels(SELL), at
            self.counts["fills"] = self.counts.get("fills", 0) + len(fills)
            key = f"{name.partition(' ')[0]} {said}" if isinstance(said, str) else name.partition(" ")[0]
            self.counts[key] = self.counts.get(key, 0) + 1
            if index % 500 == 0:
                # A naive order that is over needs no place in the sums any more.
                self.naive.orders = {n: one for n, one in self.naive.orders.items() if one.is_open}
                self.open = [n for n in self.open if n in self.naive.orders]
        self.counts.update(self.floor.bank.counts)
        assert (self.floor.bank.total("base"), self.floor.bank.total("quote")) == self.totals

    def step(self) -> tuple[str, object, object]:
        draw = self.rng.random()
        if draw < 0.45 and len(self.open) < 400:
            asked = self.asked()
            self.number += 1
            self.open.append(self.number)
            answer = self.floor.place(self.number, asked), self.naive.place(self.number, asked)
            return f"{asked.kind}/{asked.time_in_force} {self.number} {asked}", *answer
        if draw < (0.60 if len(self.floor.matcher.resting.all()) < RESTING_MAX else 0.75):
            number = self.rng.choice(self.open) if self.open else 0
            return f"cancel {number}", self.floor.cancel(number), self.naive.cancel(number)
        side = self.rng.choice((BUY, SELL))
        if draw < 0.85:
            return self.market_trade(side)
        return self.market_level(side)

    def asked(self) -> Asked:
        rng = self.rng
        side = rng.choice((BUY, SELL))
        kind = rng.choice((LIMIT, LIMIT, LIMIT, LIMIT, LIMIT_MAKER, MARKET))
        price_e8 = 0 if kind == MARKET else MIDDLE_E8 + TICK_E8 * int(rng.gauss(-2.0 * side, 5.0))
        asked = Asked(
            rng.choice(("ann", "ann", "bob", "bob", "cat", "dan")),
            side,
            STEP_E8 * rng.choice((1, rng.randrange(1, 300), rng.randrange(1, 60_000))),
            price_e8,
            kind,
            rng.choice((GTC, GTC, GTC, IOC, FOK)) if kind == LIMIT else GTC,
            rng.choice(MODES) if rng.random() < 0.5 else STP_NONE,
        )
        if kind == MARKET and rng.random() < 0.5:
            asked.budget_e8 = rng.randrange(1, 20_000 * E8)
        if rng.random() < 0.25:
            # Of one client and one side: the two can never trade with each other.
            mates = [
                one.number
                for one in self.naive.orders.values()
                if one.is_open and one.asked.account == asked.account and one.asked.side == side
            ]
            asked.linked = rng.choice(mates) if mates else 0
        return asked

    def market_trade(self, side: int) -> tuple[str, object, object]:
        """The market's own taker, mostly at its best price, now and then at one where only clients are."""
        price_e8 = self.floor.market.best_e8(-side)
        if price_e8 == 0:
            price_e8 = MIDDLE_E8
        shown_e8 = self.floor.market.shown_e8(-side, price_e8)
        quantity_e8 = STEP_E8 * self.rng.randrange(1, 30_000)
        if shown_e8 and self.rng.random() < 0.8:
            quantity_e8 = min(quantity_e8, shown_e8)
        answer = self.floor.trade(side, price_e8, quantity_e8), self.naive.trade(side, price_e8, quantity_e8)
        return f"trade {side} {price_e8} {quantity_e8}", *answer

    def market_level(self, side: int) -> tuple[str, object, object]:
        """Orders of the market come and go; they never cross anybody (those that would, trade instead)."""
        levels = self.floor.market.side(side)
        price_e8 = MIDDLE_E8 + TICK_E8 * int(self.rng.gauss(-3.0 * side, 4.0))
        if levels and self.rng.random() < 0.5:
            price_e8 = self.rng.choice(sorted(levels))
        best_e8 = int(self.floor.matcher.best_e8(-side))
        if best_e8 and (price_e8 - best_e8) * side >= 0:
            price_e8 = best_e8 - side * TICK_E8
        quantity_e8 = STEP_E8 * self.rng.choice((0, self.rng.randrange(1, 500), self.rng.randrange(1, 80_000)))
        self.floor.level(side, price_e8, quantity_e8)
        self.naive.set_level(side, price_e8, quantity_e8)
        return f"level {side} {price_e8} {quantity_e8}", None, None


@pytest.mark.parametrize("seed", range(6))
def test_the_matcher_agrees_with_the_naive_exchange(seed: int) -> None:
    both = Both(seed)
    both.run(800)
    assert both.counts["fills"] > 200
    print(dict(sorted(both.counts.items())))


@pytest.mark.slow
def test_a_hundred_thousand_commands_agree() -> None:
    counts: dict[str, int] = {}
    for seed in range(100, 110):
        both = Both(seed)
        both.run(10_000)
        for name, count in both.counts.items():
            counts[name] = counts.get(name, 0) + count
    print(dict(sorted(counts.items())))
    assert counts["fills"] > 30_000
    assert min(counts[f"prevented {mode}"] for mode in MODES if mode != STP_NONE) > 100
    assert counts["ended by a linked order"] > 500
