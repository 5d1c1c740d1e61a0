"""All feeds of a session behind one object: what the composition root starts, stops and hands effects to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from supreme_system_v5.adapters.feeds.binance import BinanceFeed
from supreme_system_v5.adapters.feeds.binance_requests import FeedClock
from supreme_system_v5.adapters.feeds.coingecko import POLL_SECONDS, CoinGeckoPoller
from supreme_system_v5.adapters.feeds.connection import ConnectionLimits
from supreme_system_v5.adapters.feeds.failover import Failover, SourceChoice, SourceSettings
from supreme_system_v5.adapters.feeds.merge import Sink
from supreme_system_v5.core.domain.effects import Effect
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import FEED_DOWN, FEED_UP, Bars, Event, FallbackPrice, FeedStatus
from supreme_system_v5.core.domain.instrument import Instrument
from supreme_system_v5.core.domain.market import SOURCE_BINANCE, SOURCE_COINGECKO, SOURCE_SIMULATED

AWAY_FACTOR: Final = 2.0  # Binance is away after this many times STALE_AFTER_SECONDS


def _drop(_event: Event) -> None:
    return None


class FeedSet:
    """The market-data side of a session.

    Order of use: ``open`` (venue clock; tells whether simulated), ``fetch_instrument``, ``warm_bars``, ``start(sink)``,
    then ``perform`` and ``inject`` until ``stop``. ``hold``/``release`` stop and restart the flow of events.
    ``on_fault`` gets exceptions that the sink raised.
    """

    def __init__(
        self,
        settings: SourceSettings,
        market: str,
        symbol: str,
        clock: FeedClock,
        choice: SourceChoice,
        rest_url: str = "",
        ws_url: str = "",
        queue_events_max: int = 20_000,
        limits: ConnectionLimits | None = None,
        coingecko_poll_seconds: float = POLL_SECONDS,
        on_fault: Callable[[Exception], None] | None = None,
    ) -> None:
        self._clock = clock
        self._choice = choice
        self._on_fault = on_fault
        source = SOURCE_SIMULATED if choice.is_simulated else SOURCE_BINANCE
        self.binance = BinanceFeed(
            settings, market, symbol, clock, _drop, rest_url, ws_url, source, queue_events_max, limits, on_fault
        )
        self.source = ""  # the SOURCE_ word prices come from now
        self._away_seconds = AWAY_FACTOR * settings.stale_after_seconds
        self._has_fallback = not choice.is_simulated and SOURCE_COINGECKO in settings.data_sources
        self._coingecko_url = settings.coingecko_url
        self._symbol = symbol
        self._poll_seconds = coingecko_poll_seconds
        self._poller: CoinGeckoPoller | None = None
        self._failover: Failover | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- before the start

    @property
    def is_simulated(self) -> bool:
        return self.binance.is_simulated

    async def open(self) -> FeedStatus | None:
        """Measure the venue's clock, tell the engine clock when it is simulated. None when it cannot be reached
        (the fallback was chosen). Raises VenueError or FrameError where it was the choice.
        """
        try:
            return await self.binance.fetch_server_time()
        except (VenueError, FrameError):
            if self._choice.source == SOURCE_COINGECKO:
                return None
            raise

    async def fetch_instrument(self) -> Instrument:
        """The symbol's filters; raises VenueError or FrameError."""
        return await self.binance.fetch_instrument()

    async def warm_bars(self, count: int = 500) -> Bars:
        """The last closed klines, for warming up; ``is_failed`` when they cannot be had."""
        return await self.binance.warm_bars(count)

    # -- running

    async def start(self, sink: Sink) -> None:
        """Let events flow into ``sink``, first which source they come from.

        Raises VenueError when a simulated exchange cannot be connected to.
        """
        self.binance.merge.sink = sink
        if self._choice.source != SOURCE_COINGECKO:
            self._say(SOURCE_SIMULATED if self.is_simulated else SOURCE_BINANCE, True)
        if self._has_fallback and not self.is_simulated:
            now_ns = time.monotonic_ns()
            self._poller = CoinGeckoPoller(
                self._coingecko_url, self._symbol, self._clock, self._on_price, self._on_poller, self._poll_seconds
            )
            self._failover = Failover(self._away_seconds, self.binance.seen_ns, now_ns, self._say, self._poller)
            if self._choice.source == SOURCE_COINGECKO:
                self._failover.begin_away(now_ns)
            self._timer = asyncio.get_running_loop().call_later(1.0, self._check)
        await self.binance.start()

    async def stop(self) -> None:
        """Close everything; no event comes after this."""
        self.binance.merge.hold()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._poller is not None:
            await self._poller.stop()
        await self.binance.stop()

    def perform(self, effect: Effect) -> None:
        """RequestBook, RequestBars, RequestTrades, Resync, SetDepthStream; anything else is a mistake of ours."""
        if not self.binance.perform(effect):
            raise AssertionError(f"not an effect of the feeds: {type(effect).__name__}")

    def inject(self, event: Event) -> None:
        """An event of the daemon itself (command, pressure, clock fault, tick), next in the one order."""
        self.binance.merge.push_own(event)

    def hold(self) -> None:
        """Hand out nothing more until ``release``; events queue."""
        self.binance.merge.hold()

    def release(self) -> None:
        self.binance.merge.release()

    def counters(self) -> dict[str, Any]:
        """Frames, reconnects, gaps, what is up, and the last error of each source, for metrics and status."""
        binance = self.binance
        source = binance.source
        up = {source: binance.is_up and not (self._failover is not None and self._failover.is_away)}
        reconnects = {source: sum(connection.reconnects for connection in binance.connections)}
        errors = {source: next((one.last_error for one in binance.connections if one.last_error), "")}
        if self._poller is not None:
            up[SOURCE_COINGECKO] = self._poller.is_up
            errors[SOURCE_COINGECKO] = self._poller.last_error
        rest = binance.api.rest
        return {
            "source": self.source,
            "frames": {"received": binance.frames, "rejected": dict(sorted(binance.rejected.items()))},
            "reconnects": reconnects,
            "gaps": {source: binance.merge.overflows if not binance.is_simulated else 0},
            "feed_up": up,
            "last_error": {name: text for name, text in errors.items() if text},
            "rest": {
                "requests": rest.requests,
                "failed": binance.requests.failed,
                "throttled": rest.throttled,
                "refused": {str(status): count for status, count in sorted(rest.refused.items())},
            },
            "queue": {
                "events": binance.merge.queued(),
                "late": binance.merge.late,
                "overflows": binance.merge.overflows,
            },
        }

    # -- inside

    def _check(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(1.0, self._check)
        assert self._failover is not None
        self._failover.check(time.monotonic_ns())

    def _say(self, source: str, is_up: bool) -> None:
        """A source begins or ends to be what prices come from."""
        is_back = is_up and source == SOURCE_BINANCE and self._failover is not None
        self.source = source if is_up else ""
        if is_back:  # its clock may have moved, or was never measured
            self.binance.resync(False, "source is back", self._clock.now_ns())
        self._own(FeedStatus(self._clock.now_ns(), source, "", FEED_UP if is_up else FEED_DOWN, 0))

    def _on_poller(self, is_up: bool) -> None:
        assert self._failover is not None
        self._failover.on_poller(is_up)

    def _on_price(self, price: FallbackPrice) -> None:
        self._own(price)

    def _own(self, event: Event) -> None:
        """Into the one order; an exception of the sink is ours and must not end a timer or the poller."""
        try:
            self.binance.merge.push_own(event)
        except Exception as error:
            self.binance.on_error(error)
