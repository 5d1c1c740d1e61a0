"""The order book against a naive model: two dicts and the rules in plain words."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supreme_system_v5.optimized.order_book import ASK, BID, OrderBook

TICK = 1_000_000
WIDTH = 16
Changes = list[tuple[int, int]]  # (tick, quantity)


class Model:
    """Every update is applied to the whole book; then the window follows the middle and what lies outside goes."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.sides: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
        self.low: int | None = None
        self.is_crossed_outside = False

    def _is_crossed(self) -> bool:
        bids, asks = self.sides[BID], self.sides[ASK]
        return bool(bids and asks) and max(bids) >= min(asks)

    def _inside(self, tick: int) -> bool:
        return self.low is not None and self.low <= tick < self.low + self.width

    def apply(self, bids: Changes, asks: Changes) -> None:
        inside = Model(self.width)
        inside.sides = {side: dict(levels) for side, levels in self.sides.items()}
        for side, changes in ((BID, bids), (ASK, asks)):
            for tick, quantity in changes:
                for book in (self, inside) if self._inside(tick) else (self,):
                    if quantity > 0:
                        book.sides[side][tick] = quantity
                    else:
                        book.sides[side].pop(tick, None)
        best = [max(self.sides[BID])] if self.sides[BID] else []
        best += [min(self.sides[ASK])] if self.sides[ASK] else []
        if self._is_crossed():
            if not inside._is_crossed():
                self.is_crossed_outside = True
        elif best:
            middle = sum(best) // len(best)
            if self.low is None or abs(middle - self.width // 2 - self.low) > self.width // 4:
                self.low = middle - self.width // 2
        for levels in self.sides.values():
            for tick in [tick for tick in levels if not self._inside(tick)]:
                del levels[tick]

    def levels(self, side: int) -> list[tuple[int, int]]:
        ordered = sorted(self.sides[side].items(), reverse=side == BID)
        return [(tick * TICK, quantity) for tick, quantity in ordered]


def flat(changes: Changes) -> list[int]:
    return [number for tick, quantity in changes for number in (tick * TICK, quantity)]


def check(book: OrderBook, model: Model) -> None:
    bids, asks = model.levels(BID), model.levels(ASK)
    assert book.levels(BID, 1_000_000) == bids
    assert book.levels(ASK, 1_000_000) == asks
    assert (book.bid_count, book.ask_count) == (len(bids), len(asks))
    assert (book.best_bid_e8(), book.best_bid_quantity_e8()) == (bids[0] if bids else (0, 0))
    assert (book.best_ask_e8(), book.best_ask_quantity_e8()) == (asks[0] if asks else (0, 0))
    assert book.is_crossed() == (model._is_crossed() or model.is_crossed_outside)
    near = (sum(q for _, q in bids[:3]), sum(q for _, q in asks[:3]))
    assert book.imbalance(3) == pytest.approx((near[0] - near[1]) / sum(near) if sum(near) else 0.0)


changes = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 0, 1, 2, 5 * 10**8])), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(changes, changes), min_size=1, max_size=12))
def test_any_updates_match_the_model(updates: list[tuple[Changes, Changes]]) -> None:
    book, model = OrderBook(TICK, WIDTH), Model(WIDTH)
    for bids, asks in updates:
        book.apply(flat(bids), flat(asks))
        model.apply(bids, asks)
        check(book, model)
    for tick in range(62):
        for side in (BID, ASK):
            assert book.quantity_at(side, tick * TICK) == model.sides[side].get(tick, 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_wandering_market_matches_the_model(seed: int) -> None:
    """Uncrossed updates around a middle that wanders and sometimes jumps: recentring all the time."""
    rng = random.Random(seed)
    book, model = OrderBook(TICK, 64), Model(64)
    middle = 10_000
    for _ in range(1500):
        step = rng.choice([-90, -40, -20, 20, 40, 90]) if rng.random() < 0.03 else rng.randint(-2, 2)
        middle += step
        bids = [(tick, 0) for tick in model.sides[BID] if tick >= middle]
        asks = [(tick, 0) for tick in model.sides[ASK] if tick <= middle]
        bids += [(middle - rng.randint(1, 40), rng.choice([0, 1, 7])) for _ in range(6)]
        asks += [(middle + rng.randint(1, 40), rng.choice([0, 1, 7])) for _ in range(6)]
        book.apply(flat(bids), flat(asks))
        model.apply(bids, asks)
        check(book, model)
        assert not book.is_crossed()
    assert book.dropped > 0


def small() -> OrderBook:
    book = OrderBook(TICK)
    book.load([100 * TICK, 5, 99 * TICK, 7], [101 * TICK, 3, 103 * TICK, 9])
    return book


def test_load_replaces_and_clear_empties() -> None:
    book = small()
    book.load([50 * TICK, 1], [51 * TICK, 2])
    assert book.levels(BID, 9) == [(50 * TICK, 1)]
    assert book.levels(ASK, 9) == [(51 * TICK, 2)]
    book.clear()
    assert (book.best_bid_e8(), book.best_ask_e8(), book.imbalance(5)) == (0, 0, 0.0)
    assert book.levels(BID, 9) == []
    assert not book.is_crossed()


def test_the_last_word_on_a_price_counts() -> None:
    book = small()
    book.apply([100 * TICK, 0, 100 * TICK, 8], [101 * TICK, 4, 101 * TICK, 0])
    assert book.best_bid_quantity_e8() == 8
    assert book.best_ask_e8() == 103 * TICK


def test_what_is_no_level_is_ignored_and_counted() -> None:
    book = small()
    before = (book.levels(BID, 9), book.levels(ASK, 9))
    book.apply([100 * TICK + 1, 5, 0, 5, -TICK, 5, 100 * TICK, -1], [2 * 10**18, 1])
    assert (book.levels(BID, 9), book.levels(ASK, 9)) == before
    assert book.refused == 5


def test_half_a_pair_is_refused_and_changes_nothing() -> None:
    book = small()
    for operation in (book.apply, book.load):
        with pytest.raises(ValueError, match="pairs"):
            operation([100 * TICK, 0], [101 * TICK])
    assert book.levels(BID, 9) == [(100 * TICK, 5), (99 * TICK, 7)]


def test_a_far_price_that_crosses_is_reported_and_does_not_pull_the_book_away() -> None:
    book = small()
    book.apply([10_000_000 * TICK, 1], [])
    assert book.is_crossed()
    assert book.best_bid_e8() == 100 * TICK
    book.load([100 * TICK, 5], [101 * TICK, 3])
    assert not book.is_crossed()


def test_a_crossing_inside_heals_with_the_update_that_removes_it() -> None:
    book = small()
    book.apply([102 * TICK, 1], [])
    assert book.is_crossed()
    book.apply([], [101 * TICK, 0])
    assert not book.is_crossed()


def test_levels_beyond_the_window_are_dropped_not_kept() -> None:
    book = OrderBook(TICK, 16)
    book.load([100 * TICK, 1, 50 * TICK, 1], [101 * TICK, 1, 150 * TICK, 1])
    assert book.levels(BID, 9) == [(100 * TICK, 1)]
    assert book.levels(ASK, 9) == [(101 * TICK, 1)]
    assert book.dropped == 2
    assert book.quantity_at(BID, 50 * TICK) == 0


def test_quantity_at_off_the_grid_is_nothing() -> None:
    assert small().quantity_at(BID, 100 * TICK + 1) == 0


@pytest.mark.parametrize(("tick", "width"), [(0, 16), (-1, 16), (1, 12), (1, 4), (1, 0), (1, -16)])
def test_bad_sizes_are_refused(tick: int, width: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        OrderBook(tick, width)
