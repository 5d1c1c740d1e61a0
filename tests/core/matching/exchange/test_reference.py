"""The matcher against the naive exchange: random commands, and after each the same fills, books and balances."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.order import BUY, GTC, IOC, LIMIT, LIMIT_MAKER, MARKET, SELL
from supreme_system_v5.core.matching.book_order import STP_NONE
from supreme_system_v5.core.matching.matcher import Matcher
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
from tests.core.matching.exchange.both import ACCOUNTS, MIDDLE_E8, Both, hundred_thousand
from tests.core.matching.exchange.naive import NaiveExchange


class BothMatchers(Both):
    def __init__(self, seed: int) -> None:
        super().__init__(
            seed, Floor(ACCOUNTS, is_hinting=seed % 3 != 0), NaiveExchange(ACCOUNTS, MAKER_FEE_E8, TAKER_FEE_E8)
        )
        self.totals = (self.floor.bank.total("base"), self.floor.bank.total("quote"))

    def matcher(self) -> Matcher:
        return self.floor.matcher

    def run(self, commands: int) -> None:
        super().run(commands)
        self.counts.update(self.floor.bank.counts)
        assert (self.floor.bank.total("base"), self.floor.bank.total("quote")) == self.totals

    def compare_more(self, at: str) -> int:
        fills = self.floor.take_fills()
        assert fills == self.naive.fills, at
        return len(fills)

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


@pytest.mark.parametrize("seed", range(6))
def test_the_matcher_agrees_with_the_naive_exchange(seed: int) -> None:
    both = BothMatchers(seed)
    both.run(800)
    assert both.counts["fills"] > 200
    print(dict(sorted(both.counts.items())))


@pytest.mark.slow
def test_a_hundred_thousand_commands_agree() -> None:
    counts = hundred_thousand(BothMatchers)
    assert counts["fills"] > 30_000
    assert min(counts[f"prevented {mode}"] for mode in MODES if mode != STP_NONE) > 100
    assert counts["ended by a linked order"] > 500
