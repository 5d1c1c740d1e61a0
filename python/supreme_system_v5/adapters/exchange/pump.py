"""The pump: moves the markets on, sends what they give out, tells every socket that asks the market time.

One task. Market time is what has been given out; requests that name a later time wait here until the market is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final

from supreme_system_v5.adapters.exchange.clock import MarketClock
from supreme_system_v5.adapters.exchange.faults.box import CUT, HALF_OPEN, PLAIN, SHUTDOWN, FaultBox, WireFrame
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, NS_PER_MS, OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.streams.hub import hub_of
from supreme_system_v5.adapters.exchange.streams.sockets import Client

HEARTBEAT_NS: Final = 250 * NS_PER_MS
BUFFERED_MAX: Final = 65_536  # a market without a pace waits for a client that is further behind than this
BUFFERED_CUT: Final = 4_194_304  # at 1x a client further behind than this is cut
TURN_SECONDS: Final = 0.004  # frames due within this go out in one write
TURN_FRAMES: Final = 128  # per flush without a pace
STALLED_SECONDS: Final = 30.0
OVERDUE_NS: Final = 20 * NS_PER_MS
CATCH_UP_TURNS: Final = 40  # of at most a quarter of a market second each
PENDING_COUNT: Final = attrgetter("pending_count")  # the quiet socket's heartbeat first: a client waits for it


class Pump:
    """``clients`` get the frames of their market, and heartbeats where they asked. ``on_turn`` is told the time."""

    def __init__(self, markets: Mapping[str, SimMarket], clock: MarketClock, faults: FaultBox, end_ns: int) -> None:
        self.markets = dict(markets)
        self.clock = clock
        self.faults = faults
        self.clients: list[Client] = []
        self.cuts = 0  # clients cut because they did not read
        self.frames_out = 0
        self.on_turn: Callable[[int], None] = lambda _time_ns: None
        self.other_due_ns: Callable[[], int] = lambda: NEVER  # when ``on_turn`` has something to do
        self.on_mark: Callable[[WireFrame], None] = lambda _mark: None  # CUT, HALF_OPEN, SHUTDOWN: for other sockets
        self._end_ns = end_ns
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._nap: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._deaf: set[Client] = set()  # half open: nothing is sent to them any more

    # Time --------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int:
        """When the next thing happens; NEVER."""
        due = min(market.next_ns() for market in self.markets.values())
        return due if due <= self._end_ns else NEVER

    @property
    def is_ended(self) -> bool:
        """True when the recording, or the time asked for, is over."""
        return self.next_ns() == NEVER

    def start_clock(self) -> None:
        """Let time run."""
        if not self.clock.is_started:
            self.clock.start()
            self._wake.set()

    def wake(self) -> None:
        """Somebody came: look again what is to do."""
        self._wake.set()

    def catch_up(self) -> None:
        """Give out what is overdue before a request is answered: one that comes while the loop was held up must not
        meet a clock that is late (within reason: a market that cannot keep its pace is not waited for).
        """
        clock = self.clock
        if not clock.is_started or clock.speed == 0.0:
            return
        now_ns = clock.now_ns()
        if now_ns - clock.shown_ns < OVERDUE_NS * clock.speed or self.is_ended:
            return
        for _ in range(CATCH_UP_TURNS):
            self._turn(min(now_ns, _next_beat(clock.shown_ns)), 4_096)
            if clock.shown_ns >= now_ns:
                return

    def poke(self) -> None:
        """Something is due sooner than was planned (a client traded): look again within a turn."""
        nap, alarm = self._nap, self._alarm
        if nap is None or alarm is None or nap.done():
            return
        loop = nap.get_loop()
        soon = loop.time() + TURN_SECONDS
        if alarm.when() > soon:
            alarm.cancel()
            self._alarm = loop.call_at(soon, _finish, nap)

    async def run(self) -> None:
        """The task."""
        clock = self.clock
        while True:
            is_idle = clock.speed == 0.0 and not self.clients and not self._waiters  # nobody sets the pace
            if not clock.is_started or self.is_ended or is_idle:
                self._release_waiters()
                self._wake.clear()
                await self._wake.wait()
                continue
            if clock.speed == 0.0:
                self._turn(_next_beat(clock.shown_ns), TURN_FRAMES)
                await asyncio.sleep(0)
            else:
                now_ns = clock.now_ns()
                self._turn(min(now_ns, _next_beat(clock.shown_ns)), 4_096)
                if clock.shown_ns < now_ns:  # behind: go on at once, with a heartbeat each quarter second
                    await asyncio.sleep(0)
                else:
                    await self._sleep(self._idle_seconds(now_ns))
            await self._let_clients_read()

    async def _sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._nap = loop.create_future()
        self._alarm = loop.call_later(seconds, _finish, self._nap)
        try:
            await self._nap
        finally:
            self._alarm.cancel()
            self._nap = None

    def _idle_seconds(self, now_ns: int) -> float:
        """How long nothing is due; at least a turn, so that what is due meanwhile goes out in one write."""
        due_ns = min(
            self.next_ns(),
            _next_beat(self.clock.shown_ns),
            self.faults.next_event_ns,
            self.other_due_ns(),
            *(at for at, _ in self._waiters),
        )
        return max(TURN_SECONDS, self.clock.wall_seconds(min(due_ns - now_ns, HEARTBEAT_NS)))

    def _turn(self, until_ns: int, frames_max: int) -> None:
        """Give out what is due, then tell every socket how far the market is."""
        frames: dict[str, list[OutFrame]] = {}
        count = last_ns = 0
        due_ns = self.next_ns()
        while due_ns <= until_ns and count < frames_max:
            market = min(self.markets.values(), key=lambda item: item.next_ns())
            made = hub_of(market).derive(market.step())
            if made:
                frames.setdefault(market.market, []).extend(hub_of(market).derive(made))
                count += len(made)
                last_ns = max(last_ns, made[-1].time_ns)
            due_ns = self.next_ns()
        is_cut_short = due_ns <= until_ns
        shown_ns = max(last_ns, self.clock.shown_ns)
        if not is_cut_short and due_ns != NEVER:
            shown_ns = max(shown_ns, until_ns)
        # Of two markets one may be a little behind. Time never goes back.
        self.clock.shown_ns = max(self.clock.shown_ns, min(shown_ns, due_ns - 1))
        self._send(frames, last_ns)
        self.on_turn(self.clock.shown_ns)
        self._release_waiters()

    # Sending -----------------------------------------------------------------------------------------------------

    def _send(self, frames: dict[str, list[OutFrame]], last_ns: int) -> None:
        shown_ns = self.clock.shown_ns
        if self.faults.is_idle:
            for name, made in frames.items():
                self._queue([WireFrame(frame.time_ns, frame.stream, frame.payload, PLAIN, name) for frame in made])
        else:
            for name in self.markets:
                self._queue(self.faults.apply(frames.get(name, ()), name, shown_ns))
            self.faults.advance(shown_ns)
        self.move_markets()
        # Idle heartbeats sit on a grid of market time, the others on the last frame: their values repeat exactly.
        grid_ns = shown_ns - shown_ns % HEARTBEAT_NS
        beat_ns = max(min(last_ns, shown_ns), grid_ns)
        for client in self.clients:
            if client.has_extras and client.beaten_ns < beat_ns:
                client.heartbeat(beat_ns)
        for client in sorted(self.clients, key=PENDING_COUNT):
            client.flush()

    def _queue(self, wire: list[WireFrame]) -> None:
        by_market: dict[str, list[Client]] = {}
        for client in self.clients:
            by_market.setdefault(client.market.market, []).append(client)
        for item in wire:
            if item.form in (CUT, HALF_OPEN, SHUTDOWN):
                self._mark(item)
                continue
            for client in by_market.get(item.market, ()):
                client.queue(item)
        self.frames_out += len(wire)

    def _mark(self, mark: WireFrame) -> None:
        for client in list(self.clients):
            if mark.market not in ("", client.market.market) or not client.carries(mark.stream):
                continue
            client.flush()
            if mark.form == CUT:
                self.drop(client)
            elif mark.form == HALF_OPEN:
                self.deafen(client)
            else:
                payload = mark.payload
                if client.is_combined:
                    payload = b'{"stream":"!serverShutdown","data":%b}' % payload
                client.reply(payload)
        self.on_mark(mark)

    def move_markets(self) -> None:
        """Perform the moves that faults ask for."""
        for fault in self.faults.moves:
            for market in self.markets.values():
                try:
                    market.move(float(fault.args["fraction"]), float(fault.args.get("seconds", 1.0)) or 1.0)
                except ValueError:
                    continue  # a recording keeps its prices
        self.faults.moves.clear()

    # Clients -----------------------------------------------------------------------------------------------------

    def add(self, client: Client) -> None:
        """A client that frames are sent to from now on."""
        self.clients.append(client)
        self._wake.set()

    def remove(self, client: Client) -> None:
        """It is gone (once more is no error)."""
        if client in self.clients:
            self.clients.remove(client)
        self._deaf.discard(client)

    def drop(self, client: Client) -> None:
        """Cut its connection."""
        self.remove(client)
        client.transport.abort()

    def deafen(self, client: Client) -> None:
        """Its connection stays, but nothing goes over it any more, not even pongs, and nobody reads what it sends."""
        self.remove(client)
        self._deaf.add(client)
        with contextlib.suppress(RuntimeError):  # it is not reading as it is
            client.transport.pause_reading()

    def abort_all(self) -> None:
        """Cut every connection, the half-open ones too."""
        for client in [*self.clients, *self._deaf]:
            client.transport.abort()

    async def _let_clients_read(self) -> None:
        """Without a pace the market waits for its slowest client; at 1x such a client is cut and counted."""
        if self.clock.speed == 1.0:
            for client in [item for item in self.clients if item.buffered > BUFFERED_CUT]:
                self.cuts += 1
                self.drop(client)
            return
        deadline = 0.0
        while slow := [client for client in self.clients if client.buffered > BUFFERED_MAX]:
            deadline = deadline or time.monotonic() + STALLED_SECONDS
            if time.monotonic() > deadline:
                for client in slow:
                    self.cuts += 1
                    self.drop(client)
            await asyncio.sleep(0.0005)
        if deadline:
            self.clock.hold()

    # Waiting for the market --------------------------------------------------------------------------------------

    async def wait_until(self, as_of_ns: int, seconds: float) -> bool:
        """Wait until the market is there; False when it is not within so many wall seconds."""
        if self.is_there(as_of_ns):
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (as_of_ns, waiter)
        self._waiters.append(entry)
        self._wake.set()
        try:
            await asyncio.wait_for(waiter, seconds)
        except asyncio.TimeoutError:
            return False
        finally:
            if entry in self._waiters:
                self._waiters.remove(entry)
        return True

    def is_there(self, as_of_ns: int) -> bool:
        """True when nothing can happen any more up to that time."""
        due_ns = self.next_ns()
        if due_ns == NEVER:
            return True
        return as_of_ns <= self.clock.shown_ns or (self.clock.speed == 0.0 and due_ns > as_of_ns)

    def _release_waiters(self) -> None:
        for as_of_ns, waiter in self._waiters:
            if not waiter.done() and self.is_there(as_of_ns):
                waiter.set_result(None)


def _finish(nap: asyncio.Future[None]) -> None:
    if not nap.done():
        nap.set_result(None)


def _next_beat(time_ns: int) -> int:
    return time_ns - time_ns % HEARTBEAT_NS + HEARTBEAT_NS
