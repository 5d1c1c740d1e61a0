"""Generated markets and orders: what must hold whatever happens."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.core.domain.events import Depth, Event, ExecutionReport, Quote
from supreme_system_v5.core.domain.order import (
    BUY,
    CANCELED,
    EXPIRED,
    FILLED,
    IOC,
    LIMIT,
    LIMIT_MAKER,
    OPEN,
    PARTIALLY_FILLED,
    REJECTED,
    ROLE_STOP,
    ROLE_TARGET,
    SELL,
)
from tests.core.matching.kit import LATENCY_MS, MS, Desk, e8

SIDE = st.sampled_from([BUY, SELL])
TICKS = st.integers(-8, 8)  # around 2000.00, in 0.1
SIZE = st.integers(1, 30)  # in 0.1 ETH
WAIT = st.sampled_from([0, 1, 20, 49, 50, 51, 130, 400, 6_000])

QUOTE = st.tuples(st.just("quote"), TICKS, st.integers(1, 4), SIZE, SIZE)
TRADE = st.tuples(st.just("trade"), TICKS, SIZE, st.booleans(), st.just(0))
DEPTH = st.tuples(st.just("depth"), TICKS, st.integers(0, 20), TICKS, st.integers(0, 20))
BOOK = st.tuples(st.just("book"), TICKS, st.integers(1, 4), SIZE, SIZE)
ENTRY = st.tuples(st.just("entry"), SIDE, SIZE, st.integers(0, 6), st.integers(1, 6))
EXIT = st.tuples(st.just("exit"), SIDE, SIZE, st.sampled_from([0, 1, 1, 1]), st.just(0))
REST = st.tuples(st.just("rest"), SIDE, SIZE, TICKS, st.sampled_from([0, 1]))
CANCEL = st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0), st.just(0), st.just(0))
MARKET = st.one_of(QUOTE, QUOTE, TRADE, TRADE, DEPTH, BOOK)
WILD = st.lists(st.tuples(WAIT, st.one_of(MARKET, MARKET, ENTRY, EXIT, REST, CANCEL)), min_size=12, max_size=50)
TAKERS = st.lists(st.tuples(WAIT, st.one_of(MARKET, MARKET, ENTRY, EXIT)), min_size=12, max_size=50)
PATH = st.lists(st.tuples(TICKS, st.integers(0, 1)), min_size=1, max_size=40)

Step = tuple[int, tuple[str, int, int, int, int]]


def price(ticks: int) -> float:
    return round(2_000 + ticks / 10, 1)


@dataclass
class Watched(Desk):
    """A desk that knows, by its own bookkeeping, what the market offers, and checks every fill against it."""

    market: str = "usdm"
    offered_quote: dict[int, tuple[int, int]] = field(default_factory=dict)  # side that takes -> price, quantity
    offered_book: dict[int, dict[int, int]] = field(default_factory=lambda: {BUY: {}, SELL: {}})
    taken: dict[tuple[int, int], int] = field(default_factory=dict)  # since the last change of the market
    log: list[tuple[object, ...]] = field(default_factory=list)
    now_trade: tuple[int, int, bool] | None = None

    def __post_init__(self) -> None:
        Desk.__init__(self, self.market)

    def event(self, event: Event) -> list[ExecutionReport]:
        self.at(self.now_ms)
        if isinstance(event, Quote):
            self.offered_quote = {
                BUY: (event.ask_e8, event.ask_quantity_e8),
                SELL: (event.bid_e8, event.bid_quantity_e8),
            }
            self.taken.clear()
        elif isinstance(event, Depth):
            for side, levels in ((BUY, event.asks), (SELL, event.bids)):
                for index in range(0, len(levels), 2):
                    self.offered_book[side][levels[index]] = levels[index + 1]
            self.taken.clear()
        return super().event(event)

    def take(self, reports: list[ExecutionReport]) -> list[ExecutionReport]:
        before = self.ledger.position_e8
        for report in reports:
            order = self.orders[report.client_order_id]
            self.log.append(
                (
                    report.time_ns,
                    report.client_order_id,
                    report.order_state,
                    report.last_quantity_e8,
                    report.last_price_e8,
                    report.fee_quote_e8,
                    report.fee_base_e8,
                    report.execution_id,
                    report.reason,
                    report.protected_quantity_e8,
                )
            )
            super().take([report])
            self.reports.clear()
            is_reducing = report.last_quantity_e8 > 0 and order.side * before < 0
            if report.last_quantity_e8 > 0:
                self.check_fill(report, before)
            self.sweep(report, is_reducing)
            before = self.ledger.position_e8
        return reports

    def sweep(self, report: ExecutionReport, is_reducing: bool) -> None:
        """The dust rule as the books must apply it."""
        held_e8 = self.ledger.position_e8
        if is_reducing and held_e8 != 0 and self.instrument.is_dust(held_e8, report.last_price_e8):
            self.ledger = self.ledger.with_dust()

    def check_fill(self, report: ExecutionReport, before: int) -> None:
        order = self.orders[report.client_order_id]
        side, fill_e8, quantity_e8 = order.side, report.last_price_e8, report.last_quantity_e8
        assert report.time_ns <= self.time_ns
        assert quantity_e8 % self.instrument.step_e8 == 0
        if order.role not in (ROLE_STOP, ROLE_TARGET):
            assert report.time_ns >= order.created_ns + LATENCY_MS * MS
            assert order.filled_e8 <= order.quantity_e8
        if order.is_reduce_only or (self.instrument.is_spot and side == SELL):
            assert before * side < 0
            assert quantity_e8 <= abs(before)
        if order.price_e8:
            assert (fill_e8 - order.price_e8) * side <= 0
        if report.is_maker:
            assert fill_e8 == order.price_e8
            assert self.now_trade is not None
            trade_e8, trade_quantity_e8, is_buyer_maker = self.now_trade
            assert quantity_e8 <= trade_quantity_e8
            assert (fill_e8 - trade_e8) * side >= 0
            assert (fill_e8 - trade_e8) * side > 0 or is_buyer_maker == (side == BUY)
            return
        best_e8, best_quantity_e8 = self.offered_quote[side]
        offered_e8 = best_quantity_e8
        if fill_e8 != best_e8:
            assert (fill_e8 - best_e8) * side > 0, "better than the market offered"
            offered_e8 = self.offered_book[side].get(fill_e8, 0)
        key = (side, fill_e8)
        self.taken[key] = self.taken.get(key, 0) + quantity_e8
        assert self.taken[key] <= offered_e8, "more than the market offered"

    def check(self) -> None:
        venue = self.venue
        assert venue.position_e8 == self.ledger.position_e8
        assert self.ledger.identity_gap_e8() == 0
        for order in venue.open_orders():
            if order.role in (ROLE_STOP, ROLE_TARGET):
                assert order.side * venue.position_e8 < 0
                assert order.remaining_e8 == self.instrument.quantity_down(abs(venue.position_e8))
            assert order.remaining_e8 > 0
        assert venue.next_ns() > self.time_ns
        assert venue.is_active() or not venue.open_orders()


def snapshot(desk: Watched, bid: float, ask: float, size: int) -> None:
    """A whole new book: what was offered before is gone."""
    bids = [(bid - step / 10, size / 10 + step) for step in range(3)]
    asks = [(ask + step / 10, size / 10 + step) for step in range(3)]
    desk.offered_book = {
        BUY: {e8(level): e8(quantity) for level, quantity in asks},
        SELL: {e8(level): e8(quantity) for level, quantity in bids},
    }
    desk.taken.clear()
    desk.offered_quote = {BUY: (e8(ask), e8(size / 10)), SELL: (e8(bid), e8(size / 10))}
    desk.book(bids, asks)


def play(desk: Watched, step: Step) -> None:
    wait, (kind, a, b, c, d) = step
    desk.at(desk.now_ms + wait)
    desk.check()
    if kind == "quote":
        desk.quote(price(a), c / 10, price(a + b), d / 10)
    elif kind == "book":
        desk.at(desk.now_ms)
        desk.update_id += 1
        snapshot(desk, price(a), price(a + b), c)
    elif kind == "depth":
        if desk.view.local_book.is_synced:
            desk.depth([(price(a), b / 10)], [(price(c), d / 10)])
    elif kind == "trade":
        desk.now_trade = (e8(price(a)), e8(b / 10), bool(c))
        desk.trade(price(a), b / 10, bool(c))
    elif kind == "entry":
        mid = price(0)
        width = d / 10
        desk.entry(a, b / 10, round(mid + a * c / 10, 1), round(mid - a * width, 1), round(mid + a * width, 1))
    elif kind == "exit":
        held = desk.venue.position_e8
        desk.exit((SELL if held > 0 else BUY) if c and held else a, b / 10)
    elif kind == "rest":
        desk.maker(a, b / 10, price(c), LIMIT_MAKER if d else LIMIT)
    elif kind == "cancel":
        desk.venue.cancel(f"s5-abcd-{a}", desk.time_ns)
    desk.check()


def run(steps: list[Step], market: str) -> Watched:
    desk = Watched(market)
    desk.quote(1999.9, 3, 2000.0, 3)
    for step in steps:
        play(desk, step)
    desk.at(desk.now_ms + LATENCY_MS)
    desk.check()
    return desk


@settings(max_examples=250, deadline=None, database=None)
@given(WILD, st.sampled_from(["usdm", "spot"]))
def test_whatever_happens(steps: list[Step], market: str) -> None:
    """No fill the market did not offer, none too large, no flip by reduce-only, exact books, legal transitions."""
    desk = run(steps, market)
    ids = [entry[7] for entry in desk.log if entry[7]]
    assert len(ids) == len(set(ids)), "an execution id came twice"
    again = run(steps, market)
    assert again.log == desk.log
    assert again.venue.state() == desk.venue.state()


@settings(max_examples=150, deadline=None, database=None)
@given(TAKERS, st.sampled_from(["usdm", "spot"]))
def test_an_open_position_is_always_protected(steps: list[Step], market: str) -> None:
    """One entry at a time (as the engine trades): from its first fill to flat, stop and target rest with all of it."""
    desk = Watched(market)
    desk.quote(1999.9, 3, 2000.0, 3)
    entry_ms = -1_000.0
    for wait, (kind, a, b, c, d) in steps:
        is_busy = desk.venue.position_e8 != 0 or desk.now_ms + wait <= entry_ms + LATENCY_MS
        if kind == "entry" and (is_busy or (a == SELL and desk.instrument.is_spot)):
            continue
        if kind == "entry":
            entry_ms = desk.now_ms + wait
        play(desk, (wait, (kind, a, b, c, d)))
        quantity = desk.instrument.quantity_down(abs(desk.venue.position_e8))
        assert desk.venue.protected_e8 == quantity
        roles = [order.role for order in desk.venue.open_orders() if order.role in (ROLE_STOP, ROLE_TARGET)]
        assert roles == ([ROLE_STOP, ROLE_TARGET] if quantity else [])


@settings(max_examples=150, deadline=None, database=None)
@given(
    st.lists(st.tuples(TICKS, st.integers(0, 1)), min_size=1, max_size=40), SIDE, st.integers(1, 6), st.integers(1, 6)
)
def test_exits_fire_on_the_very_trade_that_crosses(
    path: list[tuple[int, int]], side: int, stop_ticks: int, target_ticks: int
) -> None:
    """Against a plain reference: the first trade at or beyond the stop or the target closes, in its own event."""
    desk = Desk()
    desk.quote(2000.0, 100, 2000.1, 100)
    entry_price = 2000.1 if side == BUY else 2000.0
    stop = round(2_000 - side * stop_ticks / 10, 1)
    target = round(2_000 + side * target_ticks / 10, 1)
    desk.entry(side, 1, entry_price, stop, target)
    desk.at(50)
    desk.said()
    closed = False
    for ticks, kind in path:
        desk.at(desk.now_ms + 1)
        level = price(ticks)
        if kind == 0:
            desk.quote(level, 100, round(level + 0.1, 1), 100)
            assert desk.reports == []
            continue
        stopped = (e8(level) - e8(stop)) * side <= 0
        reached = (e8(level) - e8(target)) * side >= 0
        desk.trade(level)
        if closed or not (stopped or reached):
            assert desk.reports == []
            continue
        closed = True
        fill = desk.reports[0]
        assert fill.time_ns == desk.time_ns
        assert fill.last_price_e8 == (desk.view.bid_e8 if side == BUY else desk.view.ask_e8)
        assert [role for role, _, _, _ in desk.said()] == (["stop", "target"] if stopped else ["target", "stop"])


def test_the_checks_can_fail() -> None:
    """The watcher is no decoration: an offer it does not know of is refused."""
    desk = Watched("usdm")
    desk.quote(1999.9, 3, 2000.0, 3)
    desk.offered_quote[BUY] = (e8(2000.1), e8(3))
    desk.send(desk.order("entry", BUY, LIMIT, IOC, 1, 2000.5))
    try:
        desk.at(50)
    except AssertionError as error:
        assert "better than the market offered" in str(error)
    else:
        raise AssertionError("a fill at a price that was not offered went unnoticed")


def random_step(rng: random.Random) -> Step:
    def ticks() -> int:
        return rng.randint(-8, 8)

    def size() -> int:
        return rng.randint(1, 30)

    side = rng.choice([BUY, SELL])
    kinds: dict[str, tuple[int, int, int, int]] = {
        "quote": (ticks(), rng.randint(1, 4), size(), size()),
        "trade": (ticks(), size(), rng.randint(0, 1), 0),
        "depth": (ticks(), rng.randint(0, 20), ticks(), rng.randint(0, 20)),
        "book": (ticks(), rng.randint(1, 4), size(), size()),
        "entry": (side, size(), rng.randint(0, 6), rng.randint(1, 6)),
        "exit": (side, size(), rng.randint(0, 3), 0),
        "rest": (side, size(), ticks(), rng.randint(0, 1)),
        "cancel": (rng.randint(0, 60), 0, 0, 0),
    }
    kind = rng.choice([*kinds, "quote", "trade", "trade"])
    return rng.choice([0, 1, 20, 49, 50, 51, 130, 400, 6_000]), (kind, *kinds[kind])


@pytest.mark.parametrize("market", ["usdm", "spot"])
def test_long_random_sessions(market: str) -> None:
    """Sessions longer than hypothesis likes to draw; all kinds of ends are reached, or the test proves little."""
    seen: set[tuple[str, str]] = set()
    for seed in range(60):
        rng = random.Random(seed)
        try:
            desk = run([random_step(rng) for _ in range(150)], market)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        seen.update((desk.orders[str(entry[1])].role, str(entry[2])) for entry in desk.log)
    assert {
        (role, state) for role in (ROLE_STOP, ROLE_TARGET) for state in (FILLED, PARTIALLY_FILLED, CANCELED)
    } <= seen
    assert {("exit", state) for state in (FILLED, PARTIALLY_FILLED, EXPIRED, REJECTED, OPEN)} <= seen
    assert {("entry", state) for state in (FILLED, PARTIALLY_FILLED, EXPIRED, REJECTED, OPEN, CANCELED)} <= seen
