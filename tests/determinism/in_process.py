"""Exchange, sockets, feeds, master and engine in one event loop: what the daemon is made of, open to a test's eyes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.server import ExchangeServer
from supreme_system_v5.adapters.feeds.failover import SourceChoice
from supreme_system_v5.adapters.feeds.feed_set import FeedSet
from supreme_system_v5.adapters.storage.home import Home
from supreme_system_v5.core.domain.account import new_ledger
from supreme_system_v5.core.domain.effects import Announce, Effect
from supreme_system_v5.core.domain.events import Event
from supreme_system_v5.core.engine.recovery import SavedState
from supreme_system_v5.orchestrator.clock import EngineClock
from supreme_system_v5.orchestrator.dispatch import Dispatcher
from supreme_system_v5.orchestrator.master import MasterOrchestrator
from supreme_system_v5.recording import Recording
from supreme_system_v5.trading import Trading, account_key, make_parameters, restore_trading
from tests.determinism.daemon import settings_of

WARM_BARS = 500


class OpenExchange(ExchangeServer):
    """Writes down every REST request: wall time, path, status of the reply."""

    def __init__(self, market: SimMarket, **options: Any) -> None:
        super().__init__(market, **options)
        self.requests: list[tuple[float, str, int]] = []

    async def _on_request(self, request: web.Request) -> web.StreamResponse:
        asked = time.monotonic()
        reply = await super()._on_request(request)
        if request.path.startswith(("/api/", "/fapi/")):
            self.requests.append((asked, request.path, reply.status))
        return reply


class Memory:
    """A journal that forgets."""

    async def commit(self, records: list[Effect]) -> str:
        return "committed"

    def commit_later(self, records: list[Effect]) -> None:
        return None

    def spill(self, records: list[Effect]) -> bool:
        return True


class InProcess:
    """One run over sockets. ``on_event(run, event)`` is called after each event; ``record`` records it in the home."""

    def __init__(
        self,
        market: SimMarket,
        folder: Path,
        end_ns: int,
        speed: float,
        plan: list[dict[str, Any]],
        on_event: Callable[[InProcess, Event], None] = lambda _run, _event: None,
        record: bool = False,
        **keys: str,
    ) -> None:
        self.announced: list[str] = []
        self.home = Home(folder)
        self.recording = Recording(self.announced.append)
        self._is_recorded = record
        self.journal = Memory()
        self.frames_waiting = 0  # at the end, for the recording
        self.settings = settings_of(market.market, folder, **keys)
        self.server = OpenExchange(market, speed=speed, end_ns=end_ns, faults=FaultBox(market.start_ns, plan, seed=5))
        self._on_event = on_event
        self.trading: Trading
        self.feeds: FeedSet
        self.master: MasterOrchestrator

    def run(self, seconds: float) -> InProcess:
        """To the end of the market, at most so many seconds of wall time."""
        asyncio.run(self._run(seconds))
        if self.master.failure is not None:
            raise self.master.failure
        return self

    async def _run(self, seconds: float) -> None:
        await self.server.start()
        market = self.settings.market
        clock = EngineClock(self.settings.stale_after_seconds)
        choice = SourceChoice("binance", True)
        feeds = FeedSet(self.settings, market, "ETH-USDT", clock, choice, *self.server.urls(market))
        self.feeds = feeds
        try:
            first = await feeds.open()
            instrument = await feeds.fetch_instrument()
            trading = Trading(make_parameters(self.settings, account_key(self.settings, True, False)), instrument)
            self.trading = trading
            saved = SavedState(new_ledger(trading.parameters.initial_balance_e8), 1)
            self._begin_recording(saved)
            restore_trading(trading, saved)
            dispatcher = Dispatcher(self.journal, trading.gateway, feeds.perform, self._announce, lambda _effect: None)
            dispatcher.on_unsent = self.recording.unsent
            self.master = MasterOrchestrator(self.recording.pump(trading), dispatcher, feeds.hold, feeds.release)
            for event in (first, await feeds.warm_bars(WARM_BARS)):
                assert event is not None
                self.master.on_event(event)
            await feeds.start(self._sink)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and self.master.failure is None:
                await asyncio.sleep(0.05)
                is_quiet = self.server.is_ended and feeds.is_simulated and feeds.binance.is_up
                if is_quiet and trading.engine.state.now_ns >= self.server.clock.shown_ns:
                    break
        finally:
            await feeds.stop()
            await self.server.stop()
            tape = self.recording.tape
            self.frames_waiting = 0 if tape is None else tape.waiting
            self.recording.close("the test is over")

    def _begin_recording(self, saved: SavedState) -> None:
        if self._is_recorded:
            session = self.home.new_session(time.time_ns())
            key = account_key(self.settings, True, False)
            said = self.recording.begin(self.settings, self.home, session, self.trading, key, saved)
            assert said.startswith("recorded in"), said
            self.feeds.binance.tape = self.recording.tape

    def _sink(self, event: Event) -> None:
        self.master.on_event(event)
        self._on_event(self, event)

    def _announce(self, effect: Announce) -> None:
        self.announced.append(effect.text)
