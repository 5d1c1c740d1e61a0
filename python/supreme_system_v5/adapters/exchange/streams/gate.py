"""Where market stream sockets come in: paths, categories, first subscriptions; pings, and the 24 hours of a connection.

Heartbeats (`{"x_time_ns":N}`) are a frame that no venue sends and that a stranger's client may stumble over. They, and
the field `x_time_ns` in every frame, are for sockets that ask in their URL: `x_time_ns=true`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

from aiohttp import web

from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
from supreme_system_v5.adapters.exchange.pump import Pump
from supreme_system_v5.adapters.exchange.streams.sockets import SESSION_NS, Client, Rejected
from supreme_system_v5.core.domain.instrument import SPOT, USDM

EXTRAS_OPTION: Final = "x_time_ns"
MESSAGE_BYTES_MAX: Final = 65_536
GOODBYE_SECONDS: Final = 5.0


class Peer(Protocol):
    """A socket that has to be pinged, and ended after 24 hours of market time."""

    transport: asyncio.Transport
    ws: web.WebSocketResponse
    connected_ns: int
    next_ping: float
    pong_deadline: float

    @property
    def ping_seconds(self) -> float: ...
    @property
    def pong_seconds(self) -> float: ...


class StreamGate:
    """Accepts market stream sockets for a pump; ``peers`` are other sockets to be kept alive."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self.peers: list[Peer] = []
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def on_socket(self, request: web.Request, path: str) -> web.StreamResponse:
        """A GET on a path that is nobody else's."""
        pump = self._pump
        head, _, rest = path.partition("/")
        market: SimMarket
        if head in ("public", "market") and USDM in pump.markets:
            category, market, path = head, pump.markets[USDM], rest
        elif SPOT in pump.markets:
            category, market = SPOT, pump.markets[SPOT]
        elif head in ("ws", "stream"):
            return web.Response(status=410, text="retired: use /public, /market or /private")
        else:
            return web.Response(status=404)
        kind, _, streams = path.partition("/")
        if kind not in ("ws", "stream") or request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=404)
        if pump.faults.is_down(market.market, pump.clock.shown_ns):
            return web.Response(status=503)
        names = [name for name in (streams if kind == "ws" else request.query.get("streams", "")).split("/") if name]
        transport = request.transport
        if transport is None:
            return web.Response(status=400)
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=MESSAGE_BYTES_MAX)
        is_micro = request.query.get("timeUnit", "").upper() == "MICROSECOND"
        has_extras = request.query.get(EXTRAS_OPTION, "") == "true"
        client = Client(ws, transport, market, category, kind == "stream", pump.clock.shown_ns, is_micro, has_extras)
        try:
            for name in names:
                client.subscribe(name)
        except Rejected as error:
            client.close()
            return web.Response(status=400, text=str(error))
        return await self._serve(request, client)

    async def _serve(self, request: web.Request, client: Client) -> web.StreamResponse:
        pump = self._pump
        client.wakeup = lambda: self._greet(client)
        await client.ws.prepare(request)
        pump.add(client)
        kinds = [kind for kind in ("trade", "quote", "depth", "mark") if client.carries(kind)]
        if pump.faults.is_half_open(client.market.market, kinds, pump.clock.shown_ns):
            pump.deafen(client)
        else:
            self._greet(client)
        try:
            await client.read()
        finally:
            pump.remove(client)
        return client.ws

    def _greet(self, client: Client) -> None:
        """Tell a socket at once how far the market is, when it wants to know."""
        client.heartbeat(self._pump.clock.shown_ns)
        client.flush()

    async def keep_alive(self) -> None:
        """The task that pings, and ends connections that do not answer or are 24 hours old (market time)."""
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            for peer in [*self._pump.clients, *self.peers]:
                self._look_after(peer, now)

    def _look_after(self, peer: Peer, now: float) -> None:
        if peer.pong_deadline and now > peer.pong_deadline:
            self._forget(peer)
            peer.transport.abort()
        elif self._pump.clock.shown_ns - peer.connected_ns > SESSION_NS:
            self._forget(peer)
            self._end(peer)
        elif now >= peer.next_ping:
            peer.next_ping = now + peer.ping_seconds
            peer.pong_deadline = peer.pong_deadline or now + peer.pong_seconds
            if not peer.transport.is_closing():
                # Written as it is: the socket's own ping waits for a client that does not read, and fails when the
                # client has just said goodbye; here it would take the pings of all others with it.
                peer.transport.write(_ping(str(int(time.time() * 1_000)).encode()))

    def _end(self, peer: Peer) -> None:
        """Say goodbye, without waiting here for the answer: it may never come, or not even be read."""

        async def say_goodbye() -> None:
            try:
                await asyncio.wait_for(peer.ws.close(), GOODBYE_SECONDS)
            except asyncio.TimeoutError:
                peer.transport.abort()

        task = asyncio.get_running_loop().create_task(say_goodbye())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    def _forget(self, peer: Peer) -> None:
        if isinstance(peer, Client):
            self._pump.remove(peer)
        elif peer in self.peers:
            self.peers.remove(peer)


def _ping(text: bytes) -> bytes:
    """A ping frame (RFC 6455) of at most 125 bytes."""
    return bytes((0x89, len(text))) + text
