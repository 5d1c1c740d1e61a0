"""Binance market frames by msgspec: complete, order-free, tolerant of unknown fields; the fallback of the hand parser.

`FrameDecoder` (binance_decode.py) takes this path on any surprise and, in the pure build, always. It is also what the
hand parser is checked against. Field names and stream names: the venue's stream documentation, spot and USD-M.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct, field

from supreme_system_v5.core.domain.errors import FrameError
from supreme_system_v5.core.domain.events import Depth, Event, FeedStatus, MarkPrice, Quote, Tick, Trade
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.domain.market import SOURCE_BINANCE
from supreme_system_v5.core.wire.numbers import Id, TimeMs, TimeNs, optional_e8, price_e8, quantity_e8, rate_e8

SERVER_SHUTDOWN: Final = "server_shutdown"  # FeedStatus.state
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024
LEVELS_MAX: Final = 10_000  # a side; the venue's largest snapshot has 5,000


class AggTradeData(Struct):
    event: str = field(name="e")
    event_time_ms: TimeMs = field(name="E")
    symbol: str = field(name="s")
    trade_id: Id = field(name="a")
    price: str = field(name="p")
    quantity: str = field(name="q")
    trade_time_ms: TimeMs = field(name="T")
    is_buyer_maker: bool = field(name="m")


class TradeData(Struct):
    event: str = field(name="e")
    event_time_ms: TimeMs = field(name="E")
    symbol: str = field(name="s")
    trade_id: Id = field(name="t")
    price: str = field(name="p")
    quantity: str = field(name="q")
    trade_time_ms: TimeMs = field(name="T")
    is_buyer_maker: bool = field(name="m")


class QuoteData(Struct):
    """Spot sends neither e, E nor T."""

    update_id: Id = field(name="u")
    symbol: str = field(name="s")
    bid: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask: str = field(name="a")
    ask_quantity: str = field(name="A")
    event: str = field(name="e", default="bookTicker")
    event_time_ms: TimeMs = field(name="E", default=0)


class Level(Struct, array_like=True):
    """[price, quantity]; what may follow is ignored."""

    price: str
    quantity: str


class DepthData(Struct):
    event: str = field(name="e")
    event_time_ms: TimeMs = field(name="E")
    symbol: str = field(name="s")
    first_update_id: Id = field(name="U")
    final_update_id: Id = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    previous_final_id: Id | None = field(name="pu", default=None)  # USD-M only


class MarkData(Struct):
    event: str = field(name="e")
    event_time_ms: TimeMs = field(name="E")
    symbol: str = field(name="s")
    mark: str = field(name="p")
    index: str = field(name="i", default="")
    rate: str = field(name="r", default="")  # "" on delivery contracts
    next_funding_ms: TimeMs = field(name="T", default=0)


class AggTradeFrame(Struct):
    stream: str
    data: AggTradeData
    x_time_ns: TimeNs = 0


class TradeFrame(Struct):
    stream: str
    data: TradeData
    x_time_ns: TimeNs = 0


class QuoteFrame(Struct):
    stream: str
    data: QuoteData
    x_time_ns: TimeNs = 0


class DepthFrame(Struct):
    stream: str
    data: DepthData
    x_time_ns: TimeNs = 0


class Envelope(Struct):
    """Just enough of any frame to say what it is."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    event: Any = field(name="e", default=None)
    x_time_ns: TimeNs = 0
    update_id: Any = field(name="u", default=None)
    bid_quantity: Any = field(name="B", default=None)
    # Replies to SUBSCRIBE and the like carry an id, a result, an error, or a code with a message.
    id: msgspec.Raw = msgspec.Raw(b"")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")
    code: msgspec.Raw = msgspec.Raw(b"")


_KIND_OF_EVENT: Final = {
    "aggTrade": "aggTrade",
    "trade": "trade",
    "bookTicker": "bookTicker",
    "depthUpdate": "depth",
    "markPriceUpdate": "markPrice",
    "serverShutdown": "serverShutdown",
}
_EVENT_OF_KIND: Final = {kind: event for event, kind in _KIND_OF_EVENT.items()}

_DATA_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "aggTrade": msgspec.json.Decoder(AggTradeData),
    "trade": msgspec.json.Decoder(TradeData),
    "bookTicker": msgspec.json.Decoder(QuoteData),
    "depth": msgspec.json.Decoder(DepthData),
    "markPrice": msgspec.json.Decoder(MarkData),
}
_FRAME_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "aggTrade": msgspec.json.Decoder(AggTradeFrame),
    "trade": msgspec.json.Decoder(TradeFrame),
    "bookTicker": msgspec.json.Decoder(QuoteFrame),
    "depth": msgspec.json.Decoder(DepthFrame),
}
_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_STREAM_HEAD: Final = b'{"stream":"'


def frame_error(error: Exception) -> FrameError:
    """A msgspec (or UTF-8) complaint as ours: a broken bound is out_of_range, everything else malformed."""
    text = str(error)
    is_bound = "` >=" in text or "` <=" in text
    return FrameError("out_of_range" if is_bound else "malformed", text)


def flat_levels(levels: list[Level]) -> list[int]:
    """[[price, quantity], ...] as price, quantity, price, ... in 1e-8 units. Raises FrameError."""
    if len(levels) > LEVELS_MAX:
        raise FrameError("out_of_range", f"{len(levels)} levels")
    flat: list[int] = []
    for level in levels:
        flat.append(price_e8(level.price))
        flat.append(quantity_e8(level.quantity))
    return flat


class SchemaDecoder:
    """Frames of one market and symbol. ``sim_time_ns`` is the last frame's x_time_ns, 0 when it had none."""

    def __init__(self, market: str, venue_symbol: str) -> None:
        self.is_usdm = market == USDM
        self.venue_symbol = venue_symbol
        self.sim_time_ns = 0
        lower = venue_symbol.lower()
        self._kinds = {f"{lower}@{kind}": kind for kind in ("aggTrade", "trade", "bookTicker", "depth", "markPrice")}
        for speed in ("0ms", "100ms", "250ms", "500ms"):
            self._kinds[f"{lower}@depth@{speed}"] = "depth"
        self._kinds[f"{lower}@markPrice@1s"] = "markPrice"
        self._kinds["!serverShutdown"] = "serverShutdown"
        self._own_prefix = f"{lower}@"
        self._typed = {
            name.encode(): (kind, _FRAME_DECODERS[kind])
            for name, kind in self._kinds.items()
            if kind in _FRAME_DECODERS
        }

    def decode(self, raw: bytes, recv_ns: int) -> Event:
        """The event of a frame. Raises FrameError, and nothing else, for whatever is not usable."""
        self.sim_time_ns = 0
        if len(raw) > FRAME_BYTES_MAX:
            raise FrameError("out_of_range", f"{len(raw)} bytes")
        try:
            if raw.startswith(_STREAM_HEAD):
                name = raw[11 : raw.find(b'"', 11)]
                typed = self._typed.get(name)
                if typed is not None:
                    frame = typed[1].decode(raw)
                    if frame.stream == name.decode():  # else the key came twice: let the envelope decide
                        return self._sealed(typed[0], frame.data, frame.x_time_ns, recv_ns)
            return self._decode_any(raw, recv_ns)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise frame_error(error) from None

    def _decode_any(self, raw: bytes, recv_ns: int) -> Event:
        frame = _ENVELOPE.decode(raw)
        if frame.stream:
            kind = self._kind_of_stream(frame.stream)
            data = bytes(frame.data)
        else:
            kind = self._kind_of_raw(frame)
            data = raw
        if kind == "tick":
            self.sim_time_ns = frame.x_time_ns
            return Tick(frame.x_time_ns)
        if kind == "serverShutdown":
            self.sim_time_ns = frame.x_time_ns
            return FeedStatus(frame.x_time_ns or recv_ns, SOURCE_BINANCE, "", SERVER_SHUTDOWN, 0)
        if not data:
            raise FrameError("malformed", "stream without data")
        return self._sealed(kind, _DATA_DECODERS[kind].decode(data), frame.x_time_ns, recv_ns)

    def _kind_of_stream(self, stream: str) -> str:
        kind = self._kinds.get(stream)
        if kind is not None:
            return kind
        if "@" in stream and not stream.startswith((self._own_prefix, "!")):
            raise FrameError("wrong_symbol", stream[:60])
        raise FrameError("unknown_stream", stream[:60])

    def _kind_of_raw(self, frame: Envelope) -> str:
        if isinstance(frame.event, str):
            kind = _KIND_OF_EVENT.get(frame.event)
            if kind is None:
                raise FrameError("unknown_stream", frame.event[:60])
            return kind
        if frame.event is not None:
            raise FrameError("malformed", "event type is not text")
        if frame.update_id is not None and frame.bid_quantity is not None:
            return "bookTicker"  # spot sends no event type
        if frame.id or frame.result or frame.error or frame.code:
            raise FrameError("not_an_event", "a reply")
        if frame.x_time_ns:
            return "tick"
        raise FrameError("unknown_stream", "no stream, no event type")

    def _sealed(self, kind: str, data: Any, x_time_ns: int, recv_ns: int) -> Event:
        if data.symbol != self.venue_symbol:
            raise FrameError("wrong_symbol", data.symbol[:40])
        if data.event != _EVENT_OF_KIND[kind]:
            raise FrameError("malformed", f"{data.event[:40]} on a {kind} stream")
        event = self._build(kind, data, x_time_ns or recv_ns)
        self.sim_time_ns = x_time_ns
        return event

    def _build(self, kind: str, data: Any, time_ns: int) -> Event:
        if kind == "bookTicker":
            return Quote(
                time_ns,
                data.event_time_ms,
                data.update_id,
                price_e8(data.bid),
                quantity_e8(data.bid_quantity),
                price_e8(data.ask),
                quantity_e8(data.ask_quantity),
            )
        if kind == "depth":
            return self._depth(data, time_ns)
        if kind == "markPrice":
            return MarkPrice(
                time_ns,
                data.event_time_ms,
                price_e8(data.mark),
                optional_e8(data.index),
                rate_e8(data.rate),
                data.next_funding_ms,
            )
        return Trade(
            time_ns,
            data.event_time_ms,
            data.trade_time_ms,
            data.trade_id,
            price_e8(data.price),
            price_e8(data.quantity),  # a trade of nothing is no trade
            data.is_buyer_maker,
        )

    def _depth(self, data: DepthData, time_ns: int) -> Event:
        if data.first_update_id > data.final_update_id:
            raise FrameError("out_of_range", "update ids run backwards")
        previous_final_id = -1
        if self.is_usdm:
            if data.previous_final_id is None:
                raise FrameError("malformed", "depth without pu")
            previous_final_id = data.previous_final_id
        return Depth(
            time_ns,
            data.event_time_ms,
            data.first_update_id,
            data.final_update_id,
            previous_final_id,
            flat_levels(data.bids),
            flat_levels(data.asks),
        )
