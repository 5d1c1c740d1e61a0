"""What the engine watches beside the market: clock, streams, source, budget, funding, and the orderly end."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import Resync, SetDepthStream, Shutdown
from supreme_system_v5.core.domain.events import (
    FEED_DOWN,
    FEED_GAP,
    FEED_SERVER_TIME,
    FEED_UP,
    ClockFault,
    FallbackPrice,
    FeedStatus,
    Pressure,
)
from supreme_system_v5.core.domain.market import (
    NS_PER_MS,
    NS_PER_SECOND,
    SOURCE_COINGECKO,
    STREAM_DEPTH,
    STREAM_QUOTE,
    STREAM_TRADE,
)
from supreme_system_v5.core.domain.order import BUY
from supreme_system_v5.core.engine.chart import Chart
from supreme_system_v5.core.engine.day import DayBook
from supreme_system_v5.core.engine.desk import Desk
from supreme_system_v5.core.engine.funding import FundingBook
from supreme_system_v5.core.engine.schedule import TIMER_WATCH
from supreme_system_v5.core.engine.state import EngineState
from supreme_system_v5.core.risk.checks import EntryFacts

TIME_TOLERANCE_MS: Final = 5_000
QUIET_MARKET_NS: Final = 60 * NS_PER_SECOND
FALLBACK_AGE_MS_MAX: Final = 300_000  # an older poll says nothing about now
CPU_DEPTH_OFF: Final = 3
# Of two reasons to end, the graver one names the exit code: halted, journal fault, memory, asked for.
_GRAVITY: Final = {0: 0, 3: 1, 2: 2, 4: 3}


class Watch:
    """Decides when not to trade and when to protect."""

    def __init__(self, state: EngineState, desk: Desk, chart: Chart, day: DayBook, funding: FundingBook) -> None:
        self.state = state
        self.desk = desk
        self.chart = chart
        self.day = day
        self.funding = funding
        self._is_on = state.parameters.is_stream_watched
        self.stale_ns: i64 = int(state.parameters.stale_after_seconds * NS_PER_SECOND)
        self.fallback_beyond_count = 0
        self.fallback_updated_ms: i64 = 0
        self.last_resync_ns: i64 = 0
        self.is_clock_measured = True
        self.is_started = False
        self._facts = EntryFacts()

    # -- time ------------------------------------------------------------------------------------------------------

    def start(self, time_ns: i64) -> None:
        """The first event: timers begin, the day gets its baseline unless one was restored."""
        self.is_started = True
        self.state.started_ns = time_ns
        if self._is_on:
            self.state.schedule.set(TIMER_WATCH, int(time_ns) + NS_PER_SECOND)
        self.day.start(time_ns)

    def before(self, time_ns: i64) -> None:
        """Called before the timers up to the next event fire. Nothing at all heard for so long is not a quiet market
        but a pause of ours: what forms may lack trades that wait unread, whatever the timers make of it.
        """
        if self.is_started and self._is_on and time_ns - self.state.now_ns > self.stale_ns:
            self.chart.bars.mark_provisional()

    def take_exchange_time(self, exchange_ms: i64) -> bool:
        """False when it is more than 5 s away from receive time plus the measured venue offset; else the lag is noted.

        A frame refused for its time must not leave a trace, so its lag is none.
        """
        state = self.state
        lag_ms = (state.now_ns + state.venue_offset_ns) // NS_PER_MS - exchange_ms
        if lag_ms > TIME_TOLERANCE_MS or lag_ms < -TIME_TOLERANCE_MS:
            return False
        state.lag_ns = lag_ms * NS_PER_MS
        return True

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_watch_timer(self) -> None:
        """Once a second: has a stream gone silent, and does anyone depend on it?"""
        state = self.state
        state.schedule.set(TIMER_WATCH, int(state.now_ns) + NS_PER_SECOND)
        self._watch_book()
        view = state.view
        if view.bid_e8 > 0 and state.now_ns - view.quote_ns > self.stale_ns:
            # What was offered then is no offer now: nothing may fill at it.
            view.invalidate_quote()
        if state.is_fallback:
            if self.desk.wanted_exit:
                self._ask_for_book("exit")
            return
        if view.bid_e8 <= 0 and view.quote_ns > 0 and state.position is not None:
            self._ask_for_book("stale quotes")
        # A REST book keeps the view's quote fresh; the stream's silence is judged by the stream alone.
        if state.stream_quote_ns == 0:
            return
        if state.now_ns - state.stream_quote_ns > 2 * self.stale_ns:
            self._resync("quotes silent")
        elif state.now_ns - max(view.trade_ns, state.started_ns) > QUIET_MARKET_NS:
            self._resync("trades silent")

    def _watch_book(self) -> None:
        """Depth frames that come while the book is out of step need a snapshot, whatever became of the last one."""
        state = self.state
        view = state.view
        if view.local_book.is_synced or view.depth_ns == 0 or state.cpu_level >= CPU_DEPTH_OFF:
            return
        if state.now_ns - view.depth_ns <= self.stale_ns:
            self._ask_for_book("the book is out of step")

    def _ask_for_book(self, reason: str) -> None:
        if self.state.now_ns - self.state.book_asked_ns >= self.stale_ns:
            self.state.request_book(reason)

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
            self.chart.arm_bar_timer()
            self.funding.arm()
            self.is_clock_measured = True
            self._unblock_clock()
        elif event.stream == STREAM_TRADE:
            if event.state == FEED_GAP:
                self.chart.bars.mark_provisional()
            else:
                self.chart.on_stream(event.state == FEED_UP)
        elif event.stream == STREAM_QUOTE:
            if event.state == FEED_UP:
                # A restarted exchange counts its updates anew; what comes on a new connection is newer anyway.
                state.view.quote_update_id = -1
        elif event.stream == STREAM_DEPTH:
            self._on_depth_stream(event.state)
        elif not event.stream and event.state == FEED_UP:
            self._set_source(event.source)

    def _on_depth_stream(self, feed_state: str) -> None:
        state = self.state
        if feed_state != FEED_UP:
            state.view.local_book.reset()
        if feed_state == FEED_DOWN or state.cpu_level >= CPU_DEPTH_OFF:
            return
        if not state.view.local_book.is_synced:
            state.request_book("depth stream is up" if feed_state == FEED_UP else "gap in the depth stream")

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
        if (state.now_ns + state.venue_offset_ns) // NS_PER_MS - event.updated_ms > FALLBACK_AGE_MS_MAX:
            is_fresh = False
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
        self.chart.bars.mark_provisional()
        state.view.local_book.reset()
        state.view.invalidate_quote()
        state.emit(Resync(int(state.now_ns), event.reason, False))
        state.request_book(event.reason)

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
        self.chart.set_interval_multiplier(1 if event.cpu_level < 1 else (2 if event.cpu_level < 2 else 4))
        if (cpu_before >= CPU_DEPTH_OFF) != (event.cpu_level >= CPU_DEPTH_OFF):
            state.emit(SetDepthStream(event.cpu_level < CPU_DEPTH_OFF))
            if event.cpu_level >= CPU_DEPTH_OFF:
                state.view.local_book.reset()
        if event.memory_level >= 3:
            self.begin_stop(state.parameters.on_stop, 3, "memory limit reached")

    # -- stopping --------------------------------------------------------------------------------------------------

    def begin_stop(self, on_stop: str, exit_code: int, reason: str) -> None:
        """Orderly end: entries cancelled; the position kept with its stop, or closed first (on_stop = close).

        A position that nothing protects, or that is being closed already, is closed, not kept.
        """
        state = self.state
        if not state.is_stopping or _GRAVITY.get(exit_code, 0) > _GRAVITY.get(state.stop_exit_code, 0):
            state.stop_exit_code = exit_code
            state.stop_reason = reason
            state.decide("mode", "stopping", reason)
        state.is_stopping = True
        position = state.position
        if on_stop == "close" or self.desk.wanted_exit or (position is not None and position.unprotected_since_ns > 0):
            state.is_closing = True
        self.desk.cancel_entries("stopping")
        if state.is_closing:
            self.desk.exit("session_end" if exit_code in (0, 3) else reason)
        self.finish_stop()

    def finish_stop(self) -> None:
        """Say Shutdown once nothing is left to be waited for."""
        state = self.state
        if not state.is_stopping or state.is_shutdown_sent or self.desk.is_awaiting_answer():
            return
        if state.is_closing and state.position is not None:
            return
        state.is_shutdown_sent = True
        self.day.record_equity()
        state.emit(Shutdown(state.stop_exit_code, state.stop_reason))

    # -- facts -----------------------------------------------------------------------------------------------------

    def facts(self, side: int) -> EntryFacts:
        """What the entry checks look at, now. The object is reused."""
        state = self.state
        view = state.view
        facts = self._facts
        facts.time_ns = state.now_ns
        facts.side = side
        facts.is_spot = state.instrument.is_spot
        facts.has_one_price = view.has_one_price
        facts.is_stopping = state.is_stopping
        facts.is_journal_broken = state.is_journal_broken
        facts.is_fallback = state.is_fallback
        facts.is_clock_blocked = state.is_clock_blocked
        facts.cpu_level = state.cpu_level
        facts.memory_level = state.memory_level
        facts.has_exposure = self.desk.has_exposure()
        facts.is_day_limit_hit = self.day.is_limit_hit
        facts.trade_age_ns = state.now_ns - view.trade_ns
        # Of the stream: a REST book is good enough to leave at, not to enter at.
        facts.quote_age_ns = state.now_ns - state.stream_quote_ns
        facts.lag_ns = state.lag_ns
        facts.bid_e8 = view.bid_e8
        facts.ask_e8 = view.ask_e8
        facts.orders_last_minute = self.desk.orders_last_minute()
        return facts
