"""The one order in which events reach the engine.

**Real venue**: arrival order, at once. Only while the master holds (it awaits a commit) do events queue.

**Simulated exchange** (time = ``x_time_ns``): each source is a first-in-first-out queue, and the queues' heads are
merged by (time_ns, kind, source number) up to what is known to be complete, so that any interleaving of the sockets
gives the same order. The rules:

- A heartbeat N says that everything up to and including N was sent on that socket. A data frame says nothing: it may
  have overtaken another one since the last heartbeat. One follows every batch of frames, in the same bytes.
- Each queue is in the order of (time_ns, kind, the venue's own number of the trade or update): a frame that came out
  of turn is put back in its place, and frames of one time do not depend on who came first. A frame whose time has
  already passed enters now and is counted ``late``.
- While a REST request made at engine time t is outstanding nothing later than t is released. Its answer is queued at
  its own time (the ``X-Time-Ns`` of the reply) as if from one more socket; of equal time and kind the earlier
  request goes first.
- From the start every socket is waited for. One that was declared down holds nothing back. Its FEED_DOWN is queued
  behind its frames, at the time it was last complete to: nothing later can have been released before, so this is its
  place in the order. After a reconnect it holds the others back from its first frame on; its FEED_UP takes that
  frame's time, ahead of everything else of that time.
- Heartbeats are not passed on. A Tick is made whenever TICK_NS passed without an event, at the last event's time
  + TICK_NS, which is a function of the events alone.

Nothing is dropped. A source with more than ``queue_events_max`` queued events is paused until half of them are gone,
unless it is itself the one that the merge is waiting for. While a REST answer is awaited the bound is
HARD_FACTOR times as high, because the exchange may need to send on until the answer's time.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from supreme_system_v5.core.domain.events import FEED_UP, KIND_TICK, Depth, Event, FeedStatus, Quote, Tick, Trade

TICK_NS: Final = 100_000_000
HARD_FACTOR: Final = 8
NEVER_NS: Final = 9_223_372_036_854_775_807

Sink = Callable[[Event], None]


def order_of(event: Event) -> tuple[int, int, int]:
    """An event's place among those of one source: time, kind, the venue's own number (0 where it has none).

    That the source is up comes before everything else of its time.
    """
    number = 0
    if isinstance(event, Trade):
        number = int(event.trade_id)
    elif isinstance(event, Quote):
        number = int(event.update_id)
    elif isinstance(event, Depth):
        number = int(event.final_update_id)
    elif isinstance(event, FeedStatus) and event.state == FEED_UP:
        return int(event.time_ns), -1, 0
    return int(event.time_ns), int(event.kind), number


class SimClock(Protocol):
    """What the merge tells the time to."""

    def set_sim_time(self, time_ns: int) -> None: ...

    def now_ns(self) -> int: ...


class _Source:
    """One queue: a socket, the REST answers, or our own events."""

    __slots__ = ("complete_ns", "events", "is_paused", "is_up", "seen_ns", "waiting")

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.is_up = False  # an up source holds everything later than complete_ns back
        self.is_paused = False
        self.complete_ns = 0
        self.seen_ns = 0  # the latest time any frame carried
        self.waiting: list[Event] = []  # events of a connection that came up, to be stamped by its first frame


class Merge:
    """Orders the events of ``sockets`` sockets, REST answers and our own, and hands them to ``sink`` one by one.

    ``on_pause(socket, is_paused)`` asks for a socket's reading to stop or go on (socket -1: all of them, on a real
    venue). ``on_overflow`` is called when a real venue's backlog has been worked off: what the kernel still
    holds is old by then, so the owner reconnects.
    """

    def __init__(
        self,
        sink: Sink,
        clock: SimClock,
        sockets: int,
        queue_events_max: int = 20_000,
        on_pause: Callable[[int, bool], None] = lambda _socket, _is_paused: None,
        on_overflow: Callable[[], None] = lambda: None,
    ) -> None:
        self.sink = sink
        self._clock = clock
        self._queue_events_max = queue_events_max
        self._on_pause = on_pause
        self._on_overflow = on_overflow
        self._sources = [_Source() for _ in range(sockets + 1)]
        self._rest = self._sources[sockets]
        self._answers: list[tuple[int, int, int, Event]] = []  # its content: (time, kind, request number, answer)
        self._own: deque[Event] = deque()
        self._arrivals: deque[Event] = deque()  # real venue: what waits while held
        self._requests: dict[int, int] = {}
        self._next_request = 0
        self._requests_ns = NEVER_NS  # the earliest outstanding request
        self._is_held = False
        self._is_draining = False
        self._is_paused = False
        self._last_ns = 0
        self.is_simulated = False
        self.late = 0
        self.overflows = 0

    # -- what comes in

    def push(self, socket: int, event: Event) -> None:
        """An event of a socket. On a simulated exchange ``drain`` must follow once the chunk is read."""
        if not self.is_simulated:
            if not self._is_held and not self._is_draining and not self._arrivals:
                self._is_draining = True
                try:
                    self.sink(event)
                finally:
                    self._is_draining = False
                if self._arrivals or self._own:
                    self.drain()
                return
            self._arrivals.append(event)
            if not self._is_paused and len(self._arrivals) > self._queue_events_max:
                self._is_paused = True
                self.overflows += 1
                self._on_pause(-1, True)
            return
        source = self._sources[socket]
        time_ns = int(event.time_ns)
        if source.waiting:
            for waiting in source.waiting:
                waiting.time_ns = max(time_ns, int(waiting.time_ns))
                self._enqueue(source, waiting)
            source.waiting.clear()
        if time_ns > source.seen_ns:
            source.seen_ns = time_ns
        if event.kind == KIND_TICK:
            if time_ns > source.complete_ns:
                source.complete_ns = time_ns
            return
        self._enqueue(source, event)
        if not source.is_paused and len(source.events) > self._queue_events_max:
            self._relieve()

    def push_own(self, event: Event) -> None:
        """An event of our own making (feed status of a source, clock fault, fallback price, command): next in line.

        On a simulated exchange it is stamped with engine time.
        """
        if self.is_simulated:
            event.time_ns = max(self._last_ns, self._clock.now_ns())
            self._own.append(event)
        else:
            self._arrivals.append(event)
        self.drain()

    def expect_all(self) -> None:
        """Wait for every socket from now on, also for those that never came up yet (simulated exchange only)."""
        for source in self._sources[:-1]:
            source.is_up = True
            source.complete_ns = 0

    def socket_up(self, socket: int, events: list[Event]) -> None:
        """A socket came up; ``events`` say so, at its first frame's time on a simulated exchange."""
        source = self._sources[socket]
        source.is_up = True
        source.complete_ns = 0
        if self.is_simulated:
            source.waiting = list(events)
        else:
            self._arrivals.extend(events)
            self.drain()

    def socket_down(self, socket: int, events: list[Event]) -> None:
        """A socket is down; ``events`` say so, at the time it was last complete to."""
        source = self._sources[socket]
        source.is_up = False
        source.is_paused = False
        if self.is_simulated:
            source.waiting.clear()  # never had a frame: nobody has heard that it was up
            time_ns = max(source.seen_ns, self._last_ns)
            for event in events:
                event.time_ns = time_ns
                self._enqueue(source, event)
        else:
            self._arrivals.extend(events)
        self.drain()

    def begin_request(self, time_ns: int) -> int:
        """A REST request leaves at engine time ``time_ns``; the number to end it with."""
        self._next_request += 1
        self._requests[self._next_request] = time_ns
        self._requests_ns = min(self._requests_ns, time_ns)
        return self._next_request

    def end_request(self, request: int, event: Event | None) -> None:
        """The request is over, with its answer or without one (failed: to be repeated later as a new request)."""
        self._requests.pop(request, None)
        self._requests_ns = min(self._requests.values(), default=NEVER_NS)
        if event is not None:
            if self.is_simulated:
                insort(self._answers, (int(event.time_ns), int(event.kind), request, event))
                self._rest.events = deque(answer[3] for answer in self._answers)
            else:
                self._arrivals.append(event)
        self._relieve()
        self.drain()

    # -- what goes out

    def hold(self) -> None:
        """Release nothing more (the master awaits a commit); may be called from within the sink."""
        self._is_held = True

    def release(self) -> None:
        """Go on."""
        self._is_held = False
        self.drain()

    def queued(self) -> int:
        """How many events wait."""
        return len(self._arrivals) + len(self._own) + sum(len(source.events) for source in self._sources)

    def drain(self) -> None:
        """Release everything that may go. Called from within the sink it does nothing: the outer call goes on."""
        if self._is_draining:
            return
        self._is_draining = True
        try:
            if self._arrivals:
                self._drain_arrivals()
            if self.is_simulated:
                self._drain_merged()
        finally:
            self._is_draining = False

    def _drain_arrivals(self) -> None:
        arrivals = self._arrivals
        while arrivals and not self._is_held:
            self.sink(arrivals.popleft())
            if self._is_paused and len(arrivals) <= self._queue_events_max // 2:
                self._is_paused = False
                self._on_pause(-1, False)
                self._on_overflow()

    def _drain_merged(self) -> None:
        own = self._own
        while not self._is_held:
            if own:
                self._emit(own.popleft())
                continue
            best, best_ns, limit_ns = self._next_source()
            tick_ns = self._last_ns + TICK_NS
            if self._last_ns > 0 and tick_ns <= limit_ns and tick_ns < best_ns:
                self._emit(Tick(tick_ns))
                continue
            if best is None or best_ns > limit_ns:
                return
            event = best.events.popleft()
            if best is self._rest:
                self._answers.pop(0)
            if best.is_paused and len(best.events) <= self._queue_events_max // 2:
                best.is_paused = False
                self._on_pause(self._sources.index(best), False)
            if best_ns < self._last_ns:
                self.late += 1
                event.time_ns = self._last_ns
            self._emit(event)

    def _next_source(self) -> tuple[_Source | None, int, int]:
        """The source whose head is next, that head's time, and up to which time anything may be released."""
        limit_ns = self._requests_ns
        best: _Source | None = None
        best_ns = NEVER_NS
        best_kind = 0
        some_up = False
        for source in self._sources:
            if source.is_up:
                some_up = True
                if source.complete_ns < limit_ns:
                    limit_ns = source.complete_ns
            if source.events:
                head = source.events[0]
                head_ns = int(head.time_ns)
                if head_ns < best_ns or (head_ns == best_ns and head.kind < best_kind):
                    best = source
                    best_ns = head_ns
                    best_kind = int(head.kind)
        if not some_up:  # time stands still: whatever is queued may go, nothing is made up beyond it
            limit_ns = min(limit_ns, best_ns if best is not None else self._last_ns)
        if best_ns < self._last_ns and best_ns <= self._requests_ns:
            limit_ns = max(limit_ns, best_ns)  # late already: no reason to wait for others
        return best, best_ns, limit_ns

    def _emit(self, event: Event) -> None:
        time_ns = int(event.time_ns)
        if time_ns > self._last_ns:
            self._last_ns = time_ns
            self._clock.set_sim_time(time_ns)
        self.sink(event)

    @staticmethod
    def _enqueue(source: _Source, event: Event) -> None:
        events = source.events
        if not events or events[-1].time_ns < event.time_ns:
            events.append(event)
            return
        place = order_of(event)
        index = len(events)
        while index > 0 and order_of(events[index - 1]) > place:
            index -= 1
        events.insert(index, event)

    def _relieve(self) -> None:
        """Pause every socket whose queue is above the bound that holds now."""
        bound = self._queue_events_max * (HARD_FACTOR if self._requests else 1)
        for number, source in enumerate(self._sources[:-1]):
            if source.is_paused or not source.is_up or len(source.events) <= bound:
                continue
            if source.events[0].time_ns <= source.complete_ns:  # else the merge waits for its next heartbeat
                source.is_paused = True
                self.overflows += 1
                self._on_pause(number, True)
