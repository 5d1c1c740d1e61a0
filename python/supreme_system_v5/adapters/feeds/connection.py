"""One websocket that keeps itself connected, within the venue's limits.

- Exponential backoff with jitter up to BACKOFF_SECONDS_MAX, so that a returning venue is noticed within 5 s; over all
  connections together never more than ATTEMPTS_MAX in 5 minutes (the venue allows 300). Retry-After is obeyed.
- A planned change (24 h limit, ``serverShutdown``) opens the new connection first, then lets the old one run on
  for a moment: duplicates are harmless downstream, a hole is not.
- A socket on which nothing arrives, not even the answer to a ping, is dropped; so is one that only answers pings.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from supreme_system_v5.adapters.feeds.frames import FRAME_BYTES_MAX, FrameConnection
from supreme_system_v5.adapters.feeds.resolve import resolve
from supreme_system_v5.adapters.feeds.words import explain
from supreme_system_v5.core.domain.market import NS_PER_SECOND

BACKOFF_SECONDS_MIN: Final = 0.2
BACKOFF_SECONDS_MAX: Final = 4.5
ATTEMPTS_MAX: Final = 150
ATTEMPTS_WINDOW_SECONDS: Final = 300.0
OPEN_SECONDS: Final = 5.0
LINGER_SECONDS: Final = 1.0


@dataclass(frozen=True)
class ConnectionLimits:
    """Seconds; ``silence`` counts from the last byte, ``data_silence`` from the last text frame."""

    silence_seconds: float = 10.0
    data_silence_seconds: float = 30.0
    lifetime_seconds: float = 23.5 * 3600


class AttemptBudget:
    """Connection attempts of all sockets together within 5 minutes."""

    def __init__(self, attempts_max: int = ATTEMPTS_MAX, window_seconds: float = ATTEMPTS_WINDOW_SECONDS) -> None:
        self._attempts: deque[float] = deque()
        self._attempts_max = attempts_max
        self._window_seconds = window_seconds

    def wait_seconds(self, now_seconds: float) -> float:
        """How long the next attempt must wait (0 = none)."""
        while self._attempts and self._attempts[0] <= now_seconds - self._window_seconds:
            self._attempts.popleft()
        if len(self._attempts) < self._attempts_max:
            return 0.0
        return self._attempts[0] + self._window_seconds - now_seconds

    def spend(self, now_seconds: float) -> None:
        self._attempts.append(now_seconds)


def backoff_seconds(attempt: int, rng: random.Random) -> float:
    """The wait before retry ``attempt`` (0 = the first): doubling, capped, 20 % of it jitter."""
    return float(min(BACKOFF_SECONDS_MAX, BACKOFF_SECONDS_MIN * 2.0 ** min(attempt, 16)) * (1.0 - 0.2 * rng.random()))


class ConnectionOwner(Protocol):
    """Who is told. ``number`` is the connection's; calls come from the loop, synchronously."""

    def on_frame(self, number: int, raw: bytes, received_ns: int) -> None: ...

    def on_chunk(self) -> None: ...

    def on_up(self, number: int) -> None: ...

    def on_down(self, number: int) -> None: ...

    def on_error(self, error: Exception) -> None: ...


class Connection:
    """Keeps one websocket up from ``start`` to ``stop``. ``url`` is asked for before every attempt."""

    def __init__(
        self,
        number: int,
        name: str,
        url: Callable[[], str],
        owner: ConnectionOwner,
        rng: random.Random,
        budget: AttemptBudget,
        limits: ConnectionLimits | None = None,
    ) -> None:
        self.number = number
        self.name = name
        self._url = url
        self._owner = owner
        self._rng = rng
        self._budget = budget
        self._limits = limits or ConnectionLimits()
        self._live: FrameConnection | None = None
        self._old: set[FrameConnection] = set()
        self._task: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._is_planned = False
        self._is_stopping = False
        self._is_paused = False
        self._retry_after_seconds = 0.0
        self._opened_seconds = 0.0
        self._probed_ns = 0
        self._address_turn = 0
        self.is_data_due = True  # False: a market that stands still (a simulated one that is over) is no fault
        self.attempts = 0
        self.connects = 0
        self.last_error = ""
        self.last_down = ""

    @property
    def is_up(self) -> bool:
        return self._live is not None

    @property
    def reconnects(self) -> int:
        """Connections after the first."""
        return max(0, self.connects - 1)

    @property
    def received_ns(self) -> int:
        """Monotonic stamp of the last bytes (0 while down)."""
        return self._live.received_ns if self._live is not None else 0

    def start(self) -> None:
        """Begin to connect."""
        self._is_stopping = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"connection {self.name}")

    async def stop(self) -> None:
        """Close and stay closed."""
        self._is_stopping = True
        self._wake.set()
        for task in [self._task, *self._helpers]:
            if task is not None:
                task.cancel()
        live, self._live = self._live, None
        for connection in [live, *self._old]:
            if connection is not None:
                try:
                    await asyncio.wait_for(connection.close(), 0.5)
                except (asyncio.TimeoutError, OSError, WebSocketException):
                    connection.transport.abort()
        await asyncio.gather(*[task for task in [self._task, *self._helpers] if task], return_exceptions=True)

    def reconnect(self, reason: str) -> None:
        """Drop the connection and build a new one at once."""
        if self._live is not None:
            self.last_down = reason
            self._live.transport.abort()

    def replace(self, reason: str) -> None:
        """Open another connection, then leave this one (the venue is about to close it)."""
        if self._live is not None and not self._is_planned:
            self.last_down = reason
            self._is_planned = True
            self._wake.set()

    def pause(self) -> None:
        """Read nothing more until ``resume``: the kernel and then the sender have to wait."""
        self._is_paused = True
        if self._live is not None and self._live.transport.is_reading():
            self._live.transport.pause_reading()

    def resume(self) -> None:
        self._is_paused = False
        live = self._live
        if live is not None and not live.transport.is_closing() and not live.transport.is_reading():
            live.received_ns = live.frame_ns = time.monotonic_ns()  # the silence was ours
            live.transport.resume_reading()

    async def send(self, text: str) -> None:
        """Send a text frame.

        Raises:
            ConnectionError: it is not connected, or was lost while sending.
        """
        live = self._live
        if live is None:
            raise ConnectionError(f"{self.name} is not connected")
        try:
            await live.send(text)
        except WebSocketException as error:
            raise ConnectionError(explain(error)) from error

    def check(self, now_ns: int) -> None:
        """About once a second: is the socket silent or too old? ``now_ns`` is monotonic."""
        live = self._live
        if live is None or self._is_paused:
            return
        limits = self._limits
        silent = (now_ns - live.received_ns) / NS_PER_SECOND
        if silent > limits.silence_seconds:
            self.reconnect(f"silent for {silent:.0f} s")
        elif self.is_data_due and (now_ns - live.frame_ns) / NS_PER_SECOND > limits.data_silence_seconds:
            self.reconnect(f"no data for {limits.data_silence_seconds:.0f} s")
        elif silent > limits.silence_seconds / 2 and self._probed_ns < live.received_ns:
            self._probed_ns = now_ns
            self._help(self._ping(live))
        if time.monotonic() - self._opened_seconds > limits.lifetime_seconds:
            self.replace("planned, before the venue's 24 h limit")

    def _help(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._helpers.add(task)
        task.add_done_callback(self._helpers.discard)

    async def _ping(self, connection: FrameConnection) -> None:
        try:
            await connection.ping()
        except (OSError, WebSocketException, RuntimeError):
            return  # it is going down anyway

    async def _run(self) -> None:
        attempt = 0
        while not self._is_stopping:
            wait_seconds = self._budget.wait_seconds(time.monotonic())
            if wait_seconds > 0:
                await asyncio.sleep(wait_seconds)
            if not await self._open():
                wait_seconds = max(backoff_seconds(attempt, self._rng), self._retry_after_seconds)
                attempt += 1
                await asyncio.sleep(wait_seconds)
                continue
            attempt = 0
            while self._live is not None and not self._is_planned:
                self._wake.clear()
                await self._wake.wait()
            if not self._is_planned:  # lost: the first retry comes soon, but never in a tight loop
                await asyncio.sleep(backoff_seconds(0, self._rng))

    async def _open(self) -> bool:
        """One attempt; False when it failed (``last_error`` says why)."""
        url = self._url()
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        self._retry_after_seconds = 0.0
        self.attempts += 1
        self._budget.spend(time.monotonic())
        try:
            addresses = await resolve(host, port)
            address = addresses[self._address_turn % len(addresses)]
            await connect(
                url,
                compression=None,
                proxy=None,
                open_timeout=OPEN_SECONDS,
                ping_interval=None,  # the venue pings; `check` pings when it does not
                close_timeout=1.0,
                max_size=FRAME_BYTES_MAX,
                create_connection=self._create,  # type: ignore[arg-type]
                host=address,
                port=port,
            )
        except InvalidStatus as error:
            self.last_error = explain(error)
            self._retry_after_seconds = _retry_after(error)
            return False
        except (OSError, WebSocketException, asyncio.TimeoutError, ValueError) as error:
            self.last_error = explain(error, host)
            self._address_turn += 1
            return False
        return True

    def _create(self, *args: object, **kwargs: object) -> FrameConnection:
        connection = FrameConnection(*args, **kwargs)
        owner, number = self._owner, self.number
        connection.on_frame = lambda raw, received_ns: owner.on_frame(number, raw, received_ns)
        connection.on_chunk = owner.on_chunk
        connection.on_error = owner.on_error
        connection.on_open = self._take
        connection.on_lost = self._on_lost
        return connection

    def _take(self, connection: FrameConnection) -> None:
        """The handshake succeeded; called before the first frame, which may be in the same bytes."""
        old, self._live = self._live, connection
        self.connects += 1
        self._opened_seconds = time.monotonic()
        self._is_planned = False
        if self._is_paused:
            connection.transport.pause_reading()
        if old is not None:
            self._old.add(old)
            self._help(self._leave(old))
        else:
            self._owner.on_up(self.number)

    async def _leave(self, old: FrameConnection) -> None:
        await asyncio.sleep(LINGER_SECONDS)
        await old.close()

    def _on_lost(self, connection: FrameConnection) -> None:
        self._old.discard(connection)
        if connection is not self._live:
            return
        self._live = None
        self._is_planned = False
        self.last_error = self.last_down or "connection lost"
        self.last_down = ""
        if not self._is_stopping:
            self._owner.on_down(self.number)
        self._wake.set()


def _retry_after(error: InvalidStatus) -> float:
    """Seconds to wait after a refused handshake; a ban or a throttle without a number is a minute."""
    response = error.response
    try:
        seconds = float(response.headers.get("Retry-After", "0"))
    except ValueError:
        seconds = 0.0
    if response.status_code in (418, 429):
        return seconds if seconds > 0 else 60.0
    return max(seconds, 0.0)
