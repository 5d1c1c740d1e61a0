"""`Engine.process`: an event comes in, the state changes, and the effects to perform come out.

It performs nothing, never asks the time, and cannot tell paper from live from a replay.
"""

from __future__ import annotations

from typing import cast

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.events import (
    COMMAND_CLOSE_BREAKER,
    COMMAND_EMERGENCY_STOP,
    COMMAND_JOURNAL_FAULT,
    COMMAND_STOP,
    KIND_BARS,
    KIND_CLOCK,
    KIND_CLOSED_BAR,
    KIND_COMMAND,
    KIND_DEPTH,
    KIND_FALLBACK,
    KIND_FEED,
    KIND_FUNDING,
    KIND_MARK,
    KIND_PRESSURE,
    KIND_QUOTE,
    KIND_REPORT,
    KIND_SNAPSHOT,
    KIND_TRADE,
    KIND_TRADES,
    Bars,
    ClockFault,
    ClosedBar,
    Command,
    Depth,
    Event,
    ExecutionReport,
    FallbackPrice,
    FeedStatus,
    FundingPayment,
    MarkPrice,
    Pressure,
    Quote,
    Trade,
    Trades,
)
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.domain.order import BUY, ROLE_ENTRY
from supreme_system_v5.core.domain.parameters import Parameters
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.engine.chart import Chart
from supreme_system_v5.core.engine.day import DayBook
from supreme_system_v5.core.engine.desk import Desk
from supreme_system_v5.core.engine.funding import FundingBook
from supreme_system_v5.core.engine.schedule import (
    TIMER_BAR,
    TIMER_DAY,
    TIMER_EQUITY,
    TIMER_EXIT_RETRY,
    TIMER_FUNDING,
    TIMER_GATE,
    TIMER_KLINE_RETRY,
    TIMER_TIMEOUT,
    TIMER_WATCH,
)
from supreme_system_v5.core.engine.state import NO_EFFECTS, EngineState
from supreme_system_v5.core.engine.watch import TIME_TOLERANCE_MS, Watch
from supreme_system_v5.core.market.local_book import APPLIED, GAP
from supreme_system_v5.core.market.view import MarketView
from supreme_system_v5.core.risk.manager import RiskManager
from supreme_system_v5.core.strategies.base import Signal, Strategy


class Engine:
    """One symbol's trading. Feed it through an EventPump, which keeps timers, venue and events in order."""

    def __init__(self, parameters: Parameters, instrument: Instrument, view: MarketView, strategy: Strategy) -> None:
        self.parameters = parameters
        self.instrument = instrument
        self.view = view
        self.state = EngineState(parameters, instrument, view)
        self.risk = RiskManager(parameters, instrument)
        self.desk = Desk(self.state, self.risk)
        self.chart = Chart(self.state, strategy)
        self.day = DayBook(self.state, self.desk)
        self.funding = FundingBook(self.state)
        self.watch = Watch(self.state, self.desk, self.chart, self.day, self.funding)
        self._code = 0

    @property
    def next_timer_ns(self) -> i64:
        return self.state.schedule.next_ns

    # -- the two steps of an event -------------------------------------------------------------------------------

    def accept(self, event: Event) -> bool:
        """Advance the clock, guard the input and update the market view. False = dropped, and counted."""
        state = self.state
        kind = event.kind
        if kind == KIND_TRADE:
            return self.accept_trade(cast(Trade, event))
        if kind == KIND_CLOSED_BAR:
            return self.accept_bar(cast(ClosedBar, event))
        self._begin(event)
        self._code = 0
        if kind == KIND_QUOTE:
            return self._accept_quote(cast(Quote, event))
        if kind == KIND_DEPTH:
            depth = cast(Depth, event)
            if not self._is_timely(depth.event_time_ms):
                return False
            self._code = self.view.apply(event)
            return True
        if kind == KIND_SNAPSHOT:
            self._code = self.view.apply(event)
            return True
        if kind == KIND_MARK:
            if not self._is_timely(cast(MarkPrice, event).event_time_ms):
                return False
            if self.view.apply(event) != APPLIED:
                state.reject_frame("stale_mark")
                return False
        return True

    def accept_bar(self, bar: ClosedBar) -> bool:
        """As ``accept``, of a closed bar."""
        self._begin(bar)
        if not bar.is_sound() or self.view.on_closed_bar(bar) != APPLIED:
            self.state.reject_frame("bar")
            return False
        self.state.stream_quote_ns = bar.time_ns
        return True

    def _begin(self, event: Event) -> None:
        state = self.state
        state.events += 1
        if event.time_ns > state.now_ns:
            state.now_ns = event.time_ns
        if not self.watch.is_started:
            self._start(event)

    def _accept_quote(self, quote: Quote) -> bool:
        if quote.event_time_ms > 0 and not self._is_timely(quote.event_time_ms):
            return False
        if self.view.apply(quote) != APPLIED:
            is_priced = 0 < quote.bid_e8 < quote.ask_e8
            self.state.reject_frame("stale_quote" if is_priced else "crossed_quote")
            return False
        self.state.stream_quote_ns = quote.time_ns
        return True

    def _start(self, event: Event) -> None:
        """The first market event starts the timers; what a restart found before it only moves the day on."""
        if event.kind == KIND_REPORT or event.kind == KIND_FUNDING:
            self.day.roll(event.time_ns)
        else:
            self.watch.start(event.time_ns)

    def accept_trade(self, trade: Trade) -> bool:
        """As ``accept``, of a trade. Written out: of trades there are the most, and calls are the pure core's time."""
        state = self.state
        watch = self.watch
        state.events += 1
        if trade.time_ns > state.now_ns:
            state.now_ns = trade.time_ns
        if not watch.is_started:
            self._start(trade)
        # `watch.take_exchange_time`, written out.
        lag_ms = (state.now_ns + state.venue_offset_ns) // NS_PER_MS - trade.event_time_ms
        is_timely = -TIME_TOLERANCE_MS <= lag_ms <= TIME_TOLERANCE_MS
        if is_timely:
            state.lag_ns = lag_ms * NS_PER_MS
            if trade.trade_time_ms != trade.event_time_ms:
                is_timely = watch.take_exchange_time(trade.trade_time_ms)
        if not is_timely:
            state.reject_frame("exchange_time")
            return False
        view = self.view
        if view.on_trade(trade) == APPLIED:
            if view.is_derived:
                state.stream_quote_ns = trade.time_ns
            return True
        if self.chart.is_renumbered(trade):
            view.last_trade_id = -1
            return view.on_trade(trade) == APPLIED
        self.chart.bars.duplicates += 1
        return False

    def _is_timely(self, exchange_ms: i64) -> bool:
        if self.watch.take_exchange_time(exchange_ms):
            return True
        self.state.reject_frame("exchange_time")
        return False

    def process(self, event: Event) -> list[Effect]:
        """React to an accepted event. The list returned is the caller's to perform, in order."""
        state = self.state
        state.passed = False
        kind = event.kind
        if kind == KIND_QUOTE:
            if state.is_clock_blocked:
                self.watch.on_quote()
            if state.position is not None:
                self._mind_position()
        elif kind == KIND_TRADE:
            return self.process_trade(cast(Trade, event))
        elif kind == KIND_DEPTH:
            if self._code == GAP:
                state.request_book("gap in the depth stream")
        elif kind == KIND_CLOSED_BAR:
            return self.process_bar(cast(ClosedBar, event))
        else:
            self._process_rare(event)
        return state.take_effects()

    def process_trade(self, trade: Trade) -> list[Effect]:
        """As ``process``, of a trade."""
        state = self.state
        state.passed = False
        signal = self.chart.on_trade(trade)
        if signal is not None:
            self._on_signal(signal)
        if state.position is not None:
            self._mind_position()
        if state.out is NO_EFFECTS:
            return NO_EFFECTS
        return state.take_effects()

    def process_bar(self, bar: ClosedBar) -> list[Effect]:
        """As ``process``, of a closed bar."""
        state = self.state
        state.passed = False
        self._maybe_signal(self.chart.on_closed_bar(bar))
        if state.position is not None:
            self._mind_position()
        return state.take_effects()

    def _process_rare(self, event: Event) -> None:
        kind = event.kind
        watch = self.watch
        if kind == KIND_REPORT:
            self._on_report(cast(ExecutionReport, event))
        elif kind == KIND_SNAPSHOT:
            if self._code == GAP:
                self.state.request_book("the snapshot was too old")
            watch.on_quote()
        elif kind == KIND_MARK:
            self.funding.on_mark()
            if self.state.position is not None:
                self._mind_position()
        elif kind == KIND_BARS:
            self._maybe_signal(self.chart.on_bars(cast(Bars, event)))
        elif kind == KIND_TRADES:
            self._maybe_signal(self.chart.on_trades(cast(Trades, event)))
        elif kind == KIND_FALLBACK:
            watch.on_fallback(cast(FallbackPrice, event))
        elif kind == KIND_FEED:
            watch.on_feed(cast(FeedStatus, event))
        elif kind == KIND_CLOCK:
            watch.on_clock(cast(ClockFault, event))
        elif kind == KIND_PRESSURE:
            watch.on_pressure(cast(Pressure, event))
        elif kind == KIND_FUNDING:
            self.funding.on_payment(cast(FundingPayment, event))
        elif kind == KIND_COMMAND:
            self._on_command(cast(Command, event))

    def fire_timer(self, due_ns: i64) -> list[Effect]:
        """Fire the earliest timer due at or before ``due_ns``, at its own time."""
        state = self.state
        due = state.schedule.next_ns
        slot = state.schedule.pop(due_ns)
        if slot < 0:
            return state.take_effects()
        if due > state.now_ns:
            state.now_ns = due
        if slot == TIMER_WATCH:
            self.watch.on_watch_timer()
        elif slot == TIMER_BAR:
            self._maybe_signal(self.chart.on_bar_timer())
        elif slot == TIMER_GATE:
            self._maybe_signal(self.chart.on_gate_timer())
        elif slot == TIMER_TIMEOUT:
            self.desk.exit("timeout")
        elif slot == TIMER_EXIT_RETRY:
            self.desk.on_exit_retry()
        elif slot == TIMER_FUNDING:
            self.funding.on_timer()
        elif slot == TIMER_EQUITY:
            self.day.on_equity_timer()
        elif slot == TIMER_DAY:
            self.day.on_day_timer()
        elif slot == TIMER_KLINE_RETRY:
            self.chart.on_kline_retry()
        return state.take_effects()

    # -- reports --------------------------------------------------------------------------------------------------

    def prepare(self, report: ExecutionReport) -> list[Effect]:
        """What the journal must hold before ``process(report)`` may be called."""
        return self.desk.prepare(report)

    def _on_report(self, report: ExecutionReport) -> None:
        self.desk.on_report(report)
        state = self.state
        self.day.check_loss()
        self._mind_protection()
        if state.is_closing:
            self.desk.exit("session_end")
        if state.is_stopping:
            self.watch.finish_stop()

    def _mind_position(self) -> None:
        """Every event while a position is open: the day's loss, and that protection really rests."""
        self.day.check_loss()
        self._mind_protection()
        position = self.state.position
        if position is None or self.desk.wanted_exit:
            return
        if self.state.now_ns >= position.timeout_ns:
            self.desk.exit("timeout")  # overdue at a restart; while we run the timer is there first
        elif self.state.schedule.due_ns(TIMER_TIMEOUT) == NEVER_NS:
            self.state.schedule.set(TIMER_TIMEOUT, position.timeout_ns)

    def _mind_protection(self) -> None:
        position = self.state.position
        if position is None or position.unprotected_since_ns == 0 or self.desk.wanted_exit:
            return
        if self.desk.working(ROLE_ENTRY) is None:
            self.desk.exit("unprotected")

    # -- signals --------------------------------------------------------------------------------------------------

    def _maybe_signal(self, signal: Signal | None) -> None:
        if signal is not None:
            self._on_signal(signal)

    def _on_signal(self, signal: Signal) -> None:
        """Every intent ends approved or refused, in the journal and in a counter."""
        state = self.state
        if signal.side == BUY:
            state.signals_long += 1
        else:
            state.signals_short += 1
        reasons = "; ".join(signal.reasons)
        # Percent: compiled, an f-string with a format is a slow call for each of its fields.
        state.decide("signal", signal.name(), "confidence %.4f; %s" % (signal.confidence, reasons))  # noqa: UP031
        position = state.position
        if position is not None and position.side != signal.side:
            state.decide("approved", "close", f"a {signal.name()} signal closes and does not reverse")
            self.desk.exit("opposite_signal")
            return
        facts = self.watch.facts(signal.side)
        reason = self.risk.blocking_reason(facts)
        if reason:  # before the volatility is looked at, which takes longest
            state.refuse(reason, signal.name())
            return
        analyzer = self.chart.analyzer
        atr = 0.0 if self.chart.snapshot is None else self.chart.snapshot.atr
        verdict = self.risk.decide(signal, facts, state.equity_e8(), atr, analyzer.atr_pct(), analyzer.usual_atr_pct())
        if not verdict.is_approved:
            state.refuse(verdict.reason, verdict.detail or signal.name())
            return
        state.decide("approved", signal.name(), verdict.detail)
        for breaker in self.risk.probing():
            self.desk.on_breaker_changed(breaker.name)  # a restart must know that the probe is under way
        self.desk.enter(signal.side, verdict, reasons)

    # -- commands -------------------------------------------------------------------------------------------------

    def _on_command(self, command: Command) -> None:
        state = self.state
        state.digest.add(f"{state.now_ns} command {command.name} {command.argument}")
        if command.name == COMMAND_STOP:
            self.watch.begin_stop(command.argument or self.parameters.on_stop, 0, "stop requested")
        elif command.name == COMMAND_EMERGENCY_STOP:
            self.watch.begin_stop("close", 4, "emergency_stop")
        elif command.name == COMMAND_JOURNAL_FAULT:
            state.is_journal_broken = True
            state.announce("warning", "journal fault: " + command.argument)
            self.watch.begin_stop("close", 2, "journal_fault")
        elif command.name == COMMAND_CLOSE_BREAKER:
            breaker = self.risk.breaker(command.argument)
            if breaker is not None:
                breaker.close()
                self.desk.on_breaker_changed(breaker.name)
