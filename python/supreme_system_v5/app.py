"""The composition root: which parts make up a running session, in which order they start and stop."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from supreme_system_v5.adapters.control.server import ControlServer
from supreme_system_v5.adapters.journal.journal import Journal
from supreme_system_v5.adapters.monitoring.http import HttpServer
from supreme_system_v5.adapters.monitoring.metrics import (
    FRAME_LATENCY,
    INDICATOR_LATENCY,
    STRATEGY_LATENCY,
    Exposition,
)
from supreme_system_v5.adapters.monitoring.report import SUMMARY, save_report
from supreme_system_v5.adapters.monitoring.resource_monitor import ResourceMonitor
from supreme_system_v5.adapters.storage.home import Home, Session
from supreme_system_v5.controls import Controls
from supreme_system_v5.core.domain.effects import Announce, Effect, Shutdown, StateRecord
from supreme_system_v5.core.domain.errors import ConfigError, FrameError, VenueError
from supreme_system_v5.core.domain.events import KIND_TRADE, Event, Pressure, Tick, Trade
from supreme_system_v5.downtime import Downtime, Settlement
from supreme_system_v5.optimized.analyzer import OptimizedTechnicalAnalyzer
from supreme_system_v5.optimized.latency_histogram import LatencyHistogram
from supreme_system_v5.orchestrator.clock import EngineClock
from supreme_system_v5.orchestrator.console import Console
from supreme_system_v5.orchestrator.dispatch import Dispatcher
from supreme_system_v5.orchestrator.master import MasterOrchestrator
from supreme_system_v5.recording import Recording
from supreme_system_v5.reporting import Reporter
from supreme_system_v5.startup import UNWATCHED_SINCE, Market, saved_state, unwatched_since
from supreme_system_v5.trading import Trading, account_key, make_parameters, restore_trading

if TYPE_CHECKING:
    from supreme_system_v5.config import Settings

TICK_SECONDS: Final = 0.1
STATUS_LIVE_SECONDS: Final = 1.0
STATUS_PLAIN_SECONDS: Final = 10.0
CLOSE_SECONDS_MAX: Final = 1.2  # for sockets and feeds; the journal comes after them
JOURNAL_CLOSE_SECONDS_MAX: Final = 1.0
WARM_BARS: Final = 500
GAUGE_BARS: Final = 60  # enough to warm the analyzer that indicator latency is sampled on


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
        self.market = Market(settings, self.clock, "demo" if is_demo else "normal", home.journal_path)
        self.controls = Controls(self)
        self.recording = Recording(self._announce_warning)
        self.indicator_latency = LatencyHistogram()
        self._gauge = OptimizedTechnicalAnalyzer()
        for _ in range(GAUGE_BARS):
            self._gauge.commit(2000.0, 2000.5, 1999.5, 2000.0, 1.0)
        self.journal: Journal
        self.trading: Trading
        self.master: MasterOrchestrator
        self.dispatcher: Dispatcher
        self.monitor: ResourceMonitor
        self.report: Reporter
        self.is_flowing = False  # events reach the engine
        self._downtime: Downtime | None = None
        self._gap_task: asyncio.Task[None] | None = None
        self.market.on_fault = self._on_feed_fault
        self._handles: list[asyncio.TimerHandle] = []
        self._closing: list[Callable[[], Awaitable[None]]] = []  # what must be stopped

    @property
    def on_stop(self) -> str:
        """What an orderly stop does with the position: keep or close."""
        return "close" if self.is_demo else self.settings.on_stop

    # -- the course of a session ---------------------------------------------------------------------------------

    async def run(self) -> int:
        """Start, trade until told to stop, stop. Returns the exit code; raises SupremeError for a failed start."""
        self.controls.begin()
        try:
            await self._start()
            if self.controls.is_start_ended:  # the request came too late to interrupt anything
                raise asyncio.CancelledError
            await self._wait()
            return self._finish()
        except BaseException as error:
            if self.controls.is_start_ended:
                self.console.line(f"{self.controls.reason}: stopped during the start")
                self._say_left_open()
                return 0
            self._say_left_open()
            if isinstance(error, (VenueError, FrameError)):
                raise ConfigError(
                    f"the exchange stopped answering during the start: {error}", "check the network, then start again"
                ) from None
            raise
        finally:
            await self._close()

    async def _start(self) -> None:
        """Nothing trades before all of this stands; whatever fails is undone by _close."""
        feeds = await self.market.open()
        await self._prepare()
        await self._serve()
        self.report.print_banner()
        _log(f"start: {self.report.headline()}")
        await feeds.start(self.master.on_event if self._downtime is None else self._on_first_events)
        self._start_timers()
        self.is_flowing = True

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
        if settings.record:
            notes.append(self.recording.begin(settings, self.home, self.session, self.trading, key, saved))
            feeds.binance.tape = self.recording.tape
            self.journal.set_before_write(self.recording.flush)
        unanswered = self.recording.out(restore_trading(self.trading, saved))
        self.report = Reporter(self)
        self.report.notes = self.journal.notices + notes
        self.report.left_open_elsewhere = self.journal.other_open_positions()
        self.dispatcher = Dispatcher(
            self.journal, self.trading.gateway, feeds.perform, self._announce, self._on_shutdown
        )
        self.dispatcher.on_unsent = self.recording.unsent
        pump = self.recording.pump(self.trading)
        self.master = MasterOrchestrator(pump, self.dispatcher, feeds.hold, feeds.release)
        self.journal.on_fault = self.dispatcher.report_fault
        since_ns = unwatched_since(saved)
        if since_ns > 0:
            since = StateRecord(int(saved.last_time_ns), UNWATCHED_SINCE, str(since_ns))
            unanswered += self.recording.wrote([since])
        await self._perform(unanswered)
        # Before anything that bears a later time: what happened meanwhile belongs to its own time and day.
        await self._settle_downtime(since_ns)
        if market.exchange is not None:
            # Where an emergency stop finds this simulated market's book while it lives.
            rest_url = market.exchange.urls(settings.market)[0]
            url = StateRecord(self.clock.now_ns(), "exchange_url", json.dumps(rest_url))
            await self._perform(self.recording.wrote([url]))
        if first is not None:
            await self._take(first)
        await self._take(await feeds.warm_bars(WARM_BARS))

    # -- a position that was left open ---------------------------------------------------------------------------

    async def _settle_downtime(self, since_ns: int) -> None:
        """What REST tells of the time since ``since_ns``; the rest is settled when the first trade arrives."""
        if since_ns <= 0:
            return
        feeds = self.market.feeds
        assert feeds is not None
        downtime = Downtime(self.trading, feeds.binance.api, since_ns, self.settings.entry_slippage_bps)
        settlement = await downtime.settle(self.clock.now_ns())
        await self._book(settlement)
        self.report.notes.append(settlement.note)
        self.trading.set_position()
        if downtime.is_settled:
            self._downtime = downtime
        else:
            await self._protect()

    async def _protect(self) -> None:
        """Stop and target rest again (if there is a position still): the market is watched from now on."""
        now_ns = self.clock.now_ns()
        self.trading.set_position()
        self.trading.protect(now_ns)
        await self._perform(self.recording.wrote([StateRecord(now_ns, UNWATCHED_SINCE, "0")]))

    def _on_first_events(self, event: Event) -> None:
        """The feeds' sink until the first trade, which shows what was missed while the streams were being opened."""
        feeds = self.market.feeds
        assert feeds is not None
        if event.kind != KIND_TRADE or not isinstance(event, Trade):
            self.master.on_event(event)
            return
        feeds.hold()
        feeds.binance.merge.sink = self.master.on_event
        self._gap_task = asyncio.get_running_loop().create_task(self._close_gap(event))

    async def _close_gap(self, first: Trade) -> None:
        feeds = self.market.feeds
        assert feeds is not None and self._downtime is not None
        try:
            settlement = await self._downtime.close_gap(first, int(first.time_ns))
            await self._book(settlement)
            if settlement.note:
                self._announce(Announce(int(first.time_ns), "mode", settlement.note))
            await self._protect()
        except Exception as error:
            self.master.fail(error)
            return
        self.master.on_event(first)
        if not self.master.is_busy:
            feeds.release()

    async def _book(self, settlement: Settlement) -> None:
        await self._perform(self.recording.wrote(settlement.records))
        for event in settlement.events:
            await self._take(event)

    async def _take(self, event: Event) -> None:
        """One event while the feeds do not flow."""
        pump = self.master.pump
        effects: list[Effect] = pump.process(event)
        while effects or pump.is_busy:
            await self._perform(effects)
            effects = pump.resume()

    async def _perform(self, effects: list[Effect]) -> None:
        """Perform, where a journal that fails ends the session: there is no position at risk that is not in it."""
        await self.dispatcher.perform(effects)
        if self.dispatcher.fault is not None:
            self.master.fail(self.dispatcher.fault)
            raise self.dispatcher.fault

    # -- serving and ending --------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        settings = self.settings
        self.monitor = ResourceMonitor(
            settings.max_ram_mb,
            settings.max_cpu_percent,
            settings.loop_lag_ms_max,
            self._on_pressure,
            self._announce_warning,
        )
        histograms = {
            STRATEGY_LATENCY: self.master.latency,
            INDICATOR_LATENCY: self.indicator_latency,
            FRAME_LATENCY: self.master.decision_latency,
        }
        http = HttpServer(settings.metrics_port, Exposition(self.report.status, histograms).render, self.report.health)
        self._closing.append(http.stop)
        await http.start()
        control = ControlServer(self.home.prepare_socket_path(), self.controls.answer)
        self._closing.append(control.close)
        await control.start()
        self.report.urls = {"metrics": http.url, "control": str(self.home.socket_path)}

    async def _wait(self) -> None:
        """Until the engine says Shutdown, something of ours breaks, or the duration is over."""
        finished = self.master.is_finished
        if self.duration_s > 0:
            try:
                await asyncio.wait_for(finished.wait(), self.duration_s)
            except asyncio.TimeoutError:
                self.controls.request_stop(f"DURATION={self.duration_s:g} is over")
        await finished.wait()

    def _finish(self) -> int:
        master = self.master
        for handle in self._handles:
            handle.cancel()
        self.monitor.stop()
        if master.failure is not None:
            raise master.failure
        text = self.report.summary()
        self.console.line(text)
        _log(f"end: {self.report.end_reason()}")
        try:
            save_report(self.session.dir, SUMMARY, self.report.status(), text)
        except OSError as error:
            self.console.line(f"the summary could not be saved in {self.session.dir}: {error.strerror}")
        if master.shutdown is None:
            is_closing = self.trading.engine.state.is_closing and self.trading.engine.state.position is not None
            late = "NOT FLAT: the position could not be closed in time" if is_closing else "the stop took too long"
            self.console.line(f"{late}; the journal has everything that was acknowledged")
        if self.dispatcher.fault is not None:
            self.console.line(f"JOURNAL FAULT: {self.dispatcher.fault}")
            return 2
        return master.shutdown.exit_code if master.shutdown is not None else 1

    def _say_left_open(self) -> None:
        """For an end without a summary."""
        text = self.report.left_open() if hasattr(self, "report") else ""
        if text:
            self.console.line(text)

    async def _close(self) -> None:
        """Stop everything that was started, whatever fails or hangs on the way; the journal last."""
        if self._gap_task is not None:
            self._gap_task.cancel()
        self.clock.stop()
        work = [stop() for stop in reversed(self._closing)]
        done, late = await asyncio.wait(
            [asyncio.ensure_future(one) for one in (*work, self.market.close())], timeout=CLOSE_SECONDS_MAX
        )
        faults = [task.exception() for task in done if not task.cancelled()]
        failure = self.master.failure if hasattr(self, "master") else None
        self.recording.close(self.controls.reason if failure is None else f"failed: {failure}")
        if hasattr(self, "journal") and not self.journal.close(JOURNAL_CLOSE_SECONDS_MAX):
            faults.append(self.journal.fault or TimeoutError("the journal's thread hangs in the disk"))
        for fault in faults:
            if fault is not None:
                _log_warning(f"while closing: {type(fault).__name__}: {fault}")
        for task in late:
            task.cancel()
            _log_warning(f"while closing: {task.get_coro()} did not end in time")

    # -- what happens meanwhile ----------------------------------------------------------------------------------

    def inject(self, event: Event) -> None:
        """An event of our own, in its place in the one order."""
        assert self.market.feeds is not None
        self.market.feeds.inject(event)

    def _start_timers(self) -> None:
        self.monitor.start()
        self.clock.start(asyncio.get_running_loop(), self.inject)
        period_s = STATUS_LIVE_SECONDS if self.console.is_live else STATUS_PLAIN_SECONDS
        self._repeat(period_s, self.report.print_status)
        self._repeat(1.0, self._sample_indicators)
        self._repeat(1.0, self.recording.look)
        if not self.market.is_simulated:
            self._repeat(TICK_SECONDS, self._tick)

    def _repeat(self, period_s: float, work: Callable[[], None]) -> None:
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
        if self.trading.engine.next_timer_ns <= now_ns or self.trading.venue.next_ns() <= now_ns:
            self.inject(Tick(now_ns))

    def _sample_indicators(self) -> None:
        """Time one indicator update, on an analyzer of its own: the engine's is not touched for a figure."""
        before_ns = time.monotonic_ns()
        self._gauge.preview(2000.5, 1999.5, 2000.0, 1.0)
        self.indicator_latency.observe(time.monotonic_ns() - before_ns)

    def _on_feed_fault(self, error: Exception) -> None:
        self.master.fail(error)

    def _on_pressure(self, cpu_level: int, memory_level: int) -> None:
        self.recording.on_memory(memory_level)
        self.inject(Pressure(self.clock.now_ns(), cpu_level, memory_level))

    def _announce(self, effect: Announce) -> None:
        from loguru import logger

        mark = "SIMULATED" if self.market.is_simulated else ""
        self.console.event(effect.time_ns, effect.text, mark)
        # The console has it already; the log file keeps it (stderr shows warnings only).
        logger.info("{} {}", mark, effect.text)

    def _announce_warning(self, text: str) -> None:
        self._announce(Announce(self.clock.now_ns(), "warning", text))

    def _on_shutdown(self, effect: Shutdown) -> None:
        self.master.on_shutdown(effect)


def _log(text: str) -> None:
    from loguru import logger

    logger.info("{}", text)


def _log_warning(text: str) -> None:
    from loguru import logger

    logger.warning("{}", text)
