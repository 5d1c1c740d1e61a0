"""What people tell a running session: signals and the control socket. And the time an orderly stop may take."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from supreme_system_v5.core.domain.errors import SupremeError
from supreme_system_v5.core.domain.events import COMMAND_CLOSE_BREAKER, COMMAND_EMERGENCY_STOP, COMMAND_STOP, Command

if TYPE_CHECKING:
    from supreme_system_v5.app import Application

STOP_SECONDS_MAX: Final = 2.5  # from the request until the engine is done; closing down takes the rest of the five
EXIT_INTERRUPTED: Final = 130
# A terminal that is closed is no reason to leave orders behind.
STOP_SIGNALS: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


class Controls:
    """Turns requests into events of the one order. While the start is under way a stop ends the start instead."""

    def __init__(self, application: Application) -> None:
        self.app = application
        self.reason = "stop requested"
        self._interrupts = 0
        self._start: asyncio.Task[Any] | None = None
        self._is_start_ended = False

    def begin(self) -> None:
        """Catch the signals from now on. To be called by the task that runs the start."""
        self._start = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal, number)

    @property
    def is_start_ended(self) -> bool:
        """True when a stop came before events flowed."""
        return self._is_start_ended

    def _on_signal(self, number: signal.Signals) -> None:
        self._interrupts += number == signal.SIGINT
        if self._interrupts >= 2:
            # As good as kill -9, and as safe: what was acknowledged is on disk.
            sys.stdout.write("\ninterrupted twice: ended at once; what was journalled stays as it is\n")
            sys.stdout.flush()
            os._exit(EXIT_INTERRUPTED)
        self.request_stop(STOP_SIGNALS[number])

    def request_stop(self, reason: str) -> None:
        """Begin the orderly stop by ON_STOP."""
        self._request(reason, COMMAND_STOP, self.app.on_stop)

    def _request(self, reason: str, command: str, argument: str) -> None:
        app = self.app
        self.reason = reason
        if not app.is_flowing:
            if self._start is not None and not self._is_start_ended:
                self._is_start_ended = True
                self._start.cancel()
            return
        app.inject(Command(app.clock.now_ns(), command, argument))
        asyncio.get_running_loop().call_later(STOP_SECONDS_MAX, self._on_late)

    def _on_late(self) -> None:
        if not self.app.master.is_finished.is_set():
            self.app.master.is_finished.set()

    async def answer(self, command: str, args: dict[str, Any]) -> dict[str, Any]:
        """A command of the control socket. Raises SupremeError for what cannot be done."""
        app = self.app
        if command == "ping":
            return {"pid": os.getpid(), "session": app.session.id}
        if command == "status":
            return app.report.status()
        if command == "stop":
            self.request_stop("make stop")
            return await self._last_words()
        if command == "emergency_stop":
            self._request("emergency stop", COMMAND_EMERGENCY_STOP, str(args.get("reason", "")))
            return await self._last_words()
        if command == "close_breaker":
            return self._close_breaker(str(args.get("name", "")))
        raise SupremeError(f"unknown command {command!r}")

    async def _last_words(self) -> dict[str, Any]:
        app = self.app
        if self._is_start_ended:
            return {"flat": app.trading.engine.state.position is None, "summary": "stopped during the start"}
        await app.master.is_finished.wait()
        is_flat = app.trading.engine.state.position is None
        return {"flat": is_flat, "summary": app.report.summary(), "status": app.report.status()}

    def _close_breaker(self, name: str) -> dict[str, Any]:
        app = self.app
        names = [breaker.name for breaker in app.trading.engine.risk.breakers]
        if name not in names:
            raise SupremeError(f"there is no breaker {name!r}", f"there are: {', '.join(names)}")
        if not app.is_flowing:
            raise SupremeError("the session is still starting", "try again in a moment")
        app.inject(Command(app.clock.now_ns(), COMMAND_CLOSE_BREAKER, name))
        return {"closed": name}
