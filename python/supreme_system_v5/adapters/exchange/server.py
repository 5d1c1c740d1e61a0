"""The simulated exchange's server: Binance-compatible REST and streams on loopback, over one or two SimMarkets.

One pump task moves the markets, sends what they give out, and tells every socket the market time. REST replies are as
of the request's engine time plus a fixed latency (X-Sim-Time-Ns, X-Time-Ns), from the market's history, so that a
client's run does not depend on how fast the sockets are. It embeds in a running loop: ``await start()``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from aiohttp import web

from supreme_system_v5.adapters.exchange.clock import MarketClock
from supreme_system_v5.adapters.exchange.faults import CUT, PLAIN, FaultBox, WireFrame
from supreme_system_v5.adapters.exchange.limits import WeightLimiter
from supreme_system_v5.adapters.exchange.rest_views import PREFIX, request_weight
from supreme_system_v5.adapters.exchange.sim_market import NEVER, NS_PER_MS, OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.sockets import SESSION_NS, Client, Rejected
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.wire.binance_encode import error_body

SIM_REST_LATENCY_MS: Final = 20
HEARTBEAT_NS: Final = 250 * NS_PER_MS
PENDING_COUNT: Final = attrgetter("pending_count")  # the quiet socket's heartbeat first: a client waits for it
SEND_BUFFER_BYTES: Final = 131_072
BUFFERED_MAX: Final = 65_536  # a market without a pace waits for a client that is further behind than this
BUFFERED_CUT: Final = 4_194_304  # at 1x a client further behind than this is cut
TURN_SECONDS: Final = 0.004  # frames due within this go out in one write
TURN_FRAMES: Final = 128  # per flush without a pace
STALLED_SECONDS: Final = 30.0
REST_WAIT_SECONDS: Final = 30.0


class ExchangeServer:
    """``market``: one SimMarket or one of each. ``is_waiting``: frozen until POST /x/start (default: recordings).

    Raises OSError from ``start`` when the port is taken.
    """

    def __init__(
        self,
        market: SimMarket | Sequence[SimMarket],
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        is_waiting: bool | None = None,
        faults: FaultBox | None = None,
        weight_limit: int = 0,
        end_ns: int = NEVER,
        log: Callable[[str], None] | None = None,
    ) -> None:
        markets = [market] if isinstance(market, SimMarket) else list(market)
        self.markets = {item.market: item for item in markets}
        if not markets or len(self.markets) != len(markets):
            raise ValueError("one market of a kind")
        start_ns = min(item.start_ns for item in markets)
        self.host = host
        self.port = port
        self.clock = MarketClock(start_ns, speed)
        self.faults = faults or FaultBox(start_ns, log=log)
        self.cuts = 0  # clients cut because they did not read
        self._is_waiting = any(item.source == "recorded" for item in markets) if is_waiting is None else is_waiting
        self._limiter = WeightLimiter(weight_limit)
        self._end_ns = end_ns
        self._clients: list[Client] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self._frames_out = 0

    # Life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen and, unless it waits, let the market run."""
        app = web.Application()
        app.router.add_get("/x/status", self._on_status)
        app.router.add_post("/x/start", self._on_start)
        app.router.add_post("/x/fault", self._on_fault)
        for name in self.markets:
            app.router.add_get(PREFIX[name] + "{path:.+}", self._on_rest)
        app.router.add_get("/{path:.*}", self._on_socket)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Small buffers: a market without a pace must not run far ahead of its client.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        try:
            listener.bind((self.host, self.port))
        except OSError:
            listener.close()
            await self._runner.cleanup()
            raise
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        if not self._is_waiting:
            self.clock.start()
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._keep_alive())]

    async def stop(self) -> None:
        """Cut the clients and stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in list(self._clients):
            client.transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()

    def urls(self, market: str) -> tuple[str, str]:
        """REST and stream base of a market. Raises KeyError for one that is not served."""
        if market not in self.markets:
            raise KeyError(market)
        return f"http://{self.host}:{self.port}", f"ws://{self.host}:{self.port}"

    # The pump ----------------------------------------------------------------------------------------------------

    def _next_ns(self) -> int:
        due = min(market.next_ns() for market in self.markets.values())
        return due if due <= self._end_ns else NEVER

    @property
    def is_ended(self) -> bool:
        """True when the recording, or the time asked for, is over."""
        return self._next_ns() == NEVER

    async def _pump(self) -> None:
        clock = self.clock
        while True:
            is_idle = clock.speed == 0.0 and not self._clients and not self._waiters  # nobody sets the pace
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
                    await asyncio.sleep(self._idle_seconds(now_ns))
            await self._let_clients_read()

    def _idle_seconds(self, now_ns: int) -> float:
        """How long nothing is due; at least a turn, so that what is due meanwhile goes out in one write."""
        due_ns = min(self._next_ns(), _next_beat(self.clock.shown_ns), *(at for at, _ in self._waiters))
        return max(TURN_SECONDS, self.clock.wall_seconds(min(due_ns - now_ns, HEARTBEAT_NS)))

    def _turn(self, until_ns: int, frames_max: int) -> None:
        """Give out what is due, then tell every socket how far the market is."""
        frames: list[OutFrame] = []
        due_ns = self._next_ns()
        while due_ns <= until_ns and len(frames) < frames_max:
            frames.extend(self._step_first())
            due_ns = self._next_ns()
        is_cut_short = due_ns <= until_ns
        shown_ns = max(frames[-1].time_ns, self.clock.shown_ns) if frames else self.clock.shown_ns
        if not is_cut_short and due_ns != NEVER:
            shown_ns = max(shown_ns, until_ns)
        self.clock.shown_ns = min(shown_ns, due_ns - 1)  # of two markets one may be a little behind
        self._send(frames)
        self._release_waiters()

    def _step_first(self) -> list[OutFrame]:
        markets = list(self.markets.values())
        return min(markets, key=lambda market: market.next_ns()).step()

    def _send(self, frames: list[OutFrame]) -> None:
        faults = self.faults
        if faults.is_idle:
            wire = [WireFrame(frame.time_ns, frame.stream, frame.payload, PLAIN) for frame in frames]
        else:
            wire = faults.apply(frames)
            faults.advance(self.clock.shown_ns)
        self._move_markets()
        for item in wire:
            if item.form == CUT:
                self._cut(item.stream)
                continue
            for client in self._clients:
                client.queue(item)
        self._frames_out += len(wire)
        # Idle heartbeats sit on a grid of market time, the others on the last frame: their values repeat exactly.
        grid_ns = self.clock.shown_ns - self.clock.shown_ns % HEARTBEAT_NS
        beat_ns = max(min(frames[-1].time_ns, self.clock.shown_ns) if frames else 0, grid_ns)
        for client in self._clients:
            if client.beaten_ns < beat_ns:
                client.heartbeat(beat_ns)
        for client in sorted(self._clients, key=PENDING_COUNT):
            client.flush()

    def _move_markets(self) -> None:
        for fault in self.faults.moves:
            for market in self.markets.values():
                try:
                    market.move(float(fault.args["fraction"]), float(fault.args.get("seconds", 1.0)) or 1.0)
                except ValueError:
                    continue  # a recording keeps its prices
        self.faults.moves.clear()

    def _cut(self, kind: str) -> None:
        for client in list(self._clients):
            if client.carries(kind):
                client.flush()
                self._drop(client)

    def _drop(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
        client.transport.abort()

    async def _let_clients_read(self) -> None:
        """Without a pace the market waits for its slowest client; at 1x such a client is cut and counted."""
        if self.clock.speed == 1.0:
            for client in [item for item in self._clients if item.buffered > BUFFERED_CUT]:
                self.cuts += 1
                self._drop(client)
            return
        deadline = 0.0
        while slow := [client for client in self._clients if client.buffered > BUFFERED_MAX]:
            deadline = deadline or time.monotonic() + STALLED_SECONDS
            if time.monotonic() > deadline:
                for client in slow:
                    self.cuts += 1
                    self._drop(client)
            await asyncio.sleep(0.0005)
        if deadline:
            self.clock.hold()

    async def _keep_alive(self) -> None:
        """Ping, and end connections that do not answer or are 24 hours old (market time)."""
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for client in list(self._clients):
                if client.pong_deadline and now > client.pong_deadline:
                    self._drop(client)
                elif self.clock.shown_ns - client.connected_ns > SESSION_NS:
                    self._clients.remove(client)
                    await client.ws.close()
                elif now >= client.next_ping:
                    client.next_ping = now + client.ping_seconds
                    client.pong_deadline = client.pong_deadline or now + client.pong_seconds
                    if not client.transport.is_closing():
                        await client.ws.ping(str(int(time.time() * 1_000)).encode())

    # Streams -----------------------------------------------------------------------------------------------------

    async def _on_socket(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        head, _, rest = path.partition("/")
        if head in ("public", "market") and USDM in self.markets:
            category, market, path = head, self.markets[USDM], rest
        elif SPOT in self.markets:
            category, market = SPOT, self.markets[SPOT]
        elif head in ("ws", "stream"):
            return web.Response(status=410, text="retired: use /public or /market")
        else:
            return web.Response(status=404)
        kind, _, streams = path.partition("/")
        if kind not in ("ws", "stream") or request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=404)
        names = [name for name in (streams if kind == "ws" else request.query.get("streams", "")).split("/") if name]
        transport = request.transport
        if transport is None:
            return web.Response(status=400)
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=65_536)
        client = Client(ws, transport, market, category, kind == "stream", self.clock.shown_ns)
        client.wakeup = lambda: self._greet(client)
        try:
            for name in names:
                client.subscribe(name)
        except Rejected as error:
            return web.Response(status=400, text=str(error))
        await ws.prepare(request)
        self._clients.append(client)
        self._greet(client)
        self._wake.set()
        try:
            await client.read()
        finally:
            if client in self._clients:
                self._clients.remove(client)
        return ws

    def _greet(self, client: Client) -> None:
        client.heartbeat(self.clock.shown_ns)
        client.flush()

    # REST --------------------------------------------------------------------------------------------------------

    async def _on_rest(self, request: web.Request) -> web.Response:
        market = self.markets[SPOT if request.path.startswith(PREFIX[SPOT]) else USDM]
        as_of_ns = await self._as_of(request.headers.get("X-Sim-Time-Ns", ""))
        params = dict(request.query)
        name, now = market.market, self._limit_seconds()
        used = self._limiter.charge(name, request_weight(name, request.path, params), now)
        headers = {"X-Time-Ns": str(as_of_ns), "X-MBX-USED-WEIGHT-1M": str(used), "X-MBX-USED-WEIGHT": str(used)}
        refusal = self.faults.rest_refusal() or self._limiter.refusal(name, used, now)
        if refusal is not None:
            status, retry_after = refusal
            message = (
                "Too much request weight used; please use the websocket for live updates to avoid polling the API."
            )
            headers.update({"Retry-After": str(retry_after), "Content-Type": "application/json;charset=UTF-8"})
            return web.Response(status=status, body=error_body(-1003, message), headers=headers)
        status, body, extra = market.rest(request.path, params, as_of_ns)
        headers.update(extra)
        return web.Response(status=status, body=body, headers=headers)

    async def _as_of(self, asked: str) -> int:
        """The market time a reply is as of; waits until the market is there."""
        self.faults.advance(self.clock.shown_ns)
        delay_ns = self.faults.rest_delay_ns()
        is_dated = asked.isascii() and asked.isdigit() and len(asked) <= 19
        if not self.clock.is_started and not is_dated:
            await asyncio.sleep(min(delay_ns / 1e9, REST_WAIT_SECONDS))
            return self.clock.shown_ns
        if not is_dated and delay_ns == 0:
            return self.clock.shown_ns
        as_of_ns = delay_ns + (int(asked) + SIM_REST_LATENCY_MS * NS_PER_MS if is_dated else self.clock.shown_ns)
        if not self._is_there(as_of_ns):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (as_of_ns, waiter)
            self._waiters.append(entry)
            self._wake.set()
            try:
                await asyncio.wait_for(waiter, REST_WAIT_SECONDS)
            except asyncio.TimeoutError:
                return self.clock.shown_ns
            finally:
                if entry in self._waiters:
                    self._waiters.remove(entry)
        return as_of_ns

    def _is_there(self, as_of_ns: int) -> bool:
        due_ns = self._next_ns()
        if due_ns == NEVER:
            return True
        return as_of_ns <= self.clock.shown_ns or (self.clock.speed == 0.0 and due_ns > as_of_ns)

    def _release_waiters(self) -> None:
        for as_of_ns, waiter in self._waiters:
            if not waiter.done() and self._is_there(as_of_ns):
                waiter.set_result(None)

    def _limit_seconds(self) -> float:
        """Limits run on market time, so that a fast market's client is not refused for being fast."""
        return self.clock.shown_ns / 1e9 if self.clock.is_started else time.monotonic()

    # Control -----------------------------------------------------------------------------------------------------

    async def _on_status(self, _request: web.Request) -> web.Response:
        status = {
            "simulated": True,
            "time_ns": self.clock.shown_ns,
            "started": self.clock.is_started,
            "ended": self.is_ended,
            "speed": self.clock.speed,
            "clients": len(self._clients),
            "subscriptions": [client.names() for client in self._clients],
            "clients_cut": self.cuts,
            "frames_sent": self._frames_out,
            "markets": {name: market.describe() for name, market in self.markets.items()},
            "faults_taken": self.faults.count,
            "faults": self.faults.taken,
            "fault_seed": self.faults.seed,
        }
        return web.json_response(status)

    async def _on_start(self, _request: web.Request) -> web.Response:
        if not self.clock.is_started:
            self.clock.start()
            self._wake.set()
        return web.json_response({"started": True, "time_ns": self.clock.shown_ns})

    async def _on_fault(self, request: web.Request) -> web.Response:
        try:
            entry = json.loads(await request.text())
            self.faults.inject(entry.get("kind"), entry.get("args", {}), self.clock.shown_ns)
        except (ValueError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self._move_markets()
        return web.json_response({"ok": True, "time_ns": self.clock.shown_ns, "faults_taken": self.faults.count})


def _next_beat(time_ns: int) -> int:
    return time_ns - time_ns % HEARTBEAT_NS + HEARTBEAT_NS
