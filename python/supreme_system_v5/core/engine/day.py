"""The UTC day: its first equity, its loss, its limit; and equity once a minute. Survives a restart."""

from __future__ import annotations

import json
from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.account import Ledger
from supreme_system_v5.core.domain.effects import EquityRecord, StateRecord
from supreme_system_v5.core.domain.market import NS_PER_SECOND
from supreme_system_v5.core.domain.money import E8, format_e8
from supreme_system_v5.core.engine.desk import Desk
from supreme_system_v5.core.engine.schedule import TIMER_DAY, TIMER_EQUITY
from supreme_system_v5.core.engine.state import EngineState

DAY_NS: Final = 86_400 * NS_PER_SECOND


class DayBook:
    """The day's books of one account."""

    def __init__(self, state: EngineState, desk: Desk) -> None:
        self.state = state
        self.desk = desk
        self.start_ns: i64 = 0
        self.baseline_e8 = 0
        self.is_limit_hit = False
        self._limit_e8 = round(state.parameters.max_daily_drawdown_pct * E8)
        self._safe_ledger: Ledger | None = None  # with these books, and this day's baseline, a mark that was safe
        self._safe_mark_e8 = 0
        self._record_ns: i64 = state.parameters.equity_record_seconds * NS_PER_SECOND
        # The ledger's totals when the day began, to tell the day's own result.
        self.realized_e8 = 0
        self.fees_e8 = 0
        self.funding_e8 = 0

    def start(self, time_ns: i64) -> None:
        """The first market event: the day begins unless it was restored, and the timers run."""
        self.roll(time_ns)
        schedule = self.state.schedule
        if self._record_ns > 0:
            schedule.set(TIMER_EQUITY, int(time_ns - time_ns % self._record_ns + self._record_ns))
        schedule.set(TIMER_DAY, int(self.start_ns) + DAY_NS)

    def roll(self, time_ns: i64) -> None:
        """Begin the UTC day of ``time_ns`` if it is a later one. A clock that went back never reopens a day."""
        day_ns = time_ns - time_ns % DAY_NS
        if self.start_ns < day_ns:
            self._begin(day_ns)

    def _begin(self, day_ns: i64) -> None:
        state = self.state
        self.start_ns = day_ns
        self.baseline_e8 = state.equity_e8()
        self._safe_ledger = None
        self.is_limit_hit = False
        self.realized_e8 = state.ledger.realized_e8
        self.fees_e8 = state.ledger.fees_e8
        self.funding_e8 = state.ledger.funding_e8
        state.refusals_today = {}
        state.schedule.set(TIMER_DAY, int(day_ns) + DAY_NS)
        self._save()

    def _save(self) -> None:
        self.state.emit(
            StateRecord(
                int(self.state.now_ns),
                "day",
                json.dumps(
                    {
                        "start_ns": int(self.start_ns),
                        "baseline_e8": str(self.baseline_e8),
                        "is_limit_hit": self.is_limit_hit,
                        "realized_e8": str(self.realized_e8),
                        "fees_e8": str(self.fees_e8),
                        "funding_e8": str(self.funding_e8),
                    }
                ),
            )
        )

    def restore(self, text: str) -> None:
        """Raises KeyError or ValueError for text that this class did not write."""
        saved = json.loads(text)
        self.start_ns = saved["start_ns"]
        self.baseline_e8 = int(saved["baseline_e8"])
        self._safe_ledger = None
        self.is_limit_hit = saved["is_limit_hit"]
        self.realized_e8 = int(saved["realized_e8"])
        self.fees_e8 = int(saved["fees_e8"])
        self.funding_e8 = int(saved["funding_e8"])

    def on_day_timer(self) -> None:
        state = self.state
        state.digest.add(f"{state.now_ns} day {self.start_ns}")
        self._begin(state.now_ns - state.now_ns % DAY_NS)

    def on_equity_timer(self) -> None:
        state = self.state
        state.schedule.set(TIMER_EQUITY, int(state.now_ns + self._record_ns))
        self.record_equity()
        self.check_loss()

    def record_equity(self) -> None:
        """Equity as it stands, for the journal: once a minute, and last of all at an orderly stop."""
        state = self.state
        equity_e8, ledger = state.equity_e8(), state.ledger
        state.emit(EquityRecord(int(state.now_ns), equity_e8, ledger.wallet_e8, ledger.position_e8, state.mark_e8()))

    def drawdown(self) -> float:
        """Today's loss as a fraction of the day's first equity (0 when there is none)."""
        if self.baseline_e8 <= 0:
            return 0.0
        return max(0.0, (self.baseline_e8 - self.state.equity_e8()) / self.baseline_e8)

    def check_loss(self) -> None:
        """At MAX_DAILY_DRAWDOWN_PCT the position is closed and entries end for the day."""
        state = self.state
        mark_e8 = state.mark_e8()
        if state.ledger is self._safe_ledger and not self.is_limit_hit:
            # The same books at a price no worse than one that was safe: equity falls with the price, one way.
            held_e8 = state.ledger.position_e8 + state.ledger.dust_e8
            if held_e8 == 0 or (mark_e8 >= self._safe_mark_e8 if held_e8 > 0 else 0 < mark_e8 <= self._safe_mark_e8):
                return
        limit_e8 = self._limit_e8
        if self.is_limit_hit:
            if state.position is not None:
                self.desk.exit("daily_drawdown")
            return
        loss_e8 = self.baseline_e8 - state.equity_e8()
        if loss_e8 <= 0 or loss_e8 * E8 < self.baseline_e8 * limit_e8:
            if mark_e8 > 0:
                self._safe_ledger = state.ledger
                self._safe_mark_e8 = mark_e8
            return
        self.is_limit_hit = True
        state.decide("breaker", "daily_drawdown", f"lost {format_e8(loss_e8, 2)} of {format_e8(self.baseline_e8, 2)}")
        self._save()
        state.announce("mode", f"daily drawdown limit hit: lost {format_e8(loss_e8, 2)}; no entries until 00:00 UTC")
        self.desk.cancel_entries("daily_drawdown")
        self.desk.exit("daily_drawdown")
