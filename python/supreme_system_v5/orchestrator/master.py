"""The only async loop: events in, one at a time; effects out; nothing further until they are done."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable

from supreme_system_v5.core.domain.effects import Effect, Shutdown
from supreme_system_v5.core.domain.errors import JournalFault, SupremeError
from supreme_system_v5.core.domain.events import (
    COMMAND_JOURNAL_FAULT,
    Command,
    Event,
)
from supreme_system_v5.optimized.latency_histogram import LatencyHistogram
from supreme_system_v5.orchestrator.dispatch import Dispatcher
from supreme_system_v5.orchestrator.recorded import Pump


class SessionError(SupremeError):
    """A mistake of ours ended the session. Its cause has the traceback, which the log gets."""


class MasterOrchestrator:
    """Owns the pump. ``hold`` and ``release`` stop and restart the flow of events while a commit is awaited."""

    def __init__(
        self, pump: Pump, dispatcher: Dispatcher, hold: Callable[[], None], release: Callable[[], None]
    ) -> None:
        self.pump = pump
        self.dispatcher = dispatcher
        self._hold = hold
        self._release = release
        self.latency = LatencyHistogram()  # bytes off the socket to effects returned, trades that pass the gate
        self.decision_latency = LatencyHistogram()  # the same for every frame
        self.processed = 0
        self.shutdown: Shutdown | None = None
        self.is_finished = asyncio.Event()
        self.failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None
        self._faults: list[JournalFault] = []
        dispatcher.on_fault = self._on_fault

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def on_event(self, event: Event) -> None:
        """The feeds' sink. Called with one event at a time, never while held."""
        if self.is_finished.is_set():
            return
        pump = self.pump
        try:
            effects = pump.process(event)
            self.processed += 1
            if event.received_ns > 0:
                elapsed_ns = time.monotonic_ns() - event.received_ns
                self.decision_latency.observe(elapsed_ns)
                if pump.is_trade_passed(event):
                    self.latency.observe(elapsed_ns)
            while effects or pump.is_busy:
                if not self.dispatcher.perform_now(effects):
                    self._hold()
                    self._task = asyncio.get_running_loop().create_task(self._finish(effects))
                    return
                effects = pump.resume()
        except BaseException as error:
            self.fail(error)

    async def _finish(self, effects: list[Effect]) -> None:
        try:
            while effects or self.pump.is_busy or self.dispatcher.refused or self._faults:
                await self.dispatcher.perform(effects)
                effects = self.pump.resume()
                if not effects and not self.pump.is_busy:
                    effects = self._next_own()
        except BaseException as error:
            self.fail(error)
            return
        self._task = None
        if self.shutdown is None:
            self._release()

    def _next_own(self) -> list[Effect]:
        """What performing itself brought about: refused entries and the journal's fault enter as events."""
        now_ns = self.pump.engine.state.now_ns
        if self.dispatcher.refused:
            report = self.dispatcher.refused.pop(0)
            report.time_ns = now_ns
            return self.pump.process(report)
        if self._faults:
            fault = self._faults.pop(0)
            return self.pump.process(Command(now_ns, COMMAND_JOURNAL_FAULT, fault.message))
        return []

    def _on_fault(self, fault: JournalFault) -> None:
        self._faults.append(fault)
        if self._task is None:
            # Not inside a commit: bring it to the engine by the ordinary way, once the current event is done.
            asyncio.get_running_loop().call_soon(self._bring_fault)

    def _bring_fault(self) -> None:
        if self._task is None and self._faults and not self.is_finished.is_set():
            self._hold()
            self._task = asyncio.get_running_loop().create_task(self._finish([]))

    def on_shutdown(self, effect: Shutdown) -> None:
        """The engine has nothing left to do."""
        self.shutdown = effect
        self.is_finished.set()

    def fail(self, error: BaseException) -> None:
        """Something of ours broke: end the session with this error."""
        self._task = None
        if self.failure is None:
            self.failure = _explained(error) if isinstance(error, Exception) else error
        self.is_finished.set()


def _explained(error: Exception) -> SupremeError:
    """The error as a person can read it; what is readable already stays what it is."""
    if isinstance(error, SupremeError):
        return error
    from loguru import logger

    logger.opt(exception=error).error("the session ends: {!r}", error)
    where = traceback.extract_tb(error.__traceback__)
    place = f" in {where[-1].name} ({where[-1].filename.rpartition('/')[2]}:{where[-1].lineno})" if where else ""
    explained = SessionError(
        f"the session ended by a mistake of its own: {type(error).__name__}: {error}{place}",
        "an open position is in the journal with its stop, and a new start goes on with it; report the log's traceback",
    )
    explained.__cause__ = error
    return explained
