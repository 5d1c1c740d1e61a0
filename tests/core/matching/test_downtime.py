"""What a restart books for the time nobody watched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.events import ExecutionReport, FundingPayment, Trade
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.market import Bar
from supreme_system_v5.core.domain.order import CANCELED, FILLED
from supreme_system_v5.core.matching.downtime import (
    DownPosition,
    DownTerms,
    FundingRate,
    closing_fill,
    settle_from_bars,
    settle_from_trades,
)
from tests.core.matching.kit import E8, MS, TAKER_E8, e8

MINUTE_MS = 60_000
OPEN_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS
USDM = eth_usdt("usdm")
BPS = 5


def terms(from_ms: int = OPEN_MS, slippage_bps: int = BPS) -> DownTerms:
    return DownTerms(USDM, from_ms * MS, TAKER_E8, slippage_bps)


def position(
    side: int = 1, timeout_ms: int = 0, opened_ms: int = OPEN_MS - MINUTE_MS, quantity: float = 1.0
) -> DownPosition:
    stop, target = (1980.0, 2040.0) if side > 0 else (2020.0, 1960.0)
    return DownPosition(
        side, e8(quantity), opened_ms * MS, "stop", e8(stop), "target", e8(target), timeout_ms * MS, "exit"
    )


def bar(minute: int, open_: float, high: float, low: float, close: float) -> Bar:
    return Bar(OPEN_MS + minute * MINUTE_MS, e8(open_), e8(high), e8(low), e8(close), e8(1), 10)


QUIET = [bar(0, 2000, 2010, 1990, 2000), bar(1, 2000, 2010, 1990, 2000)]


def fills(events: list[object]) -> list[tuple[str, int, int]]:
    """(order, time in ms after OPEN_MS, price) of the fills; every report must say that it was while down."""
    found = []
    for event in events:
        if isinstance(event, ExecutionReport):
            assert event.is_while_down
            if event.last_quantity_e8 > 0:
                assert event.order_state == FILLED
                found.append((event.client_order_id, event.time_ns // MS - OPEN_MS, event.last_price_e8))
    return found


def down_5_bps(price: float) -> int:
    return USDM.price_down(e8(price) * 9_995 // 10_000)


def up_5_bps(price: float) -> int:
    return USDM.price_up(-(-e8(price) * 10_005 // 10_000))


def test_nothing_crossed_nothing_booked() -> None:
    assert settle_from_bars(position(), QUIET, 60, [], terms()) == []


def test_stop_fills_in_the_first_bar_that_crossed() -> None:
    bars = [*QUIET, bar(2, 1995, 1996, 1979, 1985), bar(3, 1950, 1950, 1900, 1900)]
    events = settle_from_bars(position(), bars, 60, [], terms())
    assert fills(events) == [("stop", 2 * MINUTE_MS, down_5_bps(1980))]
    assert [(e.client_order_id, e.order_state) for e in events if isinstance(e, ExecutionReport)] == [
        ("stop", FILLED),
        ("target", CANCELED),
    ]


def test_a_gap_fills_at_the_worse_open() -> None:
    bars = [*QUIET, bar(2, 1970, 1975, 1960, 1965)]
    assert fills(settle_from_bars(position(), bars, 60, [], terms())) == [("stop", 2 * MINUTE_MS, down_5_bps(1970))]


def test_short_is_the_mirror() -> None:
    bars = [*QUIET, bar(2, 2030, 2035, 2025, 2030)]
    assert fills(settle_from_bars(position(-1), bars, 60, [], terms())) == [("stop", 2 * MINUTE_MS, up_5_bps(2030))]
    bars = [*QUIET, bar(2, 1990, 1995, 1950, 1955)]
    assert fills(settle_from_bars(position(-1), bars, 60, [], terms())) == [("target", 2 * MINUTE_MS, up_5_bps(1960))]


def test_stop_before_target_in_one_bar() -> None:
    bars = [bar(0, 2000, 2100, 1900, 2050)]
    assert fills(settle_from_bars(position(), bars, 60, [], terms()))[0][0] == "stop"


def test_target_fills_at_its_trigger_even_when_the_bar_opened_beyond() -> None:
    bars = [bar(0, 2060, 2070, 2055, 2060)]
    assert fills(settle_from_bars(position(), bars, 60, [], terms())) == [("target", 0, down_5_bps(2040))]


@pytest.mark.parametrize(("timeout_ms", "minute"), [(MINUTE_MS, 1), (MINUTE_MS - 1, 1), (MINUTE_MS + 1, 2)])
def test_timeout_at_the_open_of_the_first_bar_at_or_after_it(timeout_ms: int, minute: int) -> None:
    bars = [*QUIET, bar(2, 2005, 2010, 1990, 2000)]
    opens = [2000, 2000, 2005]
    events = settle_from_bars(position(timeout_ms=OPEN_MS + timeout_ms), bars, 60, [], terms())
    assert fills(events) == [("exit", minute * MINUTE_MS, down_5_bps(opens[minute]))]
    assert [e.client_order_id for e in events if isinstance(e, ExecutionReport)] == ["exit", "stop", "target"]


def test_what_is_overdue_at_the_open_comes_before_what_the_bar_did_later() -> None:
    bars = [bar(0, 2000, 2100, 1900, 2000)]
    assert fills(settle_from_bars(position(timeout_ms=OPEN_MS), bars, 60, [], terms()))[0][0] == "exit"
    bars = [bar(0, 1970, 2100, 1900, 2000)]  # opened beyond the stop: the stop rested, the exit was not sent
    assert fills(settle_from_bars(position(timeout_ms=OPEN_MS), bars, 60, [], terms()))[0][0] == "stop"


def test_a_timeout_after_the_last_bar_is_left_to_the_engine() -> None:
    assert settle_from_bars(position(timeout_ms=OPEN_MS + 3 * MINUTE_MS), QUIET, 60, [], terms()) == []


def test_the_bar_that_was_open_at_the_crash() -> None:
    crash_ms = OPEN_MS + 20_000
    bars = [bar(0, 1970, 2050, 1975, 2000)]
    # Its open lies before the crash: the stop fills at its trigger, not at a price from before, and not before it.
    assert fills(settle_from_bars(position(), bars, 60, [], terms(crash_ms))) == [("stop", 20_000, down_5_bps(1980))]
    # Bars that ended before are no part of the downtime.
    assert settle_from_bars(position(), bars, 60, [], terms(OPEN_MS + MINUTE_MS)) == []


def test_a_timeout_that_fell_due_before_the_crash_ends_at_the_first_open_after_it() -> None:
    bars = [bar(0, 2003, 2010, 1990, 2000), bar(1, 2007, 2010, 1990, 2000)]
    held = position(timeout_ms=OPEN_MS - 1_000, opened_ms=OPEN_MS - MINUTE_MS)
    events = settle_from_bars(held, bars, 60, [], terms(OPEN_MS + 20_000))
    assert fills(events) == [("exit", MINUTE_MS, down_5_bps(2007))]


def test_in_the_bar_of_the_entry_a_target_does_not_count_but_a_stop_does() -> None:
    opened = OPEN_MS + 10_000
    high = [bar(0, 2000, 2050, 1990, 2000)]
    assert settle_from_bars(position(opened_ms=opened), high, 60, [], terms(opened)) == []
    low = [bar(0, 2000, 2010, 1970, 2000)]
    assert fills(settle_from_bars(position(opened_ms=opened), low, 60, [], terms(opened)))[0][0] == "stop"


def test_funding_until_the_position_ended() -> None:
    rates = [FundingRate(OPEN_MS + minute * MINUTE_MS, 10_000, e8(2_000)) for minute in (3, 2, 1, 0)]
    bars = [*QUIET, bar(2, 1995, 1996, 1979, 1985), bar(3, 1950, 1950, 1900, 1900)]
    events = settle_from_bars(position(), bars, 60, rates, terms())
    paid = [e for e in events if isinstance(e, FundingPayment)]
    # Minute 0 is the moment it went down (settled then); minute 3 is after the stop.
    assert [(p.funding_time_ms - OPEN_MS) // MINUTE_MS for p in paid] == [1, 2]
    assert {p.amount_e8 for p in paid} == {-e8(0.2)}
    assert [type(event) for event in events] == [FundingPayment, FundingPayment, ExecutionReport, ExecutionReport]
    assert [event.time_ns for event in events] == sorted(event.time_ns for event in events)


def test_funding_of_a_position_still_open_ends_with_the_data() -> None:
    rates = [FundingRate(OPEN_MS + minute * MINUTE_MS, -10_000, e8(2_000)) for minute in (1, 2, 3)]
    events = settle_from_bars(position(-1), QUIET, 60, rates, terms())
    assert [(e.funding_time_ms - OPEN_MS) // MINUTE_MS for e in events if isinstance(e, FundingPayment)] == [1, 2]
    assert all(e.amount_e8 == -e8(0.2) for e in events if isinstance(e, FundingPayment))  # shorts pay a negative rate


def trade(after_ms: int, price: float, trade_id: int = 1) -> Trade:
    stamp = OPEN_MS + after_ms
    return Trade(stamp * MS, stamp, stamp, trade_id, e8(price), e8(0.1), True)


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([2000, 1980, 1900], ("stop", 1_000, down_5_bps(1980))),
        ([2000, 1975, 1900], ("stop", 1_000, down_5_bps(1975))),
        ([2000, 2041, 1900], ("target", 1_000, down_5_bps(2040))),
    ],
)
def test_trades_cross_exactly(prices: list[float], expected: tuple[str, int, int]) -> None:
    trades = [trade(index * 1_000, price, index) for index, price in enumerate(prices)]
    assert fills(settle_from_trades(position(), trades, [], terms())) == [expected]


def test_timeout_by_trades() -> None:
    trades = [trade(0, 2000), trade(5_000, 2001, 2), trade(9_000, 2002, 3)]
    events = settle_from_trades(position(timeout_ms=OPEN_MS + 4_000), trades, [], terms())
    assert fills(events) == [("exit", 5_000, down_5_bps(2001))]


def test_a_fill_is_never_booked_before_the_last_journalled_time() -> None:
    events = settle_from_trades(position(), [trade(0, 1900)], [], terms(OPEN_MS + 500))
    assert fills(events) == [("stop", 500, down_5_bps(1900))]


def test_a_position_must_be_one() -> None:
    with pytest.raises(ValueError, match="not an open position"):
        DownPosition(0, e8(1), 0, "s", 1, "t", 2, 0, "x")


def test_forced_close_is_sized_to_the_step_and_pays_the_fee() -> None:
    held = DownPosition(1, e8(0.0499755), 0, "s", 1, "t", 2, 0, "x")
    fill = closing_fill(eth_usdt("spot"), held, e8(2_000), 7, TAKER_E8, "x", "forced")
    assert (fill.last_quantity_e8, fill.fee_quote_e8, fill.execution_id) == (e8(0.0499), e8(0.0499), "x-closed")


PRICES = st.integers(1_900, 2_100)


@given(st.sampled_from([1, -1]), st.lists(st.tuples(PRICES, PRICES, PRICES), max_size=12), st.integers(0, 14))
def test_bars_and_trades_agree_and_the_books_add_up(
    side: int, raw: list[tuple[int, int, int]], timeout_minutes: int
) -> None:
    """The same path as bars and as the trades they were made of: bars know less and are never the kinder witness."""
    held = position(side, timeout_ms=OPEN_MS + timeout_minutes * MINUTE_MS)
    bars, trades = [], []
    for minute, path in enumerate(raw):
        bars.append(bar(minute, path[0], max(path), min(path), path[-1]))
        trades.extend(
            trade(minute * MINUTE_MS + 20_000 * step, price, 3 * minute + step) for step, price in enumerate(path)
        )
    by_bars = settle_from_bars(held, bars, 60, [], terms())
    by_trades = settle_from_trades(held, trades, [], terms())
    bar_fill, trade_fill = fills(by_bars), fills(by_trades)
    # Timeouts lie on bar boundaries here, so both ways see the end in the same minute ...
    assert [at // MINUTE_MS for _, at, _ in bar_fill] == [at // MINUTE_MS for _, at, _ in trade_fill]
    if bar_fill and bar_fill[0][0] != trade_fill[0][0]:
        # ... and where a bar cannot tell, it says stop.
        assert (bar_fill[0][0], trade_fill[0][0]) == ("stop", "target")
    for events in (by_bars, by_trades):
        ledger = new_ledger(10_000 * E8).after_fill(side, e8(1), e8(2_000), e8(1), 0)
        for event in events:
            if isinstance(event, ExecutionReport) and event.last_quantity_e8 > 0:
                ledger = ledger.after_fill(-side, event.last_quantity_e8, event.last_price_e8, event.fee_quote_e8, 0)
        assert ledger.identity_gap_e8() == 0
        assert ledger.position_e8 == (0 if fills(events) else side * e8(1))
