"""REST requests that answer an engine's effect: repeated until there is an answer, or one that says there is none."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol

from supreme_system_v5.adapters.feeds.binance_api import BinanceApi
from supreme_system_v5.adapters.feeds.connection import backoff_seconds
from supreme_system_v5.adapters.feeds.merge import Merge
from supreme_system_v5.core.domain.effects import RequestBars, RequestBook, RequestTrades
from supreme_system_v5.core.domain.errors import FrameError, VenueError
from supreme_system_v5.core.domain.events import Bars, BookSnapshot, Event, Trades
from supreme_system_v5.core.domain.market import NS_PER_MS

ATTEMPTS_MAX: Final = 5
WAIT_SECONDS_MAX: Final = 30.0  # a request that must wait longer has failed
BOOK_SPACING_SECONDS: Final = 0.3

Fetch = Callable[[int], Awaitable[Event]]
NoAnswer = Callable[[int], Event]


class FeedClock(Protocol):
    """The engine clock as the adapters see it."""

    is_simulated: bool

    def now_ns(self) -> int: ...
    def at(self, monotonic_ns: int, /) -> int: ...
    def set_sim_time(self, time_ns: int, /) -> None: ...


class Requests:
    """Asks for books, bars and trades; each answer enters the merge as an event.

    On a simulated exchange an outstanding request holds the market at its time (see merge.py). While one waits to be
    repeated nothing is held.
    """

    def __init__(
        self,
        api: BinanceApi,
        merge: Merge,
        clock: FeedClock,
        rng: random.Random,
        bar_seconds: int,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._api = api
        self._merge = merge
        self._clock = clock
        self._rng = rng
        self._bar_seconds = bar_seconds
        self._on_error = on_error
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_book_pending = False
        self._book_asked = 0.0
        self._book_due_ns = 0  # simulated: until then in engine time a book is on its way, however fast it came
        self.venue_offset_ns = 0  # the venue's clock minus engine time
        self.failed = 0

    def venue_now_ms(self) -> int:
        """The venue's clock now, ms UTC."""
        return (self._clock.now_ns() + self.venue_offset_ns) // NS_PER_MS

    def request_book(self, effect: RequestBook) -> None:
        """A depth snapshot, asked for until it comes; one at a time serves every asker."""
        if not self._is_book_pending and effect.time_ns >= self._book_due_ns:
            self._is_book_pending = True
            self.request(effect.time_ns, self._fetch_book, None)

    def request_bars(self, effect: RequestBars) -> None:
        """Closed klines; in the end a Bars event, perhaps failed."""

        async def fetch(sim_ns: int) -> Event:
            now_ms = self.venue_now_ms()
            bars, time_ns = await self._api.bars(self._bar_seconds, effect.from_ms, effect.to_ms, now_ms, sim_ns)
            return Bars(time_ns or self._clock.now_ns(), effect.purpose, bars, False)

        self.request(effect.time_ns, fetch, lambda time_ns: Bars(time_ns, effect.purpose, [], True))

    def request_trades(self, effect: RequestTrades) -> None:
        """aggTrades by id; in the end a Trades event, perhaps failed."""

        async def fetch(sim_ns: int) -> Event:
            now_ns = self._clock.now_ns()
            trades, time_ns = await self._api.trades(effect.from_id, effect.count_max, now_ns, sim_ns)
            return Trades(time_ns or self._clock.now_ns(), effect.from_id, trades, False)

        self.request(effect.time_ns, fetch, lambda time_ns: Trades(time_ns, effect.from_id, [], True))

    async def _fetch_book(self, sim_ns: int) -> BookSnapshot:
        if sim_ns == 0:  # a snapshot that was too old must not turn into a storm
            await asyncio.sleep(max(0.0, self._book_asked + BOOK_SPACING_SECONDS - time.monotonic()))
            self._book_asked = time.monotonic()
        snapshot = await self._api.book(0, sim_ns)
        if sim_ns == 0:
            snapshot.time_ns = self._clock.now_ns()
        else:
            self._book_due_ns = int(snapshot.time_ns)
        self._is_book_pending = False
        return snapshot

    def request(self, time_ns: int, fetch: Fetch, no_answer: NoAnswer | None) -> None:
        """Ask at engine time ``time_ns``; without ``no_answer`` for as long as it takes.

        ``fetch`` gets the time to ask as of (0 on a real venue), ``no_answer`` makes the event that says "failed".
        """
        number = self._merge.begin_request(time_ns) if self._merge.is_simulated else 0
        self.spawn(self._answer(time_ns, number, fetch, no_answer))

    async def _answer(self, time_ns: int, number: int, fetch: Fetch, no_answer: NoAnswer | None) -> None:
        attempt = 0
        event: Event | None = None
        try:
            while event is None:
                try:
                    event = await fetch(time_ns if self._merge.is_simulated else 0)
                except (VenueError, FrameError) as error:
                    self.failed += 1
                    wait_seconds = self._wait_seconds(attempt, error)
                    attempt += 1
                    if no_answer is not None and (attempt >= ATTEMPTS_MAX or wait_seconds > WAIT_SECONDS_MAX):
                        event = no_answer(self._clock.now_ns())
                        break
                    self._merge.end_request(number, None)
                    await asyncio.sleep(wait_seconds)
                    time_ns = self._clock.now_ns()
                    number = self._merge.begin_request(time_ns) if self._merge.is_simulated else 0
        finally:
            try:
                self._merge.end_request(number, event)
            except Exception as error:
                self._on_error(error)

    def _wait_seconds(self, attempt: int, error: Exception) -> float:
        wait_seconds = backoff_seconds(attempt, self._rng)
        return max(wait_seconds, error.retry_after_seconds) if isinstance(error, VenueError) else wait_seconds

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside everything else until ``stop``."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what is outstanding."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
