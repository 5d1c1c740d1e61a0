"""Serves the archives over HTTP: whole files or the rest of one (Range), with the faults that a download can meet."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aiohttp import web

from supreme_system_v5.adapters.exchange.archives.deep_past import DeepPast
from supreme_system_v5.adapters.exchange.archives.files import Wanted, is_there, make_checksum, make_zip, parse
from supreme_system_v5.adapters.exchange.faults.calls import LATE
from supreme_system_v5.adapters.exchange.faults.endings import end_request
from supreme_system_v5.adapters.exchange.market.generator import GeneratedMarket
from supreme_system_v5.adapters.exchange.rest.gate import Asked

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.faults.kinds import Fault
    from supreme_system_v5.adapters.exchange.market.sim_market import SimMarket
    from supreme_system_v5.adapters.exchange.pump import Pump
    from supreme_system_v5.adapters.exchange.rest.gate import RestGate

PREFIX: Final = "/data/"
_ZIPS_MAX: Final = 4
_PIECE_BYTES: Final = 65_536
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-", re.ASCII)
_MISSING: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    "<Message>The specified key does not exist.</Message></Error>"
)


class ArchiveGate:
    """The archives of the generated markets among ``markets``; a recording has no whole day and so no archive."""

    def __init__(self, markets: Mapping[str, SimMarket], pump: Pump, rest: RestGate) -> None:
        self._pump = pump
        self._rest = rest
        self._pasts: dict[str, DeepPast] = {}
        for name, market in markets.items():
            if isinstance(market, GeneratedMarket):
                market.deep_past = self._pasts[name] = DeepPast(market)
        self._zips: OrderedDict[str, bytes] = OrderedDict()
        self._making = asyncio.Lock()

    async def on_request(self, request: web.Request) -> web.StreamResponse:
        """A file, its checksum, or 404 as the venue's object store says it."""
        wanted = parse(request.path)
        asked = Asked(wanted.market if wanted is not None else "", request.method, request.path)
        faults, now_ns = self._pump.faults, self._pump.clock.shown_ns
        found = None if faults.is_idle else faults.before(asked, now_ns)
        if found is not None and found.outcome != LATE:
            return await end_request(request, found)
        if found is not None:
            await self._rest.wait(found.delay_ns)
        past = self._pasts.get(wanted.market) if wanted is not None else None
        is_hidden = not faults.is_idle and self._take("archive_missing", asked) is not None
        if wanted is None or past is None or wanted.symbol != self._symbol(wanted) or not is_there(wanted, past):
            return _missing()
        if is_hidden or request.method not in ("GET", "HEAD"):
            return _missing()
        content = await self._zip(wanted, past)
        if wanted.is_checksum:
            body = make_checksum(wanted, content)
            return web.Response(body=body, content_type="text/plain", headers=self._mark())
        return await self._send(request, asked, content)

    def _symbol(self, wanted: Wanted) -> str:
        return self._pump.markets[wanted.market].symbol

    async def _zip(self, wanted: Wanted, past: DeepPast) -> bytes:
        key = f"{wanted.market}/{wanted.name}"
        async with self._making:  # one at a time: it is work for a thread, not for the market's loop
            if key not in self._zips:
                self._zips[key] = await asyncio.to_thread(make_zip, wanted, past)
                while len(self._zips) > _ZIPS_MAX:
                    self._zips.popitem(last=False)
            self._zips.move_to_end(key)
            return self._zips[key]

    async def _send(self, request: web.Request, asked: Asked, content: bytes) -> web.StreamResponse:
        if not self._pump.faults.is_idle and self._take("archive_checksum", asked) is not None:
            middle = len(content) // 2  # one bit of it is wrong
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        total = len(content)
        headers = {"Accept-Ranges": "bytes", "Content-Type": "application/zip", **self._mark()}
        status, first = 200, 0
        from_byte = _RANGE.fullmatch(request.headers.get("Range", ""))
        if from_byte is not None:
            first = int(from_byte[1])
            if first >= total:
                return web.Response(status=416, headers={"Content-Range": f"bytes */{total}"})
            status = 206
            headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
        body = content[first:]
        response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        cut = None if self._pump.faults.is_idle else self._take("archive_cut", asked)
        end = len(body) if cut is None else int(len(body) * cut.seconds("fraction", 0.5))
        for start in range(0, end, _PIECE_BYTES):
            await response.write(body[start : min(end, start + _PIECE_BYTES)])
        if cut is not None:
            await asyncio.sleep(0.05)  # what was written is on its way before the connection ends
            if request.transport is not None:
                request.transport.abort()
        return response

    def _mark(self) -> dict[str, str]:
        """As on every REST answer: who downloads sees that this is no real venue."""
        return {"X-Time-Ns": str(self._pump.clock.shown_ns)}

    def _take(self, kind: str, asked: Asked) -> Fault | None:
        faults, now_ns = self._pump.faults, self._pump.clock.shown_ns
        fault = faults.is_wanted(kind, asked, now_ns)
        return fault if fault is not None and faults.spend(fault, asked, now_ns) else None


def _missing() -> web.Response:
    return web.Response(status=404, text=_MISSING, content_type="application/xml")
