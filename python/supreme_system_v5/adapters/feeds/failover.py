"""Which source the prices come from: the choice at start, and the fallback while Binance is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from supreme_system_v5.adapters.feeds.binance import FeedSettings, urls
from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.adapters.feeds.coingecko import CoinGeckoPoller
from supreme_system_v5.adapters.feeds.words import explain
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import KIND_QUOTE, KIND_TRADE
from supreme_system_v5.core.domain.market import NS_PER_SECOND, SOURCE_BINANCE, SOURCE_COINGECKO, SOURCE_SIMULATED

CHOICE_SECONDS: Final = 5.0
PAPER: Final = "paper"


class SourceSettings(FeedSettings, Protocol):
    """The settings the choice reads."""

    @property
    def data_sources(self) -> tuple[str, ...]: ...
    @property
    def execution_mode(self) -> str: ...
    @property
    def coingecko_url(self) -> str: ...
    @property
    def stale_after_seconds(self) -> float: ...


@dataclass(frozen=True)
class SourceChoice:
    """``source`` is a SOURCE_ word ("" = none can be used). ``is_simulated``: its prices are not the real market's.

    With source "binance" and ``is_simulated`` the configured URL leads to a simulated exchange. ``failures`` holds
    one line for each source that was tried before and failed.
    """

    source: str
    is_simulated: bool
    failures: list[str] = field(default_factory=list)


async def choose_source(
    settings: SourceSettings, market: str, symbol: str, total_seconds: float = CHOICE_SECONDS
) -> SourceChoice:
    """Try the sources of DATA_SOURCES in order, ``total_seconds`` in all.

    "simulated" needs no trying and is possible in paper mode only.
    """
    failures: list[str] = []
    deadline = time.monotonic() + total_seconds
    to_try = [source for source in settings.data_sources if source != SOURCE_SIMULATED]
    for source in settings.data_sources:
        if source == SOURCE_SIMULATED:
            if settings.execution_mode == PAPER:
                return SourceChoice(source, True, failures)
            failures.append(f"{source}: not in {settings.execution_mode} mode")
            continue
        left_seconds = max(0.05, deadline - time.monotonic())
        limit_seconds = left_seconds if source == to_try[-1] else left_seconds * 0.6
        try:
            if source == SOURCE_BINANCE:
                is_simulated = await _probe_binance(settings, market, symbol, limit_seconds)
                if is_simulated and settings.execution_mode != PAPER:
                    failures.append(f"{source}: {urls(settings, market)[0]} is a simulated exchange")
                    continue
                return SourceChoice(source, is_simulated, failures)
            await _probe_coingecko(settings, symbol, limit_seconds)
            return SourceChoice(source, False, failures)
        except (VenueError, FrameError) as error:
            words = error.message if isinstance(error, VenueError) and error.status == 0 else explain(error)
            failures.append(f"{source}: {words}")
    return SourceChoice("", False, failures)


async def _probe_binance(settings: SourceSettings, market: str, symbol: str, limit_seconds: float) -> bool:
    api = BinanceApi(market, symbol, urls(settings, market)[0])
    try:
        _, reply = await api.server_time(limit_seconds)
        return reply.time_ns > 0
    finally:
        await api.close()


async def _probe_coingecko(settings: SourceSettings, symbol: str, limit_seconds: float) -> None:
    poller = CoinGeckoPoller(settings.coingecko_url, symbol, _NoClock(), _ignore, _ignore)
    try:
        await poller.fetch(limit_seconds)
    finally:
        await poller.stop()


class _NoClock:
    def now_ns(self) -> int:
        return 0


def _ignore(_value: object) -> None:
    return None


class Failover:
    """Decides when the fallback is polled. Told once a second; simulated sessions have none (never create one).

    Binance counts as away when no quote came for ``away_seconds``, and as back when a quote and a trade came after
    that. Trades silent while quotes are alive is a quiet market, not an absent one.
    """

    def __init__(
        self,
        away_seconds: float,
        seen_ns: list[int],
        started_ns: int,
        on_switch: Callable[[str, bool], None],
        poller: CoinGeckoPoller,
    ) -> None:
        self._away_ns = round(away_seconds * NS_PER_SECOND)
        self._seen_ns = seen_ns  # monotonic, by event kind
        self._since_ns = started_ns
        self._on_switch = on_switch
        self._poller = poller
        self.is_away = False

    def begin_away(self, now_ns: int) -> None:
        """Binance was not reachable at start: poll from the beginning."""
        self._go_away(now_ns)

    def check(self, now_ns: int) -> None:
        """``now_ns`` is monotonic."""
        quote_ns, trade_ns = self._seen_ns[KIND_QUOTE], self._seen_ns[KIND_TRADE]
        if self.is_away:
            if quote_ns > self._since_ns and trade_ns > self._since_ns and now_ns - quote_ns < self._away_ns:
                self.is_away = False
                self._since_ns = now_ns
                self._poller.pause()
                self._on_switch(SOURCE_BINANCE, True)
        elif now_ns - max(quote_ns, self._since_ns) > self._away_ns:
            self._go_away(now_ns)

    def _go_away(self, now_ns: int) -> None:
        self.is_away = True
        self._since_ns = now_ns
        self._on_switch(SOURCE_BINANCE, False)
        self._poller.start()

    def on_poller(self, is_up: bool) -> None:
        """The poller answers, or no longer does."""
        if self.is_away:
            self._on_switch(SOURCE_COINGECKO, is_up)
