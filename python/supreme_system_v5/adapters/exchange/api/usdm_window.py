"""startTime and endTime of the USD-M histories: both inclusive, so many days apart at most."""

from __future__ import annotations

from typing import Final, NamedTuple

from supreme_system_v5.adapters.exchange.api.params import Params
from supreme_system_v5.core.matching.exchange.refusal import Refusal

NS_PER_MS: Final = 1_000_000
DAY_MS: Final = 86_400_000


class Window(NamedTuple):
    """Market times, ns, both inclusive. ``is_from_start``: the oldest are wanted, not the newest."""

    first_ns: int
    last_ns: int
    is_from_start: bool

    def holds(self, time_ns: int) -> bool:
        return self.first_ns <= time_ns <= self.last_ns


def read_window(params: Params, time_ns: int, days: int) -> Window:
    """Raises Refusal -1023 and -4165."""
    start_ms, end_ms = params.integer("startTime"), params.integer("endTime")
    span_ms = days * DAY_MS
    if start_ms is not None and end_ms is not None:
        if start_ms > end_ms:
            raise Refusal(-1023, "Start time is greater than end time.")
        if end_ms - start_ms > span_ms:
            raise Refusal(-4165, f"Maximum time interval is {days} days.")
    if end_ms is None:
        now_ms = (time_ns + params.offset_ns) // NS_PER_MS
        end_ms = now_ms if start_ms is None else start_ms + span_ms
    first_ms = end_ms - span_ms if start_ms is None else start_ms
    first_ns = first_ms * NS_PER_MS - params.offset_ns
    last_ns = (end_ms + 1) * NS_PER_MS - params.offset_ns - 1
    return Window(first_ns, last_ns, start_ms is not None)
