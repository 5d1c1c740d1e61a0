"""The way to the venue: what is sent at one time arrives a fixed latency later, in the order it was sent."""

from __future__ import annotations

from mypy_extensions import i64

from supreme_system_v5.core.domain.market import NS_PER_MS
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.matching.working import WorkingOrder


class Arrival:
    """A message on its way: an order, or the cancel of one (``order`` is None)."""

    def __init__(self, time_ns: i64, order: WorkingOrder | None, cancel_id: str) -> None:
        self.time_ns: i64 = time_ns
        self.order = order
        self.cancel_id = cancel_id


class Inbox:
    """Messages on their way, by arrival time; of equal times the first sent arrives first."""

    def __init__(self, latency_ms: int) -> None:
        if latency_ms < 0:
            raise ValueError(f"latency_ms must not be negative: {latency_ms}")
        self.latency_ns: i64 = latency_ms * NS_PER_MS
        self.arrivals: list[Arrival] = []

    def send(self, order: WorkingOrder | None, cancel_id: str, sent_ns: i64) -> None:
        """Put a message on its way at engine time ``sent_ns``."""
        arrival = Arrival(sent_ns + self.latency_ns, order, cancel_id)
        index = len(self.arrivals)
        while index > 0 and self.arrivals[index - 1].time_ns > arrival.time_ns:
            index -= 1
        self.arrivals.insert(index, arrival)

    def next_ns(self) -> i64:
        """When the next message arrives; NEVER_NS when none is on its way."""
        return self.arrivals[0].time_ns if self.arrivals else NEVER_NS

    def take(self, time_ns: i64) -> Arrival | None:
        """The next message that has arrived by ``time_ns``, or None."""
        if not self.arrivals or self.arrivals[0].time_ns > time_ns:
            return None
        return self.arrivals.pop(0)
