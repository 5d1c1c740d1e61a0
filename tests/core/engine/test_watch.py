"""Silence, sources, clocks, the budget's ladders and the orderly end."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.effects import RequestBook, Resync, SetDepthStream, Shutdown, SubmitOrder
from supreme_system_v5.core.domain.events import (
    BookSnapshot,
    ClockFault,
    Depth,
    FallbackPrice,
    Pressure,
    Quote,
)
from supreme_system_v5.core.domain.money import E8, parse_e8
from supreme_system_v5.core.domain.order import BUY, SELL
from supreme_system_v5.core.domain.parameters import Parameters

from .rig import Rig


def book(rig: Rig, price: str = "2000.00", update_id: int = 0) -> None:
    bid_e8 = parse_e8(price)
    ask_e8 = bid_e8 + E8 // 100
    rig.send(BookSnapshot(rig.time_ns, update_id or rig.quote_id + 1, [bid_e8, 50 * E8], [ask_e8, 50 * E8]))


def shutdowns(rig: Rig) -> list[int]:
    return [effect.exit_code for effect in rig.effects if isinstance(effect, Shutdown)]


# -- silence


def test_a_rest_book_is_no_stream_silent_quotes_still_block_entries_and_reconnect() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    for _ in range(8):
        rig.trade("2000", after=1)
    assert rig.of(RequestBook), "a position whose quotes are silent needs a book"
    book(rig)
    assert rig.view.bid_e8 == parse_e8("2000") and rig.engine.state.now_ns - rig.view.quote_ns == 0
    facts = rig.engine.watch.facts(BUY)
    assert facts.quote_age_ns > 7_000_000_000
    for _ in range(5):
        rig.trade("2000", after=1)
        book(rig)
    assert [effect.reason for effect in rig.effects if isinstance(effect, Resync)] == ["quotes silent"]


def test_stale_quotes_fill_nothing_and_the_exit_fills_from_the_book() -> None:
    rig = Rig(Parameters(position_timeout_minutes=1))
    rig.begin()
    rig.enter(BUY)
    for _ in range(62):
        rig.trade("2000", after=1)
    assert rig.engine.desk.wanted_exit == "timeout" and rig.engine.state.position is not None
    assert rig.of(RequestBook)
    book(rig, "1999.00")
    assert rig.engine.state.position is None
    assert rig.trades[0].exit_price_e8 == parse_e8("1999") and rig.trades[0].exit_reason == "timeout"


def test_quiet_trades_block_entries_at_once_and_reconnect_only_after_a_minute() -> None:
    rig = Rig()
    rig.begin()
    for _ in range(30):
        rig.quote("2000.00", "2000.01", after=2)
    assert not rig.of(Resync)
    rig.puppet.wanted = None
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == "stale_trades"
    rig.quote("2000.00", "2000.01", after=3)
    assert [effect.reason for effect in rig.effects if isinstance(effect, Resync)] == ["trades silent"]
    for _ in range(20):
        rig.quote("2000.00", "2000.01", after=2)
    assert len(rig.of(Resync)) == 1, "at most one reconnect a minute"


def test_a_start_into_a_quiet_market_does_not_reconnect() -> None:
    rig = Rig()
    for _ in range(20):
        rig.quote("2000.00", "2000.01", after=2)
    assert not rig.of(Resync)


def test_exchange_time_far_off_is_dropped_without_a_trace() -> None:
    rig = Rig()
    rig.begin()
    before = (rig.engine.state.lag_ns, rig.view.quote_ns, rig.view.last_trade_e8)
    for ms in (0, rig.ms - 5_001, rig.ms + 5_001, 9_223_372_036_854):
        rig.send(Quote(rig.time_ns, ms, rig.quote_id + 1, E8, E8, 2 * E8, E8) if ms else Depth(1, 0, 1, 1, 1, [], []))
        rig.send(rig.trade_event(rig.trade_id + 1, "1", "1", ms))
    assert (rig.engine.state.lag_ns, rig.view.quote_ns, rig.view.last_trade_e8) == before
    assert rig.engine.state.rejected_frames == {"exchange_time": 8}


def test_a_lag_within_tolerance_but_above_the_limit_blocks_entries() -> None:
    rig = Rig(Parameters(stale_after_seconds=2.0))
    rig.begin()
    rig.trade_id += 1
    rig.send(rig.trade_event(rig.trade_id, "2000", "1", rig.ms - 2_500))
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == "lagging_exchange_time"


def test_depth_gaps_and_an_unsynced_book_ask_for_a_snapshot_again_and_again() -> None:
    rig = Rig()
    rig.begin()
    rig.feed("depth", "gap")
    assert [effect.reason for effect in rig.of(RequestBook)] == ["gap in the depth stream"]  # type: ignore[attr-defined]
    for i in range(14):
        rig.quote("2000.00", "2000.01", after=0.5)
        rig.send(Depth(rig.time_ns, rig.ms, 10 + i, 10 + i, 9 + i, [], []))
    assert len(rig.of(RequestBook)) == 2
    rig.send(Pressure(rig.time_ns, 3, 0))
    rig.feed("depth", "up")
    assert len(rig.of(RequestBook)) == 2, "the ladder has switched the depth stream off"


# -- the fallback


def test_the_fallback_never_opens_and_old_or_repeated_polls_do_not_count() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(SELL)
    rig.feed("", "up", source="binance")
    rig.feed("", "up", source="coingecko")
    stop_e8 = parse_e8("2100")
    polls = [
        (stop_e8, rig.ms - 400_000),  # older than five minutes
        (stop_e8, rig.ms),
        (parse_e8("2000"), rig.ms + 1),  # back inside: the count begins anew
        (stop_e8, rig.ms + 2),
        (stop_e8, rig.ms + 2),
        (parse_e8("1500"), rig.ms + 3),  # far beyond the target: it does not act on the fallback
        (stop_e8, rig.ms + 4),
    ]
    for price_e8, updated_ms in polls:
        rig.send(FallbackPrice(rig.time_ns, price_e8, updated_ms))
    assert rig.engine.desk.wanted_exit == ""
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == "fallback_source"
    rig.wait(10)  # Binance is silent
    rig.send(FallbackPrice(rig.time_ns, stop_e8, rig.ms))
    assert rig.engine.desk.wanted_exit == "fallback_stop"
    asked = len(rig.of(RequestBook))
    assert asked > 0 and rig.engine.state.position is not None
    rig.wait(12)
    assert len(rig.of(RequestBook)) > asked, "the exit works until there is a book"
    book(rig, "2101.00")
    assert rig.engine.state.position is None and rig.trades[0].exit_price_e8 == parse_e8("2101.01")
    assert rig.trades[0].exit_reason == "fallback_stop"
    rig.feed("", "up", source="binance")
    assert not rig.engine.state.is_fallback


# -- clocks


def test_a_clock_fault_blocks_entries_until_clock_and_book_are_known_again() -> None:
    rig = Rig()
    rig.begin()
    rig.send(ClockFault(rig.time_ns, "clock_step", 3_000_000_000))
    assert [(e.reason, e.reconnect) for e in rig.effects if isinstance(e, Resync)] == [("clock_step", False)]
    assert rig.of(RequestBook) and rig.view.bid_e8 == 0
    rig.quote("2000.00", "2000.01")
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == "clock_resync"
    rig.feed("", "server_time", value=0)
    assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == ""
    rig.send(ClockFault(rig.time_ns, "suspend", 9_000_000_000))
    rig.feed("", "server_time", value=0)
    assert rig.engine.state.is_clock_blocked
    book(rig)
    assert not rig.engine.state.is_clock_blocked and rig.engine.state.clock_faults == 2


# -- the ladders


def test_the_cpu_ladder_goes_up_and_down() -> None:
    rig = Rig()
    rig.begin()
    for level in (1, 2, 3, 4, 3, 2, 1, 0):
        rig.send(Pressure(rig.time_ns, level, 0))
        expected = "cpu_pressure" if level == 4 else ""
        assert rig.engine.risk.blocking_reason(rig.engine.watch.facts(BUY)) == expected
        assert rig.engine.chart.gate.interval_multiplier == {0: 1, 1: 2}.get(level, 4)
    assert [effect.is_on for effect in rig.effects if isinstance(effect, SetDepthStream)] == [False, True]


@pytest.mark.parametrize("level", [(4, 0), (0, 2)])
def test_pressure_never_throttles_protection(level: tuple[int, int]) -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.send(Pressure(rig.time_ns, *level))
    rig.quote("1970.00", "1970.01")
    rig.trade("1970.00", "0.0001")
    assert rig.engine.state.position is None


# -- the end


def test_a_stop_with_keep_waits_for_an_entry_in_flight_and_keeps_what_it_filled() -> None:
    rig = Rig()
    rig.begin()
    rig.quote("2000.00", "2000.01")
    rig.signal(BUY)
    rig.command("stop", "keep")
    assert shutdowns(rig) == []
    rig.wait(0.2)
    position = rig.engine.state.position
    assert shutdowns(rig) == [0]
    assert position is not None and position.protected_e8 == rig.engine.state.ledger.position_e8
    assert not rig.engine.desk.wanted_exit


def test_a_position_that_is_being_closed_is_closed_not_kept() -> None:
    rig = Rig(Parameters(position_timeout_minutes=1))
    rig.begin()
    rig.enter(BUY)
    for _ in range(61):
        rig.trade("2000", after=1)
    rig.command("stop", "keep")
    assert shutdowns(rig) == []
    rig.quote("2000.00", "2000.01")
    rig.wait(0.1)
    assert shutdowns(rig) == [0] and rig.engine.state.position is None


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [("stop", "emergency_stop", 4), ("stop", "journal_fault", 2), ("emergency_stop", "stop", 4)],
)
def test_the_graver_reason_names_the_exit_code(first: str, second: str, code: int) -> None:
    rig = Rig()
    rig.begin()
    rig.enter(BUY)
    rig.command(first, "close")
    rig.command(second, "disk full" if second == "journal_fault" else "")
    rig.wait(0.2)
    assert shutdowns(rig) == [code] and rig.engine.state.position is None


def test_a_journal_fault_closes_and_ends_with_2() -> None:
    rig = Rig()
    rig.begin()
    rig.enter(SELL)
    rig.command("journal_fault", "disk full")
    rig.signal(BUY)
    rig.wait(0.2)
    assert shutdowns(rig) == [2] and rig.engine.state.position is None
    assert rig.trades[0].exit_reason == "journal_fault"


def test_no_entry_while_stopping() -> None:
    rig = Rig()
    rig.begin()
    rig.command("stop", "keep")
    rig.signal(BUY)
    assert rig.engine.state.refusals == {"stopping": 1} and not rig.of(SubmitOrder)
