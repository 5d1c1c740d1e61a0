"""The trading side of the server: REST calls, the WebSocket API and private streams, carried out by an Exchange.

A call is executed the moment it is read, at the market time shown last; its events leave at once, before its answer.
Faults that end a call stand around its execution (fault_acts.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from supreme_system_v5.adapters.exchange.api.api_socket import ApiSocket, PrivateSocket
from supreme_system_v5.adapters.exchange.api.call import JSON_TYPE, Call, Reply
from supreme_system_v5.adapters.exchange.api.errors import gone, refused
from supreme_system_v5.adapters.exchange.api.exchange import Exchange
from supreme_system_v5.adapters.exchange.api.rest_request import origin_form, read_call
from supreme_system_v5.adapters.exchange.api.user_streams import encode
from supreme_system_v5.adapters.exchange.api.ws_session import Request, WsSession
from supreme_system_v5.adapters.exchange.bodies import BadBody, read_body
from supreme_system_v5.adapters.exchange.faults.acts import FaultActs
from supreme_system_v5.adapters.exchange.faults.box import CUT, HALF_OPEN, SHUTDOWN, WireFrame
from supreme_system_v5.adapters.exchange.faults.calls import CLOSED, LATE, SILENT, CallFault
from supreme_system_v5.adapters.exchange.faults.endings import end_request, ending_body
from supreme_system_v5.adapters.exchange.streams.hub import hub_of
from supreme_system_v5.adapters.exchange.streams.requests import Rejected
from supreme_system_v5.core.domain.instrument import SPOT, USDM
from supreme_system_v5.core.matching.exchange.happenings import Happening, Liquidated
from supreme_system_v5.core.matching.exchange.refusal import Refusal

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.server import ExchangeServer

MESSAGE_BYTES_MAX: Final = 1_048_576
BANNED: Final = 418
_WS_PATHS: Final = {"/ws-api/v3": SPOT, "/ws-fapi/v1": USDM}
_RETIRED: Final = ("/api/v3/userDataStream", "/api/v1/userDataStream")


class Trading:
    """Attach it to an ExchangeServer over the same markets."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._sockets: list[ApiSocket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._executed_ns = 0  # market time of the last call: never goes back
        self._server: ExchangeServer
        self._acts: FaultActs

    def attach(self, server: ExchangeServer) -> None:
        """The server whose clock, faults and sockets are used."""
        exchange = self.exchange
        self._server = server
        self._acts = FaultActs(server.faults, exchange)
        if server.limiter.fixed:
            exchange.limiter.fixed = server.limiter.fixed
        server.limiter = server.rest.limiter = exchange.limiter  # one count for market data and the rest
        exchange.limit_clock = lambda: 0 if server.clock.is_started else time.time_ns()
        exchange.skew_ns = server.faults.clock_skew_ns
        exchange.streams.pass_on = lambda market, item: server.faults.pass_event(market, item, server.clock.shown_ns)
        exchange.listen(self._on_happenings)
        server.pump.on_turn = self._on_turn
        server.pump.on_mark = self._on_mark
        server.pump.other_due_ns = lambda: min(self._acts.next_ns, exchange.listen_keys.due_ns)

    def close(self) -> None:
        """Cut every socket."""
        for task in self._tasks:
            task.cancel()
        for item in self._sockets:
            item.transport.abort()

    # What happens besides calls ----------------------------------------------------------------------------------

    def _on_turn(self, time_ns: int) -> None:
        """The market has moved: tell what that did to orders; what was held back; what has expired."""
        exchange = self.exchange
        for market in self._acts.advance(time_ns):
            exchange.settle(market, time_ns)
        for market in exchange.markets:
            exchange.settle(market)
        exchange.advance(time_ns)
        if not self._server.faults.is_idle:
            for subscription, event in self._server.faults.due_events(time_ns):
                exchange.streams.hand(subscription, event)

    def _on_happenings(self, market: str, happenings: list[Happening]) -> None:
        for item in happenings:
            if isinstance(item, Liquidated):
                order = item.order
                price_e8, average_e8 = int(order.price_e8), order.average_price_e8
                hub_of(self.exchange.markets[market]).liquidated(
                    int(order.side), int(order.quantity_e8), price_e8, average_e8, item.time_ns
                )
        self._server.pump.poke()

    def _on_mark(self, mark: WireFrame) -> None:
        """Cuts and the like that are about user data sockets too."""
        if mark.stream not in ("", "user"):
            return
        for item in list(self._sockets):
            if mark.market not in ("", item.market):
                continue
            if mark.form == CUT:
                item.transport.abort()
            elif mark.form == HALF_OPEN:
                self._deafen(item)
            elif mark.form == SHUTDOWN:
                is_api = not isinstance(item, PrivateSocket)
                item.send(b'{"event":%b}' % mark.payload if is_api else mark.payload)

    # Calls -------------------------------------------------------------------------------------------------------

    def _now_ns(self, as_of_ns: int = 0) -> int:
        if as_of_ns == 0:
            self._server.pump.catch_up()
        self._executed_ns = max(self._executed_ns, self._server.clock.shown_ns, as_of_ns)
        return self._executed_ns

    def serves(self, path: str) -> bool:
        """True for REST paths of the trading side, the retired ones too."""
        return self.exchange.routes.serves(path) or path.startswith(_RETIRED)

    async def on_rest(self, request: web.Request) -> web.StreamResponse:
        """One REST request."""
        market = SPOT if request.path.startswith("/api/") else USDM
        if market not in self.exchange.markets or request.path.startswith(_RETIRED):
            return _response(gone(request.path) if market == SPOT else refused(Refusal(-1121, "Invalid symbol.")))
        try:
            body, target = await read_body(request), origin_form(request.raw_path)
            call = read_call(market, request.method, target, request.headers, body, request.remote or "")
        except BadBody:
            return _response(refused(Refusal(-1100, "Illegal characters found in a parameter.")))
        except Refusal as refusal:
            return _response(refused(refusal))
        asked = request.headers.get("X-Sim-Time-Ns", "")
        as_of_ns = await self._server.rest.as_of(asked) if asked else 0
        if self._server.faults.is_idle:
            return _response(self.exchange.call(call, self._now_ns(as_of_ns)), self._executed_ns)
        found = await self._run(call, self.exchange.call, as_of_ns)
        if isinstance(found, CallFault):
            return await end_request(request, found)
        return _response(found, self._executed_ns)

    async def _run(self, call: Call, perform: Callable[[Call, int], Reply], as_of_ns: int = 0) -> Reply | CallFault:
        """Execute a call among faults: its reply, in its time, or what its client gets instead."""
        acts = self._acts
        now_ns = self._now_ns(as_of_ns)
        found = acts.before(call, now_ns)
        if found is not None:
            if found.outcome != LATE:
                return found
            call.arrived_ns = now_ns
            await self._server.rest.wait(found.delay_ns)
            now_ns = self._now_ns()
        reply = perform(call, acts.seen_ns(call, now_ns))
        acts.touch_up(call, reply, now_ns)
        found = acts.after(call, reply.body, now_ns)
        if found is None:
            return reply
        if found.outcome != LATE:
            return found
        await self._server.rest.wait(found.delay_ns)
        return reply

    # Sockets -----------------------------------------------------------------------------------------------------

    async def on_socket(self, request: web.Request, path: str) -> web.StreamResponse:
        """A GET on /ws-api/v3, /ws-fapi/v1 or /private/..."""
        if request.headers.get("Upgrade", "").lower() != "websocket" or request.transport is None:
            return web.Response(status=404)
        market = _WS_PATHS.get(path.rstrip("/"), "" if not path.startswith("/private/") else USDM)
        if market not in self.exchange.markets:
            return web.Response(status=404)
        if self._server.faults.is_down(market, self._server.clock.shown_ns):
            return web.Response(status=503)
        if path.startswith("/private/"):
            return await self._on_private(request, path)
        return await self._on_api(request, market)

    async def _on_api(self, request: web.Request, market: str) -> web.StreamResponse:
        query = request.query
        unit = query.get("timeUnit", "").upper()
        if unit not in ("", "MILLISECOND", "MICROSECOND"):
            return web.Response(status=400)
        assert request.transport is not None
        now_ns = self._now_ns()
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=MESSAGE_BYTES_MAX)
        item = ApiSocket(ws, request.transport, market, now_ns, lambda text: self._on_frame(item, session, text))
        session = WsSession(
            self.exchange,
            market,
            item.send,
            now_ns,
            request.remote or "",
            unit == "MICROSECOND",
            query.get("returnRateLimits", "true") != "false",
        )
        limited = session.open(now_ns)
        if limited is not None:
            return _response(limited)
        try:
            return await self._serve(request, item)
        finally:
            session.close()

    def _on_frame(self, item: ApiSocket, session: WsSession, text: str) -> None:
        found = session.read(text)
        if found is None:
            item.send(session.invalid())
            return
        request, call = found
        if self._server.faults.is_idle:
            now_ns = self._now_ns()
            reply = session.perform(call, now_ns)
            item.send(session.frame(request, call, reply, now_ns))
            session.follow()
            if reply.status == BANNED:
                item.transport.close()
            return
        task = asyncio.get_running_loop().create_task(self._answer_late(item, session, request, call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer_late(self, item: ApiSocket, session: WsSession, request: Request, call: Call) -> None:
        found = await self._run(call, session.perform)
        if isinstance(found, CallFault):
            if found.outcome == CLOSED or (isinstance(found.body, str) and found.body):
                item.transport.abort()  # a page in HTML: what stands in between has closed the connection
                return
            if found.outcome == SILENT:
                return
            found = Reply(found.status, ending_body(found))
        item.send(session.frame(request, call, found, self._executed_ns))
        session.follow()

    async def _on_private(self, request: web.Request, path: str) -> web.StreamResponse:
        kind, _, name = path.removeprefix("/private/").partition("/")
        if kind not in ("ws", "stream"):
            return web.Response(status=404)
        assert request.transport is not None
        query = request.query
        events = [event for event in query.get("events", "").split("/") if event]
        ws = web.WebSocketResponse(compress=False, autoping=False, max_msg_size=65_536)
        item = PrivateSocket(ws, request.transport, self.exchange, self._now_ns(), kind == "stream", events)
        names = [query.get("listenKey", ""), *(name.split("/") if kind == "ws" else []), *_streams(query)]
        try:
            for key in names:
                if key:
                    item.subscribe(key)
            return await self._serve(request, item)
        except Rejected as error:
            return web.Response(status=400, text=str(error))
        finally:
            item.close()

    async def _serve(self, request: web.Request, item: ApiSocket) -> web.StreamResponse:
        await item.ws.prepare(request)
        self._sockets.append(item)
        self._server.streams.peers.append(item)
        if self._server.faults.is_half_open(item.market, ("user",), self._server.clock.shown_ns):
            self._deafen(item)
        try:
            await item.read()
        finally:
            self._sockets.remove(item)
            if item in self._server.streams.peers:
                self._server.streams.peers.remove(item)
        return item.ws

    def _deafen(self, item: ApiSocket) -> None:
        """Nothing goes out on it any more, no ping and no pong either, and what comes is thrown away."""
        item.is_deaf = True
        if item in self._server.streams.peers:
            self._server.streams.peers.remove(item)


def _streams(query: Any) -> list[str]:
    return [name for name in query.get("streams", "").split("/") if name]


def _response(reply: Reply, time_ns: int = 0) -> web.Response:
    body = reply.body if isinstance(reply.body, bytes) else encode(reply.body)
    headers = reply.headers
    headers["Content-Type"] = JSON_TYPE
    if time_ns:
        headers["X-Time-Ns"] = str(time_ns)
    return web.Response(status=reply.status, body=body, headers=headers)
