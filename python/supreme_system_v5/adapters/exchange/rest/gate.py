"""REST for market data. A reply is as of the request's engine time plus a fixed latency (X-Sim-Time-Ns, X-Time-Ns),
from the market's history, so that a client's run does not depend on how fast the sockets are.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple

from aiohttp import web

from supreme_system_v5.adapters.exchange.faults.calls import LATE
from supreme_system_v5.adapters.exchange.faults.endings import end_request, not_found, wrong_verb
from supreme_system_v5.adapters.exchange.market.sim_market import NS_PER_MS, SimMarket
from supreme_system_v5.adapters.exchange.pump import Pump
from supreme_system_v5.adapters.exchange.rest.limits import WeightLimiter
from supreme_system_v5.adapters.exchange.rest.views import find, request_weight
from supreme_system_v5.core.wire.binance_encode import error_body

SIM_REST_LATENCY_MS: Final = 20
REST_WAIT_SECONDS: Final = 30.0
AHEAD_MAX_NS: Final = 60_000 * NS_PER_MS
_TOO_MUCH: Final = "Too much request weight used; please use the websocket for live updates to avoid polling the API."
_BAD_UNIT: Final = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
TIME_UNITS: Final = ("", "MILLISECOND", "MICROSECOND")
_JSON: Final = "application/json"
JSON_TYPE: Final = "application/json;charset=UTF-8"


class Asked(NamedTuple):
    """A market data request, as the faults look at it."""

    market: str
    method: str
    path: str


class RestGate:
    """Answers GET on the markets' paths, and says as of when a dated request is to be answered."""

    def __init__(self, pump: Pump, limiter: WeightLimiter) -> None:
        self._pump = pump
        self.limiter = limiter

    async def on_request(self, request: web.Request, market: SimMarket) -> web.Response:
        """A market data request."""
        pump = self._pump
        if request.method != "GET":
            return wrong_verb(request.path) if find(market.market, request.path) else not_found(request.path)
        asked = Asked(market.market, request.method, request.path)
        found = None if pump.faults.is_idle else pump.faults.before(asked, pump.clock.shown_ns)
        if found is not None and found.outcome != LATE:
            return await end_request(request, found)
        delay_ns = found.delay_ns if found is not None else 0
        as_of_ns = await self.as_of(request.headers.get("X-Sim-Time-Ns", ""), delay_ns)
        reply = self._answer(request, market, asked, as_of_ns)
        found = None if pump.faults.is_idle else pump.faults.after(asked, pump.clock.shown_ns)
        if found is None:
            return reply
        if found.outcome != LATE:
            return await end_request(request, found)
        await self.wait(found.delay_ns)
        return reply

    def _answer(self, request: web.Request, market: SimMarket, asked: Asked, as_of_ns: int) -> web.Response:
        params = dict(request.query)
        name, now, address = market.market, self.limit_seconds(market), request.remote or ""
        used = self.limiter.charge(name, request_weight(name, request.path, params), now, address)
        headers = {"X-Time-Ns": str(as_of_ns), "X-MBX-USED-WEIGHT-1M": str(used), "X-MBX-USED-WEIGHT": str(used)}
        refusal = self.limiter.refusal(name, used, now, address)
        if refusal is not None:
            status, retry_after = refusal
            headers.update({"Retry-After": str(retry_after), "Content-Type": JSON_TYPE})
            return web.Response(status=status, body=error_body(-1003, _TOO_MUCH), headers=headers)
        seen_ns = as_of_ns if self._pump.faults.is_idle else self._seen_ns(asked, as_of_ns)
        unit = request.headers.get("X-MBX-TIME-UNIT", "").upper()
        if unit not in TIME_UNITS:
            return web.Response(status=400, body=error_body(-1194, _BAD_UNIT), headers=headers, content_type=_JSON)
        has_key = bool(request.headers.get("X-MBX-APIKEY"))
        status, body, extra = market.rest(request.path, params, seen_ns, unit.startswith("MICRO"), has_key)
        headers.update(extra)
        if request.path.endswith("/exchangeInfo") and not self._pump.faults.is_idle:
            body = self._pump.faults.info_body(name, body, as_of_ns)
        return web.Response(status=status, body=body, headers=headers)

    def _seen_ns(self, asked: Asked, as_of_ns: int) -> int:
        """The market time that an answer is about, when faults make it another than it should be."""
        faults = self._pump.faults
        if asked.path.endswith("/depth"):
            return faults.snapshot_ns(asked, as_of_ns)
        return as_of_ns + faults.clock_skew_ns(asked.market, as_of_ns) if asked.path.endswith("/time") else as_of_ns

    async def as_of(self, asked: str, delay_ns: int = 0) -> int:
        """The market time a reply is as of, so much later; waits until the market is there."""
        pump = self._pump
        clock = pump.clock
        is_dated = asked.isascii() and asked.isdigit() and len(asked) <= 19
        if not is_dated:
            pump.catch_up()
        if not is_dated and not clock.is_started:
            await asyncio.sleep(min(delay_ns / 1e9, REST_WAIT_SECONDS))
            return clock.shown_ns
        if not is_dated and delay_ns == 0:
            return clock.shown_ns
        as_of_ns = delay_ns + (int(asked) + SIM_REST_LATENCY_MS * NS_PER_MS if is_dated else clock.shown_ns)
        if not await pump.wait_until(as_of_ns, REST_WAIT_SECONDS):
            return clock.shown_ns
        # Of a market that has ended any time is there; one that nobody reaches must not become its present.
        return min(as_of_ns, clock.shown_ns + AHEAD_MAX_NS)

    async def wait(self, delay_ns: int) -> None:
        """Let so much market time pass (wall time while the market stands)."""
        await self.as_of("", delay_ns)

    def limit_seconds(self, market: SimMarket) -> float:
        """Limits run on the market's clock, so that a fast market's client is not refused for being fast; on the wall
        clock while the market stands.
        """
        clock = self._pump.clock
        return (clock.shown_ns + market.offset_ns) / 1e9 if clock.is_started else time.time()
