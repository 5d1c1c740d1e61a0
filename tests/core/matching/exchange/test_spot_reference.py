"""The spot venue against the naive exchange: random commands, and after each the same fills, books and balances."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.matching.exchange.happenings import OrderUpdate
from supreme_system_v5.core.matching.exchange.ids import Ids
from supreme_system_v5.core.matching.exchange.refusal import Refusal
from supreme_system_v5.core.matching.exchange.spot import SpotVenue
from supreme_system_v5.core.matching.exchange.words import ExchangeOrder, NewOrder
from supreme_system_v5.core.matching.matcher import Matcher
from tests.core.matching.bank import E8, MAKER_FEE_E8, MODES, STEP_E8, TAKER_FEE_E8, TICK_E8, Asked, Fill, LosingMarket
from tests.core.matching.exchange.both import ACCOUNTS, MIDDLE_E8, Both, hundred_thousand
from tests.core.matching.exchange.naive_spot import PRICELESS, STOPS, NaiveSpot

KINDS = ("LIMIT", "LIMIT", "LIMIT", "LIMIT", "LIMIT_MAKER", "MARKET", *STOPS)


def refusal_of(refusal: Refusal) -> str:
    if refusal.code == -1013:
        return "refused: filter"
    assert refusal.code == -2010, refusal
    for words, reason in (
        ("insufficient balance", "balance"),
        ("trigger immediately", "would trigger"),
        ("immediately match", "would take"),
        ("liquidity is less", "liquidity"),
    ):
        if words in refusal.message:
            return f"refused: {reason}"
    raise AssertionError(refusal)


class SpotFloor:
    """The venue with a market that loses what is taken, driven as the generated market drives it."""

    def __init__(self) -> None:
        self.market = LosingMarket()
        self.venue = SpotVenue(eth_usdt("spot"), self.market, Ids(1), MAKER_FEE_E8, TAKER_FEE_E8)
        for name, (base_e8, quote_e8) in ACCOUNTS.items():
            self.venue.open_account(name, {"ETH": base_e8, "USDT": quote_e8})
        self.orders: dict[int, ExchangeOrder] = {}
        self.numbers: dict[int, int] = {}  # by order id
        self.now_ns = 1_700_000_000_000_000_000

    def place(self, number: int, asked: Asked) -> str:
        new = NewOrder(asked.side, asked.kind)
        new.quantity_e8 = asked.quantity_e8
        new.quote_quantity_e8 = asked.budget_e8
        new.price_e8 = asked.price_e8
        new.stop_price_e8 = asked.stop_e8
        new.time_in_force = asked.time_in_force if asked.kind not in (*PRICELESS, "LIMIT_MAKER") else ""
        new.stp_mode = asked.stp
        before = self.state(number)
        try:
            self.venue.test(asked.account, new, self.now_ns)
            order = self.venue.place(asked.account, new, self.now_ns)
        except Refusal as refusal:
            assert self.state(number) == before, "a refused order has changed something"
            return refusal_of(refusal)
        self.orders[number] = order
        self.numbers[order.order_id] = number
        return "open" if order.is_open else "over"

    def state(self, number: int) -> list[object]:
        """Of every tenth order: it takes as long as all the rest."""
        return self.venue.state() if number % 10 == 0 else []

    def cancel(self, number: int) -> bool:
        order = self.orders.get(number)
        account, order_id = (order.account, order.order_id) if order is not None else ("ann", 10**9)
        before = self.state(number)
        try:
            self.venue.cancel(account, order_id, "", "", "", self.now_ns)
        except Refusal as refusal:
            assert refusal.code == -2011
            assert order is None or not order.is_open
            assert self.state(number) == before
            return False
        return True

    def trade(self, side: int, price_e8: int, quantity_e8: int) -> int:
        self.now_ns += 1_000_000
        used_e8 = int(self.venue.matcher.resting.on_trade(self._trade(side, price_e8, quantity_e8)))
        left_e8 = self.market.side(-side).get(price_e8, 0)
        if left_e8:
            self.market.set_level(-side, price_e8, max(0, left_e8 - (quantity_e8 - used_e8)))
        # What the market traded with itself; nobody's order rests on the side it is told from.
        self.venue.on_trade(self._trade(-side, price_e8, quantity_e8 - used_e8))
        self._told()
        return used_e8

    def _trade(self, side: int, price_e8: int, quantity_e8: int) -> Trade:
        stamp_ms = self.now_ns // 1_000_000
        return Trade(self.now_ns, stamp_ms, stamp_ms, stamp_ms, price_e8, quantity_e8, side == SELL)

    def level(self, side: int, price_e8: int, quantity_e8: int) -> None:
        self.now_ns += 1_000_000
        if quantity_e8 or price_e8 in self.market.side(side):
            self.market.set_level(side, price_e8, quantity_e8)
        self._told()

    def _told(self) -> None:
        self.venue.on_quote(self.now_ns)
        self.venue.on_depth(self.now_ns)

    # ---- what can be compared

    def take_fills(self) -> list[Fill]:
        fills: list[Fill] = []
        for happening in self.venue.take_happenings():
            if isinstance(happening, OrderUpdate) and happening.fill is not None:
                fill = happening.fill
                fills.append((fill.order_id, fill.price_e8, fill.quantity_e8, fill.is_maker))
        return fills

    def balances(self) -> dict[str, tuple[int, int, int, int]]:
        return {name: (*held.pair("ETH"), *held.pair("USDT")) for name, held in self.venue.accounts.items()}

    def resting(self) -> list[tuple[int, int, int, int]]:
        rows: list[tuple[int, int, int, int]] = []
        for order in self.venue.matcher.resting.all():
            assert isinstance(order, ExchangeOrder)
            assert order.queue is not None
            left_e8 = self.venue.books.available_e8(order)
            rows.append((self.numbers[order.order_id], int(order.price_e8), left_e8, int(order.queue.ahead_e8)))
        return rows

    def waiting(self) -> list[int]:
        return [self.numbers[order_id] for order_id in self.venue.triggers.order_ids()]

    def check_money(self, given_e8: dict[str, int]) -> None:
        """Accounts and fees hold what was opened and what the market gave, to the last digit."""
        for index, asset in enumerate(("ETH", "USDT")):
            held_e8 = sum(held.total(asset) for held in self.venue.accounts.values())
            opened_e8 = sum(amounts[index] for amounts in ACCOUNTS.values())
            assert held_e8 + self.venue.books.fees_e8[asset] == opened_e8 + given_e8[asset]


class BothVenues(Both):
    order_share = 0.5
    trade_until = 0.87

    def __init__(self, seed: int) -> None:
        super().__init__(seed, SpotFloor(), NaiveSpot(ACCOUNTS, MAKER_FEE_E8, TAKER_FEE_E8))
        self.given_e8 = {"ETH": 0, "USDT": 0}  # by the market

    def matcher(self) -> Matcher:
        return self.floor.venue.matcher

    def tidy(self) -> None:
        super().tidy()
        self.floor.check_money(self.given_e8)

    def compare_more(self, at: str) -> int:
        fills = [(self.floor.numbers[order_id], *rest) for order_id, *rest in self.floor.take_fills()]
        assert fills == self.naive.fills, at
        for number, price_e8, quantity_e8, _ in fills:
            side = int(self.floor.orders[number].side) if number in self.floor.orders else 0
            self.given_e8["ETH"] += side * quantity_e8
            self.given_e8["USDT"] -= side * quantity_e8 * price_e8 // E8
        assert self.floor.waiting() == sorted(order.number for order in self.naive.waiting), at
        return len(fills)

    def asked(self) -> Asked:
        rng = self.rng
        side = rng.choice((BUY, SELL))
        kind = rng.choice(KINDS)
        is_priceless = kind in PRICELESS
        asked = Asked(
            rng.choice(("ann", "ann", "bob", "bob", "cat", "dan")),
            side,
            STEP_E8 * rng.choice((rng.randrange(100, 300), rng.randrange(100, 60_000))),
            0 if is_priceless else MIDDLE_E8 + TICK_E8 * int(rng.gauss(-2.0 * side, 5.0)),
            kind,
            rng.choice(("GTC", "GTC", "GTC", "IOC", "FOK"))
            if kind in ("LIMIT", *STOPS) and not is_priceless
            else "GTC",
            rng.choice(MODES),
        )
        if kind in STOPS:
            is_rise = (side == BUY) == kind.startswith("STOP_LOSS")
            asked.stop_e8 = MIDDLE_E8 + TICK_E8 * int(rng.gauss(4.0 if is_rise else -4.0, 4.0))
        if kind == "MARKET" and rng.random() < 0.5:
            asked.quantity_e8 = 0
            asked.budget_e8 = rng.randrange(E8, 20_000 * E8)
        flaw = rng.random()  # what the filters must never let through
        if flaw < 0.03 and not is_priceless:
            asked.price_e8 += rng.randrange(1, TICK_E8)
        elif flaw < 0.06 and asked.quantity_e8:
            asked.quantity_e8 += rng.randrange(1, STEP_E8)
        elif flaw < 0.08 and asked.quantity_e8 and kind != "MARKET":
            asked.quantity_e8 = STEP_E8 * rng.randrange(1, 24)
        elif flaw < 0.09 and asked.quantity_e8:
            asked.quantity_e8 = 9_001 * E8
        return asked


@pytest.mark.parametrize("seed", range(6))
def test_the_spot_venue_agrees_with_the_naive_exchange(seed: int) -> None:
    both = BothVenues(seed)
    both.run(600)
    assert both.counts["fills"] > 100
    print(dict(sorted(both.counts.items())))


@pytest.mark.slow
def test_a_hundred_thousand_commands_agree() -> None:
    assert hundred_thousand(BothVenues)["fills"] > 30_000
