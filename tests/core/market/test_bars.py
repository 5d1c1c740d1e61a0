"""Every rule of the bars, one test each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.market import bars
from supreme_system_v5.core.market.bars import BarBuilder

T0 = 1_700_000_040_000  # a full minute
MINUTE = 60_000
NS = 1_000_000


class Tape:
    """Trades with consecutive ids into one builder."""

    def __init__(self, bar_seconds: int = 60) -> None:
        self.bars = BarBuilder(bar_seconds)
        self.next_id = 1

    def trade(self, time_ms: int, price: int = 100, quantity: int = 1, trade_id: int = 0) -> int:
        identity = trade_id or self.next_id
        self.next_id = max(self.next_id, identity + 1)
        return int(self.bars.on_trade(Trade(time_ms * NS, time_ms, time_ms, identity, price, quantity, False)))

    def closed(self) -> list[tuple[int, ...]]:
        return [
            tuple(map(int, (b.open_ms - T0, b.open_e8, b.high_e8, b.low_e8, b.close_e8, b.volume_e8, b.trades)))
            for b in self.bars.closed
        ]

    def flags(self) -> list[bool]:
        return [bar.is_provisional for bar in self.bars.closed]


def test_a_bar_is_open_high_low_close_volume() -> None:
    tape = Tape()
    for price, quantity in ((100, 1), (130, 2), (90, 3), (110, 4)):
        assert tape.trade(T0, price, quantity) == 0
    assert tape.trade(T0 + MINUTE) == 1
    assert tape.closed() == [(0, 100, 130, 90, 110, 10, 4)]


def test_the_first_millisecond_of_a_bar_belongs_to_it_and_the_last_too() -> None:
    tape = Tape()
    tape.trade(T0)
    assert tape.trade(T0 + MINUTE - 1, 101) == 0
    assert tape.trade(T0 + MINUTE, 102) == 1
    assert tape.closed() == [(0, 100, 101, 100, 101, 2, 2)]
    current = tape.bars.current
    assert current is not None
    assert (current.open_ms, current.open_e8) == (T0 + MINUTE, 102)


def test_bars_without_a_trade_stand_at_the_close_before() -> None:
    tape = Tape()
    tape.trade(T0, 100)
    tape.trade(T0 + 1, 105)
    assert tape.trade(T0 + 3 * MINUTE, 200) == 3
    assert tape.closed() == [
        (0, 100, 105, 100, 105, 2, 2),
        (MINUTE, 105, 105, 105, 105, 0, 0),
        (2 * MINUTE, 105, 105, 105, 105, 0, 0),
    ]
    current = tape.bars.current
    assert current is not None
    assert (current.open_e8, current.low_e8) == (200, 200)  # not 105: an open is the first trade's


def test_the_list_of_closed_bars_is_new_each_time() -> None:
    tape = Tape()
    tape.trade(T0)
    tape.trade(T0 + MINUTE)
    kept = tape.bars.closed
    assert len(kept) == 1
    tape.trade(T0 + MINUTE + 1)
    assert (tape.bars.closed, len(kept)) == ([], 1)


def test_a_late_trade_is_counted_and_not_folded() -> None:
    tape = Tape()
    tape.trade(T0)
    tape.trade(T0 + MINUTE)
    assert tape.trade(T0 + MINUTE - 1, 999, 999) == 0
    tape.trade(T0 + 2 * MINUTE)
    assert tape.closed() == [(MINUTE, 100, 100, 100, 100, 1, 1)]
    assert (tape.bars.late, tape.bars.last_trade_id) == (1, 4)


def test_a_trade_after_the_timer_closed_its_bar_is_late() -> None:
    tape = Tape()
    tape.trade(T0)
    assert tape.bars.on_timer((T0 + MINUTE) * NS + bars.CLOSE_DELAY_NS) == 1
    assert tape.trade(T0 + MINUTE - 5, 999) == 0
    assert tape.bars.late == 1


def test_out_of_order_inside_the_bar_folds() -> None:
    tape = Tape()
    tape.trade(T0 + 500, 100)
    tape.trade(T0 + 100, 80, 7)
    tape.trade(T0 + MINUTE)
    assert tape.closed() == [(0, 100, 100, 80, 80, 8, 2)]
    assert tape.bars.late == 0


def test_duplicates_are_told_by_id() -> None:
    tape = Tape()
    tape.trade(T0, 100, 1, trade_id=10)
    assert tape.trade(T0, 999, 999, trade_id=10) == 0
    assert tape.trade(T0 + MINUTE, 999, 999, trade_id=9) == 0
    assert (tape.bars.duplicates, tape.bars.last_trade_id) == (2, 10)
    tape.trade(T0 + MINUTE, trade_id=11)
    assert tape.closed() == [(0, 100, 100, 100, 100, 1, 1)]


def test_the_timer_closes_two_seconds_after_the_end_and_not_before() -> None:
    tape = Tape()
    assert tape.bars.due_ns == NEVER_NS
    assert tape.bars.on_timer(NEVER_NS - 1) == 0
    tape.trade(T0 + 30_000)
    due_ns = (T0 + MINUTE) * NS + 2_000_000_000
    assert tape.bars.due_ns == due_ns
    assert tape.bars.on_timer(due_ns - 1) == 0
    assert tape.bars.on_timer(due_ns) == 1
    assert tape.closed() == [(0, 100, 100, 100, 100, 1, 1)]
    assert tape.bars.due_ns == due_ns + MINUTE * NS
    assert tape.bars.on_timer(due_ns) == 0
    assert tape.bars.closed == []


def test_the_timer_closes_empty_bars_too() -> None:
    tape = Tape()
    tape.trade(T0)
    assert tape.bars.on_timer((T0 + 3 * MINUTE) * NS + 2_000_000_000) == 3
    assert [row[0] for row in tape.closed()] == [0, MINUTE, 2 * MINUTE]
    assert tape.trade(T0 + 3 * MINUTE + 5, 50) == 0


def test_the_bar_open_at_the_start_is_provisional_and_the_next_is_not() -> None:
    tape = Tape()
    tape.trade(T0 + 30_000)
    tape.trade(T0 + MINUTE)
    assert tape.flags() == [True]
    tape.trade(T0 + 2 * MINUTE)
    assert tape.flags() == [False]


def test_quiet_bars_after_a_start_are_not_provisional() -> None:
    tape = Tape()
    tape.trade(T0 + 30_000)
    tape.trade(T0 + 3 * MINUTE)
    assert tape.flags() == [True, False, False]


def test_after_warm_up_the_forming_bar_stands_at_the_last_close() -> None:
    tape = Tape()
    tape.bars.seed(77, T0)
    current = tape.bars.current
    assert current is not None
    assert (current.open_ms, current.close_e8, current.volume_e8, current.trades) == (T0, 77, 0, 0)
    assert tape.bars.due_ns == (T0 + MINUTE) * NS + 2_000_000_000
    tape.trade(T0 + 30_000, 100)
    tape.trade(T0 + MINUTE, 100)
    assert tape.closed() == [(0, 100, 100, 100, 100, 1, 1)]
    assert tape.flags() == [True]


def test_after_warm_up_everything_before_and_with_the_first_trade_is_provisional() -> None:
    tape = Tape()
    tape.bars.seed(77, T0)
    tape.trade(T0 + 2 * MINUTE + 10)
    assert tape.closed()[0] == (0, 77, 77, 77, 77, 0, 0)
    assert tape.flags() == [True, True]
    tape.trade(T0 + 3 * MINUTE)
    assert tape.flags() == [True]
    tape.trade(T0 + 4 * MINUTE)
    assert tape.flags() == [False]


@pytest.mark.parametrize(("close", "open_ms"), [(0, T0), (-1, T0), (1, T0 + 1), (1, -MINUTE)])
def test_a_senseless_seed_is_refused(close: int, open_ms: int) -> None:
    with pytest.raises(ValueError):
        BarBuilder(60).seed(close, open_ms)


def steady() -> Tape:
    """A builder whose forming bar is not provisional."""
    tape = Tape()
    tape.trade(T0 - 1)
    tape.trade(T0)
    return tape


def test_a_gap_marks_the_forming_bar_only() -> None:
    tape = steady()
    tape.bars.mark_provisional()
    tape.trade(T0 + MINUTE)
    assert tape.flags() == [True]
    tape.trade(T0 + 2 * MINUTE)
    assert tape.flags() == [False]


def test_a_gap_over_several_bars_marks_all_it_touched() -> None:
    tape = steady()
    tape.bars.mark_provisional()
    tape.trade(T0 + 2 * MINUTE + 10_000)
    assert tape.flags() == [True, True]
    tape.trade(T0 + 3 * MINUTE)
    assert tape.flags() == [True]  # the bar in which we heard again
    tape.trade(T0 + 4 * MINUTE)
    assert tape.flags() == [False]


def test_a_gap_with_a_known_end_marks_bars_that_do_not_form_yet() -> None:
    tape = steady()
    tape.bars.mark_provisional_until(T0 + MINUTE + 1_000)
    flags = []
    for minute in range(1, 4):
        tape.trade(T0 + minute * MINUTE + 5_000)
        flags += tape.flags()
    assert flags == [True, True, False]


def test_a_mark_before_the_first_bar_waits_for_it() -> None:
    tape = Tape()
    tape.bars.mark_provisional()
    tape.trade(T0)
    current = tape.bars.current
    assert current is not None
    assert current.is_provisional


def test_a_jump_of_time_is_not_filled_without_end() -> None:
    tape = steady()
    assert tape.trade(T0 + (bars.CLOSED_MAX + 10) * MINUTE) == 1
    assert tape.bars.skipped == bars.CLOSED_MAX + 9
    current = tape.bars.current
    assert current is not None
    assert current.is_provisional
    assert current.open_ms == T0 + (bars.CLOSED_MAX + 10) * MINUTE


def test_an_absurd_volume_does_not_wrap_around() -> None:
    tape = Tape()
    for _ in range(12):
        tape.trade(T0, 100, 10**18 - 1)
    current = tape.bars.current
    assert current is not None
    assert current.volume_e8 == 9 * 10**18


def test_bars_have_a_length() -> None:
    with pytest.raises(ValueError):
        BarBuilder(0)


STEPS = st.lists(
    st.tuples(st.integers(0, 150_000), st.integers(1, 1000), st.integers(1, 1000)), min_size=1, max_size=60
)


@given(STEPS, st.sampled_from([1, 5, 60]), st.booleans())
def test_bars_are_what_sorting_the_trades_into_bins_gives(
    steps: list[tuple[int, int, int]], bar_seconds: int, with_timer: bool
) -> None:
    """Consecutive, none missing, none twice; each the first, highest, lowest, last and sum of its trades."""
    tape, time_ms = Tape(bar_seconds), T0
    bins: dict[int, list[tuple[int, int]]] = {}
    closed: list[Bar] = []
    for step_ms, price, quantity in steps:
        time_ms += step_ms // (60 // bar_seconds)
        if with_timer:
            tape.bars.on_timer(time_ms * NS)
            closed += tape.bars.closed
        tape.trade(time_ms, price, quantity)
        closed += tape.bars.closed
        bins.setdefault(time_ms - time_ms % (bar_seconds * 1000), []).append((price, quantity))
    tape.trade(time_ms + 2000 * bar_seconds, 1, 1)
    closed += tape.bars.closed
    previous = 0
    for index, bar in enumerate(closed):
        assert bar.open_ms == closed[0].open_ms + index * bar_seconds * 1000
        prices = [price for price, _ in bins.get(int(bar.open_ms), [])] or [previous]
        volume = sum(quantity for _, quantity in bins.get(int(bar.open_ms), []))
        assert bar.key()[1:] == (prices[0], max(prices), min(prices), prices[-1], volume)
        previous = prices[-1]
    assert sum(bar.trades for bar in closed) == len(steps)
    assert (tape.bars.late, tape.bars.duplicates, tape.bars.skipped) == (0, 0, 0)
