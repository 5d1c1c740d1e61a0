"""One market's streams: what its listeners want is made here, once for all of them, and framed once for all of them.

The market's own frames pass untouched. Nothing is made that nobody listens to.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from supreme_system_v5.adapters.exchange.faults.box import BINARY, PLAIN, WireFrame
from supreme_system_v5.adapters.exchange.market.sim_market import OutFrame, SimMarket
from supreme_system_v5.adapters.exchange.streams import names
from supreme_system_v5.adapters.exchange.streams.makers import (
    MAKERS,
    ForceOrders,
    Maker,
    average_mark,
    best_of,
    decode,
    minute_rows,
)
from supreme_system_v5.adapters.exchange.streams.payloads import SYMBOL_TYPE, ForcedOrder, with_pair
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.wire.binance_encode import text8

if TYPE_CHECKING:
    from supreme_system_v5.adapters.exchange.streams.sockets import Client

# How a client wants its frames: flags.
COMBINED: Final = 1
MICRO: Final = 2
EXTRAS: Final = 4  # x_time_ns
_TIMES: Final = re.compile(rb'"([ETtOC])":([0-9]{13})\b')
_PLACE: Final = "_stream_hub"  # on the market: the two live and go together


def frame_bytes(payload: bytes, opcode: int = 0x81) -> bytes:
    """A whole unmasked WebSocket frame (RFC 6455); 0x81 text, 0x82 binary."""
    length = len(payload)
    if length < 126:
        return bytes((opcode, length)) + payload
    if length < 65_536:
        return struct.pack("!BBH", opcode, 126, length) + payload
    return struct.pack("!BBQ", opcode, 127, length) + payload


def hub_of(market: SimMarket) -> StreamHub:
    """The one hub of a market."""
    place = vars(market)
    if _PLACE not in place:
        place[_PLACE] = StreamHub(market)
    hub: StreamHub = place[_PLACE]
    return hub


class StreamHub:
    """Makes what the clients of one market listen to."""

    def __init__(self, market: SimMarket) -> None:
        symbol = market.symbol.lower()
        self.market = market
        self.depth_stream = f"{symbol}@depth@100ms"
        self.mark_stream = f"{symbol}@markPrice@1s"
        self._raw_stream = f"{symbol}@trade"
        self._trade_stream = f"{symbol}@aggTrade"
        self._paired = frozenset({f"{symbol}@bookTicker", self.depth_stream})
        self._is_typed = market.market == USDM and market.source == "generated"
        self._has_own_raw = market.is_raw_wanted  # asked for by whoever made the market: it stays
        self._clients: WeakSet[Client] = WeakSet()
        self._makers: dict[str, Maker] = {}
        self._frame: WireFrame | None = None  # the one framed last, and its forms
        self._framed: dict[tuple[str, int], bytes] = {}
        self._rows: tuple[int, list[list[int]]] = (-1, [])
        self._best: tuple[int, Any] = (-1, None)
        self._decoded: tuple[OutFrame | None, dict[str, Any]] = (None, {})

    # Who listens -------------------------------------------------------------------------------------------------

    def join(self, client: Client) -> None:
        """A client that may listen."""
        self._clients.add(client)

    def leave(self, client: Client) -> None:
        """A client that is gone."""
        self._clients.discard(client)
        self.refresh()

    def refresh(self) -> None:
        """Somebody's subscriptions changed: make what is wanted now, and no more."""
        wanted: dict[str, names.Stream] = {}
        for client in self._clients:
            wanted.update({stream.name: stream for stream in client.streams()})
        for name in [name for name in self._makers if name not in wanted]:
            del self._makers[name]
        for name, stream in wanted.items():
            if stream.kind != names.MARKET and name not in self._makers:
                self._makers[name] = MAKERS[stream.kind](self, stream)
        self._makers = dict(sorted(self._makers.items()))  # who came first does not matter
        self.market.is_raw_wanted = self._has_own_raw or self._raw_stream in wanted

    @property
    def made(self) -> list[str]:
        """The streams that are made now."""
        return sorted(self._makers)

    # Making ------------------------------------------------------------------------------------------------------

    def derive(self, frames: list[OutFrame]) -> list[OutFrame]:
        """The frames of one step of the market, followed by what is made of them at the time of the last."""
        if not self._makers or not frames:
            return frames
        now_ns = frames[-1].time_ns
        now_ms = self.market.exchange_ms(now_ns)
        made: list[OutFrame] = []
        for name, maker in self._makers.items():
            for payload in maker.look(frames, now_ns, now_ms):
                made.append(OutFrame(now_ns, name, payload))
        return [*frames, *made] if made else frames

    def liquidated(self, side: int, quantity_e8: int, price_e8: int, average_price_e8: int, time_ns: int) -> None:
        """A liquidation order was executed at a market time (``side``: +1 bought)."""
        order = ForcedOrder(side, quantity_e8, price_e8, average_price_e8, self.market.exchange_ms(time_ns))
        for maker in self._makers.values():
            if isinstance(maker, ForceOrders):
                maker.liquidated(order)

    def rows(self, now_ns: int) -> list[list[int]]:
        """The minute rows as of now, read once for all tickers."""
        if self._rows[0] != now_ns:
            self._rows = (now_ns, minute_rows(self.market, now_ns))
        return self._rows[1]

    def best(self, now_ns: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
        """The best levels as of now, read once for all partial depths."""
        if self._best[0] != now_ns:
            self._best = (now_ns, best_of(self.market, now_ns))
        best: tuple[list[tuple[int, int]], list[tuple[int, int]], int] = self._best[1]
        return best

    def decoded(self, frame: OutFrame) -> dict[str, Any]:
        """A frame's data object, decoded once."""
        if self._decoded[0] is not frame:
            self._decoded = (frame, decode(frame.payload))
        return self._decoded[1]

    # Framing -----------------------------------------------------------------------------------------------------

    def framed(self, frame: WireFrame, name: str, form: int) -> bytes:
        """A frame as it goes over the wire to a client that subscribed it under ``name`` and wants it in ``form``."""
        if frame is not self._frame:
            self._frame = frame
            self._framed.clear()
        key = (name, form)
        made = self._framed.get(key)
        if made is None:
            made = self._framed[key] = self._frame_of(frame, name, form)
        return made

    def _frame_of(self, frame: WireFrame, name: str, form: int) -> bytes:
        if frame.form != PLAIN:
            return frame_bytes(frame.payload, 0x82 if frame.form == BINARY else 0x81)
        payload = self.payload(frame, form)
        if form & COMBINED:
            if form & EXTRAS:
                return frame_bytes(
                    b'{"stream":"%b","data":%b,"x_time_ns":%d}' % (name.encode(), payload, frame.time_ns)
                )
            return frame_bytes(b'{"stream":"%b","data":%b}' % (name.encode(), payload))
        if form & EXTRAS and payload.endswith(b"}"):  # an array has no place for it
            return frame_bytes(b'%b,"x_time_ns":%d}' % (payload[:-1], frame.time_ns))
        return frame_bytes(payload)

    def payload(self, frame: WireFrame, form: int) -> bytes:
        """A frame's data object for a client that wants it in ``form``."""
        if form & MICRO:
            return self._in_micros(frame)
        return frame.payload if form & EXTRAS or not self._is_typed else self._typed(frame)

    def _typed(self, frame: WireFrame) -> bytes:
        """A frame of a generated USD-M market with what those have carried since 2026: pair, symbol type and, of the
        mark price, its moving average. Recorded frames, and those of sockets that ask for the market time, stay as
        recordings have them.
        """
        payload = frame.payload
        if frame.stream in self._paired:
            return with_pair(self.market.encoder, payload)
        if frame.stream == self._trade_stream:
            return b'%b,"st":%d}' % (payload[:-1], SYMBOL_TYPE)
        if frame.stream == self.mark_stream:
            average_e8 = average_mark(self.market, frame.time_ns)
            return b'%b,"ap":"%b","st":%d}' % (payload[:-1], text8(average_e8).encode(), SYMBOL_TYPE)
        return payload

    def _in_micros(self, frame: WireFrame) -> bytes:
        """The payload's times in microseconds: exact where they are the frame's own, else with 000."""
        own_us = (frame.time_ns + self.market.offset_ns) // 1_000
        last_us = 999 if b'"k":{' in frame.payload else 0  # a bar ends with the last microsecond of its last ms

        def turn(found: re.Match[bytes]) -> bytes:
            time_ms = int(found.group(2))
            if own_us // 1_000 == time_ms:
                time_us = own_us
            else:
                time_us = time_ms * 1_000 + (last_us if time_ms % 1_000 == 999 else 0)
            return b'"%b":%d' % (found.group(1), time_us)

        return _TIMES.sub(turn, frame.payload)
