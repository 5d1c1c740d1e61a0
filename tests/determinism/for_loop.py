"""The engine on a simulated market in a plain for-loop: no socket, no event loop, no wall clock.

What a daemon gets over sockets is a function of the market alone, and this file is that function: the same start
(server time, warm-up, source and streams up), the same order of frames, REST answers and ticks, and the same answers
20 ms after they were asked for. A daemon on the market's recording and this loop must reach the same digest.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar

from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, NS_PER_MS, OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.rest.gate import SIM_REST_LATENCY_MS
from supreme_system_v5.adapters.feeds.binance import LAYOUT
from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.adapters.feeds.merge import TICK_NS, order_of
from supreme_system_v5.adapters.feeds.rest import Reply
from supreme_system_v5.config import Settings
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import (
    CancelOrder,
    Effect,
    PlaceProtection,
    RequestBars,
    RequestBook,
    RequestTrades,
    Resync,
    SubmitOrder,
)
from supreme_system_v5.core.domain.errors import VenueError
from supreme_system_v5.core.domain.events import (
    BARS_WARMUP,
    FEED_SERVER_TIME,
    FEED_UP,
    Bars,
    Event,
    FeedStatus,
    Tick,
    Trades,
)
from supreme_system_v5.core.domain.market import SOURCE_SIMULATED
from supreme_system_v5.core.engine.engine import Engine
from supreme_system_v5.core.engine.recovery import SavedState
from supreme_system_v5.core.engine.status import SessionStart, engine_status
from supreme_system_v5.core.wire.binance_decode import FrameDecoder
from supreme_system_v5.trading import Trading, account_key, make_parameters, restore_trading

WARM_BARS = 500
FIRST_ANSWER = 1_000  # answers of equal time and kind come after every socket's frames, in the order they were asked

T = TypeVar("T")


def digest_of(engine: Engine) -> str:
    """The digest as `status` says it."""
    return str(engine_status(engine, SessionStart(engine))["digest"])


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never has to wait."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise AssertionError("the coroutine waits for something")


class MarketRest:
    """In the place of the REST client: the market itself answers, as of the time asked for plus the fixed latency."""

    def __init__(self, market: SimMarket, play_until: Callable[[int], None]) -> None:
        self._market = market
        self._play_until = play_until
        self.requests = 0

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        weight: int = 1,
        is_protected: bool = False,
        sim_time_ns: int = 0,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 0.0,
    ) -> Reply:
        as_of_ns = self._market.start_ns  # a request without a time is made before the market's clock runs
        if sim_time_ns:
            as_of_ns = sim_time_ns + SIM_REST_LATENCY_MS * NS_PER_MS
            self._play_until(as_of_ns)
        self.requests += 1
        texts = {name: str(value) for name, value in (params or {}).items()}
        status, body, _ = self._market.rest(path, texts, as_of_ns)
        if status != 200:
            raise VenueError(status, 0, body.decode(), 0.0)
        return Reply(body, as_of_ns, 0, 0)


class ForLoop:
    """One run: ``run()`` plays the market to its end (or ``end_ns``); then look at ``trading`` and the counts.

    ``on_event`` sees every event before the engine does. ``alter`` may change a frame before it is decoded.
    """

    def __init__(
        self,
        market: SimMarket,
        settings: Settings,
        end_ns: int = NEVER,
        on_event: Callable[[Event], None] | None = None,
        alter: Callable[[OutFrame], OutFrame] | None = None,
    ) -> None:
        self.market = market
        self.end_ns = end_ns
        self.on_event = on_event
        self.alter = alter
        self.api = BinanceApi(market.market, "ETH-USDT", "")
        self.rest = MarketRest(market, self._play_until)
        self.api.rest = self.rest  # type: ignore[assignment]
        instrument = run_now(self.api.instrument())
        self.trading = Trading(make_parameters(settings, account_key(settings, True, False)), instrument)
        self.settings = settings
        self.frames = 0
        self.processed = 0  # events from the start of the feeds on, as the daemon counts them
        self.late = 0
        self.last_ns = 0
        self.asked: list[str] = []
        self._book_due_ns = 0
        self._decoder = FrameDecoder(market.market, self.api.venue_symbol)
        self._queue: list[tuple[int, int, int, int, int, Event]] = []  # time, kind, source, number, arrival, event
        self._arrivals = 0
        self._answers = FIRST_ANSWER
        self._streams: list[str] = []
        self._sockets: dict[str, int] = {}
        for socket, (_, streams) in enumerate(LAYOUT[market.market]):
            for stream in streams:
                self._sockets[stream] = socket
                self._streams.append(stream)

    @property
    def digest(self) -> str:
        return digest_of(self.trading.engine)

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
        raw = b'{"stream":"%b","data":%b,"x_time_ns":%d}' % (frame.stream.encode(), frame.payload, frame.time_ns)
        event = self._decoder.decode(raw, 0)
        kind_stream = "depth" if "@depth" in frame.stream else frame.stream.partition("@")[2]
        names = {"aggTrade": "trade", "bookTicker": "quote", "depth": "depth", "markPrice@1s": "mark"}
        self._push(event, self._sockets[names[kind_stream]])

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

    def run(self) -> ForLoop:
        """Play it all."""
        start_ns = self.market.start_ns
        trading = self.trading
        saved = SavedState(new_ledger(trading.parameters.initial_balance_e8), 1)
        self._perform(restore_trading(trading, saved))
        trading.protect(start_ns)
        self._take(self._server_time(0))
        bars, _ = run_now(self.api.latest_bars(self.settings.bar_seconds, WARM_BARS, start_ns // NS_PER_MS))
        self._take(Bars(start_ns, BARS_WARMUP, bars, False))
        self.last_ns = start_ns
        self._deliver(FeedStatus(start_ns, SOURCE_SIMULATED, "", FEED_UP, 0))
        for stream in self._streams:
            self._deliver(FeedStatus(start_ns, SOURCE_SIMULATED, stream, FEED_UP, 0))
        for event in self._events():
            self._deliver(event)
        return self

    def _server_time(self, sim_time_ns: int) -> FeedStatus:
        server_ms, reply = run_now(self.api.server_time(0.0, sim_time_ns))
        offset_ns = server_ms * NS_PER_MS - reply.time_ns
        return FeedStatus(reply.time_ns, SOURCE_SIMULATED, "", FEED_SERVER_TIME, offset_ns)

    def _deliver(self, event: Event) -> None:
        self.processed += 1
        self.last_ns = max(self.last_ns, int(event.time_ns))
        if self.on_event is not None:
            self.on_event(event)
        self._take(event)

    def _take(self, event: Event) -> None:
        pump = self.trading.pump
        effects = pump.process(event)
        while effects or pump.is_busy:
            self._perform(effects)
            effects = pump.resume()

    # -- effects

    def _perform(self, effects: list[Effect]) -> None:
        gateway = self.trading.gateway
        for effect in effects:
            if isinstance(effect, SubmitOrder):
                gateway.submit(effect.order, effect.time_ns)
            elif isinstance(effect, CancelOrder):
                gateway.cancel(effect.client_order_id, effect.time_ns)
            elif isinstance(effect, PlaceProtection):
                gateway.place_protection(effect.stop, effect.target, effect.time_ns)
            elif isinstance(effect, (RequestBook, RequestBars, RequestTrades, Resync)):
                self._ask(effect)

    def _ask(self, effect: RequestBook | RequestBars | RequestTrades | Resync) -> None:
        time_ns = effect.time_ns
        self.asked.append(type(effect).__name__)
        if isinstance(effect, RequestBook):
            if time_ns >= self._book_due_ns:
                snapshot = run_now(self.api.book(0, time_ns))
                self._book_due_ns = int(snapshot.time_ns)
                self._answer(snapshot)
        elif isinstance(effect, RequestBars):
            bar_seconds = self.settings.bar_seconds
            bars, at_ns = run_now(self.api.bars(bar_seconds, effect.from_ms, effect.to_ms, 0, time_ns))
            self._answer(Bars(at_ns, effect.purpose, bars, False))
        elif isinstance(effect, RequestTrades):
            trades, at_ns = run_now(self.api.trades(effect.from_id, effect.count_max, 0, time_ns))
            self._answer(Trades(at_ns, effect.from_id, trades, False))
        else:
            assert not effect.reconnect, "a market without silence needs no reconnect"
            self._answer(self._server_time(time_ns))
