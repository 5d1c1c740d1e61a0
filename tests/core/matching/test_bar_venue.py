"""What fills inside a bar: gaps at the open, the stop before the target, entries at the next open."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.events import ClosedBar, ExecutionReport
from supreme_system_v5.core.domain.instrument import eth_usdt
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.domain.order import (
    BUY,
    CANCELED,
    EXPIRED,
    FILLED,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    ROLE_ENTRY,
    ROLE_EXIT,
    SELL,
    Order,
)
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.matching.bar_venue import BarVenue

MINUTE_NS = 60_000_000_000
TICK_E8 = E8 // 100


class Bench:
    """A venue and a clock of one-minute bars. Prices are decimal text."""

    def __init__(self, spread_ticks: int = 1, slippage_bps: int = 0, is_simplest: bool = False) -> None:
        instrument = eth_usdt("usdm")
        self.view = MarketView(instrument)
        self.view.derive_quotes(0 if is_simplest else spread_ticks * TICK_E8, E8)
        self.venue = BarVenue(instrument, self.view, 50_000, spread_ticks * TICK_E8, slippage_bps * 10_000, is_simplest)
        self.bar_ns = 1_800_000_000 * 1_000_000_000
        self.orders = 0

    @property
    def now_ns(self) -> int:
        return self.bar_ns

    def send(self, side: int, role: str = ROLE_ENTRY, limit: str = "", stop: str = "", target: str = "") -> Order:
        self.orders += 1
        order = Order(
            f"o{self.orders}",
            role,
            side,
            LIMIT if limit else MARKET,
            IOC if limit else GTC,
            E8,
            parse_e8(limit) if limit else 0,
            0,
            role == ROLE_EXIT,
            self.now_ns,
            "test",
        )
        if stop:
            order.stop_order_id, order.stop_trigger_e8 = f"stop{self.orders}", parse_e8(stop)
            order.target_order_id, order.target_trigger_e8 = f"target{self.orders}", parse_e8(target)
        self.venue.submit(order, self.now_ns)
        return order

    def bar(self, text: str) -> list[tuple[str, str, str, int]]:
        """Open, high, low, close; what was filled or ended: id, state, price, minutes since the bar's open."""
        open_ns = self.bar_ns
        self.bar_ns += MINUTE_NS
        reports: list[ExecutionReport] = []
        due_ns = self.venue.next_ns()
        if due_ns != NEVER_NS:
            reports += self.venue.advance(due_ns)
        event = ClosedBar(self.bar_ns, open_ns // 1_000_000, *[parse_e8(word) for word in text.split()], E8)
        assert event.is_sound()
        self.view.apply(event)
        reports += self.venue.on_market(event)
        return [
            (
                report.client_order_id,
                report.order_state,
                f"{int(report.last_price_e8) / E8:g}",
                (int(report.time_ns) - open_ns) // MINUTE_NS,
            )
            for report in reports
        ]


def long_position(bench: Bench) -> None:
    bench.send(BUY, stop="1990", target="2020")
    assert bench.bar("2000 2001 1999 2000")[0][1] == FILLED
    assert bench.venue.position_e8 == E8


def short_position(bench: Bench) -> None:
    bench.send(SELL, stop="2010", target="1980")
    assert bench.bar("2000 2001 1999 2000")[0][1] == FILLED
    assert bench.venue.position_e8 == -E8


def test_an_entry_fills_at_the_next_open_with_half_the_spread_and_the_slippage() -> None:
    bench = Bench(spread_ticks=4, slippage_bps=1)
    bench.send(BUY)
    assert bench.bar("2000 2005 1995 2003") == [("o1", FILLED, "2000.22", 0)]
    bench = Bench(spread_ticks=1)
    bench.send(SELL)
    assert bench.bar("2000 2005 1995 2003") == [("o1", FILLED, "1999.99", 0)]


def test_an_entry_that_the_open_has_left_behind_ends() -> None:
    bench = Bench()
    bench.send(BUY, limit="2001")
    assert bench.bar("2001.5 2002 1999 2000") == [("o1", EXPIRED, "0", 0)]
    assert not bench.venue.is_active()


def test_an_order_sent_inside_a_bar_waits_for_the_next_open() -> None:
    bench = Bench()
    order = bench.send(BUY)
    bench.venue.cancel(order.client_order_id, bench.now_ns)
    bench.bar("2000 2001 1999 2000")
    bench.bar_ns += 1  # a moment after the bar that begins now
    late = bench.send(BUY)
    bench.bar_ns -= 1
    assert bench.bar("2000 2001 1999 2000") == []
    assert bench.bar("2002 2003 2001 2002") == [(late.client_order_id, FILLED, "2002.01", 0)]


@pytest.mark.parametrize(
    ("bar", "found"),
    [
        ("2000 2010 1991 2005", []),
        ("2000 2010 1990 2005", [("stop1", FILLED, "1989.99", 1), ("target1", CANCELED, "0", 1)]),
        ("1985 2010 1980 2005", [("stop1", FILLED, "1984.99", 0), ("target1", CANCELED, "0", 0)]),
        ("2000 2020 1991 2005", [("target1", FILLED, "2020", 1), ("stop1", CANCELED, "0", 1)]),
        ("2030 2040 1991 2005", [("target1", FILLED, "2020", 0), ("stop1", CANCELED, "0", 0)]),
        ("2000 2025 1985 2005", [("stop1", FILLED, "1989.99", 1), ("target1", CANCELED, "0", 1)]),
    ],
    ids=["neither", "stop", "gap through the stop", "target", "gap through the target", "both"],
)
def test_protection_of_a_long(bar: str, found: list[tuple[str, str, str, int]]) -> None:
    bench = Bench()
    long_position(bench)
    assert bench.bar(bar) == found
    assert bench.venue.position_e8 == (0 if found else E8)


@pytest.mark.parametrize(
    ("bar", "found"),
    [
        ("2000 2010 1991 2005", ("stop1", FILLED, "2010.01", 1)),
        ("2015 2016 1991 2005", ("stop1", FILLED, "2015.01", 0)),
        ("2000 2005 1979 2000", ("target1", FILLED, "1980", 1)),
        ("1970 2005 1960 2000", ("target1", FILLED, "1980", 0)),
        ("2000 2011 1979 2000", ("stop1", FILLED, "2010.01", 1)),
    ],
    ids=["stop", "gap through the stop", "target", "gap through the target", "both"],
)
def test_protection_of_a_short(bar: str, found: tuple[str, str, str, int]) -> None:
    bench = Bench()
    short_position(bench)
    assert bench.bar(bar)[0] == found


def test_the_bar_of_the_entry_may_stop_it_out() -> None:
    bench = Bench()
    bench.send(BUY, stop="1990", target="2020")
    assert bench.bar("2000 2030 1980 2000") == [
        ("o1", FILLED, "2000.01", 0),
        ("stop1", FILLED, "1989.99", 1),
        ("target1", CANCELED, "0", 1),
    ]


def test_a_stop_at_the_open_comes_before_an_exit() -> None:
    bench = Bench()
    long_position(bench)
    bench.send(SELL, ROLE_EXIT)
    assert [row[:3] for row in bench.bar("1985 1990 1980 1985")] == [
        ("stop1", FILLED, "1984.99"),
        ("target1", CANCELED, "0"),
        ("o2", EXPIRED, "0"),
    ]


def test_an_exit_fills_at_the_next_open_and_takes_the_protection_with_it() -> None:
    bench = Bench()
    long_position(bench)
    bench.send(SELL, ROLE_EXIT)
    assert [row[:3] for row in bench.bar("2005 2006 2004 2005")] == [
        ("o2", FILLED, "2004.99"),
        ("stop1", CANCELED, "0"),
        ("target1", CANCELED, "0"),
    ]
    assert not bench.venue.is_active()


def test_the_simplest_fills_take_the_close_of_the_signal_bar() -> None:
    bench = Bench(spread_ticks=5, slippage_bps=9, is_simplest=True)
    bench.bar("2000 2001 1999 2000.5")
    bench.send(BUY, stop="1990", target="2020")
    assert bench.bar("2003 2004 2002 2003") == [("o1", FILLED, "2000.5", 0)]
    assert bench.bar("2000 2001 1989 2000")[0] == ("stop1", FILLED, "1990", 1)


def test_the_simplest_exit_of_a_timer_takes_the_close_of_the_bar_that_ends_then() -> None:
    bench = Bench(is_simplest=True)
    bench.bar("2000 2001 1999 2000")
    bench.send(BUY, stop="1990", target="2020")
    bench.bar("2003 2004 2002 2003")
    bench.bar_ns += MINUTE_NS  # the timer fires at the end of the bar that has not been seen yet
    order = bench.send(SELL, ROLE_EXIT)
    bench.bar_ns -= MINUTE_NS
    assert bench.bar("2004 2006 2003 2005")[0] == (order.client_order_id, FILLED, "2005", 1)
