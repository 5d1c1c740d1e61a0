"""The engine's timers: a fixed set of named slots, fired in order of due time, then of slot number."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.ports import NEVER_NS

TIMER_BAR: Final = 0  # the forming bar's end + 2 s
TIMER_GATE: Final = 1  # the gate's interval has passed
TIMER_TIMEOUT: Final = 2  # the open position's timeout
TIMER_EXIT_RETRY: Final = 3  # an exit order ended before the position was flat
TIMER_FUNDING: Final = 4  # the announced funding time
TIMER_EQUITY: Final = 5  # once a minute
TIMER_WATCH: Final = 6  # staleness of streams, once a second
TIMER_DAY: Final = 7  # the next UTC midnight
TIMER_KLINE_RETRY: Final = 8  # the kline asked for was not there yet
TIMER_COUNT: Final = 9


class Timer:
    """When a slot is due. An object, because a list of Python integers boxes every time (`set` 240 ns, this way 15)."""

    def __init__(self) -> None:
        self.due_ns: i64 = NEVER_NS


class Schedule:
    """At most one due time a slot. ``next_ns`` is kept up to date so that the hot path compares one number."""

    def __init__(self) -> None:
        self._timers: Final[list[Timer]] = [Timer() for _ in range(TIMER_COUNT)]
        self.bar: Final = self._timers[TIMER_BAR]  # read at every trade
        self.next_ns: i64 = NEVER_NS

    def set(self, slot: i64, due_ns: i64) -> None:
        timer = self._timers[slot]
        was_ns = timer.due_ns
        timer.due_ns = due_ns
        if due_ns <= self.next_ns:
            self.next_ns = due_ns
        elif was_ns == self.next_ns:
            self._refresh()

    def clear(self, slot: i64) -> None:
        self.set(slot, NEVER_NS)

    def due_ns(self, slot: i64) -> i64:
        return self._timers[slot].due_ns

    def pop(self, time_ns: i64) -> int:
        """The earliest slot due at or before ``time_ns`` (cleared by this), or -1."""
        if self.next_ns > time_ns:
            return -1
        for slot in range(TIMER_COUNT):
            if self._timers[slot].due_ns == self.next_ns:
                self.clear(slot)
                return slot
        return -1

    def _refresh(self) -> None:
        earliest_ns: i64 = NEVER_NS
        for timer in self._timers:
            if timer.due_ns < earliest_ns:
                earliest_ns = timer.due_ns
        self.next_ns = earliest_ns
