"""The USD-M venue against the naive exchange: random commands, and after each the same answers, books and money."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.matching.book_order import STP_DECREMENT
from supreme_system_v5.core.matching.exchange.usdm_settings import removable_margin_e8
from supreme_system_v5.core.matching.matcher import Matcher
from tests.core.matching.bank import E8, MODES, TICK_E8
from tests.core.matching.exchange.both import MIDDLE_E8, Both, Said, hundred_thousand
from tests.core.matching.exchange.naive_usdm import STOPS, NaiveUsdm
from tests.core.matching.exchange.naive_usdm_book import UsdmAsked
from tests.core.matching.exchange.usdm_floor import MAKER_FEE_E8, MS, TAKER_FEE_E8, UsdmFloor

WALLETS = {"ann": 100_000 * E8, "bob": 100_000 * E8, "cat": 5_000 * E8, "dan": 300 * E8}
NAMES = ("ann", "ann", "bob", "bob", "cat", "cat", "dan", "dan")
KINDS = ("LIMIT",) * 10 + ("MARKET",) * 3 + STOPS
USDM_MODES = tuple(mode for mode in MODES if mode != STP_DECREMENT)
SETTINGS = ("lever", "lever", "lever", "margin", "margin", "deposit", "deposit", "deposit", "time", "time")
SETTINGS += ("countdown", "cancel_all", "amend", "amend", "amend")
FUNDING_MS = 28_800_000


class BothUsdm(Both):
    order_share = 0.6
    cancel_share = 0.07
    trade_until = 0.80
    step_e8 = E8 // 1_000

    def __init__(self, seed: int) -> None:
        super().__init__(seed, UsdmFloor(WALLETS), NaiveUsdm(WALLETS, MAKER_FEE_E8, TAKER_FEE_E8))
        self.given_e8 = sum(WALLETS.values())  # deposits, and what the market paid for positions less what it got
        self.funding_ms = 1_700_006_400_000
        self.is_gap = False  # the market has jumped and the mark has not: nobody is liquidated yet

    def matcher(self) -> Matcher:
        return self.floor.venue.matcher

    def tidy(self) -> None:
        super().tidy()
        self.open = [*self.open, *(algo.number for algo in self.naive.waiting)]
        for account in self.naive.accounts.values():
            account.carry()
        if self.rng.random() < 0.3:
            self.floor.restart()
            self.count("restarts")

    # ---- comparing

    def compare_more(self, at: str) -> int:
        floor, naive = self.floor, self.naive
        floor.listen()
        fills = floor.fills()
        assert fills == naive.fills, at
        assert sorted(floor.ended()) == sorted(naive.ended), at
        algo_news = floor.algo_news()
        assert by_first(algo_news) == by_first(naive.algo_news), at
        assert floor.calls() == naive.calls, at
        self.count("margin calls", len(naive.calls))
        income = floor.income()
        assert income == by_account(naive.income), at
        assert floor.waiting() == sorted(algo.number for algo in naive.waiting), at
        booking = floor.venue.booking
        assert (booking.fees_e8, booking.funding_e8, booking.insurance_e8) == (naive.fees, naive.funding, naive.fund), (
            at
        )
        assert (floor.venue.mark_e8, floor.venue.last_e8) == (naive.mark, naive.last), at
        self.check_money(income, at)
        self.count_what(income, algo_news, naive.ended)
        naive.income, naive.ended, naive.algo_news, naive.calls = [], [], [], []
        return len(fills)

    def check_money(self, income: list[tuple[str, str, int]], at: str) -> None:
        """Wallets, less what the positions cost, and what the house holds: all that came in, to the last digit."""
        venue = self.floor.venue
        self.given_e8 += self.floor.given_e8() + sum(amount for _, kind, amount in income if kind == "TRANSFER")
        held_e8 = sum(one.wallet_e8 - one.position.cost_e8 for one in venue.accounts.values())
        booking = venue.booking
        assert held_e8 + booking.fees_e8 + booking.insurance_e8 - booking.funding_e8 == self.given_e8, at
        assert all(one.cross_e8 >= 0 and one.available_e8 >= 0 for one in venue.accounts.values()), at

    def count_what(
        self,
        income: list[tuple[str, str, int]],
        algo_news: list[tuple[int, str]],
        ended: list[tuple[int, str, int, int, int]],
    ) -> None:
        for _, kind, amount_e8 in income:
            if kind == "INSURANCE_CLEAR":
                self.count("debts the fund paid" if amount_e8 > 0 else "clearance fees")
            elif kind == "FUNDING_FEE":
                self.count("funding fees")
        for _, status in algo_news:
            self.count(f"algo {status}")
        for number, status, reason, _, _ in ended:
            self.count("liquidations" if number < 0 else f"ended {status} {reason}")

    # ---- commands

    def step(self) -> Said:
        self.naive.now_ms = self.floor.now_ns // MS
        if self.number % 20 == 0:
            living = [order.number for order in self.naive.all_orders()]
            self.open = [*living, *(algo.number for algo in self.naive.waiting)]
        if self.is_gap:
            self.is_gap = self.rng.random() < 0.5
            return self.close()
        draw = self.rng.random()
        if draw < 0.80:
            return super().step()
        if draw < 0.86:
            return self.mark_moves()
        if draw < 0.87:
            return self.price_jumps()
        return self.account_command()

    def mark_moves(self) -> Said:
        """Mostly near the market, now and then by some percent, now and then at a funding time."""
        width = self.rng.choice((5.0, 5.0, 300.0, 4_000.0))
        price_e8 = self.middle_e8 + TICK_E8 * int(self.rng.gauss(0.0, width))
        if self.rng.random() < 0.1:
            self.funding_ms += FUNDING_MS
        return self.mark(price_e8)

    def mark(self, price_e8: int) -> Said:
        rate_e8 = self.rng.randrange(-75_000, 75_001)
        self.floor.mark(price_e8, rate_e8, self.funding_ms)
        self.naive.on_mark(price_e8, rate_e8, self.funding_ms)
        return f"mark {price_e8} {rate_e8} {self.funding_ms}", None, None

    def price_jumps(self) -> Said:
        """The market leaves its prices and is somewhere else; clients' orders on the way are filled."""
        target_e8 = MIDDLE_E8 + TICK_E8 * int(self.rng.gauss(0.0, 5_000.0))
        side = BUY if target_e8 > self.middle_e8 else SELL
        for gone in (BUY, SELL):
            for price_e8 in sorted(self.floor.market.side(gone)):
                self.set_level(gone, price_e8, 0)
        self.middle_e8 = target_e8
        size_e8 = self.step_e8 * self.rng.choice((500, 20_000, 200_000))
        for ticks in range(2, 8):
            self.set_level(-side, target_e8 + side * ticks * TICK_E8, size_e8)
        quantity_e8 = self.step_e8 * self.rng.randrange(1, 200_000)
        answer = (
            self.floor.trade(side, target_e8, quantity_e8),
            self.naive.trade(side, target_e8, quantity_e8),
        )
        for ticks in range(1, 7):
            self.set_level(side, target_e8 - side * ticks * TICK_E8, size_e8)
        name = f"jump {side} {target_e8} {quantity_e8}"
        if self.rng.random() < 0.4:
            self.mark(target_e8)
        else:
            self.is_gap = True
        return name, *answer

    def close(self) -> Said:
        """Who has lost most of his money gets out of half or all of the position at the market."""
        holders = [name for name, one in self.floor.venue.accounts.items() if one.position.quantity_e8]
        name = min(holders or WALLETS, key=self.fortune)
        position_e8 = self.floor.venue.accounts[name].position.quantity_e8
        asked = UsdmAsked(name, SELL if position_e8 > 0 else BUY, 0, 0, "MARKET")
        part_e8 = abs(position_e8) * self.rng.choice((1, 1, 1, 2)) // 2
        asked.quantity_e8 = min(2_000 * E8, part_e8 - part_e8 % self.step_e8)
        asked.is_reduce_only = self.rng.random() < 0.7
        self.number += 1
        return f"close {asked}", self.floor.place(self.number, asked), self.naive.place(self.number, asked)

    def set_level(self, side: int, price_e8: int, quantity_e8: int) -> None:
        best_e8 = int(self.matcher().best_e8(-side))
        if best_e8 and quantity_e8 and (price_e8 - best_e8) * side >= 0:
            price_e8 = best_e8 - side * TICK_E8
        self.floor.level(side, price_e8, quantity_e8)
        self.naive.set_level(side, price_e8, quantity_e8)

    def account_command(self) -> Said:
        rng, name = self.rng, self.rng.choice(NAMES)
        which = rng.choice(SETTINGS)
        args: tuple[object, ...] = (name,)
        if which == "lever":
            args = (name, rng.choice((0, 1, 10, 20, 50, 75, 100, 125, 125, 125, 126)))
        elif which == "margin":
            most_e8 = removable_margin_e8(self.floor.venue, self.floor.venue.accounts[name])
            args = (name, rng.choice((rng.randrange(1, 300 * E8), -most_e8 or 1, -most_e8 - 1, -most_e8 // 2 or 1)))
        elif which == "deposit":
            name = min(WALLETS, key=self.fortune) if rng.random() < 0.7 else name
            account = self.floor.venue.accounts[name]
            amount_e8 = rng.randrange(1, WALLETS[name])
            if account.wallet_e8 > WALLETS[name]:
                amount_e8 = -rng.choice((amount_e8, account.available_e8 or 1, account.available_e8 + 1))
            args = (name, amount_e8)
        elif which == "countdown":
            args = (name, rng.choice((0, 60_000, 300_000, 900_000)))
        elif which == "amend":
            resting = [order.number for order in self.naive.all_orders() if rng.random() < 0.95]
            number = rng.choice(resting) if resting else 0
            price_e8 = self.middle_e8 + TICK_E8 * int(rng.gauss(0.0, 8.0))
            args = (number, price_e8, self.size_e8(name))
        elif which == "time":
            self.floor.now_ns += MS * rng.randrange(1, 900_000)
            self.naive.now_ms = self.floor.now_ns // MS
            which, args = "advance", ()
        said = getattr(self.floor, which)(*args), getattr(self.naive, which)(*args)
        return f"{which} {args}", *said

    def fortune(self, name: str) -> float:
        """Of the wallet, what the market makes of it."""
        account = self.floor.venue.accounts[name]
        return float(account.wallet_e8 + account.position.unrealized_e8(self.middle_e8)) / WALLETS[name]

    def asked(self) -> UsdmAsked:
        rng = self.rng
        side, kind = rng.choice((BUY, SELL)), rng.choice(KINDS)
        is_market = kind.endswith("MARKET")
        asked = UsdmAsked(
            rng.choice(NAMES),
            side,
            0,
            0 if is_market else self.middle_e8 + TICK_E8 * int(rng.gauss(rng.choice((0.0, -8.0)) * side, 4.0)),
            kind,
            "GTC" if is_market else rng.choice(("GTC", "GTC", "GTC", "GTX", "GTD", "IOC", "FOK")),
            rng.choice(USDM_MODES),
        )
        asked.quantity_e8 = self.size_e8(asked.account)
        asked.is_reduce_only = rng.random() < 0.2
        position_e8 = self.floor.venue.accounts[asked.account].position.quantity_e8
        if asked.is_reduce_only and position_e8 and not asked.price_e8 and rng.random() < 0.7:
            asked.side = BUY if position_e8 < 0 else SELL
        if asked.time_in_force == "FOK":
            asked.price_e8 += side * 5 * TICK_E8
        elif asked.time_in_force == "GTD":
            now_ms = self.floor.now_ns // MS
            asked.good_till_ms = (now_ms + rng.randrange(590_000, 1_500_000)) // 1_000 * 1_000
        if rng.random() < 0.1:
            asked.name = rng.choice(("one", "two"))
        if kind in STOPS:
            self.make_conditional(asked)
        self.make_wrong(asked)
        return asked

    def size_e8(self, name: str) -> int:
        """Small, or large, or about as much as the account can pay."""
        rng, account = self.rng, self.floor.venue.accounts[name]
        payable = account.available_e8 * account.leverage // self.middle_e8 * E8 // self.step_e8
        steps = rng.choice(
            (rng.randrange(10, 300), rng.randrange(100, 6_000), 10 + int(payable * rng.uniform(0.1, 1.2)))
        )
        return self.step_e8 * int(steps)

    def make_conditional(self, asked: UsdmAsked) -> None:
        rng = self.rng
        is_rise = (asked.side == BUY) == asked.kind.startswith("STOP")
        width = rng.choice((4.0, 4.0, 3_000.0))
        asked.stop_e8 = self.middle_e8 + TICK_E8 * int(abs(rng.gauss(0.0, width)) * (1 if is_rise else -1))
        asked.working_type = rng.choice(("CONTRACT_PRICE", "MARK_PRICE"))
        asked.is_price_protected = rng.random() < 0.2
        if not asked.kind.endswith("MARKET"):
            asked.price_e8 = asked.stop_e8 + TICK_E8 * int(rng.gauss(0.0, 5.0))
        elif rng.random() < 0.4:
            asked.is_close_position, asked.is_reduce_only, asked.quantity_e8 = True, False, 0

    def make_wrong(self, asked: UsdmAsked) -> None:
        """What the filters must never let through, now and then."""
        rng = self.rng
        flaw = rng.random()
        if flaw < 0.01 and asked.price_e8:
            asked.price_e8 += rng.randrange(1, TICK_E8)
        elif flaw < 0.02 and asked.quantity_e8:
            asked.quantity_e8 += rng.randrange(1, self.step_e8)
        elif flaw < 0.03 and asked.quantity_e8:
            asked.quantity_e8 = self.step_e8 * rng.randrange(0, 10)
        elif flaw < 0.04 and asked.quantity_e8:
            asked.quantity_e8 = rng.choice((2_001, 10_001)) * E8
        elif flaw < 0.05 and asked.price_e8:
            asked.price_e8 += rng.choice((-1, 1)) * asked.price_e8 // 1_000_000 * 80_000
            asked.price_e8 -= asked.price_e8 % TICK_E8


def by_first(rows: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Of each number in the order it happened."""
    return sorted(rows, key=lambda row: row[0])


def by_account(rows: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    return sorted(rows, key=lambda row: list(WALLETS).index(row[0]))


@pytest.mark.parametrize("seed", range(6))
def test_the_usdm_venue_agrees_with_the_naive_exchange(seed: int) -> None:
    both = BothUsdm(seed)
    both.run(600)
    assert both.counts["fills"] > 100
    print(dict(sorted(both.counts.items())))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_commands_agree() -> None:
    counts = hundred_thousand(BothUsdm)
    assert counts["fills"] > 20_000
    assert counts["liquidations"] > 1_000
    assert counts["debts the fund paid"] > 5
    assert counts["algo FINISHED"] > 1_000
    assert counts["ended EXPIRED 0"] > 50  # good-till dates, and margin that a loss has eaten
    assert counts["restarts"] > 50
