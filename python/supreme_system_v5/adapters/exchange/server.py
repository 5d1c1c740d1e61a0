"""The simulated exchange's server: Binance-compatible REST and streams on loopback, over one or two SimMarkets.

This is the part every exchange has: market data, its clock and its control calls. Trading (orders, accounts, the
WebSocket API, user data) is attached by whoever wants it; nothing of it is imported here. It embeds in a running loop:
``await start()``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from aiohttp import web

from supreme_system_v5.adapters.exchange.bodies import http_log, read_json, read_text
from supreme_system_v5.adapters.exchange.clock import MarketClock
from supreme_system_v5.adapters.exchange.faults.box import FaultBox
from supreme_system_v5.adapters.exchange.faults.endings import not_found
from supreme_system_v5.adapters.exchange.market.sim_market import NEVER, SimMarket
from supreme_system_v5.adapters.exchange.pump import Pump
from supreme_system_v5.adapters.exchange.rest.gate import RestGate
from supreme_system_v5.adapters.exchange.rest.limits import WeightLimiter
from supreme_system_v5.adapters.exchange.streams.gate import StreamGate
from supreme_system_v5.adapters.exchange.streams.sockets import Client
from supreme_system_v5.core.domain.instrument import SPOT, USDM

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.archives.gate import ArchiveGate

SEND_BUFFER_BYTES: Final = 131_072
_OTHER_PRODUCTS: Final = ("/sapi/", "/wapi/", "/papi/", "/dapi/", "/eapi/")  # the venue's, not served here


class TradingSide(Protocol):
    """What an exchange that trades adds to the server (api/trading.py)."""

    def attach(self, server: ExchangeServer) -> None: ...
    def serves(self, path: str) -> bool: ...
    async def on_rest(self, request: web.Request) -> web.StreamResponse: ...
    async def on_socket(self, request: web.Request, path: str) -> web.StreamResponse: ...
    def close(self) -> None: ...


class ExchangeServer:
    """``market``: one SimMarket or one of each. ``is_waiting``: frozen until POST /x/start (default: recordings).

    ``trading``: the trading side, for the same markets. ``has_archives``: the days before are served too, as archives
    (/data/...) and over REST. Raises OSError from ``start`` when the port is taken.
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
        trading: TradingSide | None = None,
        has_archives: bool = False,
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
        self.limiter = WeightLimiter(weight_limit)
        self.pump = Pump(self.markets, self.clock, self.faults, end_ns)
        self.streams = StreamGate(self.pump)
        self.rest = RestGate(self.pump, self.limiter)
        self.trading = trading
        self._archives = self._make_archives() if has_archives else None
        self._is_waiting = any(item.source == "recorded" for item in markets) if is_waiting is None else is_waiting
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self.status_parts: dict[str, Callable[[], object]] = {}  # what others add to /x/status
        self._controls: list[tuple[str, str, Callable[[web.Request], object]]] = []
        if trading is not None:
            trading.attach(self)

    def _make_archives(self) -> ArchiveGate:
        from supreme_system_v5.adapters.exchange.archives.gate import ArchiveGate

        return ArchiveGate(self.markets, self.pump, self.rest)

    # Life --------------------------------------------------------------------------------------------------------

    def add_control(self, method: str, path: str, handler: Callable[[web.Request], object]) -> None:
        """A control call of our own (`/x/...`); before ``start``."""
        self._controls.append((method, path, handler))

    async def start(self) -> None:
        """Listen and, unless it waits, let the market run."""
        app = web.Application()
        app.router.add_get("/x/status", self._on_status)
        app.router.add_post("/x/start", self._on_start)
        app.router.add_post("/x/fault", self._on_fault)
        for method, path, handler in self._controls:
            app.router.add_route(method, path, handler)  # type: ignore[arg-type]
        app.router.add_route("*", "/{path:.*}", self._on_request)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0, logger=http_log)
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
        self._tasks = [asyncio.create_task(self.pump.run()), asyncio.create_task(self.streams.keep_alive())]
        for task in self._tasks:
            task.add_done_callback(self._on_task_end)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        """An exchange whose market stands must not look alive: say why, and cut the streams."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            http_log.critical("the exchange stands still", exc_info=error)
            self.pump.abort_all()

    async def stop(self) -> None:
        """Cut the clients and stop listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.pump.abort_all()
        if self.trading is not None:
            self.trading.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def urls(self, market: str) -> tuple[str, str]:
        """REST and stream base of a market. Raises KeyError for one that is not served."""
        if market not in self.markets:
            raise KeyError(market)
        return f"http://{self.host}:{self.port}", f"ws://{self.host}:{self.port}"

    @property
    def is_ended(self) -> bool:
        """True when the recording, or the time asked for, is over."""
        return self.pump.is_ended

    @property
    def cuts(self) -> int:
        """Clients cut because they did not read."""
        return self.pump.cuts

    @property
    def _clients(self) -> list[Client]:
        return self.pump.clients

    # Requests ----------------------------------------------------------------------------------------------------

    async def _on_request(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if self._archives is not None and path.startswith("/data/"):
            return await self._archives.on_request(request)
        trading = self.trading
        if trading is not None and trading.serves(path):
            return await trading.on_rest(request)
        name = SPOT if path.startswith("/api/") else USDM if path.startswith("/fapi/") else ""
        if name in self.markets:
            return await self.rest.on_request(request, self.markets[name])
        if request.method != "GET" or name or path.startswith(_OTHER_PRODUCTS):
            return not_found(path)
        if trading is not None and path.startswith(("/ws-api/", "/ws-fapi/", "/private/")):
            return await trading.on_socket(request, path)
        return await self.streams.on_socket(request, path.removeprefix("/"))

    # Control -----------------------------------------------------------------------------------------------------

    async def _on_status(self, _request: web.Request) -> web.Response:
        status = {
            "simulated": True,
            "time_ns": self.clock.shown_ns,
            "started": self.clock.is_started,
            "ended": self.is_ended,
            "speed": self.clock.speed,
            "clients": len(self.pump.clients),
            "subscriptions": [client.names() for client in self.pump.clients],
            "clients_cut": self.cuts,
            "frames_sent": self.pump.frames_out,
            "markets": {name: market.describe() for name, market in self.markets.items()},
            "faults_taken": self.faults.count,
            "faults": self.faults.taken,
            "fault_seed": self.faults.seed,
            **{name: part() for name, part in self.status_parts.items()},
        }
        return web.json_response(status)

    async def _on_start(self, _request: web.Request) -> web.Response:
        self.pump.start_clock()
        return web.json_response({"started": True, "time_ns": self.clock.shown_ns})

    async def _on_fault(self, request: web.Request) -> web.Response:
        try:
            entry = read_json(await read_text(request))
            self.faults.inject(entry.get("kind"), entry.get("args", {}), self.clock.shown_ns)
        except (ValueError, AttributeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self.pump.move_markets()
        return web.json_response({"ok": True, "time_ns": self.clock.shown_ns, "faults_taken": self.faults.count})
