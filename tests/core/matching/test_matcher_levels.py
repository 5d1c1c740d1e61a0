"""What the matcher keeps of resting orders, and which of them it touches when trades and levels come."""

from __future__ import annotations

from random import Random

import pytest

from supreme_system_v5.core.domain.events import BookSnapshot, Depth, Quote, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.liquidity import ViewLiquidity
from supreme_system_v5.core.matching.matcher import Matcher
from tests.core.matching.bank import Asked, Bank, ClientOrder, Floor, LosingMarket
from tests.core.matching.kit import E8, MS, e8

RICH = {"ann": (1_000 * E8, 10_000_000 * E8), "bob": (1_000 * E8, 10_000_000 * E8)}


def ask(account: str, side: int, quantity: float, price: float) -> Asked:
    return Asked(account, side, e8(quantity), e8(price))


# ---- places kept over a restart, and what is touched


def test_saved_orders_take_their_places_again() -> None:
    floor = Floor(RICH)
    floor.level(BUY, e8(2000), e8(5))
    for number in (1, 2, 3):
        floor.place(number, ask("ann", BUY, 1, 2000))
    floor.level(BUY, e8(2000), e8(9))
    floor.place(4, ask("bob", BUY, 1, 2000))
    rows = floor.resting()
    again = Floor(RICH)
    again.market.bids = dict(floor.market.bids)
    for old in sorted(floor.orders.values(), key=lambda one: int(one.arrival)):
        order = ClientOrder(old.number, old.asked)
        again.matcher.resting.add(order)
        order.queue = old.queue
    assert again.resting() == rows


def test_only_the_orders_concerned_are_touched() -> None:
    floor = Floor({"ann": (10**6 * E8, 10**9 * E8)})
    floor.level(BUY, e8(2000), e8(5))
    floor.level(SELL, e8(2000.01), e8(5))
    for number in range(3_000):
        floor.place(number, ask("ann", BUY, 0.01, 1999.99 - 0.01 * (number % 1_000)))
    floor.told()  # the book has spoken to all of them once
    floor.market.asked_prices = 0
    floor.trade(SELL, e8(2000), e8(1))
    assert floor.market.asked_prices < 10
    floor.level(BUY, e8(1995), e8(7))  # three orders stand there
    assert 3 <= floor.market.asked_prices < 20
    floor.market.asked_prices = 0
    floor.market.is_hinting = False
    floor.told()
    assert floor.market.asked_prices >= 3_000  # a market that cannot say what has changed costs that


# ---- what a view can say about changes


def synced_view() -> tuple[MarketView, ViewLiquidity]:
    view = MarketView(eth_usdt("spot"))
    liquidity = ViewLiquidity(view)
    for event in (
        Quote(0, 0, 10, e8(2000), e8(5), e8(2000.1), e8(5)),
        BookSnapshot(0, 10, [e8(2000), e8(5), e8(1999), e8(8)], [e8(2000.1), e8(5)]),
        Depth(0, 0, 11, 11, -1, [], []),
    ):
        view.apply(event)
        liquidity.on_event(event)
    return view, liquidity


def test_a_view_names_the_prices_of_the_book_updates() -> None:
    view, liquidity = synced_view()
    assert liquidity.changed_prices(BUY) is None  # a whole book is new
    assert liquidity.changed_prices(BUY) == []
    for update_id, price in ((12, 1999.0), (13, 1998.0)):
        event = Depth(0, 0, update_id, update_id, -1, [e8(price), e8(1)], [])
        view.apply(event)
        liquidity.on_event(event)
    assert liquidity.changed_prices(BUY) == [e8(1999), e8(1998)]
    assert liquidity.changed_prices(BUY) == []
    assert liquidity.changed_prices(SELL) is None


def test_a_gap_makes_every_price_a_changed_one() -> None:
    view, liquidity = synced_view()
    liquidity.changed_prices(BUY)
    gap = Depth(0, 0, 20, 20, -1, [e8(1999), e8(1)], [])
    view.apply(gap)
    liquidity.on_event(gap)
    assert not view.local_book.is_synced
    assert liquidity.changed_prices(BUY) is None
    snapshot = BookSnapshot(0, 19, [e8(2000), e8(5)], [e8(2000.1), e8(5)])
    view.apply(snapshot)
    liquidity.on_event(snapshot)
    assert view.local_book.is_synced
    assert liquidity.changed_prices(BUY) is None
    assert liquidity.changed_prices(BUY) == []


class Watched:
    """A view with resting bids; with and without the hint it must tell them the same."""

    def __init__(self, is_hinting: bool) -> None:
        self.is_hinting = is_hinting
        self.view, self.liquidity = synced_view()
        self.resting = Matcher(eth_usdt("spot"), self.liquidity, Bank(RICH)).resting

    def do(self, event: Quote | Depth | BookSnapshot) -> None:
        self.view.apply(event)
        self.liquidity.on_event(event)
        if not self.is_hinting:
            self.liquidity._changed_bids = None
        self.resting.on_levels(isinstance(event, Quote), event.time_ns)

    def queues(self) -> list[tuple[int, list[int]]]:
        return [(int(one.arrival), one.queue.state()) for one in self.resting.all() if one.queue is not None]


@pytest.mark.parametrize("seed", range(8))
def test_hints_do_not_change_what_a_resting_order_is_told(seed: int) -> None:
    """Random quotes, updates, gaps and snapshots: the same queues, also of orders the quote has spoken for last."""
    rng = Random(seed)
    both = [Watched(True), Watched(False)]
    update_id, quote_id = 11, 11
    for time_ns in range(400):
        draw = rng.random()
        price_e8 = e8(2000) - rng.randrange(6) * 10**6
        if draw < 0.1:
            for one in both:
                one.resting.add(ClientOrder(time_ns, Asked("ann", BUY, E8, price_e8)))
        elif draw < 0.15:
            index = rng.randrange(100)
            for one in both:
                if one.resting.bids.orders:
                    one.resting.remove(one.resting.bids.orders[index % len(one.resting.bids.orders)])
        elif draw < 0.45:
            quote_id = max(quote_id, update_id) + 1
            for one in both:
                one.do(Quote(time_ns, 0, quote_id, price_e8, rng_e8(seed, time_ns), e8(2000.1), e8(5)))
        elif draw < 0.55:
            update_id = max(quote_id, update_id) + 5
            flat = [price_e8 - index * 10**6 for index in range(6)]
            levels = [number for price in flat for number in (price, rng_e8(seed, time_ns + price))]
            for one in both:
                one.do(BookSnapshot(time_ns, update_id, levels, [e8(2000.1), e8(5)]))
        else:
            first_id = update_id + (7 if draw < 0.57 else 1)  # a gap now and then
            update_id = first_id
            for one in both:
                one.do(Depth(time_ns, 0, first_id, update_id, -1, [price_e8, rng_e8(seed, time_ns)], []))
        assert both[0].queues() == both[1].queues(), f"seed {seed}, step {time_ns}"


def rng_e8(seed: int, index: int) -> int:
    """A quantity that is the same for both."""
    return Random(seed * 1_000_003 + index).randrange(1, 20) * E8


def test_a_trade_seen_by_a_view_uses_its_quantity_once() -> None:
    liquidity = synced_view()[1]
    bank = Bank(RICH)
    matcher = Matcher(eth_usdt("spot"), liquidity, bank)
    bank.matcher = matcher
    for number in (1, 2):
        matcher.resting.add(ClientOrder(number, ask("ann", BUY, 1, 2000)))
    trade = Trade(5 * MS, 0, 0, 1, e8(2000), e8(6.5), True)
    assert matcher.resting.on_trade(trade) == e8(1.5)
    assert [(number, quantity / E8) for number, _, quantity, _ in bank.fills] == [(1, 1), (2, 0.5)]
    assert [order.arrival for order in matcher.resting.all()] == [2]  # what is done is let go of at once


def test_a_market_that_answers_with_new_levels_is_met_best_price_first() -> None:
    """An emptied level is replaced by another one behind it, before what stood there: nothing is passed over."""

    class Refilling(LosingMarket):
        def take(self, side: int, price_e8: int, quantity_e8: int) -> None:
            super().take(side, price_e8, quantity_e8)
            if price_e8 not in self.side(-side) and price_e8 < e8(2000.5):
                self.set_level(-side, price_e8 + e8(0.1), E8)

    floor = Floor(RICH)
    floor.market = Refilling()
    floor.matcher = Matcher(eth_usdt("spot"), floor.market, floor.bank)
    floor.bank.matcher = floor.matcher
    floor.level(SELL, e8(2000), E8)
    floor.level(SELL, e8(2000.25), E8)
    assert floor.place(1, ask("ann", BUY, 20, 2000.45)) == "rests"
    prices = [price / E8 for _, price, _, _ in floor.take_fills()]
    assert prices == [2000, 2000.1, 2000.2, 2000.25, 2000.3, 2000.35, 2000.4, 2000.45]
    assert floor.matcher.best_e8(SELL) > floor.matcher.best_e8(BUY)
