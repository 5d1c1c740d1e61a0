"""The order of things: timers, the venue inside the process and outside events, one at a time, by engine time.

The driver (a plain loop or an asyncio one) does:

    effects = pump.process(event)
    while effects or pump.is_busy:
        perform(effects)               # journal commits are finished when this returns
        effects = pump.resume()

so that nothing is known to the engine before it is durable, in every mode and by the same code.
"""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.events import KIND_REPORT, KIND_TRADE, ClosedBar, Event, ExecutionReport, Trade
from supreme_system_v5.core.domain.ports import Venue
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.state import NO_EFFECTS

STEP_IDLE = 0
STEP_DUE = 1  # let timers and venue arrivals up to the event's time happen
STEP_VENUE = 2  # the venue looks at the event
STEP_ENGINE = 3  # the engine reacts to it


class EventPump:
    """Feeds one engine and, on paper, its venue."""

    def __init__(self, engine: Engine, venue: Venue | None) -> None:
        self.engine = engine
        self.venue = venue
        self._event: Event | None = None
        self._step = STEP_IDLE
        self._reports: list[ExecutionReport] = []
        self._prepared: ExecutionReport | None = None

    @property
    def is_busy(self) -> bool:
        """True while the last event is not finished: perform the effects, then resume()."""
        return self._step != STEP_IDLE

    @property
    def under_way_ns(self) -> i64:
        """Time of the event before which timers and the venue are having their turn; 0 = none is."""
        event = self._event
        return event.time_ns if event is not None else 0

    def process(self, event: Event) -> list[Effect]:
        """Take the next event; call only when not busy."""
        engine = self.engine
        venue = self.venue
        if event.time_ns < engine.state.schedule.next_ns and event.kind != KIND_REPORT:
            # The usual case: nothing is due and no order is alive.
            if venue is None or not venue.has_work:
                if not engine.accept(event):
                    return engine.state.take_effects()
                effects = engine.process(event)
                return self._told(effects) if engine.state.is_venue_behind else effects
        engine.watch.before(event.time_ns)
        self._event = event
        self._step = STEP_DUE
        return self.resume()

    def process_trade(self, trade: Trade) -> list[Effect]:
        """As ``process``, for a loop that has nothing but trades: without asking at every step what they are."""
        engine = self.engine
        venue = self.venue
        state = engine.state
        if trade.time_ns >= state.schedule.next_ns:
            return self.process(trade)
        if venue is not None and venue.has_work:
            # With nothing but stop and target resting, most trades concern neither (a third of the time was there).
            if not venue.quiet_low_e8 < trade.price_e8 < venue.quiet_high_e8:
                return self.process(trade)
        if not engine.accept_trade(trade):
            return state.take_effects()
        effects = engine.process_trade(trade)
        return self._told(effects) if state.is_venue_behind else effects

    def process_bar(self, bar: ClosedBar) -> list[Effect]:
        """As ``process``, for a loop that has nothing but closed bars."""
        engine = self.engine
        venue = self.venue
        state = engine.state
        if bar.time_ns >= state.schedule.next_ns or (venue is not None and venue.has_work):
            return self.process(bar)
        if not engine.accept_bar(bar):
            return state.take_effects()
        effects = engine.process_bar(bar)
        return self._told(effects) if state.is_venue_behind else effects

    def resume(self) -> list[Effect]:
        """Go on after the last effects were performed; an empty list and not busy = done."""
        while True:
            if self._prepared is not None:
                report = self._prepared
                self._prepared = None
                effects = self._deliver(report)
                if len(effects) > 0:
                    return effects
            if len(self._reports) > 0:
                report = self._reports.pop(0)
                self._prepared = report
                effects = self.engine.prepare(report)
                if len(effects) > 0:
                    return effects
                continue
            if self._step == STEP_IDLE:
                return NO_EFFECTS
            effects = self._advance()
            if len(effects) > 0:
                return effects

    def _deliver(self, report: ExecutionReport) -> list[Effect]:
        self.engine.accept(report)
        return self._told(self.engine.process(report))

    def _told(self, effects: list[Effect]) -> list[Effect]:
        """Dust that the books moved out of the position is no position at the venue either."""
        state = self.engine.state
        if state.is_venue_behind:
            state.is_venue_behind = False
            if self.venue is not None:
                self.venue.set_position(state.ledger.position_e8)
        return effects

    def _advance(self) -> list[Effect]:
        event = self._event
        assert event is not None
        if self._step == STEP_DUE:
            return self._advance_due(event)
        if self._step == STEP_VENUE:
            self._step = STEP_ENGINE
            if self.venue is not None and self.venue.has_work:
                self._reports = self.venue.on_market(event)
            return NO_EFFECTS
        self._step = STEP_IDLE
        self._event = None
        return self._told(self.engine.process(event))

    def _advance_due(self, event: Event) -> list[Effect]:
        """The earliest of timers and venue arrivals, up to and including the event's time; the venue first."""
        timer_ns: i64 = self.engine.state.schedule.next_ns
        venue = self.venue
        if venue is not None:
            venue_ns = venue.next_ns()
            if venue_ns <= event.time_ns and venue_ns <= timer_ns:
                self._reports = venue.advance(venue_ns)
                return NO_EFFECTS
        if timer_ns <= event.time_ns:
            return self._told(self.engine.fire_timer(timer_ns))
        if event.kind == KIND_REPORT:
            self._step = STEP_IDLE
            self._event = None
            self._reports = [self._as_report(event)]
            return NO_EFFECTS
        if not self.engine.accept(event):
            self._step = STEP_IDLE
            self._event = None
            return self.engine.state.take_effects()
        self._step = STEP_VENUE
        return NO_EFFECTS

    def _as_report(self, event: Event) -> ExecutionReport:
        assert isinstance(event, ExecutionReport)
        return event

    def is_trade_passed(self, event: Event) -> bool:
        """True when the event was a trade that the gate let through."""
        return event.kind == KIND_TRADE and self.engine.state.passed
