"""Stop and target: placed with each fill, sized to the position, triggered by the trade that crosses."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.order import (
    BUY,
    CANCELED,
    EXPIRED,
    FILLED,
    GTC,
    OPEN,
    PARTIALLY_FILLED,
    REJECTED,
    ROLE_STOP,
    ROLE_TARGET,
    SELL,
    STOP_MARKET,
    TAKE_PROFIT_MARKET,
)
from tests.core.matching.kit import Desk, e8, line


def resting(desk: Desk) -> list[tuple[str, int]]:
    return [(order.role, order.remaining_e8) for order in desk.venue.open_orders()]


def test_protection_comes_with_each_partial_fill() -> None:
    desk = Desk()
    desk.book([(1999.9, 3)], [(2000.1, 1), (2000.2, 2)])
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 2.5, 2000.2, 1980.0, 2040.0)
    desk.at(50)
    assert [report.protected_quantity_e8 for report in desk.reports] == [e8(1), e8(2.5)]
    assert resting(desk) == [("stop", e8(2.5)), ("target", e8(2.5))]
    stop, target = desk.venue.open_orders()
    assert (stop.side, stop.order_type, stop.trigger_e8) == (SELL, STOP_MARKET, e8(1980))
    assert (target.side, target.order_type, target.trigger_e8) == (SELL, TAKE_PROFIT_MARKET, e8(2040))
    assert stop.is_reduce_only
    assert target.is_reduce_only


def test_the_report_of_the_remainder_tells_the_protection_too() -> None:
    desk = Desk()
    desk.quote(1999.9, 3, 2000.1, 1)
    desk.entry(BUY, 2, 2000.2, 1980.0, 2040.0)
    desk.at(50)
    assert [(r.order_state, r.protected_quantity_e8) for r in desk.reports] == [
        (PARTIALLY_FILLED, e8(1)),
        (EXPIRED, e8(1)),
    ]


def test_long_stop_triggers_on_the_trade_that_crosses_and_fills_at_the_book() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.at(100).trade(1980.01)
    assert desk.reports == []
    desk.at(110).quote(1979.0, 5, 1979.2, 5)
    assert desk.reports == []  # a quote through the trigger is no trade
    desk.at(120).trade(1980.0)
    fill = desk.reports[0]
    assert fill.time_ns == desk.time_ns
    assert not fill.is_maker
    assert fill.reason == "stop"
    assert fill.protected_quantity_e8 == 0
    assert desk.said() == [line("stop", FILLED, 1, 1979.0), line("target", CANCELED)]
    assert not desk.venue.open_orders()


def test_gap_fills_through_the_stop() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.at(100).quote(1900.0, 5, 1900.5, 5)
    desk.at(101).trade(1900.0)
    assert desk.said()[0] == line("stop", FILLED, 1, 1900.0)


@pytest.mark.parametrize(
    ("price", "role"), [(1980.0, "stop"), (2040.0, "target"), (1979.0, "stop"), (2041.0, "target")]
)
def test_long_triggers(price: float, role: str) -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.at(100).trade(price)
    assert desk.said()[0] == line(role, FILLED, 1, 2000.0)  # the book as it stands, whatever the trade said


@pytest.mark.parametrize(
    ("price", "role"), [(2020.0, "stop"), (1960.0, "target"), (2021.0, "stop"), (1959.0, "target")]
)
def test_short_triggers_mirrored(price: float, role: str) -> None:
    desk = Desk()
    desk.open_short()
    desk.said()
    for quiet in (2019.99, 1960.01):
        desk.trade(quiet)
    assert desk.reports == []
    desk.at(100).trade(price)
    assert desk.said()[0] == line(role, FILLED, 1, 2000.1)


def test_stop_before_target_when_one_trade_crosses_both() -> None:
    desk = Desk()
    desk.open_long(stop=2005.0, target=1995.0)
    desk.said()
    desk.at(100).trade(2000.0)
    assert desk.said() == [line("stop", FILLED, 1, 2000.0), line("target", CANCELED)]


def test_trades_before_the_fill_never_trigger() -> None:
    desk = Desk()
    desk.quote(2000.0, 5, 2000.1, 5)
    desk.entry(BUY, 1, 2000.5, 1980.0, 2040.0)
    desk.at(49).trade(1970.0)
    desk.at(50)
    desk.said()
    desk.at(60).quote(2000.0, 6, 2000.1, 5)
    assert desk.reports == []
    assert desk.venue.protected_e8 == e8(1)


def test_a_repeated_or_old_trade_triggers_nothing() -> None:
    desk = Desk()
    desk.open_long()
    desk.at(100).trade(2001.0)
    desk.said()
    desk.at(105).trade(2001.0)
    for known_id in (1, 2):  # an older one, and the last one again
        desk.trade_id = known_id - 1
        desk.at(110).trade(1970.0)
        assert desk.reports == []
    desk.at(120).trade(1970.0)
    assert desk.said()[0] == line("stop", FILLED, 1, 2000.0)


def test_without_a_quote_it_stays_triggered_and_fills_at_the_next() -> None:
    desk = Desk(stale_after_ms=5_000)
    desk.open_long()
    desk.said()
    desk.at(10_000).trade(1975.0)
    assert desk.reports == []
    desk.at(10_050).trade(1990.0)  # back above: once triggered stays triggered
    assert desk.reports == []
    desk.at(10_100).quote(1985.0, 5, 1985.1, 5)
    assert desk.said() == [line("stop", FILLED, 1, 1985.0), line("target", CANCELED)]


def test_remainder_goes_on_with_the_next_market_event() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.at(100).quote(1980.0, 0.4, 1980.1, 5)
    desk.at(101).trade(1980.0)
    assert desk.said() == [line("stop", PARTIALLY_FILLED, 0.4, 1980.0)]
    assert resting(desk) == [("stop", e8(0.6)), ("target", e8(0.6))]
    desk.at(102).trade(1979.0)
    assert desk.reports == []  # nothing new was offered
    desk.at(103).quote(1978.0, 0.5, 1978.1, 5)
    assert desk.said() == [line("stop", PARTIALLY_FILLED, 0.5, 1978.0)]
    desk.at(104).quote(1977.0, 0.5, 1977.1, 5)
    assert desk.said() == [line("stop", FILLED, 0.1, 1977.0), line("target", CANCELED)]


def test_an_exit_shrinks_both_and_cancels_them_when_flat() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.exit(SELL, 0.3)
    desk.at(100)
    assert desk.said() == [line("exit", FILLED, 0.3, 2000.0)]
    assert resting(desk) == [("stop", e8(0.7)), ("target", e8(0.7))]
    desk.exit(SELL, 0.7)
    desk.at(150)
    assert desk.said() == [line("exit", FILLED, 0.7, 2000.0), line("stop", CANCELED), line("target", CANCELED)]


def test_two_exits_at_once_close_once() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.exit(SELL, 1)
    desk.at(101).trade(1980.0)  # the exit arrived at 100
    assert [state for _, state, _, _ in desk.said()] == [FILLED, CANCELED, CANCELED]
    assert desk.venue.position_e8 == 0


def test_a_waiting_exit_ends_when_the_stop_closed_the_position() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    desk.at(10_000).exit(SELL, 1)
    desk.at(10_050)
    desk.at(10_060).trade(1970.0)
    desk.at(10_100).quote(1971.0, 5, 1971.1, 5)
    assert desk.said() == [
        line("exit", OPEN),
        line("stop", FILLED, 1, 1971.0),
        line("target", CANCELED),
        line("exit", EXPIRED),
    ]


def test_cancel_of_one_leaves_the_other() -> None:
    desk = Desk()
    order = desk.open_long()
    desk.said()
    desk.venue.cancel(order.target_order_id, desk.time_ns)
    desk.at(100)
    assert desk.said() == [line("target", CANCELED)]
    assert resting(desk) == [("stop", e8(1))]
    desk.at(110).trade(2050.0)
    assert desk.reports == []
    desk.at(120).trade(1970.0)
    assert desk.said() == [line("stop", FILLED, 1, 2000.0)]


def test_place_protection_rests_at_once_and_says_so_with_the_next_advance() -> None:
    desk = Desk()
    desk.venue.set_position(e8(-2))
    stop = desk.order(ROLE_STOP, BUY, STOP_MARKET, GTC, 5)
    target = desk.order(ROLE_TARGET, BUY, TAKE_PROFIT_MARKET, GTC, 5)
    stop.trigger_e8, target.trigger_e8 = e8(2020), e8(1960)
    desk.venue.place_protection(stop, target, desk.time_ns)
    assert desk.venue.protected_e8 == e8(2)
    assert desk.venue.next_ns() == desk.time_ns
    desk.at(0)
    assert [(r.order_state, r.protected_quantity_e8) for r in desk.reports] == [(OPEN, e8(2)), (OPEN, e8(2))]
    desk.said()
    desk.at(1).quote(2021.0, 5, 2021.1, 5)
    desk.at(2).trade(2021.0)
    assert desk.said() == [line("stop", FILLED, 2, 2021.1), line("target", CANCELED)]


def test_place_protection_without_a_position_is_rejected() -> None:
    desk = Desk()
    stop = desk.order(ROLE_STOP, BUY, STOP_MARKET, GTC, 5)
    target = desk.order(ROLE_TARGET, BUY, TAKE_PROFIT_MARKET, GTC, 5)
    desk.venue.place_protection(stop, target, desk.time_ns)
    desk.at(0)
    assert desk.said() == [line("stop", REJECTED), line("target", REJECTED)]
    assert not desk.venue.is_active()


def test_place_protection_replaces_what_rests() -> None:
    desk = Desk()
    desk.open_long()
    desk.said()
    stop = desk.order(ROLE_STOP, SELL, STOP_MARKET, GTC, 1)
    target = desk.order(ROLE_TARGET, SELL, TAKE_PROFIT_MARKET, GTC, 1)
    stop.trigger_e8, target.trigger_e8 = e8(1990), e8(2050)
    desk.venue.place_protection(stop, target, desk.time_ns)
    desk.at(60)
    assert desk.said() == [line("stop", CANCELED), line("target", CANCELED), line("stop", OPEN), line("target", OPEN)]
    desk.at(70).trade(1980.0)
    assert desk.reports[0].client_order_id == stop.client_order_id


def test_a_partly_filled_stop_that_returns_repeats_no_execution_id() -> None:
    desk = Desk()
    order = desk.open_long()
    desk.at(100).quote(1980.0, 0.4, 1980.1, 5)
    desk.at(101).trade(1980.0)
    first = desk.reports[-1].execution_id
    again = Desk()  # the next process
    again.venue.set_position(e8(0.6))
    stop = desk.orders[order.stop_order_id]
    target = desk.orders[order.target_order_id]
    stop.trigger_e8, target.trigger_e8 = e8(1980), e8(2040)
    again.orders = desk.orders
    again.venue.place_protection(stop, target, again.time_ns)
    again.quote(1970.0, 5, 1970.1, 5)
    again.trade(1970.0)
    fill = next(report for report in again.reports if report.last_quantity_e8 > 0)
    assert fill.last_quantity_e8 == e8(0.6)
    assert fill.execution_id != first


def test_spot_protection_is_the_position_to_the_step_and_dust_counts_as_flat() -> None:
    desk = Desk("spot")
    desk.quote(2000.0, 50, 2000.1, 50)
    desk.entry(BUY, 0.05, 2000.5, 1980.0, 2040.0)
    desk.at(50)
    assert desk.venue.position_e8 == 4_997_500  # 0.05 less the fee of 0.000025
    assert desk.reports[0].protected_quantity_e8 == e8(0.0499)
    desk.said()
    desk.at(60).trade(1980.0)
    assert desk.said() == [line("stop", FILLED, 0.0499, 2000.0), line("target", CANCELED)]
    assert desk.venue.position_e8 == 0  # 0.000075 is left as dust


def test_spot_remainder_that_no_order_could_close_counts_as_flat_at_once() -> None:
    desk = Desk("spot")
    desk.quote(2000.0, 0.006, 2000.1, 50)
    desk.entry(BUY, 0.01, 2000.5, 1980.0, 2040.0)
    desk.at(50)
    desk.exit(SELL, 0.004)
    desk.at(100)
    desk.said()
    assert desk.venue.position_e8 == 599_500
    # Only 0.002 is left of the bid; after it 0.003995 remain, after the next 0.0035 less than the notional of 5.
    desk.exit(SELL, 0.0059)
    desk.at(150)
    assert desk.said() == [line("exit", PARTIALLY_FILLED, 0.002, 2000.0), line("exit", EXPIRED)]
    desk.at(160).quote(1999.0, 0.0035, 2000.1, 50)
    desk.exit(SELL, 0.0039)
    desk.at(210)
    assert desk.said() == [
        line("exit", PARTIALLY_FILLED, 0.0035, 1999.0),
        line("stop", CANCELED),
        line("target", CANCELED),
        line("exit", EXPIRED),
    ]
    assert desk.venue.position_e8 == 0


def test_a_small_spot_entry_is_protected_too() -> None:
    desk = Desk("spot")
    desk.quote(2000.0, 5, 2000.1, 0.001)
    desk.entry(BUY, 0.01, 2000.5, 1980.0, 2040.0)
    desk.at(50)
    assert desk.reports[0].protected_quantity_e8 == e8(0.0009)  # worth less than the minimum notional, yet held
    desk.said()
    desk.at(60).trade(1980.0)
    assert desk.said() == [line("stop", FILLED, 0.0009, 2000.0), line("target", CANCELED)]


def test_replacing_a_partly_filled_stop_by_itself_repeats_no_execution_id() -> None:
    desk = Desk()
    order = desk.open_long()
    desk.at(100).quote(1980.0, 0.4, 1980.1, 5)
    desk.at(101).trade(1980.0)
    stop, target = desk.orders[order.stop_order_id], desk.orders[order.target_order_id]
    stop.trigger_e8, target.trigger_e8 = e8(1985), e8(2040)
    desk.venue.place_protection(stop, target, desk.time_ns)
    desk.at(102).quote(1979.0, 5, 1979.1, 5)
    desk.at(103).trade(1984.0)
    fills = [report for report in desk.reports if report.client_order_id == order.stop_order_id and report.execution_id]
    assert [(report.order_state, report.last_quantity_e8) for report in fills] == [
        (PARTIALLY_FILLED, e8(0.4)),
        (FILLED, e8(0.6)),
    ]
    assert len({report.execution_id for report in fills}) == 2


def test_a_maker_entry_ends_when_its_protection_closed_the_round() -> None:
    desk = Desk()
    desk.quote(2000.0, 0.001, 2000.1, 5)
    desk.entry(BUY, 1, 1999.0, 1990.0, 2040.0, GTC)
    desk.at(50)
    desk.at(60).trade(1998.0, 0.4)  # beyond our price: at most its own quantity
    assert desk.said() == [line("entry", OPEN), line("entry", PARTIALLY_FILLED, 0.4, 1999.0)]
    desk.at(70).quote(1990.0, 5, 1990.1, 5)
    desk.at(80).trade(1990.0, 0.5)  # passes the rest of the entry, then reaches the stop
    assert desk.said() == [
        line("entry", PARTIALLY_FILLED, 0.5, 1999.0),
        line("stop", FILLED, 0.9, 1990.0),
        line("target", CANCELED),
        line("entry", CANCELED),
    ]
    assert not desk.venue.open_orders()


def test_the_trade_that_fills_a_maker_entry_does_not_trigger_its_stop() -> None:
    desk = Desk()
    desk.quote(2000.0, 0.001, 2000.1, 5)
    desk.entry(BUY, 1, 1999.0, 1990.0, 2040.0, GTC)
    desk.at(60).trade(1985.0, 3)
    assert desk.said() == [line("entry", OPEN), line("entry", FILLED, 1, 1999.0)]
    desk.at(61).quote(1984.0, 5, 1984.1, 5)
    desk.at(62).trade(1985.0, 3)
    assert desk.said() == [line("stop", FILLED, 1, 1984.0), line("target", CANCELED)]
