"""Binance market frames, bytes straight to integers: the hot half of the wire.

`FrameDecoder.scan` is one pass over the bytes that knows the compact form the venue sends (any key order, unknown
flat fields skipped) and gives up, returning None, on anything else: blanks, escapes, long numbers, nested surprises,
bad values. `binance_schema.SchemaDecoder` then decides, and words the refusal. So whatever `scan` accepts means
exactly what msgspec would have read, and the pure build, where a byte loop is slow, goes to msgspec directly.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from supreme_system_v5.core.domain.events import Depth, Event, Quote, Tick, Trade
from supreme_system_v5.core.domain.instrument import USDM
from supreme_system_v5.core.wire.binance_schema import SchemaDecoder
from supreme_system_v5.core.wire.byte_cursor import ByteCursor, has

# The one-letter keys of the frames.
_KEY_A: Final = 65  # A: ask quantity
_KEY_B: Final = 66  # B: bid quantity
_KEY_E: Final = 69  # E: event time
_KEY_T: Final = 84  # T: trade time
_KEY_U: Final = 85  # U: first update id
_KEY_a: Final = 97  # a: aggTrade id, ask, asks
_KEY_b: Final = 98  # b: bid, bids
_KEY_e: Final = 101  # e: event type
_KEY_m: Final = 109  # m: buyer is maker
_KEY_p: Final = 112  # p: price
_KEY_q: Final = 113  # q: quantity
_KEY_s: Final = 115  # s: symbol
_KEY_t: Final = 116  # t: trade id
_KEY_u: Final = 117  # u: update id

_FRAME_BYTES_MAX: Final = 4_194_304  # as in binance_schema.py
_TICK_HEAD: Final = b'{"x_time_ns":'
_PREVIOUS_KEY: Final = b'"pu":'
_DATA_HEAD: Final = b'","data":{'
_AGG_TRADE: Final = b"aggTrade"
_TRADE: Final = b"trade"
_BOOK_TICKER: Final = b"bookTicker"
_DEPTH_UPDATE: Final = b"depthUpdate"
_DEPTH: Final = b"depth"
_DEPTH_SPEEDS: Final = (b"@100ms", b"@0ms", b"@250ms", b"@500ms")
_FLAT_HEAD: Final = b'{"e":"'
_FLAT_QUOTE_HEAD: Final = b'{"u":'


def _probe() -> None:
    """Exists to be looked at: interpreted functions are of type `function`, compiled ones are not."""


IS_COMPILED: Final = type(_probe).__name__ != "function"


class FrameDecoder:
    """Decodes the frames of one market and symbol, one at a time.

    ``has_sim_time`` tells whether the last decoded frame carried ``x_time_ns`` (then the event's time is that).
    """

    def __init__(self, market: str, venue_symbol: str) -> None:
        self.has_sim_time = False
        self._is_usdm: bool = market == USDM
        self._symbol: bytes = venue_symbol.encode()
        self._head: bytes = b'{"stream":"' + venue_symbol.lower().encode() + b"@"
        self._schema = SchemaDecoder(market, venue_symbol)
        self._cursor = ByteCursor()

    def decode(self, raw: bytes, recv_ns: i64) -> Event:
        """The event of a frame; its time is x_time_ns where the frame carries it, else ``recv_ns``.

        Raises FrameError (malformed, non_finite, out_of_range, unknown_stream, wrong_symbol, not_an_event).
        """
        if IS_COMPILED:
            event = self.scan(raw, recv_ns)
            if event is not None:
                return event
        self.has_sim_time = False
        event = self._schema.decode(raw, int(recv_ns))
        self.has_sim_time = self._schema.sim_time_ns != 0
        return event

    def scan(self, raw: bytes, recv_ns: i64) -> Event | None:
        """The hand parser alone; None when the frame is not of the plain form or not acceptable."""
        self._cursor.start()
        if len(raw) > _FRAME_BYTES_MAX:
            return None
        try:
            event = self._scan(raw, recv_ns)
        except IndexError:  # ended too early
            return None
        self.has_sim_time = self._cursor.sim_time_ns != 0
        return event

    def _scan(self, raw: bytes, recv_ns: i64) -> Event | None:
        if raw.startswith(self._head):
            return self._scan_stream(raw, len(self._head), recv_ns)
        if raw.startswith(_TICK_HEAD):
            return self._scan_tick(raw)
        if raw.startswith(_FLAT_QUOTE_HEAD):
            return self._scan_quote(raw, 1, True, recv_ns)
        if raw.startswith(_FLAT_HEAD):
            at: i64 = len(_FLAT_HEAD)
            if has(raw, at, _AGG_TRADE):
                return self._scan_trade(raw, 1, True, _AGG_TRADE, _KEY_a, recv_ns)
            if has(raw, at, _BOOK_TICKER):
                return self._scan_quote(raw, 1, True, recv_ns)
            if has(raw, at, _DEPTH_UPDATE):
                return self._scan_depth(raw, 1, True, recv_ns)
            if has(raw, at, _TRADE):
                return self._scan_trade(raw, 1, True, _TRADE, _KEY_t, recv_ns)
        return None

    def _scan_stream(self, raw: bytes, at: i64, recv_ns: i64) -> Event | None:
        """After `{"stream":"<symbol>@`: which stream, then its data object."""
        if has(raw, at, _BOOK_TICKER):
            at += len(_BOOK_TICKER)
            if has(raw, at, _DATA_HEAD):
                return self._scan_quote(raw, at + len(_DATA_HEAD), False, recv_ns)
        elif has(raw, at, _AGG_TRADE):
            at += len(_AGG_TRADE)
            if has(raw, at, _DATA_HEAD):
                return self._scan_trade(raw, at + len(_DATA_HEAD), False, _AGG_TRADE, _KEY_a, recv_ns)
        elif has(raw, at, _TRADE):
            at += len(_TRADE)
            if has(raw, at, _DATA_HEAD):
                return self._scan_trade(raw, at + len(_DATA_HEAD), False, _TRADE, _KEY_t, recv_ns)
        elif has(raw, at, _DEPTH):
            at += len(_DEPTH)
            for speed in _DEPTH_SPEEDS:
                if has(raw, at, speed):
                    at += len(speed)
                    break
            if has(raw, at, _DATA_HEAD):
                return self._scan_depth(raw, at + len(_DATA_HEAD), False, recv_ns)
        return None

    def _scan_tick(self, raw: bytes) -> Event | None:
        cursor = self._cursor
        cursor.read_sim_time(raw, len(_TICK_HEAD))
        if not cursor.closes(raw, cursor.at):
            return None
        return Tick(cursor.sim_time_ns)

    def _scan_trade(
        self, raw: bytes, at: i64, is_flat: bool, event_type: bytes, id_key: i64, recv_ns: i64
    ) -> Event | None:
        cursor = self._cursor
        event_ms: i64 = -1
        trade_ms: i64 = -1
        trade_id: i64 = -1
        price_e8: i64 = -1
        quantity_e8: i64 = -1
        maker: i64 = -1
        has_event = False
        has_symbol = False
        while at > 0:
            key = cursor.key(raw, at)
            if key == _KEY_p:
                price_e8 = cursor.read_decimal(raw, at + 4)
            elif key == _KEY_q:
                quantity_e8 = cursor.read_decimal(raw, at + 4)
            elif key == _KEY_E:
                event_ms = cursor.read_ms(raw, at + 4)
            elif key == _KEY_T:
                trade_ms = cursor.read_ms(raw, at + 4)
            elif key == id_key:
                trade_id = cursor.read_id(raw, at + 4)
            elif key == _KEY_m:
                maker = cursor.read_bool(raw, at + 4)
            elif key == _KEY_s:
                has_symbol = cursor.read_text(raw, at + 4, self._symbol)
            elif key == _KEY_e:
                has_event = cursor.read_text(raw, at + 4, event_type)
            else:
                cursor.skip_pair(raw, at, is_flat)
            at = cursor.next(raw)
        if cursor.is_bad or not (has_event and has_symbol) or not cursor.ends(raw, is_flat):
            return None
        if event_ms < 0 or trade_ms < 0 or trade_id < 0 or price_e8 <= 0 or quantity_e8 <= 0 or maker < 0:
            return None
        time_ns = cursor.sim_time_ns if cursor.sim_time_ns != 0 else recv_ns
        return Trade(time_ns, event_ms, trade_ms, trade_id, price_e8, quantity_e8, maker == 1)

    def _scan_quote(self, raw: bytes, at: i64, is_flat: bool, recv_ns: i64) -> Event | None:
        cursor = self._cursor
        event_ms: i64 = 0  # spot sends none
        update_id: i64 = -1
        bid_e8: i64 = -1
        bid_quantity_e8: i64 = -1
        ask_e8: i64 = -1
        ask_quantity_e8: i64 = -1
        has_symbol = False
        while at > 0:
            key = cursor.key(raw, at)
            if key == _KEY_u:
                update_id = cursor.read_id(raw, at + 4)
            elif key == _KEY_s:
                has_symbol = cursor.read_text(raw, at + 4, self._symbol)
            elif key == _KEY_b:
                bid_e8 = cursor.read_decimal(raw, at + 4)
            elif key == _KEY_B:
                bid_quantity_e8 = cursor.read_decimal(raw, at + 4)
            elif key == _KEY_a:
                ask_e8 = cursor.read_decimal(raw, at + 4)
            elif key == _KEY_A:
                ask_quantity_e8 = cursor.read_decimal(raw, at + 4)
            elif key == _KEY_E:
                event_ms = cursor.read_ms(raw, at + 4)
            elif key == _KEY_e:
                cursor.read_text(raw, at + 4, _BOOK_TICKER)
            else:
                cursor.skip_pair(raw, at, is_flat)
            at = cursor.next(raw)
        if cursor.is_bad or not has_symbol or not cursor.ends(raw, is_flat):
            return None
        if update_id < 0 or bid_e8 <= 0 or bid_quantity_e8 < 0 or ask_e8 <= 0 or ask_quantity_e8 < 0:
            return None
        time_ns = cursor.sim_time_ns if cursor.sim_time_ns != 0 else recv_ns
        return Quote(time_ns, event_ms, update_id, bid_e8, bid_quantity_e8, ask_e8, ask_quantity_e8)

    def _scan_depth(self, raw: bytes, at: i64, is_flat: bool, recv_ns: i64) -> Event | None:
        cursor = self._cursor
        event_ms: i64 = -1
        first_id: i64 = -1
        final_id: i64 = -1
        previous_id: i64 = -1
        bids: list[i64] | None = None
        asks: list[i64] | None = None
        has_event = False
        has_symbol = False
        while at > 0:
            key = cursor.key(raw, at)
            if key == _KEY_b:
                bids = cursor.read_levels(raw, at + 4)
            elif key == _KEY_a:
                asks = cursor.read_levels(raw, at + 4)
            elif key == _KEY_U:
                first_id = cursor.read_id(raw, at + 4)
            elif key == _KEY_u:
                final_id = cursor.read_id(raw, at + 4)
            elif key == _KEY_E:
                event_ms = cursor.read_ms(raw, at + 4)
            elif key == _KEY_s:
                has_symbol = cursor.read_text(raw, at + 4, self._symbol)
            elif key == _KEY_e:
                has_event = cursor.read_text(raw, at + 4, _DEPTH_UPDATE)
            elif key == 0 and has(raw, at, _PREVIOUS_KEY):
                previous_id = cursor.read_id(raw, at + len(_PREVIOUS_KEY))
            else:
                cursor.skip_pair(raw, at, is_flat)
            at = cursor.next(raw)
        if cursor.is_bad or not (has_event and has_symbol) or not cursor.ends(raw, is_flat):
            return None
        if event_ms < 0 or first_id < 0 or final_id < first_id or bids is None or asks is None:
            return None
        if not self._is_usdm:
            previous_id = -1
        elif previous_id < 0:
            return None
        time_ns = cursor.sim_time_ns if cursor.sim_time_ns != 0 else recv_ns
        return Depth(time_ns, event_ms, first_id, final_id, previous_id, bids, asks)
