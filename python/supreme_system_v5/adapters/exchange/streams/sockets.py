"""One streaming client of the simulated exchange: subscriptions, bounded buffers, what is pending for the next write.

Frames are made and framed once per market (hub.py); here they are gathered and written with one call to the
transport (both sides of loopback pay per write, not per byte). A reader task per client answers pings and requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web

from supreme_system_v5.adapters.exchange.faults.box import WireFrame
from supreme_system_v5.adapters.exchange.market.sim_market import NS_PER_SECOND, SimMarket, stream_kind
from supreme_system_v5.adapters.exchange.streams.hub import COMBINED, EXTRAS, MICRO, frame_bytes, hub_of
from supreme_system_v5.adapters.exchange.streams.names import Stream, categories_of, parse_stream
from supreme_system_v5.adapters.exchange.streams.requests import Rejected, answer
from supreme_system_v5.core.domain.instrument import SPOT

__all__ = ["SESSION_NS", "STREAMS_MAX", "Client", "Rejected", "frame_bytes"]

STREAMS_MAX: Final = {"spot": 1_024, "usdm": 200}
MESSAGES_MAX: Final = {"spot": 5, "usdm": 10}  # incoming, a second
SESSION_NS: Final = 86_400 * NS_PER_SECOND


class Client:
    """A connected socket. ``category``: spot, or on USD-M public or market.

    ``is_micro``: times in microseconds (spot's ``timeUnit=MICROSECOND``). ``has_extras``: frames carry the market time
    and heartbeats tell it; without, a client sees exactly what the venue sends.
    """

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        market: SimMarket,
        category: str,
        is_combined: bool,
        now_ns: int,
        is_micro: bool = False,
        has_extras: bool = True,
    ) -> None:
        self.ws = ws
        self.transport = transport
        self.market = market
        self.category = category
        self.has_extras = has_extras
        self.connected_ns = now_ns
        self.beaten_ns = 0  # market time of the last heartbeat
        self.wakeup: Callable[[], None] = lambda: None
        self.next_ping = time.monotonic() + self.ping_seconds
        self.pong_deadline = 0.0
        self._form = (
            (COMBINED if is_combined else 0)
            | (MICRO if is_micro and category == SPOT else 0)
            | (EXTRAS if has_extras else 0)
        )
        self._hub = hub_of(market)
        self._symbol = market.symbol.lower()
        self._streams: dict[str, list[str]] = {}  # the name a stream is given out under -> names it was subscribed by
        self._known: dict[str, Stream] = {}  # by the name it is given out under
        self._count = 0
        self._pending: list[bytes] = []
        self._messages: list[float] = []
        self._hub.join(self)

    @property
    def ping_seconds(self) -> float:
        """Spot pings every 20 s, USD-M every 3 min."""
        return 20.0 if self.category == SPOT else 180.0

    @property
    def pong_seconds(self) -> float:
        """How long a pong may take."""
        return 60.0 if self.category == SPOT else 600.0

    @property
    def is_combined(self) -> bool:
        """True when frames are wrapped with their stream's name."""
        return bool(self._form & COMBINED)

    @is_combined.setter
    def is_combined(self, value: bool) -> None:
        self._form = self._form | COMBINED if value else self._form & ~COMBINED

    # Subscriptions -----------------------------------------------------------------------------------------------

    def subscribe(self, name: str) -> None:
        """Add a stream. Raises Rejected when it belongs to another category; unknown names are silent."""
        name = name.replace(" ", "+")  # a plus sign of a time zone in a query
        stream = parse_stream(name, self.market.market, self._symbol)
        if stream is not None and self.category not in (SPOT, *categories_of(name)):
            raise Rejected(f"Invalid request: stream {name} is not served on /{self.category}")
        given = name if stream is None else stream.name
        if name in self._streams.get(given, ()):
            return
        if self._count >= STREAMS_MAX[self.market.market]:
            raise Rejected("Invalid request: too many streams")
        self._streams.setdefault(given, []).append(name)
        self._count += 1
        if stream is not None and given not in self._known:
            self._known[given] = stream
            self._hub.refresh()

    def unsubscribe(self, name: str) -> None:
        """Remove a stream."""
        name = name.replace(" ", "+")
        stream = parse_stream(name, self.market.market, self._symbol)
        given = name if stream is None else stream.name
        names = self._streams.get(given, [])
        if name in names:
            names.remove(name)
            self._count -= 1
        if not names:
            self._streams.pop(given, None)
            if self._known.pop(given, None) is not None:
                self._hub.refresh()

    def streams(self) -> list[Stream]:
        """What it listens to."""
        return list(self._known.values())

    def names(self) -> list[str]:
        """The subscribed names."""
        return sorted(name for names in self._streams.values() for name in names)

    def carries(self, kind: str) -> bool:
        """True when a stream of this kind is subscribed ("" = any socket)."""
        return kind == "" or any(stream_kind(name) == kind for name in self._streams)

    def close(self) -> None:
        """It is gone: nothing is made for it any more."""
        self._streams.clear()
        self._known.clear()
        self._hub.leave(self)

    # Sending -----------------------------------------------------------------------------------------------------

    def queue(self, frame: WireFrame) -> None:
        """Take a frame for the next flush, when it is subscribed."""
        names = self._streams.get(frame.stream)
        if not names or (frame.market and frame.market != self.market.market):
            return
        for name in names:
            self._pending.append(self._hub.framed(frame, name, self._form))

    def heartbeat(self, time_ns: int) -> None:
        """Tell the market time."""
        if self.has_extras:
            self._pending.append(_beat(time_ns))
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
        try:
            async for message in self.ws:
                if self._is_too_fast():
                    break
                if message.type is WSMsgType.PONG:
                    self.pong_deadline = 0.0
                elif message.type is WSMsgType.PING:
                    await self.ws.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    self.reply(answer(self, message.data))
                    self.wakeup()
        finally:
            self.close()

    def _is_too_fast(self) -> bool:
        """Pings, pongs and requests all count."""
        now = time.monotonic()
        self._messages = [at for at in self._messages if now - at < 1.0]
        self._messages.append(now)
        return len(self._messages) > MESSAGES_MAX[self.market.market]


_last_beat: tuple[int, bytes] = (-1, b"")


def _beat(time_ns: int) -> bytes:
    """A heartbeat's frame, made once for all clients."""
    global _last_beat
    if _last_beat[0] != time_ns:
        _last_beat = (time_ns, frame_bytes(b'{"x_time_ns":%d}' % time_ns))
    return _last_beat[1]
