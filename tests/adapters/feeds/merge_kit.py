"""A merge with a sink that writes down what comes, for the merge's tests."""

from __future__ import annotations

from supreme_system_v5.adapters.feeds.merge import Merge
from supreme_system_v5.core.domain.events import (
    KIND_DEPTH,
    KIND_QUOTE,
    KIND_TRADE,
    Command,
    Event,
    FeedStatus,
    Tick,
)

KINDS = (KIND_DEPTH, KIND_QUOTE, KIND_TRADE)


def mark(time_ns: int, name: str, kind: int = KIND_TRADE) -> Command:
    """An event with a name: a real one, as the compiled classes have no interpreted subclasses."""
    event = Command(time_ns, name, "")
    event.kind = kind
    return event


class Clock:
    def __init__(self) -> None:
        self.time_ns = 0

    def set_sim_time(self, time_ns: int) -> None:
        assert time_ns >= self.time_ns
        self.time_ns = time_ns

    def now_ns(self) -> int:
        return self.time_ns


class Desk:
    """A merge with a sink that writes down what comes."""

    def __init__(self, sockets: int, is_simulated: bool = True, queue_events_max: int = 20_000) -> None:
        self.out: list[Event] = []
        self.pauses: list[tuple[int, bool]] = []
        self.overflows = 0
        self.clock = Clock()
        self.merge = Merge(
            self.out.append,
            self.clock,
            sockets,
            queue_events_max,
            lambda socket, is_paused: self.pauses.append((socket, is_paused)),
            self._overflow,
        )
        self.merge.is_simulated = is_simulated

    def _overflow(self) -> None:
        self.overflows += 1

    def up(self, *sockets: int) -> None:
        for socket in sockets:
            self.merge.socket_up(socket, [])

    def push(self, socket: int, *events: Event) -> None:
        for event in events:
            self.merge.push(socket, event)
        self.merge.drain()

    def names(self) -> list[str]:
        return [event.name for event in self.out if isinstance(event, Command)]


def beat(*events: Event) -> list[Event]:
    """A batch as the exchange sends it: the frames and, in the same bytes, the heartbeat after them."""
    return [*events, Tick(max(int(event.time_ns) for event in events))]


def status(state: str, stream: str = "trade") -> FeedStatus:
    return FeedStatus(1, "simulated", stream, state, 0)
