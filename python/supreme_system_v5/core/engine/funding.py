"""Funding of the open position: announced by mark prices, settled once at its time, never twice, never skipped."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.effects import BooksRecord, FundingRecord
from supreme_system_v5.core.domain.events import FundingPayment
from supreme_system_v5.core.domain.market import NS_PER_MS, NS_PER_SECOND
from supreme_system_v5.core.domain.money import format_e8, funding_amount_e8
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.engine.schedule import TIMER_FUNDING
from supreme_system_v5.core.engine.state import EngineState

_MS_MAX: Final = NEVER_NS // NS_PER_MS // 2
MARK_SILENT_NS: Final = 60 * NS_PER_SECOND


class FundingBook:
    """The next announced funding time with the rate and the mark announced last before it."""

    def __init__(self, state: EngineState) -> None:
        self.state = state
        self.last_funding_ms = 0  # done with up to and including this time
        self._due_ms = 0  # 0 = nothing announced
        self._rate_e8 = 0
        self._mark_e8 = 0

    def on_mark(self) -> None:
        """Note what the mark price just applied to the view announces, and keep the timer on it (in engine time)."""
        view = self.state.view
        due_ms = int(view.next_funding_ms)
        if self._due_ms > 0 and due_ms != self._due_ms and view.mark_event_ms >= self._due_ms:
            # The venue speaks of the next time already: ours is due, whatever our clock says.
            self._settle()
        if due_ms <= self.last_funding_ms or due_ms > _MS_MAX:
            return
        self._rate_e8 = int(view.funding_rate_e8)
        self._mark_e8 = int(view.mark_e8)
        if due_ms != self._due_ms:
            self._due_ms = due_ms
            self.arm()

    def arm(self) -> None:
        """Set the timer; again when the venue's clock was measured anew."""
        if self._due_ms > 0:
            self.state.schedule.set(TIMER_FUNDING, self._due_ms * NS_PER_MS - int(self.state.venue_offset_ns))

    def on_timer(self) -> None:
        self._settle()

    def _settle(self) -> None:
        """Signed quantity x mark x rate, rounded against us. Longs pay a positive rate; flat and spot pay nothing."""
        state = self.state
        funding_ms = self._due_ms
        self._due_ms = 0
        state.schedule.clear(TIMER_FUNDING)
        if funding_ms <= self.last_funding_ms:
            return
        if state.position is None or state.instrument.is_spot:
            self.last_funding_ms = funding_ms
            return
        amount_e8 = funding_amount_e8(state.ledger.position_e8, self._mark_e8, self._rate_e8)
        self._book(funding_ms, amount_e8, self._rate_e8, self._mark_e8)

    def on_payment(self, event: FundingPayment) -> None:
        """Funding that fell due while we were down."""
        if event.funding_time_ms > self.last_funding_ms and self.state.position is not None:
            self._book(int(event.funding_time_ms), int(event.amount_e8), int(event.rate_e8), int(event.mark_e8))

    def _book(self, funding_ms: int, amount_e8: int, rate_e8: int, mark_e8: int) -> None:
        state = self.state
        position = state.position
        assert position is not None
        now_ns = int(state.now_ns)
        self.last_funding_ms = funding_ms
        state.ledger = state.ledger.after_funding(amount_e8)
        position.funding_e8 += amount_e8
        state.digest.add(f"{now_ns} funding {funding_ms} {amount_e8}")
        state.emit(FundingRecord(now_ns, funding_ms, amount_e8, rate_e8, mark_e8, state.ledger))
        # The position's own account of it, or a restart would forget it in the trade's result.
        state.emit(BooksRecord(now_ns, state.ledger, position.fields(state.ledger), "funding"))
        state.announce("trade", f"FUNDING {format_e8(amount_e8, 4)} at rate {format_e8(rate_e8, 6)}")

    def is_unknown(self) -> bool:
        """True on USD-M while no rate is known: never announced, or silent since the last time was settled."""
        state = self.state
        if state.instrument.is_spot:
            return False
        silent_ns: i64 = state.now_ns - state.view.mark_ns
        return state.view.mark_ns == 0 or (self._due_ms == 0 and silent_ns > MARK_SILENT_NS)
