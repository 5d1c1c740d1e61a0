"""Bars as the engine keeps them: which commit live, which wait for a kline, and what may signal."""

from __future__ import annotations

import pytest

from supreme_system_v5.core.domain.effects import RequestBars, RequestTrades
from supreme_system_v5.core.domain.events import ClockFault, Pressure
from supreme_system_v5.core.domain.money import parse_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.strategies.base import Signal
from supreme_system_v5.optimized.smart_events import REASON_NAMES

from .rig import START_MS, Rig

MINUTE_MS = 60_000


class BarRig(Rig):
    """Klines are answered by hand, times are seconds of the session."""

    def __init__(self, parameters: Parameters | None = None, is_warm: bool = True) -> None:
        super().__init__(parameters, is_warm)
        self.are_bars_answered = False

    def requests(self) -> list[RequestBars]:
        return [effect for effect in self.effects if isinstance(effect, RequestBars)]

    def closes(self, count: int) -> list[float]:
        return self.puppet.closes[-count:]

    def to(self, second: float) -> None:
        """Go to this second of the session."""
        self.wait((START_MS * 1_000_000 + round(second * 1e9) - self.time_ns) / 1e9)

    def trade_at(self, second: float, price: str, quantity: str = "1") -> None:
        self.to(second)
        self.trade(price, quantity, after=0)


def whole_bar(rig: BarRig) -> None:
    """The first bar is over and settled by its kline; the second forms, whole."""
    rig.quote("2000.00", "2000.01", after=0)
    rig.trade_at(1, "2000")
    rig.trade_at(58, "2001")
    rig.trade_at(60.5, "2002")
    rig.klines([(START_MS, parse_e8("2001.50"))])
    assert rig.closes(1) == [2001.5]
    assert not rig.engine.chart.pending


def test_the_bar_open_at_start_is_provisional_and_its_kline_is_committed_in_its_place() -> None:
    rig = BarRig()
    rig.quote("2000.00", "2000.01", after=0)
    rig.trade_at(1, "2000")
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.is_provisional
    rig.puppet.wanted = Signal(BUY, 1.0, [])
    rig.trade_at(40, "2010", "1000")  # a preview, no entry
    assert rig.puppet.wanted is not None and rig.engine.chart.snapshot is not None
    assert rig.engine.chart.snapshot.is_preview and rig.engine.chart.snapshot.price == 2010.0
    rig.trade_at(60.5, "2011")
    (request,) = rig.requests()
    assert (request.from_ms, request.to_ms) == (START_MS, START_MS + MINUTE_MS)
    assert rig.engine.chart.pending and rig.closes(1) == [2000.0]  # nothing committed yet
    bars = rig.puppet.bars
    rig.klines([(START_MS, parse_e8("2009"))])
    assert rig.closes(1) == [2009.0] and rig.puppet.bars == bars + 1
    assert rig.puppet.wanted is not None, "a backfilled bar fired a signal"


def test_a_bar_closes_on_the_first_trade_of_a_later_bar_and_signals() -> None:
    rig = BarRig()
    whole_bar(rig)
    for second in range(62, 120, 2):
        rig.trade_at(second, "2002", "0.01")
    rig.puppet.wanted = Signal(BUY, 1.0, [])
    passes = rig.engine.chart.gate.passes[REASON_NAMES.index("bar_close")]
    rig.quote("2002.99", "2003.00", after=1.9)
    rig.trade_at(120, "2003", "0.000001")  # exactly at the boundary: it belongs to the new bar
    assert rig.closes(1) == [2002.0]
    assert rig.engine.chart.gate.passes[REASON_NAMES.index("bar_close")] == passes + 1
    assert rig.puppet.wanted is None and rig.engine.desk.working("entry") is not None


def test_a_bar_closes_by_timer_two_seconds_after_its_end_and_a_later_trade_of_it_is_late() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.trade_at(119.5, "2004")
    rig.to(121.99)
    assert rig.closes(1) == [2001.5]
    rig.to(122.0)
    assert rig.closes(1) == [2004.0] and not rig.requests()[1:]
    rig.trade_id += 1
    rig.send(rig.trade_event(rig.trade_id, "1999", "1", START_MS + 119_900))
    assert rig.engine.chart.bars.late == 1 and rig.closes(1) == [2004.0]


def test_the_timer_follows_the_venues_clock() -> None:
    """The host's clock is 4 s fast: the bar must not close before its end on the exchange."""
    rig = BarRig()
    rig.feed("", "server_time", value=-4_000_000_000)
    rig.quote("2000.00", "2000.01", after=0)
    rig.to(62.0)  # 58 s on the exchange
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.open_ms == START_MS
    rig.to(66.0)
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.open_ms == START_MS + MINUTE_MS


def test_silent_bars_are_asked_for_and_empty_ones_stand_at_the_close_before() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.trade_at(70, "2005")
    rig.to(122)  # no trade for 52 s: was there none, or did we not hear?
    assert len(rig.requests()) == 2 and rig.engine.chart.pending[0].is_provisional
    rig.klines([(START_MS + MINUTE_MS, parse_e8("2006"))])
    assert rig.closes(1) == [2006.0]
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.close_e8 == parse_e8("2006"), "the empty forming bar stands at the kline's close"
    rig.to(182)
    rig.klines([], is_failed=True)  # the venue cannot be asked: ours is committed
    assert rig.closes(2) == [2006.0, 2006.0]


def test_a_kline_that_is_not_there_yet_is_asked_again_and_later_bars_wait_in_order() -> None:
    rig = BarRig()
    rig.quote("2000.00", "2000.01", after=0)
    rig.trade_at(1, "2000")
    rig.trade_at(61, "2001")
    rig.klines([])
    assert len(rig.requests()) == 1
    rig.to(62.1)
    assert len(rig.requests()) == 2
    for second in range(64, 122, 2):
        rig.trade_at(second, "2002")
    rig.klines([])
    assert len(rig.engine.chart.pending) == 2
    rig.to(124)
    rig.klines([(START_MS, parse_e8("2000.50")), (START_MS + MINUTE_MS, parse_e8("1"))])
    # The first by its kline; the second was seen whole and is committed as it was seen.
    assert rig.closes(2) == [2000.5, 2002.0]
    assert not rig.engine.chart.is_blocked_by_bars()


def test_a_kline_that_never_comes_is_given_up() -> None:
    rig = BarRig()
    rig.quote("2000.00", "2000.01", after=0)
    rig.trade_at(1, "2000")
    rig.trade_at(58, "2001")
    rig.trade_at(61, "2001")
    for second in range(62, 118):
        rig.klines([])
        rig.trade_at(second, "2001")
    assert rig.engine.chart.pending
    for second in range(123, 133):
        rig.to(second)
        rig.klines([])
    assert not rig.engine.chart.pending and rig.closes(1) == [2001.0]


def test_missing_trades_are_fetched_folded_and_the_bar_still_gets_its_kline() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.to(80)
    rig.trade_id += 3  # ids 4, 5, 6 are missing
    rig.trade("2010", "1", after=0)
    (request,) = [effect for effect in rig.effects if isinstance(effect, RequestTrades)]
    assert (request.from_id, request.count_max) == (4, 3)
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.trades == 1 and bar.is_provisional
    rig.trade("2011", "1", after=0.1)  # held back
    assert bar.trades == 1
    ms = rig.ms - 1000
    rig.answer_trades([rig.trade_event(i, "2020", "1", ms) for i in (4, 5, 6, 7)])
    assert bar.trades == 6 and bar.high_e8 == parse_e8("2020") and bar.close_e8 == parse_e8("2011")
    rig.trade_at(120.5, "2012")
    rig.klines([(START_MS + MINUTE_MS, parse_e8("2011"))])
    assert rig.closes(1) == [2011.0]


def test_missing_trades_that_cannot_be_had_leave_the_bar_to_the_kline_and_reach_into_the_next() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.trade_at(119.9, "2002")
    rig.to(121)  # the next bar has begun, but the timer has not closed this one
    rig.trade_id += 10
    rig.trade("2003", "1", after=0)
    rig.answer_trades([], is_failed=True)
    chart = rig.engine.chart
    assert [bar.is_provisional for bar in chart.pending] == [True]
    assert chart.bars.current is not None and chart.bars.current.is_provisional


def test_a_fetched_trade_of_the_future_closes_no_bar() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.to(80)
    rig.trade_id += 2
    rig.trade("2010", "1", after=0)
    rig.answer_trades([rig.trade_event(4, "1", "1", rig.ms + 86_400_000), rig.trade_event(5, "2009", "1", rig.ms)])
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.open_ms == START_MS + MINUTE_MS
    assert (bar.trades, bar.low_e8) == (3, parse_e8("2002"))


def test_a_gap_too_large_to_fetch_is_left_to_the_klines() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.to(80)
    rig.trade_id += 20_000
    rig.trade("2010", "1", after=0)
    assert not rig.of(RequestTrades)
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.is_provisional and bar.trades == 2


def test_a_gap_found_after_the_bar_was_committed_takes_the_history_anew() -> None:
    rig = BarRig()
    whole_bar(rig)
    for second in range(64, 119):
        rig.trade_at(second, "2002")
    rig.to(122.5)  # three seconds of silence around the boundary: committed by timer, as seen
    assert rig.closes(1) == [2002.0]
    rig.trade_id += 5  # and now it shows that trades were missed
    rig.trade("2003", "1", after=0)
    chart = rig.engine.chart
    assert chart.is_blocked_by_bars()
    request = rig.requests()[-1]
    assert request.to_ms == START_MS + 2 * MINUTE_MS and request.to_ms - request.from_ms == 500 * MINUTE_MS
    rig.answer_trades([])
    history = [(ms, parse_e8("2000")) for ms in range(START_MS - 100 * MINUTE_MS, START_MS + MINUTE_MS, MINUTE_MS)]
    rig.klines(history)
    assert chart.is_blocked_by_bars(), "the kline of the bar in question is not among them"
    rig.to(124)
    rig.klines([*history, (START_MS + MINUTE_MS, parse_e8("2002.75"))])
    assert rig.closes(2) == [2000.0, 2002.75]
    assert chart.analyzer.bars == 102 and not chart.is_blocked_by_bars()


def test_a_reconnect_marks_every_bar_it_touches() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.trade_at(118, "2002")
    rig.feed("trade", "down")
    rig.to(182)  # two bars end while the stream is away
    chart = rig.engine.chart
    assert [bar.is_provisional for bar in chart.pending] == [True, True]
    rig.to(185)
    rig.feed("trade", "up")
    rig.trade_id += 3
    rig.trade("2009", "1", after=0)
    rig.answer_trades([])
    assert chart.bars.current is not None and chart.bars.current.is_provisional
    rig.klines([(START_MS + k * MINUTE_MS, parse_e8(f"200{k}")) for k in (1, 2)])
    assert rig.closes(2) == [2001.0, 2002.0]
    rig.trade_at(240.5, "2010")
    rig.klines([(START_MS + 3 * MINUTE_MS, parse_e8("2003"))])
    assert rig.closes(1) == [2003.0]
    assert chart.bars.current is not None and not chart.bars.current.is_provisional


def test_trade_ids_that_begin_anew_after_a_reconnect_are_taken_and_duplicates_are_not() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.trade_id += 1000
    rig.trade("2002", "1", after=0.1)
    rig.answer_trades([], is_failed=True)
    rig.send(rig.trade_event(5, "1", "1", rig.ms))
    assert rig.view.last_trade_e8 == parse_e8("2002"), "an old id without a reconnect is a duplicate"
    rig.feed("trade", "down")
    rig.feed("trade", "up")
    rig.send(rig.trade_event(rig.trade_id, "2002", "1", rig.ms))
    assert rig.engine.chart.bars.duplicates == 2
    rig.wait(1)
    rig.send(rig.trade_event(1, "2007", "1", rig.ms))
    assert rig.view.last_trade_e8 == parse_e8("2007")
    bar = rig.engine.chart.bars.current
    assert bar is not None and bar.close_e8 == parse_e8("2007") and bar.is_provisional
    rig.send(rig.trade_event(2, "2008", "1", rig.ms))
    assert not rig.engine.chart.is_awaiting_trades and rig.view.last_trade_e8 == parse_e8("2008")


def test_quote_ids_that_begin_anew_after_a_reconnect_are_taken() -> None:
    rig = Rig()
    rig.quote_id = 1000
    rig.quote("2000.00", "2000.01")
    rig.quote_id = 5
    rig.quote("2001.00", "2001.01")
    assert rig.view.bid_e8 == parse_e8("2000") and rig.engine.state.rejected_frames == {"stale_quote": 1}
    rig.feed("quote", "down")
    rig.feed("quote", "up")
    rig.quote("2002.00", "2002.01")
    assert rig.view.bid_e8 == parse_e8("2002")


@pytest.mark.parametrize("pause", [5.5, 90.0])
def test_a_pause_of_the_process_makes_the_bars_it_spans_provisional(pause: float) -> None:
    """The trades of the pause still wait in the socket when the timers fire: no bar may close as if it had them."""
    rig = BarRig()
    whole_bar(rig)
    rig.trade_at(117.5, "2002")
    rig.jump(pause)
    assert rig.engine.chart.pending and all(bar.is_provisional for bar in rig.engine.chart.pending)


def test_a_clock_fault_makes_the_forming_bar_provisional() -> None:
    rig = BarRig()
    whole_bar(rig)
    rig.send(ClockFault(rig.time_ns, "suspend", 7_000_000_000))
    assert rig.engine.chart.bars.current is not None and rig.engine.chart.bars.current.is_provisional


def test_started_on_the_fallback_the_first_klines_warm_the_indicators() -> None:
    rig = BarRig(is_warm=False)
    rig.feed("", "up", source="coingecko")
    rig.to(30)
    rig.feed("", "up", source="binance")
    rig.quote("2000.00", "2000.01", after=0)
    rig.trade_at(31, "2000")
    rig.trade_at(60.5, "2000")
    request = rig.requests()[-1]
    assert request.to_ms - request.from_ms == 501 * MINUTE_MS
    rig.klines([(ms, parse_e8("2000")) for ms in range(request.from_ms, request.to_ms, MINUTE_MS)])
    assert rig.engine.chart.committed == 501 and rig.engine.chart.analyzer_is_warm()
    assert not rig.engine.chart.is_blocked_by_bars()


def test_without_a_trade_after_the_warm_up_bars_still_close() -> None:
    rig = BarRig()
    rig.to(62)
    assert len(rig.requests()) == 1
    rig.klines([(START_MS, parse_e8("2004"))])
    assert rig.closes(1) == [2004.0]


def test_klines_that_do_not_fit_the_bars_are_no_klines() -> None:
    rig = BarRig()
    rig.quote("2000.00", "2000.01", after=0)
    rig.trade_at(1, "2000")
    rig.trade_at(61, "2001")
    committed = rig.engine.chart.committed
    rig.klines([(START_MS - 30_000, parse_e8("5")), (START_MS - 61_001, parse_e8("5"))])
    assert rig.engine.chart.committed == committed and rig.engine.chart.pending


def test_the_interval_passes_by_its_timer_and_the_ladder_stretches_it() -> None:
    rig = Rig(Parameters(gate_target_skip=0.0))
    rig.begin()
    gate = rig.engine.chart.gate
    index = REASON_NAMES.index("interval")
    before = gate.passes[index]
    due_ns, pass_ns = int(gate.due_ns), int(gate.due_ns) - round(gate.interval_seconds * 1e9)
    assert 30.0 <= gate.interval_seconds <= 60.0
    rig.send(Pressure(rig.time_ns, 2, 0))
    assert abs(int(gate.due_ns) - pass_ns - 4 * (due_ns - pass_ns)) <= 4
    while rig.time_ns < due_ns + 1_000_000_000:  # small trades of the same bar; the bar's end is later
        rig.trade("2000", "0.0001", after=1)
    assert gate.passes[index] == before, "passed at the old time"
    rig.send(Pressure(rig.time_ns, 0, 0))
    rig.wait(1)
    assert gate.passes[index] == before + 1 or gate.passes[REASON_NAMES.index("bar_close")] > 1
    assert gate.trades_seen == sum(gate.passes[1:4]) + gate.trades_skipped


def test_no_entry_while_the_analyzer_is_cold() -> None:
    rig = Rig(is_warm=False)
    rig.warm(count=20)
    rig.begin()
    rig.signal(BUY)
    assert rig.puppet.wanted is not None and rig.engine.state.signals_long == 0
