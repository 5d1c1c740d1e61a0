"""A client with nothing between it and the wire: signed REST calls and WebSocket frames, for shapes and tidying up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import itertools
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.clients.venue_process import Venue

SYMBOL = "ETHUSDT"
WAIT_SECONDS = 10.0


class Refused(Exception):
    """The venue's refusal: HTTP (or WebSocket API) status and its body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.code = body.get("code") if isinstance(body, dict) else None


def signature(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Rest:
    """Calls over one kept connection. A parameter that is None is left out."""

    def __init__(self, venue: Venue, key: str = "", secret: str = "") -> None:
        self.key = key or venue.key
        self.secret = secret or venue.secret
        parts = urlsplit(venue.rest)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_SECONDS)
        self.headers: dict[str, str] = {}  # of the last reply, lower case

    def call(
        self, method: str, path: str, signed: bool = True, headers: dict[str, str] | None = None, **params: Any
    ) -> Any:
        """The decoded body. Raises Refused for any status but 200."""
        given = {name: _text(value) for name, value in params.items() if value is not None}
        if signed:
            given["timestamp"] = str(int(time.time() * 1000))
        query = urlencode(given)
        if signed:
            query += "&signature=" + signature(self.secret, query)
        sent = {"X-MBX-APIKEY": self.key, **(headers or {})}
        self._connection.request(method, f"{path}?{query}" if query else path, headers=sent)
        reply = self._connection.getresponse()
        body = json.loads(reply.read())
        self.headers = {name.lower(): value for name, value in reply.getheaders()}
        if reply.status != 200:
            raise Refused(reply.status, body)
        return body

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, **params)

    def post(self, path: str, **params: Any) -> Any:
        return self.call("POST", path, **params)

    def delete(self, path: str, **params: Any) -> Any:
        return self.call("DELETE", path, **params)

    def public(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, signed=False, **params)

    def best(self, market: str = "spot") -> tuple[float, float]:
        """Best bid and ask."""
        prefix = "/api/v3" if market == "spot" else "/fapi/v1"
        quote = self.public(f"{prefix}/ticker/bookTicker", symbol=SYMBOL)
        return float(quote["bidPrice"]), float(quote["askPrice"])

    def close(self) -> None:
        self._connection.close()

    def flatten(self) -> None:
        """Cancel everything and close the position."""
        if self.get("/api/v3/openOrders", symbol=SYMBOL):
            self.delete("/api/v3/openOrders", symbol=SYMBOL)
        self.delete("/fapi/v1/allOpenOrders", symbol=SYMBOL)
        self.delete("/fapi/v1/algoOpenOrders", symbol=SYMBOL)
        for position in self.get("/fapi/v3/positionRisk", symbol=SYMBOL):
            amount = position["positionAmt"]
            if float(amount):
                side = "BUY" if amount.startswith("-") else "SELL"
                size = amount.lstrip("-")
                self.post("/fapi/v1/order", symbol=SYMBOL, side=side, type="MARKET", quantity=size, reduceOnly=True)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        value
        if isinstance(value, str)
        else f"{value:.8f}".rstrip("0").rstrip(".")
        if isinstance(value, float)
        else str(value)
    )


class Socket:
    """A WebSocket whose frames are kept; ``until`` waits for the first one that is wanted, also among those kept."""

    def __init__(self, url: str, key: str = "", secret: str = "") -> None:
        self.url = url
        self.key = key
        self.secret = secret
        self.frames: list[Any] = []
        self._ids = itertools.count(1)
        self._connection: ClientConnection

    async def __aenter__(self) -> Socket:
        self._connection = await connect(
            self.url, compression=None, max_size=None, proxy=None, open_timeout=WAIT_SECONDS
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def send(self, message: dict[str, Any]) -> None:
        await self._connection.send(json.dumps(message))

    async def next(self, seconds: float = WAIT_SECONDS) -> Any:
        frame = json.loads(await asyncio.wait_for(self._connection.recv(), seconds))
        self.frames.append(frame)
        return frame

    async def until(self, is_wanted: Callable[[Any], Any], seconds: float = WAIT_SECONDS) -> Any:
        """Raises AssertionError with what came instead."""
        for frame in self.frames:
            if is_wanted(frame):
                return frame
        deadline = time.monotonic() + seconds
        while True:
            try:
                frame = await self.next(max(0.01, deadline - time.monotonic()))
            except asyncio.TimeoutError:
                raise AssertionError(f"not among {self.frames[-20:]}") from None
            if is_wanted(frame):
                return frame

    async def reply(self, method: str, signed: bool = True, **params: Any) -> Any:
        """The whole answer of a WebSocket API request."""
        given = {name: value for name, value in params.items() if value is not None}
        if signed:
            given |= {"apiKey": self.key, "timestamp": int(time.time() * 1000)}
            text = "&".join(f"{name}={_text(given[name])}" for name in sorted(given))
            given["signature"] = signature(self.secret, text)
        number = f"raw-{next(self._ids)}"
        await self.send({"id": number, "method": method, "params": given})
        return await self.until(lambda frame: isinstance(frame, dict) and frame.get("id") == number)

    async def ask(self, method: str, signed: bool = True, **params: Any) -> Any:
        """The result alone. Raises Refused."""
        answer = await self.reply(method, signed, **params)
        if answer["status"] != 200:
            raise Refused(answer["status"], answer["error"])
        return answer["result"]
