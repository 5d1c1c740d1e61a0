"""The compiled loop from frames to the engine: the order of frames, answers and ticks of a daemon on the exchange.

It does what the plain loop (frames_plain.py) does. Nearly always nothing but frames in order is waiting: then an event
goes from the cutter straight into the pump; whatever else there is goes through the same queue as there.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from supreme_system_v5.backtesting.frames_cut import KIND_UNUSED, FrameCutter
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.events import KIND_MARK, KIND_TRADE, Event, Tick
from supreme_system_v5.core.domain.ports import NEVER_NS
from supreme_system_v5.core.engine.pump import EventPump

_NEVER: Final = 9_223_372_036_854_775_807

Place = tuple[int, int, int]


class FrameLoop:
    """Plays a cutter into a pump up to ``end_ns``. ``perform`` gets every batch of effects.

    ``trade_socket``: the socket that trades and mark prices come over; of equal time and kind the lower goes first.
    """

    def __init__(
        self,
        cutter: FrameCutter,
        pump: EventPump,
        perform: Callable[[list[Effect]], None],
        order_of: Callable[[Event], Place],
        tick_ns: i64,
        end_ns: i64,
        trade_socket: int,
        first_answer: int,
    ) -> None:
        self.processed: i64 = 0  # events from the start of the feeds on, as the daemon counts them
        self.frames: i64 = 0
        self.late: i64 = 0
        self.last_ns: i64 = 0
        self.on_event: Callable[[Event], None] | None = None
        self.sampler: Sampler | None = None
        self._cutter = cutter
        self._pump = pump
        self._chart = pump.engine.chart
        self._committed: i64 = pump.engine.chart.committed
        self._perform = perform
        self._order_of = order_of
        self._tick_ns: i64 = tick_ns
        self._end_ns: i64 = end_ns if end_ns < _NEVER - 1 else _NEVER - 1
        self._trade_socket = trade_socket
        self._queue: list[tuple[int, int, int, int, int, Event]] = []  # time, kind, source, number, arrival, event
        self._arrivals = 0
        self._answers = first_answer
        self.market_ns: i64 = 0  # time of the last frame the market gave out

    def start(self, start_ns: i64) -> None:
        """The market's clock runs from here on; what was committed before is the warm-up."""
        self._committed = self._chart.committed
        self.last_ns = start_ns
        self.market_ns = start_ns

    def play(self, count: i64) -> bool:
        """About so many events; False when it is over."""
        cutter = self._cutter
        pump = self._pump
        while count > 0:
            count -= 1
            if len(self._queue) > 0 or cutter.is_disordered:
                if not self._step():
                    return False
                continue
            event = cutter.take()
            if event is None:
                if not self._step():
                    return False
                continue
            time_ns = event.time_ns
            if time_ns > self._end_ns or cutter.is_disordered:
                cutter.give_back()
                if not self._step():
                    return False
                continue
            self.frames += 1
            self.market_ns = time_ns
            if event.kind == KIND_UNUSED:
                continue
            if time_ns > self.last_ns + self._tick_ns or time_ns < self.last_ns:
                self._push_frame(event)
                continue
            self.processed += 1
            self.last_ns = time_ns
            if self.on_event is not None:
                self.on_event(event)
            effects = pump.process(event)
            if len(effects) > 0 or pump.is_busy:
                self._settle(effects)
            if self._chart.committed != self._committed:
                self._look()
        return True

    # -- the same as in the plain loop

    def play_until(self, time_ns: i64) -> None:
        """Let the market happen up to and including a time; its frames queue."""
        limit_ns = time_ns if time_ns < self._end_ns else self._end_ns
        cutter = self._cutter
        while cutter.peek_ns() <= limit_ns:
            event = cutter.take()
            if event is None:
                return
            self.frames += 1
            self.market_ns = event.time_ns
            if event.kind != KIND_UNUSED:
                self._push_frame(event)

    def answer(self, event: Event) -> None:
        """Queue what answers a request."""
        self._answers += 1
        self._push(event, self._answers)

    def take(self, event: Event) -> None:
        """An event that is not counted: what comes before the feeds start."""
        effects = self._pump.process(event)
        if len(effects) > 0 or self._pump.is_busy:
            self._settle(effects)

    def _look(self) -> None:
        self._committed = self._chart.committed
        if self.sampler is not None:
            self.sampler.look()

    def deliver(self, event: Event) -> None:
        """The next event in order."""
        self.processed += 1
        if event.time_ns > self.last_ns:
            self.last_ns = event.time_ns
        if self.on_event is not None:
            self.on_event(event)
        self.take(event)
        if self._chart.committed != self._committed:
            self._look()

    def _push_frame(self, event: Event) -> None:
        is_of_trades = event.kind == KIND_TRADE or event.kind == KIND_MARK
        self._push(event, self._trade_socket if is_of_trades else 0)

    def _push(self, event: Event, source: int) -> None:
        time_ns, kind, number = self._order_of(event)
        self._arrivals += 1
        heapq.heappush(self._queue, (time_ns, kind, source, number, self._arrivals, event))

    def _step(self) -> bool:
        """One event of the queue, or a tick; False when there is no more."""
        queue = self._queue
        head_ns: i64 = queue[0][0] if len(queue) > 0 else self._cutter.peek_ns()
        self.play_until(head_ns)
        is_over = self._cutter.peek_ns() > self._end_ns
        if len(queue) == 0 and not is_over:
            return True
        limit_ns: i64 = self.market_ns if is_over else NEVER_NS
        next_ns: i64 = queue[0][0] if len(queue) > 0 else NEVER_NS
        tick_ns: i64 = self.last_ns + self._tick_ns
        if tick_ns < next_ns and tick_ns <= limit_ns:
            self.deliver(Tick(tick_ns))
            return True
        if next_ns > limit_ns or len(queue) == 0:
            return False
        event = heapq.heappop(queue)[5]
        if next_ns < self.last_ns:
            self.late += 1
            event.time_ns = self.last_ns
        self.deliver(event)
        return True

    def _settle(self, effects: list[Effect]) -> None:
        pump = self._pump
        while len(effects) > 0 or pump.is_busy:
            if len(effects) > 0:
                self._perform(effects)
            effects = pump.resume()
