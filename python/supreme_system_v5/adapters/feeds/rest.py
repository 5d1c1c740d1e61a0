"""REST requests to one host, inside the venue's limits.

429 and 418 are obeyed by everything: until Retry-After is over no request leaves, not even a protected one. Our own
throttle (half of the venue's weight limit per minute) delays only what is not protected.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from supreme_system_v5.adapters.feeds.resolve import resolve
from supreme_system_v5.adapters.feeds.words import explain
from supreme_system_v5.core.domain.errors import VenueError
from supreme_system_v5.core.wire.binance_rest import parse_error

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

TIMEOUT_SECONDS: Final = 10.0
BODY_BYTES_MAX: Final = 16 << 20
WEIGHT_MINUTE: Final = {"usdm": 2400, "spot": 6000}
_RETRY_SECONDS: Final = {429: 60.0, 418: 120.0}  # where the venue names no time


class Reply:
    """A usable answer. ``time_ns`` is the exchange's X-Time-Ns (0 on a real venue)."""

    __slots__ = ("body", "received_ns", "sent_ns", "time_ns")

    def __init__(self, body: bytes, time_ns: int, sent_ns: int, received_ns: int) -> None:
        self.body = body
        self.time_ns = time_ns
        self.sent_ns = sent_ns  # monotonic
        self.received_ns = received_ns


class RestClient:
    """One session to one base URL. aiohttp is imported by the first request, not before."""

    def __init__(self, base_url: str, weight_minute: int, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.base_url = base_url.rstrip("/")
        self.host = urlsplit(self.base_url).hostname or ""
        self._timeout_seconds = timeout_seconds
        self._weight_max = weight_minute // 2
        self._minute = 0
        self._weight_used = 0
        self._blocked_until = 0.0
        self._session: ClientSession | None = None
        self.requests = 0
        self.throttled = 0
        self.refused: dict[int, int] = {}
        self.last_error = ""

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        weight: int = 1,
        is_protected: bool = False,
        sim_time_ns: int = 0,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 0.0,
    ) -> Reply:
        """GET a path.

        Raises:
            VenueError: an HTTP error, or status 0 when the host could not be reached or did not answer in time.
        """
        return await self._request("GET", path, params, weight, is_protected, sim_time_ns, headers, timeout_seconds)

    async def post(self, path: str, is_protected: bool = True) -> Reply:
        """POST without a body; raises VenueError as ``get`` does."""
        return await self._request("POST", path, None, 1, is_protected, 0, None, 0.0)

    def blocked_seconds(self) -> float:
        """For how long the venue wants no request at all (0 = send)."""
        return max(0.0, self._blocked_until - time.monotonic())

    async def close(self) -> None:
        """Close the session; another request opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None,
        weight: int,
        is_protected: bool,
        sim_time_ns: int,
        headers: Mapping[str, str] | None,
        timeout_seconds: float,
    ) -> Reply:
        blocked = self.blocked_seconds()
        if blocked > 0:
            raise VenueError(429, 0, "waiting as the venue asked", blocked)
        await self._make_room(weight, is_protected)
        from aiohttp import ClientError, ClientTimeout

        sent_headers = dict(headers or {})
        if sim_time_ns > 0:
            sent_headers["X-Sim-Time-Ns"] = str(sim_time_ns)
        self.requests += 1
        sent_ns = time.monotonic_ns()
        try:
            async with self._open().request(
                method,
                self.base_url + path,
                params=params,
                headers=sent_headers,
                timeout=ClientTimeout(total=timeout_seconds or self._timeout_seconds),
            ) as response:
                self._note_weight(response.headers.get("X-MBX-USED-WEIGHT-1M", ""))
                body = await _read_body(response)
                received_ns = time.monotonic_ns()
                if response.status != 200:
                    self._refuse(response.status, body, response.headers.get("Retry-After"))
                return Reply(body, _number(response.headers.get("X-Time-Ns", "")), sent_ns, received_ns)
        except (ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            self.last_error = explain(error, self.host)
            raise VenueError(0, 0, self.last_error) from error

    def _open(self) -> ClientSession:
        if self._session is None:
            from aiohttp import ClientSession, DummyCookieJar, TCPConnector

            # No cookies, no proxy from the environment, names resolved by us (see resolve.py).
            self._session = ClientSession(
                connector=TCPConnector(limit=4, keepalive_timeout=30.0, resolver=_make_resolver()),
                cookie_jar=DummyCookieJar(),
                headers={"User-Agent": "supreme-system-v5"},
            )
        return self._session

    async def _make_room(self, weight: int, is_protected: bool) -> None:
        while not is_protected:
            minute = int(time.time() // 60)
            if minute != self._minute:
                self._minute = minute
                self._weight_used = 0
            if self._weight_used == 0 or self._weight_used + weight <= self._weight_max:
                break
            self.throttled += 1
            await asyncio.sleep((minute + 1) * 60 - time.time() + 0.05)
        self._weight_used += weight

    def _note_weight(self, header: str) -> None:
        """The venue's own count, which other programs at this address also use up."""
        self._weight_used = max(self._weight_used, _number(header))

    def _refuse(self, status: int, body: bytes, retry_after: str | None) -> None:
        error = parse_error(status, body, retry_after)
        if status in _RETRY_SECONDS:
            error.retry_after_seconds = error.retry_after_seconds or _RETRY_SECONDS[status]
            self._blocked_until = max(self._blocked_until, time.monotonic() + error.retry_after_seconds)
        self.refused[status] = self.refused.get(status, 0) + 1
        self.last_error = explain(error, self.host)
        raise error


async def _read_body(response: ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise VenueError(response.status, 0, "the answer is too big")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _make_resolver() -> Any:
    """aiohttp's resolver interface over ours."""
    import socket

    from aiohttp.abc import AbstractResolver, ResolveResult

    class Resolver(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
        ) -> list[ResolveResult]:
            del family  # both are given, IPv4 first
            addresses = await resolve(host, port)
            return [
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
                for address in addresses
            ]

        async def close(self) -> None:
            return None

    return Resolver()
