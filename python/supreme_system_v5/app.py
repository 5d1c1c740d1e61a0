"""The composition root: which parts make up a running session, in which order they start and stop."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supreme_system_v5.adapters.control.server import ControlServer
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.monitoring.http import HttpServer
from supreme_system_v5.adapters.monitoring.metrics import INDICATOR_LATENCY, STRATEGY_LATENCY, Exposition
from supreme_system_v5.adapters.monitoring.report import SUMMARY, save_report
from supreme_system_v5.adapters.monitoring.resource_monitor import ResourceMonitor
from supreme_system_v5.adapters.storage.home import Home, Session
from supreme_system_v5.core.domain.effects import Announce, Effect, StateRecord
from supreme_system_v5.core.domain.errors import SupremeError
from supreme_system_v5.core.domain.events import (
    COMMAND_CLOSE_BREAKER,
    COMMAND_EMERGENCY_STOP,
    COMMAND_STOP,
    Command,
    Event,
    Pressure,
    Tick,
)
from supreme_system_v5.core.domain.money import plain_e8
from supreme_system_v5.downtime import settle_downtime
from supreme_system_v5.optimized.latency_histogram import LatencyHistogram
from supreme_system_v5.orchestrator.clock import EngineClock
from supreme_system_v5.orchestrator.console import Console
from supreme_system_v5.orchestrator.dispatch import Dispatcher
from supreme_system_v5.orchestrator.master import MasterOrchestrator
from supreme_system_v5.reporting import Reporter
from supreme_system_v5.startup import Market, Trading, account_key, make_parameters, restore_trading, saved_state

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

TICK_SECONDS = 0.1
STATUS_LIVE_SECONDS = 1.0
STATUS_PLAIN_SECONDS = 10.0
STOP_SECONDS_MAX = 4.0
WARM_BARS = 500


class Application:
    """One session, from an acquired home to its exit code."""

    def __init__(
        self, settings: Settings, home: Home, session: Session, console: Console, duration_s: float, is_demo: bool
    ) -> None:
        self.settings = settings
        self.home = home
        self.session = session
        self.console = console
        self.duration_s = duration_s
        self.is_demo = is_demo
        self.clock = EngineClock(settings.stale_after_seconds)
        self.market = Market(settings, self.clock, "demo" if is_demo else "normal")
        self.indicator_latency = LatencyHistogram()
        self.journal: Journal
        self.trading: Trading
        self.master: MasterOrchestrator
        self.dispatcher: Dispatcher
        self.monitor: ResourceMonitor
        self.report: Reporter
        self._interrupts = 0
        self.market.on_fault = self._on_feed_fault
        self._handles: list[asyncio.TimerHandle] = []
        self._closing: list[Any] = []  # what must be stopped, in reverse order of starting

    # -- the course of a session ---------------------------------------------------------------------------------

    async def run(self) -> int:
        """Start, trade until told to stop, stop. Returns the exit code; raises SupremeError for a failed start."""
        self._catch_signals()
        try:
            feeds = await self.market.open()
            await self._prepare()
            await self._serve()
            self.report.print_banner()
            await feeds.start(self.master.on_event)
            self._start_timers()
            await self._wait()
            return await self._finish()
        finally:
            await self._close()

    async def _prepare(self) -> None:
        settings = self.settings
        market = self.market
        feeds = market.feeds
        assert feeds is not None
        first = await feeds.open()
        market.is_simulated = market.is_simulated or feeds.is_simulated
        instrument = await market.instrument()
        key = account_key(settings, market.is_simulated, self.is_demo)
        self.journal = Journal.open(self.home.journal_path, key, journal_days=settings.journal_days)
        saved, notes = saved_state(self.journal, settings, self.clock.now_ns())
        self.trading = Trading(make_parameters(settings, key), instrument)
        unanswered = restore_trading(self.trading, saved)
        self.report = Reporter(self)
        self.report.notes = self.journal.notices + notes
        self.report.left_open_elsewhere = [
            {
                "account": other.key.id,
                "source_class": other.key.source_class,
                "market": other.key.market,
                "symbol": other.key.symbol,
                "quantity": plain_e8(other.quantity_e8),
                "entry_price": plain_e8(other.entry_price_e8),
            }
            for other in self.journal.other_open_positions()
        ]
        self.dispatcher = Dispatcher(
            self.journal, self.trading.gateway, feeds.perform, self._announce, self._on_shutdown
        )
        self.master = MasterOrchestrator(self.trading.pump, self.dispatcher, feeds.hold, feeds.release)
        self.journal.on_fault = self.dispatcher.report_fault
        if market.exchange is not None:
            # Where an emergency stop finds this simulated market's book while it lives.
            rest_url = market.exchange.urls(settings.market)[0]
            unanswered.append(StateRecord(self.clock.now_ns(), "exchange_url", json.dumps(rest_url)))
        await self.dispatcher.perform(unanswered)
        await self._settle_downtime(saved.last_time_ns)
        if first is not None:
            await self._take(first)
        await self._take(await feeds.warm_bars(WARM_BARS))

    async def _settle_downtime(self, last_ns: int) -> None:
        trading = self.trading
        now_ns = self.clock.now_ns()
        if trading.engine.state.position is not None:
            assert self.market.feeds is not None
            settlement = await settle_downtime(
                trading.engine,
                self.market.feeds.binance.api,
                int(last_ns),
                now_ns,
                self.settings.entry_slippage_bps,
            )
            await self.dispatcher.perform(settlement.records)
            for event in settlement.events:
                await self._take(event)
            self.report.notes.append(settlement.note)
        trading.protect(now_ns)

    async def _take(self, event: Event) -> None:
        """One event before the feeds flow."""
        pump = self.trading.pump
        effects: list[Effect] = pump.process(event)
        while effects or pump.is_busy:
            await self.dispatcher.perform(effects)
            effects = pump.resume()

    async def _serve(self) -> None:
        settings = self.settings
        self.monitor = ResourceMonitor(
            settings.max_ram_mb,
            settings.max_cpu_percent,
            settings.loop_lag_ms_max,
            self._on_pressure,
            self._announce_throttle,
        )
        histograms = {STRATEGY_LATENCY: self.master.latency, INDICATOR_LATENCY: self.indicator_latency}
        http = HttpServer(settings.metrics_port, Exposition(self.report.status, histograms).render, self.report.health)
        await http.start()
        self._closing.append(http.stop)
        control = ControlServer(self.home.prepare_socket_path(), self._on_control)
        await control.start()
        self._closing.append(control.close)
        self.report.urls = {"metrics": http.url, "control": str(self.home.socket_path)}

    async def _wait(self) -> None:
        """Until the engine says Shutdown, something of ours breaks, or the duration is over."""
        finished = self.master.is_finished.wait()
        if self.duration_s <= 0:
            await finished
            return
        try:
            await asyncio.wait_for(finished, self.duration_s)
        except asyncio.TimeoutError:
            self.report.stop_reason = f"DURATION={self.duration_s:g} is over"
            self.inject(Command(self.clock.now_ns(), COMMAND_STOP, self._on_stop()))
            await self._wait_for_stop()

    async def _wait_for_stop(self) -> None:
        try:
            await asyncio.wait_for(self.master.is_finished.wait(), STOP_SECONDS_MAX)
        except asyncio.TimeoutError:
            self.console.line("NOT FLAT: the position could not be closed in time; it stays open in the journal")

    async def _finish(self) -> int:
        master = self.master
        for handle in self._handles:
            handle.cancel()
        self.monitor.stop()
        if master.failure is not None:
            raise master.failure
        shutdown = master.shutdown
        text = self.report.summary()
        self.console.line(text)
        try:
            save_report(self.session.dir, SUMMARY, self.report.status(), text)
        except OSError as error:
            self.console.line(f"the summary could not be saved in {self.session.dir}: {error.strerror}")
        if self.dispatcher.fault is not None:
            self.console.line(f"JOURNAL FAULT: {self.dispatcher.fault}")
            return 2
        return shutdown.exit_code if shutdown is not None else 1

    async def _close(self) -> None:
        for stop in reversed(self._closing):
            await stop()
        await self.market.close()
        if hasattr(self, "journal"):
            self.journal.close()

    # -- what happens meanwhile ----------------------------------------------------------------------------------

    def inject(self, event: Event) -> None:
        """An event of our own, in its place in the one order."""
        assert self.market.feeds is not None
        self.market.feeds.inject(event)

    def _start_timers(self) -> None:
        loop = asyncio.get_running_loop()
        self.monitor.start()
        self.clock.start(loop, self.inject)
        self._closing.append(self._stop_clock)
        period_s = STATUS_LIVE_SECONDS if self.console.is_live else STATUS_PLAIN_SECONDS
        self._repeat(period_s, self.report.print_status)
        self._repeat(1.0, self._sample_indicators)
        if not self.market.is_simulated:
            self._repeat(TICK_SECONDS, self._tick)

    async def _stop_clock(self) -> None:
        self.clock.stop()

    def _repeat(self, period_s: float, work: Any) -> None:
        loop = asyncio.get_running_loop()
        slot = len(self._handles)

        def turn() -> None:
            if not self.master.is_finished.is_set():
                self._handles[slot] = loop.call_later(period_s, turn)
                work()

        self._handles.append(loop.call_later(period_s, turn))

    def _tick(self) -> None:
        """On a real venue time passes without events: timers and paper orders must not wait for the next frame."""
        now_ns = self.clock.now_ns()
        pump = self.trading.pump
        if pump.engine.next_timer_ns <= now_ns or self.trading.venue.next_ns() <= now_ns:
            self.inject(Tick(now_ns))

    def _sample_indicators(self) -> None:
        """Time one preview of the forming bar: it changes nothing, so it may be done for the figure alone."""
        chart = self.trading.engine.chart
        bar = chart.bars.current
        if bar is None or not chart.analyzer_is_warm() or self.master.is_busy:
            return
        high, low = int(bar.high_e8) / 1e8, int(bar.low_e8) / 1e8
        close, volume = int(bar.close_e8) / 1e8, int(bar.volume_e8) / 1e8
        before_ns = time.monotonic_ns()
        chart.analyzer.preview(high, low, close, volume)
        self.indicator_latency.observe(time.monotonic_ns() - before_ns)

    def _on_feed_fault(self, error: Exception) -> None:
        self.master.fail(error)

    def _on_pressure(self, cpu_level: int, memory_level: int) -> None:
        self.inject(Pressure(self.clock.now_ns(), cpu_level, memory_level))

    def _announce(self, effect: Announce) -> None:
        from loguru import logger

        mark = "SIMULATED" if self.market.is_simulated else ""
        self.console.event(effect.time_ns, effect.text, mark)
        log = logger.warning if effect.kind == "warning" else logger.info
        log("{} {}", mark, effect.text)

    def _announce_throttle(self, text: str) -> None:
        self._announce(Announce(self.clock.now_ns(), "warning", text))

    def _on_shutdown(self, effect: Any) -> None:
        self.master.on_shutdown(effect)

    def _on_stop(self) -> str:
        return "close" if self.is_demo else self.settings.on_stop

    # -- control -------------------------------------------------------------------------------------------------

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._on_signal, name)

    def _on_signal(self, number: int) -> None:
        self._interrupts += number == signal.SIGINT
        if self._interrupts >= 2:
            raise KeyboardInterrupt
        if not hasattr(self, "master"):
            raise KeyboardInterrupt
        self.report.stop_reason = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        self.request_stop()

    def request_stop(self) -> None:
        """Begin the orderly stop; `run` ends when it is done or late."""
        self.inject(Command(self.clock.now_ns(), COMMAND_STOP, self._on_stop()))
        asyncio.get_running_loop().call_later(STOP_SECONDS_MAX, self.master.is_finished.set)

    async def _on_control(self, command: str, args: dict[str, Any]) -> dict[str, Any]:
        if command == "ping":
            return {"pid": self.report.status()["pid"], "session": self.session.id}
        if command == "status":
            return self.report.status()
        if command == "stop":
            self.report.stop_reason = "make stop"
            self.request_stop()
            await self.master.is_finished.wait()
            return {"summary": self.report.summary()}
        if command == "emergency_stop":
            self.report.stop_reason = "emergency stop"
            self.inject(Command(self.clock.now_ns(), COMMAND_EMERGENCY_STOP, str(args.get("reason", ""))))
            asyncio.get_running_loop().call_later(STOP_SECONDS_MAX, self.master.is_finished.set)
            await self.master.is_finished.wait()
            is_flat = self.trading.engine.state.position is None
            return {"flat": is_flat, "summary": self.report.summary(), "status": self.report.status()}
        if command == "close_breaker":
            name = str(args.get("name", ""))
            names = [breaker.name for breaker in self.trading.engine.risk.breakers]
            if name not in names:
                raise SupremeError(f"there is no breaker {name!r}", f"there are: {', '.join(names)}")
            self.inject(Command(self.clock.now_ns(), COMMAND_CLOSE_BREAKER, name))
            return {"closed": name}
        raise SupremeError(f"unknown command {command!r}")


def run_session(settings: Settings, duration_s: float, is_demo: bool) -> int:
    """Run one session of this home. Raises SupremeError (halted, running already, bad configuration, ...)."""
    from supreme_system_v5.adapters.monitoring.log import setup_logging
    from supreme_system_v5.adapters.storage import halt
    from supreme_system_v5.adapters.storage.lock import HomeLock

    home = Home(Path(settings.home))
    home.create()
    halt.refuse_if_halted(home.halted_path)
    lock = HomeLock(home.lock_path)
    session = home.new_session(time.time_ns())
    try:
        lock.acquire(session.id)
    except SupremeError:
        session.dir.rmdir()
        raise
    try:
        setup_logging(settings.log_level, session.dir if settings.log_to_file else None)
        application = Application(settings, home, session, Console(), duration_s, is_demo)
        return _run_loop(application)
    finally:
        lock.release()


def _run_loop(application: Application) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(application.run())
    loop = uvloop.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return int(loop.run_until_complete(application.run()))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
