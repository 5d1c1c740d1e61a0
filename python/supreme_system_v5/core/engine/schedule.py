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


class Schedule:
    """At most one due time a slot. ``next_ns`` is kept up to date so that the hot path compares one number."""

    def __init__(self) -> None:
        self._due: list[int] = [NEVER_NS] * TIMER_COUNT
        self.next_ns: i64 = NEVER_NS

    def set(self, slot: int, due_ns: int) -> None:
        self._due[slot] = due_ns
        self._refresh()

    def clear(self, slot: int) -> None:
        self._due[slot] = NEVER_NS
        self._refresh()

    def due_ns(self, slot: int) -> int:
        return self._due[slot]

    def pop(self, time_ns: i64) -> int:
        """The earliest slot due at or before ``time_ns`` (cleared by this), or -1."""
        if self.next_ns > time_ns:
            return -1
        for slot in range(TIMER_COUNT):
            if self._due[slot] == self.next_ns:
                self.clear(slot)
                return slot
        return -1

    def _refresh(self) -> None:
        self.next_ns = min(self._due)
