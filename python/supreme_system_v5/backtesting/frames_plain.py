"""Frames to the engine in a plain for-loop over the exchange's own market: no socket, no event loop, no wall clock.

What a daemon gets over sockets is a function of the market alone, and this file is that function: the same start
(server time, warm-up, source and streams up), the same order of frames, REST answers and ticks, and the same answers
20 ms after they were asked for. A daemon on the market's recording and this loop reach the same digest; the fast path
(frames.py) is held against it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, OutFrame, SimMarket, stream_kind
from supreme_system_v5.adapters.feeds.binance import LAYOUT
from supreme_system_v5.adapters.feeds.merge import TICK_NS, order_of
from supreme_system_v5.backtesting.frames_venue import WARM_BARS, RecordedVenue
from supreme_system_v5.backtesting.sampling import Sampler
from supreme_system_v5.core.domain.effects import CancelOrder, Effect, PlaceProtection, SubmitOrder
from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import Event, Tick
from supreme_system_v5.core.domain.order import Order
from supreme_system_v5.core.engine.pump import EventPump
from supreme_system_v5.core.wire.binance_decode import FrameDecoder

FIRST_ANSWER: Final = (
    1_000  # answers of equal time and kind come after every socket's frames, in the order they were asked
)


class Performer(Protocol):
    """Does what the engine wants done: orders to the gateway, records to a collector. Requests to the venue among
    the effects are answered by the run itself.
    """

    def perform(self, effects: list[Effect]) -> None: ...


class OrderGateway(Protocol):
    """Where orders go (adapters/execution)."""

    def submit(self, order: Order, time_ns: int) -> None: ...

    def cancel(self, client_order_id: str, time_ns: int) -> None: ...

    def place_protection(self, stop: Order, target: Order, time_ns: int) -> None: ...


class OrdersOnly:
    """The performer that keeps nothing: orders go to the gateway, records are forgotten."""

    def __init__(self, gateway: OrderGateway) -> None:
        self._gateway = gateway

    def perform(self, effects: list[Effect]) -> None:
        gateway = self._gateway
        for effect in effects:
            if isinstance(effect, SubmitOrder):
                gateway.submit(effect.order, effect.time_ns)
            elif isinstance(effect, CancelOrder):
                gateway.cancel(effect.client_order_id, effect.time_ns)
            elif isinstance(effect, PlaceProtection):
                gateway.place_protection(effect.stop, effect.target, effect.time_ns)


def sockets_of(market: str) -> dict[str, int]:
    """The socket that each kind of stream comes over: of equal time and kind the lower socket goes first."""
    return {stream: socket for socket, (_, streams) in enumerate(LAYOUT[market]) for stream in streams}


class PlainLoop:
    """One run: ``run()`` plays the market to its end (or ``end_ns``).

    ``on_event`` sees every event before the engine does. ``alter`` may change a frame before it is decoded.
    """

    def __init__(
        self,
        market: SimMarket,
        pump: EventPump,
        bar_seconds: int,
        performer: Performer,
        end_ns: int = NEVER,
        on_event: Callable[[Event], None] | None = None,
        alter: Callable[[OutFrame], OutFrame] | None = None,
        warm_bars: int = WARM_BARS,
    ) -> None:
        self.sampler: Sampler | None = None  # looks once a committed bar, after the warm-up
        self.first_mark_e8 = 0
        self._committed = 0
        self.market = market
        self.end_ns = end_ns
        self.on_event = on_event
        self.alter = alter
        self.venue = RecordedVenue(market, bar_seconds, self._play_until, self._answer, warm_bars)
        self.frames = 0
        self.processed = 0  # events from the start of the feeds on, as the daemon counts them
        self.late = 0
        self.last_ns = 0
        self.rejected: dict[str, int] = {}
        self._pump = pump
        self._performer = performer
        self._decoder = FrameDecoder(market.market, self.venue.api.venue_symbol)
        self._queue: list[tuple[int, int, int, int, int, Event]] = []  # time, kind, source, number, arrival, event
        self._arrivals = 0
        self._answers = FIRST_ANSWER
        self._sockets = sockets_of(market.market)

    # -- the market's side

    def _play_until(self, time_ns: int) -> None:
        """Let the market happen up to and including a time; its frames queue."""
        while self.market.next_ns() <= min(time_ns, self.end_ns, NEVER - 1):
            for frame in self.market.step():
                self._queue_frame(frame)

    def _queue_frame(self, frame: OutFrame) -> None:
        if self.alter is not None:
            frame = self.alter(frame)
        self.frames += 1
        kind = stream_kind(frame.stream)
        if kind not in self._sockets:
            return  # a stream that nobody subscribed to
        raw = b'{"stream":"%b","data":%b,"x_time_ns":%d}' % (frame.stream.encode(), frame.payload, frame.time_ns)
        try:
            event = self._decoder.decode(raw, 0)
        except FrameError as error:
            self.rejected[error.reason] = self.rejected.get(error.reason, 0) + 1
            return
        self._push(event, self._sockets[kind])

    def _push(self, event: Event, source: int) -> None:
        time_ns, kind, number = order_of(event)
        self._arrivals += 1
        heapq.heappush(self._queue, (time_ns, kind, source, number, self._arrivals, event))

    def _answer(self, event: Event) -> None:
        self._answers += 1
        self._push(event, self._answers)

    # -- the order of events

    def _events(self) -> Iterator[Event]:
        """Frames and answers in order, ticks where TICK_NS passed without any; none after the market's last frame."""
        while True:
            self._play_until(self._queue[0][0] if self._queue else self.market.next_ns())
            is_over = self.market.next_ns() > min(self.end_ns, NEVER - 1)
            if not self._queue and not is_over:
                continue  # that frame was of no use
            limit_ns = self.market.last_ns if is_over else NEVER
            next_ns = self._queue[0][0] if self._queue else NEVER
            tick_ns = self.last_ns + TICK_NS
            if tick_ns < next_ns and tick_ns <= limit_ns:
                yield Tick(tick_ns)
            elif next_ns > limit_ns or not self._queue:
                return
            else:
                event = heapq.heappop(self._queue)[-1]
                if next_ns < self.last_ns:
                    self.late += 1
                    event.time_ns = self.last_ns
                yield event

    def run(self) -> PlainLoop:
        """Play it all."""
        before, ups = self.venue.start_events()
        for event in before:
            self._take(event)
        self._committed = self._pump.engine.chart.committed
        self.last_ns = self.market.start_ns
        for event in ups:
            self._deliver(event)
        for event in self._events():
            self._deliver(event)
        return self

    def _deliver(self, event: Event) -> None:
        self.processed += 1
        self.last_ns = max(self.last_ns, int(event.time_ns))
        if self.on_event is not None:
            self.on_event(event)
        self._take(event)
        if self.first_mark_e8 == 0:
            self.first_mark_e8 = int(self._pump.engine.state.mark_e8())
        committed = self._pump.engine.chart.committed
        if self.sampler is not None and committed != self._committed:
            self.sampler.look()
        self._committed = committed

    def _take(self, event: Event) -> None:
        pump = self._pump
        effects = pump.process(event)
        while effects or pump.is_busy:
            self._performer.perform(effects)
            self.venue.take(effects)
            effects = pump.resume()
