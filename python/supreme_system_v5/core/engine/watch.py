"""What the engine watches beside the market: clock, streams, source, budget, funding, and the orderly end."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import (
    FundingRecord,
    RequestBook,
    Resync,
    SetDepthStream,
    Shutdown,
)
from supreme_system_v5.core.domain.events import (
    FEED_DOWN,
    FEED_GAP,
    FEED_SERVER_TIME,
    FEED_UP,
    ClockFault,
    FallbackPrice,
    FeedStatus,
    FundingPayment,
    Pressure,
)
from supreme_system_v5.core.domain.market import (
    NS_PER_MS,
    NS_PER_SECOND,
    SOURCE_COINGECKO,
    STREAM_DEPTH,
    STREAM_TRADE,
)
from supreme_system_v5.core.domain.money import format_e8, multiply_e8
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.engine.chart import Chart
from supreme_system_v5.core.engine.day import DayBook
from supreme_system_v5.core.engine.desk import Desk
from supreme_system_v5.core.engine.schedule import (
    TIMER_FUNDING,
    TIMER_TIMEOUT,
    TIMER_WATCH,
)
from supreme_system_v5.core.engine.state import EngineState
from supreme_system_v5.core.risk.checks import EntryFacts

TIME_TOLERANCE_NS: Final = 5 * NS_PER_SECOND
QUIET_MARKET_NS: Final = 60 * NS_PER_SECOND


class Watch:
    """Decides when not to trade and when to protect."""

    def __init__(self, state: EngineState, desk: Desk, chart: Chart, day: DayBook) -> None:
        self.state = state
        self.desk = desk
        self.chart = chart
        self.day = day
        self.stale_ns: i64 = int(state.parameters.stale_after_seconds * NS_PER_SECOND)
        self.fallback_beyond_count = 0
        self.fallback_updated_ms: i64 = 0
        self.last_resync_ns: i64 = 0
        self.last_funding_ms: i64 = 0
        self.is_funding_unknown = False
        self.is_clock_measured = True
        self.is_started = False
        self._facts = EntryFacts()

    # -- time ------------------------------------------------------------------------------------------------------

    def start(self, time_ns: i64) -> None:
        """The first event: timers begin, the day gets its baseline unless one was restored."""
        schedule = self.state.schedule
        self.is_started = True
        self.state.started_ns = time_ns
        schedule.set(TIMER_WATCH, int(time_ns) + NS_PER_SECOND)
        if self.state.position is not None:
            schedule.set(TIMER_TIMEOUT, self.state.position.timeout_ns)
        self.day.start(time_ns)

    def is_time_sane(self, exchange_ms: i64) -> bool:
        """False when an exchange time is more than 5 s away from receive time plus the measured venue offset."""
        gap_ns = exchange_ms * NS_PER_MS - (self.state.now_ns + self.state.venue_offset_ns)
        return -TIME_TOLERANCE_NS <= gap_ns <= TIME_TOLERANCE_NS

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_watch_timer(self) -> None:
        """Once a second: has a stream gone silent, and does anyone depend on it?"""
        state = self.state
        now_ns = state.now_ns
        state.schedule.set(TIMER_WATCH, int(now_ns) + NS_PER_SECOND)
        view = state.view
        if state.is_fallback or view.quote_ns == 0:
            return
        quote_age_ns = now_ns - view.quote_ns
        if quote_age_ns > self.stale_ns:
            if view.bid_e8 > 0:
                # What was offered then is no offer now: nothing may fill at it.
                view.invalidate_quote()
                if state.position is not None:
                    state.emit(RequestBook(int(now_ns), "stale quotes"))
            if quote_age_ns > 2 * self.stale_ns:
                self._resync("quotes silent")
        elif now_ns - view.trade_ns > QUIET_MARKET_NS:
            self._resync("trades silent")

    def _resync(self, reason: str) -> None:
        state = self.state
        if state.now_ns - self.last_resync_ns < QUIET_MARKET_NS:
            return
        self.last_resync_ns = state.now_ns
        state.emit(Resync(int(state.now_ns), reason, True))

    def on_feed(self, event: FeedStatus) -> None:
        """Connections come and go; the source may change to the fallback and back."""
        state = self.state
        if event.state == FEED_SERVER_TIME:
            state.venue_offset_ns = event.value
            self.is_clock_measured = True
            self._unblock_clock()
            return
        if event.stream:
            if event.state in (FEED_DOWN, FEED_GAP):
                if event.stream == STREAM_TRADE:
                    self.chart.mark_provisional()
                elif event.stream == STREAM_DEPTH:
                    state.view.local_book.reset()
            elif event.state == FEED_UP and event.stream == STREAM_DEPTH and not state.view.local_book.is_synced:
                state.emit(RequestBook(int(state.now_ns), "depth stream is up"))
            return
        if event.state == FEED_UP:
            self._set_source(event.source)

    def _set_source(self, source: str) -> None:
        state = self.state
        if source == state.source:
            return
        was = state.source
        state.source = source
        state.is_fallback = source == SOURCE_COINGECKO
        self.fallback_beyond_count = 0
        state.decide("mode", f"source_{source}", f"was {was}" if was else "")
        if was:
            text = "may reduce risk, opens nothing" if state.is_fallback else "trading resumes"
            state.announce("mode", f"source changed: {was} -> {source}; {text}")

    def on_fallback(self, event: FallbackPrice) -> None:
        """A stop needs two consecutive fresh polls beyond it; the target does not act on the fallback."""
        state = self.state
        position = state.position
        if not state.is_fallback or position is None:
            self.fallback_beyond_count = 0
            return
        is_fresh = event.updated_ms > self.fallback_updated_ms
        self.fallback_updated_ms = max(self.fallback_updated_ms, event.updated_ms)
        if not is_fresh:
            return
        trigger_e8 = position.stop_trigger_e8
        is_beyond = event.price_e8 <= trigger_e8 if position.side == BUY else event.price_e8 >= trigger_e8
        self.fallback_beyond_count = self.fallback_beyond_count + 1 if is_beyond else 0
        if self.fallback_beyond_count >= 2:
            self.desk.exit("fallback_stop")

    # -- clock -----------------------------------------------------------------------------------------------------

    def on_clock(self, event: ClockFault) -> None:
        """Suspend or clock step: nothing is trusted until books and the venue's clock have been measured anew."""
        state = self.state
        state.clock_faults += 1
        state.is_clock_blocked = True
        self.is_clock_measured = False
        size = f"{int(event.magnitude_ns) / 1e9:.1f} s"
        state.decide("mode", event.reason, size)
        state.announce("mode", f"{event.reason} of {size}: entries blocked until resynchronised")
        self.chart.mark_provisional()
        state.view.local_book.reset()
        state.view.invalidate_quote()
        state.emit(Resync(int(state.now_ns), event.reason, False))
        state.emit(RequestBook(int(state.now_ns), event.reason))

    def _unblock_clock(self) -> None:
        state = self.state
        if state.is_clock_blocked and self.is_clock_measured and state.view.bid_e8 > 0:
            state.is_clock_blocked = False
            state.decide("mode", "clock_resynchronised", "")

    def on_quote(self) -> None:
        if self.state.is_clock_blocked:
            self._unblock_clock()

    # -- budget ----------------------------------------------------------------------------------------------------

    def on_pressure(self, event: Pressure) -> None:
        """The two ladders' steps. Protection is never part of them."""
        state = self.state
        cpu_before = state.cpu_level
        state.cpu_level = int(event.cpu_level)
        state.memory_level = int(event.memory_level)
        state.decide("mode", "pressure", f"cpu {event.cpu_level} memory {event.memory_level}")
        self.chart.gate.set_interval_multiplier(1 if event.cpu_level < 1 else (2 if event.cpu_level < 2 else 4))
        if (cpu_before >= 3) != (event.cpu_level >= 3):
            state.emit(SetDepthStream(event.cpu_level < 3))
            if event.cpu_level >= 3:
                state.view.local_book.reset()
        if event.memory_level >= 3:
            self.begin_stop(state.parameters.on_stop, 3, "memory limit reached")

    # -- stopping --------------------------------------------------------------------------------------------------

    def begin_stop(self, on_stop: str, exit_code: int, reason: str) -> None:
        """Orderly end: entries cancelled; the position kept with its stop, or closed first (on_stop = close)."""
        state = self.state
        if not state.is_stopping:
            state.is_stopping = True
            state.stop_exit_code = exit_code
            state.is_closing = on_stop == "close"
            state.decide("mode", "stopping", reason)
        self.desk.cancel_entries("stopping")
        if on_stop == "close":
            state.is_closing = True
            self.desk.exit("session_end" if exit_code in (0, 3) else reason)
        self.finish_stop()

    def finish_stop(self) -> None:
        """Say Shutdown once nothing is left to be waited for."""
        state = self.state
        if not state.is_stopping or state.is_shutdown_sent:
            return
        if state.is_closing and self.desk.has_exposure():
            return
        state.is_shutdown_sent = True
        state.emit(Shutdown(state.stop_exit_code, "stopping"))

    # -- funding ---------------------------------------------------------------------------------------------------

    def on_mark(self) -> None:
        """A mark price announces when funding is due; keep its timer on that time (in engine time)."""
        state = self.state
        due_ms = state.view.next_funding_ms
        if due_ms > self.last_funding_ms:
            due_ns = int(due_ms) * NS_PER_MS - int(state.venue_offset_ns)
            if state.schedule.due_ns(TIMER_FUNDING) != due_ns:
                state.schedule.set(TIMER_FUNDING, due_ns)

    def on_funding_timer(self) -> None:
        """Funding is due: signed quantity x mark x rate, once for this time. Longs pay a positive rate."""
        state = self.state
        view = state.view
        funding_ms = int(view.next_funding_ms)
        if funding_ms <= self.last_funding_ms:
            return
        if state.position is None or state.instrument.is_spot:
            self.last_funding_ms = funding_ms
            return
        mark_e8 = int(view.mark_e8)
        rate_e8 = int(view.funding_rate_e8)
        amount_e8 = -multiply_e8(multiply_e8(state.ledger.position_e8, mark_e8), rate_e8)
        self._book_funding(funding_ms, amount_e8, rate_e8, mark_e8)

    def on_funding_payment(self, event: FundingPayment) -> None:
        """Funding that fell due while we were down."""
        if event.funding_time_ms > self.last_funding_ms and self.state.position is not None:
            self._book_funding(int(event.funding_time_ms), int(event.amount_e8), int(event.rate_e8), int(event.mark_e8))

    def _book_funding(self, funding_ms: int, amount_e8: int, rate_e8: int, mark_e8: int) -> None:
        state = self.state
        position = state.position
        assert position is not None
        self.last_funding_ms = funding_ms
        state.ledger = state.ledger.after_funding(amount_e8)
        position.funding_e8 += amount_e8
        state.digest.add(f"{state.now_ns} funding {funding_ms} {amount_e8}")
        state.emit(FundingRecord(int(state.now_ns), funding_ms, amount_e8, rate_e8, mark_e8, state.ledger))
        state.announce("trade", f"FUNDING {format_e8(amount_e8, 4)} at rate {format_e8(rate_e8, 6)}")

    # -- facts -----------------------------------------------------------------------------------------------------

    def facts(self, side: int) -> EntryFacts:
        """What the entry checks look at, now. The object is reused."""
        state = self.state
        view = state.view
        facts = self._facts
        facts.time_ns = state.now_ns
        facts.side = side
        facts.is_spot = state.instrument.is_spot
        facts.is_stopping = state.is_stopping
        facts.is_journal_broken = state.is_journal_broken
        facts.is_fallback = state.is_fallback
        facts.is_clock_blocked = state.is_clock_blocked
        facts.cpu_level = state.cpu_level
        facts.memory_level = state.memory_level
        facts.has_exposure = self.desk.has_exposure()
        facts.is_day_limit_hit = self.day.is_limit_hit
        facts.trade_age_ns = state.now_ns - view.trade_ns
        facts.quote_age_ns = state.now_ns - view.quote_ns
        facts.lag_ns = state.lag_ns
        facts.bid_e8 = view.bid_e8
        facts.ask_e8 = view.ask_e8
        facts.orders_last_minute = self.desk.orders_last_minute()
        return facts
