"""One streaming client of the simulated exchange: subscriptions, framing, bounded buffers.

Whole batches of frames are framed here and written with one call to the transport (both sides of loopback pay per
write, not per byte). A reader task per client answers pings and subscription requests.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web

from supreme_system_v5.adapters.exchange.faults import BINARY, TEXT, WireFrame
from supreme_system_v5.adapters.exchange.sim_market import NS_PER_MS, NS_PER_SECOND, SimMarket, stream_kind
from supreme_system_v5.core.domain.instrument import SPOT

STREAMS_MAX: Final = 1_024
SESSION_NS: Final = 86_400 * NS_PER_SECOND
_CATEGORY: Final = {"quote": "public", "depth": "public", "trade": "market", "mark": "market"}
_MARK_PERIOD_MS: Final = 3_000


def frame_bytes(payload: bytes, opcode: int = 0x81) -> bytes:
    """A whole unmasked WebSocket frame (RFC 6455); 0x81 text, 0x82 binary."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, length)) + payload
    if length < 65_536:
        return struct.pack("!BBH", opcode, 126, length) + payload
    return struct.pack("!BBQ", opcode, 127, length) + payload


class Rejected(Exception):
    """A subscription the venue refuses."""


class Client:
    """A connected socket. ``category``: spot, or on USD-M public or market."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        market: SimMarket,
        category: str,
        is_combined: bool,
        now_ns: int,
    ) -> None:
        self.ws = ws
        self.transport = transport
        self.market = market
        self.category = category
        self.is_combined = is_combined
        self.connected_ns = now_ns
        self.beaten_ns = 0  # market time of the last heartbeat
        self.wakeup: Callable[[], None] = lambda: None
        self.next_ping = time.monotonic() + self.ping_seconds
        self.pong_deadline = 0.0
        self._streams: dict[str, list[str]] = {}  # canonical name -> names it was subscribed under
        self._pending: list[bytes] = []
        self._messages: list[float] = []

    @property
    def ping_seconds(self) -> float:
        """Spot pings every 20 s, USD-M every 3 min."""
        return 20.0 if self.category == SPOT else 180.0

    @property
    def pong_seconds(self) -> float:
        """How long a pong may take."""
        return 60.0 if self.category == SPOT else 600.0

    # Subscriptions -----------------------------------------------------------------------------------------------

    def subscribe(self, name: str) -> None:
        """Add a stream. Raises Rejected when it belongs to another category; unknown names are silent."""
        kind = stream_kind(name)
        if self.category != SPOT and kind in _CATEGORY and _CATEGORY[kind] != self.category:
            raise Rejected(f"Invalid request: stream {name} is not served on /{self.category}")
        if sum(len(names) for names in self._streams.values()) >= STREAMS_MAX:
            raise Rejected("Invalid request: too many streams")
        names = self._streams.setdefault(_canonical(name), [])
        if name not in names:
            names.append(name)

    def unsubscribe(self, name: str) -> None:
        """Remove a stream."""
        names = self._streams.get(_canonical(name), [])
        if name in names:
            names.remove(name)
        if not names:
            self._streams.pop(_canonical(name), None)

    def names(self) -> list[str]:
        """The subscribed names."""
        return sorted(name for names in self._streams.values() for name in names)

    def carries(self, kind: str) -> bool:
        """True when a stream of this kind is subscribed ("" = any socket)."""
        return kind == "" or any(stream_kind(name) == kind for name in self._streams)

    # Sending -----------------------------------------------------------------------------------------------------

    def queue(self, frame: WireFrame) -> None:
        """Take a frame for the next flush, when it is subscribed."""
        names = self._streams.get(frame.stream)
        if not names:
            return
        for name in names:
            if name.endswith("@markPrice") and frame.time_ns // NS_PER_MS % _MARK_PERIOD_MS >= 1_000:
                continue  # every third second
            self._pending.append(self._encode(frame, name))

    def _encode(self, frame: WireFrame, name: str) -> bytes:
        if frame.form == BINARY:
            return frame_bytes(frame.payload, 0x82)
        if frame.form == TEXT:
            return frame_bytes(frame.payload)
        if self.is_combined:
            return frame_bytes(
                b'{"stream":"%b","data":%b,"x_time_ns":%d}' % (name.encode(), frame.payload, frame.time_ns)
            )
        return frame_bytes(b'%b,"x_time_ns":%d}' % (frame.payload[:-1], frame.time_ns))

    def heartbeat(self, time_ns: int) -> None:
        """Tell the market time."""
        self._pending.append(frame_bytes(b'{"x_time_ns":%d}' % time_ns))
        self.beaten_ns = time_ns

    def reply(self, payload: bytes) -> None:
        """Send an answer to a request at once."""
        self._pending.append(frame_bytes(payload))
        self.flush()

    def flush(self) -> None:
        """Write what is pending, in one piece."""
        if self._pending:
            if not self.transport.is_closing():
                self.transport.write(b"".join(self._pending))
            self._pending.clear()

    @property
    def pending_count(self) -> int:
        """Messages waiting for the next flush."""
        return len(self._pending)

    @property
    def buffered(self) -> int:
        """Bytes the client has not taken yet (besides the kernel's small buffer)."""
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()

    # Reading -----------------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Answer pings and requests until the socket ends."""
        async for message in self.ws:
            if message.type is WSMsgType.PONG:
                self.pong_deadline = 0.0
                continue
            if self._is_too_fast():
                break
            if message.type is WSMsgType.PING:
                await self.ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self.reply(self._answer(message.data))
                self.wakeup()

    def _is_too_fast(self) -> bool:
        now = time.monotonic()
        limit = 5 if self.category == SPOT else 10
        self._messages = [at for at in self._messages if now - at < 1.0]
        self._messages.append(now)
        return len(self._messages) > limit

    def _answer(self, text: str) -> bytes:
        try:
            request = json.loads(text)
            method, names, request_id = request["method"], request.get("params", []), request.get("id")
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError):
            return b'{"error":{"code":3,"msg":"Invalid JSON: expected a request object"}}'
        result: object = None
        try:
            if method == "SUBSCRIBE":
                for name in names:
                    self.subscribe(name)
            elif method == "UNSUBSCRIBE":
                for name in names:
                    self.unsubscribe(name)
            elif method == "LIST_SUBSCRIPTIONS":
                result = self.names()
            elif method != "SET_PROPERTY":
                raise Rejected("Invalid request: unknown variant " + repr(method))
        except Rejected as error:
            return json.dumps({"error": {"code": 2, "msg": str(error)}, "id": request_id}).encode()
        return json.dumps({"result": result, "id": request_id}, separators=(",", ":")).encode()


def _canonical(name: str) -> str:
    """The name under which the market gives the stream out."""
    if name.endswith("@markPrice"):
        return name + "@1s"
    return name
