"""Trades to bars of any length.

A trade belongs to the bar floor(T / length), T = exchange time. A bar closes on the first trade of a later bar, or by
the timer 2 s of engine time after its end. A trade for a bar already closed is late: counted, not folded.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import Trade
from supreme_system_v5.core.domain.market import NS_PER_MS, Bar
from supreme_system_v5.core.domain.ports import NEVER_NS

CLOSE_DELAY_NS: Final = 2_000_000_000  # how long after its end the timer closes a bar
CLOSED_MAX: Final = 1500  # bars closed by one call; a jump over more is not filled with empty bars
_VOLUME_E8_MAX: Final = 9_000_000_000_000_000_000


class BarBuilder:
    """Folds the trades of one symbol.

    ``current`` is the forming bar; before its first trade it stands at the previous close, volume 0, and is committed
    like that when none comes. Provisional (never to be traded on): every bar up to and including that of the first
    trade after the start or ``seed``, and those marked. ``late`` and ``duplicates`` count trades that were not folded,
    ``skipped`` bars that a jump of time left out.
    """

    def __init__(self, bar_seconds: int) -> None:
        """Raises ValueError when the length is not positive."""
        if bar_seconds <= 0:
            raise ValueError(f"bar_seconds must be positive, not {bar_seconds}")
        self.bar_ms: i64 = bar_seconds * 1000
        self.current: Bar | None = None
        self.closed: list[Bar] = []
        self.due_ns: i64 = NEVER_NS
        self.late: i64 = 0
        self.duplicates: i64 = 0
        self.skipped: i64 = 0
        self.last_trade_id: i64 = -1
        self._is_started = False  # a trade has been folded since the start or seed
        self._is_next_provisional = True
        self._is_marked = False  # the forming bar was touched by a gap
        self._provisional_until_ms: i64 = -1  # bars that open at or before this are provisional

    def seed(self, last_close_e8: i64, next_open_ms: i64) -> None:
        """Begin after warm-up: the bar that opens at ``next_open_ms`` forms, standing at the last close."""
        if last_close_e8 <= 0 or next_open_ms < 0 or next_open_ms % self.bar_ms != 0:
            raise ValueError(f"not a close and a bar's opening time: {last_close_e8}, {next_open_ms}")
        self.closed = []
        self._is_started = False
        self._is_marked = False
        self._open(next_open_ms, last_close_e8)

    def mark_provisional(self) -> None:
        """The forming bar, or when none forms the next one, was touched by a gap or reconnect."""
        if self.current is not None:
            self.current.is_provisional = True
            self._is_marked = True
        else:
            self._is_next_provisional = True

    def mark_provisional_until(self, time_ms: i64) -> None:
        """As mark_provisional, and every later bar that opens at or before exchange time ``time_ms`` too.

        For a gap whose end is known: it may lie in a bar that does not form yet.
        """
        self.mark_provisional()
        self._provisional_until_ms = max(self._provisional_until_ms, time_ms)

    def on_trade(self, trade: Trade) -> i64:
        """Fold a trade; the number of bars it closed, which are then in ``closed``, oldest first."""
        if self.closed:
            self.closed = []
        closed: i64 = 0
        if trade.trade_id <= self.last_trade_id:
            self.duplicates += 1
            return 0
        self.last_trade_id = trade.trade_id
        time_ms = trade.trade_time_ms
        bar = self.current
        if bar is None:
            bar = self._open(time_ms - time_ms % self.bar_ms, trade.price_e8)
        elif time_ms < bar.open_ms:
            self.late += 1
            return 0
        elif time_ms >= bar.open_ms + self.bar_ms:
            bar = self._close_until(bar, time_ms - time_ms % self.bar_ms)
            closed = len(self.closed)
        self._is_started = True
        price_e8 = trade.price_e8
        if bar.trades == 0:
            bar.open_e8 = price_e8
            bar.high_e8 = price_e8
            bar.low_e8 = price_e8
        elif price_e8 > bar.high_e8:
            bar.high_e8 = price_e8
        elif price_e8 < bar.low_e8:
            bar.low_e8 = price_e8
        bar.close_e8 = price_e8
        if bar.volume_e8 > _VOLUME_E8_MAX - trade.quantity_e8:
            bar.volume_e8 = _VOLUME_E8_MAX  # absurd, but it must not wrap around
        else:
            bar.volume_e8 += trade.quantity_e8
        bar.trades += 1
        return closed

    def on_timer(self, time_ns: i64) -> i64:
        """Close every bar whose end + 2 s is at or before engine time ``time_ns``; the number closed."""
        if len(self.closed) != 0:
            self.closed = []
        bar = self.current
        if bar is None or time_ns < self.due_ns:
            return 0
        ended_ms = (time_ns - CLOSE_DELAY_NS) // NS_PER_MS
        self._close_until(bar, ended_ms - ended_ms % self.bar_ms)
        return len(self.closed)

    def _close_until(self, bar: Bar, open_ms: i64) -> Bar:
        """Close the forming bar and the empty ones after it; the bar that opens at ``open_ms`` forms."""
        is_marked = self._is_marked
        self._is_marked = False
        self.closed.append(bar)
        close_e8 = bar.close_e8
        next_ms = bar.open_ms + self.bar_ms
        missing = (open_ms - next_ms) // self.bar_ms
        if missing >= CLOSED_MAX:
            self.skipped += missing
            self._is_next_provisional = True
        elif missing > 0:
            # The forming bar was touched by a gap and several ended before we heard again: they lay in it too.
            while next_ms < open_ms:
                self._is_next_provisional = is_marked
                self.closed.append(self._open(next_ms, close_e8))
                next_ms += self.bar_ms
            self._is_next_provisional = is_marked
        return self._open(open_ms, close_e8)

    def _open(self, open_ms: i64, price_e8: i64) -> Bar:
        bar = Bar(open_ms, price_e8, price_e8, price_e8, price_e8, 0, 0)
        bar.is_provisional = self._is_next_provisional or not self._is_started or open_ms <= self._provisional_until_ms
        self._is_next_provisional = False
        self.current = bar
        self.due_ns = (open_ms + self.bar_ms) * NS_PER_MS + CLOSE_DELAY_NS
        return bar
