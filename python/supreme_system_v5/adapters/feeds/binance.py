"""The Binance feed: sockets, subscriptions, REST answers and their events, for spot and USD-M, real and simulated."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Final, Protocol

from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.adapters.feeds.binance_requests import FeedClock, Requests
from supreme_system_v5.adapters.feeds.connection import AttemptBudget, Connection, ConnectionLimits, backoff_seconds
from supreme_system_v5.adapters.feeds.merge import Merge, Sink
from supreme_system_v5.core.domain import events as e
from supreme_system_v5.core.domain.effects import (
    Effect,
    RequestBars,
    RequestBook,
    RequestTrades,
    Resync,
    SetDepthStream,
)
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.instrument import SPOT, Instrument
from supreme_system_v5.core.domain.market import (
    NS_PER_MS,
    SOURCE_BINANCE,
    SOURCE_SIMULATED,
    STREAM_DEPTH,
    STREAM_MARK,
    STREAM_QUOTE,
    STREAM_TRADE,
)
from supreme_system_v5.core.wire.binance_decode import FrameDecoder

STREAM_NAMES: Final = {
    STREAM_TRADE: "aggTrade",
    STREAM_QUOTE: "bookTicker",
    STREAM_DEPTH: "depth@100ms",
    STREAM_MARK: "markPrice@1s",
}
# One connection carries one category; on USD-M the categories have their own paths.
LAYOUT: Final = {
    "spot": (("", (STREAM_TRADE, STREAM_QUOTE, STREAM_DEPTH)),),
    "usdm": (("/public", (STREAM_QUOTE, STREAM_DEPTH)), ("/market", (STREAM_TRADE, STREAM_MARK))),
}
ACK_SECONDS: Final = 5.0
START_SECONDS: Final = 10.0


class FeedSettings(Protocol):
    """The settings a feed reads."""

    @property
    def binance_spot_rest_url(self) -> str: ...
    @property
    def binance_spot_ws_url(self) -> str: ...
    @property
    def binance_usdm_rest_url(self) -> str: ...
    @property
    def binance_usdm_ws_url(self) -> str: ...
    @property
    def bar_seconds(self) -> int: ...
    @property
    def seed(self) -> int: ...


class FrameTape(Protocol):
    """Where frames are recorded as they came; ``is_dated``: the engine time of its event stands in the frame."""

    def frame(self, socket: int, raw: bytes, event: e.Event, is_dated: bool) -> None: ...

    def reject(self, socket: int, raw: bytes, reason: str) -> None: ...


def urls(settings: FeedSettings, market: str) -> tuple[str, str]:
    """REST and stream base URL of a market."""
    if market == SPOT:
        return settings.binance_spot_rest_url, settings.binance_spot_ws_url
    return settings.binance_usdm_rest_url, settings.binance_usdm_ws_url


class BinanceFeed:
    """Feeds ``sink`` with ordered events from ``start`` to ``stop``.

    Whether the venue is a simulated exchange is known from its first reply or frame; then it is the clock
    (``is_simulated``), and ``source`` says so. ``on_fault`` gets exceptions of the sink: ours, not the world's.
    """

    def __init__(
        self,
        settings: FeedSettings,
        market: str,
        symbol: str,
        clock: FeedClock,
        sink: Sink,
        rest_url: str = "",
        ws_url: str = "",
        source: str = SOURCE_BINANCE,
        queue_events_max: int = 20_000,
        limits: ConnectionLimits | None = None,
        on_fault: Callable[[Exception], None] | None = None,
    ) -> None:
        default_rest_url, default_ws_url = urls(settings, market)
        self.source = source
        self.api = BinanceApi(market, symbol, rest_url or default_rest_url)
        self.frames = 0
        self.rejected: dict[str, int] = {}
        self.seen_ns = [0] * e.KIND_COUNT  # monotonic, by event kind
        self.tape: FrameTape | None = None
        self._bar_seconds = settings.bar_seconds
        self._clock = clock
        self._decoder = FrameDecoder(market, self.api.venue_symbol)
        self._rng = random.Random(settings.seed)
        self._on_fault = on_fault
        self._ws_url = (ws_url or default_ws_url).rstrip("/")
        self._layout = LAYOUT[market]
        self._is_depth_on = True
        self._timer: asyncio.TimerHandle | None = None
        self._control_id = 0
        self._acks: dict[int, tuple[float, str]] = {}
        self._all_up = asyncio.Event()
        self._is_running = False
        budget = AttemptBudget()
        self.connections = [
            Connection(number, path.strip("/") or "stream", self._url_of(number), self, self._rng, budget, limits)
            for number, (path, _) in enumerate(self._layout)
        ]
        self.merge = Merge(
            sink, clock, len(self.connections), queue_events_max, self._pause, lambda: self._reconnect("overflow")
        )
        self.requests = Requests(self.api, self.merge, clock, self._rng, self._bar_seconds, self.on_error)

    # -- start and stop

    @property
    def is_simulated(self) -> bool:
        return self.merge.is_simulated

    @property
    def is_up(self) -> bool:
        """All connections are up."""
        return all(connection.is_up for connection in self.connections)

    async def fetch_instrument(self) -> Instrument:
        """The symbol's filters; raises VenueError or FrameError."""
        return await self.api.instrument()

    async def fetch_server_time(self, timeout_seconds: float = 0.0, sim_time_ns: int = 0) -> e.FeedStatus:
        """Measure the venue's clock: FEED_SERVER_TIME with its offset from engine time, ns. Also finds out whether
        the venue is simulated. Raises VenueError or FrameError.
        """
        server_ms, reply = await self.api.server_time(timeout_seconds, sim_time_ns)
        if reply.time_ns > 0:
            if not self._is_running or not self.is_simulated:
                self._become_simulated(reply.time_ns)
            time_ns = at_ns = reply.time_ns
        else:
            time_ns = self._clock.at(reply.received_ns)
            at_ns = time_ns - (reply.received_ns - reply.sent_ns) // 2
        offset_ns = self.requests.venue_offset_ns = server_ms * NS_PER_MS - at_ns
        return e.FeedStatus(time_ns, self.source, "", e.FEED_SERVER_TIME, offset_ns)

    async def warm_bars(self, count: int = 500) -> e.Bars:
        """The last closed klines for warming up; ``is_failed`` after a few tries."""
        for attempt in range(3):
            try:
                bars, reply_ns = await self.api.latest_bars(self._bar_seconds, count, self.requests.venue_now_ms())
                if reply_ns > 0:
                    self._become_simulated(reply_ns)
                return e.Bars(self._clock.now_ns(), e.BARS_WARMUP, bars, False)
            except (VenueError, FrameError):
                self.requests.failed += 1
                await asyncio.sleep(backoff_seconds(attempt, self._rng))
        return e.Bars(self._clock.now_ns(), e.BARS_WARMUP, [], True)

    async def start(self) -> None:
        """Connect and stay connected. With a simulated exchange: wait until subscribed, then start its clock.

        Raises VenueError when a simulated exchange cannot be connected to.
        """
        self._is_running = True
        if self.is_simulated:
            self.merge.expect_all()
        for connection in self.connections:
            connection.start()
        self._timer = asyncio.get_running_loop().call_later(1.0, self._housekeeping)
        if self.is_simulated:
            try:
                await asyncio.wait_for(self._all_up.wait(), START_SECONDS)
            except asyncio.TimeoutError:
                raise VenueError(0, 0, f"streams: {self.connections[0].last_error or 'timed out'}") from None

    async def stop(self) -> None:
        """Close everything; no event comes after this."""
        self._is_running = False
        self.merge.hold()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.requests.stop()
        await asyncio.gather(*(connection.stop() for connection in self.connections))
        await self.api.close()

    # -- what the engine wants

    def perform(self, effect: Effect) -> bool:
        """Do one of the market-data effects; False when it is none of ours."""
        if isinstance(effect, RequestBook):
            self.requests.request_book(effect)
        elif isinstance(effect, RequestBars):
            self.requests.request_bars(effect)
        elif isinstance(effect, RequestTrades):
            self.requests.request_trades(effect)
        elif isinstance(effect, Resync):
            self.resync(effect.reconnect, effect.reason, effect.time_ns)
        elif isinstance(effect, SetDepthStream):
            self.set_depth(effect.is_on)
        else:
            return False
        return True

    def resync(self, reconnect: bool, reason: str, time_ns: int) -> None:
        """Measure the venue's clock again; with ``reconnect`` rebuild the sockets too."""
        if reconnect:
            self._reconnect(reason)
        self.requests.request(time_ns, lambda sim_ns: self.fetch_server_time(0.0, sim_ns), None)

    def set_depth(self, is_on: bool) -> None:
        """Subscribe to or drop the depth stream; FEED_UP or FEED_DOWN when the venue has confirmed it."""
        if is_on == self._is_depth_on:
            return
        self._is_depth_on = is_on
        connection = self.connections[0]  # carries the depth stream in both markets
        if connection.is_up:  # else the next connection's URL says it
            self._control_id += 1
            method = "SUBSCRIBE" if is_on else "UNSUBSCRIBE"
            stream = f"{self.api.venue_symbol.lower()}@{STREAM_NAMES[STREAM_DEPTH]}"
            text = json.dumps({"method": method, "params": [stream], "id": self._control_id})
            self._acks[self._control_id] = (time.monotonic() + ACK_SECONDS, e.FEED_UP if is_on else e.FEED_DOWN)
            self.requests.spawn(self._send(connection, text))

    # -- what the connections say

    def on_frame(self, number: int, raw: bytes, received_ns: int) -> None:
        self.frames += 1
        decoder = self._decoder
        try:
            event = decoder.decode(raw, self._clock.at(received_ns))
        except FrameError as error:
            if self.tape is not None:
                self.tape.reject(number, raw, error.reason)
            self._on_unusable(raw, error)
            return
        event.received_ns = received_ns
        self.seen_ns[event.kind] = received_ns
        merge = self.merge
        if decoder.has_sim_time:
            if not merge.is_simulated:
                self._become_simulated(int(event.time_ns))
        elif event.kind == e.KIND_TICK:
            return
        if event.kind == e.KIND_FEED:
            self.connections[number].replace("server shutdown announced")
            return
        if self.tape is not None and event.kind != e.KIND_TICK:  # a heartbeat is no input
            self.tape.frame(number, raw, event, decoder.has_sim_time)
        merge.push(number, event)

    def on_chunk(self) -> None:
        if self.merge.is_simulated:
            self.merge.drain()

    def on_up(self, number: int) -> None:
        self.merge.socket_up(number, self._statuses(number, e.FEED_UP))
        if self.is_up:
            self._all_up.set()
            if self.is_simulated:
                self.requests.spawn(self._start_market())

    def on_down(self, number: int) -> None:
        self._all_up.clear()
        if number == 0:
            self._acks.clear()  # the next connection's URL subscribes
        self.merge.socket_down(number, self._statuses(number, e.FEED_DOWN))

    def on_error(self, error: Exception) -> None:
        self.merge.hold()
        if self._on_fault is None:
            raise error
        self._on_fault(error)

    # -- inside

    def _url_of(self, number: int) -> Callable[[], str]:
        def url() -> str:
            symbol = self.api.venue_symbol.lower()
            names = "/".join(f"{symbol}@{STREAM_NAMES[stream]}" for stream in self._streams(number))
            asked = "&x_time_ns=true" if self.is_simulated else ""  # its clock, in every frame and beside them
            return f"{self._ws_url}{self._layout[number][0]}/stream?streams={names}{asked}"

        return url

    def _streams(self, number: int) -> list[str]:
        streams = self._layout[number][1]
        return [stream for stream in streams if stream != STREAM_DEPTH or self._is_depth_on]

    def _statuses(self, number: int, state: str) -> list[e.Event]:
        now_ns = self._clock.now_ns()
        return [e.FeedStatus(now_ns, self.source, stream, state, 0) for stream in self._streams(number)]

    def _become_simulated(self, time_ns: int) -> None:
        self.merge.is_simulated = True
        self.source = SOURCE_SIMULATED
        self._clock.set_sim_time(time_ns)
        for connection in self.connections:
            connection.is_data_due = False

    def _on_unusable(self, raw: bytes, error: FrameError) -> None:
        if error.reason == "not_an_event":
            try:
                number = json.loads(raw).get("id")
            except (ValueError, AttributeError):
                number = None
            ack = self._acks.pop(number, None) if isinstance(number, int) else None
            if ack is not None:
                status = e.FeedStatus(self._clock.now_ns(), self.source, STREAM_DEPTH, ack[1], 0)
                self.merge.push_own(status)
                return
        self.rejected[error.reason] = self.rejected.get(error.reason, 0) + 1

    def _pause(self, number: int, is_paused: bool) -> None:
        for connection in self.connections if number < 0 else [self.connections[number]]:
            if is_paused:
                connection.pause()
            else:
                connection.resume()

    def _reconnect(self, reason: str) -> None:
        for connection in self.connections:
            connection.reconnect(reason)

    def _housekeeping(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(1.0, self._housekeeping)
        now_ns = time.monotonic_ns()
        for connection in self.connections:
            connection.check(now_ns)
        if any(due < time.monotonic() for due, _ in self._acks.values()):
            self._acks.clear()
            self.connections[0].reconnect("subscription not confirmed")

    async def _send(self, connection: Connection, text: str) -> None:
        try:
            await connection.send(text)
        except ConnectionError:
            return  # the next connection's URL says it

    async def _start_market(self) -> None:
        try:
            await self.api.start_market()
        except VenueError:
            self.requests.failed += 1
